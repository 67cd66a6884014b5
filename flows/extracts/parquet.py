"""Batches of rows as Parquet files that are bounded by size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILE_BYTES = 128 << 20
"""How large a file grows before another begins: an upload that breaks costs no more than that."""

_READ_ONCE: dict[str, bool] = {"use_dictionary": False, "write_statistics": False}
"""Dictionaries and statistics help those who look for some rows in a file. These are read once and whole, and without
them they are written in 40 % of the time, and are smaller."""


@dataclass(frozen=True, slots=True)
class Written:
    """A file that was written."""

    path: Path
    rows: int
    memory: int
    """Bytes that the rows had in memory."""


def written(folder: Path, batches: Iterator[pa.RecordBatch]) -> Iterator[Written]:
    """Write batches to files and give each when it is large enough."""
    batch = next(batches, None)
    place = 0
    while batch is not None:
        path, rows, memory = folder / f"{place:05}.parquet", 0, 0
        with path.open("wb") as file, pq.ParquetWriter(file, batch.schema, **_READ_ONCE) as writer:
            while batch is not None and file.tell() < FILE_BYTES:
                writer.write_batch(batch)
                rows += batch.num_rows
                memory += batch.nbytes
                batch = next(batches, None)
        yield Written(path, rows, memory)
        place += 1


def has_null_element(values: pa.Array) -> bool:
    """Say whether an array has NULL in it, at any depth."""
    if pa.types.is_list(values.type):
        elements = values.flatten()
        return elements.null_count > 0 or has_null_element(elements)
    if pa.types.is_struct(values.type):
        return any(has_null_element(field) for field in values.flatten())
    return False
