"""What a query reads of an upstream, and how far relative to its window."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from flows.model.window import BEGINNING, END, Size, Unit, Window, add_months, midnight

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


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
    """Cut after that to the beginning of this hour, day, week (Monday), month or year."""
    after: timedelta = timedelta(0)
    """Time added after the cut."""

    def at(self, window: Window) -> datetime | None:
        """Return the moment for one window; None where it lies before year 1 or after year 9999."""
        if self.anchor == "beginning":
            return BEGINNING
        moment = window.start if self.anchor == "start" else window.end
        try:
            moment = add_months(moment, self.months) + self.offset
            return (Size(1, self.floor).floor(moment) if self.floor else moment) + self.after
        except (ValueError, OverflowError):
            return None


_DAY = timedelta(days=1)
_YEAR = midnight(date(2024, 1, 1))
_HOURS_A_WEEK = 168
Snapshot = Literal["made whole", "undivided", "unbounded", "open"]
"""Why a table is read whole: the reader is made whole each time, the table has no partition column, nothing bounds that
column by the window, or only its lower end is bounded."""


@dataclass(frozen=True, slots=True)
class Misplaced:
    """A bound by the window on a column that is not the partition column of its table, so that it does not count."""

    column: str
    line: int
    """Line of the query, or of the file in which the query stands."""


@dataclass(frozen=True, slots=True)
class Unread:
    """Where a query names the window beside the partition column of a table, and no bound comes of it."""

    text: str
    line: int
    """Line of the query, or of the file in which the query stands."""


@dataclass(frozen=True, slots=True)
class Tie:
    """Rows of a query that an order leaves side by side, and that BigQuery may take in another order on every retry."""

    text: str
    """The call whose value they decide."""
    line: int
    """Line of the query, or of the file in which the query stands."""
    of_windows: bool = False
    """Whether each of several windows may put rows that are equal in all that is named into an order of its own."""


@dataclass(frozen=True, slots=True)
class Dependency:
    """A table that a query reads: the range of its partition column that one window reads, or a snapshot."""

    table: str
    """Identity of the upstream table, `dataset.name`."""
    reach: tuple[Edge, Edge] | None
    """Where the query bounds the upstream's partition column by the window: from and to. None: a snapshot."""
    column: str | None = None
    """The upstream's partition column."""
    snapshot: Snapshot | None = None
    """Why there is no reach."""
    places: int = 1
    """At how many places the query reads the table."""
    misplaced: tuple[Misplaced, ...] = ()
    """What the query bounds of the table in vain, where that leaves a snapshot."""
    unfiltered: bool = False
    """Whether it is read somewhere without any condition on its partition column alone."""
    unread: tuple[Unread, ...] = ()
    """Where the query names the window beside the partition column in vain, where that leaves a snapshot."""
    type: str = "TIMESTAMP"
    """The type of the partition column."""

    def at(self, line: Callable[[int], int]) -> Dependency:
        """Return the same with lines of the query's file in place of lines of the query."""
        if not self.misplaced and not self.unread:
            return self
        misplaced = tuple(replace(one, line=line(one.line)) for one in self.misplaced)
        return replace(
            self, misplaced=misplaced, unread=tuple(replace(one, line=line(one.line)) for one in self.unread)
        )

    @property
    def since(self) -> str:
        """The condition in SQL that its rows are not before the window."""
        return f"{self.column} >= {self._moment('@window_start')}"

    @property
    def until(self) -> str:
        """The condition in SQL that its rows are before the window's end."""
        return f"{self.column} < {self._moment('@window_end')}"

    def _moment(self, parameter: str) -> str:
        return parameter if self.type == "TIMESTAMP" else f"{self.type}({parameter})"

    def range(self, window: Window) -> Window | None:
        """Return the range of the upstream's partition column that one window reads; None for a snapshot."""
        if self.reach is None:
            return None
        start, end = (edge.at(window) for edge in self.reach)
        start, end = start or BEGINNING, end or END
        return Window(min(start, end), end)

    def is_empty(self, size: Size) -> bool:
        """Say whether what windows of a size read ends before it begins, in each of them; False for a snapshot."""
        return self.reach is not None and _is_empty(*self.reach, size)

    def overlaps(self, one: Window, two: Window) -> bool:
        """Say whether a window surely reads rows that the next one reads too; False for a snapshot."""
        reads, then = self.range(one), self.range(two)
        if self.reach is None or reads is None or then is None:
            return False
        # A time zone whose offset changes makes each range longer by hours, of rows that the query leaves out.
        loose = _DAY if any(edge.after % _DAY for edge in self.reach) else timedelta(0)
        return min(reads.end, then.end) - max(reads.start, then.start) > loose


@lru_cache
def _is_empty(start: Edge, end: Edge, size: Size) -> bool:
    for window in examples(size):
        first, last = start.at(window), end.at(window)
        if first is None or last is None or first < last:
            return False
    return True


def examples(size: Size) -> Iterator[Window]:
    """Give windows that lie in every way to the hours, days, weeks, months and years about them."""
    for month in range(13):
        turn = size.floor(add_months(_YEAR, month))
        before = size.previous(turn)
        yield from (Window(before, turn), Window(turn, size.next(turn)))
    start = size.floor(_YEAR)
    for _ in range(_HOURS_A_WEEK):
        start, before = size.next(start), start
        yield Window(before, start)
