"""Expressions: what each GoogleSQL expression's type is, and what it is in DuckDB."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlglot import exp

from flows.model.types import parse_type
from flows.sql import types as t
from flows.sql.compile import cast as sql_cast
from flows.sql.compile.names import EXACT, output_name, shown, struct
from flows.sql.compile.operators import ARITHMETIC, BITWISE, COMPARE
from flows.sql.compile.rules import Rules
from flows.sql.compile.scope import NOTHING, Scope, Value
from flows.sql.parse.tree import call_name
from flows.sql.types import quote_text

if TYPE_CHECKING:
    from collections.abc import Callable

# The parts of nodes that are read here, or that say nothing about what an expression means. A node with another part
# is refused: the parser has understood something that nobody here has.
_ARGS = {"this", "expression", "expressions"}
_ARGS_OF: dict[type[exp.Expr], set[str]] = {
    exp.Column: {"table", "db", "catalog"},
    exp.Literal: {"is_string"},
    exp.HexString: {"is_integer"},
    exp.ByteString: {"is_bytes"},
    exp.Div: {"typed", "safe"},
    exp.Between: {"low", "high"},
    exp.In: {"query", "unnest"},
    exp.Like: {"negate"},
    exp.ILike: {"negate"},
    exp.DPipe: {"safe"},
    exp.Case: {"ifs", "default"},
    exp.Cast: {"to", "format"},
    exp.TryCast: {"to", "format", "safe"},
    exp.Array: {"struct_name_inheritance", "value_constructor", "bracket_notation"},
    exp.Bracket: {"offset", "safe"},
    exp.Subquery: {"with_", "order", "limit", "offset"},
    exp.Window: {"partition_by", "order", "spec", "alias", "over"},
}


class Expressions(Rules):
    """Compiles every kind of expression."""

    def expression(self, node: exp.Expr, scope: Scope) -> Value:
        """Compile one expression."""
        mark = len(scope.loose)
        value = self._dispatch(node, scope)
        if scope.groups is not None and not scope.depth and value.sql in scope.groups:
            del scope.loose[mark:]
        return value

    def _dispatch(self, node: exp.Expr, scope: Scope) -> Value:
        for key, part in node.args.items():
            if part and key not in _ARGS and key not in _ARGS_OF.get(type(node), ()):
                return self.unsupported(node, f"{key.strip('_').replace('_', ' ').upper()} in '{shown(node)}'")
        compile_ = _NODES.get(type(node))
        if compile_ is not None:
            return compile_(self, node, scope)
        name = call_name(node)
        if name is not None:
            return self.call(name, node, scope)
        return self.unsupported(node)

    def _case(self, node: exp.Expr, scope: Scope) -> Value:
        subject = node.this and (node.this, self.expression(node.this, scope))
        branches: list[tuple[str, exp.Expr, Value]] = []
        for branch in node.args["ifs"]:
            if subject:
                condition = self.compare(branch, subject, "=", (branch.this, self.expression(branch.this, scope)))
            else:
                condition = self.boolean(branch.this, scope, "WHEN")
            result = branch.args["true"]
            branches.append((condition, result, self.expression(result, scope)))
        default = node.args.get("default")
        otherwise = (default, self.expression(default, scope)) if default else (node, Value(t.NULL, "NULL"))
        values = [value for _, _, value in branches] + [otherwise[1]]
        common = t.supertype((value.type, value.literal) for value in values)
        if common is None:
            kinds = ", ".join(dict.fromkeys(str(value.type) for value in values if value.type != t.NULL))
            return self.fault(node, f"CASE gives {kinds}, which have no type in common. Write CAST(... AS TYPE).")
        whens = " ".join(f"WHEN {when} THEN {self.converted(then, value, common)}" for when, then, value in branches)
        literal = all(value.literal for value in values)
        return Value(
            common,
            f"CASE {whens} ELSE {self.converted(otherwise[0], otherwise[1], common)} END",
            literal=literal and common == t.NULL,
        )

    def _cast(self, node: exp.Expr, scope: Scope) -> Value:
        safe = isinstance(node, exp.TryCast)
        if node.args.get("format"):
            return self.unsupported(node, "CAST with FORMAT")
        try:
            want = parse_type(node.args["to"].sql(dialect="bigquery"))
        except ValueError as error:
            return self.fault(node, str(error))
        value = self.expression(node.this, scope)
        if value.type == t.UNKNOWN:
            return Value(want.base, "NULL")
        if value.literal and value.type == t.STRING and want in (t.DATE, t.TIMESTAMP, t.DATETIME, t.TIME):
            read = sql_cast.literal(str(value.constant), want)
            if read is None and not safe:
                return self.fault(node, f"'{value.constant}' is not a {want}.")
            return Value(want, read or f"CAST(NULL AS {t.duckdb_type(want)})")
        if value.literal and want.base in EXACT and value.type in (t.FLOAT64, t.INT64, t.STRING) and not want.decimal:
            if not re.fullmatch(r"-?[0-9]*\.?[0-9]*([eE][+-]?[0-9]+)?", str(value.constant)):
                return self.fault(node, f"'{value.constant}' is not a {want}.")
            return Value(want, f"CAST('{value.constant}' AS {t.duckdb_type(want)})")
        failure = (
            "NULL"
            if safe
            else f"error({quote_text('Could not cast ' + value.type.name + ' to ' + str(want) + ': ')} || CAST({value.sql} AS VARCHAR))"
        )
        cast = sql_cast.cast(value.sql, value.type, want, failure)
        if cast is None:
            return self.fault(node, f"{value.type} cannot be cast to {want}.")
        if safe and "error(" in cast:
            return self.unsupported(node, f"SAFE_CAST of an expression that may fail itself ('{shown(node.this)}')")
        return Value(want.base, f"TRY({cast})" if safe else cast)

    def _struct(self, node: exp.Expr, scope: Scope) -> Value:
        fields: list[tuple[str, Value]] = []
        for item in node.expressions:
            inner = item.expression if isinstance(item, exp.PropertyEQ) else item.unalias()
            name = item.name if isinstance(item, exp.PropertyEQ) else output_name(item)
            fields.append((name or "", self.expression(inner, scope)))
        return struct(fields)

    def _array(self, node: exp.Expr, scope: Scope) -> Value:
        if len(node.expressions) == 1 and isinstance(node.expressions[0], exp.Query):
            relation = self.subquery(node.expressions[0], scope)
            if len(relation.columns) != 1:
                return self.fault(
                    node, "ARRAY(SELECT ...) takes a query of one column. Write SELECT AS STRUCT for more."
                )
            inner = relation.columns[0][1].type
            return Value(t.array(inner if inner != t.NULL else t.INT64), f"ARRAY({relation.sql})")
        values = [(item, self.expression(item, scope)) for item in node.expressions]
        if not values:
            return Value(t.array(t.NULL), "[]", literal=True)
        common = t.supertype((value.type, value.literal) for _, value in values)
        if common is None:
            kinds = ", ".join(dict.fromkeys(str(value.type) for _, value in values))
            return self.fault(node, f"an ARRAY of {kinds} has no one type. Write CAST(... AS TYPE).")
        if common.element is not None:
            return self.fault(node, "an ARRAY of ARRAYs does not exist in GoogleSQL. Write STRUCTs that hold them.")
        common = t.INT64 if common == t.NULL else common
        listed = ", ".join(self.converted(item, value, common) for item, value in values)
        return Value(t.array(common), f"[{listed}]", literal=all(value.literal for _, value in values))

    def _bracket(self, node: exp.Expr, scope: Scope) -> Value:
        array, index = self.expression(node.this, scope), self.expression(node.expressions[0], scope)
        if t.UNKNOWN in (array.type, index.type):
            return NOTHING
        if array.type.element is None or not t.coerces(index.type, t.INT64):
            return self.unsupported(node, f"{array.type}[{index.type}]")
        place = f"{index.sql} + 1" if not node.args.get("offset") else index.sql
        known = f"{place} BETWEEN 1 AND len({array.sql})"
        if node.args.get("safe"):
            return Value(array.type.element, f"CASE WHEN {known} THEN list_extract({array.sql}, {place}) END")
        outside = "error('Array index is out of bounds: write SAFE_OFFSET for NULL instead')"
        return Value(
            array.type.element, f"CASE WHEN NOT ({known}) THEN {outside} ELSE list_extract({array.sql}, {place}) END"
        )

    def _scalar(self, node: exp.Expr, scope: Scope) -> Value:
        relation = self.subquery(node, scope)
        if len(relation.columns) != 1:
            return self.fault(
                node, f"a query inside an expression gives one column; this one gives {len(relation.columns)}."
            )
        return Value(relation.columns[0][1].type, f"({relation.sql})")

    def _exists(self, node: exp.Expr, scope: Scope) -> Value:
        return Value(t.BOOL, f"EXISTS ({self.subquery(node.this, scope).sql})")


def _paren(self: Expressions, node: exp.Expr, scope: Scope) -> Value:
    return self.expression(node.this, scope)


def _constant(node: exp.Expr) -> Value:
    if isinstance(node, exp.Boolean):
        return Value(t.BOOL, "TRUE" if node.this else "FALSE", literal=True)
    if isinstance(node, exp.ByteString):
        return Value(t.BYTES, f"unhex('{node.this.replace(chr(92) + 'x', '')}')", literal=True)
    return Value(t.NULL, "NULL", literal=True)


# Read by Expressions._dispatch: how each kind of node is compiled.
_NODES: dict[type[exp.Expr], Callable[[Expressions, exp.Expr, Scope], Value]] = {
    exp.Column: Expressions.column,
    exp.Dot: Expressions.column,
    exp.Literal: Expressions._literal,
    exp.Null: lambda _, node, __: _constant(node),
    exp.Boolean: lambda _, node, __: _constant(node),
    exp.ByteString: lambda _, node, __: _constant(node),
    exp.HexString: lambda self, node, _: self.integer(node, int(node.name, 16)),
    exp.Parameter: Expressions._parameter,
    exp.Paren: _paren,
    exp.Neg: Expressions._neg,
    **dict.fromkeys(COMPARE, Expressions._compare),
    **dict.fromkeys(ARITHMETIC, Expressions._arithmetic),
    **dict.fromkeys(BITWISE, Expressions._bitwise),
    exp.And: Expressions._logic,
    exp.Or: Expressions._logic,
    exp.Not: Expressions._not,
    exp.Is: Expressions._is,
    exp.NullSafeEQ: Expressions._distinct,
    exp.NullSafeNEQ: Expressions._distinct,
    exp.Between: Expressions._between,
    exp.In: Expressions._in,
    exp.Like: Expressions._like,
    exp.ILike: Expressions._ilike,
    exp.DPipe: Expressions._concat,
    exp.Case: Expressions._case,
    exp.Cast: Expressions._cast,
    exp.TryCast: Expressions._cast,
    exp.Extract: Expressions._extract,
    exp.Struct: Expressions._struct,
    exp.Array: Expressions._array,
    exp.Bracket: Expressions._bracket,
    exp.Subquery: Expressions._scalar,
    exp.Exists: Expressions._exists,
    exp.Window: Expressions._window,
    exp.SafeFunc: Expressions._safe,
}
