"""How many requests a server bears at a time, found out while they are made."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, TypeVar

from flows.api.errors import BusyError, LostError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

T = TypeVar("T")

MOST = 16
STEP = 6
"""After how many pieces of work it is looked at how fast they went, for each that is done at a time."""
WORTH = 1.15
"""How much faster twice as many at a time must be for still more to be tried."""
FEW = 2
"""So many at a time pay with any server that is not busy: one alone would have it wait for its database."""
TRIES = 14
"""How often a piece of work is tried for which the server has no time."""
FIRST_WAIT = 0.05
"""Seconds until the second try; twice as long until each further one. SQLite is busy for a moment most often."""
LONGEST_WAIT = 8


async def patiently(
    work: Callable[[], Awaitable[T]], tries: int, hear: Callable[[BusyError], None] = lambda _: None
) -> T:
    """Do work, again after a while where the server is busy. Raises BusyError where that does not help.

    Args:
        work: what is done.
        tries: how often at most, at least once.
        hear: is told each time that the server is busy.
    """
    for attempt in range(tries):
        try:
            return await work()
        except BusyError as error:
            hear(error)
            if attempt + 1 == tries:
                raise
            await asyncio.sleep(max(_wait(attempt), error.after))
    raise AssertionError(tries)


def tries_for(retries: int) -> int:
    """Return how many tries wait as long in all as so many retries of Prefect's client, whose waits double from 2 s on.

    Half an hour is the longest.
    """
    left, tries = 2.0 ** (min(retries, 10) + 1) - 2, 1
    while left > 0:
        left -= _wait(tries - 1)
        tries += 1
    return tries


def _wait(attempt: int) -> float:
    return min(FIRST_WAIT * 2.0**attempt, LONGEST_WAIT)


class Pace:
    """Does work with as many pieces at a time as pay: SQLite has one writer, PostgreSQL many.

    More than pay cost a server of Prefect's, which is one process and has a pool of five connections to its database:
    those beyond are made anew, and each has to learn all statements again.
    """

    def __init__(self, tries: int = TRIES, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin with one at a time; each part of a piece is tried so often."""
        self._clock = clock
        self._width = 1
        self._grows = True
        self._best = 0.0
        self._tries = tries
        self._running = 0
        self._done = -1  # the first piece, at which a server learns what it is asked, says nothing of how fast it is
        self._since = clock()
        self._changed = asyncio.Condition()

    async def run(self, pieces: Iterable[Callable[[], Awaitable[None]]]) -> None:
        """Do all pieces of work."""
        async with asyncio.TaskGroup() as group:
            for piece in pieces:
                async with self._changed:
                    await self._changed.wait_for(lambda: self._running < self._width)
                    self._running += 1
                group.create_task(self._one(piece))

    async def patiently(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do a part of a piece, again after a while where the server is busy; fewer pieces at a time from then on.

        Raises BusyError where that does not help; what begins later is then tried once.
        """
        try:
            return await patiently(work, self._tries, self._hear)
        except BusyError:
            self._tries = 1
            raise

    async def _one(self, piece: Callable[[], Awaitable[None]]) -> None:
        try:
            await piece()
        finally:
            async with self._changed:
                self._running -= 1
                self._done += 1
                self._look()
                self._changed.notify_all()

    def _hear(self, error: BusyError) -> None:
        if not isinstance(error, LostError):
            self._narrow()

    def _narrow(self, least: int = 1) -> None:
        self._width = max(least, self._width // 2)
        self._grows = False

    def _look(self) -> None:
        """Go on to twice as many at a time for as long as that is faster; back where it was not."""
        if not self._done:
            self._since = self._clock()
        if not self._grows or self._done < STEP * self._width:
            return
        rate = self._done / (self._clock() - self._since)
        if rate < self._best * WORTH:
            self._narrow(FEW)
        elif self._width == MOST:
            self._grows = False
        else:
            self._best, self._width = rate, self._width * 2
        self._done, self._since = 0, self._clock()
