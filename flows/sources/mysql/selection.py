"""What is read of a table for a window, and the rows of what the server sends."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from flows.model.bad_row import BadRow
from flows.model.errors import SourceError
from flows.model.source_spec import MysqlSource
from flows.sources.interface import RAW, Batch, arrow_schema, window_of
from flows.sources.mysql.schema import quoted
from flows.sources.mysql.types import convert, expression, reason
from flows.sources.values.rejected import Rejected

if TYPE_CHECKING:
    from flows.model.table import Table
    from flows.model.window import Window
    from flows.sources.mysql.schema import SourceTable
    from flows.sources.mysql.types import SourceColumn


def source_of(table: Table) -> MysqlSource:
    """Return a table's source. Raises SourceError where it is no table of MySQL."""
    if not isinstance(table.source, MysqlSource):
        raise SourceError(f"{table.identity} is not copied from MySQL: its source.kind is not mysql.")
    return table.source


@dataclass(frozen=True)
class Selection:
    """What is read of a table."""

    table: Table
    source: SourceTable
    columns: tuple[SourceColumn, ...]
    """The source's column of each of the table's."""

    @property
    def sql(self) -> str:
        """The statement up to its conditions."""
        pairs = zip(self.columns, self.table.columns, strict=True)
        values = ", ".join(expression(there, quoted(there.name), column.type) for there, column in pairs)
        return f"SELECT {values} FROM {self.source.quoted}"  # noqa: S608 - names are quoted

    def batch(self, raw: list[pa.Array]) -> Batch:
        """Convert what the server sent; a row with a value that its column cannot hold is a bad row."""
        arrays, rejected, undated = [], Rejected(), set[int]()
        for there, column, values in zip(self.columns, self.table.columns, raw, strict=True):
            array, bad = convert(there, column.type, values)
            # Of what becomes NULL nobody reads the reason.
            told = dict.fromkeys(bad, "") if column.on_error else None
            if column.name == source_of(self.table).cursor and there.data_type == "datetime":
                # By MySQL's order days of no calendar lie in some window. `inspect` tells of them.
                undated.update(bad)
            reasons = told or {row: reason(there, column.type, values[row].as_py()) for row in bad}
            arrays.append(rejected.column(column, array, reasons))
            if column.name in self.table.key:
                rejected.require(values, f"{there.name} is NULL, and part of the key")
        rows = pa.RecordBatch.from_arrays(arrays, schema=arrow_schema(self.table))
        bad_rows = tuple(
            BadRow(self._place(raw, row), "; ".join(reasons), self._text(raw, row), self._window(arrays, row))
            for row, reasons in sorted(rejected.reasons.items())
            if row not in undated
        )
        return Batch(rejected.kept(rows), bad_rows, rejected.nulled)

    def _window(self, arrays: list[pa.Array], row: int) -> Window | None:
        cursor = source_of(self.table).cursor
        return window_of(self.table, arrays[list(self.table.types).index(cursor)][row].as_py()) if cursor else None

    def _place(self, raw: list[pa.Array], row: int) -> str:
        names = {name.lower() for name in self.source.primary_key}
        shown = [
            (there.name, values)
            for there, column, values in zip(self.columns, self.table.columns, raw, strict=True)
            if column.name in self.table.key or (not self.table.key and there.name.lower() in names)
        ]
        return ", ".join(f"{name}={_readable(values[row].as_py())}" for name, values in shown) or str(self.source)

    def _text(self, raw: list[pa.Array], row: int) -> str:
        values = {there.name: _readable(array[row].as_py()) for there, array in zip(self.columns, raw, strict=True)}
        return json.dumps(values, ensure_ascii=False)[:RAW]


def _readable(value: bytes | None) -> str | None:
    """Return what the server sent as text; bytes that are no text as hexadecimal digits."""
    if value is None:
        return None
    try:
        return value.decode()
    except UnicodeDecodeError:
        return f"0x{value.hex()}"
