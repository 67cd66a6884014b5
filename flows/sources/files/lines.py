"""Lines of a file that may be compressed: block by block, each with its number."""

from __future__ import annotations

import math
import shlex
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyarrow as pa

from flows.model.errors import SourceError
from flows.sources.files.file import why
from flows.sources.files.kinds import COMPRESSIONS, refuse_other_kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flows.sources.files.file import ProjectFile

BLOCK = 2**20
"""Bytes that are read at once. A batch holds one block, and what the block before left of its last record."""
LONGEST = 64 * 2**20
"""Bytes of the longest record; MongoDB's largest document is a quarter of it."""
_BOM = b"\xef\xbb\xbf"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_UNIT = 4
"""Bytes of the longest unit of another encoding, in which a letter of ASCII has zeros."""


@dataclass(slots=True)
class Records:
    """Some records of a file that follow each other."""

    texts: list[bytes] = field(default_factory=list)
    """Without the line's end."""
    lines: Sequence[int] = ()
    """Where each begins; the file's first line is 1."""
    broken: list[tuple[int, bytes, str]] = field(default_factory=list)
    """What is no record: its line, how it begins, and what is wrong with it."""

    @property
    def last(self) -> int:
        """Where the last of all of them begins; 0 where there is none."""
        return max([*self.lines[-1:], *(line for line, _, _ in self.broken)], default=0)

    def behind(self, line: int) -> Records:
        """Return those that begin behind a line."""
        first = bisect_right(self.lines, line)
        return Records(self.texts[first:], self.lines[first:], [one for one in self.broken if one[0] > line])

    def pieces(self, size: int) -> Iterator[Records]:
        """Give them in pieces of so many texts, at least one piece."""
        for start in range(0, max(len(self.texts), 1), size):
            end = start + size
            low = self.lines[start] if start else 0
            high = self.lines[end] if end < len(self.lines) else math.inf
            broken = [one for one in self.broken if low <= one[0] < high]
            yield Records(self.texts[start:end], self.lines[start:end], broken)


def lines_of(file: ProjectFile) -> Iterator[tuple[int, list[bytes]]]:
    """Give runs of whole lines, each with the number of its first line."""
    line = 1
    carry: list[bytes] = []
    carried = 0
    first = True
    for read in _blocks(file):
        if first:
            refuse_other_kind(file, "", read)
            _refuse_other_text(file, read)
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


def not_empty(texts: list[bytes], line: int) -> Records:
    """Return lines without the empty ones."""
    if all(texts):
        return Records(texts, range(line, line + len(texts)))
    kept = [(text, number) for number, text in enumerate(texts, line) if text]
    return Records([text for text, _ in kept], [number for _, number in kept])


def without_too_long(records: Records) -> Records:
    """Put aside what is longer than LONGEST."""
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


def _refuse_other_text(file: ProjectFile, block: bytes) -> None:
    """Raise SourceError where a file begins as text that would not be taken apart as it is meant."""
    if block.startswith(_UTF_16) or b"\0" in block[:_UNIT]:
        raise SourceError(f"{file}: it is UTF-16 or UTF-32, or no text. Export it as UTF-8.")
    if b"\n" not in block and b"\r" in block.rstrip(b"\r"):
        name = shlex.quote(str(file))
        tr, tool = "tr '\\r' '\\n'", COMPRESSIONS.get(file.path.suffix.lower())
        command = f"{tool} -dc {name} | {tr} | {tool} > lines.tmp" if tool else f"{tr} < {name} > lines.tmp"
        raise SourceError(
            f"{file}: its lines end in CR alone, so that it would be one long line. End them in LF or CRLF: "
            f"{command} && mv lines.tmp {name}"
        )


def _blocks(file: ProjectFile) -> Iterator[bytes]:
    """Give a file's content in blocks, decompressed where its name says so.

    Raises:
        SourceError: it cannot be opened, or is cut off or damaged.
    """
    compression = COMPRESSIONS.get(file.path.suffix.lower())
    refuse_other_kind(file, compression or "")
    try:
        with pa.OSFile(str(file.path)) as opened:
            if compression and not opened.size():
                raise SourceError(f"{file}: it is empty, which no {compression} file is; export it again.")
            with pa.CompressedInputStream(opened, compression) if compression else opened as stream:
                while block := stream.read(BLOCK):
                    yield block
    except OSError as error:
        raise SourceError(f"{file}: it cannot be read: {why(error)}. Is it whole? Export it again.") from error
