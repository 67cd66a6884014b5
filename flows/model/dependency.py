"""What a query reads, and how far."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from flows.model.window import BEGINNING, Size, Window, add_months

if TYPE_CHECKING:
    from datetime import datetime

    from flows.model.types import Type

_DAYS = Size(1, "day")


@dataclass(frozen=True, slots=True)
class Edge:
    """One end of the range that a query reads, relative to its window."""

    anchor: Literal["start", "end", "beginning"]
    """`@window_start`, `@window_end`, or before every row."""
    months: int = 0
    """Calendar months added to the anchor; negative before it."""
    offset: timedelta = timedelta(0)
    """Time added after the months."""
    floor: bool = False
    """Whether the anchor is rounded down to its day first, as DATE() does."""

    def at(self, window: Window) -> datetime:
        """Return the moment for one window."""
        if self.anchor == "beginning":
            return BEGINNING
        moment = window.start if self.anchor == "start" else window.end
        # Whole days and months before the offset's last microsecond: flooring first gives the same day.
        return add_months(_DAYS.floor(moment) if self.floor else moment, self.months) + self.offset

    def __str__(self) -> str:
        if self.anchor == "beginning":
            return "the beginning"
        anchor = "the window's start" if self.anchor == "start" else "its end"
        steps = [(abs(self.months), "month", self.months < 0)] if self.months else []
        seconds = round(abs(self.offset).total_seconds())
        if seconds:
            count, unit = next((seconds // size, name) for size, name in _SPANS if not seconds % size)
            steps.append((count, unit, self.offset < timedelta(0)))
        said = [
            f"{count} {unit}{'s' if count > 1 else ''} {'before' if back else 'after'}" for count, unit, back in steps
        ]
        return f"{' and '.join(said)} {anchor}" if said else anchor


_SPANS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))


@dataclass(frozen=True, slots=True)
class Dependency:
    """A table that a query reads."""

    table: str
    """Identity of the upstream table, `dataset.name`."""
    reach: tuple[Edge, Edge] | None
    """Where the query bounds the upstream's partition column by the window: from and to. None: a snapshot."""
    why: str
    """For people: `windowed: reads created_at from ... to ...`, or why it is a snapshot."""

    def range(self, window: Window) -> Window | None:
        """Return the range of the upstream's partition column that one window reads; None for a snapshot."""
        return None if self.reach is None else Window(self.reach[0].at(window), self.reach[1].at(window))


@dataclass(frozen=True, slots=True)
class Analysis:
    """What a query reads and gives."""

    dependencies: tuple[Dependency, ...]
    """One for each table that it reads, in the order of their names."""
    columns: tuple[tuple[str, Type], ...]
    """Names and types of what it gives, in its order."""
