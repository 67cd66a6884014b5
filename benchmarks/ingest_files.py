"""What the first copy of files costs as one commit and as several, in seconds of the processor.

python -m benchmarks.ingest_files --rows 2000000 --repeats 3 --formats parquet

The rows are divided among files, as daily exports are; in the second of each two lines every fifth row is another of an
older key.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb

from flows.engine.first_copy import PART_ROWS

PROJECT = Path(__file__).parents[1]
FILES = 20
FORMATS = {"jsonl": "FORMAT json", "csv": "FORMAT csv, HEADER", "parquet": "FORMAT parquet"}
ROWS = """
SELECT IF(n % 5 = 0 AND {again}, n // 2, n) AS order_id, 'customer ' || n % 10007 AS customer, n % 17 AS quantity,
  (n * 7919 % 1000000) / 100.0::DOUBLE AS price, IF(n % 10 = 0, NULL, 'Grüße ' || n) AS note,
  strftime(TIMESTAMP '2026-01-01' + to_milliseconds(n * {step}), '%Y-%m-%dT%H:%M:%S.%fZ') AS created_at,
  strftime(TIMESTAMP '2026-01-01' + to_milliseconds(n * {step}), '%Y-%m-%dT%H:%M:%S.%fZ') AS updated_at
FROM range({low}, {high}) AS r(n)
"""
FILE = """\
description: Orders.
owner: shop@example.com
schedule: "5 * * * *"
window: {{size: 1 day, start: 2026-01-01, end: 2026-04-01}}
source: {{kind: files, path: exports/*.{ending}, cursor: updated_at}}
strategy: merge
key: [order_id]
partition: {{column: created_at, by: day}}
columns:
  - {{name: order_id, type: INT64}}
  - {{name: customer, type: STRING}}
  - {{name: quantity, type: INT64}}
  - {{name: price, type: FLOAT64}}
  - {{name: note, type: STRING}}
  - {{name: created_at, type: TIMESTAMP}}
  - {{name: updated_at, type: TIMESTAMP}}
"""
INGEST = """
import runpy, sys
from flows.engine import first_copy
first_copy.PART_ROWS = int(sys.argv[1])
sys.argv[:] = ["ingest", "core.orders"]
runpy.run_module("flows.ingest", run_name="__main__")
"""


def main() -> None:
    """Print the seconds of each format."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--part", type=int, default=PART_ROWS)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--formats", nargs="+", default=list(FORMATS), choices=FORMATS)
    given = parser.parse_args()
    for ending in given.formats:
        for again in (False, True):
            with tempfile.TemporaryDirectory() as folder:
                make(Path(folder), ending, given.rows, again=again)
                pairs = [(copy(folder, given.rows + 1), copy(folder, given.part)) for _ in range(given.repeats)]
            one, several = (statistics.median(taken) for taken in zip(*pairs, strict=True))
            keys = "keys come again" if again else "keys come once"
            print(f"{ending}, {keys}: {one:.2f} s as one commit, {several:.2f} s as several: {several / one:.2f} times")


def make(folder: Path, ending: str, rows: int, *, again: bool) -> None:
    """Write exports and the file of their table."""
    (folder / "tables/core").mkdir(parents=True)
    (folder / "exports").mkdir()
    (folder / "tables/core/orders.yaml").write_text(FILE.format(ending=ending))
    share, step = rows // FILES, 80 * 24 * 3600 * 1000 // rows
    with duckdb.connect() as session:
        for place in range(FILES):
            low, high = place * share, (place + 1) * share
            sql = ROWS.format(again=again, low=low, high=high, step=step)
            session.execute(f"COPY ({sql}) TO '{folder}/exports/{place:03}.{ending}' ({FORMATS[ending]})")


def copy(folder: str, part_rows: int) -> float:
    """Copy all into a new warehouse; return the seconds that the process has used of the processor."""
    with tempfile.TemporaryDirectory() as home:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        environment = {**os.environ, "DERIVED_HOME": home, "PYTHONPATH": str(PROJECT), "PREFECT_API_URL": ""}
        command = [sys.executable, "-c", INGEST, str(part_rows)]
        subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
