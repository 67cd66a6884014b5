"""What is asked of a table, by whom, and the source that it is copied from once that has answered."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from flows.model.window import EVER, Window

if TYPE_CHECKING:
    from collections.abc import Callable

    from flows.sources.interface import Source


@dataclass(frozen=True, slots=True)
class Request:
    """What a person or a schedule asks of one table."""

    table: str
    bounds: Window = EVER
    """Only windows that hold a moment of this range."""
    force: bool = False
    """Do these windows again though they are committed."""
    rebuild: bool = False
    """Make a merge table, or any copy, again from nothing."""
    accept: bool = False
    """Let rows stay that an earlier definition has made or copied."""
    trim: bool = False
    """Let the rows of a core table go whose cursor lies outside its start and end; copy nothing."""
    abandon: bool = False
    """Drop the generation that was begun, and begin none of this definition again by itself."""
    rollback: bool = False
    """Let readers see the generation again that they saw before, and begin none of this definition by itself."""


@dataclass(frozen=True, slots=True)
class Author:
    """Who brings tables up to date, and from which commit of the project."""

    name: str
    git_commit: str = ""
    """Empty where it is not known."""
    precedes: Callable[[str], bool | None] = lambda _: None
    """Says whether another commit builds on that one; None where nobody knows, as in a pod without the history."""


@dataclass(frozen=True, slots=True)
class Reached:
    """A source that has answered."""

    source: Source
    clock: datetime | None
    """What its clock said; None where it has none."""
    at: float
    """When it said so, by the monotonic clock of this machine."""

    def behind(self, now: datetime) -> timedelta:
        """Return by how much its clock is behind another one that says it is `now`."""
        if self.clock is None:
            return timedelta(0)
        return max(timedelta(0), now - self.clock - timedelta(seconds=time.monotonic() - self.at))


def reach(source: Source) -> Reached:
    """Connect to a source and ask for its clock. Raises SourceError, or SourceUnavailableError."""
    clock = source.now()
    return Reached(source, clock, time.monotonic())
