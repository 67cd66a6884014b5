"""Reach a MongoDB database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.model.errors import SourceError, SourceUnavailableError

if TYPE_CHECKING:
    from flows.sources.connections import MongodbConnection


def ping(settings: MongodbConnection) -> str:
    """Connect, count the collections that can be seen, and say what was reached.

    Raises SourceError with what to change, or SourceUnavailableError where trying again may help.
    """
    from pymongo import MongoClient  # noqa: PLC0415 - the driver is slow to import
    from pymongo.errors import ConnectionFailure, PyMongoError  # noqa: PLC0415

    try:
        with MongoClient[dict[str, object]](settings.uri.get_secret_value(), serverSelectionTimeoutMS=10_000) as client:
            version = client.server_info()["version"]
            seen = len(client[settings.database].list_collection_names())
    except ConnectionFailure as error:
        raise SourceUnavailableError(_cannot(settings.database, error)) from None
    except (PyMongoError, ValueError) as error:
        raise SourceError(_cannot(settings.database, error)) from None
    return f"Connected to MongoDB {version}: {seen} collections in '{settings.database}'."


def _cannot(database: str, error: Exception) -> str:
    return f"cannot reach the MongoDB database '{database}': {error}"
