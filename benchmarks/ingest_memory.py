"""The most memory that a copy from MySQL holds, and what Parquet costs beside reading: by the number of rows.

python -m benchmarks.ingest_memory 250000 1000000 4000000

Each line is a process of its own. `to nowhere` reads rows and drops them; `to Parquet` writes them to a stage, as an
extract for BigQuery is; then whole ingests into DuckDB, which keeps what it has read and written in memory as long as
its `memory_limit` allows (80 % of the machine's): they run once with that held to 256 MB, so that what is ours shows.
Seconds are those that the process has of the processor, without its start and without the server.

Needs a server as the tests do: DERIVED_TEST_MYSQL, or mariadbd on the PATH.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from typing import TYPE_CHECKING

from benchmarks.ingest import DATABASE, PROJECT, after_last, load, project
from tests.servers.mysql import serving

if TYPE_CHECKING:
    from tests.servers.mysql import MysqlServer

ALONE = """
import json, resource, time
from benchmarks import ingest
from tests.servers.mysql import MysqlServer

server = MysqlServer(*%r, None)
began = time.process_time()
ingest.%s(server%s)
print(json.dumps([resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10, time.process_time() - began]))
"""
READINGS = {
    "pymysql's rows, to nowhere": ("driver", ""),
    "ours, to nowhere": ("reader", ", 4"),
    "ours, to Parquet": ("to_stage", ", 4"),
}
HELD = "256MB"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", type=int, nargs="+")
    sizes = parser.parse_args().rows
    with serving() as server:
        try:
            for size in sizes:
                load(server, size)
                print(f"{size:,} rows")
                measure(server)
        finally:
            server.execute(f"DROP DATABASE IF EXISTS {DATABASE}")


def measure(server: MysqlServer) -> None:
    """Print a line for each way of reading, and for each whole ingest."""
    taken = {name: alone(server, *work) for name, work in READINGS.items()}
    for name, (peak, seconds) in taken.items():
        print(f"  {name:<42} {peak:>6,} MB at most, {seconds:6.2f} s")
    parquet = taken["ours, to Parquet"][1]
    for name in list(taken)[:2]:
        print(f"  Parquet takes {parquet / taken[name][1]:.2f} times {name}")
    for stage in ("stage", ""):
        for held in (HELD, ""):
            with project(server, after_last(server), stage) as ingest:
                way = f"into DuckDB{', by way of a stage' * bool(stage)}{f', held to {held}' if held else ''}"
                print(f"  {way:<42} {ingest(memory=held):>6,} MB at most")


def alone(server: MysqlServer, work: str, arguments: str) -> tuple[int, float]:
    """Return the peak memory of a process that does something, in MB, and its seconds of the processor."""
    address = (server.host, server.port, server.user, server.password)
    code = ALONE % (address, work, arguments)
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, stdout=subprocess.PIPE, check=True)
    peak, seconds = json.loads(done.stdout)
    return peak, seconds


if __name__ == "__main__":
    main()
