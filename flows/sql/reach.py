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
from typing import TYPE_CHECKING, Literal, get_args

from sqlglot import exp

from flows.model.dependency import Dependency, Edge
from flows.model.window import Unit
from flows.sql.compile.dates import UNITS
from flows.sql.parse.tree import call_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from flows.sql.compile.scope import Occurrence

_MICROSECOND = timedelta(microseconds=1)
_MONTHS = {"MONTH": 1, "QUARTER": 3, "YEAR": 12}
_LENGTHS = {
    "MICROSECOND": _MICROSECOND,
    "MILLISECOND": timedelta(milliseconds=1),
    "SECOND": timedelta(seconds=1),
    "MINUTE": timedelta(minutes=1),
    "HOUR": timedelta(hours=1),
    "DAY": timedelta(days=1),
    "WEEK": timedelta(days=7),
}
_COARSER: tuple[Unit, ...] = get_args(Unit)
_LONGEST = {
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(days=7),
    "month": timedelta(days=31),
    "year": timedelta(days=366),
}
# Moving by months and then by days differs from the other order by at most the days that months differ in.
_MONTH_SLACK = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class Bound:
    """Where the value of an expression lies: not before `low`, not after `high`."""

    low: Edge
    high: Edge


def bound(node: exp.Expr) -> Bound | None:
    """Read an expression of the window's parameters; None where it is anything else."""
    if isinstance(node, exp.Paren):
        return bound(node.this)
    if isinstance(node, exp.Parameter):
        edge = Edge("start" if node.name.lower() == "window_start" else "end")
        return Bound(edge, edge)
    if isinstance(node, exp.Add | exp.Sub):
        return _moved(bound(node.this), node.expression, 1 if isinstance(node, exp.Add) else -1)
    if isinstance(node, exp.Cast) and not node.args.get("format"):
        kind = node.args["to"].sql(dialect="bigquery").upper()
        inner = bound(node.this)
        if kind == "DATE":
            return _cut(inner, "day")
        return inner if kind in {"TIMESTAMP", "DATETIME"} else None
    name = call_name(node)
    arguments = node.expressions if isinstance(node, exp.Anonymous) else []
    if name in {"TIMESTAMP", "DATETIME", "DATE"} and len(arguments) == 1:
        inner = bound(arguments[0])
        return _cut(inner, "day") if name == "DATE" else inner
    if (
        name in {f"{kind}_{verb}" for kind in ("TIMESTAMP", "DATE", "DATETIME") for verb in ("ADD", "SUB")}
        and len(arguments) == 2  # noqa: PLR2004 - from and to
    ):
        return _moved(bound(arguments[0]), arguments[1], 1 if name.endswith("ADD") else -1)
    if name in {"TIMESTAMP_TRUNC", "DATE_TRUNC", "DATETIME_TRUNC"} and len(arguments) == 2:  # noqa: PLR2004
        unit = UNITS.get(arguments[1].sql(dialect="bigquery").upper())
        return _cut(bound(arguments[0]), unit) if unit else None  # type: ignore[arg-type]
    return None


def _moved(inner: Bound | None, interval: exp.Expr, sign: int) -> Bound | None:
    unit, amount = interval.args.get("unit"), interval.this
    if inner is None or not isinstance(interval, exp.Interval) or not isinstance(unit, exp.Var):
        return None
    if isinstance(amount, exp.Neg):
        amount, sign = amount.this, -sign
    if not isinstance(amount, exp.Literal) or not amount.name.lstrip("-").isdigit():
        return None
    count, word = sign * int(amount.name), unit.name.upper()
    if word in _MONTHS:
        count *= _MONTHS[word]
        return Bound(_plus_months(inner.low, count, -_MONTH_SLACK), _plus_months(inner.high, count, _MONTH_SLACK))
    length = _LENGTHS.get(word)
    if length is None:
        return None
    return Bound(_plus(inner.low, count * length, lower=True), _plus(inner.high, count * length, lower=False))


def _plus_months(edge: Edge, months: int, slack: timedelta) -> Edge:
    exact = not edge.offset and (edge.floor in (None, "day", "month") or (edge.floor == "year" and not months % 12))
    if exact:
        return replace(edge, months=edge.months + months)
    floor_slack = _LONGEST[edge.floor] if edge.floor and slack < timedelta(0) else timedelta(0)
    return Edge(edge.anchor, edge.months + months, edge.offset + slack - floor_slack)


def _plus(edge: Edge, offset: timedelta, *, lower: bool) -> Edge:
    """Add time; where the edge has been cut to more than that time divides, keep to the safe side."""
    if edge.floor is None or (edge.floor in {"hour", "day", "week"} and not offset % _LONGEST[edge.floor]):
        return replace(edge, offset=edge.offset + offset)
    slack = -_LONGEST[edge.floor] if lower else timedelta(0)
    return Edge(edge.anchor, edge.months, edge.offset + offset + slack)


def _cut(inner: Bound | None, unit: Unit) -> Bound | None:
    return inner and Bound(_cut_low(inner.low, unit), _cut_high(inner.high, unit))


def _cut_low(edge: Edge, unit: Unit) -> Edge:
    if edge.floor in (None, unit):
        return replace(edge, floor=unit)
    coarse, fine = _coarser(edge.floor, unit)
    if "week" in (coarse, fine) and coarse in {"month", "year"}:
        # A month's week may begin in the month before: neither cut says how far back.
        return Edge(edge.anchor, edge.months, edge.offset - _LONGEST[coarse] - _LONGEST["week"])
    return replace(edge, floor=coarse)


def _cut_high(edge: Edge, unit: Unit) -> Edge:
    if edge.floor in (None, unit):
        return replace(edge, floor=unit)
    coarse, fine = _coarser(edge.floor, unit)
    # A day or an hour cut to a month is that month's beginning; a week may begin in the month before.
    return replace(edge, floor=coarse if "week" not in (coarse, fine) or coarse == "week" else fine)


def _coarser(one: Unit, two: Unit) -> tuple[Unit, Unit]:
    return (one, two) if _COARSER.index(one) > _COARSER.index(two) else (two, one)


def _next(edge: Edge, unit: Unit) -> Edge:
    """Return an upper edge that lies one unit later."""
    if unit in {"month", "year"}:
        return _plus_months(edge, 1 if unit == "month" else 12, _MONTH_SLACK)
    return _plus(edge, _LONGEST[unit], lower=False)


def restrict(occurrence: Occurrence, unit: Unit | None, sign: str, value: Bound) -> None:
    """Note that a table's partition column, cut to a unit, stands in `sign` to a bound."""
    if sign in {">=", ">", "="}:
        low = value.low
        if sign == ">" and unit and low.floor == unit and value.low == value.high:
            low = _plus_months(low, 1, -_MONTH_SLACK) if unit == "month" else low
            low = _plus(low, _LONGEST[unit], lower=True) if unit in {"hour", "day", "week"} else low
        occurrence.lower = low if occurrence.lower is None else _tighter(occurrence.lower, low, lower=True)
    if sign in {"<=", "<", "="}:
        high = _upper(value.high, unit, inclusive=sign != "<")
        occurrence.upper = high if occurrence.upper is None else _tighter(occurrence.upper, high, lower=False)


def _upper(edge: Edge, unit: Unit | None, *, inclusive: bool) -> Edge:
    if unit is None:
        return _plus(edge, _MICROSECOND, lower=False) if inclusive else replace(edge, floor=None)
    if edge.floor == unit:
        return _next(edge, unit) if inclusive else replace(edge, floor=None)
    if inclusive or edge.floor is not None:
        loose = replace(edge, floor=None)
        return replace(_next(loose, unit), floor=unit if unit not in {"month", "year"} or not loose.offset else None)
    if unit in {"hour", "day", "week"}:
        return replace(edge, offset=edge.offset + _LONGEST[unit] - _MICROSECOND, floor=unit)
    return _next(edge, unit)


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
        lowest = _cut_low(lowest, unit)
    return lowest


def _highest(edges: Sequence[Edge]) -> Edge:
    if len(set(edges)) == 1:
        return edges[0]
    anchor: Literal["start", "end"] = "end" if any(edge.anchor == "end" for edge in edges) else "start"
    return Edge(anchor, max(edge.months for edge in edges), max(edge.offset for edge in edges))


def dependencies(occurrences: Iterable[Occurrence], *, by_window: bool) -> tuple[Dependency, ...]:
    """Return one dependency for each table, over all places at which the query reads it.

    `by_window` says whether the query may name the window's parameters.
    """
    by_table: dict[str, list[Occurrence]] = {}
    for occurrence in occurrences:
        by_table.setdefault(occurrence.table, []).append(occurrence)
    return tuple(_dependency(table, places, by_window=by_window) for table, places in sorted(by_table.items()))


def _dependency(table: str, places: Sequence[Occurrence], *, by_window: bool) -> Dependency:
    column = places[0].partition
    if not by_window:
        return Dependency(table, None, "snapshot: the table is made whole each time, from what there is at that moment")
    if column is None:
        return Dependency(table, None, f"snapshot: {table} has no partition column, so it is read whole")
    times = "" if len(places) == 1 else f" in one of the {len(places)} places where it is read"
    if any(place.upper is None and place.lower is None for place in places):
        hint = f"add {column} >= @window_start AND {column} < @window_end where it is to be read by window"
        return Dependency(table, None, f"snapshot: nothing bounds {column} by the window{times}; {hint}")
    if any(place.upper is None for place in places):
        hint = f"add {column} < @window_end"
        return Dependency(table, None, f"snapshot: {column} has a lower bound only{times}; {hint}")
    start = _lowest([place.lower or Edge("beginning") for place in places])
    end = _highest([place.upper for place in places if place.upper])
    return Dependency(table, (start, end), f"reads {column} from {start} to {end}")
