"""The rows of one window in an open DuckDB transaction: staged, looked at and published, or gone without a trace.

Rows for a place that is still empty are inserted straight into the table: nobody sees them before the transaction
commits, and they are written once. All others are staged in a temporary table and compared with what is there, so
that rows that are the same are neither written nor reported as touched.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Any

import duckdb

from flows.model.errors import WindowError
from flows.sql import to_duckdb
from flows.sql.types import duckdb_type, quote, quote_table
from flows.warehouses.duckdb.ledger import LedgerTables
from flows.warehouses.duckdb.queries import by_name, fetch, translate_query, used
from flows.warehouses.duckdb.touched import Units
from flows.warehouses.interface import Query

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Mapping
    from datetime import datetime

    import pyarrow as pa

    from flows.model.bad_row import BadRow
    from flows.model.entry import Entry, Touched
    from flows.model.table import Table
    from flows.model.window import Window

SHOWN_ROWS = 5
STAGED = "temp.staged"


class Staging:
    """One window's rows in an open transaction; base of one class for each strategy."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, table: Table, window: Window | None, *, start_over: bool
    ) -> None:
        self.connection = connection
        self.table = table
        self.window = window
        self.name = quote_table(table.identity)
        self.columns = ", ".join(map(quote, table.types))
        self.relation = STAGED
        self.place = "staged"
        """The rows in DuckDB's words: the temporary table, or the table itself where it holds no others."""
        self.straight = False
        """Whether the rows are in the table already."""
        self.rows = 0
        self.bytes: int | None = None
        self.start_over = start_over
        self.units = Units(table, window)

    def query(self, sql: str, parameters: Mapping[str, object]) -> list[dict[str, Any]]:
        """Run the engine's own GoogleSQL, which may read the staged rows."""
        return fetch(self.connection, sql, {**self.parameters, **parameters})

    def select(self, query: Query) -> list[dict[str, Any]]:
        """Run a person's SELECT, which may read the staged rows."""
        translated = to_duckdb(query.sql, {**query.schema, STAGED: self.table.types})
        return by_name(self.connection.execute(translated, used(translated, self.parameters)))

    def publish(self, entry: Entry, known_version: int, bad: Iterable[BadRow] = ()) -> Entry:
        """Commit the rows, the bad rows and the entry in one transaction."""
        ledger = LedgerTables(self.connection)
        version = ledger.next_version(entry.table, entry.window, known_version)
        done = replace(entry, version=version, rows=self.rows, bytes=self.bytes, touched=tuple(self.write()))
        ledger.append(done)
        if self.table.source is not None:
            ledger.quarantine(done, bad)
        self.connection.execute("COMMIT")
        return done

    def stage(self, rows: Query | Generator[pa.RecordBatch]) -> None:
        """Put the rows straight into a table that holds none, and otherwise aside."""
        if self.goes_straight():
            self.place = self.name
            self.insert_straight(rows, f"`{self.table.dataset}`.`{self.table.name}`")
        else:
            self.stage_aside(rows)

    def goes_straight(self) -> bool:
        """Say whether the rows can be told from others, and be compared with others, where they are in the table."""
        return not self.read(f"SELECT 1 FROM {self.name} LIMIT 1")

    def insert_straight(self, rows: Query | Generator[pa.RecordBatch], relation: str) -> None:
        """Put the rows into the table, where `relation` is GoogleSQL for them."""
        self.straight, self.relation = True, relation
        self.rows = self.insert(self.name, rows)

    def stage_aside(self, rows: Query | Generator[pa.RecordBatch]) -> None:
        """Put the rows into a temporary table."""
        types = ", ".join(f"{quote(name)} {duckdb_type(type_)}" for name, type_ in self.table.types.items())
        self.connection.execute(f"CREATE TEMP TABLE staged ({types})")
        self.rows = self.insert("staged", rows)

    def write(self) -> list[Touched]:
        """Make the table hold the rows; return what that touches."""
        if not self.straight:
            return self.replace()
        return self.units.touched(self.read(f"SELECT DISTINCT {self.units.of()}, false FROM {self.place}"))

    def replace(self) -> list[Touched]:
        """Put the staged rows in the place of others; return what that touches."""
        raise NotImplementedError

    @property
    def parameters(self) -> dict[str, object]:
        """The window's bounds, for the table's SQL."""
        return {"window_start": self.window.start, "window_end": self.window.end} if self.window else {}

    def insert(self, target: str, rows: Query | Generator[pa.RecordBatch]) -> int:
        """Insert rows; return how many."""
        if isinstance(rows, Query):
            select = translate_query(rows)
            return self.run(f"INSERT INTO {target} ({self.columns}) SELECT {self.columns} FROM ({select}) AS result")
        import pyarrow as pa  # noqa: PLC0415 - slow to import, and a derived table has no batches

        failure: list[BaseException] = []
        counted = self._counted(rows, failure)
        first = next(counted, None)
        if first is None:
            return 0
        reader = pa.RecordBatchReader.from_batches(first.schema, chain([first], counted))
        self.connection.register("incoming", reader)
        try:
            written = self.run(f"INSERT INTO {target} ({self.columns}) SELECT {self.columns} FROM incoming")
        except duckdb.Error as error:
            # An error of the source, and Ctrl-C, come through Arrow as one of DuckDB's.
            if failure:
                raise failure[0] from error
            if "KeyboardInterrupt" in str(error):
                raise KeyboardInterrupt from error
            raise
        finally:
            # What is not read to its end holds a connection for as long as the error leads back to it.
            counted.close()
            rows.close()
        self.connection.unregister("incoming")
        return written

    def _counted(self, batches: Iterator[pa.RecordBatch], failure: list[BaseException]) -> Generator[pa.RecordBatch]:
        self.bytes = 0
        try:
            for batch in batches:
                self.bytes += batch.nbytes
                yield batch
        except (Exception, KeyboardInterrupt) as error:
            failure.append(error)
            raise

    def run(self, sql: str) -> int:
        """Run a statement with the window's bounds; return how many rows it wrote."""
        row = self.connection.execute(sql, used(sql, {**self.parameters, **self.bounds})).fetchone()
        return int(row[0]) if row and isinstance(row[0], int) else 0

    def read(self, sql: str) -> list[tuple[Any, ...]]:
        """Run a SELECT in DuckDB's SQL with the window's bounds."""
        return self.connection.execute(sql, used(sql, {**self.parameters, **self.bounds})).fetchall()

    @property
    def bounds(self) -> dict[str, object]:
        """The window's bounds as values of the partition column's type."""
        if self.window is None or self.table.partition_type is None:
            return {}
        kind = self.table.partition_type.name
        return {"low": _bound(kind, self.window.start), "high": _bound(kind, self.window.end)}

    @property
    def inside(self) -> str:
        """The condition that a row's partition column lies in the window."""
        assert self.table.partition is not None  # noqa: S101 - append tables have one
        column = quote(self.table.partition.column)
        return f"{column} >= $low AND {column} < $high"

    def refuse_outside(self) -> None:
        """Raise WindowError with the rows that lie outside the window, where there are any."""
        assert self.table.partition is not None  # noqa: S101 - append tables have one
        sql = f"SELECT {self.columns} FROM {self.place} WHERE ({self.inside}) IS NOT TRUE LIMIT {SHOWN_ROWS}"
        cursor = self.connection.execute(sql, used(sql, {**self.parameters, **self.bounds}))
        rows = by_name(cursor)
        if rows:
            shown = "\n".join(f"  {row}" for row in rows)
            column = self.table.partition.column
            raise WindowError(
                f"{self.table.identity}: rows of the window {self.window} have a {column} outside it, for example\n"
                f"{shown}\n"
                f"Bound {column} by @window_start and @window_end in the SQL, so that each row belongs to one window."
            )


def _bound(kind: str, moment: datetime) -> object:
    if kind == "DATE":
        return moment.date()
    return moment.replace(tzinfo=None) if kind == "DATETIME" else moment
