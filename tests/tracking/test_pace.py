from __future__ import annotations

import asyncio

import pytest

from flows.api.errors import BusyError
from flows.tracking import pace as module
from flows.tracking.pace import Pace


class _Server:
    """Does pieces of work in a time that it alone tells: so many at once, each in a tick."""

    def __init__(self, at_once, first=1):
        self.now = 0.0
        self.running = 0
        self.began = []
        """How many ran as each began, itself included."""
        self._at_once = at_once
        self._takes = first
        """Of the next piece of work, in ticks."""
        self._waiting = []

    def clock(self):
        """Return the time."""
        return self.now

    async def work(self):
        """Be done once the server has come to it."""
        self.running += 1
        self.began.append(self.running)
        done = asyncio.Event()
        self._waiting.append(done)
        try:
            await done.wait()
        finally:
            self.running -= 1

    async def serve(self):
        """Do work, as much at once as the server bears, until nobody waits for this."""
        while True:
            for _ in range(100):  # whoever may begin something has done so by then
                await asyncio.sleep(0)
            self.now += self._takes
            self._takes = 1
            for done in self._waiting[: self._at_once]:
                done.set()
            del self._waiting[: self._at_once]


def _asked(at_once, count, first=1):
    """Do pieces of work and return how many a server was asked for at a time, by each that began."""
    server = _Server(at_once, first)

    async def all_of_them():
        pace = Pace(clock=server.clock)
        serving = asyncio.create_task(server.serve())
        await pace.run([lambda: pace.patiently(server.work)] * count)
        serving.cancel()

    asyncio.run(all_of_them())
    return server.began


def test_a_server_that_does_many_things_at_once_is_asked_for_many():
    """As with PostgreSQL, up to what is ever asked for."""
    assert max(_asked(module.MOST * 2, 400)) == module.MOST


@pytest.mark.parametrize("at_once", [2, 4])
def test_a_server_that_does_few_things_at_a_time_is_asked_for_few(at_once):
    """As with one of several processes: twice as many are tried, and where that is no faster it is left again."""
    asked = _asked(at_once, 200)
    assert max(asked) == 2 * at_once
    assert max(asked[100:]) == at_once


def test_a_server_that_does_one_thing_at_a_time_is_never_asked_for_many():
    """As with one process that PostgreSQL never lets wait for long: more than pay cost it more work for each."""
    asked = _asked(1, 200)
    assert max(asked) == module.FEW
    assert max(asked[100:]) == module.FEW


def test_what_a_server_learns_at_first_counts_for_nothing():
    """Else two would look much faster than the first alone, and four be tried."""
    assert max(_asked(1, 200, first=20)) == module.FEW


def test_a_busy_server_is_asked_again_and_for_less(monkeypatch):
    """All is done in the end, and nothing is refused any more once something was."""
    monkeypatch.setattr(module, "FIRST_WAIT", 0)
    server, done, refused = _Server(module.MOST), [], []

    async def work():
        busy = server.running >= 2
        await server.work()
        if busy:
            refused.append(server.now)
            raise BusyError("locked")
        done.append(server.now)

    async def all_of_them():
        pace = Pace(clock=server.clock)
        serving = asyncio.create_task(server.serve())
        await pace.run([lambda: pace.patiently(work)] * 60)
        serving.cancel()

    asyncio.run(all_of_them())
    assert len(done) == 60
    assert len(set(refused)) == 1


def test_a_server_that_stays_busy_is_waited_for_once(monkeypatch):
    """What is begun first is tried for a while, all else once."""
    monkeypatch.setattr(module, "FIRST_WAIT", 0)
    tries = []

    async def work():
        tries.append(1)
        raise BusyError("locked")

    async def give_up(pace):
        with pytest.raises(BusyError):
            await pace.patiently(work)

    async def all_of_them():
        pace = Pace(tries=3)
        await pace.run([lambda: give_up(pace)] * 5)

    asyncio.run(all_of_them())
    assert len(tries) == 3 + 4


def test_retries_last_as_long_as_those_of_prefects_client():
    """Which waits 2, 4, 8, ... seconds; however many a person asks for, there is an end."""
    waits = [min(module.FIRST_WAIT * 2**attempt, module.LONGEST_WAIT) for attempt in range(400)]
    assert module.tries_for(0) == 1
    for retries in (1, 5, 10):
        seconds = sum(2**retry for retry in range(1, retries + 1))
        lasts = sum(waits[: module.tries_for(retries) - 1])
        assert seconds <= lasts < seconds + module.LONGEST_WAIT
    assert module.tries_for(10**6) == module.tries_for(10)
