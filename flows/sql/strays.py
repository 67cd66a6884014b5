"""Whether windows give rows of others: a time of a row, and what some windows make of it.

Of the times about the ends of some windows those are looked for that a window lets through, and to which it does not belong.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache
from itertools import islice, product
from operator import and_
from typing import TYPE_CHECKING, NamedTuple

from flows.model.dependency import examples
from flows.model.window import Size
from flows.sql.exactly import exactly
from flows.sql.steps import Cut, Local

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from flows.model.window import Window
    from flows.sql.bounds import Bound
    from flows.sql.divided import Limit
    from flows.sql.steps import Step

_UPPER, _LOWER = {"<", "<=", "="}, {">", ">=", "="}
_WINDOWS = 6
_WINDOWS_OF_A_YEAR = 26
"""So many have some in each month: clocks are put forward."""
_LEAST = timedelta(microseconds=1)
_NEAR = [
    timedelta(0),
    -timedelta(hours=1),
    -_LEAST,
    *(sign * timedelta(hours=hours) for hours in (12, 24) for sign in (-1, 1)),
]
"""How far from an end of a range to look for rows of other windows."""


class Stray(NamedTuple):
    """A time that a window lets through, and to which it does not belong."""

    window: Window
    read: datetime | None
    """What stands in the column that is read; None where the window alone makes the value."""
    given: datetime
    """What the query gives for it."""


@dataclass(frozen=True, slots=True)
class RowTime:
    """The time by which rows belong to a window, as far as it comes of one column, or of the window itself.

    Equal are those of which windows let the same times through, whatever they are called.
    """

    column: str = field(compare=False)
    """The column that is read; empty where none is."""
    written: str = field(compare=False)
    """What to bound by the window so that each row belongs to its own."""
    moment: str = field(compare=False)
    """A bound of it, with @ in place of the parameter."""
    line: int = field(compare=False)
    """Where it stands."""
    steps: tuple[Step, ...] = ()
    limits: tuple[Limit, ...] = ()
    """What the column has to fulfil."""
    of_days: bool = False
    """Whether the column is a DATE."""
    beside: tuple[Limit, ...] | None = ()
    """What other columns have to fulfil; None where something names the window of which nobody can say what it keeps out."""
    made: Bound | None = None
    """Where the value lies that the window alone makes."""
    every: timedelta | None = None
    """How far apart the times are from one end of that to the other, where it is a series."""
    same: bool = False
    """Whether it is the same in every window."""

    @property
    def is_bounded(self) -> tuple[bool, bool]:
        """Whether anything bounds the column from below, and from above."""
        signs = {one.sign for one in self.limits}
        return bool(signs & _LOWER), bool(signs & _UPPER)

    @property
    def is_cut(self) -> bool:
        """Whether nothing becomes of the column but that it is cut to a part."""
        return all(isinstance(step, Cut) for step in self.steps)

    def bounds(self, *, lower: bool = True, upper: bool = True) -> str:
        """Return the conditions that keep the time in its window."""
        start, end = (self.moment.replace("@", f"@window_{name}") for name in ("start", "end"))
        found = ([f"{self.written} >= {start}"] if lower else []) + ([f"{self.written} < {end}"] if upper else [])
        return " AND ".join(found)

    def stray(self, size: Size) -> Stray | None:
        """Return a time that some window of a size lets through and that lies outside of it; None where nobody knows one."""
        return _stray(self, size)

    def strays(self, size: Size) -> Iterator[Stray]:
        """Find such times in some windows."""
        moves = any(isinstance(step, Local) for step in self.steps)
        for window in islice(examples(size), _WINDOWS_OF_A_YEAR if moves else _WINDOWS):
            if self.same:
                yield from self._given_again(window)
                continue
            for one in self._made_by(window) if self.made is not None else self._read_by(window, size):
                outside = one.given < window.start or one.given >= window.end
                if outside and not self._may_keep_out(one):
                    yield one

    def _may_keep_out(self, stray: Stray) -> bool:
        """Say whether what bounds other columns may keep a row out.

        A range that holds the window and that time as well, as the week before the window does, keeps out neither. What
        holds no whole window, as all that was before it, may be of rows that there must not be.
        """
        if self.beside is None:
            return True
        window = stray.window
        moments = [window.start, window.end - _LEAST, stray.given, stray.read or stray.given]
        try:
            return not all(limit.holds(moment, window) for limit in self.beside for moment in moments)
        except ValueError:
            return True

    def _made_by(self, window: Window) -> Iterator[Stray]:
        assert self.made is not None  # noqa: S101 - asked before
        low, high = self.made.low.at(window), self.made.high.at(window)
        if low is None or high is None or (self.every is not None and low > high):
            return
        if low >= window.end or high < window.start:
            yield Stray(window, None, low if low >= window.end else high)
        elif self.every is not None and low < window.start:
            yield Stray(window, None, low)
        elif self.every is not None and high >= window.end and not (high - low) % self.every:
            yield Stray(window, None, high)

    def _given_again(self, window: Window) -> Iterator[Stray]:
        """Give a stray where a window may have rows: all that have, have the same."""
        with suppress(ValueError):
            for moment in (window.start, window.end - _LEAST):
                if all(limit.holds(moment, window) for limit in self.beside or ()):
                    yield Stray(window, None, moment)

    def _read_by(self, window: Window, size: Size) -> Iterator[Stray]:
        is_bounded = self.is_bounded
        ends = [window.end, window.start]
        for limit in self.limits:
            end = exactly(window.end if limit.at_end else window.start, limit.of_end)
            ends += [end[0]] if end is not None and not end[1] else []
        for end, near in product(dict.fromkeys(ends), _NEAR):
            read = end + near
            if self.of_days and read != Size(1, "day").floor(read):
                continue
            # Between the bounds of a range outside of the window a column of whole hours, days or months may hold nothing.
            outside = (read < window.start, read >= window.end)
            if near and any(map(and_, outside, is_bounded)) and read != size.floor(read):
                continue
            try:
                lets = all(one.holds(read, window) for one in self.limits)
            except ValueError:
                return
            given = exactly(read, self.steps) if lets else None
            if given is not None and not given[1]:
                yield Stray(window, read, given[0])


@lru_cache(maxsize=1_000)
def _stray(time: RowTime, size: Size) -> Stray | None:
    """Remember the answer, as most of a project's tables ask the same."""
    return next(time.strays(size), None)
