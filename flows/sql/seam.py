"""Conditions by which two windows that meet both have the rows there, or neither has them.

Whether they do depends on how long windows are: `d BETWEEN DATE(@window_start) AND DATE(@window_end)` gives windows of a
day a day of the next one, and windows of an hour their whole day, which is meant. And it depends on whether the rows come
out: a range of a second table, in EXISTS or in COUNTIF, or one that a query outside of it bounds again, says nothing of that.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from typing import TYPE_CHECKING

from flows.model.window import END, Window
from flows.sql.divided import divides
from flows.sql.exactly import exactly

if TYPE_CHECKING:
    from collections.abc import Callable

    from flows.model.window import Size
    from flows.sql.divided import Bound, Limit, Rows

# Across ends of days, weeks, months, a year, and a February of 29 days.
_FROM = datetime(2023, 11, 27, tzinfo=UTC)
_WINDOWS = 64
_MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Seam:
    """A condition that includes the end of a range which begins with a window and ends with it, or leaves out its start."""

    line: int
    written: str
    instead: str
    unit: str
    """What the rows there have in common: a moment, a day."""
    limit: Limit
    others: tuple[Limit, ...]
    """What else the same time has to fulfil."""
    column: str
    rows: Rows
    beside: tuple[Bound, ...]
    """What other times of the same rows have to fulfil."""

    @property
    def is_start(self) -> bool:
        """Whether it is a start that no window has, not an end that two have."""
        return not self.limit.at_end

    def is_between(self, size: Size) -> bool:
        """Say whether windows of a size share the rows there, and nothing else, or leave out nothing else."""
        windows = list(islice(size.split(Window(size.floor(_FROM), END)), _WINDOWS))

        def stops(bound: Bound) -> bool:
            return divides(bound, windows)

        if any(map(stops, self.beside)) or not self.rows.come_out(self.column, stops, set()):
            return False
        told = self._lost if self.is_start else self._shared
        for place in (_itself, _value, _end, _end_of_value):
            try:
                if all(told(one, two, place) for one, two in pairwise(windows)):
                    return True
            except ValueError:
                continue
        return False

    def _shared(self, one: Window, two: Window, place: Callable[[Limit, datetime], datetime]) -> bool:
        begin, end = place(self.limit, one.start), place(self.limit, one.end)
        open_ = self.limit._replace(sign="<")
        return (
            self._has(end, one)
            and self._has(end, two)
            and not self._has(end, one, open_)
            # Without its end a window keeps its own rows, and shares none with the next one.
            and self._has(begin, one, open_)
            and not (self._has(end - _MOMENT, one, open_) and self._has(end - _MOMENT, two))
        )

    def _lost(self, one: Window, two: Window, place: Callable[[Limit, datetime], datetime]) -> bool:
        start, closed = place(self.limit, two.start), self.limit._replace(sign=">=")
        return (
            not self._has(start, one)
            and not self._has(start, two)
            # With its start a window has those rows alone, and the one before has all up to there.
            and self._has(start, two, closed)
            and not self._has(start, one, closed)
            and self._has(start - _MOMENT, one, closed)
        )

    def _has(self, moment: datetime, window: Window, limit: Limit | None = None) -> bool:
        return all(one.holds(moment, window) for one in (limit or self.limit, *self.others))


def _itself(_: Limit, moment: datetime) -> datetime:
    return moment


def _value(limit: Limit, moment: datetime) -> datetime:
    """Return the time of which a limit's steps make the moment, as long as they do no more than move it."""
    value = exactly(moment, limit.steps)
    if value is None:
        raise ValueError(limit.sign)
    return moment - (value[0] - moment)


def _end(limit: Limit, moment: datetime) -> datetime:
    end = exactly(moment, limit.of_end)
    if end is None:
        raise ValueError(limit.sign)
    return end[0]


def _end_of_value(limit: Limit, moment: datetime) -> datetime:
    return _value(limit, _end(limit, moment))
