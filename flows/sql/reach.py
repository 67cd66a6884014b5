"""How far a query reads an upstream, relative to its window.

A *bound* is an expression of @window_start and @window_end. Its value is known to lie between two edges, which are
equal unless the expression cuts to a part and then moves by less than that part. Wider than the truth is safe, narrower
never is.

| condition                                     | the rows it lets through lie in                |
| --------------------------------------------- | ---------------------------------------------- |
| `ts >= @window_start - INTERVAL 7 DAY`        | from 7 days before the window                  |
| `ts < @window_end`                            | to its end                                     |
| `ts <= @window_end`                           | to its end and a microsecond                   |
| `DATE(ts) >= DATE(@window_start)`             | from the beginning of the day of its start     |
| `DATE(ts) <= DATE(@window_end)`               | to the end of the day of its end               |
| `day = DATE(@window_start)`                   | the day of its start                           |
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, NamedTuple

from sqlglot import exp

from flows.model.dependency import Dependency, Edge, Misplaced, Snapshot
from flows.model.errors import Fault
from flows.sql.bounds import (
    LONGEST,
    MICROSECOND,
    MONTH_SLACK,
    Bound,
    bound,
    cut_low,
    cut_twice,
    next_edge,
    plus,
    plus_months,
)
from flows.sql.parse.tree import line_of, operands
from flows.sql.shown import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from flows.model.window import Unit
    from flows.sql.parse.tree import Nodes

_SIGNS: dict[type[exp.Expr], str] = {exp.GTE: ">=", exp.GT: ">", exp.LTE: "<=", exp.LT: "<", exp.EQ: "="}
_TURNED = {">=": "<=", ">": "<", "<=": ">=", "<": ">", "=": "="}


@dataclass(eq=False, slots=True)
class Occurrence:
    """One place at which a query reads a table, with the bounds found there."""

    table: str
    partition: str | None
    """The partition column."""
    lower: Edge | None = None
    upper: Edge | None = None
    misplaced: tuple[Misplaced, ...] = ()
    is_filtered: bool = False
    """Whether a condition is about the partition column alone, be it by the window or not."""

    def again(self) -> Occurrence:
        """Return the same read at another place."""
        return Occurrence(self.table, self.partition, self.lower, self.upper, self.misplaced, self.is_filtered)


@dataclass(frozen=True, slots=True)
class Origin:
    """Which column of which table a value is, and to what it has been cut on the way."""

    occurrence: Occurrence
    column: str
    unit: Unit | None

    def among(self, copies: Mapping[Occurrence, Occurrence]) -> Origin:
        """Return the origin in a copy of its table, where there is one."""
        return Origin(copies.get(self.occurrence, self.occurrence), self.column, self.unit)


def cut_origins(origins: Iterable[Origin], unit: Unit | None) -> frozenset[Origin]:
    """Return the origins of a value that is cut to a unit; none where no one cut does the same as both."""
    both = ((one, cut_twice(one.unit, unit)) for one in origins)
    return frozenset(replace(one, unit=twice) for one, twice in both if twice or not (one.unit or unit))


class Limit(NamedTuple):
    """What a condition says of a table's column: it stands in `sign` to a bound."""

    origin: Origin
    sign: str
    value: Bound
    condition: exp.Expr


def restrict(limit: Limit) -> None:
    """Note what a condition says of a table that it keeps rows out of."""
    occurrence, unit, sign, value = limit.origin.occurrence, limit.origin.unit, limit.sign, limit.value
    if limit.origin.column != occurrence.partition:
        occurrence.misplaced += (Misplaced(limit.origin.column, line_of(limit.condition)),)
        return
    occurrence.is_filtered = True
    if sign in {">=", ">", "="}:
        low = value.low
        if sign == ">" and unit and low.floor == unit and value.low == value.high:
            low = plus_months(low, 1, -MONTH_SLACK) if unit == "month" else low
            low = plus(low, LONGEST[unit], lower=True) if unit in {"hour", "day", "week"} else low
        occurrence.lower = low if occurrence.lower is None else _tighter(occurrence.lower, low, lower=True)
    if sign in {"<=", "<", "="}:
        high = _upper(value.high, unit, inclusive=sign != "<")
        occurrence.upper = high if occurrence.upper is None else _tighter(occurrence.upper, high, lower=False)


def _upper(edge: Edge, unit: Unit | None, *, inclusive: bool) -> Edge:
    if unit is None:
        return plus(edge, MICROSECOND, lower=False) if inclusive else replace(edge, floor=None)
    if edge.floor == unit:
        return next_edge(edge, unit) if inclusive else replace(edge, floor=None)
    if inclusive or edge.floor is not None:
        loose = replace(edge, floor=None)
        return replace(
            next_edge(loose, unit), floor=unit if unit not in {"month", "year"} or not loose.offset else None
        )
    if unit in {"hour", "day", "week"}:
        return replace(edge, offset=edge.offset + LONGEST[unit] - MICROSECOND, floor=unit)
    return next_edge(edge, unit)


def _tighter(one: Edge, two: Edge, *, lower: bool) -> Edge:
    """Return the narrower of two edges of which both hold; the first where nobody can say."""
    if (one.anchor, one.floor) != (two.anchor, two.floor):
        return one
    later = two.months >= one.months and two.offset >= one.offset
    sooner = two.months <= one.months and two.offset <= one.offset
    return two if (later if lower else sooner) else one


def _lowest(edges: Sequence[Edge]) -> Edge:
    if any(edge.anchor == "beginning" for edge in edges):
        return Edge("beginning")
    if len(set(edges)) == 1:
        return edges[0]
    anchor: Literal["start", "end"] = "start" if any(edge.anchor == "start" for edge in edges) else "end"
    lowest = Edge(anchor, min(edge.months for edge in edges), min(edge.offset for edge in edges))
    for unit in dict.fromkeys(edge.floor for edge in edges if edge.floor):
        lowest = cut_low(lowest, unit)
    return lowest


def _highest(edges: Sequence[Edge]) -> Edge:
    if len(set(edges)) == 1:
        return edges[0]
    anchor: Literal["start", "end"] = "end" if any(edge.anchor == "end" for edge in edges) else "start"
    return Edge(anchor, max(edge.months for edge in edges), max(edge.offset for edge in edges))


def shared_ends(nodes: Nodes) -> Iterator[Fault]:
    """Give a fault for each range from a window's start to its end that includes both: two windows share that moment."""
    for node in nodes.of(exp.Between, exp.And):
        above = node.parent
        while isinstance(above, exp.Paren):
            above = above.parent
        if isinstance(above, exp.Not | exp.And):
            continue
        lows: list[tuple[exp.Expr, Edge]] = []
        highs: list[tuple[exp.Expr, exp.Expr, exp.Expr, Edge]] = []
        for one in operands(node, exp.And):
            for column, sign, limit in comparisons(one):
                value = bound(limit) if sign in {">=", "<="} else None
                if value is not None and value.low == value.high and value.low.floor is None:
                    if sign == ">=":
                        lows.append((column, value.low))
                    else:
                        highs.append((one, column, limit, value.high))
        low_of = {shown(column): low for column, low in lows} if highs else {}
        for one, column, limit, high in highs:
            low = low_of.get(shown(column))
            if (
                low is not None
                and (low.anchor, high.anchor) == ("start", "end")
                and replace(high, anchor="start") == low
            ):
                yield _shared_end(one, column, limit)


def _shared_end(one: exp.Expr, column: exp.Expr, limit: exp.Expr) -> Fault:
    written = f"{shown(column)} < {shown(limit)}"
    if isinstance(one, exp.Between):
        written = f"{shown(column)} >= {shown(one.args['low'])} AND {written}"
    what = "BETWEEN includes its end" if isinstance(one, exp.Between) else f"'{shown(one)}' includes the end"
    message = f"{what}, at which the next window begins: rows of that moment would stand in both. Write {written}."
    return Fault(line_of(one), message)


def comparisons(node: exp.Expr) -> Iterator[tuple[exp.Expr, str, exp.Expr]]:
    """Give what a condition compares with what, in both directions: value, sign, limit."""
    if isinstance(node, exp.Between):
        yield node.this, ">=", node.args["low"]
        yield node.this, "<=", node.args["high"]
    sign = _SIGNS.get(type(node))
    if sign is not None:
        yield node.this, sign, node.expression
        yield node.expression, _TURNED[sign], node.this


def dependencies(occurrences: Iterable[Occurrence], *, by_window: bool) -> tuple[Dependency, ...]:
    """Return one dependency for each table, over all places at which the query reads it.

    `by_window` says whether the query may name the window's parameters.
    """
    by_table: dict[str, list[Occurrence]] = {}
    for occurrence in occurrences:
        by_table.setdefault(occurrence.table, []).append(occurrence)
    return tuple(_dependency(table, places, by_window=by_window) for table, places in sorted(by_table.items()))


def _dependency(table: str, places: Sequence[Occurrence], *, by_window: bool) -> Dependency:
    column, count = places[0].partition, len(places)
    snapshot: Snapshot | None = None
    unfiltered = column is not None and not all(place.is_filtered for place in places)
    if not by_window:
        snapshot = "made whole"
    elif column is None:
        snapshot = "undivided"
    elif any(place.upper is None for place in places):
        snapshot = "unbounded" if any(place.upper is None and place.lower is None for place in places) else "open"
    if snapshot is not None:
        misplaced = {one.column: one for place in places for one in place.misplaced} if by_window else {}
        return Dependency(table, None, column, snapshot, count, tuple(misplaced.values()), unfiltered)
    start = _lowest([place.lower or Edge("beginning") for place in places])
    end = _highest([place.upper for place in places if place.upper])
    return Dependency(table, (start, end), column, places=count, unfiltered=unfiltered)
