"""Windows: half-open ranges of time in UTC, aligned to their size.

    >>> size = Size.parse("1 day")
    >>> [str(window) for window in size.split(Window(utc("2026-01-01"), utc("2026-01-03")))]
    ['2026-01-01..2026-01-02', '2026-01-02..2026-01-03']

| ranges                      | merge                       | subtract [02, 03)            |
| --------------------------- | --------------------------- | ---------------------------- |
| [01, 02) [02, 03)           | [01, 03)                    | [01, 02)                     |
| [01, 02) [03, 04)           | [01, 02) [03, 04)           | [01, 02) [03, 04)            |
| [01, 04)                    | [01, 04)                    | [01, 02) [03, 04)            |
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Literal

from flows.model.asked import called
from flows.model.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

BEGINNING = datetime.min.replace(tzinfo=UTC)
"""Before every row."""
END = datetime.max.replace(tzinfo=UTC)
"""After every row."""
SKEW = timedelta(minutes=5)
"""By how much the clocks of machines may differ without anybody minding."""
MONDAY = datetime(2024, 1, 1, tzinfo=UTC)
HOURS_A_DAY = 24
MONTHS_A_YEAR = 12

Unit = Literal["hour", "day", "week", "month", "year"]
SIZES = ("1 hour", "2 hours", "3 hours", "4 hours", "6 hours", "8 hours", "12 hours", "1 day", "1 week", "1 month")


def utc(text: str) -> datetime:
    """Parse an ISO 8601 date or time; without an offset it is UTC. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def add_months(moment: datetime, months: int) -> datetime:
    """Add calendar months; a day that the month does not have becomes its last, as GoogleSQL's DATE_ADD does."""
    index = moment.year * MONTHS_A_YEAR + moment.month - 1 + months
    year, month = divmod(index, MONTHS_A_YEAR)
    first = moment.replace(year=year, month=month + 1, day=1)
    last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    return first.replace(day=min(moment.day, last.day))


def short(moment: datetime) -> str:
    """Write a moment for people: without its time where that is midnight."""
    if moment.hour or moment.minute or moment.second or moment.microsecond:
        return moment.replace(tzinfo=None).isoformat(timespec="auto")
    return moment.date().isoformat()


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """The half-open range [start, end) of UTC time."""

    start: datetime
    end: datetime

    def __str__(self) -> str:
        return f"{short(self.start)}..{short(self.end)}"

    def overlaps(self, other: Window) -> bool:
        """Say whether the two share a moment."""
        return self.start < other.end and other.start < self.end

    def intersect(self, other: Window) -> Window | None:
        """Return what the two share, or None."""
        return Window(max(self.start, other.start), min(self.end, other.end)) if self.overlaps(other) else None


EVER = Window(BEGINNING, END)


@dataclass(frozen=True, slots=True)
class Size:
    """How long a window is: hours that divide a day, a day, a week from Monday, or a month."""

    count: int
    unit: Unit

    @classmethod
    def parse(cls, text: str) -> Size:
        """Parse `1 day`, `6 hours` and the like. Raises ValueError with a message for the person who wrote it."""
        match = re.fullmatch(r"([0-9]+) +(hour|day|week|month)s?", text.strip())
        if match is None:
            raise ValueError(f"'{text}' is not a size.{did_you_mean(text, SIZES) or f' Write one of {_SIZES}.'}")
        count, unit = int(match[1]), match[2]
        if count < 1 or (unit == "hour" and HOURS_A_DAY % count) or (unit != "hour" and count != 1):
            raise ValueError(f"'{text}' is not a size: hours must divide a day. Write one of {_SIZES}.")
        if count == HOURS_A_DAY:
            return cls(1, "day")
        return cls(count, unit)  # type: ignore[arg-type]

    def __str__(self) -> str:
        return f"{self.count} {self.unit}{'s' if self.count > 1 else ''}"

    def floor(self, moment: datetime) -> datetime:
        """Return the start of the window that holds the moment."""
        midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
        match self.unit:
            case "hour":
                return midnight + timedelta(hours=moment.hour - moment.hour % self.count)
            case "day":
                return midnight
            case "week":
                return midnight - timedelta(days=(midnight - MONDAY).days % 7)
            case "month":
                return midnight.replace(day=1)
            case "year":
                return midnight.replace(month=1, day=1)

    def next(self, start: datetime) -> datetime:
        """Return the end of the window that starts here."""
        match self.unit:
            case "hour":
                return start + timedelta(hours=self.count)
            case "day":
                return start + timedelta(days=1)
            case "week":
                return start + timedelta(days=7)
            case "month":
                return add_months(start, 1)
            case "year":
                return add_months(start, MONTHS_A_YEAR)

    def previous(self, start: datetime) -> datetime:
        """Return the start of the window that ends here."""
        return self.floor(start - timedelta(microseconds=1))

    def ceiling(self, moment: datetime) -> datetime:
        """Return the first start of a window that is not before the moment."""
        start = self.floor(moment)
        return start if start == moment else self.next(start)

    def split(self, span: Window) -> Iterator[Window]:
        """Give the aligned windows that lie wholly in the span, oldest first."""
        start = self.ceiling(span.start)
        while (end := self.next(start)) <= span.end:
            yield Window(start, end)
            start = end


_SIZES = ", ".join(SIZES)


def merge(ranges: Iterable[Window]) -> list[Window]:
    """Join ranges that overlap or touch; the result is disjoint and in order."""
    merged: list[Window] = []
    for span in sorted(ranges):
        if merged and span.start <= merged[-1].end:
            merged[-1] = Window(merged[-1].start, max(merged[-1].end, span.end))
        else:
            merged.append(span)
    return merged


def subtract(ranges: Iterable[Window], minus: Iterable[Window]) -> list[Window]:
    """Return what of the ranges no range of `minus` covers, disjoint and in order."""
    left: list[Window] = []
    holes = merge(minus)
    for span in merge(ranges):
        start = span.start
        for hole in holes[max(0, bisect_right(holes, span.start, key=lambda hole: hole.start) - 1) :]:
            if hole.start >= span.end:
                break
            if hole.start > start:
                left.append(Window(start, hole.start))
            start = max(start, hole.end)
        if start < span.end:
            left.append(Window(start, span.end))
    return left


def covered(span: Window, ranges: Sequence[Window]) -> bool:
    """Say whether one of the merged ranges holds the whole span."""
    index = bisect_right(ranges, span.start, key=lambda known: known.start) - 1
    return index >= 0 and ranges[index].start <= span.start and span.end <= ranges[index].end


def midnight(day: date) -> datetime:
    """Return the first moment of a day in UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def asked_range(start: object, end: object) -> Window:
    """Return the range that a person asks for, as dates or moments in any form of ISO 8601; None is without an end.

    Raises:
        UsageError: one is no date, or they are the wrong way round.
    """
    first, last = called("start"), called("end")
    window = Window(BEGINNING if start is None else _asked(first, start), END if end is None else _asked(last, end))
    if window.start >= window.end:
        raise UsageError(f"{first} {start} is not before {last} {end}.")
    return window


def _asked(name: str, given: object) -> datetime:
    try:
        return utc(str(given))
    except (ValueError, OverflowError):
        raise UsageError(f"{name} '{given}' is not a date. Write it as 2026-01-31 or 2026-01-31T06:00.") from None
