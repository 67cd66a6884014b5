"""Lines of JSON and records of CSV out of a file that may be compressed: block by block, each with its line number."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyarrow as pa

from flows.model.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}
BLOCK = 2**20
"""Bytes that are read at once. A batch holds one block, and what the block before left of its last record."""
LONGEST = 64 * 2**20
"""Bytes of the longest record; MongoDB's largest document is a quarter of it."""
_BOM = b"\xef\xbb\xbf"
_FIELD = rb'(?:"[^"]*(?:""[^"]*)*"|(?:[^",\r\n][^,\r\n]*)?)'
_RECORD = re.compile(rb"%b(?:,%b)*" % (_FIELD, _FIELD))
_NEXT_FIELD = re.compile(_FIELD)
_OPEN_QUOTE = re.compile(rb'(?:%b,)*"[^"]*(?:""[^"]*)*' % _FIELD)
# A quote has a comma or a line's end on one side at least, or another quote; this one has not.
_STRAY_QUOTE = re.compile(rb'[^,\r\n"]"[^,\r\n"]')


@dataclass(slots=True)
class Records:
    """Some records of a file that follow each other."""

    texts: list[bytes] = field(default_factory=list)
    """Without the line's end."""
    lines: Sequence[int] = ()
    """Where each begins; the file's first line is 1."""
    broken: list[tuple[int, bytes, str]] = field(default_factory=list)
    """What is no record: its line, how it begins, and what is wrong with it."""


def blocks(path: Path) -> Iterator[bytes]:
    """Give a file's content in blocks, decompressed where its name says so.

    Raises:
        SourceError: it cannot be opened, or is cut off or damaged.
    """
    compression = COMPRESSIONS.get(path.suffix.lower())
    try:
        with pa.OSFile(str(path)) as file:
            if compression and not file.size():
                raise SourceError(f"{path}: it is empty, which no {compression} file is; export it again.")
            with pa.CompressedInputStream(file, compression) if compression else file as stream:
                while block := stream.read(BLOCK):
                    yield block
    except OSError as error:
        raise SourceError(f"{path}: it cannot be read: {error}. Is it whole? Export it again.") from error


def json_lines(path: Path) -> Iterator[Records]:
    """Give the lines of a file; empty ones are left out."""
    for line, texts in _lines(path):
        yield _without_too_long(_not_empty([text.removesuffix(b"\r") for text in texts], line))


def csv_records(path: Path) -> Iterator[Records]:
    r"""Give the records of a file, its header first; a record may go over several lines where a field is quoted.

    Empty lines are left out. What RFC 4180 does not know is broken: text after a closing quote, as in `"say \"hi\""`,
    or a quote that is never closed.
    """
    rest: list[bytes] = []
    rest_line = 1
    for line, texts in _lines(path):
        start = rest_line if rest else line
        records, rest, rest_line = _split([*rest, *texts], start, last=False)
        yield _without_too_long(records)
    if rest:
        yield _without_too_long(_split(rest, rest_line, last=True)[0])


def split_fields(record: bytes) -> list[bytes]:
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


def is_record(text: bytes) -> bool:
    """Say whether a text is one whole record of CSV."""
    return _RECORD.fullmatch(text) is not None


def fault_of(text: bytes) -> str:
    """Say why a text is no record of CSV."""
    if b'"' in text:
        return "a quote is not closed, or text follows a closing one; a quote inside a quoted field is doubled"
    return "an end of line stands in a field that is not quoted"


def _lines(path: Path) -> Iterator[tuple[int, list[bytes]]]:
    """Give runs of whole lines, each with the number of its first line."""
    line = 1
    carry: list[bytes] = []
    carried = 0
    first = True
    for read in blocks(path):
        block = read.removeprefix(_BOM) if first else read
        first = False
        end = block.rfind(b"\n")
        if end < 0:
            # Of a line that is too long only the beginning is kept, which is enough to show it.
            if carried <= LONGEST:
                carry.append(block)
                carried += len(block)
            continue
        texts = b"".join([*carry, block[:end]]).split(b"\n")
        yield line, texts
        line += len(texts)
        carry = [block[end + 1 :]]
        carried = len(carry[0])
    if rest := b"".join(carry):
        yield line, [rest]


def _not_empty(texts: list[bytes], line: int) -> Records:
    if all(texts):
        return Records(texts, range(line, line + len(texts)))
    kept = [(text, number) for number, text in enumerate(texts, line) if text]
    return Records([text for text, _ in kept], [number for _, number in kept])


def _without_too_long(records: Records) -> Records:
    if not records.texts or max(map(len, records.texts)) <= LONGEST:
        return records
    lines: list[int] = []
    kept = Records(lines=lines, broken=records.broken)
    for text, line in zip(records.texts, records.lines, strict=True):
        if len(text) > LONGEST:
            kept.broken.append((line, text, f"it is longer than {LONGEST // 2**20} MB"))
        else:
            kept.texts.append(text)
            lines.append(line)
    return kept


def _split(texts: list[bytes], line: int, *, last: bool) -> tuple[Records, list[bytes], int]:
    """Return the records that stand on some lines, the lines of one that goes on, and where that begins."""
    block = b"\n".join(texts)
    if b'"' not in block:
        return _not_empty([text.removesuffix(b"\r") for text in texts], line), [], 0
    lines: list[int] = []
    records = Records(lines=lines)
    # Inside of quotes the end of a line is kept as it is.
    ended = [text.removesuffix(b"\r") for text in texts]
    strict = _STRAY_QUOTE.search(b"\n".join(ended)) is not None
    index = 0
    while index < len(texts):
        text = ended[index]
        end = index + 1
        if (strict or text.count(b'"') % 2) and not is_record(text):
            end = _end_of_record(texts, index) if _OPEN_QUOTE.fullmatch(texts[index]) else index
            if end > len(texts):
                if not last and len(block) <= LONGEST:
                    return records, texts[index:], line + index
                end = index
        if end == index:
            records.broken.append((line + index, text, fault_of(text)))
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
            return index + 1 if is_record(b"\n".join(texts[start : index + 1]).removesuffix(b"\r")) else start
    return len(texts) + 1
