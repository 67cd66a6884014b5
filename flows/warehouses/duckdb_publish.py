"""Stage, compare and publish one window in one DuckDB transaction.

A window of an append table that is still empty is inserted straight into the table: nobody sees it before the
transaction commits, and the rows are written once. Everything else is staged in a temporary table and compared with
what is there, so that rows that are the same are neither written nor reported as touched.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
import sqlglot
from sqlglot import exp

from flows.model.entry import Touched
from flows.model.errors import CheckFailedError, DerivedError, WindowError
from flows.model.sql import to_duckdb
from flows.model.types import Type
from flows.model.window import BEGINNING, END, EVER, Window, merge
from flows.warehouses.base import Query
from flows.warehouses.duckdb_ledger import LedgerTables
from flows.warehouses.duckdb_types import duckdb_type, quoted, quoted_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import pyarrow as pa

    from flows.model.entry import Entry
    from flows.model.table import Table
    from flows.sources.base import BadRow

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NOWHERE = Window(BEGINNING, BEGINNING + timedelta(microseconds=1))
"""Stands for rows whose partition column is NULL, which no range can read."""
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
        self.name = quoted_table(table.identity)
        self.columns = ", ".join(map(quoted, table.types))
        self.relation = STAGED
        self.rows = 0
        self.bytes: int | None = None
        self.start_over = start_over

    @staticmethod
    def of(
        connection: duckdb.DuckDBPyConnection,
        table: Table,
        window: Window | None,
        rows: Query | Iterator[pa.RecordBatch],
        *,
        start_over: bool,
    ) -> Staging:
        """Stage rows for the table's strategy."""
        kinds = {"append": AppendStaging, "merge": MergeStaging, "replace": ReplaceStaging}
        staging = kinds[table.strategy](connection, table, window, start_over=start_over)
        staging.stage(rows)
        return staging

    def query(self, sql: str, parameters: Mapping[str, object]) -> list[dict[str, Any]]:
        """Run the engine's own GoogleSQL, which may read the staged rows."""
        return fetch(self.connection, sql, {**self.parameters, **parameters})

    def select(self, query: Query) -> list[dict[str, Any]]:
        """Run a person's SELECT, which may read the staged rows."""
        translated = to_duckdb(query.sql, {**query.schema, STAGED: self.table.types})
        return _rows(self.connection.execute(translated, _used(translated, self.parameters)))

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

    def stage(self, rows: Query | Iterator[pa.RecordBatch]) -> None:
        """Put the rows into a temporary table."""
        types = ", ".join(f"{quoted(name)} {duckdb_type(type_)}" for name, type_ in self.table.types.items())
        self.connection.execute(f"CREATE TEMP TABLE staged ({types})")
        self.rows = self.insert("staged", rows)

    def write(self) -> list[Touched]:
        """Make the table hold the staged rows; return what that touches."""
        raise NotImplementedError

    @property
    def parameters(self) -> dict[str, object]:
        """The window's bounds, for the table's SQL."""
        return {"window_start": self.window.start, "window_end": self.window.end} if self.window else {}

    def insert(self, target: str, rows: Query | Iterator[pa.RecordBatch]) -> int:
        """Insert rows; return how many."""
        if isinstance(rows, Query):
            select = _translate_query(rows)
            named = ", ".join(quoted(name) for name in self.table.types)
            return self.run(f"INSERT INTO {target} ({self.columns}) SELECT {named} FROM ({select}) AS result")
        import pyarrow as pa  # noqa: PLC0415 - slow to import, and a derived table has no batches

        failure: list[DerivedError] = []
        counted = self._counted(rows, failure)
        first = next(counted, None)
        if first is None:
            return 0
        reader = pa.RecordBatchReader.from_batches(first.schema, chain([first], counted))
        self.connection.register("incoming", reader)
        try:
            return self.run(f"INSERT INTO {target} SELECT {self.columns} FROM incoming")
        except duckdb.Error as error:
            # An error of the source comes through Arrow as one of DuckDB's.
            if failure:
                raise failure[0] from error
            raise
        finally:
            self.connection.unregister("incoming")

    def _counted(self, batches: Iterator[pa.RecordBatch], failure: list[DerivedError]) -> Iterator[pa.RecordBatch]:
        self.bytes = 0
        try:
            for batch in batches:
                self.bytes += batch.nbytes
                yield batch
        except DerivedError as error:
            failure.append(error)
            raise

    def run(self, sql: str, extra: Mapping[str, object] | None = None) -> int:
        """Run a statement with the window's bounds; return how many rows it wrote."""
        parameters = _used(sql, {**self.parameters, **self.bounds, **(extra or {})})
        row = self.connection.execute(sql, parameters).fetchone()
        return int(row[0]) if row and isinstance(row[0], int) else 0

    def read(self, sql: str) -> list[tuple[Any, ...]]:
        """Run a SELECT in DuckDB's SQL with the window's bounds."""
        return self.connection.execute(sql, _used(sql, {**self.parameters, **self.bounds})).fetchall()

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
        column = quoted(self.table.partition.column)
        return f"{column} >= $low AND {column} < $high"

    def refuse_outside(self, relation: str) -> None:
        """Raise WindowError with the rows that lie outside the window, where there are any."""
        assert self.table.partition is not None  # noqa: S101 - append tables have one
        sql = f"SELECT {self.columns} FROM {relation} WHERE ({self.inside}) IS NOT TRUE LIMIT {SHOWN_ROWS}"
        cursor = self.connection.execute(sql, _used(sql, {**self.parameters, **self.bounds}))
        names = [item[0] for item in cursor.description or ()]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        if rows:
            shown = "\n".join(f"  {row}" for row in rows)
            column = self.table.partition.column
            raise WindowError(
                f"{self.table.identity}: rows of the window {self.window} have a {column} outside it, for example\n"
                f"{shown}\n"
                f"Bound {column} by @window_start and @window_end in the SQL, so that each row belongs to one window."
            )

    @property
    def unit(self) -> int:
        """Microseconds of the ranges in which touches are told: an hour or a day."""
        by_hour = self.table.partition is not None and self.table.partition.by == "hour"
        return 3_600_000_000 if by_hour else 86_400_000_000

    def unit_of(self, column: str) -> str:
        """SQL for the start of the unit that holds a partition column's value, in microseconds since 1970."""
        assert self.table.partition_type is not None  # noqa: S101 - callers looked
        moment = f"epoch_us({column}::TIMESTAMP)" if self.table.partition_type.name == "DATE" else f"epoch_us({column})"
        return f"({moment} - (({moment} % {self.unit}) + {self.unit}) % {self.unit})"

    def difference(self, old: str, new: str) -> list[Touched]:
        """Compare two bags of rows; return the ranges in which they differ."""
        partition = self.table.partition
        unit = self.unit_of(quoted(partition.column)) if partition else "NULL"
        rows = self.read(
            "SELECT __unit, bool_or(__difference < 0) FROM (SELECT __unit, sum(__one) AS __difference FROM ("
            f"SELECT {unit} AS __unit, {self.columns}, 1 AS __one FROM {new}"
            f" UNION ALL SELECT {unit} AS __unit, {self.columns}, -1 AS __one FROM {old})"
            f" GROUP BY __unit, {self.columns} HAVING __difference <> 0) GROUP BY __unit"
        )
        return self.touched(rows)

    def touched(self, units: list[tuple[Any, ...]]) -> list[Touched]:
        """Join units (start in microseconds, whether rows were changed) to ranges."""
        ranges: dict[bool, list[Window]] = {False: [], True: []}
        for start, changed in units:
            if self.table.partition is None:
                span: Window | None = EVER
            elif start is None:
                span = NOWHERE
            else:
                begin = EPOCH + timedelta(microseconds=start)
                length = timedelta(microseconds=self.unit)
                span = Window(begin, begin + length if END - begin > length else END)
            if self.table.strategy == "append" and self.window is not None and span is not None:
                span = span.intersect(self.window)
            if span is not None:
                ranges[bool(changed)].append(span)
        return sorted(
            (Touched(span, changed) for changed, spans in ranges.items() for span in merge(spans)),
            key=lambda item: item.range,
        )


class AppendStaging(Staging):
    """The window's rows take the place of those that the table holds in its range."""

    def stage(self, rows: Query | Iterator[pa.RecordBatch]) -> None:
        """Insert straight into a range that is empty; elsewhere stage."""
        self.straight = isinstance(rows, Query) and not self.read(
            f"SELECT 1 FROM {self.name} WHERE {self.inside} LIMIT 1"
        )
        if not self.straight:
            super().stage(rows)
            self.refuse_outside("staged")
            return
        assert isinstance(rows, Query)  # noqa: S101 - straight says so
        self.rows = self.insert(self.name, rows)
        columns = ", ".join(f"`{name}`" for name in self.table.types)
        self.relation = (
            f"(SELECT {columns} FROM `{self.table.dataset}`.`{self.table.name}` WHERE {self._inside_googlesql()})"
        )
        if self.read(f"SELECT count(*) FROM {self.name} WHERE {self.inside}")[0][0] != self.rows:
            self.connection.execute("ROLLBACK")
            self.connection.execute("BEGIN TRANSACTION")
            self.straight = False
            self.relation = STAGED
            super().stage(rows)
            self.refuse_outside("staged")

    def write(self) -> list[Touched]:
        """Put the rows in the place of the window's."""
        if not self.straight:
            old = f"(SELECT {self.columns} FROM {self.name} WHERE {self.inside})"
            touched = self.difference(old, "staged")
            if touched:
                self.run(f"DELETE FROM {self.name} WHERE {self.inside}")
                self.run(f"INSERT INTO {self.name} ({self.columns}) SELECT {self.columns} FROM staged")
            return touched
        assert self.window is not None  # noqa: S101 - append tables have one
        assert self.table.partition is not None  # noqa: S101 - append tables have one
        if not self.rows:
            return []
        if self.window.end - self.window.start <= timedelta(microseconds=self.unit):
            return [Touched(self.window, changed=False)]
        unit = self.unit_of(quoted(self.table.partition.column))
        return self.touched(self.read(f"SELECT DISTINCT {unit}, false FROM {self.name} WHERE {self.inside}"))

    def _inside_googlesql(self) -> str:
        assert self.table.partition is not None  # noqa: S101 - append tables have one
        assert self.table.partition_type is not None  # noqa: S101 - they have a partition
        column, kind = self.table.partition.column, self.table.partition_type.name
        low, high = (f"@window_{end}" if kind == "TIMESTAMP" else f"{kind}(@window_{end})" for end in ("start", "end"))
        return f"`{column}` >= {low} AND `{column}` < {high}"


class ReplaceStaging(Staging):
    """The staged rows take the place of the whole table."""

    def write(self) -> list[Touched]:
        """Put the rows in the place of all."""
        touched = self.difference(self.name, "staged")
        if touched:
            self.run(f"DELETE FROM {self.name}")
            self.run(f"INSERT INTO {self.name} ({self.columns}) SELECT {self.columns} FROM staged")
        return touched


class MergeStaging(Staging):
    """The staged rows are added to the table, or take the place of rows of the same key."""

    @property
    def keys(self) -> str:
        """The key's columns."""
        return ", ".join(map(quoted, self.table.key))

    @property
    def same_key(self) -> str:
        """The condition that rows `old` and `new` have one key."""
        return " AND ".join(f"old.{quoted(name)} IS NOT DISTINCT FROM new.{quoted(name)}" for name in self.table.key)

    @property
    def owns_rows(self) -> bool:
        """Whether a key belongs to one window: it contains the partition column."""
        return self.table.partition is not None and self.table.partition.column in self.table.key

    def stage(self, rows: Query | Iterator[pa.RecordBatch]) -> None:
        """Stage one row for each key, or refuse rows that cannot be told apart."""
        super().stage(rows)
        if self.start_over:
            # Rows of another definition cannot be told from those of this one; all windows are made again.
            self.run(f"DELETE FROM {self.name}")
        twice = self.read(f"SELECT {self.keys} FROM staged GROUP BY ALL HAVING count(*) > 1 LIMIT {SHOWN_ROWS}")
        if self.table.source is not None:
            if twice:
                self._keep_latest()
            return
        if self.owns_rows:
            self.refuse_outside("staged")
        if twice and (self.owns_rows or not self.table.merge):
            names = ", ".join(self.table.key)
            shown = "\n".join("  " + ", ".join(map(str, key)) for key in twice)
            raise CheckFailedError(
                f"{self.table.identity}: the window {self.window} gives several rows of one key ({names}), as\n"
                f"{shown}\n"
                f"GROUP BY {names} in the SQL, so that each key has one row."
            )

    def _keep_latest(self) -> None:
        """Of several rows of one key keep the latest by the cursor; of equal ones the greatest."""
        cursor = quoted(self.table.source.cursor) if self.table.source and self.table.source.cursor else "NULL"
        order = ", ".join(f"{quoted(name)} DESC NULLS LAST" for name in self.table.types)
        self.run(
            f"CREATE TEMP TABLE latest AS SELECT {self.columns} FROM staged"
            f" QUALIFY row_number() OVER (PARTITION BY {self.keys} ORDER BY {cursor} DESC NULLS LAST, {order}) = 1"
        )
        self.connection.execute("DROP TABLE staged")
        self.connection.execute("ALTER TABLE latest RENAME TO staged")
        self.rows = self.read("SELECT count(*) FROM staged")[0][0]

    def _incoming(self) -> str:
        """SQL for the row that each staged key shall have."""
        if self.table.source is not None:
            cursor = quoted(self.table.source.cursor) if self.table.source.cursor else None
            newer = f"old.{cursor} > new.{cursor}" if cursor else "false"
            return (
                f"SELECT {self.columns} FROM staged AS new WHERE NOT EXISTS"
                f" (SELECT 1 FROM {self.name} AS old WHERE {self.same_key} AND {newer})"
            )
        if not self.table.merge:
            return f"SELECT {self.columns} FROM staged"
        combined = ", ".join(self._combined(name) for name in self.table.types)
        return (
            f"SELECT {combined} FROM (SELECT {self.columns}, {self._state()} FROM staged UNION ALL"
            f" SELECT {self.columns}, {self._state()} FROM {self.name} AS old"
            f" WHERE EXISTS (SELECT 1 FROM staged AS new WHERE {self.same_key})) GROUP BY {self.keys}"
        )

    def _state(self) -> str:
        """SQL for the columns of rule `latest` as one value that compares by `latest_by` first.

        Values that are equally late compare by themselves, so that windows may commit in any order.
        """
        names = [name for name, rule in self.table.merge.items() if rule == "latest"]
        by = self.table.latest_by
        fields = ", ".join(f"{quoted(name)} := {quoted(name)}" for name in sorted(names))
        if by is None or not fields:
            return "NULL AS __latest_state"
        late = f"is_known := {quoted(by)} IS NOT NULL, latest_by := {quoted(by)}"
        return f"struct_pack({late}, latest := struct_pack({fields})) AS __latest_state"

    def _combined(self, name: str) -> str:
        rule = self.table.merge.get(name)
        column = quoted(name)
        if rule is None:
            return column
        if rule == "latest":
            return f"max(__latest_state).latest.{column} AS {column}"
        return f"{rule}({column}) AS {column}"

    def write(self) -> list[Touched]:
        """Write the rows that differ from those of the same key."""
        values = [name for name in self.table.types if name not in self.table.key]
        differs = " OR ".join(f"old.{quoted(name)} IS DISTINCT FROM new.{quoted(name)}" for name in values) or "false"
        partition = self.table.partition
        old_unit = self.unit_of(f"old.{quoted(partition.column)}") if partition else "NULL"
        new_unit = self.unit_of(f"new.{quoted(partition.column)}") if partition else "NULL"
        self.run(
            f"CREATE TEMP TABLE delta AS SELECT new.*, old.__present IS NOT NULL AS __is_change,"
            f" {old_unit} AS __old_unit, {new_unit} AS __new_unit FROM ({self._incoming()}) AS new"
            f" LEFT JOIN (SELECT *, true AS __present FROM {self.name}) AS old ON {self.same_key}"
            f" WHERE old.__present IS NULL OR {differs}"
        )
        touched = self.touched(
            self.read(
                "SELECT unit, bool_or(__is_change) FROM (SELECT __new_unit AS unit, __is_change FROM delta"
                " UNION ALL SELECT __old_unit, true FROM delta WHERE __is_change) GROUP BY unit"
            )
        )
        self.run(f"DELETE FROM {self.name} AS old USING delta AS new WHERE new.__is_change AND {self.same_key}")
        self.run(f"INSERT INTO {self.name} ({self.columns}) SELECT {self.columns} FROM delta")
        return touched


def fetch(connection: duckdb.DuckDBPyConnection, sql: str, parameters: Mapping[str, object]) -> list[dict[str, Any]]:
    """Run the engine's own GoogleSQL; return its rows by column name."""
    translated = _translate(sql)
    return _rows(connection.execute(translated, _used(translated, parameters)))


def _rows(cursor: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    names = [item[0] for item in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


@lru_cache(maxsize=64)
def _translate_query(query: Query) -> str:
    return to_duckdb(query.sql, query.schema)


@lru_cache(maxsize=512)
def _translate(sql: str) -> str:
    """Transpile the engine's own SQL, which keeps to what both dialects mean alike but for the decimal types."""
    return sqlglot.parse_one(sql, read="bigquery").transform(_exact_decimals).sql("duckdb")


def _exact_decimals(node: exp.Expr) -> exp.Expr:
    if isinstance(node, exp.DataType) and node.is_type("decimal", "bigdecimal") and not node.expressions:
        return exp.DataType.build(duckdb_type(Type("NUMERIC" if node.is_type("decimal") else "BIGNUMERIC")))
    return node


def _used(sql: str, parameters: Mapping[str, object]) -> dict[str, object]:
    """Return the parameters that a statement names: DuckDB refuses others."""
    named = set(re.findall(r"\$([A-Za-z_]\w*)", sql))
    return {name: value for name, value in parameters.items() if name in named}


def _bound(kind: str, moment: datetime) -> object:
    if kind == "DATE":
        return moment.date()
    return moment.replace(tzinfo=None) if kind == "DATETIME" else moment
