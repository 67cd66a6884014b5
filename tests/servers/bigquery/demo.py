"""The demo in BigQuery's emulator: every table, every value, is the same as in DuckDB.

python -m tests.servers.bigquery.demo [--from-servers]
"""

from __future__ import annotations

import os
import shutil
import time
from collections import Counter
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from decimal import Context, Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.commands.ending import ending
from flows.demo import EXPORTS, answer
from flows.model.errors import DerivedError
from flows.project.project import load_project
from flows.shop import write_exports
from flows.warehouses.duckdb.warehouse import DuckDB
from tests.servers import Unavailable, bigquery, mongodb, mysql
from tests.servers.demo import DATABASE, load_mongodb, load_mysql, make_project

if TYPE_CHECKING:
    from flows.warehouses.interface import Warehouse

PROJECT = Path(".derived/bigquery")
"""The demo's project, with a warehouse in DuckDB beside the emulator's."""
_ALL_DIGITS = Context(prec=100)
SHOWN = 3
"""How many rows are shown of a table that differs."""


def differences(one: Warehouse, other: Warehouse, identity: str) -> tuple[int, list[str]]:
    """Return how many rows of a table two warehouses share, and lines that show what only one of them has."""
    first, second = _rows(one, identity), _rows(other, identity)
    lines = [f"  only in DuckDB: {row}" for row in list(first - second)[:SHOWN]]
    lines += [f"  only in BigQuery: {row}" for row in list(second - first)[:SHOWN]]
    return (first & second).total(), lines


def _rows(warehouse: Warehouse, identity: str) -> Counter[str]:
    dataset, name = identity.split(".")
    return Counter(repr(_alike(row)) for row in warehouse.query(f"SELECT * FROM `{dataset}`.`{name}`", {}))


def _alike(value: Any) -> Any:
    """Return a value in a form that says nothing of which warehouse it comes from, but all of what it is."""
    if isinstance(value, dict):
        return {name: _alike(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_alike(item) for item in value]
    if isinstance(value, Decimal):
        return value.normalize(_ALL_DIGITS)
    if isinstance(value, datetime) and value.tzinfo:
        return value.astimezone(UTC)
    return value


def main(
    *, from_servers: Annotated[bool, typer.Option(help="From MySQL and MongoDB, not from exports.")] = False
) -> None:
    """Make the shop's tables in DuckDB and in the emulator of BigQuery, show the answer and compare them."""
    with ending(), ExitStack() as servers:
        started = time.perf_counter()
        write_exports(EXPORTS)
        # Whatever this machine is set up for, the demo has its own warehouses and connections.
        os.environ |= {
            "DERIVED_HOME": str(PROJECT.absolute()),
            "DERIVED_STAGE": "",
            "DERIVED_WAREHOUSE": "",
            "PREFECT_API_URL": "",
        }
        shutil.rmtree(PROJECT, ignore_errors=True)
        PROJECT.mkdir(parents=True)
        root = Path()
        try:
            there = servers.enter_context(bigquery.serving())
            if from_servers:
                make_project(Path("tables"), PROJECT)
                database, documents = (servers.enter_context(kind.serving()) for kind in (mysql, mongodb))
                load_mysql(database, EXPORTS)
                load_mongodb(documents, EXPORTS)
                os.environ |= {
                    "DERIVED_CONNECTION_SHOP": database.url(DATABASE),
                    "DERIVED_CONNECTION_SHOP_ORDERS": documents.uri(DATABASE),
                }
                root = PROJECT
        except Unavailable as error:
            raise DerivedError(str(error)) from None
        for name, environment in (("DuckDB", {}), (_name(there), there.environment)):
            os.environ |= environment
            typer.echo(f"{name}: {answer(root)}.\n")
        with (
            closing(DuckDB(PROJECT / "warehouse.duckdb")) as embedded,
            closing(there.warehouse()) as production,
        ):
            _compare(sorted(load_project(root).tables), embedded, production)
        typer.echo(f"{time.perf_counter() - started:.1f} s in all.")


def _name(there: bigquery.BigQueryServer) -> str:
    return "The emulator of BigQuery" if there.port else "BigQuery"


def _compare(identities: list[str], embedded: Warehouse, production: Warehouse) -> None:
    """Say of each table whether its rows are the same; raise DerivedError where they are not."""
    differing = []
    for identity in identities:
        same, lines = differences(embedded, production, identity)
        typer.echo("\n".join([f"{identity}: {same:,} rows are the same{', others differ' * bool(lines)}", *lines]))
        differing += [identity] * bool(lines)
    if differing:
        raise DerivedError(f"{', '.join(differing)}: not the same rows as on DuckDB, see above.")
    typer.echo(f"All {len(identities)} tables have the same rows as on DuckDB, value by value.")


if __name__ == "__main__":
    typer.run(main)
