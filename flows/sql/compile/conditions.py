"""How conditions bound the tables of a FROM by the window."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from flows.model.dependency import Misplaced
from flows.sql.choices import branches
from flows.sql.comparisons import Condition, comparisons, parts
from flows.sql.compile.origins import bound_in, columns_in, mentioned, named, names_window, origins_of
from flows.sql.parse.tree import line_of, operands
from flows.sql.reach import all_of, any_of, limit_of, restrict

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flows.sql.comparisons import Comparison
    from flows.sql.compile.scope import FromItem, Scope
    from flows.sql.reach import Limit, Occurrence, Origin

_COMPARED = (exp.GTE, exp.GT, exp.LTE, exp.LT, exp.EQ, exp.Between)


def note_bounds(node: exp.Expr, scope: Scope, sides: Sequence[FromItem] | None, *, requires: bool = False) -> None:
    """Note how conditions that AND joins bound the tables by the window.

    `sides` are the items of FROM of which a condition keeps rows out; None for all of them. `requires` says whether the
    query gives no row at all where a condition on a table around it does not hold.
    """
    own = set(scope.context.occurrences[scope.first :])
    kept = (
        own if sides is None else own & {one.occurrence for item in sides for _, v in item.columns for one in v.origins}
    )
    if scope.context.conditions is not None:
        is_outer = kept and sides is not None and sides is not scope.items
        scope.context.conditions.append((node, scope, frozenset(kept) if is_outer else None))
    conditions = operands(node, exp.And)
    for one in conditions:
        if not names_window(one, scope):
            continue
        limits = _limits(Condition(one).plain(), scope)
        told: set[tuple[Occurrence, str]] = set()
        for limit in limits:
            if limit.occurrence in kept:
                restrict(limit)
                told.add(limit.key)
                if limit.upper is None and limit.column == limit.occurrence.partition:
                    limit.occurrence.unread += (one,)
            elif requires and limit.occurrence not in own:
                scope.requires.append(limit)
        # What is compared with the window names no other column.
        if len(told) < len(limits) or not isinstance(one, _COMPARED) or not limits:
            _note_unread(one, scope, told, own)
    for one in conditions:
        _note_filter(one, scope, kept)


def note_qualify(node: exp.Expr, scope: Scope) -> None:
    """Note how the conditions of QUALIFY bound tables: where they keep or drop all rows that a window function has seen."""
    order = node.parent.parent.args.get("order") if node.parent is not None and node.parent.parent is not None else None
    ordered = order is not None and order.find(exp.Window) is not None
    plain = scope.groups is None and not scope.aggregated and not ordered
    shared = frozenset.intersection(*scope.partitions) if plain and scope.partitions else frozenset()
    for one in operands(node, exp.And):
        note_bounds(one, scope, None if _is_among(one, scope, shared) else ())


def _is_among(condition: exp.Expr, scope: Scope, shared: frozenset[str]) -> bool:
    """Say whether a condition compares nothing with the window but what all windows divide their rows by."""
    if not shared or not isinstance(condition, (*_COMPARED, exp.In)) or condition.find(exp.Window):
        return False
    sides = [part for part in condition.iter_expressions() if id(part) not in scope.context.windowed]
    return len(sides) == 1 and named(sides[0], scope).sql in shared


def note_mentions(node: exp.Expr, scope: Scope) -> None:
    """Note where a part of a query that keeps no rows out names the window beside the column that divides a table."""
    if id(node) in scope.context.windowed:
        _note_unread(node, scope, set(), set())


def _note_unread(node: exp.Expr, scope: Scope, told: set[tuple[Occurrence, str]], own: set[Occurrence]) -> None:
    """Note of which tables no bound has come of a text that names the window beside their columns.

    `told` is what a bound has come of; of the tables in `own` other columns than the one that divides them count too.
    """
    found = {(one.occurrence, one.column): one for one in mentioned(node, scope)}
    for (occurrence, column), one in found.items():
        if (occurrence, column) in told:
            continue
        if _is_ruling(one):
            occurrence.unread += (node,)
        elif occurrence in own and len(found) == 1:
            occurrence.misplaced += (Misplaced(column, line_of(node)),)


def _note_filter(condition: exp.Expr, scope: Scope, own: set[Occurrence]) -> None:
    """Note which of the tables a condition asks for their partition column alone."""
    open_ = {one for one in own if one.partition and not one.is_filtered}
    if not open_ or condition.find(exp.Query):
        return
    found = [
        {one.occurrence for one in named(column, scope).origins if _is_ruling(one)} for column in columns_in(condition)
    ]
    for occurrence in open_.intersection(*found) if found else ():
        occurrence.is_filtered = True


def _is_ruling(origin: Origin) -> bool:
    return origin.column == origin.occurrence.partition


def _limits(condition: Condition, scope: Scope) -> list[Limit]:
    """Return what must hold of the tables for a condition to be true."""
    node, holds = condition
    if id(node) not in scope.context.windowed and not scope.context.carried:
        return []
    if isinstance(node, exp.Exists):
        return scope.context.exists.get(id(node), []) if holds else []
    ways = branches(condition)
    if ways is not None:
        return any_of([all_of(limit for one in way for limit in _limits(one, scope)) for way in ways])
    joined = parts(condition)
    if joined is not None:
        found = [_limits(one, scope) for one in joined[1]]
        return all_of(limit for limits in found for limit in limits) if joined[0] else any_of(found)
    every, compared = comparisons(condition)
    each = [[limit for one in both for limit in _compared(one, node, scope)] for both in compared]
    if len(each) == 1 and len(each[0]) < 2:  # noqa: PLR2004 - most conditions say one thing
        return each[0]
    return all_of(limit for limits in each for limit in limits) if every else any_of([all_of(one) for one in each])


def _compared(one: Comparison, condition: exp.Expr, scope: Scope) -> Iterator[Limit]:
    values = [value for limit in one.limits if (value := bound_in(limit, scope)) is not None]
    if len(values) < len(one.limits):
        return
    for origin in origins_of(one.value, scope):
        limits = [limit for value in values if (limit := limit_of(origin, one.sign, value, condition)) is not None]
        if len(limits) == len(values):
            yield from any_of([[limit] for limit in limits])
