"""Have the warehouse itself look at the SQL of tables: it runs nothing, and says what it would read and give."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flows.commands.terminal import err
from flows.model.errors import UsageError, WarehouseError
from flows.model.window import Window
from flows.warehouses.interface import Query
from flows.wiring import open_warehouse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flows.model.table import Table
    from flows.model.types import Type
    from flows.project.project import Project
    from flows.warehouses.interface import Warehouse

SIDE_BY_SIDE = 16


@dataclass(frozen=True, slots=True)
class Looked:
    """What the warehouse says of a table's SQL."""

    table: str
    bytes: int = 0
    """How many its first window would read."""
    differences: tuple[str, ...] = ()
    """Where it gives other columns than the file lists, or why it refuses."""


def look(project: Project, names: list[str]) -> list[Looked]:
    """Return what the warehouse says of the SQL of derived tables without faults.

    Raises:
        UsageError: there is none that says anything.
        WarehouseError: nobody can ask it anything, which is no table's fault.
    """
    tables = [project.tables[name] for name in names if name in project.tables and not project.validate(name)]
    with closing(open_warehouse(project.root, err, write=False)) as warehouse, ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        warehouse.present(())
        derived = [table for table in tables if table.sql]
        return list(pool.map(lambda table: _look(project, table, warehouse), derived))


def _look(project: Project, table: Table, warehouse: Warehouse) -> Looked:
    spec = table.window
    window = Window(spec.start, spec.size.next(spec.start)) if spec else None
    query = Query(table.sql or "", project.schema(table.identity), project.keys(table.identity))
    try:
        found = warehouse.dry_run(query, window)
    except WarehouseError as error:
        return Looked(table.identity, differences=(str(error),))
    if found is None:
        raise UsageError("--warehouse is for BigQuery: set DERIVED_WAREHOUSE, as in bigquery://my-project?location=EU.")
    return Looked(table.identity, found.bytes, tuple(_differences(table.types, found.types)))


def _differences(wanted: dict[str, Type], given: Mapping[str, Type]) -> Iterator[str]:
    there = {name.lower(): type_ for name, type_ in given.items()}
    for name, type_ in wanted.items():
        other = there.pop(name.lower(), None)
        if other is None:
            yield f"it gives no column {name}"
        elif _bare(other) != _bare(type_):
            yield f"its column {name} is {other} there, and {type_} in the file"
    yield from (f"it gives a column {name}, which the file does not list" for name in there)


def _bare(type_: Type) -> str:
    """Return a type without the digits of decimals, which a query does not keep."""
    return re.sub(r"\(\d+(, *\d+)?\)", "", str(type_))
