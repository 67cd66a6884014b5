"""A row at fault keeps its own window back and no other, in both warehouses."""

import time

from flows.commands.progress import Quiet
from flows.engine.readings import Readings
from flows.engine.request import Author, Reached, Request
from flows.engine.table_run import Parts, run_table
from flows.project.project import load_project
from flows.sources.files.reader import FilesReader

FILE = """
description: Visits.
owner: data@example.com
schedule: "0 * * * *"
window: {size: 1 day, start: 2026-01-01, end: 2026-01-06}
strategy: append
partition: {column: day, by: day}
source: {kind: files, path: a.csv, cursor: day}
columns:
  - {name: day, type: DATE}
  - {name: n, type: INT64}
"""


def test_all_windows_but_the_one_at_fault_are_committed(warehouse, tmp_path):
    """In one run, whose failure is that window's; the rows of the others are each there once."""
    (tmp_path / "tables/core").mkdir(parents=True)
    (tmp_path / "tables/core/visits.yaml").write_text(FILE)
    (tmp_path / "a.csv").write_text(
        "day,n\n" + "".join(f"2026-01-0{day},{day}\n" for day in (1, 2, 3, 5)) + "2026-01-04,x\n"
    )
    project = load_project(tmp_path)
    source = Reached(FilesReader(tmp_path), None, time.monotonic())
    parts = Parts(project, Readings(warehouse, project.tables), Author("tester"), lambda _: source)
    outcome = run_table(parts, Request("core.visits"), Quiet())
    assert [str(failure.window) for failure in outcome.failures] == ["2026-01-04..2026-01-05"]
    assert [str(entry.window) for entry in outcome.entries] == [
        "2026-01-01..2026-01-04",
        "2026-01-05..2026-01-06",
    ]
    rows = warehouse.query("SELECT n FROM core.visits ORDER BY n", {})
    assert [row["n"] for row in rows] == [1, 2, 3, 5]
