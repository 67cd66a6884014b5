"""Documents of a collection that belong to no window by their cursor: counted, within a time limit, and told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bson
from bson.codec_options import CodecOptions, DatetimeConversion
from pymongo.errors import ExecutionTimeout

from flows.model.sizes import plural
from flows.sources import words
from flows.sources.mongodb.bson_values import place
from flows.sources.mongodb.window import beyond_the_calendar, cursor_path, is_object_id, outside
from flows.sources.values.texts import EPOCH, unit_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pymongo.collection import Collection
    from pymongo.database import Database

    from flows.model.source_spec import MongodbSource
    from flows.model.table import Table

SECONDS = 5
"""How long counting may take."""
_COUNTED = 100_000
"""Up to how many documents before the start or after the end are counted."""
_DATES = {
    "seconds": '{$toDate: {$multiply: [{$toLong: "$at"}, 1000]}}',
    "milliseconds": '{$toDate: {$toLong: "$at"}}',
    "microseconds": '{$toDate: {$toLong: {$divide: ["$at", 1000]}}}',
    "nanoseconds": '{$toDate: {$toLong: {$divide: ["$at", 1000000]}}}',
}
"""How MongoDB makes a date of a number that counts such parts."""
_OPTIONS: CodecOptions[dict[str, Any]] = CodecOptions(datetime_conversion=DatetimeConversion.DATETIME_MS)


def left_out(database: Database[dict[str, Any]], table: Table, source: MongodbSource) -> list[str]:
    """Return what there is to say of the documents that no window holds. Raises the driver's errors."""
    path = cursor_path(table, source)
    if path is None:
        return []
    collection = database.get_collection(source.collection, _OPTIONS)
    name = f"{database.name}.{source.collection}"
    kind = "objectId" if is_object_id(table, source) else "date"
    asked: list[tuple[str, str, dict[str, Any]]] = [
        (f"is no {kind}", f"Give each a {kind}", {path: {"$not": {"$type": kind}}})
    ]
    if kind == "date":
        asked.append(("lies outside the years 1 to 9999", "Mend them at the source", beyond_the_calendar(path)))
        if table.window is not None and table.window.start > EPOCH:
            asked.append(("is zero, 1970-01-01 00:00 UTC", "Give each a date", {path: EPOCH}))
    # Mostly there is none, which one look through the collection says.
    in_all = _count(collection, {"$or": [found for _, _, found in asked]}, 1)
    if in_all is None:
        return [_uncounted(name, path, asked[0][0])]
    told = []
    for what, advice, found in asked if in_all else ():
        count = _count(collection, found)
        if count is None:
            told.append(_uncounted(name, path, what))
        elif count:
            example = collection.find_one(found, {path: 1}) or {}
            which = place(bson.encode(example, codec_options=_OPTIONS))
            text = f"{name} has {plural(count, 'document')} whose {path} {what}, such as {which}"
            told.append(f"{text}: {words.left_out(count)}. {advice}{_conversion(example, path)}")
    return [*told, *_outside(collection, table, source, name)]


def _outside(collection: Collection[dict[str, Any]], table: Table, source: MongodbSource, name: str) -> Iterator[str]:
    """Say how many documents lie before the table's start or after its end."""
    found, path = outside(table, source), str(cursor_path(table, source))
    count = _count(collection, found, _COUNTED + 1) if found else 0
    if count is None:
        yield _uncounted(name, path, "lies before the table's start or after its end")
    elif count:
        many = f"more than {_COUNTED:,} documents" if count > _COUNTED else plural(count, "document")
        yield f"{name} has {many} whose {path} {words.outside(count)}"


def _uncounted(name: str, path: str, what: str) -> str:
    return (
        f"documents of {name} whose {path} {what} could not be counted within {SECONDS} seconds: such documents belong "
        "to no window and are left out."
    )


def _count(collection: Collection[dict[str, Any]], found: dict[str, Any], most: int = 0) -> int | None:
    """Return how many documents there are, up to `most` where that is given, or None where that takes long."""
    limit: dict[str, Any] = {"limit": most} if most else {}
    try:
        return collection.count_documents(found, maxTimeMS=SECONDS * 1000, **limit)
    except ExecutionTimeout:
        return None


def _conversion(example: dict[str, Any], path: str) -> str:
    """Return how a number that counts a time becomes a date, where the example has one."""
    value: Any = example
    for step in path.split("."):
        value = value.get(step) if isinstance(value, dict) else None
    unit = unit_of(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
    if unit is None:
        return "."
    date = _DATES[unit].replace("$at", f"${path}")
    update = f'updateMany({{"{path}": {{$type: "number"}}}}, [{{$set: {{"{path}": {date}}}}}])'
    return f"; {value:.0f} counts {unit} since 1970 by the look of it: {update}"
