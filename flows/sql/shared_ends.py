"""Ranges that include their end, at which the next window begins: the rows there would stand in both windows.

Whether they do depends on how long windows are: `d BETWEEN DATE(@window_start) AND DATE(@window_end)` gives windows of a
day a day of the next one, and windows of an hour their whole day, which is meant.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from operator import eq, ge, gt, le, lt
from typing import TYPE_CHECKING, NamedTuple

from sqlglot import exp

from flows.model.window import END, Window
from flows.sql.bounds import PARTS
from flows.sql.comparisons import Condition, comparisons, parts, series_of
from flows.sql.exactly import exactly
from flows.sql.parse.tree import line_of
from flows.sql.shown import shown
from flows.sql.steps import Cut, side

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from flows.model.window import Size
    from flows.sql.comparisons import Comparison
    from flows.sql.parse.tree import Nodes
    from flows.sql.steps import Side, Step

_SIGNS = {"=": eq, ">=": ge, ">": gt, "<=": le, "<": lt}
_BOOLEAN = (exp.And, exp.Or, exp.Not, exp.Is)
_COMPARED = (exp.Between, exp.In, exp.GTE, exp.GT, exp.LTE, exp.LT, exp.EQ)
# Across ends of days, weeks, months, a year, and a February of 29 days.
_FROM = datetime(2023, 11, 27, tzinfo=UTC)
_WINDOWS = 64
_MOMENT = timedelta(microseconds=1)


class _Limit(NamedTuple):
    """What a row's time has to fulfil in a window: after `steps` it stands in `sign` to one end of it after others."""

    steps: tuple[Step, ...]
    sign: str
    at_end: bool
    of_end: tuple[Step, ...]

    def holds(self, moment: datetime, window: Window) -> bool:
        value = exactly(moment, self.steps)
        limit = exactly(window.end if self.at_end else window.start, self.of_end)
        if value is None or limit is None or value[1] != limit[1]:
            raise ValueError(self.sign)
        return bool(_SIGNS[self.sign](value[0], limit[0]))


@dataclass(frozen=True, slots=True)
class SharedEnd:
    """A condition that includes the end of a range which begins with a window and ends with it."""

    line: int
    written: str
    instead: str
    unit: str
    """What the rows there have in common: a moment, a day."""
    closed: _Limit
    others: tuple[_Limit, ...]
    """What else the same time has to fulfil."""

    def is_between(self, size: Size) -> bool:
        """Say whether windows of a size share the rows of that end, and nothing else."""
        windows = list(islice(size.split(Window(size.floor(_FROM), END)), _WINDOWS))
        for place in (_itself, _value, _end, _end_of_value):
            try:
                if all(self._shared(one, two, place) for one, two in pairwise(windows)):
                    return True
            except ValueError:
                continue
        return False

    def _shared(self, one: Window, two: Window, place: Callable[[_Limit, datetime], datetime]) -> bool:
        begin, end = place(self.closed, one.start), place(self.closed, one.end)
        open_ = self.closed._replace(sign="<")

        def within(moment: datetime, window: Window, last: _Limit) -> bool:
            return all(limit.holds(moment, window) for limit in (last, *self.others))

        return (
            within(end, one, self.closed)
            and within(end, two, self.closed)
            and not within(end, one, open_)
            # Without its end a window keeps its own rows, and shares none with the next one.
            and within(begin, one, open_)
            and not (within(end - _MOMENT, one, open_) and within(end - _MOMENT, two, self.closed))
        )


def _itself(_: _Limit, moment: datetime) -> datetime:
    return moment


def _value(limit: _Limit, moment: datetime) -> datetime:
    """Return the time of which a limit's steps make the moment, as long as they do no more than move it."""
    value = exactly(moment, limit.steps)
    if value is None:
        raise ValueError(limit.sign)
    return moment - (value[0] - moment)


def _end(limit: _Limit, moment: datetime) -> datetime:
    end = exactly(moment, limit.of_end)
    if end is None:
        raise ValueError(limit.sign)
    return end[0]


def _end_of_value(limit: _Limit, moment: datetime) -> datetime:
    return _value(limit, _end(limit, moment))


def shared_ends(nodes: Nodes) -> list[SharedEnd]:
    """Return every condition that may include the end of the range that a window reads."""
    made = _made_of_window(nodes)
    if not made and all(_is_below(node) for node in nodes.of(exp.Parameter)):
        return []
    chains: dict[int, list[Condition]] = {}
    for node in nodes.of(*_BOOLEAN, *_COMPARED):
        above = node.parent
        while isinstance(above, exp.Paren):
            above = above.parent
        if isinstance(above, _BOOLEAN):
            continue
        first, *others = _chains(Condition(node).plain())
        chains.setdefault(id(_query_of(node) or node), []).extend(first)
        chains.update((id(one[0].node), one) for one in others if one)
    return [one for chain in chains.values() for one in _of_chain(chain, made)]


def _made_of_window(nodes: Nodes) -> dict[tuple[str, str], Side]:
    """Return the columns of queries in WITH and FROM that are made of one parameter, by the names of both."""
    found: dict[tuple[str, str], Side] = {}
    for node in nodes.of(exp.CTE, exp.Subquery) if nodes.of(exp.Parameter) else ():
        for item in node.this.expressions if isinstance(node.this, exp.Select) else ():
            made = side(item.this) if isinstance(item, exp.Alias) else None
            if made is not None and isinstance(made.leaf, exp.Parameter):
                found[node.alias.lower(), item.alias.lower()] = made
    for table in nodes.of(exp.Table) if found else ():
        for (query, name), made in list(found.items()):
            if query == table.name.lower() and not table.db and table.alias:
                found[table.alias.lower(), name] = made
    return found


def _is_below(parameter: exp.Expr) -> bool:
    """Say whether a parameter is plainly no end that a range includes: another one, or what something is less than."""
    if parameter.name.lower() != "window_end":
        return True
    node: exp.Expr | None = parameter
    while node is not None and not isinstance(node, _COMPARED):
        node = node.parent
    if not isinstance(node, exp.LT | exp.GT):
        return node is None
    return node.find_ancestor(exp.Not, exp.Is) is None


def _query_of(node: exp.Expr) -> exp.Expr | None:
    """Return the SELECT of which a condition is the WHERE, or the ON of an inner join: all of these hold at once."""
    above = node.parent
    while isinstance(above, exp.Paren):
        above = above.parent
    if isinstance(above, exp.Where) or (isinstance(above, exp.Join) and not above.args.get("side")):
        return above.parent
    return None


def _chains(condition: Condition) -> list[list[Condition]]:
    """Return conditions that hold together: first those of which each has to hold, then those in the branches of OR."""
    joined = parts(condition)
    if joined is None:
        return [[condition]]
    inner = [_chains(one) for one in joined[1]]
    if not joined[0]:
        return [[], *(chain for chains in inner for chain in chains)]
    return [[one for chains in inner for one in chains[0]], *(chain for chains in inner for chain in chains[1:])]


def _of_chain(chain: Sequence[Condition], made: Mapping[tuple[str, str], Side]) -> Iterator[SharedEnd]:
    limits: list[tuple[exp.Column, _Limit, Condition]] = []
    for condition in chain:
        every, compared = comparisons(condition)
        if every:
            limits += [(column, limit, condition) for both in compared for column, limit in _limits(both, made)]
    for column, closed, condition in limits:
        if closed.sign != "<=" or not closed.at_end:
            continue
        others = [one for other, one, _ in limits if one is not closed and _is_same(column, other)]
        if any(one.sign in {">=", ">"} and not one.at_end for one in others):
            yield SharedEnd(
                line_of(condition.node), _written(condition), _open(condition), _unit(closed), closed, tuple(others)
            )


def _limits(
    compared: Iterable[Comparison], made: Mapping[tuple[str, str], Side]
) -> Iterator[tuple[exp.Column, _Limit]]:
    for one in compared:
        column, limit = one.value.leaf, one.limits[0]
        if isinstance(limit.leaf, exp.Column):
            known = made.get((limit.leaf.table.lower(), limit.leaf.name.lower()))
            limit = known.then(*limit.steps) if known else limit
        if isinstance(column, exp.Column) and isinstance(limit.leaf, exp.Parameter) and one.exact:
            at_end = limit.leaf.name.lower() == "window_end"
            if len(one.limits) == 1:
                yield column, _Limit(one.value.steps, one.sign, at_end, limit.steps)


def _is_same(one: exp.Column, other: exp.Column) -> bool:
    """Say whether two names are of one column; one without its table is of the only one that has it."""
    tables = {one.table.lower(), other.table.lower()} - {""}
    return one.name.lower() == other.name.lower() and len(tables) <= 1


def _unit(limit: _Limit) -> str:
    cuts = [step.part for step in (*limit.steps, *limit.of_end) if isinstance(step, Cut)]
    return str(PARTS.get(cuts[-1], "moment")) if cuts else "moment"


def _written(condition: Condition) -> str:
    return shown(condition.node) if condition.holds else f"NOT ({shown(condition.node)})"


def _range(value: exp.Expr, first: exp.Expr, end: exp.Expr) -> str:
    return f"{shown(value)} >= {shown(first)} AND {shown(value)} < {shown(end)}"


def _open(condition: Condition) -> str:
    """Return what to write in place of a condition so that it leaves out its end."""
    node = condition.node
    if isinstance(node, exp.Between):
        return _range(node.this, node.args["low"], node.args["high"])
    if isinstance(node, exp.In):
        series = series_of(node.args["unnest"].expressions[0])
        return _range(node.this, *series) if series else ""
    less = isinstance(node, exp.LTE if condition.holds else exp.GT)
    if isinstance(side(node.this).leaf, exp.Parameter):
        return f"{shown(node.expression)} {'>' if less else '<'} {shown(node.this)}"
    return f"{shown(node.this)} {'<' if less else '>'} {shown(node.expression)}"
