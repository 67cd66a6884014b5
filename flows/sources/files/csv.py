"""Records of CSV."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.csv as pa_csv

from flows.model.errors import SourceError
from flows.model.paths import plain_name
from flows.sources.files.chunk import require_column, shown
from flows.sources.files.kinds import refuse_no_header
from flows.sources.files.lines import LONGEST, Records, lines_of, not_empty, without_too_long
from flows.sources.values.column_values import ColumnValues
from flows.sources.values.text_columns import from_text
from flows.sources.values.texts import shown_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from flows.model.types import Type
    from flows.sources.files.chunk import Broken
    from flows.sources.files.file import ProjectFile

NULLS = ["", "NULL", "\\N"]
"""What stands for NULL in CSV where it is not quoted."""
_FIELD = rb'(?:"[^"]*(?:""[^"]*)*"|(?:[^",\r\n][^,\r\n]*)?)'
_RECORD = re.compile(rb"%b(?:,%b)*" % (_FIELD, _FIELD))
_NEXT_FIELD = re.compile(_FIELD)
_OPEN_QUOTE = re.compile(rb'(?:%b,)*"[^"]*(?:""[^"]*)*' % _FIELD)
# A quote has a comma or a line's end on one side at least, or another quote; this one has not.
_STRAY_QUOTE = re.compile(rb'[^,\r\n"]"[^,\r\n"]')
_OTHER_END = re.compile(r"[\v\f\x1c-\x1e\x85\u2028\u2029]")
"""At these too lines end for some programs; in a header they would make one line of all."""


@dataclass
class CsvChunk:
    """Records of CSV."""

    texts: Sequence[bytes]
    values: dict[str, ColumnValues]
    """As text, by name. What is bad is no UTF-8."""
    lines: Sequence[int]
    broken: Sequence[Broken] = ()
    last: int = 0

    def column(self, path: str, type_: Type) -> ColumnValues:
        """Return the values that stand at a path, of every row."""
        texts = self.values[plain_name(path)]
        column = from_text(texts.values, type_, path)
        return ColumnValues(column.values, texts.bad | column.bad)

    def has(self, path: str) -> bool:
        """Say whether the header has a name."""
        return plain_name(path) in self.values

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


def read_csv(file: ProjectFile, columns: Iterable[str], after: int) -> Iterator[CsvChunk]:
    """Give the records of CSV below its header that begin after a line. Raises SourceError."""
    header: list[str] = []
    wanted = list(dict.fromkeys(map(plain_name, columns)))
    for records in _csv_records(file):
        if not header:
            header = _take_header(file, records)
            _require_names(file, header, wanted)
        yield _records(file, records.behind(after), header, wanted)
    if not header:
        raise SourceError(f"{file}: it is empty; its first line should name the columns, such as {','.join(wanted)}")


def csv_names(file: ProjectFile) -> list[str]:
    """Return the names of a file's columns. Raises SourceError."""
    header = next((_take_header(file, records) for records in _csv_records(file)), [])
    return [name for name in dict.fromkeys(header) if name]


def _take_header(file: ProjectFile, records: Records) -> list[str]:
    """Take the header off a file's first records."""
    broken = min(records.broken, default=None)
    if broken is not None and (not records.texts or broken[0] < records.lines[0]):
        raise SourceError(f"{file}:{broken[0]}: its first line is no header: {broken[2]}.")
    record, records.lines = records.texts.pop(0), records.lines[1:]
    if not _is_record(record):
        raise SourceError(f"{file}:1: its first line is no header: {_fault_of(record)}.")
    try:
        names = [name.decode() for name in _split_fields(record)]
    except UnicodeDecodeError:
        raise SourceError(
            f"{file}:1: its header {shown_bytes(record[:80])} is no UTF-8 text; export it as UTF-8."
        ) from None
    found = _OTHER_END.search("".join(names))
    if found is not None:
        raise SourceError(
            f"{file}:1: its first line is no header: U+{ord(found[0]):04X} stands in it, at which lines end elsewhere. "
            "End them in LF or CRLF."
        )
    return names


def _require_names(file: ProjectFile, header: list[str], wanted: list[str]) -> None:
    """Raise SourceError where a header lacks a name that is wanted, or has one twice."""
    if not set(wanted) <= set(header):
        refuse_no_header(file, header, wanted)
    # A comma at the line's end leaves a name that is empty.
    twice = next((name for name in header if name and header.count(name) > 1), None)
    if twice is not None:
        raise SourceError(f"{file}:1: its header names '{twice}' twice. Give each column its own name.")
    for name in wanted:
        require_column(file, name, header)


def _csv_records(file: ProjectFile) -> Iterator[Records]:
    r"""Give the records of a file, its header first; a record may go over several lines where a field is quoted.

    Empty lines are left out. What RFC 4180 does not know is broken: text after a closing quote, as in `"say \"hi\""`,
    or a quote that is never closed.
    """
    rest: list[bytes] = []
    rest_line = 1
    for line, texts in lines_of(file):
        start = rest_line if rest else line
        records, rest, rest_line = _split([*rest, *texts], start, last=False)
        if records.texts or records.broken:
            yield without_too_long(records)
    if rest:
        yield without_too_long(_split(rest, rest_line, last=True)[0])


def _split_fields(record: bytes) -> list[bytes]:
    """Return the fields of a record of CSV without their quotes."""
    fields = []
    position = 0
    while match := _NEXT_FIELD.match(record, position):
        text = match[0]
        fields.append(text[1:-1].replace(b'""', b'"') if text.startswith(b'"') else text)
        position = match.end() + 1
        if position > len(record):
            break
    return fields


def _is_record(text: bytes) -> bool:
    """Say whether a text is one whole record of CSV."""
    return _RECORD.fullmatch(text) is not None


def _fault_of(text: bytes) -> str:
    """Say why a text is no record of CSV."""
    if b'"' in text:
        return "a quote is not closed, or text follows a closing one; a quote inside a quoted field is doubled"
    return "an end of line stands in a field that is not quoted"


def _split(texts: list[bytes], line: int, *, last: bool) -> tuple[Records, list[bytes], int]:
    """Return the records that stand on some lines, the lines of one that goes on, and where that begins."""
    block = b"\n".join(texts)
    if b'"' not in block:
        return not_empty([text.removesuffix(b"\r") for text in texts], line), [], 0
    lines: list[int] = []
    records = Records(lines=lines)
    # Inside of quotes the end of a line is kept as it is.
    ended = [text.removesuffix(b"\r") for text in texts]
    strict = _STRAY_QUOTE.search(b"\n".join(ended)) is not None
    index = 0
    while index < len(texts):
        text = ended[index]
        end = index + 1
        if (strict or text.count(b'"') % 2) and not _is_record(text):
            end = _end_of_record(texts, index) if _OPEN_QUOTE.fullmatch(texts[index]) else index
            if end > len(texts):
                if not last and len(block) <= LONGEST:
                    return records, texts[index:], line + index
                end = index
        if end == index:
            records.broken.append((line + index, text, _fault_of(text)))
        elif text:
            records.texts.append(b"\n".join([*texts[index : end - 1], ended[end - 1]]))
            lines.append(line + index)
        index = max(end, index + 1)
    return records, [], 0


def _end_of_record(texts: list[bytes], start: int) -> int:
    """Return the line after a record that begins with an open quote.

    That is `start` itself where the record does not end well, and beyond the last line where it goes on.
    """
    for index in range(start + 1, len(texts)):
        if texts[index].count(b'"') % 2:
            return index + 1 if _is_record(b"\n".join(texts[start : index + 1]).removesuffix(b"\r")) else start
    return len(texts) + 1


def _records(file: ProjectFile, records: Records, header: list[str], wanted: list[str]) -> CsvChunk:
    last, broken = records.last, [shown(*item) for item in records.broken]
    values = _parse(records.texts, header, wanted)
    if values is None:
        fitting = []
        for index, (text, line) in enumerate(zip(records.texts, records.lines, strict=True)):
            count = len(_split_fields(text))
            if not _is_record(text):
                broken.append(shown(line, text, _fault_of(text)))
            elif count != len(header):
                broken.append(shown(line, text, _other_count(text, count, header)))
            else:
                fitting.append(index)
        lines = [records.lines[index] for index in fitting]
        records = Records([records.texts[index] for index in fitting], lines)
        values = _parse(records.texts, header, wanted)
        if values is None:
            raise SourceError(f"{file}: its records could not be told apart near line {records.lines[0]}.")
    return CsvChunk(records.texts, values, records.lines, broken, last)


def _other_count(text: bytes, count: int, header: list[str]) -> str:
    """Say that a record has more or fewer fields than the header."""
    has = f"it has {count} fields where the header has {len(header)}"
    is_ended = count == len(header) + 1 and text.endswith(b",")
    return f"{has}: take the comma at its end away, or write one at the header's end" if is_ended else has


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
            bad[index] = f"{name} {shown_bytes(value)} is no UTF-8 text"
    return ColumnValues(pa.array(texts, pa.string()), bad)
