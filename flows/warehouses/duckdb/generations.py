"""The tables of a table's generations in DuckDB: compared, renamed and dropped."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from flows.model.entry import Touched
from flows.model.window import EVER
from flows.sql.types import quote, quote_table
from flows.warehouses.duckdb import quarantine
from flows.warehouses.duckdb.drift import settle
from flows.warehouses.duckdb.target import Target
from flows.warehouses.duckdb.touched import Units
from flows.warehouses.interface import compared, owner_of, parts_of, shadow_of

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    import duckdb

    from flows.model.table import Table


def difference(
    connection: duckdb.DuckDBPyConnection, table: Table, generation: int, before: Table | None, drifting: Sequence[str]
) -> tuple[Touched, ...]:
    """Return where the rows of a generation differ from those that readers see, in the columns that both have."""
    columns = compared(before, table)
    if columns is None:
        return (Touched(EVER, changed=True),)
    units = Units(table, None)
    names = ", ".join(quote(name) for name in columns)
    new, old = quote_table(shadow_of(table, generation).identity), quote_table(table.identity)
    found = connection.execute(units.difference(old, new, names)).fetchall()
    drifting = [name for name in drifting if name in columns]
    if found and drifting:
        # Worth its price only where there is a difference.
        shared = table.model_copy(update={"columns": tuple(one for one in table.columns if one.name in columns)})
        settled = settle(Target(connection, shared, None), new, "true", drifting)
        found = connection.execute(units.difference(old, settled, names)).fetchall()
    return tuple(units.touched(found))


def rename(connection: duckdb.DuckDBPyConnection, table: Table, generation: int, retired: int) -> None:
    """Give a generation the table's name, and what had it that of its own generation."""
    new, old = shadow_of(table, generation).identity, shadow_of(table, retired).identity
    if all(_is_there(connection, one) for one in (new, old, table.identity)):
        # A run that had planned before the last swap has made it since, and could commit nothing to it.
        for one in (old, parts_of(old)):
            connection.execute(f"DROP TABLE IF EXISTS {quote_table(one)}")
    for of in (str, parts_of):
        for source, name in ((table.identity, old), (new, table.identity)):
            if _is_there(connection, of(source)):
                to = quote(of(name).partition(".")[2])
                connection.execute(f"ALTER TABLE {quote_table(of(source))} RENAME TO {to}")


def sweep(connection: duckdb.DuckDBPyConnection, table: Table, kept: Collection[int], newest: int) -> None:
    """Drop the tables of all generations up to the newest, but those kept."""
    rows = connection.execute(
        "SELECT table_name FROM duckdb_tables() WHERE database_name = current_database() AND schema_name = $dataset"
        " AND starts_with(table_name, $name)",
        {"dataset": table.dataset, "name": f"{table.name}-g"},
    ).fetchall()
    for (name,) in rows:
        number = re.fullmatch(r"g(\d+)(?:-parts)?", name.removeprefix(f"{owner_of(name)}-"))
        if number and int(number[1]) <= newest and int(number[1]) not in kept:
            connection.execute(f"DROP TABLE {quote_table(f'{table.dataset}.{name}')}")
            quarantine.drop(connection, f"{table.dataset}.{name}")


def _is_there(connection: duckdb.DuckDBPyConnection, identity: str) -> bool:
    dataset, _, name = identity.partition(".")
    row = connection.execute(
        "SELECT 1 FROM duckdb_tables() WHERE database_name = current_database() AND schema_name = $dataset"
        " AND table_name = $name",
        {"dataset": dataset, "name": name},
    ).fetchone()
    return row is not None
