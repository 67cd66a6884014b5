"""The rows of one window in an open DuckDB transaction: staged, looked at and published, or gone without a trace.

Rows for a place that is still empty are inserted straight into the table: nobody sees them before the transaction
commits, and they are written once. All others are staged in a temporary table and compared with what is there, so
that rows that are the same are neither written nor reported as touched.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from flows.model.entry import Touched
from flows.sql import to_duckdb
from flows.sql.types import duckdb_type, quote
from flows.warehouses.drift import drifting_columns
from flows.warehouses.duckdb import ledger, quarantine
from flows.warehouses.duckdb.connection import translated
from flows.warehouses.duckdb.incoming import insert, insert_from
from flows.warehouses.duckdb.merge import merge_rows, overwrites, settle_keys, shares_keys
from flows.warehouses.duckdb.parts import fold_parts
from flows.warehouses.duckdb.queries import by_name, execute, fetch, translate_query
from flows.warehouses.duckdb.replace import replace_rows
from flows.warehouses.interface import Query
from flows.warehouses.outside import outside

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Mapping

    import pyarrow as pa

    from flows.model.bad_row import BadRow
    from flows.model.entry import Entry
    from flows.model.table import Table
    from flows.warehouses.duckdb.connection import Transaction
    from flows.warehouses.duckdb.target import Target

SHOWN_ROWS = 5
STAGED = "temp.staged-rows"


@dataclass(frozen=True, slots=True)
class Place:
    """Where the rows of a window stand until they are published."""

    into: str
    """The table of DuckDB into which they are inserted."""
    rows: str
    """DuckDB's SQL for them in a FROM clause: that table, or the part of it that holds no others."""
    relation: str
    """The same in GoogleSQL."""
    straight: bool
    """Whether they stand in the table for which they are meant."""


ASIDE = Place('temp."staged-rows"', 'temp."staged-rows"', "temp.`staged-rows`", straight=False)


@dataclass(frozen=True)
class StagedRows:
    """Rows of one window that no reader can see yet."""

    target: Target
    place: Place
    rows: int
    tied: int
    bytes: int | None
    transaction: Transaction
    adds: bool
    """Whether they come beside the rows that are there, parts of the same first copy."""
    drifting: tuple[str, ...]
    """Columns in which a difference of the last digits is none."""

    @property
    def relation(self) -> str:
        """GoogleSQL that stands for the rows in a FROM clause."""
        return self.place.relation

    def query(self, sql: str, parameters: Mapping[str, object]) -> list[dict[str, Any]]:
        """Run the engine's own GoogleSQL, which may read the staged rows."""
        return fetch(self.target.connection, sql, {**self.target.parameters, **parameters})

    def select(self, query: Query) -> list[dict[str, Any]]:
        """Run a person's SELECT, which may read the staged rows."""
        table = self.target.table
        sql = to_duckdb(query.sql, {**query.schema, STAGED: table.types, table.identity: table.types})
        with translated(f"{table.identity}: a check", query):
            return by_name(execute(self.target.connection, sql, self.target.parameters))

    def publish(self, entry: Entry, known_version: int, bad: Iterable[BadRow] = ()) -> Entry:
        """Commit the rows, the bad rows and the entry in one transaction."""
        connection = self.target.connection
        version = ledger.next_version(
            connection, entry.table, entry.window, known_version, generation=entry.generation, adds=entry.adds
        )
        if version == 1:
            ledger.refuse_other_spelling(connection, entry.table)
        written = _write(self)
        touched = tuple(written) if self.target.table.identity == entry.table else ()
        done = ledger.append(
            connection, replace(entry, version=version, rows=entry.rows + self.rows, bytes=self.bytes, touched=touched)
        )
        if self.target.table.source is not None:
            quarantine.renew(connection, done, bad)
        self.transaction.commit()
        return done


def stage(
    target: Target, rows: Query | Generator[pa.RecordBatch], transaction: Transaction, *, adds: bool
) -> StagedRows:
    """Put the rows of a window where they can be looked at.

    Those of a part of a first copy come beside the rows that are there. (Where a later part has another row of a key,
    that moves it; nobody has read yet where it was.)

    Raises:
        WindowError: one lies outside its window.
        CheckFailedError: the window gives several rows of a key, which cannot be combined.
    """
    place = _beside(target) if adds else _place(target, rows)
    if not place.straight:
        types = ", ".join(f"{quote(name)} {duckdb_type(type_)}" for name, type_ in target.table.types.items())
        target.run(f"CREATE TEMP TABLE {place.into} ({types})")
    count, size = insert(target, place.into, rows)
    _refuse_outside(target, place, rows, count)
    settled, is_merge = [], target.table.strategy == "merge"
    if is_merge and not (adds and place.straight):
        settled.append(settle_keys(target, place.rows))
    if adds and not place.straight:
        insert_from(target, target.name, place.rows)
    if is_merge and adds:
        settled.append(settle_keys(target, place.rows, among=target.name))
    drifting = () if place.straight else drifting_columns(target.table, rows)
    rows_left, tied = count - sum(one.gone for one in settled), sum(one.tied for one in settled)
    return StagedRows(target, place, rows_left, tied, size, transaction, adds, drifting)


def _place(target: Target, rows: Query | Generator[pa.RecordBatch]) -> Place:
    """Choose where rows can be told from others, and compared with those whose place they take."""
    table = target.table
    if table.is_folded:
        return ASIDE
    if table.is_bounded and isinstance(rows, Query):
        if target.read(f"SELECT 1 FROM {target.name} WHERE {target.inside} LIMIT 1"):
            return ASIDE
        relation = f"(SELECT * FROM {_named(table)} WHERE {_range(table)})"
        return Place(target.name, f"{target.name} WHERE {target.inside}", relation, straight=True)
    # The batches of a source come once only: among other rows, those outside their window could not be found again.
    if target.read(f"SELECT 1 FROM {target.name} LIMIT 1"):
        return ASIDE
    return Place(target.name, target.name, _named(table), straight=True)


def _beside(target: Target) -> Place:
    """Choose a place beside the rows that are there: behind them in the table, where DuckDB numbers its rows."""
    table = target.table
    if any(name.lower() == "rowid" for name in table.types):
        return ASIDE
    newest = target.read(f"SELECT coalesce(max(rowid), -1) FROM {target.name}")[0][0]
    behind = f"WHERE rowid > {newest}"
    return Place(
        target.name,
        f"(SELECT * FROM {target.name} {behind})",
        f"(SELECT * FROM {_named(table)} {behind})",
        straight=True,
    )


def _range(table: Table) -> str:
    """GoogleSQL for whether a row of an append table belongs to the window."""
    assert table.partition is not None  # noqa: S101 - append tables have one
    assert table.partition_type is not None  # noqa: S101 - they have a partition
    column, kind = table.partition.column, table.partition_type.name
    low, high = (f"@window_{end}" if kind == "TIMESTAMP" else f"{kind}(@window_{end})" for end in ("start", "end"))
    return f"`{column}` >= {low} AND `{column}` < {high}"


def _named(table: Table) -> str:
    """A table in GoogleSQL."""
    return f"`{table.dataset}`.`{table.name}`"


def _refuse_outside(target: Target, place: Place, rows: Query | Generator[pa.RecordBatch], count: int) -> None:
    """Raise WindowError with rows that lie outside their window, where there are any."""
    table = target.table
    if not table.is_bounded:
        return
    given, astray = place.rows, 0
    if place.straight and isinstance(rows, Query):
        # Other windows' rows stand in the same table: what its range did not gain has gone elsewhere.
        astray = count - target.read(f"SELECT count(*) FROM {place.rows}")[0][0]
        if not astray:
            return
        given = f"({translate_query(rows)})"
    shown = target.shown(
        f'SELECT {target.columns} FROM {given} AS "new-row" WHERE {target.inside} IS NOT TRUE LIMIT {SHOWN_ROWS}'
    )
    if shown or astray:
        raise outside(table, target.window, rows, shown)


def _write(staged: StagedRows) -> list[Touched]:
    """Make the table hold the rows; return what that touches."""
    target, place, rows = staged.target, staged.place, staged.rows
    table, units = target.table, target.units
    if not (staged.adds or place.straight):
        if table.is_folded:
            shared = not overwrites(table) and shares_keys(target, place.rows)
            return fold_parts(target, place.rows, staged.drifting, shared=shared)
        if table.strategy == "merge" and table.source is not None:
            return merge_rows(target, place.rows, staged.drifting)
        scope = target.inside if table.is_bounded else "true"
        return replace_rows(target, place.rows, scope, staged.drifting)
    if (
        table.is_bounded
        and not staged.adds
        and target.window
        and target.window.end - target.window.start <= units.length
    ):
        return [Touched(target.window, changed=False)] if rows else []
    return units.touched(target.read(f"SELECT DISTINCT {units.of()}, false FROM {place.rows}"))
