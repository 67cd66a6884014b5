"""A stage: extracts as folders of files, each with a manifest, which is written last.

Folders are named `<table>/<random>`; of two extracts of one key the newer holds. What a run has loaded it takes away
again; what nobody came back for goes with the first run that finds it older than `KEPT`.
"""

from __future__ import annotations

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from flows.extracts.folder import md5_of
from flows.extracts.manifest import KEPT, ExtractFile, Manifest
from flows.extracts.parquet import has_null_element, written
from flows.model.bad_row import BadRow
from flows.model.errors import ConflictError, WarehouseError
from flows.model.window import SKEW, Window

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator
    from pathlib import Path

    from flows.extracts.parquet import Written
    from flows.extracts.store import Store

_MANIFEST = "manifest.json"
_BAD_ROWS = "bad-rows.json"
_BATCH_ROWS = 65_536


@dataclass(frozen=True, slots=True)
class Files:
    """The files of an extract, and what the rows in them need to be known by."""

    files: tuple[ExtractFile, ...] = ()
    memory: int = 0
    """Bytes that the rows had in memory."""
    null_elements: tuple[str, ...] = ()
    """Columns with an array that has NULL in it."""

    @property
    def rows(self) -> int:
        """Rows of all files."""
        return sum(file.rows for file in self.files)


class Stage:
    """Extracts in a folder or a bucket.

    Args:
        store: where their files are.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def folder(self, table: str) -> str:
        """Return a folder for a new extract."""
        return f"{table}/{uuid4().hex}"

    def write(self, folder: str, batches: Iterator[pa.RecordBatch]) -> Files:
        """Write rows to files of a folder; of one that is full its successor is written while it is put away."""
        nulls: Counter[str] = Counter()
        memory = 0
        found: list[ExtractFile] = []
        with self._store.desk(folder) as desk, ThreadPoolExecutor(1) as porter:
            carried = None
            for file in written(desk, _looked_at(batches, nulls)):
                if carried is not None:
                    found.append(carried.result())
                carried = porter.submit(self._put, folder, file)
                memory += file.memory
            if carried is not None:
                found.append(carried.result())
        return Files(tuple(found), memory, tuple(sorted(nulls)))

    def keep(self, manifest: Manifest, bad: Iterable[BadRow]) -> None:
        """Let the files of a folder be an extract; where there was one of the same key, it holds no longer."""
        lines = [
            [
                row.place,
                row.reason,
                row.raw,
                *((row.window.start.isoformat(), row.window.end.isoformat()) if row.window else ()),
            ]
            for row in bad
        ]
        if lines:
            self._store.write(f"{manifest.folder}/{_BAD_ROWS}", json.dumps(lines).encode())
        self._store.write(f"{manifest.folder}/{_MANIFEST}", manifest.model_dump_json(indent=1).encode())

    def kept(self, table: str, now: datetime) -> list[Manifest]:
        """Return the extracts of a table, the newest last; what has waited too long is removed.

        So is what a clock that was ahead has read: of windows that it took for over, whatever is still to come lacks.

        Args:
            table: its identity.
            now: by the warehouse's clock.
        """
        newest: dict[str, datetime] = {}
        whole: list[str] = []
        for name, at in self._store.files(table):
            folder = name.rpartition("/")[0]
            newest[folder] = max(at, newest.get(folder, at))
            if name.endswith(f"/{_MANIFEST}"):
                whole.append(name)
        for folder, at in newest.items():
            if at < datetime.now(UTC) - KEPT:
                self.remove(folder)
        found = [manifest for name in whole if (manifest := self._manifest(name)) is not None]
        for manifest in found:
            if manifest.read_at > now + SKEW:
                self.remove(manifest.folder)
        return sorted((one for one in found if now - KEPT < one.read_at <= now), key=lambda one: one.read_at)

    def holds(self, manifest: Manifest) -> bool:
        """Say whether the files of an extract are there as they were written."""
        return all(map(self._store.holds, manifest.files))

    def extract(self, manifest: Manifest) -> Extract:
        """Return the extract of which a manifest tells."""
        return Extract(manifest, self._store)

    def remove(self, folder: str) -> None:
        """Let go of an extract; where that cannot be done now, it goes when it has waited too long."""
        with suppress(WarehouseError):
            self._store.remove(folder)

    def _put(self, folder: str, file: Written) -> ExtractFile:
        name = f"{folder}/{file.path.name}"
        found = ExtractFile(name=name, rows=file.rows, bytes=file.path.stat().st_size, md5=md5_of(file.path))
        self._store.put(file.path, name)
        return found

    def _manifest(self, name: str) -> Manifest | None:
        """Return a manifest; None where it is gone, or one of another version of the project."""
        content = self._store.read(name)
        if content is not None:
            with suppress(ValidationError):
                return Manifest.model_validate_json(content)
        return None


@dataclass(frozen=True, eq=False)
class Extract:
    """The rows of one window, in files."""

    manifest: Manifest
    store: Store

    @property
    def places(self) -> list[Path | str]:
        """Where a warehouse finds its files: paths, or URIs of objects."""
        return [self.store.place(file.name) for file in self.manifest.files]

    def batches(self) -> Generator[pa.RecordBatch]:
        """Give the rows as the source gave them."""
        for file in self.manifest.files:
            try:
                with self.store.open(file.name) as opened, pq.ParquetFile(opened) as parquet:
                    yield from parquet.iter_batches(_BATCH_ROWS)
            except FileNotFoundError:
                raise self._gone() from None

    def bad_rows(self) -> list[BadRow]:
        """Return the rows of the source that the table cannot hold."""
        content = self.store.read(f"{self.manifest.folder}/{_BAD_ROWS}") if self.manifest.bad_rows else b"[]"
        if content is None:
            raise self._gone()
        return [
            BadRow(place, reason, raw, Window(*map(datetime.fromisoformat, span)) if span else None)
            for place, reason, raw, *span in json.loads(content)
        ]

    def _gone(self) -> ConflictError:
        return ConflictError(f"{self.manifest.table}: another run has taken its extract away. Start it again.")


def _bounds(window: Window | None) -> list[str]:
    return [window.start.isoformat(), window.end.isoformat()] if window else []


def _looked_at(batches: Iterator[pa.RecordBatch], nulls: Counter[str]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        nulls.update(
            name for name, column in zip(batch.schema.names, batch.columns, strict=True) if has_null_element(column)
        )
        yield batch
