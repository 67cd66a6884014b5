"""Prepares the processes that share the tests: no server is started in two without need, no long file is left for the end."""

from __future__ import annotations

import gc
import os
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from xdist.scheduler import LoadFileScheduling

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xdist.remote import Producer
    from xdist.workermanage import WorkerController

# A process starts each once, for seconds of CPU: all files that need one of them go to one process, by the first of them
# that they need. Those whose tests take longest come first.
SERVERS = ("bigquery_server", "prefect_server", "mongodb_server", "mysql_server", "deploying")
# The files of this folder take as long as all others of its server, and go to a process of their own.
APART = "/contract/"
# Under which name pytest's cache tells the process that shares the tests which files need which server.
KEPT = "derived/servers"
# Their tests are many and short, but for those that try much at random: they fill the processes at the end.
LAST = ("sql", "project", "model", "report")
_RESTING: dict[str, int] = {}
"""Fixtures of servers, each with its process, that stands still as long as the tests are others'."""


class _Scheduling(LoadFileScheduling):
    """Gives the files of a server to one process, and all others file by file."""

    def __init__(self, config: pytest.Config, log: Producer) -> None:
        super().__init__(config, log)
        self._servers: dict[str, str] | None = None

    def _split_scope(self, nodeid: str) -> str:
        if self._servers is None:  # all processes have collected the tests
            self._servers = dict(self.config.cache.get(KEPT, {}))
        file = super()._split_scope(nodeid)
        return self._servers.get(file, file)

    def remove_node(self, node: WorkerController) -> str | None:
        """Return the test that has ended its process, and leave it out; the rest of the process's tests go to another.

        It would end each process that takes over, until none is left and the tests behind it are never run.
        """
        for unit in self.assigned_work[node].values():
            for test, is_done in unit.items():
                if not is_done:
                    unit[test] = True
                    super().remove_node(node)
                    return str(test)
        super().remove_node(node)
        return None


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> _Scheduling | None:
    """Share the tests by server and file."""
    return _Scheduling(config, log) if config.getoption("dist") == "loadfile" else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let files with tests of a server come first, then those that start processes, then the rest."""
    turns: dict[str, int] = {}
    for item in items:
        turns[_file(item)] = min(turns.get(_file(item), len(SERVERS) + 2), _turn(item))
    items.sort(key=lambda item: (turns[_file(item)], APART not in _file(item)))
    if getattr(config, "workerinput", {}).get("workerid") == "gw0":
        needed = {file: SERVERS[turn] for file, turn in turns.items() if turn < len(SERVERS)}
        config.cache.set(KEPT, {file: APART if APART in file else server for file, server in needed.items()})


def pytest_collection_finish() -> None:
    """Let collections of garbage pass by what is loaded and collected: it stays, and took them a sixth of all CPU."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure() -> None:
    """Let the end of the process collect all: DuckDB's client takes what is left for a leak."""
    gc.unfreeze()


@contextmanager
def resting(fixture: str, process: int) -> Iterator[None]:
    """Let a server stand still while no test asks for it: one that nobody asks for anything takes 3 % of a core for that."""
    _RESTING[fixture] = process
    try:
        yield
    finally:
        del _RESTING[fixture]
        os.kill(process, signal.SIGCONT)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Wake the servers that a test asks for."""
    assert isinstance(item, pytest.Function)
    for fixture, process in _RESTING.items():
        os.kill(process, signal.SIGCONT if fixture in item.fixturenames else signal.SIGSTOP)


def _file(item: pytest.Item) -> str:
    return item.nodeid.partition("::")[0]


def _turn(item: pytest.Item) -> int:
    """Return 0 to 3 for tests of a server, 4 for those that may start processes, 5 for what is random, 6 for the rest."""
    assert isinstance(item, pytest.Function)
    # What a fixture asks for by the name of a parameter is not among its test's fixtures.
    asked = item.callspec.params if hasattr(item, "callspec") else {}
    names = [*item.fixturenames, *(f"{asked.get(name)}_server" for name in ("warehouse", "things"))]
    found = [place for place, server in enumerate(SERVERS) if server in names]
    is_last = any(folder in item.path.parts for folder in LAST)
    return min(found, default=len(SERVERS) + (2 - ("fuzz" in item.path.name) if is_last else 0))
