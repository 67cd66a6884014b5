"""What there is to say of a collection before it is read: whether it exists, its indexes, and fields left out."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

from pymongo.errors import ExecutionTimeout, OperationFailure

from flows.model.errors import SourceError, did_you_mean
from flows.sources.interface import Inspection
from flows.sources.mongodb.bson_values import document
from flows.sources.mongodb.bson_walk import split
from flows.sources.mongodb.window import cursor_path, is_object_id
from flows.sources.values.columns import WHOLE
from flows.sources.values.texts import BadValue

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pymongo.database import Database

    from flows.model.source_spec import MongodbSource
    from flows.model.table import Table

SAMPLE = 100
"""Documents that are looked at for fields that the table's file does not name."""
_LOOK_MILLISECONDS = 2000
_RANGES = (1, -1)
_NO_LISTING = {13, 166}
"""The user may not list indexes, or it is a view, which has none."""


def require(database: Database[dict[str, Any]], table: Table, source: MongodbSource) -> None:
    """Raise SourceError where there is no such collection, naming one of a similar name; and the driver's errors."""
    try:
        known = database.list_collection_names(authorizedCollections=True)
    except OperationFailure as error:
        if error.code in _NO_LISTING:
            return
        raise
    if source.collection not in known:
        raise SourceError(
            f"{table.identity}: MongoDB database '{database.name}' has no collection '{source.collection}'."
            f"{did_you_mean(source.collection, known)} Mend source.collection in the table's file, or grant the "
            "connection's user the role read."
        )


def inspection(database: Database[dict[str, Any]], table: Table, source: MongodbSource) -> Inspection:
    """Return what there is to say of a collection. Raises SourceError and the driver's errors."""
    require(database, table, source)
    sample: list[dict[str, Any]] = []
    for batch in database[source.collection].find_raw_batches({}, limit=SAMPLE, batch_size=SAMPLE):
        with suppress(BadValue):
            sample.extend(map(document, split(cast("bytes", batch))))
    paths = [column.source_path or column.name for column in table.columns]
    read = {path.split(".")[0] for path in paths}
    seen = dict.fromkeys(name for fields in sample for name in fields)
    unread = () if WHOLE in paths else tuple(name for name in seen if name not in read and name != "_id")
    warnings = [*_never_seen(sample, paths, unread), *_cursor(database, table, source)]
    return Inspection(unread, tuple(warnings))


def _never_seen(sample: list[dict[str, Any]], paths: Iterable[str], unread: Iterable[str]) -> list[str]:
    """Name the paths at which no document has anything, which are perhaps misspelt or renamed."""
    return [
        f"None of the first {len(sample)} documents has a field '{path}', which would be NULL in each."
        + did_you_mean(path, unread)
        for path in paths
        if sample and path != WHOLE and not any(_has(fields, path.split(".")) for fields in sample)
    ]


def _has(value: object, steps: list[str]) -> bool:
    for step in steps:
        if not isinstance(value, dict) or step not in value:
            return False
        value = value[step]
    return True


def _member(collection: str) -> str:
    return f".{collection}" if collection.isidentifier() else f".getCollection({json.dumps(collection)})"


def _key(path: str) -> str:
    return path if path.isidentifier() else json.dumps(path)


def _cursor(database: Database[dict[str, Any]], table: Table, source: MongodbSource) -> list[str]:
    path = cursor_path(table, source)
    if path is None:
        return []
    name = f"{database.name}.{source.collection}"
    if path != "_id":
        try:
            indexes = database[source.collection].index_information().values()
        except OperationFailure as error:
            if error.code in _NO_LISTING:
                return []
            raise
        # One of some documents only may not be used.
        if not any(
            index["key"][0][0] == path and index["key"][0][1] in _RANGES and "partialFilterExpression" not in index
            for index in indexes
        ):
            create = f"db{_member(source.collection)}.createIndex({{{_key(path)}: 1}})"
            text = f"{name} has no index that begins with {path}, so that every window reads the whole collection."
            return [f"{text} Create one: {create}"]
    kind = "objectId" if is_object_id(table, source) else "date"
    try:
        other = database[source.collection].find_one(
            {path: {"$not": {"$type": kind}}}, {"_id": 1}, max_time_ms=_LOOK_MILLISECONDS
        )
    except ExecutionTimeout:
        return []
    if other is None:
        return []
    text = f"{name} has documents whose {path} is no {kind}, such as _id={other['_id']}"
    return [f"{text}: they belong to no window and are left out. Give each a {kind}."]
