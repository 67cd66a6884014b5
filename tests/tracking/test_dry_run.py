"""What a dry run says of a table whose file has changed."""

import pytest

from flows.commands.progress import Quiet
from flows.engine.request import Request
from flows.report.plan_text import describe_plan
from flows.report.text import describe_outcome
from flows.tracking.dry_run import dry_run
from flows.wiring import run_alone

CORE = """
description: Visits.
owner: data@example.com
schedule: "0 * * * *"
window: {size: 1 day, start: 2026-01-01, end: 2026-01-04}
strategy: merge
key: [id]
partition: {column: day, by: day}
source: {kind: files, path: a.csv, cursor: day}
columns: [{name: id, type: INT64}, {name: day, type: DATE}]
"""
DERIVED = """
description: Visits a day.
owner: data@example.com
schedule: "0 * * * *"
window: {size: 1 day, start: 2026-01-01, end: 2026-01-04}
strategy: append
partition: {column: day, by: day}
columns: [{name: day, type: DATE}, {name: n, type: INT64}]
sql: |
  SELECT day, COUNT(*) AS n FROM core.visits
  WHERE day >= DATE(@window_start) AND day < DATE(@window_end) GROUP BY day
"""


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Writes a table's file; both tables are made."""

    def write(name, text):
        path = tmp_path / f"tables/{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    write("core/visits", CORE)
    write("derived/visits", DERIVED)
    (tmp_path / "a.csv").write_text("id,day\n1,2026-01-01\n2,2026-01-02\n")
    monkeypatch.chdir(tmp_path)
    run_alone("ingest", Request("core.visits"), Quiet())
    run_alone("derive", Request("derived.visits"), Quiet())
    return write


def test_what_a_person_will_be_asked_is_said_before(write):
    """Of rows that were copied otherwise: what changed, and what each answer costs; nothing of columns to come."""
    new = ", {name: seen, type: DATE, from: day}]"
    write("core/visits", CORE.replace("a.csv", "b.csv").replace("}]", f"}}{new}"))
    found = dry_run("ingest", Request("core.visits"), print)
    assert describe_plan("core.visits", found.plan) == [
        "core.visits: nothing is copied before a person has said what becomes of its rows"
    ]
    [said] = found.remarks
    assert "changes what was copied before: source. " in said
    assert "--rebuild (2 rows in 1 commit, which took 0:00:00); its rows stay as they are by" in said
    assert not any(
        "--rebuild" in line for line in dry_run("ingest", Request("core.visits", accept=True), print).remarks
    )


def test_rows_that_go_are_told_and_no_query_is_shown_for_them(write):
    """Nobody has asked for them to go but by a file whose start is later."""
    write("derived/visits", DERIVED.replace("start: 2026-01-01", "start: 2026-01-03"))
    found = dry_run("derive", Request("derived.visits"), print)
    assert found.steps == ["2026-01-01..2026-01-03  its rows go: they lie outside the table's start and end"]
    assert found.sql is None
    done = run_alone("derive", Request("derived.visits"), Quiet())
    assert describe_outcome(done) == "derived.visits: 1 commit, 0 rows; rows of 2026-01-01..2026-01-03 are gone"
