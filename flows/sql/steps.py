"""Steps: what functions of one time make of it, so that a column and a bound that went through the same can be compared.

A function that moves a time by something between a least and a most is a step, whether it cuts, shifts or counts it:

| expression                                    | leaf | steps                                   |
| --------------------------------------------- | ---- | --------------------------------------- |
| `DATE(ts)`, `CAST(ts AS DATE)`                | ts   | cut to DAY                              |
| `TIMESTAMP_ADD(ts, INTERVAL 2 HOUR)`          | ts   | 2 HOURs later                           |
| `DATE(ts, 'Europe/Vienna')`                   | ts   | local time of Vienna, cut to DAY        |
| `UNIX_SECONDS(ts) - 60`                       | ts   | cut to SECOND, in seconds, 60 of them less |
| `FORMAT_DATE('%Y-%m', d)`                     | d    | cut to MONTH, as text                   |
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from sqlglot import exp

from flows.sql.zone_names import fixed, known

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@dataclass(frozen=True, slots=True)
class Cut:
    """Cut to the beginning of a part, such as `DAY`."""

    part: str


@dataclass(frozen=True, slots=True)
class Move:
    """Moved by a number of units, such as `MONTH`."""

    unit: str
    count: int


@dataclass(frozen=True, slots=True)
class Plus:
    """Moved by a number of what the value is counted in: a DATE in days."""

    count: int


@dataclass(frozen=True, slots=True)
class Local:
    """Turned into the local time of a zone, or back."""

    zone: str
    back: bool = False


@dataclass(frozen=True, slots=True)
class Last:
    """Moved to the last day of a part."""

    part: str


@dataclass(frozen=True, slots=True)
class Into:
    """Written as something that is no time, but has the same order."""

    kind: str


@dataclass(frozen=True, slots=True)
class Back:
    """Turned into a time again."""

    kind: str


Step = Cut | Move | Plus | Local | Last | Into | Back


class Side(NamedTuple):
    """One side of a comparison: what stands innermost, and the steps from there to the value, the first one first."""

    leaf: exp.Expr
    steps: tuple[Step, ...] = ()

    def then(self, *steps: Step) -> Side:
        """Return the side after more steps."""
        return Side(self.leaf, (*self.steps, *steps))


_TIMES = {"TIMESTAMP", "DATETIME", "DATE"}
_NUMBERS = {"UNIX_SECONDS": "SECOND", "UNIX_MILLIS": "MILLISECOND", "UNIX_MICROS": "MICROSECOND", "UNIX_DATE": "DAY"}
_BACK = {
    "TIMESTAMP_SECONDS": "SECOND",
    "TIMESTAMP_MILLIS": "MILLISECOND",
    "TIMESTAMP_MICROS": "MICROSECOND",
    "DATE_FROM_UNIX_DATE": "DAY",
}
_FORMATS = {"FORMAT_DATE", "FORMAT_DATETIME", "FORMAT_TIMESTAMP"}
_SHORT = {"%F": "%Y-%m-%d", "%T": "%H:%M:%S", "%R": "%H:%M", "%E4Y": "%Y", "%X": "%H:%M:%S"}
# Texts of these have the order of their times. A year before 1000 has less digits, but no partition is so old.
_ORDERED = {
    ("Y", "m", "d", "H", "M", "S")[:count]: part
    for count, part in enumerate(("YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND"), 1)
} | {("Y", "Q"): "QUARTER", ("Y", "j"): "DAY", ("G",): "ISOYEAR", ("G", "V"): "ISOWEEK"}


def side(node: exp.Expr) -> Side:
    """Read an expression: through all functions of one time to what stands inside."""
    steps: tuple[Step, ...] = ()
    while (rule := _RULES.get(type(node))) is not None and (found := rule(node)) is not None:
        node, steps = found.leaf, (*found.steps, *steps)
    return Side(node, steps)


def _through(node: exp.Expr) -> Side:
    return Side(node.this)


def _cast(node: exp.Expr) -> Side | None:
    to = node.args["to"].sql(dialect="bigquery").upper()
    if node.args.get("format") or to not in _TIMES:
        return None
    return Side(node.this, (Cut("DAY"),) if to == "DATE" else ())


def _sum(node: exp.Expr) -> Side | None:
    sign = -1 if isinstance(node, exp.Sub) else 1
    for one, other in ((node.this, node.expression), (node.expression, node.this)):
        if isinstance(other.unnest(), exp.Interval):
            return _moved(one, other.unnest(), sign)
        count = integer(other)
        if count is not None:
            return Side(one, (Plus(sign * count),))
        if sign < 0:
            return None
    return None


def _moved(inner: exp.Expr, interval: exp.Expr, sign: int) -> Side | None:
    unit, count = interval.args.get("unit"), integer(interval.this) if interval.this is not None else None
    if not isinstance(unit, exp.Var) or count is None:
        return None
    return Side(inner, (Move(unit.name.upper(), sign * count),))


def integer(node: exp.Expr) -> int | None:
    """Return the number that is written down, be it by a minus or a product: `-7`, `7 * 86400`."""
    if isinstance(node, exp.Paren):
        return integer(node.this)
    if isinstance(node, exp.Neg):
        inner = integer(node.this)
        return None if inner is None else -inner
    if isinstance(node, exp.Mul):
        one, two = integer(node.this), integer(node.expression)
        return None if one is None or two is None else one * two
    digits = isinstance(node, exp.Literal) and re.fullmatch("-?[0-9]{1,18}", node.name)
    return int(digits[0]) if digits else None


def _extract(node: exp.Expr) -> Side | None:
    inner, part = node.expression, node.this.name.upper()
    before: tuple[Step, ...] = ()
    if isinstance(inner, exp.AtTimeZone):
        zoned = _local(inner.args["zone"])
        if zoned is None:
            return None
        inner, before = inner.this, zoned
    if part in {"DATE", "DATETIME"}:
        return Side(inner, (*before, *((Cut("DAY"),) if part == "DATE" else ())))
    return Side(inner, (*before, Cut(part), Into(part))) if part in {"YEAR", "ISOYEAR"} else None


def _local(zone: exp.Expr, *, back: bool = False) -> tuple[Step, ...] | None:
    """Return the steps into the local time of a zone that is written down, or back."""
    if not isinstance(zone, exp.Literal) or not zone.is_string:
        return None
    offset = fixed(zone.name)
    if offset is not None:
        return (Move("MICROSECOND", -offset if back else offset),) if offset else ()
    return (Local(zone.name, back),) if known(zone.name) else None


def _call(node: exp.Expr) -> Side | None:
    name, arguments = node.name.upper(), node.expressions
    if not arguments:
        return None
    if name in _FORMATS:
        return _formatted(arguments)
    first, rest = arguments[0], arguments[1:]
    if name in _TIMES:
        return _turned(name, first, rest)
    if name in _NUMBERS and not rest:
        return Side(first, (Cut(_NUMBERS[name]), Into(_NUMBERS[name])))
    if name in _BACK and not rest:
        return Side(first, (Back(_BACK[name]),))
    if name == "LAST_DAY":
        return Side(first, (Cut("DAY"), Last(part_of(rest[0]) if rest else "MONTH")))
    kind, _, verb = name.partition("_")
    if kind not in _TIMES or not rest:
        return None
    if verb == "TRUNC":
        there, back = (_local(rest[1], back=back) if len(rest) > 1 else () for back in (False, True))
        return None if there is None or back is None else Side(first, (*there, Cut(part_of(rest[0])), *back))
    if verb in {"ADD", "SUB"} and isinstance(rest[0], exp.Interval):
        return _moved(first, rest[0], 1 if verb == "ADD" else -1)
    return None


def _safe(node: exp.Expr) -> Side | None:
    return _call(node.this) if isinstance(node.this, exp.Anonymous) else None


def _turned(name: str, first: exp.Expr, rest: Sequence[exp.Expr]) -> Side | None:
    """Read DATE, DATETIME or TIMESTAMP of another time, perhaps in a zone."""
    zoned = _local(rest[0], back=name == "TIMESTAMP") if len(rest) == 1 else () if not rest else None
    return None if zoned is None else Side(first, (*zoned, *((Cut("DAY"),) if name == "DATE" else ())))


def _formatted(arguments: Sequence[exp.Expr]) -> Side | None:
    written, *values = arguments
    zoned = _local(values[1]) if len(values) > 1 else ()
    if not values or zoned is None or not isinstance(written, exp.Literal):
        return None
    text = re.sub("%(?:E4Y|.)", lambda found: _SHORT.get(found[0], found[0]), written.name)
    part = _ORDERED.get(tuple(re.findall("%(.?)", text)))
    return Side(values[0], (*zoned, Cut(part), Into(text))) if part else None


def part_of(node: exp.Expr) -> str:
    """Return a date part in capitals, such as `DAY` or `WEEK(MONDAY)`."""
    if isinstance(node, exp.Anonymous) and node.expressions:
        return f"{node.name}({node.expressions[0].name})".upper()
    return f"WEEK({node.name})".upper() if isinstance(node, exp.WeekStart) else node.name.upper()


_RULES: dict[type[exp.Expr], Callable[[exp.Expr], Side | None]] = {
    exp.Paren: _through,
    exp.Cast: _cast,
    exp.TryCast: _cast,
    exp.Add: _sum,
    exp.Sub: _sum,
    exp.Extract: _extract,
    exp.Anonymous: _call,
    exp.SafeFunc: _safe,
}


@lru_cache
def zone_span(name: str) -> tuple[timedelta, timedelta]:
    """Return by how much the clocks of a zone were and are ahead of UTC at least and at most, with an hour to spare.

    The hour is for what was valid for less than a month.
    """
    from zoneinfo import ZoneInfo  # noqa: PLC0415 - few queries name a zone

    zone = ZoneInfo(name)
    begun = datetime(1840, 1, 1, tzinfo=UTC)
    offsets = [(begun + timedelta(days=30 * month)).astimezone(zone).utcoffset() for month in range(2500)]
    known = [offset for offset in offsets if offset is not None]
    return min(known) - timedelta(hours=1), max(known) + timedelta(hours=1)
