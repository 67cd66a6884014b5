"""The embedded warehouse: one DuckDB file.

One process at a time holds the file; others wait for it. Within a process, tables are worked on side by side, each in
a connection of its own. Memory is bounded by DuckDB's `memory_limit` (80% of what there is): what does not fit is
spilled beside the file.
"""

from __future__ import annotations

import re
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import duckdb

from flows.model.errors import ConflictError, WarehouseBusyError, WarehouseError
from flows.sql.types import duckdb_type, quote, quote_table
from flows.warehouses.duckdb.ledger import LedgerTables
from flows.warehouses.duckdb.merge import MergeStaging
from flows.warehouses.duckdb.queries import fetch
from flows.warehouses.duckdb.replace import AppendStaging, ReplaceStaging
from flows.warehouses.interface import ledger_shard

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
    from pathlib import Path

    import pyarrow as pa

    from flows.model.bad_row import BadRow
    from flows.model.entry import Entry
    from flows.model.table import Table
    from flows.model.window import Window
    from flows.warehouses.interface import Query, Staged

FIRST_PAUSE = 0.05
LONGEST_PAUSE = 1.0
_STAGING = {"append": AppendStaging, "merge": MergeStaging, "replace": ReplaceStaging}


class DuckDB:
    """A warehouse in one file.

    Args:
        path: the file; it is created where it is missing.
        patience: seconds to wait for another process that holds the file.
        report: is told, once, for which process it waits.

    Raises:
        WarehouseBusyError: another process held the file for longer than `patience`.
        WarehouseError: the file is not a DuckDB database, or cannot be written.
    """

    def __init__(self, path: Path, *, patience: float = 300.0, report: Callable[[str], None] = print) -> None:
        self.session = _open(path, patience, report)
        self.session.execute("SET GLOBAL TimeZone = 'UTC'")
        # Rows of a table have no order, and keeping one makes a big INSERT hold all of them.
        self.session.execute("SET GLOBAL preserve_insertion_order = false")
        self._catalog = threading.Lock()
        self._tables = threading.Lock()
        self._write_locks: dict[str, threading.Lock] = {}
        self._ledger = LedgerTables(self.session.cursor())

    def prepare(self, table: Table) -> None:
        """Create the table and its part of the ledger where they are missing."""
        with self._catalog, _translated():
            self._prepare_ledger(table.identity)
            if not _columns(self.session, table.identity):
                columns = ", ".join(f"{quote(name)} {duckdb_type(type_)}" for name, type_ in table.types.items())
                with self.session.cursor() as cursor:
                    cursor.execute("BEGIN TRANSACTION")
                    cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {quote(table.dataset)}")
                    cursor.execute(f"CREATE TABLE {quote_table(table.identity)} ({columns})")
                    LedgerTables(cursor).reset(table)
                    cursor.execute("COMMIT")

    def lacking(self, table: Table) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the columns of the file that the table has not yet, and those that it has in another type."""
        with self._catalog, _translated():
            present = _columns(self.session, table.identity)
        if not present:
            return (), ()
        known = {name.lower(): type_ for name, type_ in present.items()}
        wanted = {name: _as_told(duckdb_type(type_)) for name, type_ in table.types.items()}
        other = tuple(name for name, type_ in wanted.items() if known.get(name.lower(), type_) != type_)
        return tuple(name for name in wanted if name.lower() not in known), other

    def extend(self, table: Table) -> None:
        """Give the table the columns of its file."""
        with self._write_lock(table), _translated(), self.session.cursor() as cursor:
            cursor.execute("BEGIN TRANSACTION")
            _alter(cursor, table)
            cursor.execute("COMMIT")

    def _prepare_ledger(self, identity: str) -> None:
        if not _columns(self.session, f"platform.{ledger_shard(identity)}"):
            self._ledger.prepare(identity)

    def exists(self, identity: str) -> bool:
        """Say whether a table is there."""
        with self._catalog:
            return bool(_columns(self.session, identity))

    @contextmanager
    def stage(
        self, table: Table, window: Window | None, rows: Query | Generator[pa.RecordBatch], *, start_over: bool = False
    ) -> Iterator[Staged]:
        """Compute or read one window's rows in a transaction, which ends without a trace unless it is published."""
        with self._write_lock(table), _translated(f"{table.identity} {window or ''}".strip()):
            connection = self.session.cursor()
            try:
                connection.execute("BEGIN TRANSACTION")
                _alter(connection, table)
                made_otherwise = table.strategy == "merge" and LedgerTables(connection).made_otherwise(table)
                if made_otherwise and table.source is not None:
                    _refuse_twice(connection, table)
                start_over = start_over or (made_otherwise and table.sql is not None)
                staging = _STAGING[table.strategy](connection, table, window, start_over=start_over)
                staging.stage(rows)
                yield staging
            finally:
                connection.close()

    def _write_lock(self, table: Table) -> threading.Lock:
        """Return what one writer of the table at a time holds."""
        with self._tables:
            return self._write_locks.setdefault(table.identity, threading.Lock())

    def query(self, sql: str, parameters: Mapping[str, object]) -> list[dict[str, Any]]:
        """Run a SELECT in GoogleSQL."""
        with _translated(), self.session.cursor() as cursor:
            return fetch(cursor, sql, parameters)

    def record(self, entry: Entry, bad: Iterable[BadRow] = ()) -> None:
        """Append a failure to the ledger, and the bad rows that caused it to quarantine."""
        with self._catalog, _translated():
            self._prepare_ledger(entry.table)
        with _translated(), self.session.cursor() as cursor:
            ledger = LedgerTables(cursor)
            cursor.execute("BEGIN TRANSACTION")
            found = list(bad)
            if found:
                ledger.quarantine(entry, found)
            ledger.append(entry)
            cursor.execute("COMMIT")

    def now(self) -> datetime:
        """Return this machine's clock."""
        return datetime.now(UTC)

    def close(self) -> None:
        """Let go of the file."""
        self.session.close()


def _columns(connection: duckdb.DuckDBPyConnection, identity: str) -> dict[str, str]:
    """Return a table's types by column; nothing where there is no table. Ten times faster than DuckDB's catalog."""
    try:
        cursor = connection.execute(f"SELECT * FROM {quote_table(identity)} LIMIT 0")
    except duckdb.CatalogException:
        return {}
    return {column[0]: str(column[1]) for column in cursor.description or ()}


@lru_cache(maxsize=1024)
def _as_told(type_: str) -> str:
    """Return a type as DuckDB itself spells it."""
    return str(duckdb.sqltype(type_))


def _alter(connection: duckdb.DuckDBPyConnection, table: Table) -> None:
    """Give a table the columns of its file, in the transaction of the window that needs them."""
    present = _columns(connection, table.identity)
    wanted = {column: duckdb_type(type_) for column, type_ in table.types.items()}
    if present == {column: _as_told(type_) for column, type_ in wanted.items()}:
        return
    name = quote_table(table.identity)
    _respell(connection, table, present)
    ruling = {*table.key, *([table.partition.column] if table.partition else [])}
    if new := sorted(ruling - present.keys()):
        # What says where a row belongs is new: no old row could be found again.
        if table.source is not None:
            raise WarehouseError(
                f"{table.identity}: {', '.join(new)} of its key or partition is a new column, which the rows copied "
                f"before do not have. Drop the table ({table.identity}) in the warehouse, so that it is copied again."
            )
        connection.execute(f"DELETE FROM {name}")
        LedgerTables(connection).reset(table)
    for column, type_ in wanted.items():
        if column not in present:
            connection.execute(f"ALTER TABLE {name} ADD COLUMN {quote(column)} {type_}")
        elif present[column] != _as_told(type_):
            _retype(connection, table, column, type_)
    if table.sql is not None:
        for column in present.keys() - wanted.keys():
            connection.execute(f"ALTER TABLE {name} DROP COLUMN {quote(column)}")


def _respell(connection: duckdb.DuckDBPyConnection, table: Table, present: dict[str, str]) -> None:
    """Rename columns, in `present` too, that differ from those of the file in case only: DuckDB holds them for one."""
    known = {column.lower(): column for column in present}
    for column in table.types.keys() - present.keys():
        if (old := known.get(column.lower())) is not None:
            connection.execute(
                f"ALTER TABLE {quote_table(table.identity)} RENAME COLUMN {quote(old)} TO {quote(column)}"
            )
            present[column] = present.pop(old)


def _retype(connection: duckdb.DuckDBPyConnection, table: Table, column: str, type_: str) -> None:
    """Change a column's type; rows of a derived table are all made again under a new definition anyway."""
    using = f"CAST({quote(column)} AS {type_})" if table.source else f"TRY_CAST({quote(column)} AS {type_})"
    try:
        connection.execute(
            f"ALTER TABLE {quote_table(table.identity)} ALTER COLUMN {quote(column)}"
            f" SET DATA TYPE {type_} USING {using}"
        )
    except duckdb.Error as error:
        raise WarehouseError(
            f"{table.identity}: the column {column} cannot become {table.types[column]}: {_first_line(error)}. "
            f"Name the new column differently, or drop the table so that it is copied again."
        ) from error


def _refuse_twice(connection: duckdb.DuckDBPyConnection, table: Table) -> None:
    """Raise WarehouseError where rows of another definition share a key, which would from now on name one row."""
    keys = ", ".join(map(quote, table.key))
    twice = connection.execute(
        f"SELECT {keys} FROM {quote_table(table.identity)} GROUP BY ALL HAVING count(*) > 1 LIMIT 1"
    ).fetchone()
    if twice is not None:
        raise WarehouseError(
            f"{table.identity}: rows copied before, under another definition, share the key ({', '.join(table.key)}), "
            f"such as {', '.join(map(str, twice))}. Name more columns in `key`, or drop the table "
            f"({table.identity}) in the warehouse, so that it is copied again."
        )


def _open(path: Path, patience: float, report: Callable[[str], None]) -> duckdb.DuckDBPyConnection:
    """Open the file; wait for a process that holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + patience
    pause, told = FIRST_PAUSE, False
    while True:
        try:
            return duckdb.connect(str(path))
        except duckdb.Error as error:
            holder = re.search(r"lock is held in .*?\(PID (\d+)\)", str(error))
            if holder is None and "Could not set lock" not in str(error):
                raise WarehouseError(f"The warehouse {path} cannot be opened: {_first_line(error)}") from error
            who = f"process {holder[1]}" if holder else "another process"
            if time.monotonic() > deadline:
                raise WarehouseBusyError(
                    f"The warehouse {path} has been held by {who} for {patience:.0f} seconds. One process at a time "
                    "can work on it: wait until that one has ended, or end it, and start again."
                ) from error
            if not told:
                report(f"{who} holds the warehouse {path}; waiting up to {patience:.0f} seconds for it")
                told = True
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)


@contextmanager
def _translated(subject: str = "") -> Iterator[None]:
    """Let no error of the driver through as it is; `subject` is what was being made."""
    where = f"{subject}: " if subject else ""
    try:
        yield
    except duckdb.Error as error:
        if isinstance(error, duckdb.TransactionException) and "conflict" in str(error).lower():
            raise ConflictError(
                f"{where}another run changed the same rows first, so this one changed nothing: {_first_line(error)}"
            ) from error
        raise WarehouseError(f"{where}{_first_line(error)}") from error
    except RuntimeError as error:
        # DuckDB tells Ctrl-C in the middle of a query so.
        if "interrupted" in str(error).lower():
            raise KeyboardInterrupt from error
        raise


def _first_line(error: Exception) -> str:
    return str(error).split("\n", 1)[0]
