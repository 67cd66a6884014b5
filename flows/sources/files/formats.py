"""The formats of files, by the endings of their names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flows.model.errors import SourceError
from flows.sources.files.csv import csv_names, read_csv
from flows.sources.files.json_lines import json_sample, read_json
from flows.sources.files.kinds import COMPRESSIONS
from flows.sources.files.parquet import parquet_names, read_parquet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from flows.sources.files.chunk import Chunk
    from flows.sources.files.file import ProjectFile


@dataclass(frozen=True, slots=True)
class Format:
    """How files of one format are read."""

    read: Callable[[ProjectFile, Iterable[str], int], Iterator[Chunk]]
    """Gives the rows of a file after a line, from which columns at these paths will be read."""
    names: Callable[[ProjectFile], list[str]] | None = None
    """Gives the names of a file's columns, where the file itself says them."""
    sample: Callable[[ProjectFile], list[dict[str, Any]]] | None = None
    """Gives some of the file's documents, where only they say their names."""


_JSON = Format(read_json, sample=json_sample)
FORMATS = {
    ".jsonl": _JSON,
    ".ndjson": _JSON,
    ".json": _JSON,
    ".csv": Format(read_csv, names=csv_names),
    ".parquet": Format(read_parquet, names=parquet_names),
}


def format_of(file: ProjectFile) -> Format:
    """Return the format of a file. Raises SourceError where its name does not say it."""
    name = file.path.name.lower()
    for ending in ("", *COMPRESSIONS):
        for known, format_ in FORMATS.items():
            if name.endswith(known + ending) and not (ending and known == ".parquet"):
                return format_
    raise SourceError(
        f"{file}: its name does not say what it holds. It should end in {', '.join(FORMATS)}, "
        f"and all but .parquet may be followed by {' or '.join(COMPRESSIONS)}."
    )
