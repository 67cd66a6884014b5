"""What a query reads of an upstream, and how far relative to its window."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from flows.model.window import BEGINNING, Size, Unit, Window, add_months

_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Edge:
    """One end of the range that a query reads, relative to its window."""

    anchor: Literal["start", "end", "beginning"]
    """`@window_start`, `@window_end`, or before every row."""
    months: int = 0
    """Calendar months added to the anchor; negative before it."""
    offset: timedelta = timedelta(0)
    """Time added after the months."""
    floor: Unit | None = None
    """Cut at last to the beginning of this hour, day, week (Monday), month or year."""

    def at(self, window: Window) -> datetime:
        """Return the moment for one window."""
        if self.anchor == "beginning":
            return BEGINNING
        moment = window.start if self.anchor == "start" else window.end
        try:
            moment = add_months(moment, self.months) + self.offset
        except (ValueError, OverflowError):
            return BEGINNING if self.offset < timedelta(0) or self.months < 0 else Window(window.end, window.end).end
        return Size(1, self.floor).floor(moment) if self.floor else moment

    def __str__(self) -> str:
        if self.anchor == "beginning":
            return "the beginning"
        days, rest = divmod(abs(self.offset), timedelta(days=1))
        parts = [
            *([_count(abs(self.months), "month")] if self.months else []),
            *([_count(days, "day")] if days else []),
            *([_clock(rest)] if rest else []),
        ]
        before = self.months < 0 or self.offset < timedelta(0)
        moment = "the window's start" if self.anchor == "start" else "the window's end"
        text = f"{' and '.join(parts)} {'before' if before else 'after'} {moment}" if parts else moment
        return f"the {self.floor} of {text}" if self.floor else text


def _count(number: int, unit: str) -> str:
    return f"{number} {unit}{'' if number == 1 else 's'}"


def _clock(rest: timedelta) -> str:
    for unit, length in (
        ("hour", timedelta(hours=1)),
        ("minute", timedelta(minutes=1)),
        ("second", timedelta(seconds=1)),
    ):
        if not rest % length:
            return _count(rest // length, unit)
    return _count(rest // _MICROSECOND, "microsecond")


@dataclass(frozen=True, slots=True)
class Dependency:
    """A table that a query reads."""

    table: str
    """Identity of the upstream table, `dataset.name`."""
    reach: tuple[Edge, Edge] | None
    """Where the query bounds the upstream's partition column by the window: from and to. None: a snapshot."""
    why: str
    """For people: `reads created_at from 7 days before the window to its end`, or why it is a snapshot."""

    def range(self, window: Window) -> Window | None:
        """Return the range of the upstream's partition column that one window reads; None for a snapshot."""
        if self.reach is None:
            return None
        start, end = self.reach[0].at(window), self.reach[1].at(window)
        return Window(min(start, end), end)
