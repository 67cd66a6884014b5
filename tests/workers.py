"""Shares the tests among the processes that run them, so that no server is started twice and none waits at the end."""

from __future__ import annotations

import pytest

# Those whose tests take longest come first.
SERVERS = ("bigquery_server", "prefect_server", "mongodb_server", "mysql_server")
# Their tests are many and short: they fill the processes at the end.
LAST = ("sql", "project", "model", "report")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give the tests of one server, or else of one file, to one process; the long ones first."""
    items.sort(key=_turn)
    for item in items:
        item.add_marker(pytest.mark.xdist_group(_server(item) or item.path.as_posix()))


def _turn(item: pytest.Item) -> int:
    """Return 0 to 3 for tests of a server, then those of files that start servers of their own or processes, then the rest."""
    if server := _server(item):
        return SERVERS.index(server)
    return len(SERVERS) + any(folder in item.path.parts for folder in LAST)


def _server(item: pytest.Item) -> str | None:
    assert isinstance(item, pytest.Function)
    # What a fixture asks for by the name of a parameter is not among its test's fixtures.
    asked = item.callspec.params if hasattr(item, "callspec") else {}
    for server in (f"{asked.get(name)}_server" for name in ("warehouse", "things")):
        if server in SERVERS:
            return server
    return next((server for server in SERVERS if server in item.fixturenames), None)
