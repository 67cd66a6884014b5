"""Calls: of functions with rules of their own, of those in the table, below SAFE., with OVER."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from flows.sql import types as t
from flows.sql.compile.aggregates import aggregate
from flows.sql.compile.apply import apply
from flows.sql.compile.arguments import with_zone
from flows.sql.compile.dispatch import call_rule, calls, compiles, expression, may_fail
from flows.sql.decomposed import FORMS
from flows.sql.functions import foreign, signatures
from flows.sql.functions.date_parts import PARTS
from flows.sql.once import lifted
from flows.sql.parse.repeat import VARYING, refused
from flows.sql.parse.tree import KEYWORD_CALLS, call_name
from flows.sql.shown import shown

if TYPE_CHECKING:
    from flows.sql.compile.dispatch import CallRule
    from flows.sql.compile.scope import Scope
    from flows.sql.compile.value import Value

_OF_NOTHING = {"JSON_ARRAY", "JSON_OBJECT", "CURRENT_DATE", "CURRENT_DATETIME", "CURRENT_TIME", "MAKE_INTERVAL"}
"""What has rules of its own and takes no arguments too."""
_ZONED = {
    *("CURRENT_DATE", "CURRENT_DATETIME", "CURRENT_TIME", "DATE", "DATETIME", "TIME", "TIMESTAMP", "STRING"),
    *("FORMAT_TIMESTAMP", "PARSE_TIMESTAMP", "TIMESTAMP_TRUNC"),
}
"""What has rules of its own and may have a zone as its last argument."""
_NO_VALUES = (exp.Distinct, exp.Order, exp.Star, exp.Kwarg, exp.Limit, exp.HavingMax)


_WRITING_JSON = {"JSON_QUERY", "JSON_QUERY_ARRAY", "JSON_EXTRACT", "JSON_EXTRACT_ARRAY"}
"""What gives a part of a JSON text as it is written there."""


@compiles(exp.Anonymous, *KEYWORD_CALLS)
def _plain(node: exp.Expr, scope: Scope) -> Value:
    name = call_name(node) or ""
    if name in VARYING:
        scope.context.reads.add((scope.level, name))
        if node.expressions and call_rule(name) is None:
            return scope.fault(node, refused(name))
    return _call(name, node, scope)


@compiles(exp.SafeFunc)
def _safe(node: exp.SafeFunc, scope: Scope) -> Value:
    name = call_name(node.this)
    if name is None:
        return scope.fault(node, "SAFE. stands before the name of a function: SAFE.SUBSTR(text, 1). Leave it out here.")
    first = next(iter(node.this.expressions), None)
    if name in _WRITING_JSON and first is not None and expression(first, scope).type == t.STRING:
        instead = f"Write {name}(SAFE.PARSE_JSON({shown(first)}), ...), which gives JSON, or leave SAFE. out."
        return scope.fault(node, f"SAFE.{name} of a text would hide numbers that DuckDB writes otherwise. {instead}")
    if name == "PARSE_BIGNUMERIC":
        said = "SAFE.PARSE_BIGNUMERIC would hide numbers of more places than the embedded warehouse holds."
        return scope.fault(node, f"{said} Write SAFE_CAST(... AS BIGNUMERIC).")
    return _call(name, node.this, scope, safe=True)


@compiles(exp.NetFunc)
def _net(node: exp.NetFunc, scope: Scope) -> Value:
    name = f"NET.{call_name(node.this)}"
    return (
        _call(name, node.this, scope) if signatures.scalar(name) else scope.fault(node, foreign.refusal(name, calls()))
    )


@compiles(exp.Window, reads=("partition_by", "order", "spec", "alias", "over"))
def _over(node: exp.Window, scope: Scope) -> Value:
    inner = node.this
    name = call_name(inner.this if isinstance(inner, exp.IgnoreNulls | exp.RespectNulls) else inner)
    if name is None:
        return scope.unsupported(node)
    scope.windowed = True
    if signatures.aggregate(name) or signatures.window(name):
        return aggregate(name, inner, scope, node)
    if signatures.scalar(name) or call_rule(name):
        return scope.unsupported(inner, f"{name}(...) OVER")
    return _unknown(name, inner, scope)


def _call(name: str, node: exp.Expr, scope: Scope, *, safe: bool = False) -> Value:
    """Compile a call without OVER; `safe` says whether SAFE. stands before it."""
    if signatures.aggregate(name):
        if safe:
            return scope.fault(
                node, f"{name} is an aggregate, which cannot follow SAFE. Write SAFE. before the functions in it."
            )
        return aggregate(name, node, scope, None)
    if signatures.window(name):
        return scope.fault(node, f"{name} needs OVER (...).")
    rule = call_rule(name)
    if rule is not None and isinstance(node, exp.Anonymous) and not node.expressions and name not in _OF_NOTHING:
        return scope.fault(node, f"{name}() lacks its arguments.")
    result = rule and (_safely if safe and may_fail(name) else _by_rule)(rule, name, node, scope)
    if result is not None:
        return result
    candidates = signatures.scalar(name)
    if not candidates:
        return scope.unsupported(node, f"'{shown(node)}'") if rule is not None else _unknown(name, node, scope)
    if any(isinstance(item, _NO_VALUES) for item in node.expressions):
        return scope.fault(node, f"'{shown(node)}': {name} takes plain arguments.")
    arguments = [(item, expression(item, scope)) for item in node.expressions]
    return apply(name, node, candidates, arguments, scope, safe=safe)


def _by_rule(rule: CallRule, name: str, node: exp.Expr, scope: Scope) -> Value | None:
    zone = node.expressions[-1] if name in _ZONED and node.expressions else None
    return with_zone(lambda: rule(name, node, scope), zone, scope)


def _safely(rule: CallRule, name: str, node: exp.Expr, scope: Scope) -> Value | None:
    arguments: list[tuple[str, str]] = []
    around = scope.context.lifted
    scope.context.lifted = arguments
    value = rule(name, node, scope)
    scope.context.lifted = around
    return value and value._replace(sql=lifted(value.sql, arguments))


def _unknown(name: str, node: exp.Expr, scope: Scope) -> Value:
    loose = len(scope.loose)
    # Beside values that have names the others may name them.
    naming = any(isinstance(argument, exp.Kwarg | exp.Alias) for argument in node.expressions)
    for argument in () if naming else node.expressions:
        item = argument.this if isinstance(argument, exp.IgnoreNulls | exp.RespectNulls) else argument
        others = foreign.is_of_others(name) and _of_others(item)
        if not isinstance(item, (*_NO_VALUES, exp.Query, exp.Alias, exp.Lambda)) and not others and not _of_times(item):
            expression(item, scope)
    # It may be an aggregate for all that is known, whose columns need no group.
    del scope.loose[loose:]
    return scope.fault(node, refused(name) if name in VARYING else foreign.refusal(name, calls()))


def _of_times(item: exp.Expr) -> bool:
    """Say whether an argument is an interval, the part of a date or the form of a text, of which only such a call knows."""
    return isinstance(item, exp.Interval) or shown(item).upper() in {*PARTS, *FORMS}


def _of_others(item: exp.Expr) -> bool:
    """Say whether an argument of another dialect's function may be a part, a type or words of its grammar."""
    a_name = isinstance(item, exp.Column) and len(item.parts) == 1
    a_type = isinstance(item, exp.Anonymous) and all(isinstance(one, exp.Literal) for one in item.expressions or [item])
    return a_name or a_type or isinstance(item, exp.In)
