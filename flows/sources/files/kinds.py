"""What a file holds by how it begins, where that is not what its name says."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from flows.model.errors import SourceError, did_you_mean
from flows.sources.files.file import why

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flows.sources.files.file import ProjectFile

COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}
_EXPORT = "Export it as CSV, JSON Lines or Parquet."
_BEGINNINGS = (
    (re.compile(rb"PAR1"), "Parquet", "Let its name end in .parquet."),
    (re.compile(rb"\x1f\x8b"), "gzip", "Let its name end in .gz."),
    (re.compile(rb"\x28\xb5\x2f\xfd"), "zstd", "Let its name end in .zst."),
    (re.compile(rb"BZh[1-9]1AY&SY"), "bzip2", "Compress it by gzip or zstd."),
    (re.compile(rb"\xfd7zXZ\x00"), "xz", "Compress it by gzip or zstd."),
    (re.compile(rb"PK\x03\x04"), "a zip archive, as those of Excel are,", _EXPORT),
    (re.compile(rb"\xd0\xcf\x11\xe0"), "a file of an old Excel or Word", _EXPORT),
    (re.compile(rb"Obj\x01"), "Avro", _EXPORT),
    (re.compile(rb"SQLite format 3\x00"), "a SQLite database", _EXPORT),
)
_LONGEST = 16
"""Bytes in which it shows."""
_VALUE = re.compile(r"[-+]?(\d[\d.,:/ TZ+-]*|\d*\.?\d+([eE][-+]?\d+)?)|true|false|null|\\N", re.IGNORECASE)
_DIVISIONS = ((";", "semicolons"), ("\t", "tabs"), ("|", "bars"))
_SHOWN = 80
"""Characters of a line that are shown."""


def refuse_other_kind(file: ProjectFile, kind: str, beginning: bytes = b"") -> None:
    """Raise SourceError where a file begins as one of another kind than its name says.

    Args:
        file: the file.
        kind: what its name says, or what it should be once it is decompressed; empty for text.
        beginning: how it begins then; else the file is looked into.
    """
    head = (beginning or _head(file))[:_LONGEST]
    found = next(((name, advice) for pattern, name, advice in _BEGINNINGS if pattern.match(head)), None)
    if found is not None and found[0] != kind:
        raise SourceError(f"{file}: it is {found[0]} by its first bytes, which its name does not say. {found[1]}")
    if kind and head and found is None:
        shown = head.decode(errors="replace")
        raise SourceError(f"{file}: its name says {kind}, and it begins with {shown!r}. Let its name say what it is.")


def refuse_no_header(file: ProjectFile, header: Sequence[str], wanted: Sequence[str]) -> None:
    """Raise SourceError where the first line of CSV, which lacks wanted names, is something else than a header."""
    line = ",".join(header)
    where, shown, names = f"{file}:1", repr(line[:_SHOWN]), ",".join(wanted)
    if line.startswith("{"):
        raise SourceError(f"{where}: {shown} is JSON. Let the file's name end in .jsonl.")
    if line.lower().startswith("sep="):
        raise SourceError(f"{where}: {shown} is a note to Excel. Take the line away.")
    for mark, word in _DIVISIONS:
        fields = {field.strip(" \"'") for field in line.split(mark)}
        if mark in line and (len(header) == 1 or fields & set(wanted)):
            raise SourceError(f"{where}: its fields seem to be divided by {word}: {shown}. Export it with commas.")
    if {name.lower() for name in header} & {name.lower() for name in wanted}:
        return
    above = f"Write a line above it that names the columns in their order, such as {names}"
    value = next((field for field in header if _VALUE.fullmatch(field.strip())), None)
    if value is not None:
        raise SourceError(f"{where}: its first line seems to be no header: it holds {value[:_SHOWN]!r}. {above}")
    if not any(did_you_mean(name, header) for name in wanted):
        raise SourceError(
            f"{where}: its first line, {shown}, names none of the columns {names}. Where the file has other names for "
            f"them, say so: from: <name>. Where it is a row: {above[0].lower()}{above[1:]}"
        )


def refuse_no_documents(file: ProjectFile, texts: Sequence[bytes], line: int) -> None:
    """Raise SourceError where the first lines of JSON Lines are something else."""
    first = texts[0].strip()
    shown = repr(first.decode(errors="replace")[:_SHOWN])
    if first.startswith(b"["):
        raise SourceError(
            f"{file}:{line}: it is one JSON array, which cannot be read piece by piece. "
            "Write one document a line: mongoexport without --jsonArray, or jq -c '.[]'."
        )
    if first == b"{":
        raise SourceError(
            f"{file}:{line}: its documents go over several lines. Write one document a line, as jq -c . does."
        )
    if len(texts) > 1 and not any(text.lstrip().startswith(b"{") for text in texts):
        looks = "looks like CSV: let the file's name end in .csv" if b"," in first else "is none"
        raise SourceError(f"{file}:{line}: each line should be a JSON document, {{...}}, and {shown} {looks}.")


def _head(file: ProjectFile) -> bytes:
    try:
        with file.path.open("rb") as opened:
            return opened.read(_LONGEST)
    except OSError as error:
        raise SourceError(f"{file}: it cannot be read: {why(error)}. Let whoever runs this read it.") from error
