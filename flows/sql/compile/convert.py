"""Values in the type that stands around them: conversions, conditions, comparisons."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.sql import types as t
from flows.sql.compile import cast
from flows.sql.compile.dispatch import expression
from flows.sql.parse.templates import quoted
from flows.sql.shown import shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlglot import exp

    from flows.model.types import Type
    from flows.sql.compile.scope import Scope, Value


def boolean(node: exp.Expr, scope: Scope, where: str) -> str:
    """Compile a condition."""
    value = expression(node, scope)
    if not t.coerces(value.type, t.BOOL):
        scope.fault(node, f"{where} needs a condition, but '{shown(node)}' is {value.type}.")
    return value.sql


def converted(node: exp.Expr, value: Value, want: Type, scope: Scope) -> str:
    """Return a value's SQL in a type to which GoogleSQL turns it by itself."""
    if value.type == want or t.UNKNOWN in (value.type, want):
        return value.sql
    if value.type == t.NULL:
        return f"CAST(NULL AS {t.duckdb_type(want)})"
    if value.literal and value.type == t.STRING:
        read = cast.literal(str(value.constant), want)
        if read is None:
            scope.fault(node, f"'{value.constant}' is not a {want}.{quoted(str(value.constant))}")
        return read or "NULL"
    if value.literal and value.type == t.FLOAT64 and want in t.DECIMALS:
        return f"CAST('{value.constant}' AS {t.duckdb_type(want)})"
    return cast.convert(value.sql, value.type, want)


def compare(
    node: exp.Expr, left: tuple[exp.Expr, Value], sign: str, right: tuple[exp.Expr, Value], scope: Scope
) -> str:
    """Return a comparison; NaN equals and exceeds nothing."""
    common = comparable(node, [left[1], right[1]], scope)
    if common is None:
        return "NULL"
    one, two = converted(*left, common, scope), converted(*right, common, scope)
    plain = f"({one} {sign} {two})"
    if common != t.FLOAT64:
        return plain
    nans = [
        f"CAST(isnan({sql}) AS INTEGER)"
        for sql, side in ((one, left), (two, right))
        if not side[1].literal or side[1].type == t.NULL
    ]
    result = "TRUE" if sign == "<>" else "FALSE"
    return f"CASE WHEN {' + '.join(nans)} > 0 THEN {result} ELSE {plain} END" if nans else plain


def comparable(node: exp.Expr, values: Sequence[Value], scope: Scope) -> Type | None:
    """Return the type in which values can be compared, or note a fault."""
    common = t.supertype((value.type, value.literal) for value in values)
    if common is None:
        kinds = list(dict.fromkeys(str(value.type) for value in values))
        times = {"DATE", "TIMESTAMP", "DATETIME"}
        hint = " Write DATE(...) or TIMESTAMP(...) around one of them." if times.issuperset(kinds) else ""
        scope.fault(
            node,
            f"{' and '.join(kinds)} cannot be compared in '{shown(node)}'.{hint or ' Write CAST(... AS ' + kinds[0] + ').'}",
        )
    elif common.name in {"ARRAY", "STRUCT", "JSON"}:
        scope.fault(node, f"{common.name}s cannot be compared by the embedded warehouse yet. Compare their parts.")
        return None
    return common
