"""The conditions of a query that include the end of the range that a window reads, or leave out its start."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlglot import exp

from flows.model.dependency import examples
from flows.model.window import Size
from flows.sql.bounds import PARTS
from flows.sql.comparisons import Condition, comparisons, parts, series_of
from flows.sql.divided import UNREAD, Limit, Rows
from flows.sql.parse.tree import line_of
from flows.sql.passed_on import PassedOn, is_kept
from flows.sql.seam import Seam
from flows.sql.shown import shown
from flows.sql.steps import Cut, side

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from flows.sql.comparisons import Comparison
    from flows.sql.divided import Bound
    from flows.sql.parse.tree import Nodes
    from flows.sql.steps import Side

_COMPARED = (exp.Between, exp.In, exp.GTE, exp.GT, exp.LTE, exp.LT, exp.EQ)
# What a value beside the window's end says of the rows there alone.
_TELLING = (exp.EQ, exp.NEQ, exp.LT, exp.GT, exp.GTE)
_UPPER, _LOWER = {"<", "<=", "="}, {">", ">=", "="}
_EXAMPLE = next(examples(Size(1, "day")))
_TURNED: dict[bool, dict[type[exp.Expr], str]] = {
    True: {exp.LTE: "<", exp.GTE: ">", exp.LT: "<=", exp.GT: ">="},
    False: {exp.GT: "<", exp.LT: ">", exp.GTE: "<=", exp.LTE: ">="},
}
"""What to write for a comparison that holds, and for one that does not, so that it has the rows at its bound or not."""
_MIRRORED = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}
_FACING = {("<=", True): {">=", ">"}, (">", False): {"<"}}
"""What the other end of a range has to be beside an end that is included, or a start that is left out."""


def seams(nodes: Nodes) -> list[Seam]:
    """Return every condition that may include the end of the range that a window reads, or leave out its start."""
    made = _made_of_window(nodes)
    if not made and all(_is_plain(node) for node in nodes.of(exp.Parameter)):
        return []
    graph = _Graph(nodes, made)
    return [one for select in nodes.of(exp.Select) for one in graph.seams(select)]


class _Graph:
    """The SELECTs of a query, and what bounds the rows of each."""

    def __init__(self, nodes: Nodes, made: Mapping[tuple[str, str], Side]) -> None:
        self._made = made
        self._names = {name for _, name in made}
        self._passed = PassedOn(nodes)
        self._rows: dict[int, Rows] = {}

    def seams(self, select: exp.Select) -> Iterator[Seam]:
        """Give the conditions of a SELECT that include an end or leave out a start."""
        first, *others = _chains_of(select)
        always = self._bounds(first)
        yield from self._of_chain(select, first, [*always, *(bound for one in others for bound in self._bounds(one))])
        for chain in others:
            yield from self._of_chain(select, chain, [*always, *self._bounds(chain)])

    def _of_chain(
        self, select: exp.Select, chain: list[Condition], bounds: list[tuple[exp.Column | None, Bound]]
    ) -> Iterator[Seam]:
        limits = [(column, limit, one) for one in chain for column, limit in self._limits(one)]
        for column, limit, condition in limits:
            facing = _FACING.get((limit.sign, limit.at_end))
            others = [one for other, one, _ in limits if one is not limit and _is_same(column, other)]
            if facing and any(one.sign in facing and one.at_end != limit.at_end for one in others):
                of_others = [(other, bound) for other, bound in bounds if other is None or not _is_same(column, other)]
                beside = [*_of_rows(of_others, column.table), *self._read(select)]
                rows, name = self._rows_of(select), column.name.lower()
                line, written, unit = line_of(condition.node), _written(condition), _unit(limit)
                yield Seam(line, written, _turned(condition), unit, limit, tuple(others), name, rows, tuple(beside))

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

    What only ends with the window in another table, or begins before it, is what was known by then, and says nothing of
    when a row is from.
    """
    return [
        bound
        for column, bound in bounds
        if column is None
        or (table is not None and len({table.lower(), column.table.lower()} - {""}) <= 1)
        or (any(limit.sign in _LOWER for limit in bound) and not _begins_before(bound))
    ]


def _begins_before(bound: Bound) -> bool:
    """Say whether a range begins before its window, so that two windows share what it holds."""
    before = _EXAMPLE.start - timedelta(microseconds=1)
    try:
        return all(limit.holds(before, _EXAMPLE) for limit in bound if limit.sign in _LOWER)
    except ValueError:
        return False


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


def _is_plain(parameter: exp.Expr) -> bool:
    """Say whether a parameter is plainly no end that a range includes, and no start that it leaves out."""
    node: exp.Expr | None = parameter
    while node is not None and not isinstance(node, _COMPARED):
        node = node.parent
    plain = (
        (exp.LT, exp.GT) if parameter.name.lower() == "window_end" else (exp.LTE, exp.GTE, exp.Between, exp.In, exp.EQ)
    )
    if not isinstance(node, plain):
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


def _turned(condition: Condition) -> str:
    """Return what to write in place of a condition so that it leaves out its end, or includes its start."""
    node = condition.node
    if isinstance(node, exp.Between):
        return _range(node.this, node.args["low"], node.args["high"])
    if isinstance(node, exp.In):
        series = series_of(node.args["unnest"].expressions[0])
        return _range(node.this, *series) if series else ""
    sign = _TURNED[condition.holds][type(node)]
    if isinstance(side(node.this).leaf, exp.Parameter):
        return f"{shown(node.expression)} {_MIRRORED[sign]} {shown(node.this)}"
    return f"{shown(node.this)} {sign} {shown(node.expression)}"
