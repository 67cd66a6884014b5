"""The ledger's tables and views in DuckDB; each function works in the transaction of its connection."""

from __future__ import annotations

import zlib
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import duckdb

from flows.model.definition import DEFINITION_COLUMNS, DEFINITIONS
from flows.model.entry import LEDGER_COLUMNS, Entry, Touched
from flows.model.errors import WarehouseError
from flows.model.window import EVER, Window
from flows.project.definition import code_version
from flows.sql.types import duckdb_type, quote, quote_table
from flows.warehouses.conflict import overtaken
from flows.warehouses.duckdb import quarantine
from flows.warehouses.duckdb.views import VIEWS
from flows.warehouses.interface import ledger_shard, owner_of

if TYPE_CHECKING:
    from flows.model.definition import Definition
    from flows.model.table import Table

_DEFINITION = ", ".join(
    f"{quote(column.name)} {duckdb_type(column.type)}{' NOT NULL' if column.required else ''}"
    for column in LEDGER_COLUMNS
)
_NAMES = ", ".join(quote(column.name) for column in LEDGER_COLUMNS)
_MARK = f'platform."views-{zlib.crc32(repr(VIEWS).encode()):08x}"'
"""A view by which those of this version are told from others, quicker than by what DuckDB's catalog says of them."""
_PLACES = ", ".join("?" for _ in LEDGER_COLUMNS)


def shard_of(identity: str) -> str:
    """Return the ledger table that holds a table's entries, quoted."""
    return quote_table(f"platform.{ledger_shard(identity)}")


def create(connection: duckdb.DuckDBPyConnection, identity: str) -> None:
    """Create a table's shard where it is missing, and the view of all shards anew; the others, which read it, stay."""
    shards = _shards(connection)
    shard = ledger_shard(identity)
    if shard in shards:
        return
    connection.execute("CREATE SCHEMA IF NOT EXISTS platform")
    connection.execute(f"CREATE TABLE {shard_of(identity)} ({_DEFINITION})")
    quarantine.create(connection)
    if shards:
        _create_ledger(connection, shards | {shard})
    else:
        _create_views(connection, {shard})


def is_behind(connection: duckdb.DuckDBPyConnection) -> bool:
    """Say whether there is a ledger of an earlier version, with other columns or views."""
    try:
        present = connection.execute("SELECT * FROM platform.ledger LIMIT 0").description or ()
    except duckdb.CatalogException:
        return False
    try:
        connection.execute(f"SELECT * FROM {_MARK} LIMIT 0")
    except duckdb.CatalogException:
        return True
    names = {column[0] for column in present}
    return any(column.name not in names for column in LEDGER_COLUMNS)


def bring_up_to_date(connection: duckdb.DuckDBPyConnection) -> None:
    """Give all shards the columns of this version, NULL in the lines that are there, and make the views anew."""
    shards = _shards(connection)
    for shard in shards:
        for column in LEDGER_COLUMNS:
            connection.execute(
                f"ALTER TABLE {quote_table(f'platform.{shard}')}"
                f" ADD COLUMN IF NOT EXISTS {quote(column.name)} {duckdb_type(column.type)}"
            )
    _create_views(connection, shards)


def _shards(connection: duckdb.DuckDBPyConnection) -> set[str]:
    rows = connection.execute(
        "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'platform'"
        " AND database_name = current_database() AND starts_with(table_name, 'ledger_')"
    ).fetchall()
    return {name for (name,) in rows}


def _create_ledger(connection: duckdb.DuckDBPyConnection, shards: set[str]) -> None:
    every = " UNION ALL BY NAME ".join(f"FROM {quote_table(f'platform.{name}')}" for name in sorted(shards))
    connection.execute(f"CREATE OR REPLACE VIEW platform.ledger AS {every}")


def _create_views(connection: duckdb.DuckDBPyConnection, shards: set[str]) -> None:
    _create_ledger(connection, shards)
    for name, select in VIEWS.items():
        connection.execute(f"CREATE OR REPLACE VIEW platform.{name} AS {select}")
    connection.execute(f"CREATE VIEW IF NOT EXISTS {_MARK} AS SELECT 1 AS n")


def refuse_other_spelling(connection: duckdb.DuckDBPyConnection, identity: str) -> None:
    """Raise WarehouseError where DuckDB holds a table's name for that of another: the two differ in case only.

    A table is that of the identity with which its ledger began, so that only one without commits is looked at.
    """
    own = f"SELECT 1 FROM {shard_of(identity)} WHERE table_name = $identity AND kind <> 'failure' LIMIT 1"
    if connection.execute(own, {"identity": identity}).fetchone():
        return
    other = connection.execute(
        "SELECT table_name FROM platform.ledger WHERE lower(table_name) = lower($identity)"
        " AND table_name <> $identity AND kind <> 'failure' LIMIT 1",
        {"identity": identity},
    ).fetchone()
    if other is not None:
        raise WarehouseError(
            f"{identity}: the warehouse has a table {other[0]}, from which it differs in upper and lower case only, "
            "and holds the two for one. Name the file as that table, or by another name."
        )


def next_version(  # noqa: PLR0913 - what another entry may be in the way of
    connection: duckdb.DuckDBPyConnection,
    identity: str,
    window: Window | None,
    known: int,
    *,
    generation: int | None = None,
    adds: bool = False,
) -> int:
    """Return the version of the table's next entry.

    Raises:
        ConflictError: another run has, since `known`, committed the window in that generation, or in any where there
            is none; has begun, swapped or abandoned one; or has emptied the table, where the entry adds to the parts
            that were there.
    """
    parameters: dict[str, object] = {"identity": identity, "known": known, "generation": generation}
    overlap = "true"
    if window is not None:
        overlap = "coalesce(window_start < $window_end AND $window_start < window_end, true)"
        parameters |= {"window_start": window.start, "window_end": window.end}
    emptied = "kind = 'reset'" if adds else "false"
    same = "($generation IS NULL OR coalesce(generation, 0) = $generation)"
    rows = f"kind IN ('commit', 'part', 'trim', 'accept') AND {overlap} AND {same}"
    of_all = "kind = 'accept' AND coalesce(generation, 0) = 0"
    rival = f"({rows} OR {of_all} OR kind IN ('begin', 'swap', 'abandon') OR {emptied})"
    row = connection.execute(
        f"SELECT max(version), max_by(run_id, version) FILTER {rival}, max_by(run_by, version) FILTER {rival}"
        f" FROM {shard_of(identity)} WHERE table_name = $identity AND version > $known",
        parameters,
    ).fetchone()
    newest, run_id, run_by = row or (None, None, None)
    if run_id is not None:
        raise overtaken(identity, window, run_id, run_by)
    return int(newest or known) + 1


def refuse_turned(connection: duckdb.DuckDBPyConnection, identity: str, known: int) -> None:
    """Raise ConflictError where another run has begun, swapped or abandoned a generation since version `known`."""
    row = connection.execute(
        f"SELECT run_id, run_by FROM {shard_of(identity)} WHERE table_name = $identity AND version > $known"
        " AND kind IN ('begin', 'swap', 'abandon') ORDER BY version DESC LIMIT 1",
        {"identity": owner_of(identity), "known": known},
    ).fetchone()
    if row is not None:
        raise overtaken(owner_of(identity), None, *row)


def has_commits(connection: duckdb.DuckDBPyConnection, table: Table, generation: int) -> bool:
    """Say whether there is anything of a generation since the table was last empty."""
    row = connection.execute(
        "SELECT max(version) FILTER (kind IN ('commit', 'part', 'accept') AND coalesce(generation, 0) = $generation)"
        f" > coalesce(max(version) FILTER (kind = 'reset'), 0) FROM {shard_of(table.identity)}"
        " WHERE table_name = $identity",
        {"identity": owner_of(table.identity), "generation": generation},
    ).fetchone()
    return bool(row and row[0])


def reset(connection: duckdb.DuckDBPyConnection, table: Table) -> None:
    """Record that a table of which there are commits was gone, so that they hold no longer."""
    row = connection.execute(
        f"SELECT max(version) FROM {shard_of(table.identity)} WHERE table_name = $identity",
        {"identity": table.identity},
    ).fetchone()
    if row and row[0]:
        append(
            connection,
            Entry(
                table=table.identity,
                kind="reset",
                window=None,
                run_id="",
                run_by="",
                code_version=code_version(table),
                git_commit="",
                began=datetime.now(UTC),
                upstreams={},
                version=row[0] + 1,
                touched=(Touched(EVER, changed=True),),
            ),
        )


def keep(connection: duckdb.DuckDBPyConnection, definition: Definition) -> None:
    """Keep a definition; the first of its code version stays."""
    columns = ", ".join(f"{quote(name)} {duckdb_type(type_)}" for name, type_ in DEFINITION_COLUMNS.items())
    connection.execute(f"CREATE TABLE IF NOT EXISTS {DEFINITIONS} ({columns})")
    values = {name: getattr(definition, name) for name in DEFINITION_COLUMNS}
    connection.execute(
        f"INSERT INTO {DEFINITIONS} SELECT {', '.join(f'${name}' for name in values)} WHERE NOT EXISTS"
        f" (FROM {DEFINITIONS} WHERE table_name = $table_name AND code_version = $code_version)",
        values,
    )


def append(connection: duckdb.DuckDBPyConnection, entry: Entry) -> Entry:
    """Add one entry; return it with the moment at which it was added."""
    added = replace(entry, committed_at=datetime.now(UTC))
    connection.execute(
        f"INSERT INTO {shard_of(entry.table)} ({_NAMES}) VALUES ({_PLACES})",
        [column.value(added) for column in LEDGER_COLUMNS],
    )
    return added
