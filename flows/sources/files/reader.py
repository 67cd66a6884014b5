r"""Exports in a folder as a source: JSON Lines with MongoDB's Extended JSON, CSV and Parquet, plain or compressed.

What CSV is here: RFC 4180 in UTF-8 with a header. An empty field, `NULL` and `\N` are NULL unless they are quoted;
`""` is an empty text. A backslash is a character like any other, so MySQL writes such files with ESCAPED BY ''.
Bytes are hexadecimal after 0x, or base64; arrays, structs and JSON are written as JSON.
"""

from __future__ import annotations

import gc
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from flows.model.bad_row import BadRow
from flows.model.errors import SourceChangedError, SourceError
from flows.project.where import where
from flows.sources.files.file import ProjectFile
from flows.sources.files.find import find
from flows.sources.files.formats import format_of
from flows.sources.files.inspection import inspection, no_cursor
from flows.sources.files.lines import BLOCK
from flows.sources.files.position import Position, digest_of
from flows.sources.interface import RAW, Batch, arrow_schema, window_of
from flows.sources.values.rejected import Rejected

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from flows.model.table import Column, Table
    from flows.model.window import Window
    from flows.sources.files.chunk import Chunk
    from flows.sources.files.find import Files
    from flows.sources.interface import Inspection
    from flows.sources.values.column_values import ColumnValues


class FilesReader:
    """Reads the files of a project."""

    def __init__(self, root: Path) -> None:
        """Take the project's folder, to which the paths in table files are relative."""
        self.root = root

    def now(self) -> None:
        """Files have no clock."""

    def inspect(self, table: Table) -> Inspection:
        """Say which fields the table leaves out or misspells, by a sample, and which files are not read.

        Raises SourceError where no file matches, or one cannot be read.
        """
        return inspection(table, self.root, self._files(table))

    def read(self, table: Table, window: Window | None) -> Iterator[Batch]:
        """Give the rows whose cursor lies in the window, or all rows where there is none; file by file in name order.

        A row whose cursor cannot be read is reported as bad whichever window is read; one without a cursor belongs to
        no window and is counted.

        Raises:
            SourceError: no file matches, or one has an unknown ending, lacks a column, or is damaged; or of many rows
                none has a place for the cursor.
        """
        return self._read(table, window, Position())

    def copy(self, table: Table, window: Window, after: str | None) -> Iterator[Batch]:
        """Give the rows of a first copy as `read` does, and go on at a line of the files that were read before.

        Raises as `read` does, and SourceChangedError where those are others now.
        """
        return self._read(table, window, Position.parse(after) if after else Position())

    def _files(self, table: Table) -> Files:
        try:
            return find(self.root, _path(table))
        except SourceError as error:
            raise SourceError(f"{where(self.root, table, 'source', 'path')}: {error}") from error

    def _read(self, table: Table, window: Window | None, position: Position) -> Iterator[Batch]:
        paths = [column.source_path or column.name for column in table.columns]
        files = [ProjectFile(path, self.root) for path in self._files(table).found]
        if not position.is_of(files):
            raise SourceChangedError(
                f"{table.identity}: of the files of source.path that were read before the copy was cut off, one has "
                "changed or is gone, or others have come among them."
            )
        # What was copied before had a cursor.
        met = _Met(has_cursor=position.files > 0)
        begun = max(position.files - 1, 0)
        for count, (file, format_) in enumerate([(file, format_of(file)) for file in files[begun:]], begun + 1):
            line = position.line if count == position.files else 0
            place = Position(count, line, digest_of(files[:count]))
            yield from _joined(_batches(table, window, format_.read(file, paths, line), str(file), met, place))
        if met.rows and not met.has_cursor:
            raise no_cursor(table, files)


@dataclass
class _Met:
    """What was met in all files together."""

    rows: int = 0
    has_cursor: bool = False
    """Whether any row has a place for the cursor."""

    def look(self, chunk: Chunk, path: str) -> None:
        """Take what a run of rows has."""
        self.rows += len(chunk.lines)
        self.has_cursor = self.has_cursor or chunk.has(path)


def _path(table: Table) -> str:
    assert table.source is not None  # noqa: S101 - only core tables are read
    assert table.source.kind == "files"  # noqa: S101 - whoever chose this source looked
    return table.source.path


def _batches(  # noqa: PLR0913, PLR0917 - what is read, of what, and what becomes of it
    table: Table, window: Window | None, chunks: Iterator[Chunk], place: str, met: _Met, position: Position
) -> Iterator[Batch]:
    while True:
        with _collector_paused():
            chunk = next(chunks, None)
            if chunk is None:
                return
            batch = _batch(table, window, chunk, place, met)
        position = replace(position, line=max(position.line, chunk.last))
        yield replace(batch, position=str(position))


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Let no garbage collection run: it costs a third of the time here, and documents hold no cycles."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _joined(batches: Iterable[Batch]) -> Iterator[Batch]:
    """Give the same rows in fewer, larger batches."""
    waiting: list[Batch] = []
    size = 0
    for batch in batches:
        waiting.append(batch)
        # A bad row holds its text.
        size += batch.rows.nbytes + RAW * len(batch.bad)
        if size >= BLOCK:
            yield _join(waiting)
            waiting, size = [], 0
    if waiting:
        yield _join(waiting)


def _join(batches: list[Batch]) -> Batch:
    bad = tuple(row for batch in batches for row in batch.bad)
    nulled = sum((Counter(batch.nulled) for batch in batches), Counter[str]())
    rows = pa.concat_batches([batch.rows for batch in batches])
    undated, outside = sum(batch.undated for batch in batches), sum(batch.outside for batch in batches)
    return Batch(rows, bad, nulled, undated=undated, outside=outside, position=batches[-1].position)


def _batch(table: Table, window: Window | None, chunk: Chunk, place: str, met: _Met) -> Batch:
    assert table.source is not None  # noqa: S101 - only core tables are read
    bad = [BadRow(f"{place}:{line}", reason, raw[:RAW]) for line, raw, reason in chunk.broken]
    cursor = next((column for column in table.columns if column.name == table.source.cursor), None)
    undated = outside = 0
    if cursor is not None:
        met.look(chunk, cursor.source_path or cursor.name)
        read = _read(chunk, cursor, place)
        undated = sum(row not in read.bad for row in pc.indices_nonzero(read.values.is_null()).to_pylist())
        moments = _moments(read.values)
        outside = _outside(table, moments)
        inside = sorted({*_in_window(moments, window), *read.bad})
        if len(inside) < len(chunk.lines):
            chunk = chunk.take(inside)
    columns, rejected = [], Rejected()
    for column in table.columns:
        read = _read(chunk, column, place)
        columns.append(rejected.column(column, read.values, read.bad))
        if column.name in table.key:
            rejected.require(read.values, f"{column.name} is NULL, and it is part of the key", unless=read.bad)
    rows = pa.RecordBatch.from_arrays(columns, schema=arrow_schema(table))
    if rejected.reasons:
        cursors = columns[table.columns.index(cursor)] if cursor else None
        bad += [
            BadRow(
                f"{place}:{chunk.lines[row]}",
                "; ".join(reasons),
                chunk.raw(row)[:RAW],
                window_of(table, cursors[row].as_py()) if cursors else None,
            )
            for row, reasons in sorted(rejected.reasons.items())
        ]
    return Batch(rejected.kept(rows), tuple(bad), rejected.nulled, undated=undated, outside=outside)


def _read(chunk: Chunk, column: Column, place: str) -> ColumnValues:
    try:
        return chunk.column(column.source_path or column.name, column.type)
    except SourceError as error:
        raise SourceError(f"{place}: {error}") from None


def _moments(cursor: pa.Array) -> pa.Array:
    """Return the values of a cursor, a day or a time without a zone, as moments in UTC."""
    moments = cursor if pa.types.is_timestamp(cursor.type) else cursor.cast(pa.timestamp("us"))
    if moments.type.tz is None:
        moments = moments.cast(pa.int64()).cast(pa.timestamp("us", tz=UTC.tzname(None)))
    return moments


def _in_window(moments: pa.Array, window: Window | None) -> list[int]:
    """Return the rows whose cursor lies in the window; where there is no window, that have one."""
    if window is None:
        inside = moments.is_valid()
    else:
        inside = pc.and_(
            pc.greater_equal(moments, pa.scalar(window.start, moments.type)),
            pc.less(moments, pa.scalar(window.end, moments.type)),
        )
    rows: list[int] = pc.indices_nonzero(pc.fill_null(inside, fill_value=False)).to_pylist()
    return rows


def _outside(table: Table, moments: pa.Array) -> int:
    """Return how many rows lie before the table's start or after its end."""
    if table.window is None:
        return 0
    beyond = pc.less(moments, pa.scalar(table.window.start, moments.type))
    if table.window.end is not None:
        beyond = pc.or_(beyond, pc.greater_equal(moments, pa.scalar(table.window.end, moments.type)))
    return int(pc.sum(beyond).as_py() or 0)
