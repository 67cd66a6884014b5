"""Whose clock closes a window, and what a wrong one leads to."""

import json
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta

import duckdb
import pytest

from flows.commands.progress import Quiet
from flows.engine.planning import make_plan
from flows.engine.readings import Readings
from flows.engine.request import Author, Reached, Request
from flows.engine.table_run import Parts, run_table
from flows.model.window import Window
from flows.project.project import load_project
from flows.sources.files.reader import FilesReader
from flows.wiring import open_warehouse
from tests.shop import Shop

LOOKUP = """
description: Rates.
owner: data@example.com
schedule: "0 * * * *"
strategy: replace
source: {kind: files, path: rates.csv}
columns: [{name: currency, type: STRING}, {name: rate, type: NUMERIC}]
"""
EVENTS = """
description: Events.
owner: data@example.com
schedule: "0 * * * *"
window: {size: 1 day, start: 2026-01-01}
strategy: merge
key: [id]
partition: {column: at, by: day}
source: {kind: files, path: events.csv, cursor: at}
columns: [{name: id, type: INT64}, {name: at, type: TIMESTAMP}]
"""
PRICED = """
description: Events with their rate.
owner: data@example.com
schedule: "0 * * * *"
window: {size: 1 day, start: 2026-01-01, end: 2026-01-11, lookback: 3}
strategy: append
partition: {column: at, by: day}
columns: [{name: at, type: TIMESTAMP}, {name: rate, type: NUMERIC}]
sql: |
  SELECT e.at, r.rate FROM core.events AS e CROSS JOIN core.rates AS r
  WHERE e.at >= @window_start AND e.at < @window_end
"""


@pytest.fixture
def project(tmp_path):
    """Events, rates, and events with their rate."""
    for name, text in (("core/events", EVENTS), ("core/rates", LOOKUP), ("derived/priced", PRICED)):
        path = tmp_path / f"tables/{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "events.csv").write_text("id,at\n1,2026-01-01 12:00:00\n")
    (tmp_path / "rates.csv").write_text("currency,rate\nEUR,1\n")
    return Shop(tmp_path)


def test_windows_close_by_the_sources_clock(project, monkeypatch):
    """Where that is behind; a plan without the source goes by how far behind it was at the last commit."""
    monkeypatch.chdir(project.root)
    monkeypatch.delenv("DERIVED_HOME", raising=False)
    loaded = load_project(project.root)
    table, request = loaded.tables["core.events"], Request("core.events")
    source = FilesReader(project.root)
    late = Reached(source, datetime.now(UTC) - timedelta(days=3), time.monotonic())
    fast = Reached(source, datetime.now(UTC) + timedelta(days=3), time.monotonic())
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    with closing(open_warehouse(project.root, print)) as warehouse:
        for reached, end in ((late, today - timedelta(days=3)), (fast, today), (None, today)):
            [step] = make_plan(loaded, table, Readings(warehouse, loaded.tables), request, reached).windows
            assert step.window.end == end
        run_table(Parts(loaded, Readings(warehouse, loaded.tables), Author("tester"), lambda _: late), request, Quiet())
        assert warehouse.query("SELECT MIN(source_behind) AS s FROM platform.ledger", {})[0]["s"] > 250_000
        assert make_plan(loaded, table, Readings(warehouse, loaded.tables), request).windows == ()
        [step] = make_plan(loaded, table, Readings(warehouse, loaded.tables), request, fast).windows
        assert step.window == Window(today - timedelta(days=3), today)


def test_windows_older_than_a_lookups_change_are_counted(project):
    """Those that are looked back for are made again; of the others every run says how many there are, and since when."""
    assert project.command("run").returncode == 0
    (project.root / "rates.csv").write_text("currency,rate\nEUR,2\n")
    assert project.command("ingest", "core.rates", "--force").returncode == 0
    plan = json.loads(project.command("derive", "derived.priced", "--dry-run", "--json").stdout)
    assert [window["cause"] for window in plan["windows"]] == ["lookback"] * 3
    [behind] = plan["behind"]
    assert (behind["table"], behind["windows"]) == ("core.rates", 7)
    for command in (("derive", "derived.priced"), ("run",)):
        done = project.command(*command)
        assert done.returncode == 0
        assert "derived.priced: 7 windows are older than core.rates' change of 20" in done.stderr
        assert "--force makes them again" in done.stderr
    assert project.command("derive", "derived.priced", "--force").returncode == 0
    assert "older than" not in project.command("derive", "derived.priced").stderr


def test_a_run_whose_clock_was_ahead_is_told_and_its_windows_are_made_again(project):
    """Windows that were open when they were committed are copied again; those before stay."""
    assert project.command("run").returncode == 0
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    ahead = datetime.now(UTC) + timedelta(days=2)
    with duckdb.connect(str(project.warehouse)) as session:
        [(shard,)] = session.execute(
            "SELECT DISTINCT table_name FROM duckdb_tables() WHERE table_name LIKE 'ledger_%' AND schema_name = 'platform'"
            " AND table_name = (SELECT 'ledger_' || lpad((? % 128)::VARCHAR, 3, '0'))",
            [__import__("zlib").crc32(b"core.events")],
        ).fetchall()
        session.execute("SET TimeZone = 'UTC'")
        session.execute(
            f"INSERT INTO platform.{shard} BY NAME SELECT * REPLACE (version + 1 AS version, $start AS window_start,"
            " $end AS window_end, $ahead AS began, $ahead AS committed_at, [] AS touched)"
            f" FROM platform.{shard} WHERE table_name = 'core.events' AND kind = 'commit'"
            " QUALIFY version = max(version) OVER ()",
            {"start": today, "end": today + timedelta(days=2), "ahead": ahead},
        )
    done = project.command("ingest", "core.events")
    assert done.returncode == 0
    assert "the clock of an earlier run was ahead" in done.stderr
    plan = json.loads(project.command("ingest", "core.events", "--dry-run", "--json").stdout)
    assert plan["waiting"][0]["start"][:10] == today.date().isoformat()
    upstream = project.rows("SELECT max(window_end) FROM platform.ledger WHERE table_name = 'core.events'")
    assert upstream[0][0].astimezone(UTC) == today + timedelta(days=2)
