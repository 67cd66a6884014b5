"""A table's columns in DuckDB: made, compared with those of its file, and altered."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING
from uuid import uuid4

import duckdb

from flows.model.asked import copy_again, run_with
from flows.model.column_changes import ColumnChanges, column_changes
from flows.model.errors import WarehouseError
from flows.model.safe_text import unended
from flows.sql.types import duckdb_type, quote, quote_table
from flows.warehouses.duckdb import ledger
from flows.warehouses.duckdb.faults import first_line
from flows.warehouses.duckdb.parts import renew
from flows.warehouses.interface import owner_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flows.model.table import Table

_INCARNATION = "incarnation "


def present_columns(connection: duckdb.DuckDBPyConnection, identity: str) -> dict[str, str]:
    """Return a table's types by column; nothing where there is no table. Ten times faster than DuckDB's catalog."""
    try:
        cursor = connection.execute(f"SELECT * FROM {quote_table(identity)} LIMIT 0")
    except (duckdb.CatalogException, duckdb.PermissionException):
        # Where no table is called `core.json` or `core.csv`, DuckDB looks for a file of that name, which it may not.
        return {}
    return {column[0]: str(column[1]) for column in cursor.description or ()}


def create(connection: duckdb.DuckDBPyConnection, table: Table) -> None:
    """Create a table; what the ledger knows of one of that name holds no longer."""
    columns = ", ".join(f"{quote(name)} {duckdb_type(type_)}" for name, type_ in table.types.items())
    connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quote(table.dataset)}")
    connection.execute(f"CREATE TABLE {quote_table(table.identity)} ({columns})")
    _name_incarnation(connection, table)
    if table.is_folded:
        renew(connection, table)
    if owner_of(table.identity) == table.identity:
        ledger.reset(connection, table)


def incarnation(connection: duckdb.DuckDBPyConnection, table: Table) -> str:
    """Return what tells a table from another of its name; one of an earlier version of the project gets it now."""
    row = connection.execute(
        "SELECT comment FROM duckdb_tables() WHERE database_name = current_database()"
        " AND schema_name = $dataset AND table_name = $name AND starts_with(comment, $made)",
        {"dataset": table.dataset, "name": table.name, "made": _INCARNATION},
    ).fetchone()
    return str(row[0]) if row else _name_incarnation(connection, table)


def _name_incarnation(connection: duckdb.DuckDBPyConnection, table: Table) -> str:
    # A comment is the one thing that goes with its table however that goes.
    made = f"{_INCARNATION}{uuid4().hex}"
    connection.execute(f"COMMENT ON TABLE {quote_table(table.identity)} IS '{made}'")
    return made


def changes(connection: duckdb.DuckDBPyConnection, table: Table) -> ColumnChanges:
    """Return how the columns of a table that is there differ from those of its file."""
    wanted = {name: _as_told(duckdb_type(type_)) for name, type_ in table.types.items()}
    present = present_columns(connection, table.identity)
    return column_changes(present, wanted) if present else ColumnChanges()


def differs(connection: duckdb.DuckDBPyConnection, table: Table) -> bool:
    """Say whether a table has not the columns of its file, in their order."""
    wanted = {name.lower(): _as_told(duckdb_type(type_)) for name, type_ in table.types.items()}
    there = {name.lower(): type_ for name, type_ in present_columns(connection, table.identity).items()}
    return list(there.items()) != list(wanted.items())


def make_anew(connection: duckdb.DuckDBPyConnection, table: Table) -> None:
    """Make a table again, without any rows, as its file says."""
    connection.execute(f"DROP TABLE {quote_table(table.identity)}")
    create(connection, table)


def alter(connection: duckdb.DuckDBPyConnection, table: Table, without: Sequence[str] = ()) -> None:
    """Give a table the columns of its file, in the transaction of the window that needs them.

    A core table keeps a column that its file has no longer, but for those that it is to be `without`.
    """
    todo = changes(connection, table)
    name = quote_table(table.identity)
    for old, new in todo.respelled:
        connection.execute(f"ALTER TABLE {name} RENAME COLUMN {quote(old)} TO {quote(new)}")
    _refuse_new_rulers(table, todo)
    for column in todo.added:
        connection.execute(f"ALTER TABLE {name} ADD COLUMN {quote(column)} {duckdb_type(table.types[column])}")
    for column in todo.retyped:
        _retype(connection, table, column)
    for column in todo.removed:
        if column in without:
            connection.execute(f"ALTER TABLE {name} DROP COLUMN {quote(column)}")


def _refuse_new_rulers(table: Table, todo: ColumnChanges) -> None:
    """Let no old row stay where what says to which place a row belongs is new: it could not be found again."""
    ruling = {*table.key, *([table.partition.column] if table.partition else [])}
    new = sorted(ruling.intersection(todo.added))
    if new:
        raise WarehouseError(
            f"{table.identity}: {', '.join(new)} of its key or partition is a new column, which the rows copied "
            f"before do not have. {copy_again(table.identity)}"
        )


def _retype(connection: duckdb.DuckDBPyConnection, table: Table, column: str) -> None:
    """Change a column's type."""
    type_ = duckdb_type(table.types[column])
    try:
        connection.execute(
            f"ALTER TABLE {quote_table(table.identity)} ALTER COLUMN {quote(column)}"
            f" SET DATA TYPE {type_} USING CAST({quote(column)} AS {type_})"
        )
    except duckdb.Error as error:
        raise WarehouseError(
            f"{table.identity}: the column {column} cannot become {table.types[column]}: {unended(first_line(error))}. "
            f"Name the new column differently, or copy it again: {run_with('ingest', table.identity, 'rebuild')}."
        ) from error


def empty(connection: duckdb.DuckDBPyConnection, table: Table) -> None:
    """Let all rows go, and with them what the ledger knows of the table: all windows are made again."""
    connection.execute(f"DELETE FROM {quote_table(table.identity)}")
    if table.is_folded:
        renew(connection, table)
    ledger.reset(connection, table)


@lru_cache(maxsize=1024)
def _as_told(type_: str) -> str:
    """Return a type as DuckDB itself spells it."""
    return str(duckdb.sqltype(type_))
