"""GoogleSQL: parse, validate, find what a query reads and how far, and transpile."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from flows.model.window import BEGINNING, Window, add_months

if TYPE_CHECKING:
    from datetime import datetime

    from flows.model.types import Type

Schema = "Mapping[str, Mapping[str, Type]]"
"""Types by column name, by table identity (`core.orders`)."""


@dataclass(frozen=True, slots=True)
class Edge:
    """One end of the range that a query reads, relative to its window."""

    anchor: Literal["start", "end", "beginning"]
    """`@window_start`, `@window_end`, or before every row."""
    months: int = 0
    """Calendar months added to the anchor; negative before it."""
    offset: timedelta = timedelta(0)
    """Time added after the months."""

    def at(self, window: Window) -> datetime:
        """Return the moment for one window."""
        if self.anchor == "beginning":
            return BEGINNING
        moment = window.start if self.anchor == "start" else window.end
        return add_months(moment, self.months) + self.offset


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
        return None if self.reach is None else Window(self.reach[0].at(window), self.reach[1].at(window))


@dataclass(frozen=True, slots=True)
class Analysis:
    """What a query reads and gives."""

    dependencies: tuple[Dependency, ...]
    """One for each table that it reads, in the order of their names."""
    columns: tuple[tuple[str, Type], ...]
    """Names and types of what it gives, in its order."""
