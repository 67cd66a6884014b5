"""What the engine costs beyond the SELECT itself, on DuckDB.

python -m benchmarks.engine --windows 1000 --entries 0 10000 1000000 --rows 10000000
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table as Shown

from flows.engine import ledger
from flows.engine.commit import TableRun, commit_step
from flows.engine.steps import Reason, Step
from flows.model.table import Table
from flows.model.window import Window, utc
from flows.sql import to_duckdb
from flows.warehouses.duckdb.warehouse import DuckDB
from flows.warehouses.interface import ledger_shard

if TYPE_CHECKING:
    from collections.abc import Callable

START = utc("2026-01-01")
REPEATS = 3
EVENTS = Table.model_validate(
    {
        "dataset": "core",
        "name": "events",
        "description": "Events.",
        "owner": "team@example.com",
        "schedule": "0 * * * *",
        "window": {"size": "1 hour", "start": "2026-01-01"},
        "strategy": "append",
        "partition": {"column": "at", "by": "day"},
        "columns": [
            {"name": "at", "type": "TIMESTAMP"},
            {"name": "id", "type": "INT64"},
            {"name": "sku", "type": "STRING"},
            {"name": "amount", "type": "NUMERIC"},
        ],
        "source": {"kind": "files", "path": "x.csv", "cursor": "at"},
    },
    strict=False,
)
BY_HOUR = Table.model_validate(
    {
        **EVENTS.model_dump(include={"dataset", "description", "owner", "schedule"}),
        "dataset": "derived",
        "name": "by_hour",
        "window": {"size": "1 hour", "start": "2026-01-01"},
        "strategy": "append",
        "partition": {"column": "hour", "by": "day"},
        "columns": [
            {"name": "hour", "type": "TIMESTAMP", "checks": [{"not_null": True}]},
            {"name": "sku", "type": "STRING"},
            {"name": "amount", "type": "NUMERIC"},
        ],
        "sql": "SELECT TIMESTAMP_TRUNC(at, HOUR) AS hour, sku, SUM(amount) AS amount FROM core.events"
        " WHERE at >= @window_start AND at < @window_end GROUP BY hour, sku",
    },
    strict=False,
)
COPY = BY_HOUR.model_copy(
    update={
        "name": "copy",
        "columns": EVENTS.columns,
        "partition": EVENTS.partition,
        "sql": "SELECT at, id, sku, amount FROM core.events WHERE at >= @window_start AND at < @window_end",
    }
)

USERS = Table.model_validate(
    {
        **EVENTS.model_dump(include={"description", "owner", "schedule"}),
        "dataset": "derived",
        "name": "users",
        "window": {"size": "1 hour", "start": "2026-01-01"},
        "strategy": "merge",
        "key": ["id"],
        "merge": {"first": "min", "last": "max", "amount": "latest"},
        "latest_by": "last",
        "columns": [
            {"name": "id", "type": "INT64"},
            {"name": "first", "type": "TIMESTAMP"},
            {"name": "last", "type": "TIMESTAMP"},
            {"name": "amount", "type": "NUMERIC"},
        ],
        "sql": "SELECT id, MIN(at) AS first, MAX(at) AS last, MAX(amount) AS amount FROM core.events"
        " WHERE at >= @window_start AND at < @window_end GROUP BY id",
    },
    strict=False,
)
MERGE = """
    MERGE INTO bare AS o USING (
      SELECT id, min("at") AS first, max("at") AS last, max(amount) AS amount FROM core.events
      WHERE "at" >= $window_start AND "at" < $window_end GROUP BY id
    ) AS n ON o.id = n.id
    WHEN MATCHED THEN UPDATE SET first = least(o.first, n.first), last = greatest(o.last, n.last),
      amount = CASE WHEN n.last >= o.last THEN n.amount ELSE o.amount END
    WHEN NOT MATCHED THEN INSERT VALUES (n.id, n.first, n.last, n.amount)
"""
MERGED_WINDOWS, ROWS_A_WINDOW = 365, 10_000


def main() -> None:
    """Run the benchmarks and print their tables."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--windows", type=int, default=1_000, help="windows of the backfill")
    arguments.add_argument("--entries", type=int, nargs="+", default=[0, 10_000, 1_000_000], help="ledger entries")
    arguments.add_argument("--rows", type=int, default=10_000_000, help="rows of the big window")
    arguments.add_argument("--keys", type=int, default=1_000_000, help="keys of the merge")
    chosen = arguments.parse_args()
    _backfill(chosen.windows, chosen.entries)
    _big_window(chosen.rows)
    _merge(chosen.keys)


def _backfill(windows: int, sizes: list[int]) -> None:
    shown = Shown(title=f"Backfill of {windows:,} windows of one table, medians of {REPEATS}")
    columns = ("ledger entries before", "a window", "its SELECT alone", "overhead", "state and plan")
    for name in columns:
        shown.add_column(name, justify="right")
    for entries in sizes:
        took = [_one_backfill(windows, entries) for _ in range(REPEATS)]
        whole, select, state = (statistics.median(column) for column in zip(*took, strict=True))
        cells = (whole, select, whole - select, state)
        shown.add_row(f"{entries:,}", *(f"{seconds * 1000:.2f} ms" for seconds in cells))
    Console().print(shown)


def _one_backfill(windows: int, entries: int) -> tuple[float, float, float]:
    """Return seconds a window, seconds of its SELECT alone, and seconds to read the table's state."""
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(_warehouse(Path(folder), windows * 100, windows)) as warehouse,
    ):
        warehouse.prepare(BY_HOUR, 0)
        _fill_ledger(warehouse, entries)
        sql = to_duckdb(BY_HOUR.sql or "", {"core.events": EVENTS.types})
        spans = [Window(START + timedelta(hours=i), START + timedelta(hours=i + 1)) for i in range(windows)]
        state = _timed(lambda: ledger.read(warehouse, [BY_HOUR]))
        known = ledger.read(warehouse, [BY_HOUR])[BY_HOUR.identity].state.version
        job = TableRun(BY_HOUR, "run", "bench", "", known, {"core.events": 1}, {"core.events": EVENTS.types})
        select = _timed(lambda: [warehouse.session.execute(sql, _bounds(span)).fetchall() for span in spans])
        whole = _timed(
            lambda: [commit_step(job, Step(span, "missing", Reason("not committed")), warehouse) for span in spans]
        )
        return whole / windows, select / windows, state


def _fill_ledger(warehouse: DuckDB, entries: int) -> None:
    """Write entries of the same table: windows before the backfill's, each done many times."""
    shard = ledger_shard(BY_HOUR.identity)
    warehouse.session.execute(
        f"INSERT INTO platform.{shard} BY NAME SELECT $name AS table_name, 'commit' AS kind, i + 1 AS version,"
        " $start - to_hours(1 + i % 20000) AS window_start, $start - to_hours(i % 20000) AS window_end,"
        " now() AS committed_at, now() AS began, 0.01 AS seconds, 10 AS rows, 'run' AS run_id, 'bench' AS run_by,"
        " 'code' AS code_version, '' AS git_commit, [{'table_name': 'core.events', 'version': i}] AS upstreams,"
        " [{'range_start': $start - to_hours(1 + i % 20000), 'range_end': $start - to_hours(i % 20000),"
        " 'changed': false}] AS touched FROM range($entries) AS t(i)",
        {"name": BY_HOUR.identity, "start": START, "entries": entries},
    )


def _big_window(rows: int) -> None:
    shown = Shown(title=f"{rows:,} rows through one append window, medians of {REPEATS}")
    for name in ("", "seconds", "ratio"):
        shown.add_column(name, justify="right")
    span = Window(START, START + timedelta(hours=1))
    took = [_one_big_window(rows, span) for _ in range(REPEATS)]
    bare, whole = zip(*took, strict=True)
    floor = statistics.median(bare)
    for name, seconds in (("bare INSERT INTO ... SELECT", floor), ("derive", statistics.median(whole))):
        shown.add_row(name, f"{seconds:.2f}", f"{seconds / floor:.2f}")
    Console().print(shown)


def _one_big_window(rows: int, span: Window) -> tuple[float, float]:
    """Return seconds of the bare INSERT and of the engine's window, into empty tables of one file."""
    with tempfile.TemporaryDirectory() as folder, closing(_warehouse(Path(folder), rows, 1)) as warehouse:
        warehouse.prepare(COPY, 0)
        warehouse.session.execute("CREATE TABLE bare AS FROM derived.copy")
        warehouse.session.execute("CHECKPOINT")
        sql = to_duckdb(COPY.sql or "", {"core.events": EVENTS.types})
        bare = _timed(lambda: warehouse.session.execute(f"INSERT INTO bare {sql}", _bounds(span)))
        warehouse.session.execute("CHECKPOINT")
        job = TableRun(COPY, "run", "bench", "", 0, {"core.events": 1}, {"core.events": EVENTS.types})
        return bare, _timed(lambda: commit_step(job, Step(span, "missing", Reason("not committed")), warehouse))


def _merge(keys: int) -> None:
    shown = Shown(title=f"{keys:,} keys merged from {MERGED_WINDOWS} windows of {ROWS_A_WINDOW:,} rows")
    for name in ("", "ms of CPU a window", "ratio"):
        shown.add_column(name, justify="right")
    rows = MERGED_WINDOWS * ROWS_A_WINDOW
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(_warehouse(Path(folder), rows, MERGED_WINDOWS, "hash(i) % $keys", keys=keys)) as warehouse,
    ):
        warehouse.prepare(USERS, 0)
        warehouse.session.execute("CREATE TABLE bare AS FROM derived.users")
        spans = [Window(START + timedelta(hours=i), START + timedelta(hours=i + 1)) for i in range(MERGED_WINDOWS)]
        bare = _spent(lambda: [warehouse.session.execute(MERGE, _bounds(span)) for span in spans]) / len(spans)
        job = TableRun(USERS, "run", "bench", "", 0, {"core.events": 1}, {"core.events": EVENTS.types})
        steps = [Step(span, "missing", Reason("not committed")) for span in spans]
        plain = _spent(lambda: [commit_step(job, step, warehouse) for step in steps]) / len(spans)
        change = 'UPDATE core.events SET amount = amount + 1 WHERE "at" >= $window_start AND "at" < $window_end'
        took = []
        for number in range(REPEATS):
            late = len(steps) // 2 + number
            warehouse.session.execute(change, _bounds(spans[late]))
            warehouse.session.execute("CHECKPOINT")
            again = partial(commit_step, replace(job, known_version=len(steps) + number), steps[late], warehouse)
            took.append(_spent(again))
        again_took = statistics.median(took)
    for name, seconds, of in (("MERGE", bare, bare), ("derive", plain, bare), ("a late window", again_took, plain)):
        shown.add_row(name, f"{seconds * 1000:.1f}", f"{seconds / of:.2f}")
    Console().print(shown)


def _warehouse(folder: Path, rows: int, hours: int, number: str = "i", **given: int) -> DuckDB:
    """Return a warehouse with so many events, spread over so many hours, with `id` as an expression of their number."""
    warehouse = DuckDB(folder / "warehouse.duckdb")
    warehouse.prepare(EVENTS, 0)
    warehouse.session.execute(
        "INSERT INTO core.events SELECT $start + to_microseconds(CAST(i * ($hours * 3600000000 // $rows) AS BIGINT)),"
        f" {number}, CAST(i % 50 AS VARCHAR), CAST(i % 977 AS DECIMAL(38, 9)) / 7 FROM range($rows) AS t(i)",
        {"start": START, "hours": hours, "rows": rows, **given},
    )
    warehouse.session.execute("CHECKPOINT")
    return warehouse


def _bounds(span: Window) -> dict[str, object]:
    return {"window_start": span.start, "window_end": span.end}


def _spent(work: Callable[[], object]) -> float:
    """Return how many seconds of CPU some work takes, on all cores."""
    started = time.process_time()
    work()
    return time.process_time() - started


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
