"""Bounds: where the value of an expression of @window_start and @window_end lies, between two edges.

The two are equal unless the expression cuts to a part and then moves by less than that part. Wider than the truth is
safe, narrower never is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, TypeVar, get_args

from sqlglot import exp

from flows.model.dependency import Edge
from flows.model.window import Unit
from flows.sql.steps import Back, Cut, Into, Last, Local, Move, Plus, side, zone_span

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flows.sql.steps import Side, Step

_Part = TypeVar("_Part", bound=str)
Part = Literal["millisecond", "second", "minute"] | Unit
"""To what a column can be cut so that a bound that is cut alike is met exactly."""
UNITS: dict[str, Unit] = {
    "HOUR": "hour",
    "DAY": "day",
    "ISOWEEK": "week",
    "WEEK(MONDAY)": "week",
    "MONTH": "month",
    "YEAR": "year",
}
"""Parts to which an edge can be cut, as windows name them."""
PARTS: dict[str, Part] = {"MILLISECOND": "millisecond", "SECOND": "second", "MINUTE": "minute", **UNITS}
MICROSECOND = timedelta(microseconds=1)
MONTHS = {"MONTH": 1, "QUARTER": 3, "YEAR": 12}
_LENGTHS = {
    "MICROSECOND": MICROSECOND,
    "MILLISECOND": timedelta(milliseconds=1),
    "SECOND": timedelta(seconds=1),
    "MINUTE": timedelta(minutes=1),
    "HOUR": timedelta(hours=1),
    "DAY": timedelta(days=1),
    **dict.fromkeys(
        ("WEEK", "ISOWEEK", *(f"WEEK({day}DAY)" for day in ("SUN", "MON", "TUES", "WEDNES", "THURS", "FRI", "SATUR"))),
        timedelta(days=7),
    ),
}
_COARSER: tuple[Part, ...] = ("millisecond", "second", "minute", *get_args(Unit))
LONGEST: dict[Part, timedelta] = {
    "millisecond": timedelta(milliseconds=1),
    "second": timedelta(seconds=1),
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(days=7),
    "month": timedelta(days=31),
    "year": timedelta(days=366),
}
FIXED: tuple[Part, ...] = ("millisecond", "second", "minute", "hour", "day", "week")
"""Parts that all are of one length, so that what is moved by that length is cut as it was."""
_CLOCK: tuple[Part, ...] = ("millisecond", "second", "minute", "hour")
# How long a part at most is that no edge can be cut to.
_OTHER_PARTS = {"WEEK": timedelta(days=7), "QUARTER": timedelta(days=92), "ISOYEAR": timedelta(days=371)}
# What most conditions compare, which holds no parameter.
_NEVER = (exp.Column, exp.Literal)
# Further than any date is from another.
_FURTHEST = timedelta(days=4_000_000)
# Moving by months and then by days differs from the other order by at most the days that months differ in.
MONTH_SLACK = timedelta(days=3)
_MONTH = timedelta(days=30.436875)
# No number of months is further from that many times their mean.
_OFF_MEAN = timedelta(days=5)
_NOTHING = timedelta(0)


@dataclass(frozen=True, slots=True)
class Bound:
    """Where the value of an expression lies: not before `low`, not after `high`."""

    low: Edge
    high: Edge
    kind: str = ""
    """As what it is written, where it is no time."""


_BY_NAME = {name: Bound(edge, edge) for name, edge in (("window_start", Edge("start")), ("window_end", Edge("end")))}


def bound(node: exp.Expr) -> Bound | None:
    """Read an expression of the window's parameters; None where it is anything else."""
    return None if isinstance(node, _NEVER) else bound_of(side(node))


def bound_of(given: Side) -> Bound | None:
    """Return where a side of a comparison lies that is made of a parameter of the window; None where it is not."""
    return _of_parameter(given.leaf.name.lower(), given.steps) if isinstance(given.leaf, exp.Parameter) else None


@lru_cache(maxsize=1024)
def _of_parameter(name: str, steps: tuple[Step, ...]) -> Bound | None:
    return after(_BY_NAME.get(name), steps)


def after(value: Bound | None, steps: Iterable[Step]) -> Bound | None:
    """Return where a value lies after some steps; None where nobody can say."""
    try:
        for step in steps:
            value = value and _stepped(value, step)
    except OverflowError:
        return None
    edges = (value.low, value.high) if value is not None else ()
    return value if all(max(abs(edge.offset), abs(edge.after)) < _FURTHEST for edge in edges) else None


def _stepped(value: Bound, step: Step) -> Bound | None:
    match step:
        case Cut(part):
            return _cut(value, part)
        case Into(kind):
            return None if value.kind else replace(value, kind=kind)
        case Back(kind):
            return replace(value, kind="") if value.kind == kind else None
        case Last(part) if part in UNITS:
            begun = _cut(value, part)
            following = begun and _stepped(begun, Move(part, 1))
            return following and _stepped(following, Move("DAY", -1))
        case Move(unit, count) if unit in MONTHS:
            months = count * MONTHS[unit]
            low, high = (plus_months(edge, months, slack) for edge, slack in _ends(value, -MONTH_SLACK, MONTH_SLACK))
            return replace(value, low=low, high=high)
        case Plus(count):
            counted = counted_in(value.kind)
            return _stepped(value, Move(counted, count)) if counted else None
    span = span_of(step)
    if span is None:
        return None
    return replace(value, low=plus(value.low, span[0]), high=plus(value.high, span[1]))


def _ends(value: Bound, low: timedelta, high: timedelta) -> tuple[tuple[Edge, timedelta], ...]:
    return (value.low, low), (value.high, high)


def counted_in(kind: str) -> str | None:
    """Return by what a number moves a value of a kind: a DATE by days; None where it moves nothing."""
    return kind or "DAY" if kind in {"", "YEAR"} or kind in _LENGTHS else None


def span_of(step: Step) -> tuple[timedelta, timedelta] | None:
    """Return by how much a step moves a time at least and at most; None where nobody can say."""
    match step:
        case Cut(part):
            longest = longest_of(part)
            return None if longest is None else (min(MICROSECOND - longest, _NOTHING), _NOTHING)
        case Move(unit, count) if unit in MONTHS:
            mean = count * MONTHS[unit] * _MONTH
            return mean - _OFF_MEAN, mean + _OFF_MEAN
        case Move(unit, count):
            length = _LENGTHS.get(unit)
            return None if length is None else (count * length, count * length)
        case Last(part):
            longest = longest_of(part)
            return None if longest is None else (_NOTHING, longest - _LENGTHS["DAY"])
        case Local(zone, back):
            least, most = zone_span(zone)
            return (-most, -least) if back else (least, most)
    return None


def longest_of(part: str) -> timedelta | None:
    """Return how long a part is at most; None where it is none."""
    known = PARTS.get(part)
    if part == "MICROSECOND":
        return _NOTHING
    return LONGEST[known] if known is not None else _OTHER_PARTS.get(part.partition("(")[0])


def plus_months(edge: Edge, months: int, slack: timedelta) -> Edge:
    """Add calendar months; where the days of two months decide, keep to the safe side by `slack`."""
    if edge.after:
        # Time and months in the other order.
        return plus(plus_months(replace(edge, after=_NOTHING), months, slack), edge.after + slack)
    if edge.floor == "month" or (edge.floor == "year" and not months % 12):
        exact = not edge.offset
    else:
        # January 31 and a month, less a month, is January 28.
        exact = not edge.offset and not (edge.months and months) and edge.floor in (None, "day")
    if exact:
        return Edge(edge.anchor, edge.months + months, edge.offset, edge.floor)
    floor_slack = LONGEST[edge.floor] if edge.floor and slack < timedelta(0) else timedelta(0)
    return Edge(edge.anchor, edge.months + months, edge.offset + slack - floor_slack)


def plus(edge: Edge, time: timedelta) -> Edge:
    """Add time: before the cut where that comes to the same, else after it."""
    if not time:
        return edge
    if edge.floor is None or (edge.floor in FIXED and not time % LONGEST[edge.floor]):
        return replace(edge, offset=edge.offset + time)
    return replace(edge, after=edge.after + time)


def _cut(value: Bound, part: str) -> Bound | None:
    """Return a bound cut to the beginning of a part, such as `MONTH`."""
    unit = UNITS.get(part)
    if unit is not None:
        return replace(value, low=cut_low(value.low, unit), high=_cut_high(value.high, unit))
    known = PARTS.get(part)
    longest = longest_of(part)
    if longest is None:
        return None
    if known is not None and is_at(value.low, known) and is_at(value.high, known):
        return value
    return replace(value, low=plus(value.low, -longest))


def is_at(edge: Edge, part: Part) -> bool:
    """Say whether an edge surely lies at the beginning of a part; every window begins with an hour."""
    if edge.after and (part not in FIXED or edge.after % LONGEST[part]):
        return False
    if part in _CLOCK:
        return edge.floor is not None or not edge.offset % LONGEST[part]
    return edge.floor is not None and cut_twice(edge.floor, part) == edge.floor


def cut_low(edge: Edge, unit: Unit) -> Edge:
    """Return a lower edge cut to the beginning of a unit, after what it has been cut to before."""
    if is_at(edge, unit):
        return edge
    if edge.after or cut_twice(edge.floor, unit) is None:
        return plus(edge, -LONGEST[unit])
    return replace(edge, floor=unit)


def _cut_high(edge: Edge, unit: Unit) -> Edge:
    if is_at(edge, unit) or edge.after or cut_twice(edge.floor, unit) is None:
        return edge
    return replace(edge, floor=unit)


def cut_twice(one: Part | None, two: Part | None) -> Part | None:
    """Return to what a value has been cut that was cut to one unit and then to another.

    None where no cut says: a month's week may begin in the month before.
    """
    if one is None or two is None or one == two:
        return one or two
    coarse, _ = _coarser(one, two)
    return None if "week" in (one, two) and coarse != "week" else coarse


def _coarser(one: _Part, two: _Part) -> tuple[_Part, _Part]:
    return (one, two) if _COARSER.index(one) > _COARSER.index(two) else (two, one)


def next_edge(edge: Edge, unit: Part) -> Edge:
    """Return an upper edge that lies one unit later."""
    if unit in {"month", "year"}:
        return plus_months(edge, 1 if unit == "month" else 12, MONTH_SLACK)
    return plus(edge, LONGEST[unit])
