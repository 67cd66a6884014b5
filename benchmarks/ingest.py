"""What copying a table from MySQL costs, beside what merely reading it costs in the same run.

python -m benchmarks.ingest --rows 1000000 --repeats 3

Needs a server as the tests do: DERIVED_TEST_MYSQL, or mariadbd on the PATH. connectorx is measured where it is there.
Each line is the median of the repeats, which take turns, so that a busy machine slows all of them.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pymysql.cursors
from rich.console import Console
from rich.table import Table as Shown

from flows.model.table import Table
from flows.model.window import EVER, utc
from flows.sources.mysql import MysqlReader
from tests.servers.mysql import MysqlServer, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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
    "updated_at": ("TIMESTAMP(6) NOT NULL", "TIMESTAMP", "'2024-01-01' + INTERVAL n * 30000001 MICROSECOND"),
    "day": ("DATE NOT NULL", "DATE", "'2024-01-01' + INTERVAL n % 900 DAY"),
    "score": ("DOUBLE NOT NULL", "FLOAT64", "RAND(n) * 1e6"),
    "uid": ("BINARY(16) NOT NULL", "BYTES", "UNHEX(MD5(n))"),
    "quantity": ("INT NOT NULL", "INT64", "n % 100"),
}
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
    """Fill the table of payments, one every 30 seconds from 2024 on."""
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


def connectorx(server: MysqlServer) -> None:
    """Arrow batches by connectorx, to nowhere."""
    import connectorx as cx  # noqa: PLC0415 - not a dependency of the project

    url = f"mysql://{server.user}:{server.password}@{server.host}:{server.port}/{DATABASE}"
    for _ in cx.read_sql(url, "SELECT * FROM payments", return_type="arrow_stream", batch_size=65536):
        pass


def reader(server: MysqlServer, connections: int) -> None:
    """Our exact Arrow batches, to nowhere."""
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
    for _ in MysqlReader(server.settings(DATABASE, max_connections=connections)).read(table, EVER):
        pass


@contextmanager
def project(server: MysqlServer, end: str) -> Iterator[Callable[..., None]]:
    """A folder with the table's file; gives what runs `flows.ingest` in it."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "tables/core/payments.yaml"
        file.parent.mkdir(parents=True)
        columns = "".join(f"  - {{name: {name}, type: {type_}}}\n" for name, (_, type_, _) in COLUMNS.items())
        file.write_text(FILE % end + columns)
        url = f"mysql://{server.user}:{server.password}@{server.host}:{server.port}/{DATABASE}"
        environment = {"PYTHONPATH": str(PROJECT), "DERIVED_CONNECTION_BENCH": url, "PREFECT_API_URL": ""}

        def ingest(*arguments: str) -> None:
            subprocess.run(
                [sys.executable, "-m", "flows.ingest", "core.payments", *arguments],
                cwd=folder,
                env=os.environ | environment,
                check=True,
                capture_output=True,
            )

        yield ingest


def whole_copy(server: MysqlServer, end: str) -> float:
    """Return the seconds of a process that copies the table into an empty warehouse: staged, checked, committed."""
    with project(server, end) as ingest:
        return seconds(ingest)


def one_window(server: MysqlServer, end: str) -> tuple[float, float]:
    """Return the seconds of a process that copies one day again, and of one that has nothing to do."""
    with project(server, end) as ingest:
        ingest()
        return seconds(lambda: ingest("--from", "2024-01-02", "--to", "2024-01-03", "--force")), seconds(ingest)


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
    given = parser.parse_args()
    with serving() as server:
        load(server, given.rows)
        last = server.execute(f"SELECT DATE(MAX(updated_at)) + INTERVAL 1 DAY FROM {DATABASE}.payments")[0][0]
        readers: dict[str, Callable[[], object]] = {
            "pymysql, rows only": lambda: driver(server),
            "ours, 1 connection, to nowhere": lambda: reader(server, 1),
            "ours, 4 connections, to nowhere": lambda: reader(server, 4),
        }
        if shutil.which("mariadb"):
            readers = {"mariadb --quick, to nowhere": lambda: client(server)} | readers
        if importlib.util.find_spec("connectorx"):
            readers["connectorx, to nowhere"] = lambda: connectorx(server)
        taken: dict[str, list[float]] = {name: [] for name in (*readers, WHOLE)}
        windows = []
        for _ in range(given.repeats):
            for name, work in readers.items():
                taken[name].append(seconds(work))
            taken[WHOLE].append(whole_copy(server, str(last)))
            windows.append(one_window(server, str(last)))
        server.execute(f"DROP DATABASE {DATABASE}")
    show(given.rows, {name: statistics.median(each) for name, each in taken.items()})
    again, nothing = (statistics.median(each) for each in zip(*windows, strict=True))
    Console().print(
        f"One window of 2,880 rows, merged again, whole process: {again:.2f} s; nothing to do: {nothing:.2f} s; "
        f"beyond process start: {1000 * (again - nothing):.0f} ms"
    )


WHOLE = "ours, into DuckDB, whole process"


def show(rows: int, medians: dict[str, float]) -> None:
    """Print one line for each reader, with its ratio to the fastest that keeps nothing."""
    fastest = min(taken for name, taken in medians.items() if name != WHOLE)
    shown = Shown(title=f"{rows:,} rows of {len(COLUMNS)} columns from MySQL")
    for column in ("", "seconds", "rows/s", "times the fastest"):
        shown.add_column(column, justify="right" if column else "left")
    for name, taken in medians.items():
        shown.add_row(name, f"{taken:.2f}", f"{rows / taken:,.0f}", f"{taken / fastest:.2f}")
    Console().print(shown)


if __name__ == "__main__":
    main()
