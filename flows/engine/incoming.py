"""Rows of a source, the first of which are there before the warehouse takes them."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from flows.extracts.stage import Extract
    from flows.warehouses.interface import Query

Rows: TypeAlias = "Query | Extract | Generator[pa.RecordBatch]"


@contextmanager
def begun(rows: Rows) -> Iterator[Rows]:
    """Give rows; those of a source once it has given the first of them.

    It may do so only when another table is copied, whose first copy has all connections; and that one waits at a commit
    for whoever works on the warehouse's file, where it lets others have it.
    """
    if not isinstance(rows, Generator):
        yield rows
        return
    with closing(rows):
        yield _followed(next(rows, None), rows)


def _followed(first: pa.RecordBatch | None, rest: Generator[pa.RecordBatch]) -> Generator[pa.RecordBatch]:
    if first is not None:
        yield first
    yield from rest
