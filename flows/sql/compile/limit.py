"""LIMIT and OFFSET."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from flows.sql.shown import shown

if TYPE_CHECKING:
    from flows.sql.compile.scope import Scope


def limits_of(node: exp.Expr, scope: Scope) -> tuple[str, bool]:
    """Compile LIMIT and OFFSET; say whether there is one without a fault."""
    sql, faults = "", len(scope.context.faults)
    alone = None if node.args.get("limit") else node.args.get("offset")
    if alone is not None:
        written = shown(alone.expression)
        scope.fault(alone, f"OFFSET {written} has no LIMIT before it. Write LIMIT count OFFSET {written}.")
    for key in ("limit", "offset"):
        part = node.args.get(key)
        if part is not None:
            scope.guard(part, {"expression", "this"})
            sql += f" {key.upper()} {count(part.expression, scope)}"
    return sql, bool(sql) and len(scope.context.faults) == faults


def count(node: exp.Expr, scope: Scope) -> int:
    """Return the number of LIMIT and OFFSET."""
    number = node.unnest()
    if (
        isinstance(number, exp.Literal)
        and not number.is_string
        and number.name.isdecimal()
        and int(number.name) < 2**63
    ):
        return int(number.name)
    scope.fault(node, f"'{shown(node)}': LIMIT and OFFSET take a whole number of INT64.")
    return 0
