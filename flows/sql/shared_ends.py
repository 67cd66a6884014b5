"""Ranges that include their end, at which the next window begins: the rows there would stand in both windows.

Whether they do depends on how long windows are: `d BETWEEN DATE(@window_start) AND DATE(@window_end)` gives windows of a
day a day of the next one, and windows of an hour their whole day, which is meant. And it depends on whether the rows come
out: a range of a second table, in EXISTS or in COUNTIF, or one that a query outside of it bounds again, says nothing of that.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from typing import TYPE_CHECKING

from sqlglot import exp

from flows.model.window import END, Window
from flows.sql.bounds import PARTS
from flows.sql.comparisons import Condition, comparisons, parts, series_of
from flows.sql.divided import UNREAD, Limit, Rows, divides
from flows.sql.exactly import exactly
from flows.sql.parse.tree import line_of
from flows.sql.passed_on import PassedOn, is_kept
from flows.sql.shown import shown
from flows.sql.steps import Cut, side

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from flows.model.window import Size
    from flows.sql.comparisons import Comparison
    from flows.sql.divided import Bound
    from flows.sql.parse.tree import Nodes
    from flows.sql.steps import Side

_COMPARED = (exp.Between, exp.In, exp.GTE, exp.GT, exp.LTE, exp.LT, exp.EQ)
# Across ends of days, weeks, months, a year, and a February of 29 days.
_FROM = datetime(2023, 11, 27, tzinfo=UTC)
_WINDOWS = 64
_MOMENT = timedelta(microseconds=1)
# What a value beside the window's end says of the rows there alone.
_TELLING = (exp.EQ, exp.NEQ, exp.LT, exp.GT, exp.GTE)
_UPPER = {"<", "<=", "="}


@dataclass(frozen=True, slots=True)
class SharedEnd:
    """A condition that includes the end of a range which begins with a window and ends with it."""

    line: int
    written: str
    instead: str
    unit: str
    """What the rows there have in common: a moment, a day."""
    closed: Limit
    others: tuple[Limit, ...]
    """What else the same time has to fulfil."""
    column: str
    rows: Rows
    beside: tuple[Bound, ...]
    """What other times of the same rows have to fulfil."""

    def is_between(self, size: Size) -> bool:
        """Say whether windows of a size share the rows of that end, and nothing else."""
        windows = list(islice(size.split(Window(size.floor(_FROM), END)), _WINDOWS))

        def stops(bound: Bound) -> bool:
            return divides(bound, windows)

        if any(map(stops, self.beside)) or not self.rows.come_out(self.column, stops, set()):
            return False
        for place in (_itself, _value, _end, _end_of_value):
            try:
                if all(self._shared(one, two, place) for one, two in pairwise(windows)):
                    return True
            except ValueError:
                continue
        return False

    def _shared(self, one: Window, two: Window, place: Callable[[Limit, datetime], datetime]) -> bool:
        begin, end = place(self.closed, one.start), place(self.closed, one.end)
        open_ = self.closed._replace(sign="<")

        def within(moment: datetime, window: Window, last: Limit) -> bool:
            return all(limit.holds(moment, window) for limit in (last, *self.others))

        return (
            within(end, one, self.closed)
            and within(end, two, self.closed)
            and not within(end, one, open_)
            # Without its end a window keeps its own rows, and shares none with the next one.
            and within(begin, one, open_)
            and not (within(end - _MOMENT, one, open_) and within(end - _MOMENT, two, self.closed))
        )


def _itself(_: Limit, moment: datetime) -> datetime:
    return moment


def _value(limit: Limit, moment: datetime) -> datetime:
    """Return the time of which a limit's steps make the moment, as long as they do no more than move it."""
    value = exactly(moment, limit.steps)
    if value is None:
        raise ValueError(limit.sign)
    return moment - (value[0] - moment)


def _end(limit: Limit, moment: datetime) -> datetime:
    end = exactly(moment, limit.of_end)
    if end is None:
        raise ValueError(limit.sign)
    return end[0]


def _end_of_value(limit: Limit, moment: datetime) -> datetime:
    return _value(limit, _end(limit, moment))


def shared_ends(nodes: Nodes) -> list[SharedEnd]:
    """Return every condition that may include the end of the range that a window reads."""
    made = _made_of_window(nodes)
    if not made and all(_is_below(node) for node in nodes.of(exp.Parameter)):
        return []
    graph = _Graph(nodes, made)
    return [one for select in nodes.of(exp.Select) for one in graph.shared(select)]


class _Graph:
    """The SELECTs of a query, and what bounds the rows of each."""

    def __init__(self, nodes: Nodes, made: Mapping[tuple[str, str], Side]) -> None:
        self._made = made
        self._names = {name for _, name in made}
        self._passed = PassedOn(nodes)
        self._rows: dict[int, Rows] = {}

    def shared(self, select: exp.Select) -> Iterator[SharedEnd]:
        """Give the conditions of a SELECT that include an end."""
        first, *others = _chains_of(select)
        always = self._bounds(first)
        yield from self._of_chain(select, first, [*always, *(bound for one in others for bound in self._bounds(one))])
        for chain in others:
            yield from self._of_chain(select, chain, [*always, *self._bounds(chain)])

    def _of_chain(
        self, select: exp.Select, chain: list[Condition], bounds: list[tuple[exp.Column | None, Bound]]
    ) -> Iterator[SharedEnd]:
        limits = [(column, limit, one) for one in chain for column, limit in self._limits(one)]
        for column, closed, condition in limits:
            if closed.sign != "<=" or not closed.at_end:
                continue
            others = [one for other, one, _ in limits if one is not closed and _is_same(column, other)]
            if any(one.sign in {">=", ">"} and not one.at_end for one in others):
                of_others = [(other, bound) for other, bound in bounds if other is None or not _is_same(column, other)]
                beside = [*_of_rows(of_others, column.table), *self._read(select)]
                rows, name = self._rows_of(select), column.name.lower()
                line, written, unit = line_of(condition.node), _written(condition), _unit(closed)
                yield SharedEnd(line, written, _open(condition), unit, closed, tuple(others), name, rows, tuple(beside))

    def _limits(self, condition: Condition) -> list[tuple[exp.Column, Limit]]:
        every, compared = comparisons(condition)
        return [limit for both in compared for limit in _limits(both, self._made)] if every else []

    def _bounds(self, chain: Iterable[Condition]) -> list[tuple[exp.Column | None, Bound]]:
        """Return what each column has to fulfil, where that may divide windows."""
        found: defaultdict[tuple[str, str], list[tuple[exp.Column, Limit]]] = defaultdict(list)
        unread = False
        for condition in chain:
            limits = self._limits(condition)
            for column, limit in limits:
                found[column.table.lower(), column.name.lower()].append((column, limit))
            unread = unread or (not limits and condition.holds and self._names_window(condition.node))
        bounds: list[tuple[exp.Column | None, Bound]] = [
            (limits[0][0], tuple(limit for _, limit in limits))
            for limits in found.values()
            if any(limit.sign in _UPPER for _, limit in limits)
        ]
        return [*bounds, (None, UNREAD)] if unread else bounds

    def _names_window(self, node: exp.Expr) -> bool:
        return any(
            isinstance(one, exp.Parameter) or one.name.lower() in self._names
            for one in node.find_all(exp.Parameter, exp.Column)
        )

    def _read(self, select: exp.Select, but: exp.Expr | None = None) -> list[Bound]:
        """Return what bounds the rows that a SELECT reads, whatever its own conditions say, without those of one place."""
        found, seen = list(_of_series(select)), {id(select)}
        waiting = [*self._passed.sources(select, but)]
        while waiting:
            one = waiting.pop()
            if id(one) not in seen:
                seen.add(id(one))
                found += (*_of_rows(self._own(one), None), *_of_series(one))
                waiting += self._passed.sources(one)
        return found

    def _own(self, select: exp.Select) -> list[tuple[exp.Column | None, Bound]]:
        return [bound for chain in _chains_of(select) for bound in self._bounds(chain)]

    def _rows_of(self, select: exp.Select) -> Rows:
        found = self._rows.get(id(select))
        if found is None:
            found = self._rows[id(select)] = Rows(frozenset(_told(select)))
            for reader, source in self._passed.readers(select):
                if reader is None:
                    found.outermost = True
                else:
                    bounds = _of_rows(self._own(reader), source.alias_or_name if source is not None else "")
                    found.readers.append(([*bounds, *self._read(reader, source)], self._rows_of(reader)))
        return found


def _of_rows(bounds: Iterable[tuple[exp.Column | None, Bound]], table: str | None) -> list[Bound]:
    """Return what bounds the rows of one table: its own columns, and ranges of the others.

    What only ends with the window in another table is what was known by then, and says nothing of when a row is from.
    """
    return [
        bound
        for column, bound in bounds
        if column is None
        or (table is not None and len({table.lower(), column.table.lower()} - {""}) <= 1)
        or any(limit.sign in {">=", ">", "="} for limit in bound)
    ]


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


def _chains_of(select: exp.Select) -> list[list[Condition]]:
    """Return conditions of a SELECT that hold together: first those that every row fulfils."""
    filters = [select.args.get(name) for name in ("where", "having", "qualify")]
    joined = [join.args.get("on") for join in select.args.get("joins") or () if not join.args.get("side")]
    conditions = [*(one.this for one in filters if one is not None), *(one for one in joined if one is not None)]
    found = [_chains(Condition(one).plain()) for one in conditions]
    return [[one for first, *_ in found for one in first], *(one for _, *others in found for one in others if one)]


def _of_series(select: exp.Select) -> Iterator[Bound]:
    """Give what bounds the days or times of the window that a SELECT makes for its rows."""
    for place in (select.args.get("from_"), *(select.args.get("joins") or ())):
        if place is None or not isinstance(place.this, exp.Unnest) or not is_kept(place):
            continue
        if place.this.find(exp.Parameter) is None:
            continue
        first, last = map(side, series_of(place.this.expressions[0]) or (place, place))
        if isinstance(first.leaf, exp.Parameter) and isinstance(last.leaf, exp.Parameter):
            yield Limit((), ">=", _is_end(first.leaf), first.steps), Limit((), "<=", _is_end(last.leaf), last.steps)
        else:
            yield UNREAD


def _is_end(parameter: exp.Expr) -> bool:
    return parameter.name.lower() == "window_end"


def _told(select: exp.Select) -> Iterator[str]:
    """Give the columns that a SELECT's output compares with the window's end, to tell the rows there from others."""
    for item in select.expressions:
        for node in item.find_all(*_TELLING):
            one, two = side(node.this).leaf, side(node.expression).leaf
            for column, end in ((one, two), (two, one)):
                if isinstance(column, exp.Column) and isinstance(end, exp.Parameter) and _is_end(end):
                    yield column.name.lower()


def _chains(condition: Condition) -> list[list[Condition]]:
    """Return conditions that hold together: first those of which each has to hold, then those in the branches of OR."""
    joined = parts(condition)
    if joined is None:
        return [[condition]]
    inner = [_chains(one) for one in joined[1]]
    if not joined[0]:
        return [[], *(chain for chains in inner for chain in chains)]
    return [[one for chains in inner for one in chains[0]], *(chain for chains in inner for chain in chains[1:])]


def _limits(compared: Iterable[Comparison], made: Mapping[tuple[str, str], Side]) -> Iterator[tuple[exp.Column, Limit]]:
    for one in compared:
        column, limit = one.value.leaf, one.limits[0]
        if isinstance(limit.leaf, exp.Column):
            known = made.get((limit.leaf.table.lower(), limit.leaf.name.lower()))
            limit = known.then(*limit.steps) if known else limit
        if (
            isinstance(column, exp.Column)
            and isinstance(limit.leaf, exp.Parameter)
            and one.exact
            and len(one.limits) == 1
        ):
            yield column, Limit(one.value.steps, one.sign, _is_end(limit.leaf), limit.steps)


def _is_same(one: exp.Column, other: exp.Column) -> bool:
    """Say whether two names are of one column; one without its table is of the only one that has it."""
    tables = {one.table.lower(), other.table.lower()} - {""}
    return one.name.lower() == other.name.lower() and len(tables) <= 1


def _unit(limit: Limit) -> str:
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
