"""What there is to say of a collection before it is read: whether it exists, its indexes, fields and cursors."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

from pymongo.errors import ExecutionTimeout, OperationFailure

from flows.model.errors import SourceError, did_you_mean
from flows.sources.fields import named
from flows.sources.interface import Inspection
from flows.sources.mongodb.bson_values import document
from flows.sources.mongodb.bson_walk import split
from flows.sources.mongodb.left_out import left_out
from flows.sources.mongodb.window import can_be_asked_for, cursor_path
from flows.sources.values.texts import BadValue

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pymongo.database import Database

    from flows.model.source_spec import MongodbSource
    from flows.model.table import Table
    from flows.sources.fields import Absent

SAMPLE = 100
"""Documents whose names are compared with those of the table's file."""
_LOOK_SECONDS = 5
"""How long the whole collection is looked through for names that the sample does not have."""
_RANGES = (1, -1)
NO_LISTING = {13, 166}
"""The user may not list collections or indexes, or it is a view, which has none."""


def require(database: Database[dict[str, Any]], table: Table, source: MongodbSource) -> None:
    """Raise SourceError where there is no such collection, naming one of a similar name; and the driver's errors."""
    try:
        known = database.list_collection_names(authorizedCollections=True)
    except OperationFailure as error:
        if error.code in NO_LISTING:
            return
        raise
    if source.collection not in known:
        raise SourceError(
            f"{table.identity}: MongoDB database '{database.name}' has no collection '{source.collection}'."
            f"{did_you_mean(source.collection, known)} Mend source.collection in the table's file, or grant the "
            "connection's user the role read."
        )


def inspection(database: Database[dict[str, Any]], table: Table, source: MongodbSource) -> Inspection:
    """Return what there is to say of a collection.

    Raises SourceError where there is no such collection, or none of its documents has a field that the table's file
    names; and the driver's errors.
    """
    require(database, table, source)
    sample: list[dict[str, Any]] = []
    for batch in database[source.collection].find_raw_batches({}, limit=SAMPLE, batch_size=SAMPLE):
        with suppress(BadValue):
            sample.extend(map(document, split(cast("bytes", batch))))
    absent, unread = named(table).compare(sample)
    warnings = [*_never_seen(database, table, source, absent), *_index(database, table, source)]
    warnings += left_out(database, table, source)
    return Inspection(tuple(name for name in unread if name != "_id"), tuple(warnings))


def _never_seen(
    database: Database[dict[str, Any]], table: Table, source: MongodbSource, absent: Iterable[Absent]
) -> list[str]:
    """Return what to say of names that the sample does not have, which are perhaps misspelt or renamed.

    Raises SourceError where no document has them, and where it cannot be told whether any has the cursor: by another
    name no window would hold any.
    """
    faults, warnings = [], []
    deadline = time.monotonic() + _LOOK_SECONDS
    place = f"{database.name}.{source.collection}"
    for name in absent:
        is_somewhere = _is_somewhere(database, source, name, deadline)
        unknown = f"no field '{name.path}' in the first {SAMPLE} documents of {place}, and there was no time to look"
        if is_somewhere is None and name.column == source.cursor:
            faults.append(f"source.cursor: {unknown} through all, which takes an index that begins with it.{name.near}")
        elif is_somewhere is None:
            warnings.append(f"{unknown} through all: {name.what} is NULL there.{name.near}")
        elif not is_somewhere:
            faults.append(f"columns.{name.column}: no document of {place} has a field '{name.path}'.{name.near}")
    if faults:
        faults.append("Where it has another name, write from: <its name>; else take it out until documents have it.")
        raise SourceError(f"{table.identity} does not agree with {place}; nothing was read.", faults)
    return warnings


def _is_somewhere(
    database: Database[dict[str, Any]], source: MongodbSource, name: Absent, deadline: float
) -> bool | None:
    """Say whether any document has a name; None where that takes too long, or cannot be asked."""
    left = int((deadline - time.monotonic()) * 1000)
    if left <= 0 or not can_be_asked_for(name.names):
        return None
    try:
        found = database[source.collection].find_one(
            {".".join(name.names): {"$exists": True}}, {"_id": 1}, max_time_ms=left
        )
    except ExecutionTimeout:
        return None
    return found is not None


def _member(collection: str) -> str:
    return f".{collection}" if collection.isidentifier() else f".getCollection({json.dumps(collection)})"


def _key(path: str) -> str:
    return path if path.isidentifier() else json.dumps(path)


def _index(database: Database[dict[str, Any]], table: Table, source: MongodbSource) -> list[str]:
    """Say where a window cannot be found by an index."""
    path = cursor_path(table, source)
    if path in {None, "_id"}:
        return []
    try:
        indexes = database[source.collection].index_information().values()
    except OperationFailure as error:
        if error.code in NO_LISTING:
            return []
        raise
    # One of some documents only may not be used.
    if any(
        index["key"][0][0] == path and index["key"][0][1] in _RANGES and "partialFilterExpression" not in index
        for index in indexes
    ):
        return []
    create = f"db{_member(source.collection)}.createIndex({{{_key(str(path))}: 1}})"
    text = f"{database.name}.{source.collection} has no index that begins with {path}"
    return [f"{text}, so that every window reads the whole collection. Create one: {create}"]
