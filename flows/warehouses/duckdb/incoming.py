"""Put the rows of a query or of a source into a table of DuckDB."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import duckdb

from flows.warehouses.duckdb.queries import translate_query
from flows.warehouses.interface import Query

if TYPE_CHECKING:
    from collections.abc import Generator

    import pyarrow as pa

    from flows.warehouses.duckdb.target import Target

_BATCHES = '"incoming-rows"'


def insert(target: Target, into: str, rows: Query | Generator[pa.RecordBatch]) -> tuple[int, int | None]:
    """Insert rows into a table; return how many, and how many bytes where they come from a source."""
    if isinstance(rows, Query):
        return insert_from(target, into, f"({translate_query(rows)})"), None
    return _insert_batches(target, into, rows)


def insert_from(target: Target, into: str, relation: str) -> int:
    """Insert the rows of what may stand in a FROM clause."""
    return target.run(f'INSERT INTO {into} ({target.columns}) SELECT {target.columns} FROM {relation} AS "new-row"')


def _insert_batches(target: Target, into: str, batches: Generator[pa.RecordBatch]) -> tuple[int, int]:
    import pyarrow as pa  # noqa: PLC0415 - slow to import, and a derived table has no batches

    counted = _Counted(batches)
    given = counted.batches()
    first = next(given, None)
    if first is None:
        return 0, 0
    target.connection.register(
        _BATCHES.strip('"'), pa.RecordBatchReader.from_batches(first.schema, chain([first], given))
    )
    try:
        written = insert_from(target, into, _BATCHES)
    except duckdb.Error as error:
        # An error of the source, and what stops the process, come through Arrow as one of DuckDB's.
        if counted.failure is not None:
            raise counted.failure from error
        raise
    finally:
        # What is not read to its end holds a connection for as long as the error leads back to it.
        given.close()
        batches.close()
    target.connection.unregister(_BATCHES.strip('"'))
    return written, counted.bytes


class _Counted:
    """Batches of a source, the bytes that they had, and the error with which they ended."""

    def __init__(self, source: Generator[pa.RecordBatch]) -> None:
        self.source = source
        self.bytes = 0
        self.failure: BaseException | None = None

    def batches(self) -> Generator[pa.RecordBatch]:
        """Give the batches."""
        try:
            for batch in self.source:
                self.bytes += batch.nbytes
                yield batch
        except GeneratorExit:  # nobody reads on, for a reason that is told elsewhere
            raise
        except BaseException as error:
            self.failure = error
            raise
