"""Whether a query's rows surely go on past the window's end, so that an append table's windows would hold later rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from flows.sql.bounds import bound

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flows.sql.parse.tree import Nodes
    from flows.sql.reach import Origin

_PLAIN = (exp.And, exp.Paren, exp.Where, exp.Join, exp.Select, exp.Subquery, exp.From, exp.CTE, exp.With, exp.Union)
"""Below these alone a condition keeps out what does not fulfil it."""


def has_open_end(nodes: Nodes) -> bool:
    """Say whether a query names the window in nothing but lower bounds.

    What could keep later rows out in another way, which nobody looks into, makes it no.
    """
    if nodes.of(exp.Limit, exp.Qualify, exp.Having, exp.Except, exp.Intersect):
        return False
    return all(_bounds_below(node) for node in nodes.of(exp.Parameter))


def running_on(origins: Iterable[Origin]) -> Origin | None:
    """Return where a column's values come from, where none of those places is bounded from above."""
    found = [one for one in origins if not one.opaque]
    return found[0] if found and all(one.occurrence.upper is None for one in found) else None


def _bounds_below(parameter: exp.Expr) -> bool:
    """Say whether a parameter stands in a condition `value >= bound`, or `>`, that is ANDed with all others."""
    if parameter.name.lower() != "window_start":
        return False
    node = parameter
    while node.parent is not None and not isinstance(node.parent, exp.GTE | exp.GT | exp.LTE | exp.LT):
        if isinstance(node.parent, _PLAIN):
            return False
        node = node.parent
    condition = node.parent
    lower = (exp.GTE, exp.GT) if condition is not None and condition.expression is node else (exp.LTE, exp.LT)
    if not isinstance(condition, lower) or bound(node) is None:
        return False
    above = condition.parent
    while above is not None and isinstance(above, _PLAIN):
        above = above.parent
    return above is None
