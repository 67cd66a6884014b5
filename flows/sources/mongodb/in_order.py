"""Reading a collection in the order of its `_id`, from which another reading can go on.

MongoDB sorts values of all types, but a comparison finds only those of the type that it is given: what stands behind an
`_id` is what is greater of its own type, and all of the types that come later.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import bson
from bson.code import Code
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.decimal128 import Decimal128
from bson.errors import BSONError
from bson.min_key import MinKey
from pymongo.errors import ExecutionTimeout, OperationFailure

from flows.model.errors import SourceChangedError
from flows.model.paths import steps
from flows.sources.mongodb.inspection import NO_LISTING
from flows.sources.mongodb.window import condition

if TYPE_CHECKING:
    from pymongo.database import Database

    from flows.model.source_spec import MongodbSource
    from flows.model.table import Table
    from flows.model.window import Window

ORDER = [("_id", 1)]
_OPTIONS: CodecOptions[dict[str, Any]] = CodecOptions(
    unicode_decode_error_handler="surrogateescape", datetime_conversion=DatetimeConversion.DATETIME_MS
)
_NUMBERS, _TEXTS, _BINARIES, _OBJECT_IDS = {"$type": "number"}, {"$gte": ""}, {"$type": 5}, {"$type": 7}
_KINDS: tuple[tuple[frozenset[int], dict[str, Any]], ...] = (
    (frozenset({0xFF}), {"$type": -1}),
    (frozenset({10}), {"$type": 10}),
    (frozenset({1, 16, 18, 19}), _NUMBERS),
    (frozenset({2, 14}), _TEXTS),
    (frozenset({3}), {"$type": 3}),
    (frozenset({5}), _BINARIES),
    (frozenset({7}), _OBJECT_IDS),
    (frozenset({8}), {"$type": 8}),
    (frozenset({9}), {"$type": 9}),
    (frozenset({17}), {"$type": 17}),
    (frozenset({13}), {"$gte": Code("")}),
    (frozenset({127}), {"$type": 127}),
)
"""The types of an `_id` in MongoDB's order, in one set where they are compared with each other, and what finds them."""
_TYPE_AT = 4
"""Where in a document of BSON the type of its first element stands."""
_LARGE_PART = 3
"""A window of less than one part in so many of a collection is better read by the cursor's index."""
_FEW = 100_000
"""Documents that are soon looked at, whatever part of them a window holds."""
_SECONDS = 5
"""How long may be looked for a reason not to read in order."""


def begins_in_order(database: Database[dict[str, Any]], table: Table, source: MongodbSource, window: Window) -> bool:
    """Say whether a first copy is read in the order of `_id`. Raises the driver's errors."""
    return (
        _can_be_cut(table)
        and _has_order(database, source)
        and _is_large(database, table, source, window)
        and _is_one_to_one(database, table, source)
    )


def behind(
    database: Database[dict[str, Any]], table: Table, source: MongodbSource, position: str
) -> list[dict[str, Any]]:
    """Return the filters that one after the other find what stands behind a position, each in the order of `_id`.

    Raises SourceChangedError where the source has no such order any more, and the driver's errors.
    """
    if not _has_order(database, source):
        raise SourceChangedError(
            f"{table.identity}: when the copy was cut off '{source.collection}' was a collection with one index of all "
            "its _id, and it is a view or in a sharded cluster now."
        )
    data = bytes.fromhex(position)
    last, place = bson.decode(data, _OPTIONS)["_id"], _kind(data)
    later = [{"_id": found} for _, found in _KINDS[place + 1 :]]
    if isinstance(last, MinKey):  # which alone is compared with values of all types
        return later
    # Nothing is greater than no number, which comes before all numbers.
    return [{"_id": {"$gte": -math.inf} if _is_nan(last) else {"$gt": last}}, *later]


def position_of(document: bytes) -> str | None:
    """Return the position behind a document; None where its `_id` cannot be sent back."""
    try:
        data = bson.encode({"_id": bson.decode(document, _OPTIONS)["_id"]}, codec_options=_OPTIONS)
        _kind(data)
    except (BSONError, ValueError, LookupError, RecursionError):
        return None
    return data.hex()


def _kind(data: bytes) -> int:
    """Return the place among the kinds of the `_id` that is all of a document. Raises ValueError."""
    return [data[_TYPE_AT] in types for types, _ in _KINDS].index(True)


def _is_nan(value: object) -> bool:
    return (
        value.to_decimal().is_nan() if isinstance(value, Decimal128) else isinstance(value, float) and math.isnan(value)
    )


def _can_be_cut(table: Table) -> bool:
    """Say whether the table's key is `_id`, in a type that holds each as another value."""
    if len(table.key) != 1:
        return False
    column = next(column for column in table.columns if column.name == table.key[0])
    return list(steps(column.source_path or column.name)) == ["_id"] and column.type.name in {"INT64", "STRING"}


def _has_order(database: Database[dict[str, Any]], source: MongodbSource) -> bool:
    """Say whether each `_id` is there once and in an index: a view has none, a cluster one for each of its shards."""
    if database.client.is_mongos:
        return False
    name = {"name": source.collection}
    try:
        found = list(database.list_collections(filter=name, nameOnly=True, authorizedCollections=True))
    except OperationFailure as error:
        if error.code in NO_LISTING:
            return False
        raise
    return [one.get("type", "collection") for one in found] == ["collection"]


def _is_large(database: Database[dict[str, Any]], table: Table, source: MongodbSource, window: Window) -> bool:
    """Say whether a window holds a good part of a collection."""
    collection = database[source.collection]
    count = collection.estimated_document_count()
    if count <= _FEW:
        return True
    enough = count // _LARGE_PART
    try:
        found = condition(table, source, window)
        return collection.count_documents(found, limit=enough, maxTimeMS=_SECONDS * 1000) >= enough
    except ExecutionTimeout:
        return True


def _is_one_to_one(database: Database[dict[str, Any]], table: Table, source: MongodbSource) -> bool:
    """Say whether no two of the collection's `_id` are one in the key's column, as the text '7' and the number are."""
    collection = database[source.collection]

    def has(found: dict[str, Any]) -> bool:
        return collection.find_one({"_id": found}, {"_id": 1}, hint=ORDER, max_time_ms=_SECONDS * 1000) is not None

    try:
        if table.types[table.key[0]].name == "INT64":
            return not has(_TEXTS)
        there = [found for found in (_TEXTS, _BINARIES, _OBJECT_IDS) if has(found)]
        if there == [_TEXTS, _OBJECT_IDS]:
            return not has({"$regex": "^[0-9a-f]{24}$"})
        return len(there) <= 1
    except ExecutionTimeout:
        return False
