"""What the tests of exports share: tables over files, written and read."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import zstandard

from flows.model.table import Table
from flows.model.window import Window, utc
from flows.sources.files.reader import FilesReader
from flows.sources.interface import arrow_schema

if TYPE_CHECKING:
    from pathlib import Path

    from flows.model.bad_row import BadRow
    from flows.sources.interface import Batch

FEBRUARY = Window(utc("2026-02-01"), utc("2026-03-01"))
MOMENT = datetime(2026, 1, 31, 13, 5, 0, 123456, tzinfo=UTC)
OID = "697e98b25ee0c0ffee008077"


def table(path: str, columns: dict[str, Any], *, cursor: str | None = None, key: tuple[str, ...] = ()) -> Table:
    """Return a core table over files. A column's value is its type, or its type and where it comes from."""
    fields = []
    for name, given in columns.items():
        type_, source = given if isinstance(given, tuple) else (given, None)
        fields.append({"name": name, "type": type_} | ({"from": source} if source else {}))
    return Table(
        dataset="core",
        name="things",
        description="Things",
        owner="team@example.com",
        schedule="0 * * * *",
        window={"size": "1 day", "start": "2026-01-01"} if cursor else None,
        strategy="merge" if key else "replace",
        columns=tuple(fields),
        source={"kind": "files", "path": path, "cursor": cursor},
        **({"key": key} if key else {}),
    )


def batches(root: Path, of: Table, window: Window | None = None) -> list[Batch]:
    """Return what a read gives, after a look at its schema."""
    found = list(FilesReader(root).read(of, window))
    for batch in found:
        batch.rows.validate(full=True)
        assert batch.rows.schema == arrow_schema(of)
    return found


def rows(root: Path, of: Table, window: Window | None = None) -> list[dict[str, Any]]:
    """Return the rows of a read, none of which is bad."""
    found = batches(root, of, window)
    assert [row for batch in found for row in batch.bad] == []
    return [row for batch in found for row in batch.rows.to_pylist()]


def bad(root: Path, of: Table, window: Window | None = None) -> list[BadRow]:
    """Return the bad rows of a read."""
    return [row for batch in batches(root, of, window) for row in batch.bad]


def write(path: Path, text: str | bytes) -> None:
    """Write a file, compressed where its name says so."""
    data = text.encode() if isinstance(text, str) else text
    if path.suffix == ".gz":
        data = gzip.compress(data)
    if path.suffix == ".zst":
        data = zstandard.ZstdCompressor().compress(data)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
