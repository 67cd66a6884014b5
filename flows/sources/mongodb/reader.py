"""Core tables from MongoDB: the documents of one window, exact, as Arrow batches."""

from __future__ import annotations

from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from flows.model.errors import SourceError, SourceUnavailableError
from flows.model.source_spec import MongodbSource
from flows.sources.connections import unproven
from flows.sources.mongodb.bson_columns import Converter
from flows.sources.mongodb.bson_walk import document_edges
from flows.sources.mongodb.in_order import ORDER, begins_in_order, behind, position_of
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


@dataclass(frozen=True, slots=True)
class _Reading:
    """What is read of a collection."""

    window: Window | None
    rest: tuple[dict[str, Any], ...] = ({},)
    """What is left of the window, as filters of which each finds another part of it."""
    in_order: bool = False
    """Whether it is read in the order of `_id`."""


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
        with self._client(table.identity) as client:
            yield from self._alongside(client, table, _Reading(window))

    def copy(self, table: Table, window: Window, after: str | None) -> Iterator[Batch]:
        """Give the documents of a first copy, with positions where the table's key is their `_id`.

        Raises as `read` does, and where the source has lost the order of the position.
        """
        source = _source(table)
        with self._client(table.identity) as client:
            database = client[self._settings.database]
            if after is not None:
                reading = _Reading(window, tuple(behind(database, table, source, after)), in_order=True)
            else:
                reading = _Reading(window, in_order=begins_in_order(database, table, source, window))
            yield from self._alongside(client, table, reading)

    def _alongside(self, client: Client, table: Table, reading: _Reading) -> Generator[Batch]:
        """Give the batches of a reading, which goes on while they are looked at."""
        streams = [partial(self._batches, client, table, reading)]
        with closing(interleave(streams, stop=partial(interrupt, client))) as batches:
            yield from batches

    def _batches(self, client: Client, table: Table, reading: _Reading) -> Generator[Batch]:
        """Give what the server sends, converted."""
        with translated(self._settings, table.identity):
            converter = Converter(table)
            for data in self._sent(client, table, reading):
                begin = document_edges(data)
                for start in range(0, len(begin) - 1, DOCUMENTS):
                    some = begin[start : start + DOCUMENTS + 1]
                    batch = converter.batch(data[some[0] : some[-1]], [place - some[0] for place in some])
                    yield replace(batch, position=position_of(data[some[-2] : some[-1]])) if reading.in_order else batch

    def _sent(self, client: Client, table: Table, reading: _Reading) -> Iterator[bytes]:
        """Give the documents of a reading, many at once, as the server sends them. Raises the driver's errors."""
        source, database = _source(table), client[self._settings.database]
        limit = self._settings.statement_timeout * 1000
        inside, order = condition(table, source, reading.window), ORDER if reading.in_order else None
        empty = True
        for rest in reading.rest:
            found = {"$and": [inside, rest]} if rest else inside
            collection = database[source.collection]
            with collection.find_raw_batches(found, sort=order, hint=order, max_time_ms=limit) as cursor:
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
