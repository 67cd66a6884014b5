"""Tables in BigQuery that real processes bring up to date, which are killed, paused, or do not hear answers."""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
import time
from contextlib import closing
from dataclasses import dataclass

import requests

from flows.warehouses.bigquery.settings import parse_address
from flows.warehouses.bigquery.warehouse import BigQuery
from tests.engine.test_repair import DAYS, World

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload([__name__])
_STATEMENT = re.compile(r"(?:\b|\\n)(?:INSERT|UPDATE|DELETE|TRUNCATE|CREATE|ALTER|DROP) ")
"""In JSON, where a line begins after a backslash and an n."""


@dataclass(frozen=True)
class Harm:
    """What happens to a process at one of its requests that write, counted from 1."""

    how: str
    """`before` or `after` it the process is killed, `pause` stops it before; of `lost` ones no answer comes."""
    number: int
    """At which; of lost answers every one that this divides."""
    only: str = ""
    """Count only requests that hold this."""

    def do(self, warehouse: BigQuery) -> None:
        """Let it happen to this process, which has a warehouse."""
        session, left = warehouse.jobs.client._http, self.number  # noqa: SLF001 - the client's own connection
        send = session.request
        if self.how == "lost":
            time.sleep = lambda _: None  # it would wait before it asks again

        def request(method, url, data=None, **options):
            nonlocal left
            counts = is_write(method, url, data) and self.only in str(data)
            left -= counts
            is_now = counts and left == 0
            if is_now and self.how in {"before", "pause"}:
                os.kill(os.getpid(), signal.SIGKILL if self.how == "before" else signal.SIGSTOP)
            answer = send(method, url, data=data, **options)
            if is_now and self.how == "after":
                os.kill(os.getpid(), signal.SIGKILL)
            if is_now and self.how == "lost":
                left = self.number
                raise requests.ConnectionError("the answer is lost")
            return answer

        session.request = request


UNHARMED = Harm("", 0)


def is_write(method, url, data):
    """Say whether a request changes something: a query does where it holds such a statement."""
    if method == "POST" and "/jobs" in url and "upload" not in url:
        return bool(_STATEMENT.search(data))
    return method in {"POST", "PUT", "PATCH", "DELETE"}


class Process:
    """A process that does what is to do for some tables of a world.

    Args:
        world: the world as it is now.
        names: the tables.
        harm: what happens to it.
    """

    def __init__(self, world, names, harm=UNHARMED):
        self.told, child = PROCESSES.Pipe(duplex=False)
        state = {"rows": world.rows, "clock": world.clock, "number": world.number, "only_insert": world.only_insert}
        place = (world.server.address, world.server.emulator)
        self.process = PROCESSES.Process(target=_live, args=(place, state, names, harm, child))
        self.process.start()
        child.close()

    def is_paused(self):
        """Say, after a while, whether it has stopped itself; else it has ended."""
        while self.process.is_alive():
            with open(f"/proc/{self.process.pid}/stat") as file:  # noqa: PTH123 - no file of ours
                if file.read().rpartition(")")[2].split()[0] == "T":
                    return True
            time.sleep(0.01)
        return False

    def wake(self):
        """Let it go on."""
        os.kill(self.process.pid, signal.SIGCONT)

    def end(self):
        """Wait for its end; return None where it was killed, else the errors that it met."""
        try:
            errors = self.told.recv()
        except EOFError:
            errors = None
        self.process.join()
        self.told.close()
        self.process.close()
        return errors


def _live(place, state, names, harm, pipe):
    address, emulator = place
    errors = []
    with closing(BigQuery(parse_address(address), emulator)) as warehouse:
        harm.do(warehouse)
        world = World.__new__(World)
        vars(world).update(state, warehouse=warehouse, run_by=f"process-{os.getpid()}")
        for name in names:
            try:
                world.run(name)
            except Exception as error:  # noqa: BLE001 - the parent looks at them
                errors.append(f"{type(error).__name__}: {error}")
    pipe.send(errors)


class Hosted(World):
    """The world in BigQuery, whose tables are made by processes."""

    def __init__(self, server, *, only_insert=False):
        self.server = server
        super().__init__(server.warehouse(), only_insert=only_insert)

    def drop(self, name):
        """Drop a table, as a person may in a session of her own."""
        self.warehouse.query(f"DROP TABLE IF EXISTS {name}", {})

    def run_and_die(self, name, number):
        """Run a table in a process that is killed before or after a write."""
        Process(self, [name], Harm(("before", "after")[number % 2], number // 2 + 1)).end()

    def pass_day(self, draw):
        """Let a row be written and the next day begin."""
        self.write(draw % 5, draw % 3, draw % 7, draw % 23)
        self.clock += 1
        self.days = self.clock + 1


class Unmade(Hosted):
    """One of whose tables none is there yet."""

    def begin(self):
        """Let rows be written."""
        for number in range(DAYS - 1):
            self.clock = number
            self.write(number, number, number, 0)
