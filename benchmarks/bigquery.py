"""What work on BigQuery costs in jobs and requests: round trips, which take most of its time, not seconds.

python -m benchmarks.bigquery --windows 1 90 1000 --tables 20 2000 --each 90

It runs on the emulator, which has ended a job before it answers. Where a job takes longer the service is asked twice
more: to wait for it, and how it ended.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter, defaultdict
from contextlib import closing
from datetime import UTC, datetime, timedelta
from graphlib import TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from google.cloud import bigquery
from rich.console import Console
from rich.table import Table as Shown

from flows.commands.all_tables import run_all
from flows.commands.progress import Quiet
from flows.engine.readings import Readings
from flows.engine.request import Author, Reached, Request
from flows.engine.table_run import Parts, run_table
from flows.model.window import utc
from flows.project.definition import code_version
from flows.project.project import load_project
from flows.sources.files.reader import FilesReader
from flows.warehouses.bigquery import ledger, views
from flows.warehouses.bigquery.types import schema_field
from flows.warehouses.interface import ledger_shard
from tests.servers.bigquery import serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import requests

    from flows.engine.steps import Step
    from flows.model.entry import Entry
    from flows.model.table import Table
    from flows.project.project import Project
    from flows.warehouses.bigquery.warehouse import BigQuery
    from tests.servers.bigquery import BigQueryServer

ABOUT = 'description: A table.\nowner: team@example.com\nschedule: "0 * * * *"\nstrategy: append\n'
CORE = ABOUT + (
    "window: {size: 1 day, start: 2020-01-01, end: END}\npartition: {column: at, by: day}\n"
    "source: {kind: files, path: events.csv, cursor: at}\n"
    "columns: [{name: id, type: INT64}, {name: at, type: TIMESTAMP}]\n"
)
DERIVED = ABOUT + (
    "window: {size: 1 day, start: 2020-01-01, end: END}\npartition: {column: day, by: day}\n"
    "columns: [{name: day, type: DATE, checks: [not_null]}, {name: n, type: INT64, checks: [{range: {min: 0}}]}]\n"
    "sql: SELECT DATE(`at`) AS day, COUNT(*) AS n FROM core.UPSTREAM\n"
    "  WHERE `at` >= @window_start AND `at` < @window_end GROUP BY day\n"
)
START = utc("2020-01-01")
READ_BY = 10
"""Derived tables that read one core table."""


class Sent(NamedTuple):
    """What was sent."""

    jobs: int
    requests: int


def main() -> None:
    """Count, and print the tables."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--windows", type=int, nargs="+", default=[1, 90, 1_000], help="windows of a table")
    arguments.add_argument("--tables", type=int, nargs="+", default=[20, 2_000], help="tables of a project")
    arguments.add_argument("--each", type=int, default=90, help="windows of each table of a project")
    given = arguments.parse_args()
    shown = Shown(title="Jobs and requests on BigQuery")
    for name in ("", "jobs", "requests"):
        shown.add_column(name, justify="left" if not name else "right")
    with serving() as server:
        shown.add_row("a window with checks, from stage to commit", *map(str, publish(server)))
        for windows in given.windows:
            found = nothing_to_do(server, 1, windows)
            shown.add_row(f"a table of {windows:,} windows with nothing to do", *map(str, found))
        for count in given.tables:
            found = nothing_to_do(server, count, given.each)
            shown.add_row(f"{count:,} tables of {given.each:,} windows with nothing to do", *map(str, found))
    Console().print(shown)


class Seen:
    """Counts the requests of a warehouse's client, and those that begin a job."""

    def __init__(self, warehouse: BigQuery) -> None:
        self._counts: Counter[bool] = Counter()
        warehouse.jobs.client._http.hooks["response"].append(self._count)  # noqa: SLF001 - the client's connection

    def _count(self, response: requests.Response, **_: object) -> None:
        is_job = response.request.method == "POST" and (response.request.path_url.partition("?")[0].endswith("/jobs"))
        self._counts[is_job] += 1

    def take(self) -> Sent:
        """Return what was counted since the last time."""
        counts, self._counts = self._counts, Counter()
        return Sent(counts[True], counts.total())


class EachStep(Quiet):
    """Counts what each window sends."""

    def __init__(self, seen: Seen) -> None:
        self.seen = seen
        self.sent: list[Sent] = []

    def step(self, table: str, step: Step, work: Callable[[], Entry]) -> Entry:
        """Do the work, and count."""
        self.seen.take()
        entry = super().step(table, step, work)
        self.sent.append(self.seen.take())
        return entry


def write_project(root: Path, count: int, windows: int) -> Project:
    """Write derived tables, and core tables that they read; return the project."""
    end = (START + timedelta(days=windows)).date().isoformat()
    for number in range(count):
        core = f"events_{number // READ_BY:04}"
        write(root / f"tables/core/{core}.yaml", CORE.replace("END", end))
        text = DERIVED.replace("END", end).replace("UPSTREAM", core)
        write(root / f"tables/derived/facts_{number:05}.yaml", text)
    return load_project(root)


def write(path: Path, text: str) -> None:
    """Write a file and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def parts_of(project: Project, warehouse: BigQuery, *, every: bool = False) -> Parts:
    """Return what runs are put together from: of one table, or of every one."""
    order = TopologicalSorter(project.after).static_order() if every else ()
    readings = Readings(warehouse, project.tables, {name: project.after[name] for name in order})
    source = Reached(FilesReader(project.root), None, 0.0)
    return Parts(project, readings, Author("benchmark"), lambda _: source)


def fill(warehouse: BigQuery, project: Project, windows: int) -> None:
    """Make the tables, and let the ledger say that all their windows are committed."""
    jobs, client = warehouse.jobs, warehouse.jobs.client
    for dataset in ("core", "derived"):
        ledger.create_dataset(jobs, dataset, "")
    warehouse.prepare(next(iter(project.tables.values())), 0)
    entries: dict[str, list[dict[str, object]]] = defaultdict(list)
    for table in project.tables.values():
        schema = [schema_field(name, type_) for name, type_ in table.types.items()]
        client.create_table(bigquery.Table(f"{jobs.settings.project}.{table.identity}", schema), exists_ok=True)
        entries[ledger_shard(table.identity)] += committed(project, table, windows)
    for shard, lines in entries.items():
        name = f"{jobs.settings.project}.platform.{shard}"
        client.create_table(bigquery.Table(name, ledger.SCHEMA), exists_ok=True)
        client.load_table_from_json(lines, name, job_config=bigquery.LoadJobConfig(schema=ledger.SCHEMA)).result()
    views.create(jobs)


def committed(project: Project, table: Table, windows: int) -> Iterator[dict[str, object]]:
    """Give an entry for each window of a table, as JSON."""
    upstreams = [] if table.source else [project.upstreams(table.identity)[0].table]
    now = datetime.now(UTC).isoformat()
    for number in range(windows):
        start, end = ((START + timedelta(days=number + more)).isoformat() for more in (0, 1))
        yield {
            "table_name": table.identity,
            "kind": "commit",
            "version": number + 1,
            "window_start": start,
            "window_end": end,
            "committed_at": now,
            "began": now,
            "code_version": code_version(table),
            "upstreams": [{"table_name": name, "version": windows} for name in upstreams],
            "touched": [{"range_start": start, "range_end": end, "changed": False}],
            "warnings": [],
        }


def publish(server: BigQueryServer) -> Sent:
    """Count what the second window of a derived table sends."""
    with tempfile.TemporaryDirectory() as folder, closing(server.warehouse()) as warehouse:
        server.clear()
        project = write_project(Path(folder), 1, 2)
        (project.root / "events.csv").write_text("id,at\n1,2020-01-01 01:00:00\n2,2020-01-02 01:00:00\n")
        parts = parts_of(project, warehouse)
        run_table(parts, Request("core.events_0000"), Quiet())
        observer = EachStep(Seen(warehouse))
        outcome = run_table(parts, Request("derived.facts_00000"), observer)
        assert len(outcome.entries) == 2, outcome.failures  # noqa: S101 - what is counted was done
        return observer.sent[-1]


def nothing_to_do(server: BigQueryServer, count: int, windows: int) -> Sent:
    """Count what a run sends that brings derived tables up to date, all windows of which are committed."""
    with tempfile.TemporaryDirectory() as folder, closing(server.warehouse()) as warehouse:
        server.clear()
        project = write_project(Path(folder), count, windows)
        (project.root / "events.csv").write_text("id,at\n")
        fill(warehouse, project, windows)
        with closing(server.warehouse()) as fresh:
            seen = Seen(fresh)
            if count == 1:
                outcomes = [run_table(parts_of(project, fresh), Request("derived.facts_00000"), Quiet())]
            else:
                outcomes = list(run_all(parts_of(project, fresh, every=True), Quiet()).values())
            assert not any(outcome.entries or outcome.failures for outcome in outcomes)  # noqa: S101 - as above
            return seen.take()


if __name__ == "__main__":
    main()
