"""The place in a DuckDB file for which rows are made: a window of a table, in an open transaction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flows.model.safe_text import row_text
from flows.sql.types import quote, quote_table
from flows.warehouses.duckdb.queries import by_name, execute
from flows.warehouses.duckdb.touched import Units

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import duckdb

    from flows.model.table import Table
    from flows.model.window import Window


@dataclass(frozen=True)
class Target:
    """A window of a table, seen by the connection that makes its rows."""

    connection: duckdb.DuckDBPyConnection
    table: Table
    window: Window | None

    @property
    def name(self) -> str:
        """The table, quoted."""
        return quote_table(self.table.identity)

    @property
    def columns(self) -> str:
        """All columns, quoted."""
        return listed(self.table.types)

    @property
    def units(self) -> Units:
        """In what the ranges that a commit touches are counted."""
        return Units(self.table, self.window)

    @property
    def inside(self) -> str:
        """The condition that a row's partition column lies in the window."""
        assert self.table.partition is not None  # noqa: S101 - callers looked
        column = quote(self.table.partition.column)
        return f"({column} >= $low AND {column} < $high)"

    @property
    def parameters(self) -> dict[str, object]:
        """The window's bounds: for the table's SQL, and as values of the partition column's type."""
        if self.window is None:
            return {}
        start, end = self.window.start, self.window.end
        bounds: dict[str, object] = {"window_start": start, "window_end": end}
        kind = self.table.partition_type
        return bounds if kind is None else {**bounds, "low": _bound(kind.name, start), "high": _bound(kind.name, end)}

    def run(self, sql: str) -> int:
        """Run a statement; return how many rows it wrote."""
        row = execute(self.connection, sql, self.parameters).fetchone()
        return int(row[0]) if row and isinstance(row[0], int) else 0

    def read(self, sql: str) -> list[tuple[Any, ...]]:
        """Run a SELECT; return its rows."""
        return execute(self.connection, sql, self.parameters).fetchall()

    def shown(self, sql: str) -> str:
        """Run a SELECT; return its rows for people, one a line."""
        return "\n".join(f"  {row_text(row)}" for row in by_name(execute(self.connection, sql, self.parameters)))


def listed(names: Sequence[str] | dict[str, Any]) -> str:
    """Return columns, quoted, with commas between."""
    return ", ".join(map(quote, names))


def _bound(kind: str, moment: datetime) -> object:
    if kind == "DATE":
        return moment.date()
    return moment.replace(tzinfo=None) if kind == "DATETIME" else moment
