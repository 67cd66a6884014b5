"""A long run lets others have the warehouse's file at its commits, and goes on with what they have left to do."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import date, timedelta
from threading import Event

import duckdb
import pytest

from flows.warehouses.duckdb.queue import Queue
from flows.warehouses.duckdb.warehouse import DuckDB
from tests.engine.builders import EVENTS as CORE
from tests.engine.builders import LOG, Rows, do, event, logged, rows, window
from tests.prefect_api import clean_environment
from tests.simulator.house import ABOUT, EVENTS, TOTALS

NAME, WINDOWS = "derived.slow", 24
SLOW = (
    "SELECT day, SUM(amount) + 0 * SUM(LENGTH(REPEAT(CAST(x AS STRING), 20))) AS n"
    " FROM core.events CROSS JOIN UNNEST(GENERATE_ARRAY(1, 8000)) AS x CROSS JOIN UNNEST(GENERATE_ARRAY(1, 120)) AS y"
    " WHERE day >= DATE(@window_start) AND day < DATE(@window_end) GROUP BY day"
)


@pytest.fixture
def root(tmp_path):
    """A project with a table of many windows, each of which takes a moment."""
    window = {"size": "1 day", "start": "2026-01-01", "end": "2026-01-25"}
    for name, fields in (("core/events", EVENTS), ("derived/slow", {**TOTALS, "window": window, "sql": SLOW})):
        path = tmp_path / f"tables/{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({**ABOUT, **fields}))
    days = [date(2026, 1, 1) + timedelta(number) for number in range(WINDOWS)]
    rows = [{"id": number, "day": day.isoformat(), "user": 1, "amount": 2} for number, day in enumerate(days)]
    (tmp_path / "events.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    with _start(tmp_path, "flows.ingest", "core.events") as copied:
        assert copied.wait() == 0
    return tmp_path


def _start(root, *words):
    environment = clean_environment(PYTHONUNBUFFERED="1")
    command = [sys.executable, "-m", *words]
    return subprocess.Popen(command, cwd=root, env=environment, text=True, stdout=subprocess.PIPE)


def test_who_waits_gets_the_file_at_the_next_commit(root):
    """A dry run in the middle of a long run, and another run of the same table: both do their part, and none fails."""
    with _start(root, "flows.derive", NAME) as long:
        assert any("2026-01-02.." in line for line in iter(long.stdout.readline, ""))
        with _start(root, "flows.derive", NAME) as other, _start(root, "flows.derive", NAME, "--dry-run") as reader:
            shown = reader.communicate(timeout=120)[0]
            assert (reader.returncode, long.poll()) == (0, None)
            assert f"{NAME}: to do: 2026-0" in shown
            done = other.communicate(timeout=240)[0]
        rest = long.communicate(timeout=240)[0]
    assert (long.returncode, other.returncode) == (0, 0), rest + done
    with duckdb.connect(str(root / ".derived/warehouse.duckdb")) as connection:
        commits = "SELECT count(*), count(DISTINCT window_start), count(DISTINCT run_id) FROM platform.ledger"
        found = connection.execute(f"{commits} WHERE kind = 'commit' AND table_name = '{NAME}'").fetchone()
    assert found == (WINDOWS, WINDOWS, 2)


def test_where_nobody_waits_the_file_stays_open(tmp_path, monkeypatch):
    """Who has waited and gone is nobody; while somebody waits, each commit gives the file away."""
    monkeypatch.setattr("flows.warehouses.duckdb.warehouse.AT_LEAST", 0)
    monkeypatch.setattr("flows.warehouses.duckdb.queue.POLITE", 0)
    queue = Queue(tmp_path / "warehouse.duckdb")
    with closing(DuckDB(tmp_path / "warehouse.duckdb")) as warehouse:
        do(warehouse, CORE, window(0), Rows([event(1, 0)]))
        assert queue.is_empty
        with queue.joined():
            assert not queue.is_empty
            do(warehouse, CORE, window(1), Rows([event(2, 1)]))
            assert (warehouse.opened, warehouse.lendings) == (None, 1)
            do(warehouse, CORE, window(2), Rows([event(3, 2)]))
        assert queue.is_empty
        do(warehouse, CORE, window(3), Rows([event(4, 3)]))
        assert warehouse.opened is not None
        assert (len(rows(warehouse, CORE)), warehouse.lendings) == (4, 2)


class _Late(Rows):
    """Gives its rows when it is told to."""

    def __init__(self, rows):
        super().__init__(rows)
        self.asked, self.told = Event(), Event()

    def read(self, subject, span):
        """Wait, and give them."""
        self.asked.set()
        assert self.told.wait(60)
        yield from super().read(subject, span)


def test_who_waits_for_a_source_does_not_hold_the_file(tmp_path, monkeypatch):
    """A table whose source has no connection free, as another's first copy has them all, which gives the file away."""
    monkeypatch.setattr("flows.warehouses.duckdb.warehouse.AT_LEAST", 0)
    monkeypatch.setattr("flows.warehouses.duckdb.queue.POLITE", 0)
    path, late = tmp_path / "warehouse.duckdb", _Late([logged(1, 0, 1)])
    with closing(DuckDB(path)) as warehouse, Queue(path).joined(), ThreadPoolExecutor() as pool:
        try:
            waiting = pool.submit(do, warehouse, LOG, window(0), late)
            assert late.asked.wait(60)
            pool.submit(do, warehouse, CORE, window(0), Rows([event(1, 0)])).result(timeout=10)
            assert (warehouse.opened, warehouse.lendings) == (None, 1)
        finally:
            late.told.set()
        waiting.result()
        assert len(rows(warehouse, LOG)) == len(rows(warehouse, CORE)) == 1
