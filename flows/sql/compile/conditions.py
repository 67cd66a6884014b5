"""How conditions bound the tables of a FROM by the window."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from flows.sql.bounds import bound
from flows.sql.compile.dispatch import expression
from flows.sql.parse.tree import operands
from flows.sql.reach import Limit, comparisons, restrict

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flows.sql.compile.scope import FromItem, Scope
    from flows.sql.reach import Occurrence, Origin


def note_bounds(node: exp.Expr, scope: Scope, sides: Sequence[FromItem] | None) -> None:
    """Note how conditions that AND joins bound the tables by the window.

    `sides` are the items of FROM of which an ON keeps rows out. None: a WHERE, which does so of all of them, and which
    gives no row at all where a condition on a table around the query does not hold.
    """
    own = set(scope.context.occurrences[scope.first :])
    if sides is not None:
        own &= {origin.occurrence for side in sides for _, value in side.columns for origin in value.origins}
    conditions = operands(node, exp.And)
    for one in conditions:
        for limit in _limits(one.unnest(), scope):
            if limit.origin.occurrence in own:
                restrict(limit)
            elif sides is None:
                scope.requires.append(limit)
    for one in conditions:
        _note_filter(one, scope, own)


def _note_filter(condition: exp.Expr, scope: Scope, own: set[Occurrence]) -> None:
    """Note which of the tables a condition asks for their partition column alone."""
    open_ = {one for one in own if one.partition and not one.is_filtered}
    if not open_ or condition.find(exp.Query):
        return
    columns = list(condition.find_all(exp.Column))
    found = [{origin.occurrence for origin in _origins(one, scope) if _is_ruling(origin)} for one in columns]
    for occurrence in open_.intersection(*found) if found else ():
        occurrence.is_filtered = True


def _is_ruling(origin: Origin) -> bool:
    return origin.column == origin.occurrence.partition


def _limits(condition: exp.Expr, scope: Scope) -> Iterator[Limit]:
    """Give what must hold of the tables for a condition to be true."""
    if isinstance(condition, exp.Exists):
        yield from scope.context.exists.get(id(condition), ())
    for column, sign, limit in comparisons(condition):
        value = bound(limit)
        if value is not None:
            for origin in _origins(column, scope):
                yield Limit(origin, sign, value, condition)


def _origins(column: exp.Expr, scope: Scope) -> frozenset[Origin]:
    context = scope.context
    faults, loose, reads = len(context.faults), len(scope.loose), len(context.occurrences)
    origins = expression(column, scope).origins
    del context.faults[faults:], scope.loose[loose:], context.occurrences[reads:]
    return origins
