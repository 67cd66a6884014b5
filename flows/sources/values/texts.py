"""What numbers and times look like as text, and what is said of a value that a column cannot hold."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Self

from flows.model.safe_text import spelled

SHOWN = 100
"""Characters of a value that a reason shows."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
FIRST_MOMENT = (datetime.min.replace(tzinfo=UTC) - EPOCH) // MICROSECOND
LAST_MOMENT = (datetime.max.replace(tzinfo=UTC) - EPOCH) // MICROSECOND
"""Microseconds since 1970 of the first and the last moment of the years 1 to 9999."""
DAY = 86_400_000_000
"""Microseconds of a day."""
FARTHEST_OFFSET = 14 * 60
"""Minutes by which a clock somewhere is before or behind UTC, at most."""

INTEGER = re.compile(r"[+-]?[0-9]+")
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,9})?")
NOT_FINITE = re.compile(r"[+-]?(nan|inf|infinity)", re.IGNORECASE)
_DATE = r"(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})"
_CLOCK = r"(?P<hour>[0-9]{2})(:(?P<minute>[0-9]{2})(:(?P<second>[0-9]{2})(\.(?P<fraction>[0-9]+))?)?)?"
_ZONE = r"(?P<zone> ?(Z|UTC)|(?P<sign>[+-])(?P<hours>[0-9]{2})(:?(?P<minutes>[0-9]{2}))?)"
_MOMENT = re.compile(f"{_DATE}([T ]{_CLOCK}{_ZONE}?)?")
TIME = re.compile(_CLOCK)


class BadValue(Exception):  # noqa: N818 - it is said of the value, and nobody outside sees it
    """A value that its column cannot hold; the message says why, beginning with the value."""


class Number(Decimal):
    """A number of a JSON text with all its digits; as text it is what stands there."""

    __slots__ = ("text",)
    text: str

    def __new__(cls, text: str) -> Self:
        """Take a text that is a number of JSON."""
        made = super().__new__(cls, text)
        made.text = text
        return made

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Moment:
    """A time of BSON or Parquet, which may lie outside the years that Python knows."""

    microseconds: int
    """Since 1970."""

    def __str__(self) -> str:
        return f"{self.microseconds} microseconds since 1970"


def shown(value: object) -> str:
    """Return a value as a reason shows it: on one line, not too long."""
    try:
        text = repr(value) if isinstance(value, str) else str(value) if isinstance(value, Moment) else spelled(value)
    except RecursionError:
        text = "[...]"
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def shown_bytes(data: bytes) -> str:
    """Return bytes that should be text as a reason shows them; what is none as escapes."""
    return repr(data[:SHOWN].decode(errors="backslashreplace")).replace("\\\\x", "\\x")


def one_line(text: str) -> str:
    """Return a text that comes from elsewhere on one line, with what cannot be printed as Python writes it."""
    letters = (letter if letter.isprintable() else " " if letter.isspace() else repr(letter)[1:-1] for letter in text)
    return " ".join("".join(letters).split())


_UNITS = ((1e17, "nanoseconds"), (1e14, "microseconds"), (1e11, "milliseconds"), (1e8, "seconds"))
"""From which number on a time since 1970 is counted by the look of it in which parts of a second."""


def unit_of(number: float) -> str | None:
    """Return in what a number counts a time since 1970 by the look of it; None where in nothing."""
    return next((unit for least, unit in _UNITS if number >= least), None)


def counted(number: float) -> str:
    """Say of a number where a time is expected in what it counts by the look of it; empty where in nothing."""
    unit = unit_of(number)
    if unit is None:
        return ""
    return (
        f", but counts {unit} since 1970 by the look of it: export it as a time"
        " (or write type: INT64 where it is no cursor)"
    )


def parse_moment(text: str) -> tuple[int, bool]:
    """Return microseconds since 1970, and whether the text has a zone; without one it is UTC."""
    match = _MOMENT.fullmatch(text)
    if match is None:
        number = float(text) if text.isascii() and text.isdecimal() else 0
        raise BadValue(f"{shown(text)} is no date or time such as 2026-01-31 13:05:00{counted(number)}")
    if match["date"] == "0000-00-00":
        raise BadValue(f"{shown(text)} is a zero date")
    try:
        days = (date.fromisoformat(match["date"]) - EPOCH.date()).days
    except ValueError:
        raise BadValue(f"{shown(text)} is no day of the calendar") from None
    clock = parse_clock(match, text) if match["hour"] else 0
    zone = 0
    if match["sign"]:
        minutes = int(match["minutes"] or 0)
        zone = int(match["hours"]) * 60 + minutes
        if zone > FARTHEST_OFFSET or minutes > 59:  # noqa: PLR2004 - a clock's number
            raise BadValue(f"{shown(text)} has an offset beyond 14 hours, which no place on earth has")
        zone = zone if match["sign"] == "+" else -zone
    return days * DAY + clock - zone * 60_000_000, bool(match["zone"])


def parse_clock(match: re.Match[str], text: object) -> int:
    """Return microseconds since midnight of what the pattern of a clock matched in a text. Raises BadValue."""
    hour, minute, second = int(match["hour"]), int(match["minute"] or 0), int(match["second"] or 0)
    if hour > 23 or minute > 59 or second > 59:  # noqa: PLR2004 - a clock's numbers
        raise BadValue(f"{shown(text)} is no time of day")
    fraction = (match["fraction"] or "").ljust(6, "0")
    if fraction[6:].strip("0"):
        raise BadValue(f"{shown(text)} is finer than microseconds")
    return ((hour * 60 + minute) * 60 + second) * 1_000_000 + int(fraction[:6])
