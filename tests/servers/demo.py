"""The demo on real servers: the shop in MySQL and MongoDB, and the same answer as from its exports.

python -m tests.servers.demo
"""

from __future__ import annotations

import csv
import gzip
import os
import re
import shutil
import time
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import typer
from bson import json_util

from flows.commands.ending import ending
from flows.demo import EXPORTS, answer
from flows.model.errors import DerivedError
from flows.shop import write_exports
from tests.servers import Unavailable, mongodb, mysql

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.servers.mongodb import MongodbServer
    from tests.servers.mysql import MysqlServer

Item = TypeVar("Item")

PROJECT = Path(".derived/servers")
"""The demo's project: its tables with other sources, and a warehouse of their own."""
DATABASE = "shop"
BATCH = 5_000
SOURCES = {
    "orders": "{kind: mongodb, connection: shop-orders, collection: orders, cursor: updated_at}",
    "payments": "{kind: mysql, connection: shop, table: payments, cursor: updated_at}",
    "users": "{kind: mysql, connection: shop, table: users, cursor: updated_at}",
}
SCHEMA = (
    """
    CREATE TABLE users (
        user_id BIGINT UNSIGNED PRIMARY KEY, handle VARCHAR(60) NOT NULL, country CHAR(2),
        plan ENUM ('free', 'plus', 'business') NOT NULL, newsletter TINYINT(1),
        signed_up_at DATETIME(6) NOT NULL, updated_at DATETIME(6) NOT NULL, KEY (updated_at)
    )
    """,
    """
    CREATE TABLE payments (
        payment_id BIGINT UNSIGNED PRIMARY KEY, order_id BIGINT UNSIGNED NOT NULL, amount DECIMAL(12, 2) NOT NULL,
        method VARCHAR(20) NOT NULL, status ENUM ('pending', 'failed', 'captured', 'refunded') NOT NULL,
        captured_at DATETIME(6), updated_at DATETIME(6) NOT NULL, KEY (updated_at)
    )
    """,
)


def make_project(tables: Path, root: Path) -> None:
    """Copy the example tables into a project whose core tables come from the servers."""
    shutil.rmtree(root / "tables", ignore_errors=True)
    shutil.copytree(tables, root / "tables")
    for name, source in SOURCES.items():
        path = root / f"tables/core/{name}.yaml"
        path.write_text(re.sub(r"(?m)^source: .*$", f"source: {source}", path.read_text()))


def load_mysql(server: MysqlServer, exports: Path) -> None:
    """Load the exports of payments and users into a new database."""
    server.execute(f"DROP DATABASE IF EXISTS {DATABASE}", f"CREATE DATABASE {DATABASE} CHARACTER SET utf8mb4")
    server.execute(*SCHEMA, database=DATABASE)
    with closing(server.connect(DATABASE, autocommit=False)) as session, session.cursor() as cursor:
        for table in ("users", "payments"):
            for path in sorted(exports.glob(f"{table}*.csv*")):
                names, *rows = csv.reader(_lines(path))
                insert = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join(['%s'] * len(names))})"
                for some in _batches(rows):
                    cursor.executemany(insert, [[None if value == r"\N" else value for value in row] for row in some])
        session.commit()


def load_mongodb(server: MongodbServer, exports: Path) -> None:
    """Load the export of orders into a new database."""
    server.client.drop_database(DATABASE)
    orders = server.client[DATABASE].orders
    for path in sorted(exports.glob("orders-*.jsonl.gz")):
        for lines in _batches(_lines(path)):
            orders.insert_many(map(json_util.loads, lines))
    orders.create_index("updated_at")


def _batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    rest = iter(items)
    while some := list(islice(rest, BATCH)):
        yield some


def _lines(path: Path) -> Iterator[str]:
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as file:
        yield from file


def main() -> None:
    """Start both servers, load the shop into them, bring all tables up to date and show the answer."""
    with ending():
        started = time.perf_counter()
        write_exports(EXPORTS)
        make_project(Path("tables"), PROJECT)
        try:
            with mysql.serving() as database, mongodb.serving() as documents:
                typer.echo("MySQL and MongoDB are started; loading the shop into them ...")
                load_mysql(database, EXPORTS)
                load_mongodb(documents, EXPORTS)
                typer.echo(f"Loaded in {time.perf_counter() - started:.1f} s.")
                os.environ |= {
                    # Whatever this machine is set up for, the demo has its own warehouse and connections.
                    "DERIVED_HOME": str(PROJECT.absolute()),
                    "PREFECT_API_URL": "",
                    "DERIVED_CONNECTION_SHOP": database.url(DATABASE),
                    "DERIVED_CONNECTION_SHOP_ORDERS": documents.uri(DATABASE),
                }
                done = answer(PROJECT)
        except Unavailable as error:
            raise DerivedError(str(error)) from None
        typer.echo(f"{done}; {time.perf_counter() - started:.1f} s. The table files are in {PROJECT}/tables.")


if __name__ == "__main__":
    typer.run(main)
