"""The newest documents of a collection, from which the first version of a core table's file is made."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from bson.codec_options import CodecOptions, DatetimeConversion
from pymongo.errors import OperationFailure

from flows.model.errors import SourceError, did_you_mean
from flows.sources.mongodb.new import propose
from flows.sources.mongodb.session import opened, slots, translated
from flows.sources.mongodb.window import within_the_calendar
from flows.sources.new_table import FEW, TakesLongError

if TYPE_CHECKING:
    from flows.sources.connections import MongodbConnection
    from flows.sources.new_table import NewTable

SAMPLE = 1_000
"""How many of the newest documents are looked at."""
_LOOK_SECONDS = 5
"""How long the least value of a cursor is looked for."""
_TOO_MUCH = {50, 96, 292}
"""The time limit, and what servers say of a sort that needs an index."""
_OWN_DATABASES = {"admin", "config", "local"}


def sample(settings: MongodbConnection, connection: str, collection: str) -> NewTable:
    """Return a core table over a collection, by its newest documents.

    Raises SourceError where there is no such collection or it is empty, or SourceUnavailableError.
    """
    codec: CodecOptions[dict[str, Any]] = CodecOptions(
        tz_aware=True, tzinfo=UTC, datetime_conversion=DatetimeConversion.DATETIME_AUTO
    )
    if settings.database in _OWN_DATABASES or collection.startswith("system."):
        raise SourceError(f"'{collection}' in '{settings.database}' is the server's own, and no table to copy.")
    with slots(settings), opened(settings) as client, translated(settings, collection):
        database = client[settings.database]
        known = database.list_collection_names(authorizedCollections=True)
        if collection not in known:
            near = did_you_mean(collection, known)
            raise SourceError(f"the MongoDB database '{settings.database}' has no collection '{collection}'.{near}")
        found = database.get_collection(collection, codec)
        if found.find_one({}, {"_id": 1}) is None:
            raise SourceError(f"the collection '{collection}' is empty: there is nothing to make a proposal from.")

        indexed = {index["key"][0][0] for index in found.index_information().values()}

        def oldest(path: str) -> datetime | None:
            if path not in indexed and found.estimated_document_count() > FEW:
                raise TakesLongError
            try:
                least = found.find_one(
                    {path: within_the_calendar()}, {path: 1}, sort=[(path, 1)], max_time_ms=_LOOK_SECONDS * 1000
                )
            except OperationFailure as error:  # the time limit, or too much to be sorted without an index
                if error.code in _TOO_MUCH:
                    raise TakesLongError from None
                raise
            for step in path.split("."):
                least = least.get(step) if isinstance(least, dict) else None
            return least if isinstance(least, datetime) else None

        newest = found.find(sort=[("_id", -1)], limit=SAMPLE)
        return propose(newest, connection, collection, indexed=indexed, oldest=oldest)
