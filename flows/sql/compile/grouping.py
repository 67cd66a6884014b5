"""GROUP BY several sets of columns at once: ROLLUP, CUBE, GROUPING SETS, and GROUPING, which tells their rows apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from flows.sql import types as t
from flows.sql.compile.dispatch import compiles, expression
from flows.sql.compile.scope import NOTHING, Value
from flows.sql.shown import shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from flows.sql.compile.scope import Scope

SETS = (exp.Rollup, exp.Cube, exp.GroupingSets)
_WORDS: dict[type[exp.Expr], str] = {exp.Rollup: "ROLLUP", exp.Cube: "CUBE", exp.GroupingSets: "GROUPING SETS"}


def grouping_sets(item: exp.Expr, term: Callable[[exp.Expr], str]) -> str:
    """Return the SQL of ROLLUP, CUBE or GROUPING SETS; `term` gives that of one column."""
    if isinstance(item, SETS):
        return f"{_WORDS[type(item)]} ({', '.join(grouping_sets(one, term) for one in item.expressions)})"
    if isinstance(item, exp.Tuple):
        return f"({', '.join(map(term, item.expressions))})"
    return term(item.this) if isinstance(item, exp.Paren) else term(item)


@compiles(exp.Grouping)
def _grouping(node: exp.Expr, scope: Scope) -> Value:
    if len(node.expressions) != 1:
        return scope.fault(node, "GROUPING takes one column of GROUP BY.")
    scope.aggregated = True
    scope.depth += 1
    value = expression(node.expressions[0], scope)
    scope.depth -= 1
    if not {value.sql, NOTHING.sql} & (scope.groups or set()) and value.type != t.UNKNOWN:
        return scope.fault(node, f"'{shown(node.expressions[0])}' in GROUPING is not in GROUP BY.")
    return Value(t.INT64, f"CAST(grouping({value.sql}) AS BIGINT)")
