"""Calls: which signature fits the arguments, aggregates with what stands inside their parentheses, window functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from flows.sql import types as t
from flows.sql.compile.names import EXACT, Names, shown
from flows.sql.compile.scope import NOTHING, Origin, Scope, Value
from flows.sql.functions import foreign as sql_foreign
from flows.sql.functions import table as functions
from flows.sql.parse.tree import call_name

if TYPE_CHECKING:
    from collections.abc import Sequence

_INEXACT = {"IEEE_DIVIDE", "IS_NAN", "IS_INF"}
"""What takes NUMERIC as FLOAT64 in GoogleSQL too."""
_NO_VALUES = (exp.Distinct, exp.Order, exp.Star, exp.Kwarg, exp.Limit)
_SAME_DISTINCT = {"MIN", "MAX", "ANY_VALUE", "LOGICAL_AND", "LOGICAL_OR", "BIT_AND", "BIT_OR"}


class Calls(Names):
    """Compiles calls by the table of functions."""

    def call(
        self, name: str, node: exp.Expr, scope: Scope, *, over: exp.Window | None = None, safe: bool = False
    ) -> Value:
        """Compile a call; `over` is the window around it, `safe` whether SAFE. stands before it."""
        if functions.signatures(name, "aggregate") or (over is not None and functions.signatures(name, "window")):
            return self._aggregate(name, node, scope, over)
        if over is not None:
            listed = functions.signatures(name, "scalar") or self.has_rule(name)
            return self.unsupported(node, f"{name}(...) OVER") if listed else self._unknown(name, node, scope)
        if functions.signatures(name, "window"):
            return self.fault(node, f"{name} needs OVER (...).")
        known = self.has_rule(name)
        result = self.rule(name, node, scope) if known and not safe else None
        if result is not None:
            return result
        candidates = functions.signatures(name, "scalar")
        if not candidates:
            return self.unsupported(node, f"'{shown(node)}'") if known else self._unknown(name, node, scope)
        if any(isinstance(item, _NO_VALUES) for item in node.expressions):
            return self.fault(node, f"'{shown(node)}': {name} takes plain arguments.")
        arguments = [(item, self.expression(item, scope)) for item in node.expressions]
        return self.apply(name, node, candidates, arguments, safe=safe)

    def _unknown(self, name: str, node: exp.Expr, scope: Scope) -> Value:
        loose = len(scope.loose)
        for item in node.expressions:
            a_name = isinstance(item, exp.Column) and len(item.parts) == 1
            if not isinstance(item, _NO_VALUES) and not (a_name and sql_foreign.is_of_others(name)):
                self.expression(item, scope)
        # It may be an aggregate for all that is known, whose columns need no group.
        del scope.loose[loose:]
        return self.fault(node, sql_foreign.refusal(name))

    def apply(
        self,
        name: str,
        node: exp.Expr,
        candidates: Sequence[functions.Signature],
        arguments: Sequence[tuple[exp.Expr, Value]],
        *,
        safe: bool = False,
        **marks: str,
    ) -> Value:
        """Choose the signature that fits and fill its template."""
        matched = functions.match(candidates, [(value.type, value.literal) for _, value in arguments])
        if any(value.type == t.UNKNOWN for _, value in arguments):
            return Value(matched[2], "NULL") if matched and matched[2] != t.UNKNOWN else NOTHING
        if matched is None:
            given = ", ".join(str(value.type) for _, value in arguments)
            known = " or ".join(
                f"{name}({', '.join(map(str, one.parameters))}{'...' if one.repeated else ''})" for one in candidates
            )
            return self.fault(
                node, f"{name}({given}) does not exist, or not in the embedded warehouse yet. It knows {known}."
            )
        signature, wanted, result = matched
        for (item, value), want in zip(arguments, wanted, strict=True):
            if value.type in EXACT and want == t.FLOAT64 and name not in _INEXACT:
                return self.unsupported(
                    node, f"{name} of {value.type}: write CAST({shown(item)} AS FLOAT64), as the exact {name}"
                )
        sql = [self.converted(item, value, want) for (item, value), want in zip(arguments, wanted, strict=True)]
        rendered = functions.render(signature.template, sql, safe, **marks)
        if safe:
            if "error(" in rendered:
                return self.unsupported(node, f"SAFE.{name} of an expression that may fail itself")
            rendered = f"TRY({rendered})"
        origins: frozenset[Origin] = frozenset()
        if name in {"DATE", "TIMESTAMP", "DATETIME"} and len(arguments) == 1:
            unit = "day" if name == "DATE" else None
            origins = frozenset(Origin(one.occurrence, one.unit or unit) for one in arguments[0][1].origins)
        return Value(result, rendered, literal=False, origins=origins)

    def _safe(self, node: exp.Expr, scope: Scope) -> Value:
        name = call_name(node.this)
        if name is None:
            return self.unsupported(node)
        return self.call(name, node.this, scope, safe=True)

    def _window(self, node: exp.Expr, scope: Scope) -> Value:
        inner, name = node.this, call_name(node.this)
        if isinstance(inner, exp.IgnoreNulls | exp.RespectNulls):
            name = call_name(inner.this)
        if name is None or not isinstance(node, exp.Window):
            return self.unsupported(node)
        scope.windowed = True
        return self.call(name, inner, scope, over=node)

    def _aggregate(self, name: str, node: exp.Expr, scope: Scope, over: exp.Window | None) -> Value:
        kind = "aggregate" if functions.signatures(name, "aggregate") else "window"
        if kind == "aggregate" and over is None:
            scope.aggregated = True
            if scope.depth:
                return self.fault(
                    node, f"{name} stands inside another aggregate. Compute the inner one in a WITH first."
                )
        scope.depth += over is None
        arguments, parts = self._aggregate_arguments(list(node.expressions), scope)
        scope.depth -= over is None
        suffix = f" OVER {self.over(over, scope)}" if over is not None else ""
        if parts.get("star"):
            return (
                Value(t.INT64, f"count(*){suffix}")
                if name == "COUNT"
                else self.fault(node, f"{name}(*) does not exist.")
            )
        if "having" in parts:
            name, arguments = ("MAX_BY" if parts["max"] else "MIN_BY"), [arguments[0], parts["having"]]
        nulls = parts.get("nulls")
        if (
            (parts.get("limit") or nulls or parts.get("order"))
            and kind == "aggregate"
            and name not in {"ARRAY_AGG", "STRING_AGG", "ARRAY_CONCAT_AGG"}
        ):
            return self.fault(node, f"{name} takes no ORDER BY, LIMIT, IGNORE NULLS or RESPECT NULLS.")
        ignore = " IGNORE NULLS" if nulls == "ignore" else ""
        if kind == "aggregate" and nulls == "ignore":
            suffix = f" FILTER (WHERE {arguments[0][1].sql} IS NOT NULL){suffix}"
            ignore = ""
        candidates = functions.signatures(name, kind)
        distinct = "DISTINCT " if parts.get("distinct") else ""
        if distinct and not all("$d" in one.template or name in _SAME_DISTINCT for one in candidates):
            return self.unsupported(node, f"{name}(DISTINCT ...)")
        order = f" ORDER BY {', '.join(parts['order'])}" if parts.get("order") else ""
        value = self.apply(name, node, candidates, arguments, d=distinct, s=order, o=suffix, i=ignore)
        if parts.get("limit") and value.type != t.UNKNOWN:
            if name != "ARRAY_AGG":
                return self.unsupported(node, f"{name} with LIMIT")
            return Value(value.type, f"list_slice({value.sql}, 1, {parts['limit']})")
        return value

    def _aggregate_arguments(self, items: list[exp.Expr], scope: Scope) -> tuple[list[tuple[exp.Expr, Value]], dict]:  # type: ignore[type-arg]
        parts: dict = {}  # type: ignore[type-arg]
        arguments: list[tuple[exp.Expr, Value]] = []
        while items:
            item = items.pop(0)
            if isinstance(item, exp.Limit):
                parts["limit"] = self.count(item.expression)
                items.insert(0, item.this)
            elif isinstance(item, exp.Order):
                parts["ordered"] = item.expressions
                items.insert(0, item.this)
            elif isinstance(item, exp.IgnoreNulls | exp.RespectNulls):
                parts["nulls"] = "ignore" if isinstance(item, exp.IgnoreNulls) else "respect"
                items.insert(0, item.this)
            elif isinstance(item, exp.HavingMax):
                parts["max"] = item.args.get("max")
                parts["having"] = (item.expression, self.expression(item.expression, scope))
                items.insert(0, item.this)
            elif isinstance(item, exp.Distinct):
                parts["distinct"] = True
                items[:0] = item.expressions
            elif isinstance(item, exp.Star):
                parts["star"] = True
            else:
                arguments.append((item, self.expression(item, scope)))
        if "ordered" in parts:
            parts["order"] = self.ordering(parts["ordered"], scope)
        return arguments, parts
