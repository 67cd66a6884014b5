"""How conditions bound the tables of a FROM by the window."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from flows.sql import reach
from flows.sql.compile.dispatch import expression
from flows.sql.parse.tree import operands

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flows.sql.compile.scope import FromItem, Scope


def restrict(node: exp.Expr, scope: Scope, sides: Sequence[FromItem] | None) -> None:
    """Note how conditions that AND joins bound the tables (of some sides of a join) by the window."""
    for one in operands(node, exp.And):
        one = one.unnest()  # noqa: PLW2901 - without its parentheses
        for column, sign, limit in reach.comparisons(one):
            _bound(column, sign, limit, scope, sides)


def _bound(column: exp.Expr, sign: str, limit: exp.Expr, scope: Scope, sides: Sequence[FromItem] | None) -> None:
    value = reach.bound(limit)
    if value is None:
        return
    faults, loose = len(scope.context.faults), len(scope.loose)
    origins = expression(column, scope).origins
    del scope.context.faults[faults:], scope.loose[loose:]
    allowed = None
    if sides is not None:
        allowed = {origin.occurrence for side in sides for _, one in side.columns for origin in one.origins}
    for origin in origins:
        if allowed is None or origin.occurrence in allowed:
            reach.restrict(origin.occurrence, origin.unit, sign, value)  # type: ignore[arg-type]
