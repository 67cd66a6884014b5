"""Bounds: where the value of an expression of @window_start and @window_end lies, between two edges.

The two are equal unless the expression cuts to a part and then moves by less than that part. Wider than the truth is
safe, narrower never is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import get_args

from sqlglot import exp

from flows.model.dependency import Edge
from flows.model.window import Unit
from flows.sql.parse.tree import call_name

UNITS: dict[str, Unit] = {
    "HOUR": "hour",
    "DAY": "day",
    "ISOWEEK": "week",
    "WEEK(MONDAY)": "week",
    "MONTH": "month",
    "YEAR": "year",
}
"""Parts to which an edge can be cut, as windows name them."""
MICROSECOND = timedelta(microseconds=1)
_MONTHS = {"MONTH": 1, "QUARTER": 3, "YEAR": 12}
_TIMES = {"TIMESTAMP", "DATETIME", "DATE"}
_LENGTHS = {
    "MICROSECOND": MICROSECOND,
    "MILLISECOND": timedelta(milliseconds=1),
    "SECOND": timedelta(seconds=1),
    "MINUTE": timedelta(minutes=1),
    "HOUR": timedelta(hours=1),
    "DAY": timedelta(days=1),
    "WEEK": timedelta(days=7),
}
_COARSER: tuple[Unit, ...] = get_args(Unit)
LONGEST = {
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(days=7),
    "month": timedelta(days=31),
    "year": timedelta(days=366),
}
# How far back at most it is to the beginning of a part that no edge can be cut to.
_OTHER_PARTS = {
    **{part: length for part, length in _LENGTHS.items() if length < LONGEST["hour"]},
    "WEEK": timedelta(days=7),
    "QUARTER": timedelta(days=92),
    "ISOYEAR": timedelta(days=371),
}
# What most conditions compare, which holds no parameter.
_NEVER = (exp.Column, exp.Literal)
# Further than any date is from another.
_FURTHEST = timedelta(days=4_000_000)
# Moving by months and then by days differs from the other order by at most the days that months differ in.
MONTH_SLACK = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class Bound:
    """Where the value of an expression lies: not before `low`, not after `high`."""

    low: Edge
    high: Edge


_START, _END = (Bound(edge, edge) for edge in (Edge("start"), Edge("end")))


def bound(node: exp.Expr) -> Bound | None:
    """Read an expression of the window's parameters; None where it is anything else."""
    if isinstance(node, _NEVER):
        return None
    try:
        value = _read(node)
    except OverflowError:
        return None
    known = value is not None and -_FURTHEST < value.low.offset <= value.high.offset < _FURTHEST
    return value if known else None


def _read(node: exp.Expr) -> Bound | None:
    if isinstance(node, exp.Paren):
        return _read(node.this)
    if isinstance(node, exp.Parameter):
        return _START if node.name.lower() == "window_start" else _END
    if isinstance(node, exp.Add) and isinstance(node.this, exp.Interval):
        return _moved(_read(node.expression), node.this, 1)
    if isinstance(node, (exp.Add, exp.Sub)):
        return _moved(_read(node.this), node.expression, 1 if isinstance(node, exp.Add) else -1)
    if isinstance(node, exp.Cast) and not node.args.get("format"):
        return _turned(_read(node.this), node.args["to"].sql(dialect="bigquery").upper())
    name = call_name(node) or ""
    arguments = node.expressions if isinstance(node, exp.Anonymous) else []
    if len(arguments) == 1:
        return _turned(_read(arguments[0]), name)
    kind, _, verb = name.partition("_")
    if kind not in _TIMES or len(arguments) != 2:  # noqa: PLR2004 - a value and by what it is moved or cut
        return None
    if verb in {"ADD", "SUB"}:
        return _moved(_read(arguments[0]), arguments[1], 1 if verb == "ADD" else -1)
    return _cut(_read(arguments[0]), arguments[1].sql(dialect="bigquery").upper()) if verb == "TRUNC" else None


def _turned(inner: Bound | None, kind: str) -> Bound | None:
    """Return a bound as another type of time."""
    return _cut(inner, "DAY") if kind == "DATE" else inner if kind in _TIMES else None


def _moved(inner: Bound | None, by: exp.Expr, sign: int) -> Bound | None:
    """Return a bound moved by an interval, or a day by a number of days."""
    interval = by if isinstance(by, exp.Interval) else exp.Interval(this=by, unit=exp.var("DAY"))
    unit, amount = interval.args.get("unit"), interval.this
    if isinstance(amount, exp.Neg):
        amount, sign = amount.this, -sign
    if inner is None or not isinstance(unit, exp.Var) or not isinstance(amount, exp.Literal):
        return None
    word, digits = unit.name.upper(), re.fullmatch("(-?)([0-9]{1,18})", amount.name)
    if digits is None:
        return None
    count = sign * int(digits[0])
    if word in _MONTHS:
        count *= _MONTHS[word]
        return Bound(plus_months(inner.low, count, -MONTH_SLACK), plus_months(inner.high, count, MONTH_SLACK))
    if word not in _LENGTHS:
        return None
    offset = count * _LENGTHS[word]
    return Bound(plus(inner.low, offset, lower=True), plus(inner.high, offset, lower=False))


def plus_months(edge: Edge, months: int, slack: timedelta) -> Edge:
    """Add calendar months; where the days of two months decide, keep to the safe side by `slack`."""
    if edge.floor == "month" or (edge.floor == "year" and not months % 12):
        exact = not edge.offset
    else:
        # January 31 and a month, less a month, is January 28.
        exact = not edge.offset and not (edge.months and months) and edge.floor in (None, "day")
    if exact:
        return Edge(edge.anchor, edge.months + months, edge.offset, edge.floor)
    floor_slack = LONGEST[edge.floor] if edge.floor and slack < timedelta(0) else timedelta(0)
    return Edge(edge.anchor, edge.months + months, edge.offset + slack - floor_slack)


def plus(edge: Edge, offset: timedelta, *, lower: bool) -> Edge:
    """Add time; where the edge has been cut to more than that time divides, keep to the safe side."""
    if edge.floor is None or (edge.floor in {"hour", "day", "week"} and not offset % LONGEST[edge.floor]):
        return Edge(edge.anchor, edge.months, edge.offset + offset, edge.floor)
    slack = -LONGEST[edge.floor] if lower else timedelta(0)
    return Edge(edge.anchor, edge.months, edge.offset + offset + slack)


def _cut(inner: Bound | None, part: str) -> Bound | None:
    """Return a bound cut to the beginning of a part, such as `MONTH`."""
    unit = UNITS.get(part)
    if inner is not None and unit is not None:
        return Bound(cut_low(inner.low, unit), _cut_high(inner.high, unit))
    loose = _OTHER_PARTS.get(part.partition("(")[0])
    return Bound(plus(inner.low, -loose, lower=True), inner.high) if inner is not None and loose is not None else None


def cut_low(edge: Edge, unit: Unit) -> Edge:
    """Return a lower edge cut to the beginning of a unit, after what it has been cut to before."""
    if edge.floor in (None, unit):
        return Edge(edge.anchor, edge.months, edge.offset, unit)
    coarse, _ = _coarser(edge.floor, unit)
    if cut_twice(edge.floor, unit) is None:
        return Edge(edge.anchor, edge.months, edge.offset - LONGEST[coarse] - LONGEST["week"])
    return Edge(edge.anchor, edge.months, edge.offset, coarse)


def _cut_high(edge: Edge, unit: Unit) -> Edge:
    if edge.floor in (None, unit):
        return Edge(edge.anchor, edge.months, edge.offset, unit)
    coarse, fine = _coarser(edge.floor, unit)
    return Edge(edge.anchor, edge.months, edge.offset, fine if cut_twice(edge.floor, unit) is None else coarse)


def cut_twice(one: Unit | None, two: Unit | None) -> Unit | None:
    """Return to what a value has been cut that was cut to one unit and then to another.

    None where no cut says: a month's week may begin in the month before.
    """
    if one is None or two is None or one == two:
        return one or two
    coarse, _ = _coarser(one, two)
    return None if "week" in (one, two) and coarse != "week" else coarse


def _coarser(one: Unit, two: Unit) -> tuple[Unit, Unit]:
    return (one, two) if _COARSER.index(one) > _COARSER.index(two) else (two, one)


def next_edge(edge: Edge, unit: Unit) -> Edge:
    """Return an upper edge that lies one unit later."""
    if unit in {"month", "year"}:
        return plus_months(edge, 1 if unit == "month" else 12, MONTH_SLACK)
    return plus(edge, LONGEST[unit], lower=False)
