from __future__ import annotations

import asyncio
import time

import pytest

from flows.tracking import pace as module
from flows.tracking.pace import BusyError, Pace


def _run(count, work):
    """Do pieces of work and return how many ran at a time at most."""
    running, most = 0, 0

    async def piece(pace):
        nonlocal running, most

        async def once():
            nonlocal running, most
            running += 1
            most = max(most, running)
            try:
                await work(running)
            finally:
                running -= 1

        await pace.patiently(once)

    async def all_of_them():
        pace = Pace()
        await pace.run([lambda: piece(pace)] * count)

    asyncio.run(all_of_them())
    return most


def test_a_server_that_does_many_things_at_once_is_asked_for_many():
    """As with PostgreSQL."""
    assert _run(120, lambda _: asyncio.sleep(0.01)) >= 4


def test_a_server_that_does_one_thing_at_a_time_is_asked_for_no_more_than_two():
    """As with SQLite, whose writer is one."""

    async def work(_):
        time.sleep(0.003)  # noqa: ASYNC251 - nothing else goes on meanwhile

    assert _run(60, work) <= 2


def test_a_busy_server_is_asked_again_and_for_less():
    """All is done in the end."""
    done = []

    async def work(running):
        await asyncio.sleep(0.01)
        if running > 2:
            raise BusyError
        done.append(running)

    _run(60, work)
    assert len(done) == 60


def test_a_server_that_stays_busy_is_waited_for_once(monkeypatch):
    """The first piece of work is tried for a while, all others once."""
    monkeypatch.setattr(module, "TRIES", 3)
    tries = []

    async def work(_):
        tries.append(1)
        raise BusyError

    async def give_up(pace):
        with pytest.raises(BusyError):
            await pace.patiently(lambda: work(1))

    async def all_of_them():
        pace = Pace()
        await pace.run([lambda: give_up(pace)] * 5)

    asyncio.run(all_of_them())
    assert len(tries) == 3 + 4
