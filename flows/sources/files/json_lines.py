"""Documents of JSON Lines."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import orjson

from flows.model.paths import steps
from flows.sources.files.chunk import shown
from flows.sources.files.kinds import refuse_no_documents
from flows.sources.files.lines import Records, lines_of, not_empty, without_too_long
from flows.sources.values.documents import DigitsLostError, Documents, is_beyond, parse_exactly
from flows.sources.values.texts import shown as as_shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from flows.model.types import Type
    from flows.sources.files.chunk import Broken
    from flows.sources.files.file import ProjectFile
    from flows.sources.values.column_values import ColumnValues

DOCUMENTS = 1024
"""Lines of JSON that are parsed at once."""
_COLON = re.compile(rb"\\u003[aA]")
"""A colon of a text that is written as an escape."""


@dataclass
class JsonChunk:
    """Lines of JSON."""

    texts: Sequence[bytes]
    documents: Documents
    lines: Sequence[int]
    broken: Sequence[Broken] = ()
    last: int = 0

    def column(self, path: str, type_: Type) -> ColumnValues:
        """Return the values that stand at a path, of every row."""
        try:
            return self.documents.column(path, type_)
        except DigitsLostError:
            self.documents = Documents([parse_exactly(text) for text in self.texts], digits=True)
            return self.documents.column(path, type_)

    def has(self, path: str) -> bool:
        """Say whether any document has something at a path, be it null."""
        return any(_has(document, steps(path)) for document in self.documents.rows)

    def take(self, rows: Sequence[int]) -> JsonChunk:
        """Return only these rows, and nothing of what is broken."""
        documents = replace(self.documents, rows=[self.documents.rows[row] for row in rows])
        return JsonChunk([self.texts[row] for row in rows], documents, [self.lines[row] for row in rows])

    def raw(self, row: int) -> str:
        """Return a row as it stands in the file."""
        return self.texts[row].decode(errors="replace")


def _has(document: dict[str, Any], names: Sequence[str]) -> bool:
    found: Any = document
    for name in names:
        if not isinstance(found, dict) or name not in found:
            return False
        found = found[name]
    return True


def read_json(file: ProjectFile, _: Iterable[str], after: int) -> Iterator[JsonChunk]:
    """Give the documents of JSON Lines that stand after a line. Raises SourceError."""
    first = True
    for records in _lines(file):
        if first and records.texts:
            refuse_no_documents(file, records.texts, records.lines[0])
        first = first and not records.texts
        # Fewer documents at once stay in the processor's cache between being parsed and being read.
        yield from map(_documents, records.behind(after).pieces(DOCUMENTS))


def json_sample(file: ProjectFile) -> list[dict[str, Any]]:
    """Return the first documents of a file. Raises SourceError."""
    return next(([*chunk.documents.rows] for chunk in read_json(file, (), 0)), [])


def _lines(file: ProjectFile) -> Iterator[Records]:
    """Give the lines of a file; empty ones are left out."""
    for line, texts in lines_of(file):
        yield without_too_long(not_empty([text.removesuffix(b"\r") for text in texts], line))


class _TwiceError(ValueError):
    """A document has a name twice: which of the values is meant, only its writer knows."""


def _documents(records: Records) -> JsonChunk:
    broken = [shown(*item) for item in records.broken]
    try:
        documents = [orjson.loads(text) for text in records.texts]
    except orjson.JSONDecodeError:
        documents = [_parsed(text) for text in records.texts]
    if set(map(type, documents)) <= {dict} and _have_names_once(b"".join(records.texts), documents):
        return JsonChunk(records.texts, Documents(documents, digits=False), records.lines, broken, records.last)
    good = []
    for index, (document, text, line) in enumerate(zip(documents, records.texts, records.lines, strict=True)):
        if isinstance(document, orjson.JSONDecodeError):
            if text.strip():
                broken.append(shown(line, text, f"it is no JSON: {document}"))
        elif not isinstance(document, dict):
            broken.append(shown(line, text, "it is no document; each line should be an object: {...}"))
        elif (name := _name_that_stands_twice(text, document)) is not None:
            broken.append(shown(line, text, f"a document has the name {as_shown(name)} twice"))
        else:
            good.append(index)
    chunk = JsonChunk(records.texts, Documents(documents, digits=False), records.lines).take(good)
    chunk.broken, chunk.last = broken, records.last
    return chunk


def _have_names_once(text: bytes, documents: Any) -> bool:  # noqa: ANN401 - what a parser made of the text
    """Say whether it is sure that all names of a text are in what a parser made of it: it has as many colons."""
    if b"\\" in text and _COLON.search(text):
        return False
    try:
        return text.count(b":") == orjson.dumps(documents).count(b":")
    except TypeError:  # it is nested deeply
        return False


def _name_that_stands_twice(text: bytes, document: dict[str, Any]) -> str | None:
    """Return a name that a parser met twice in one document, of which it has kept the last value."""
    if _have_names_once(text, document):
        return None
    try:
        json.loads(text, object_pairs_hook=_require_once)
    except _TwiceError as error:
        return str(error)
    except RecursionError:
        pass
    return None


def _require_once(pairs: list[tuple[str, Any]]) -> None:
    """Raise _TwiceError with the first name that stands twice."""
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            raise _TwiceError(name)
        seen.add(name)


def _parsed(text: bytes) -> Any:  # noqa: ANN401 - any JSON, or the error
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        if not is_beyond(error):
            return error
        # It may stand in a column that can hold it, or that nobody reads.
        with suppress(ValueError):
            return parse_exactly(text)
        return error
