"""Runs of rows of a file, from which columns are read: documents of JSON Lines, records of CSV, rows of Parquet."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from flows.model.errors import SourceError, did_you_mean
from flows.sources.files.records import Records, csv_records, fault_of, is_record, json_lines, split_fields
from flows.sources.values.arrow_columns import from_arrow
from flows.sources.values.columns import ColumnValues, DigitsLostError, Documents, from_text, parse_exactly

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from flows.model.types import Type

DOCUMENTS = 1024
"""Lines of JSON that are parsed at once."""
ROWS = 16_384
"""Rows of Parquet that are read at once."""
NULLS = ["", "NULL", "\\N"]
"""What stands for NULL in CSV where it is not quoted."""

Broken = tuple[int, str, str]
"""What is no row: its line, how it stands there, and what is wrong with it."""


class Chunk(Protocol):
    """Some rows of a file."""

    lines: Sequence[int]
    """Where each stands in the file, from 1."""
    broken: Sequence[Broken]

    def column(self, path: str, type_: Type) -> ColumnValues:
        """Return the values that stand at a path, of every row."""

    def take(self, rows: Sequence[int]) -> Chunk:
        """Return only these rows, and nothing of what is broken."""

    def raw(self, row: int) -> str:
        """Return a row as it stands in the file."""


@dataclass
class JsonChunk:
    """Lines of JSON."""

    texts: Sequence[bytes]
    documents: Documents
    lines: Sequence[int]
    broken: Sequence[Broken] = ()

    def column(self, path: str, type_: Type) -> ColumnValues:
        """Return the values that stand at a path, of every row."""
        try:
            return self.documents.column(path, type_)
        except DigitsLostError:
            self.documents = Documents([parse_exactly(text) for text in self.texts], digits=True)
            return self.documents.column(path, type_)

    def take(self, rows: Sequence[int]) -> JsonChunk:
        """Return only these rows, and nothing of what is broken."""
        documents = replace(self.documents, rows=[self.documents.rows[row] for row in rows])
        return JsonChunk([self.texts[row] for row in rows], documents, [self.lines[row] for row in rows])

    def raw(self, row: int) -> str:
        """Return a row as it stands in the file."""
        return self.texts[row].decode(errors="replace")


@dataclass
class CsvChunk:
    """Records of CSV."""

    texts: Sequence[bytes]
    values: dict[str, ColumnValues]
    """As text, by name. What is bad is no UTF-8."""
    lines: Sequence[int]
    broken: Sequence[Broken] = ()

    def column(self, path: str, type_: Type) -> ColumnValues:
        """Return the values that stand at a path, of every row."""
        texts = self.values[path]
        column = from_text(texts.values, type_, path)
        return ColumnValues(column.values, texts.bad | column.bad)

    def take(self, rows: Sequence[int]) -> CsvChunk:
        """Return only these rows, and nothing of what is broken."""
        indices = pa.array(rows, pa.int64())
        values = {
            name: ColumnValues(
                column.values.take(indices),
                {new: column.bad[old] for new, old in enumerate(rows) if old in column.bad} if column.bad else {},
            )
            for name, column in self.values.items()
        }
        return CsvChunk([self.texts[row] for row in rows], values, [self.lines[row] for row in rows])

    def raw(self, row: int) -> str:
        """Return a row as it stands in the file."""
        return self.texts[row].decode(errors="replace")


@dataclass
class ParquetChunk:
    """Rows of Parquet."""

    rows: pa.RecordBatch
    lines: Sequence[int]
    broken: Sequence[Broken] = field(default=(), init=False)

    def column(self, path: str, type_: Type) -> ColumnValues:
        """Return the values that stand at a path, of every row."""
        first, *steps = [path] if path in self.rows.schema.names else path.split(".")
        values = self.rows.column(first)
        for step in steps:
            if not pa.types.is_struct(values.type) or step not in {inner.name for inner in values.type}:
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


def read_json(path: Path, _: Iterable[str]) -> Iterator[JsonChunk]:
    """Give the documents of JSON Lines. Raises SourceError."""
    first = True
    for records in json_lines(path):
        if first and records.texts and records.texts[0].lstrip().startswith(b"["):
            raise SourceError(
                f"{path}: it is one JSON array, which cannot be read piece by piece. "
                "Write one document a line: mongoexport without --jsonArray."
            )
        first = first and not records.texts
        # Fewer documents at once stay in the processor's cache between being parsed and being read.
        for start in range(0, max(len(records.texts), 1), DOCUMENTS):
            some = slice(start, start + DOCUMENTS)
            yield _documents(Records(records.texts[some], records.lines[some], [] if start else records.broken))


def read_csv(path: Path, columns: Iterable[str]) -> Iterator[CsvChunk]:
    """Give the records of CSV below its header. Raises SourceError."""
    header: list[str] | None = None
    wanted = list(dict.fromkeys(columns))
    for records in csv_records(path):
        if header is None:
            if not records.texts or any(line < records.lines[0] for line, _, _ in records.broken):
                raise SourceError(f"{path}: its first line is no header with the names of the columns.")
            header = _header(path, records.texts.pop(0))
            records.lines = records.lines[1:]
            for name in wanted:
                _require(path, name, header)
        yield _records(path, records, header, wanted)
    if header is None:
        raise SourceError(f"{path}: it is empty; its first line should name the columns.")


def read_parquet(path: Path, columns: Iterable[str]) -> Iterator[ParquetChunk]:
    """Give the rows of Parquet. Raises SourceError."""
    try:
        with pq.ParquetFile(path, pre_buffer=False, buffer_size=2**20) as file:
            names = file.schema_arrow.names
            wanted = dict.fromkeys(column if column in names else column.split(".")[0] for column in columns)
            for name in wanted:
                _require(path, name, names)
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


def _documents(records: Records) -> JsonChunk:
    broken = [_shown(*item) for item in records.broken]
    try:
        documents = [orjson.loads(text) for text in records.texts]
    except orjson.JSONDecodeError:
        documents = [_parsed(text) for text in records.texts]
    if set(map(type, documents)) <= {dict}:
        return JsonChunk(records.texts, Documents(documents, digits=False), records.lines, broken)
    good = []
    for index, (document, text, line) in enumerate(zip(documents, records.texts, records.lines, strict=True)):
        if isinstance(document, dict):
            good.append(index)
        elif isinstance(document, orjson.JSONDecodeError):
            if text.strip():
                broken.append(_shown(line, text, f"it is no JSON: {document}"))
        else:
            broken.append(_shown(line, text, "it is no document; each line should be an object: {...}"))
    chunk = JsonChunk(records.texts, Documents(documents, digits=False), records.lines).take(good)
    chunk.broken = broken
    return chunk


def _parsed(text: bytes) -> Any:  # noqa: ANN401 - any JSON, or the error
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        return error


def _header(path: Path, record: bytes) -> list[str]:
    try:
        header = [name.decode() for name in split_fields(record)]
    except UnicodeDecodeError:
        raise SourceError(f"{path}: its header is no UTF-8 text; export it as UTF-8.") from None
    for name in header:
        if header.count(name) > 1:
            raise SourceError(f"{path}: its header names '{name}' twice.")
    return header


def _require(path: Path, name: str, names: Sequence[str]) -> None:
    if name not in names:
        raise SourceError(
            f"{path}: it has no column '{name}'.{did_you_mean(name, names)} It has {', '.join(names)}. "
            "Where the file has another name for it, say so: from: <name>."
        )


def _records(path: Path, records: Records, header: list[str], wanted: list[str]) -> CsvChunk:
    broken = [_shown(*item) for item in records.broken]
    values = _parse(records.texts, header, wanted)
    if values is None:
        fitting = []
        for index, (text, line) in enumerate(zip(records.texts, records.lines, strict=True)):
            count = len(split_fields(text))
            if not is_record(text):
                broken.append(_shown(line, text, fault_of(text)))
            elif count != len(header):
                broken.append(_shown(line, text, f"it has {count} fields where the header has {len(header)}"))
            else:
                fitting.append(index)
        lines = [records.lines[index] for index in fitting]
        records = Records([records.texts[index] for index in fitting], lines)
        values = _parse(records.texts, header, wanted)
        if values is None:
            raise SourceError(f"{path}: its records could not be told apart near line {records.lines[0]}.")
    return CsvChunk(records.texts, values, records.lines, broken)


def _parse(texts: list[bytes], header: list[str], wanted: list[str]) -> dict[str, ColumnValues] | None:
    """Return the columns as text, or None where a record is not well formed."""
    if not texts:
        return {name: ColumnValues(pa.array([], pa.string())) for name in wanted}
    data = b"\n".join(texts)
    broken: list[object] = []

    def skip(row: object) -> str:
        broken.append(row)
        return "skip"

    try:
        columns = _read_csv(data, header, wanted, pa.string(), skip)
    except pa.ArrowInvalid:
        broken.clear()
        columns = _read_csv(data, header, wanted, pa.binary(), skip)
    if broken or columns.num_rows != len(texts):
        return None
    return {name: _decoded(columns.column(name).combine_chunks(), name) for name in wanted}


def _read_csv(
    data: bytes, header: list[str], wanted: list[str], type_: pa.DataType, skip: Callable[[object], str]
) -> pa.Table:
    return pa_csv.read_csv(
        pa.BufferReader(data),
        pa_csv.ReadOptions(column_names=header, block_size=len(data) + 1, use_threads=False),
        pa_csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False, invalid_row_handler=skip),
        pa_csv.ConvertOptions(
            column_types=dict.fromkeys(wanted, type_),
            include_columns=wanted,
            null_values=NULLS,
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )


def _decoded(values: pa.Array, name: str) -> ColumnValues:
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    if pa.types.is_string(values.type):
        return ColumnValues(values)
    texts: list[str | None] = []
    bad = {}
    for index, value in enumerate(values.to_pylist()):
        try:
            texts.append(None if value is None else value.decode())
        except UnicodeDecodeError:
            texts.append(None)
            bad[index] = f"{name} {value[:100]!r} is no UTF-8 text"
    return ColumnValues(pa.array(texts, pa.string()), bad)


def _shown(line: int, text: bytes, reason: str) -> Broken:
    return line, text.decode(errors="replace"), reason
