"""A source that does not answer holds nobody up."""

import json
import socket
import subprocess
import sys
from contextlib import contextmanager

import pytest

from tests.shop import Shop

COPIED = """
description: Things of a server.
owner: data@example.com
schedule: "0 * * * *"
window: {size: 1 day, start: 2026-01-01, end: 2026-02-01}
strategy: merge
key: [id]
source: {kind: mysql, connection: mute, table: things, cursor: at}
columns: [{name: id, type: INT64}, {name: at, type: TIMESTAMP}]
"""
MADE = """
description: One row.
owner: data@example.com
schedule: "0 * * * *"
strategy: replace
columns: [{name: n, type: INT64}]
sql: SELECT 1 AS n
"""


@contextmanager
def mute():
    """Listen as a server that takes connections and does not greet until it ends."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def project(tmp_path):
    """A table that is copied from such a server, and one that reads nothing."""
    for name, text in (("core/things", COPIED), ("derived/one", MADE)):
        path = tmp_path / f"tables/{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Shop(tmp_path)


def connection(port):
    """Return the environment that leads to the server."""
    return {"DERIVED_CONNECTION_MUTE": f"mysql://reader:secret@127.0.0.1:{port}/shop?ssl_mode=disabled"}


def test_the_warehouse_is_free_while_a_source_is_waited_for(project):
    """Another table is made meanwhile, without waiting; the failure is in the ledger afterwards."""
    with mute() as port:
        waiting = subprocess.Popen(
            [sys.executable, "-m", "flows.ingest", "core.things", "--json"],
            cwd=project.root,
            env=project.environment | connection(port),
            stdout=subprocess.PIPE,
            text=True,
        )
        done = project.command("derive", "derived.one")
        assert (done.returncode, done.stderr) == (0, "")
        assert waiting.poll() is None
    with waiting:
        error = json.loads(waiting.stdout.read())
    assert waiting.returncode == 1
    assert error["kind"] == "SourceUnavailableError"
    assert project.rows("SELECT table_name, window_start IS NULL FROM platform.failures") == [("core.things", False)]


def test_a_run_of_all_tables_does_the_others_meanwhile(project):
    """They are made while the source is waited for, and nobody is kept from the warehouse; only its table failed."""
    with mute() as port:
        waiting = subprocess.Popen(
            [sys.executable, "-m", "flows.run"],
            cwd=project.root,
            env=project.environment | connection(port),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert waiting.stdout.readline().startswith("derived.one ")
        done = project.command("derive", "derived.one", "--force")
        assert done.returncode == 0, done.stderr  # it may say that it waits: for the end of what was being committed
        assert waiting.poll() is None
    with waiting:
        rest = waiting.stdout.read()
    assert waiting.returncode == 1
    assert "core.things " in rest
    assert "2 tables: 1 brought up to date, 1 failed" in rest


def test_a_table_that_is_up_to_date_needs_no_source(project):
    """Where nothing is to be read, it does not matter whether it could be."""
    path = project.root / "tables/core/things.yaml"
    path.write_text(path.read_text().replace("start: 2026-01-01, end: 2026-02-01", "start: 2999-01-01"))
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    done = project.command("ingest", "core.things", env=connection(port))
    assert (done.returncode, done.stderr) == (0, "")
    assert "closes at 2999-01-02" in done.stdout
