"""The times of old Parquet files: 96 bits with nanoseconds, of which reading as microseconds loses the last digits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from collections.abc import Collection

    from flows.sources.files.file import ProjectFile

NANOSECONDS = 1000
"""Of a microsecond."""


def too_fine(file: ProjectFile, opened: pq.ParquetFile, columns: Collection[str]) -> dict[str, frozenset[int]]:
    """Return the rows, from 1, of which microseconds do not hold all digits, by column of the first level.

    Args:
        file: the file.
        opened: the same, opened so that it gives microseconds.
        columns: what is read of it.
    """
    leaves = [opened.schema.column(index) for index in range(len(opened.schema))]
    old = {leaf.path.split(".")[0] for leaf in leaves if leaf.physical_type == "INT96"}
    found: dict[str, frozenset[int]] = {}
    if not old.intersection(columns):
        return found
    with pq.ParquetFile(file.path, pre_buffer=False, coerce_int96_timestamp_unit="ns") as exact:
        for name in sorted(old.intersection(columns)):
            rows: set[int] = set()
            before = 1
            for group in range(opened.num_row_groups):
                rounded = _read(opened, group, name)
                rows.update(before + row for row in _differing(rounded, _read(exact, group, name)))
                before += len(rounded)
            if rows:
                found[name] = frozenset(rows)
    return found


def _read(file: pq.ParquetFile, group: int, name: str) -> pa.Array:
    chunks = file.read_row_group(group, columns=[name], use_threads=False).column(0).chunks
    return pa.concat_arrays(chunks)


def _differing(rounded: pa.Array, exact: pa.Array) -> set[int]:
    """Return the rows in which a time has more digits than microseconds hold."""
    if pa.types.is_struct(rounded.type):
        pairs = zip(rounded.flatten(), exact.flatten(), strict=True)
        return {row for pair in pairs for row in _differing(*pair)}
    if pa.types.is_list(rounded.type):
        parents = pc.list_parent_indices(rounded)
        return {parents[row].as_py() for row in _differing(rounded.flatten(), exact.flatten())}
    if not pa.types.is_timestamp(rounded.type) or exact.type == rounded.type:
        return set()
    # What wraps around beyond 64 bits does so in both terms, and what is left of their difference is right.
    left = pc.subtract(exact.cast(pa.int64()), pc.multiply(rounded.cast(pa.int64()), NANOSECONDS))
    return set(pc.indices_nonzero(pc.fill_null(pc.not_equal(left, 0), fill_value=False)).to_pylist())
