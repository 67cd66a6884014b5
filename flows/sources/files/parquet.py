"""Rows of Parquet."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from flows.model.errors import SourceError, did_you_mean
from flows.model.paths import path_to, steps
from flows.model.safe_text import spelled
from flows.sources.fields import elsewhere
from flows.sources.files.chunk import require_column
from flows.sources.files.file import why
from flows.sources.files.int96 import too_fine
from flows.sources.files.kinds import refuse_other_kind
from flows.sources.values.arrow_columns import from_arrow
from flows.sources.values.column_values import ColumnValues

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from flows.model.types import Type
    from flows.sources.files.chunk import Broken
    from flows.sources.files.file import ProjectFile

ROWS = 16_384
"""Rows of Parquet that are read at once."""


@dataclass
class ParquetChunk:
    """Rows of Parquet."""

    rows: pa.RecordBatch
    lines: Sequence[int]
    too_fine: Mapping[str, frozenset[int]] = field(default_factory=dict)
    """Lines whose times have digits that were lost in reading, by column."""
    broken: Sequence[Broken] = field(default=(), init=False)
    last: int = 0

    def column(self, path: str, type_: Type) -> ColumnValues:
        """Return the values that stand at a path, of every row."""
        first, *inner = [path] if path in self.rows.schema.names else steps(path)
        values = self.rows.column(first)
        for depth, step in enumerate(inner):
            if not pa.types.is_struct(values.type) or step not in {field.name for field in values.type}:
                fields = [field.name for field in values.type] if pa.types.is_struct(values.type) else []
                above = [first, *inner[:depth]]
                near = elsewhere(tuple(steps(path)), _paths(self.rows.schema, ()))
                near = near or did_you_mean(path_to([*above, step]), [path_to([*above, name]) for name in fields])
                has = f"It has {', '.join(fields)}." if fields else f"It is {values.type}."
                raise SourceError(f"{path_to(above)} has no field '{step}'.{near} {has}")
            values = pc.struct_field(values, step)
        found = from_arrow(values, type_, path)
        lost = self.too_fine.get(first, frozenset()) if "timestamp" in str(values.type) else frozenset()
        reason = f"{path} has digits that are finer than microseconds"
        bad = {row: reason for row, line in enumerate(self.lines) if line in lost} if lost else {}
        if not bad:
            return found
        kept = pa.array([row not in bad for row in range(len(self.lines))])
        return ColumnValues(pc.if_else(kept, found.values, None), bad | found.bad)

    def has(self, path: str) -> bool:  # noqa: ARG002 - what has no such column cannot be read
        """Say that the file has something at a path."""
        return True

    def take(self, rows: Sequence[int]) -> ParquetChunk:
        """Return only these rows."""
        lines = [self.lines[row] for row in rows]
        return ParquetChunk(self.rows.take(pa.array(rows, pa.int64())), lines, self.too_fine)

    def raw(self, row: int) -> str:
        """Return a row's values by name."""
        named = zip(self.rows.schema.names, self.rows, strict=True)
        return spelled({name: _value(column, row) for name, column in named})


def read_parquet(file: ProjectFile, columns: Iterable[str], after: int) -> Iterator[ParquetChunk]:
    """Give the rows of Parquet behind one, counted from 1. Raises SourceError."""
    try:
        # Nanoseconds reach from 1677 to 2262 only, and INT96 beyond.
        with pq.ParquetFile(file.path, pre_buffer=False, buffer_size=2**20, coerce_int96_timestamp_unit="us") as opened:
            names = opened.schema_arrow.names
            wanted = {path[0]: path for path in ((one,) if one in names else tuple(steps(one)) for one in columns)}
            for name, path in wanted.items():
                require_column(file, name, names, _paths(opened.schema_arrow, ()), path)
                if names.count(name) > 1:
                    raise SourceError(f"{file}: it has two columns '{name}'. Give each its own name.")
            lost = too_fine(file, opened, list(wanted))
            row, groups = _behind(opened.metadata, after)
            for batch in opened.iter_batches(ROWS, row_groups=groups, columns=list(wanted), use_threads=False):
                known = min(max(after + 1 - row, 0), batch.num_rows)
                begin, row = row + known, row + batch.num_rows
                yield ParquetChunk(batch.slice(known), range(begin, row), lost, row - 1)
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(file, error) from error


def _behind(metadata: pq.FileMetaData, row: int) -> tuple[int, list[int]]:
    """Return the groups of rows that go on behind a row, and the first of their rows."""
    first, group = 1, 0
    while group < metadata.num_row_groups and first + metadata.row_group(group).num_rows <= row + 1:
        first += metadata.row_group(group).num_rows
        group += 1
    return first, list(range(group, metadata.num_row_groups))


def _paths(fields: Iterable[pa.Field], place: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Give every place that a path can name."""
    for field_ in fields:
        yield (*place, field_.name)
        if pa.types.is_struct(field_.type):
            yield from _paths(field_.type, (*place, field_.name))


def parquet_names(file: ProjectFile) -> list[str]:
    """Return the names of a file's columns. Raises SourceError."""
    try:
        return list(pq.read_schema(file.path).names)
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(file, error) from error


def _unreadable(file: ProjectFile, error: Exception) -> SourceError:
    refuse_other_kind(file, "Parquet")
    return SourceError(f"{file}: it cannot be read as Parquet: {why(error)}. Is it whole? Export it again.")


def _value(column: pa.Array, row: int) -> object:
    try:
        return column[row].as_py()
    except (ValueError, OverflowError):  # a time that Python cannot hold
        return " ".join(column.slice(row, 1).to_string().split())
