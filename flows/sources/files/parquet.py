"""Rows of Parquet."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from flows.model.errors import SourceError
from flows.model.paths import steps
from flows.sources.files.chunk import require_column
from flows.sources.values.arrow_columns import from_arrow

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from flows.model.types import Type
    from flows.sources.files.chunk import Broken
    from flows.sources.values.columns import ColumnValues

ROWS = 16_384
"""Rows of Parquet that are read at once."""


@dataclass
class ParquetChunk:
    """Rows of Parquet."""

    rows: pa.RecordBatch
    lines: Sequence[int]
    broken: Sequence[Broken] = field(default=(), init=False)

    def column(self, path: str, type_: Type) -> ColumnValues:
        """Return the values that stand at a path, of every row."""
        first, *inner = [path] if path in self.rows.schema.names else steps(path)
        values = self.rows.column(first)
        for step in inner:
            if not pa.types.is_struct(values.type) or step not in {field.name for field in values.type}:
                raise SourceError(f"{path}: {values.type} has no field '{step}'.")
            values = pc.struct_field(values, step)
        return from_arrow(values, type_, path)

    def take(self, rows: Sequence[int]) -> ParquetChunk:
        """Return only these rows."""
        return ParquetChunk(self.rows.take(pa.array(rows, pa.int64())), [self.lines[row] for row in rows])

    def raw(self, row: int) -> str:
        """Return a row's values by name."""
        named = zip(self.rows.schema.names, self.rows, strict=True)
        return str({name: _as_text(column, row) for name, column in named})


def read_parquet(path: Path, columns: Iterable[str]) -> Iterator[ParquetChunk]:
    """Give the rows of Parquet. Raises SourceError."""
    try:
        with pq.ParquetFile(path, pre_buffer=False, buffer_size=2**20) as file:
            names = file.schema_arrow.names
            wanted = dict.fromkeys(column if column in names else steps(column)[0] for column in columns)
            for name in wanted:
                require_column(path, name, names)
            row = 1
            for batch in file.iter_batches(batch_size=ROWS, columns=list(wanted), use_threads=False):
                yield ParquetChunk(batch, range(row, row + batch.num_rows))
                row += batch.num_rows
    except (OSError, pa.ArrowException) as error:
        raise SourceError(f"{path}: it cannot be read as Parquet: {error}. Is it whole? Export it again.") from error


def _as_text(column: pa.Array, row: int) -> str:
    try:
        return str(column[row])
    except (ValueError, OverflowError):  # a time that Python cannot hold
        return " ".join(column.slice(row, 1).to_string().split())
