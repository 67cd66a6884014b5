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
from datetime import timedelta
from typing import TYPE_CHECKING, Literal, NamedTuple

from flows.model.dependency import Dependency, Edge, Misplaced, Snapshot, Unread
from flows.sql.bounds import (
    FIXED,
    LONGEST,
    MICROSECOND,
    MONTH_SLACK,
    PARTS,
    Bound,
    counted_in,
    cut_low,
    cut_twice,
    is_at,
    next_edge,
    plus,
    plus_months,
    span_of,
)
from flows.sql.parse.tree import line_of
from flows.sql.shown import shown
from flows.sql.steps import Back, Cut, Into, Move, Plus

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlglot import exp

    from flows.model.window import Unit
    from flows.sql.bounds import Part
    from flows.sql.steps import Step

_NOTHING = timedelta(0)


@dataclass(eq=False, slots=True)
class Occurrence:
    """One place at which a query reads a table, with the bounds found there."""

    table: str
    partition: str | None
    """The partition column."""
    type: str = "TIMESTAMP"
    """The type of that column."""
    lower: Edge | None = None
    upper: Edge | None = None
    misplaced: tuple[Misplaced, ...] = ()
    unread: tuple[exp.Expr, ...] = ()
    """What names the window beside the partition column, and yet is no upper bound."""
    is_filtered: bool = False
    """Whether a condition is about the partition column alone, be it by the window or not."""
    of: Occurrence | None = None
    """The read whose bounds it began with."""

    def again(self) -> Occurrence:
        """Return the same read at another place."""
        return replace(self, of=self)


@dataclass(frozen=True, slots=True)
class Origin:
    """Which column of which table a value is, and what has become of it on the way.

    The value lies between `least` and `most` after what the column is cut to.
    """

    occurrence: Occurrence
    column: str
    unit: Part | None
    least: timedelta = _NOTHING
    most: timedelta = _NOTHING
    kind: str = ""
    """As what it is written, where it is no time."""
    steps: tuple[Step, ...] = ()
    """What has become of it, exactly."""
    uncut: tuple[tuple[Part, timedelta], ...] = ()
    """To what it has been cut last, each with what `least` was before."""
    opaque: bool = False
    """Whether a bound on the value says nothing about the column's: other rows have decided about it."""

    def among(self, copies: Mapping[Occurrence, Occurrence]) -> Origin:
        """Return the origin in a copy of its table, where there is one."""
        return replace(self, occurrence=copies.get(self.occurrence, self.occurrence))

    def after(self, steps: Iterable[Step]) -> Origin:
        """Return the origin of what steps make of the value."""
        value, made = self, tuple(steps)
        try:
            for step in made:
                value = _stepped(value, step)
        except OverflowError:
            return replace(self, opaque=True)
        return replace(value, steps=self.steps + made) if made else value


def hidden(origins: Iterable[Origin]) -> frozenset[Origin]:
    """Return the origins of what depends on other rows too."""
    return frozenset([replace(one, opaque=True) for one in origins])


def _stepped(value: Origin, step: Step) -> Origin:
    match step:
        case Into(kind):
            return replace(value, kind=kind, opaque=value.opaque or bool(value.kind))
        case Back(kind):
            return replace(value, kind="", opaque=value.opaque or value.kind != kind)
        case Plus(count):
            unit = counted_in(value.kind)
            return _stepped(value, Move(unit, count)) if unit else replace(value, opaque=True)
        case Cut("MICROSECOND"):
            return value
        case Cut(part) if (cut := PARTS.get(part)) is not None:
            kept = value.least == value.most and (not value.least or (cut in FIXED and not value.least % LONGEST[cut]))
            both = cut_twice(value.unit, cut) if kept else None
            if both is not None:
                return replace(value, unit=both)
    span = span_of(step)
    if span is None:
        return replace(value, opaque=True)
    cut_to = PARTS.get(step.part) if isinstance(step, Cut) else None
    uncut = (*value.uncut, (cut_to, value.least)) if cut_to else ()
    return replace(value, least=value.least + span[0], most=value.most + span[1], uncut=uncut)


class Limit(NamedTuple):
    """Between which edges a condition keeps a column of a table."""

    occurrence: Occurrence
    column: str
    lower: Edge | None
    upper: Edge | None
    condition: exp.Expr

    @property
    def key(self) -> tuple[Occurrence, str]:
        """What it limits."""
        return self.occurrence, self.column


def limit_of(origin: Origin, sign: str, value: Bound, condition: exp.Expr) -> Limit | None:
    """Return what it says of a column that a value made of it stands in `sign` to a bound; None for nothing."""
    if origin.opaque or origin.kind != value.kind:
        return None
    lower = upper = None
    try:
        if sign in {">=", ">", "="}:
            lower = _lower(plus(value.low, -origin.most), origin.unit, inclusive=sign != ">")
        if sign in {"<=", "<", "="}:
            least = _least_below(value.high, origin) if sign == "<" else origin.least
            upper = _upper(plus(value.high, -least), origin.unit, inclusive=sign != "<")
    except OverflowError:
        return None
    return Limit(origin.occurrence, origin.column, lower, upper, condition)


def _least_below(edge: Edge, origin: Origin) -> timedelta:
    """Return how far a value that stays below an edge lies at least behind its column: what is cut to a part stays below the part's beginning where it did so before."""
    least = origin.least
    for part, before in reversed(origin.uncut):
        if not is_at(edge, part):
            break
        least = before
    return least


def all_of(found: Iterable[Limit]) -> list[Limit]:
    """Return what holds where all of some limits do: one for each column."""
    limits: dict[tuple[Occurrence, str], Limit] = {}
    for one in found:
        known = limits.setdefault(one.key, one)
        if known is not one:
            lower = _tighter(known.lower, one.lower, lower=True)
            limits[one.key] = known._replace(lower=lower, upper=_tighter(known.upper, one.upper, lower=False))
    return list(limits.values())


def any_of(found: Sequence[list[Limit]]) -> list[Limit]:
    """Return what holds where one of several conditions does, each with its limits, one for each column."""
    if len(found) == 1:
        return found[0]
    by_key = [{one.key: one for one in limits} for limits in found]
    shared = [[limits.get(key) for limits in by_key] for key in (by_key[0] if by_key else ())]
    return [_hull([one for one in limits if one]) for limits in shared if all(limits)]


def _hull(limits: Sequence[Limit]) -> Limit:
    lowers, uppers = [one.lower for one in limits if one.lower], [one.upper for one in limits if one.upper]
    lower = _lowest(lowers) if len(lowers) == len(limits) else None
    return limits[0]._replace(lower=lower, upper=_highest(uppers) if len(uppers) == len(limits) else None)


def hull(bounds: Sequence[Bound]) -> Bound | None:
    """Return where a value lies that lies in one of several bounds; None where they are not of one kind."""
    if len({one.kind for one in bounds}) != 1:
        return None
    return Bound(_lowest([one.low for one in bounds]), _highest([one.high for one in bounds]), bounds[0].kind)


def restrict(limit: Limit) -> None:
    """Note what a condition says of a table that it keeps rows out of."""
    occurrence = limit.occurrence
    if limit.lower is None and limit.upper is None:
        return
    if limit.column != occurrence.partition:
        occurrence.misplaced += (Misplaced(limit.column, line_of(limit.condition)),)
        return
    occurrence.is_filtered = True
    occurrence.lower = _tighter(occurrence.lower, limit.lower, lower=True)
    occurrence.upper = _tighter(occurrence.upper, limit.upper, lower=False)


def _lower(edge: Edge, unit: Part | None, *, inclusive: bool) -> Edge:
    if inclusive or unit is None or not is_at(edge, unit) or unit == "year":
        return edge
    return plus_months(edge, 1, -MONTH_SLACK) if unit == "month" else plus(edge, LONGEST[unit])


def _uncut(edge: Edge) -> Edge:
    """Return an upper edge without its cut, where that leaves it simpler."""
    return edge if edge.after or edge.floor is None else replace(edge, floor=None)


def _upper(edge: Edge, unit: Part | None, *, inclusive: bool) -> Edge:
    if unit is None:
        return plus(edge, MICROSECOND) if inclusive else _uncut(edge)
    if unit == "millisecond" or unit == "second" or unit == "minute":  # noqa: PLR1714 - what is left are the others
        return _uncut(edge) if is_at(edge, unit) and not inclusive else plus(edge, LONGEST[unit])
    return _upper_of_unit(edge, unit, inclusive=inclusive)


def _upper_of_unit(edge: Edge, unit: Unit, *, inclusive: bool) -> Edge:
    if is_at(edge, unit):
        return next_edge(edge, unit) if inclusive else _uncut(edge)
    if inclusive or edge.floor is not None:
        loose = Edge(edge.anchor, edge.months, edge.offset + edge.after)
        return replace(
            next_edge(loose, unit), floor=unit if unit not in {"month", "year"} or not loose.offset else None
        )
    if unit in {"hour", "day", "week"}:
        return replace(edge, offset=edge.offset + LONGEST[unit] - MICROSECOND, floor=unit)
    return next_edge(edge, unit)


def _tighter(one: Edge | None, two: Edge | None, *, lower: bool) -> Edge | None:
    """Return the narrower of two edges of which both hold; the first where nobody can say."""
    if one is None or two is None:
        return one or two
    if (one.anchor, one.floor) != (two.anchor, two.floor):
        return one
    later = two.months >= one.months and two.offset >= one.offset and two.after >= one.after
    sooner = two.months <= one.months and two.offset <= one.offset and two.after <= one.after
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
    after = min(edge.after for edge in edges)
    return plus(lowest, after if len({edge.floor for edge in edges}) == 1 else min(after, _NOTHING))


def _highest(edges: Sequence[Edge]) -> Edge:
    if len(set(edges)) == 1:
        return edges[0]
    anchor: Literal["start", "end"] = "end" if any(edge.anchor == "end" for edge in edges) else "start"
    floors = {edge.floor for edge in edges}
    months, offset = max(edge.months for edge in edges), max(edge.offset for edge in edges)
    after = max(edge.after for edge in edges)
    if len(floors) == 1:
        return Edge(anchor, months, offset, floors.pop(), after)
    return Edge(anchor, months, offset + max(after, _NOTHING))


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
        open_ = [place for place in places if place.upper is None] if by_window and column is not None else []
        unread = dict.fromkeys(Unread(shown(node), line_of(node)) for place in open_ for node in place.unread)
        return Dependency(
            table, None, column, snapshot, count, tuple(misplaced.values()), unfiltered, tuple(unread), places[0].type
        )
    start = _lowest([place.lower or Edge("beginning") for place in places])
    end = _highest([place.upper for place in places if place.upper])
    return Dependency(table, (start, end), column, places=count, unfiltered=unfiltered, type=places[0].type)
