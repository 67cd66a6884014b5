"""Prepares the processes that share the tests: orders the files, so that no long one is left for the end."""

from __future__ import annotations

import gc

import pytest

# Those whose tests take longest come first.
SERVERS = ("bigquery_server", "prefect_server", "mongodb_server", "mysql_server")
# Their tests are many and short, but for those that try much at random: they fill the processes at the end.
LAST = ("sql", "project", "model", "report")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let files with tests of a server come first, then those that start processes, then the rest."""
    turns: dict[str, int] = {}
    for item in items:
        path = item.path.as_posix()
        turns[path] = min(turns.get(path, len(SERVERS) + 2), _turn(item))
    items.sort(key=lambda item: turns[item.path.as_posix()])


def pytest_collection_finish() -> None:
    """Let collections of garbage pass by what is loaded and collected: it stays, and took them a sixth of all CPU."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure() -> None:
    """Let the end of the process collect all: DuckDB's client takes what is left for a leak."""
    gc.unfreeze()


def _turn(item: pytest.Item) -> int:
    """Return 0 to 3 for tests of a server, 4 for those that may start processes, 5 for what is random, 6 for the rest."""
    assert isinstance(item, pytest.Function)
    # What a fixture asks for by the name of a parameter is not among its test's fixtures.
    asked = item.callspec.params if hasattr(item, "callspec") else {}
    names = [*item.fixturenames, *(f"{asked.get(name)}_server" for name in ("warehouse", "things"))]
    found = [place for place, server in enumerate(SERVERS) if server in names]
    is_last = any(folder in item.path.parts for folder in LAST)
    return min(found, default=len(SERVERS) + (2 - ("fuzz" in item.path.name) if is_last else 0))
