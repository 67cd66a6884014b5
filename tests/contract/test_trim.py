"""Rows of a core table that lie outside its start and end go when a person says so."""

import json
import time

import pytest

from flows.commands.progress import Quiet
from flows.engine.readings import Readings
from flows.engine.request import Author, Reached, Request
from flows.engine.table_run import Parts, run_table
from flows.model.errors import UsageError
from flows.model.window import Window, utc
from flows.project.project import load_project
from flows.report.plan_text import plan_remarks
from flows.sources.files.reader import FilesReader
from tests.simulator.house import ABOUT, TOTALS

NAME, BELOW = "core.visits", "derived.daily"
ROWS = [(1, "2026-01-02", "2026-01-01 10:00:00", 1), (2, "2026-01-02", "2026-01-03 10:00:00", 2)]
ROWS += [(3, "2026-01-03", "2026-01-03 11:00:00", 4), (4, "2026-01-03", "2026-01-04 10:00:00", 8)]


@pytest.fixture(params=["merge", "append"])
def run(request, warehouse, tmp_path):
    """Let the file of the core table have another start and end, and run a table."""
    columns = {"id": "INT64", "day": "DATE", "at": "TIMESTAMP", "n": "NUMERIC"}
    merge = {"strategy": "merge", "key": ["id"], "partition": {"column": "day", "by": "day"}}
    append = {"strategy": "append", "partition": {"column": "at", "by": "day"}}

    def run(name=NAME, start="2026-01-01", end="2026-01-05", rows=ROWS, **asked):
        lines = [json.dumps(dict(zip(columns, row, strict=True))) for row in rows]
        (tmp_path / "visits.jsonl").write_text("\n".join(lines))
        core = {
            "window": {"size": "1 day", "start": start, "end": end},
            "source": {"kind": "files", "path": "visits.jsonl", "cursor": "at"},
            "columns": [{"name": name, "type": type_} for name, type_ in columns.items()],
            **(merge if request.param == "merge" else append),
        }
        day = "day" if request.param == "merge" else "DATE(`at`)"
        bounds = f"{day} >= DATE(@window_start) AND {day} < DATE(@window_end)"
        if request.param == "append":
            bounds = "`at` >= @window_start AND `at` < @window_end"
        sql = f"SELECT {day} AS day, SUM(n) AS n FROM {NAME} WHERE {bounds} GROUP BY 1"
        for file, fields in ((NAME, core), (BELOW, {**TOTALS, "sql": sql})):
            path = tmp_path / f"tables/{file.replace('.', '/')}.yaml"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps({**ABOUT, **fields}))
        project = load_project(tmp_path)
        source = Reached(FilesReader(tmp_path), None, time.monotonic())
        parts = Parts(project, Readings(warehouse, project.tables), Author("tester"), lambda _: source)
        return run_table(parts, Request(name, **asked), Quiet())

    run.strategy, run.warehouse = request.param, warehouse
    return run


def _ids(warehouse):
    return sorted(row["id"] for row in warehouse.query(f"SELECT id FROM {NAME}", {}))


def _below(warehouse):
    return {row["day"].day: int(row["n"]) for row in warehouse.query(f"SELECT day, n FROM {BELOW}", {})}


def _shown(warehouse):
    asked = "SELECT window_start, window_end FROM platform.windows WHERE table_name = @name"
    return [(row["window_start"].day, row["window_end"].day) for row in warehouse.query(asked, {"name": NAME})]


def test_what_lies_outside_goes_and_what_was_made_of_it_stays(run, warehouse):
    """Until then it is there, and runs say so; once it is copied again, what reads it follows again."""
    run()
    run(BELOW)
    before = {2: 3, 3: 12} if run.strategy == "merge" else {1: 1, 3: 6, 4: 8}
    assert _below(warehouse) == before
    moved = {"start": "2026-01-03", "end": "2026-01-04"}
    (told,) = plan_remarks(NAME, run(**moved).plan)
    assert told.startswith(f"{NAME}: rows of 2026-01-01..2026-01-03, 2026-01-04..2026-01-05 are there")
    assert _ids(warehouse) == [1, 2, 3, 4]
    done = run(**moved, trim=True)
    assert [(entry.kind, entry.window.start.day) for entry in done.entries] == [("trim", 1), ("trim", 4)]
    assert _ids(warehouse) == [2, 3]
    days = [(item.range.start.day, item.changed) for entry in done.entries for item in entry.touched]
    assert days == [(2, True), (3, True)] if run.strategy == "merge" else [(1, True), (4, True)]
    assert not run(**moved, trim=True).entries
    kept = run(BELOW, **moved)
    assert [(one.table, one.windows) for one in kept.plan.kept] == [(NAME, 2)]
    assert _below(warehouse) == before
    assert _shown(warehouse) == [(3, 4)]
    more = [(*row[:3], row[3] * 10) for row in ROWS]
    run(rows=more)
    run(BELOW, rows=more)
    again = {2: 12, 3: 84} if run.strategy == "merge" else {1: 10, 3: 6, 4: 80}
    assert _below(warehouse) == again


@pytest.mark.parametrize("run", ["append"], indirect=True)
def test_of_a_range_that_is_trimmed_time_and_again_what_is_left_is_shown(run, warehouse):
    """At either end, until nothing is."""
    run()
    for start, end, left in ((2, 5, [(2, 5)]), (3, 5, [(3, 5)]), (3, 4, [(3, 4)]), (4, 5, [])):
        run(start=f"2026-01-0{start}", end=f"2026-01-0{end}", trim=True)
        assert _shown(warehouse) == left


def test_what_has_no_windows_and_a_range_are_refused(run):
    """All that lies outside goes, or nothing."""
    with pytest.raises(UsageError, match="leave --from and --to out"):
        run(trim=True, bounds=Window(utc("2026-01-01"), utc("2026-01-02")))
    with pytest.raises(UsageError, match="give one of them"):
        run(trim=True, force=True)
