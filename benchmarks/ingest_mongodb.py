"""What copying a collection from MongoDB costs, beside what merely reading it costs in the same run.

python -m benchmarks.ingest_mongodb --documents 300000 --repeats 3
python -m benchmarks.ingest_mongodb --documents 300000 --parts 3    a first copy as one commit and as three

Needs a server as the tests do. Each line is the median of the repeats, which take turns, so that a busy machine slows
all of them.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bson import Decimal128, Int64
from rich.console import Console
from rich.table import Table as Shown

from flows.model.window import EVER
from flows.project.table_file import load_file
from flows.sources.mongodb.reader import MongodbReader
from tests.servers.mongodb import serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flows.model.table import Table
    from tests.servers.mongodb import MongodbServer

PROJECT = Path(__file__).parents[1]
DATABASE = "derived_bench"
START = datetime(2024, 1, 1, tzinfo=UTC)
SECONDS = 30
"""From one order to the next."""
IN_PARTS = """
import runpy, sys
from flows.engine import first_copy
from flows.sources.mongodb import reader
first_copy.PART_ROWS = %d
if not first_copy.PART_ROWS:
    reader.begins_in_order = lambda *_: False
sys.argv[:] = ["ingest", "core.orders"]
runpy.run_module("flows.ingest", run_name="__main__")
"""
"""`flows.ingest` with parts of so many documents; with 0 as one commit, in the order in which the server keeps them."""
FILE = """\
description: Orders of the shop.
owner: shop@example.com
schedule: "0 * * * *"
window: {size: 1 day, start: 2024-01-01, end: %s}
strategy: merge
partition: {column: updated_at, by: day}
source: {kind: mongodb, connection: bench, collection: orders, cursor: updated_at}
key: [order_id]
columns:
  - {name: order_id, type: STRING, from: _id}
  - {name: number, type: INT64}
  - {name: user_id, type: INT64}
  - {name: status, type: STRING}
  - {name: created_at, type: TIMESTAMP}
  - {name: updated_at, type: TIMESTAMP}
  - {name: total, type: NUMERIC}
  - {name: tax, type: NUMERIC}
  - {name: items, type: "ARRAY<STRUCT<sku STRING, quantity INT64, price NUMERIC>>"}
  - {name: street, type: STRING, from: address.street}
  - {name: city, type: STRING, from: address.city}
  - {name: zip, type: STRING, from: address.zip}
  - {name: note, type: STRING}
"""


def orders(count: int) -> Iterator[dict[str, Any]]:
    """Give orders of one to four items, half of them with a note."""
    chance = random.Random(1)  # noqa: S311 - the same in every run

    def amount(most: int) -> Decimal128:
        return Decimal128(f"{chance.randrange(most) / 100:.2f}")

    for number in range(count):
        moment = START + timedelta(seconds=number * SECONDS)
        yield {
            "number": Int64(number),
            "user_id": Int64(chance.randrange(10**9)),
            "status": chance.choice(["new", "paid", "sent", "returned"]),
            "created_at": moment,
            "updated_at": moment + timedelta(seconds=5),
            "total": amount(100_000),
            "tax": amount(10_000),
            "items": [
                {"sku": f"SKU-{chance.randrange(10_000):05}", "quantity": 1 + number % 4, "price": amount(10_000)}
                for _ in range(1 + number % 4)
            ],
            "address": {
                "street": f"Hauptstraße {chance.randrange(200)}",
                "city": chance.choice(["Zürich", "東京", "Paris"]),
                "zip": f"{chance.randrange(99_999):05}",
            },
        } | ({"note": "please ring twice"} if number % 2 else {})


def load(server: MongodbServer, count: int) -> None:
    """Fill the collection."""
    server.client.drop_database(DATABASE)
    collection = server.client[DATABASE].orders
    batch = []
    for order in orders(count):
        batch.append(order)
        if len(batch) == 10_000:
            collection.insert_many(batch)
            batch = []
    if batch:
        collection.insert_many(batch)


def write_file(folder: str, end: str) -> Path:
    """Write the table's file, and return where it is."""
    file = Path(folder) / "tables/core/orders.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(FILE % end)
    return file


def whole_copy(server: MongodbServer, end: str, part_rows: int) -> tuple[float, float]:
    """Return the seconds of a process that copies the collection into an empty warehouse, and those of its CPU."""
    with tempfile.TemporaryDirectory() as folder:
        write_file(folder, end)
        environment = {
            "PYTHONPATH": str(PROJECT),
            "DERIVED_CONNECTION_BENCH": server.uri(DATABASE),
            "PREFECT_API_URL": "",
        }
        began = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-c", IN_PARTS % part_rows],
            cwd=folder,
            env=os.environ | environment,
            stdout=subprocess.DEVNULL,
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, process.args)
        return time.perf_counter() - began, usage.ru_utime + usage.ru_stime


def raw(server: MongodbServer) -> None:
    """The server's batches of BSON, to nowhere."""
    for _ in server.client[DATABASE].orders.find_raw_batches():
        pass


def dicts(server: MongodbServer) -> None:
    """The driver's documents, to nowhere."""
    for _ in server.client[DATABASE].orders.find():
        pass


def ours(server: MongodbServer, table: Table) -> None:
    """Our exact Arrow batches, to nowhere."""
    for _ in MongodbReader(server.settings(DATABASE)).read(table, EVER):
        pass


def seconds(work: Callable[[], object]) -> float:
    """Return how long the work took."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=300_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--parts", type=int, metavar="COUNT")
    given = parser.parse_args()
    end = f"{START + timedelta(days=given.documents * SECONDS // 86_400 + 1):%Y-%m-%d}"
    with tempfile.TemporaryDirectory() as folder:
        table = load_file(Path(folder), write_file(folder, end))
    with serving() as server:
        load(server, given.documents)
        if given.parts:
            measure_parts(server, end, given.documents, given.parts, given.repeats)
            return
        readers: dict[str, Callable[[], float]] = {
            "raw BSON, to nowhere": lambda: seconds(lambda: raw(server)),
            "pymongo, documents only": lambda: seconds(lambda: dicts(server)),
            "ours, to nowhere": lambda: seconds(lambda: ours(server, table)),
            "ours, into DuckDB, whole process": lambda: whole_copy(server, end, 0)[0],
        }
        taken: dict[str, list[float]] = {name: [] for name in readers}
        for _ in range(given.repeats):
            for name, work in readers.items():
                taken[name].append(work())
        server.client.drop_database(DATABASE)
    show(given.documents, {name: statistics.median(each) for name, each in taken.items()})


def measure_parts(server: MongodbServer, end: str, documents: int, parts: int, repeats: int) -> None:
    """Print what a first copy costs as one commit and as several."""
    sizes = {"one commit": 0, "several": documents // parts}
    taken = [{name: whole_copy(server, end, size) for name, size in sizes.items()} for _ in range(repeats)]
    for place, what in enumerate(("seconds", "seconds of CPU")):
        one, several = (statistics.median(each[name][place] for each in taken) for name in sizes)
        ratio = several / one
        print(f"{documents:,} documents: {one:.2f} {what} as one commit, {several:.2f} in parts: {ratio:.3f} times")


def show(documents: int, medians: dict[str, float]) -> None:
    """Print one line for each reader, with its ratio to the fastest."""
    fastest = min(medians.values())
    shown = Shown(title=f"{documents:,} orders from MongoDB")
    for column in ("", "seconds", "documents/s", "times the fastest"):
        shown.add_column(column, justify="right" if column else "left")
    for name, taken in medians.items():
        shown.add_row(name, f"{taken:.2f}", f"{documents / taken:,.0f}", f"{taken / fastest:.2f}")
    Console().print(shown)


if __name__ == "__main__":
    main()
