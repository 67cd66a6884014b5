"""Documents of JSON Lines."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import orjson

from flows.model.errors import SourceError
from flows.sources.files.chunk import shown
from flows.sources.files.lines import Records, lines_of, not_empty, without_too_long
from flows.sources.values.documents import DigitsLostError, Documents, parse_exactly

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from flows.model.types import Type
    from flows.sources.files.chunk import Broken
    from flows.sources.values.column_values import ColumnValues

DOCUMENTS = 1024
"""Lines of JSON that are parsed at once."""


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


def read_json(path: Path, _: Iterable[str]) -> Iterator[JsonChunk]:
    """Give the documents of JSON Lines. Raises SourceError."""
    first = True
    for records in _lines(path):
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


def json_sample(path: Path) -> list[dict[str, Any]]:
    """Return the first documents of a file. Raises SourceError."""
    return next(([*chunk.documents.rows] for chunk in read_json(path, ())), [])


def _lines(path: Path) -> Iterator[Records]:
    """Give the lines of a file; empty ones are left out."""
    for line, texts in lines_of(path):
        yield without_too_long(not_empty([text.removesuffix(b"\r") for text in texts], line))


def _documents(records: Records) -> JsonChunk:
    broken = [shown(*item) for item in records.broken]
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
                broken.append(shown(line, text, f"it is no JSON: {document}"))
        else:
            broken.append(shown(line, text, "it is no document; each line should be an object: {...}"))
    chunk = JsonChunk(records.texts, Documents(documents, digits=False), records.lines).take(good)
    chunk.broken = broken
    return chunk


def _parsed(text: bytes) -> Any:  # noqa: ANN401 - any JSON, or the error
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        return error
