"""What copying a table from MySQL costs, beside what merely reading it costs in the same run.

python -m benchmarks.ingest --rows 1000000 --repeats 3
python -m benchmarks.ingest --peers                       other tools too, installed into ~/.cache/derived/peers
python -m benchmarks.ingest --parts 3000000               a first copy as one commit and as several, in turns, by the
                                                          seconds of the processor that it and the server use

Needs a server as the tests do: DERIVED_TEST_MYSQL, or mariadbd on the PATH. Ours reads with pymysql and Arrow; no
compiled reader of MySQL is installed. Each line is the median of the repeats, which take turns, so that a busy machine
slows all of them.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from contextlib import closing, contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pymysql.cursors
from rich.console import Console
from rich.table import Table as Shown

from flows.engine.first_copy import PART_ROWS
from flows.extracts.folder import Folder
from flows.extracts.stage import Stage
from flows.model.table import Table
from flows.model.window import EVER, utc
from flows.sources.mysql.reader import MysqlReader
from tests.servers.mysql import MysqlServer, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pyarrow as pa

PROJECT = Path(__file__).parents[1]
DATABASE = "derived_bench"
COLUMNS = {
    "payment_id": ("BIGINT NOT NULL PRIMARY KEY", "INT64", "n"),
    "status": ("ENUM('new','captured','refunded','failed') NOT NULL", "STRING", "1 + n % 4"),
    "amount": ("DECIMAL(18,4) NOT NULL", "NUMERIC", "(n * 7919 % 1000000000) / 10000"),
    "is_test": ("TINYINT(1) NOT NULL", "BOOL", "n % 7 = 0"),
    "user_id": ("INT UNSIGNED NOT NULL", "INT64", "n * 2654435761 % 4294967295"),
    "note": ("VARCHAR(200)", "STRING", "IF(n % 10 = 0, NULL, CONCAT('Grüße 🚀 ', n))"),
    "city": ("VARCHAR(60) NOT NULL", "STRING", "ELT(1 + n % 4, 'Zürich', '東京', 'Paris', 'São Paulo')"),
    "detail": ("JSON NOT NULL", "JSON", "JSON_OBJECT('k', n, 'tags', JSON_ARRAY('a', 'b'))"),
    "created_at": ("DATETIME(6) NOT NULL", "DATETIME", "'2024-01-01' + INTERVAL n * 1000003 MICROSECOND"),
    "updated_at": ("TIMESTAMP(6) NOT NULL", "TIMESTAMP", "'2024-01-01' + INTERVAL n * 43200001 MICROSECOND"),
    "day": ("DATE NOT NULL", "DATE", "'2024-01-01' + INTERVAL n % 900 DAY"),
    "score": ("DOUBLE NOT NULL", "FLOAT64", "RAND(n) * 1e6"),
    "uid": ("BINARY(16) NOT NULL", "BYTES", "UNHEX(MD5(n))"),
    "quantity": ("INT NOT NULL", "INT64", "n % 100"),
}
BOUND = "mariadb --quick, to nowhere"
NOTHING = "nothing to do (starts, loads, opens, plans)"
PEERS = ("connectorx", "dlt[duckdb]", "pyarrow", "pymysql", "sqlalchemy")
OTHERWISE = """
import runpy
from flows.engine import first_copy
from flows.warehouses.duckdb import connection
first_copy.PART_ROWS = %d
connection._FENCE |= %r
runpy.run_module("flows.ingest", run_name="__main__")
"""
FILE = """\
description: Payments of the shop.
owner: shop@example.com
schedule: "0 * * * *"
window: {size: 1 day, start: 2024-01-01, end: %s}
strategy: merge
partition: {column: updated_at, by: day}
source: {kind: mysql, connection: bench, table: payments, cursor: updated_at}
key: [payment_id]
columns:
"""


def load(server: MysqlServer, rows: int) -> None:
    """Fill the table of payments, 2,000 a day from 2024 on."""
    digits = " ".join(f", (SELECT d * {10**place} AS v{place} FROM digits) AS p{place}" for place in range(1, 7))
    number = " + ".join(f"v{place}" for place in range(7))
    server.execute(
        f"DROP DATABASE IF EXISTS {DATABASE}",
        f"CREATE DATABASE {DATABASE} CHARACTER SET utf8mb4",
        f"USE {DATABASE}",
        "CREATE TABLE digits (d INT)",
        "INSERT INTO digits VALUES (0),(1),(2),(3),(4),(5),(6),(7),(8),(9)",
        f"CREATE TABLE numbers SELECT {number} AS n FROM (SELECT d AS v0 FROM digits) AS p0 {digits} HAVING n < {rows}",
        f"CREATE TABLE payments ({', '.join(f'{name} {type_}' for name, (type_, _, _) in COLUMNS.items())},"
        " KEY (updated_at))",
        f"INSERT INTO payments SELECT {', '.join(value for _, _, value in COLUMNS.values())} FROM numbers ORDER BY n",
        "ANALYZE TABLE payments",
    )


def client(server: MysqlServer) -> None:
    """The server's own client, to nowhere."""
    command = ["mariadb", "--no-defaults", "--quick", "--skip-column-names", "--default-character-set=utf8mb4"]
    address = [f"--host={server.host}", f"--port={server.port}", f"--user={server.user}", "--protocol=tcp"]
    secret = {"MYSQL_PWD": server.password}
    subprocess.run(
        [*command, *address, DATABASE, "--execute=SELECT * FROM payments"],
        stdout=subprocess.DEVNULL,
        env=os.environ | secret,
        check=True,
    )


def driver(server: MysqlServer) -> None:
    """The driver's rows, to nowhere."""
    with closing(server.connect(DATABASE, cursorclass=pymysql.cursors.SSCursor)) as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT * FROM payments")
        while cursor.fetchmany(1000):
            pass


def batches(server: MysqlServer, connections: int) -> Iterator[pa.RecordBatch]:
    """Our exact Arrow batches."""
    columns = tuple({"name": name, "type": type_} for name, (_, type_, _) in COLUMNS.items())
    table = Table.model_validate(
        {
            "dataset": "core",
            "name": "payments",
            "description": "Payments.",
            "owner": "shop@example.com",
            "schedule": "0 * * * *",
            "strategy": "merge",
            "key": ("payment_id",),
            "columns": columns,
            "window": {"size": "1 day", "start": utc("2024-01-01")},
            "source": {"kind": "mysql", "connection": "bench", "table": "payments", "cursor": "updated_at"},
        }
    )
    for batch in MysqlReader(server.settings(DATABASE, max_connections=connections)).read(table, EVER):
        yield batch.rows


def reader(server: MysqlServer, connections: int) -> None:
    """The same, to nowhere."""
    for _ in batches(server, connections):
        pass


def to_stage(server: MysqlServer, connections: int) -> None:
    """The same, as the Parquet files of an extract."""
    with tempfile.TemporaryDirectory() as folder:
        Stage(Folder(Path(folder))).write("core.payments/bench", batches(server, connections))


@contextmanager
def project(server: MysqlServer, end: date, stage: str = "") -> Iterator[Callable[..., int]]:
    """A folder with the table's file; gives what runs `flows.ingest` in it and returns its peak memory in MB."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "tables/core/payments.yaml"
        file.parent.mkdir(parents=True)
        columns = "".join(f"  - {{name: {name}, type: {type_}}}\n" for name, (_, type_, _) in COLUMNS.items())
        file.write_text(FILE % end + columns)
        environment = {
            "PYTHONPATH": str(PROJECT),
            "DERIVED_CONNECTION_BENCH": server.url(DATABASE),
            "DERIVED_STAGE": stage,
            "PREFECT_API_URL": "",
        }

        def ingest(*arguments: str, part_rows: int = PART_ROWS, memory: str = "") -> int:
            command = [sys.executable, "-m", "flows.ingest"]
            if part_rows != PART_ROWS or memory:
                settings = {"memory_limit": memory} if memory else {}
                command = [sys.executable, "-c", OTHERWISE % (part_rows, settings)]
            process = subprocess.Popen(
                [*command, "core.payments", *arguments],
                cwd=folder,
                env=os.environ | environment,
                stdout=subprocess.DEVNULL,
            )
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode:
                raise subprocess.CalledProcessError(process.returncode, process.args)
            return usage.ru_maxrss >> 10

        yield ingest


def url(server: MysqlServer) -> str:
    """Return the address of the benchmark's database as other tools take it."""
    return f"mysql://{server.user}:{server.password}@{server.host}:{server.port}/{DATABASE}"


def after_last(server: MysqlServer) -> date:
    """Return the first day without rows."""
    found: date = server.execute(f"SELECT DATE(MAX(updated_at)) + INTERVAL 1 DAY FROM {DATABASE}.payments")[0][0]
    return found


def whole_copy(server: MysqlServer) -> None:
    """A process that copies the table into an empty warehouse: staged, checked, committed."""
    with project(server, after_last(server)) as ingest:
        ingest()


def small_windows(server: MysqlServer, repeats: int) -> list[dict[str, float]]:
    """Return the seconds of processes that find a whole copy there and little or nothing to do."""
    end = after_last(server)
    empty = ("--from", str(end), "--to", str(end + timedelta(days=1)), "--force")
    small = ("--from", "2024-01-03", "--to", "2024-01-04", "--force")
    with project(server, end + timedelta(days=1)) as ingest:
        ingest()
        tasks: dict[str, Callable[[], object]] = {
            NOTHING: ingest,
            "an empty window": lambda: ingest(*empty),
            "a window of 2,000 rows, merged again": lambda: ingest(*small),
        }
        return [{name: seconds(work) for name, work in tasks.items()} for _ in range(repeats)]


def peer(python: Path, tool: str, server: MysqlServer) -> None:
    """Another tool's copy into DuckDB, whole process."""
    with tempfile.TemporaryDirectory() as folder:
        command = [python, PROJECT / "benchmarks/peers/ingest.py", tool, url(server), folder]
        environment = {"HOME": folder, "RUNTIME__DLTHUB_TELEMETRY": "false"}
        subprocess.run(command, cwd=folder, env=os.environ | environment, check=True, capture_output=True)


def install_peers() -> Path:
    """Return the Python of an environment with the peers; make it where it is missing."""
    folder = Path.home() / ".cache/derived/peers"
    if not (folder / "bin/dlt").exists():
        venv.create(folder, with_pip=True)
        subprocess.run([folder / "bin/pip", "install", "--quiet", *PEERS], check=True)
    return folder / "bin/python"


def seconds(work: Callable[[], object]) -> float:
    """Return how long the work took."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--parts", type=int, metavar="ROWS")
    parser.add_argument("--part", type=int, default=PART_ROWS, metavar="ROWS")
    given = parser.parse_args()
    with serving() as server:
        try:
            if given.parts:
                measure_parts(server, given.parts, given.part, given.repeats)
            else:
                measure_time(server, given.rows, given.repeats, peers=given.peers)
        finally:
            server.execute(f"DROP DATABASE IF EXISTS {DATABASE}")


def measure_time(server: MysqlServer, rows: int, repeats: int, *, peers: bool) -> None:
    """Print the seconds of each reader, of a whole copy and of small windows."""
    load(server, rows)
    tasks: dict[str, Callable[[], object]] = {
        "pymysql, rows only": lambda: driver(server),
        "ours, 1 connection, to nowhere": lambda: reader(server, 1),
        "ours, 4 connections, to nowhere": lambda: reader(server, 4),
        "ours, 4 connections, to Parquet in a stage": lambda: to_stage(server, 4),
        "ours, into DuckDB, whole process": lambda: whole_copy(server),
    }
    if shutil.which("mariadb"):
        tasks = {BOUND: lambda: client(server)} | tasks
    if peers:
        python = install_peers()
        tasks["connectorx into DuckDB, unchecked, whole process"] = lambda: peer(python, "connectorx", server)
        tasks["dlt (pyarrow), merged, whole process"] = lambda: peer(python, "dlt", server)
    taken = [{name: seconds(work) for name, work in tasks.items()} for _ in range(repeats)]
    show(rows, medians(taken))
    show_windows(medians(small_windows(server, 2 * repeats + 1)))


def measure_parts(server: MysqlServer, rows: int, part: int, repeats: int) -> None:
    """Print what a first copy costs as one commit and as several."""
    load(server, rows)
    end = after_last(server)

    def copy(part_rows: int) -> float:
        with project(server, end) as ingest:
            before = processor_seconds(server)
            ingest(part_rows=part_rows)
            return processor_seconds(server) - before

    taken = medians([{"one": copy(rows + 1), "several": copy(part)} for _ in range(repeats)])
    ratio = taken["several"] / taken["one"]
    print(f"{rows:,} rows: {taken['one']:.2f} s as one commit, {taken['several']:.2f} s as several: {ratio:.2f} times")


def processor_seconds(server: MysqlServer) -> float:
    """Return the seconds of the processor that ended processes have used, and the server, where it is ours."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = ended.ru_utime + ended.ru_stime
    if server.process is not None:
        user, system = Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        used += (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
    return used


def medians(taken: list[dict[str, float]]) -> dict[str, float]:
    """Return the median of each of several measurements."""
    return {name: statistics.median(each[name] for each in taken) for name in taken[0]}


def show(rows: int, taken: dict[str, float]) -> None:
    """Print one line for each reader, with its ratio to the server's own client."""
    bound = taken.get(BOUND) or min(taken.values())
    shown = Shown(title=f"{rows:,} rows of {len(COLUMNS)} columns from MySQL")
    for column in ("", "seconds", "rows/s", "times the client" if BOUND in taken else "times the fastest"):
        shown.add_column(column, justify="right" if column else "left")
    for name, time_ in taken.items():
        shown.add_row(name, f"{time_:.2f}", f"{rows / time_:,.0f}", f"{time_ / bound:.2f}")
    Console().print(shown)


def show_windows(taken: dict[str, float]) -> None:
    """Print how long small windows take, beside a process that only finds that it has nothing to do."""
    for name, time_ in taken.items():
        beyond = "" if name == NOTHING else f", {1000 * (time_ - taken[NOTHING]):.0f} ms beyond that"
        print(f"{name}: {time_:.2f} s a process{beyond}")


if __name__ == "__main__":
    main()
