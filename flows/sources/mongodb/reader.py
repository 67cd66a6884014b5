"""Core tables from MongoDB: the documents of one window, exact, as Arrow batches."""

from __future__ import annotations

from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from flows.model.errors import SourceError, SourceUnavailableError
from flows.model.source_spec import MongodbSource
from flows.sources.connections import unproven
from flows.sources.mongodb.bson_columns import Converter
from flows.sources.mongodb.bson_walk import document_edges
from flows.sources.mongodb.inspection import inspection, require
from flows.sources.mongodb.session import interrupt, opened, slots, translated
from flows.sources.mongodb.window import condition
from flows.sources.parallel import interleave

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from flows.model.table import Table
    from flows.model.window import Window
    from flows.sources.connections import MongodbConnection
    from flows.sources.interface import Batch, Inspection
    from flows.sources.mongodb.session import Client

DOCUMENTS = 16384
"""Documents that are converted at once."""


class MongodbReader:
    """A Source over one MongoDB database."""

    def __init__(self, settings: MongodbConnection) -> None:
        self._settings = settings

    def now(self) -> datetime:
        """Connect and return the server's clock. Raises SourceError, or SourceUnavailableError."""
        with self._client("") as client:
            clock = client.admin.command("hello").get("localTime")
        if not isinstance(clock, datetime):
            raise SourceError(f"The server gives {str(clock)[:100]!r} as its clock, which is no time.")
        return clock.replace(tzinfo=UTC)

    def inspect(self, table: Table) -> Inspection:
        """Say which fields the table leaves out, by a sample, and what makes reading it slow or incomplete.

        Raises SourceError where there is no such collection, or SourceUnavailableError.
        """
        with self._client(table.identity) as client:
            found = inspection(client[self._settings.database], table, _source(table))
        return replace(found, warnings=unproven(self._settings) + found.warnings)

    def read(self, table: Table, window: Window | None) -> Iterator[Batch]:
        """Give the documents whose cursor lies in the window; all documents without one.

        For a table that is merged also those in the `overlap` before the window, which may have been written late.
        A document without the cursor, or with a cursor of another type, belongs to no window.

        Raises SourceError, or SourceUnavailableError where trying again may help.
        """
        source = _source(table)
        with self._client(table.identity) as client:
            streams = [partial(self._batches, client, table, condition(table, source, window))]
            with closing(interleave(streams, stop=partial(interrupt, client))) as batches:
                yield from batches

    def copy(self, table: Table, window: Window, after: str | None) -> Iterator[Batch]:  # noqa: ARG002 - none is given
        """Give the documents of a first copy in one reading: their order on the disk is no place to go on from."""
        return self.read(table, window)

    def _batches(self, client: Client, table: Table, found: dict[str, Any]) -> Generator[Batch]:
        """Give what the server sends, converted."""
        with translated(self._settings, table.identity):
            converter = Converter(table)
            for data in self._sent(client, table, found):
                begin = document_edges(data)
                for start in range(0, len(begin) - 1, DOCUMENTS):
                    some = begin[start : start + DOCUMENTS + 1]
                    yield converter.batch(data[some[0] : some[-1]], [place - some[0] for place in some])

    def _sent(self, client: Client, table: Table, found: dict[str, Any]) -> Iterator[bytes]:
        """Give the documents that match, many at once, as the server sends them. Raises the driver's errors."""
        source, database = _source(table), client[self._settings.database]
        limit = self._settings.statement_timeout * 1000
        empty = True
        with database[source.collection].find_raw_batches(found, max_time_ms=limit) as cursor:
            for sent in cursor:
                data = cast("bytes", sent)
                empty = empty and not data
                yield data
            # A cursor that broke ends like one that was read to its end.
            if cursor.cursor_id != 0:
                raise SourceUnavailableError(f"{table.identity}: the server's cursor ended before its end.")
        if empty:
            require(database, table, source)

    @contextmanager
    def _client(self, subject: str) -> Iterator[Client]:
        """Wait for a reading that this process may do, and connect."""
        with slots(self._settings), opened(self._settings) as client, translated(self._settings, subject):
            yield client


def _source(table: Table) -> MongodbSource:
    if not isinstance(table.source, MongodbSource):
        raise SourceError(f"{table.identity} is not copied from MongoDB: its source.kind is not mongodb.")
    return table.source
