"""Documents of a collection that belong to no window by their cursor: counted, within a time limit, and told."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from bson.codec_options import CodecOptions, DatetimeConversion
from pymongo.errors import ExecutionTimeout

from flows.sources import words
from flows.sources.mongodb.window import beyond_the_calendar, cursor_path, is_object_id

if TYPE_CHECKING:
    from pymongo.collection import Collection
    from pymongo.database import Database

    from flows.model.source_spec import MongodbSource
    from flows.model.table import Table

SECONDS = 5
"""How long counting may take."""
_LEAST_MILLISECONDS = 10**11
"""A number from here on counts milliseconds rather than seconds, which would be of the year 5138."""
_ZERO = datetime(1970, 1, 1, tzinfo=UTC)
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
        if table.window is not None and table.window.start > _ZERO:
            asked.append(("is zero, 1970-01-01 00:00 UTC", "Give each a date", {path: _ZERO}))
    # Mostly there is none, which one look through the collection says.
    in_all = _count(collection, {"$or": [found for _, _, found in asked]})
    if in_all is None:
        text = f"documents of {name} whose {path} {asked[0][0]} could not be counted within {SECONDS} seconds"
        return [f"{text}: such documents belong to no window and are left out."]
    told = []
    for what, advice, found in asked if in_all else ():
        if count := _count(collection, found):
            text = f"{name} has {count:,} document{'' if count == 1 else 's'} whose {path} {what}"
            example = collection.find_one(found, {path: 1}) or {}
            text += f", such as _id={example.get('_id')}: {words.left_out(count)}. {advice}"
            told.append(text + _conversion(example, path))
    return told


def _count(collection: Collection[dict[str, Any]], found: dict[str, Any]) -> int | None:
    """Return how many documents there are, or None where that takes long."""
    try:
        return collection.count_documents(found, maxTimeMS=SECONDS * 1000)
    except ExecutionTimeout:
        return None


def _conversion(example: dict[str, Any], path: str) -> str:
    """Return how a number of milliseconds becomes a date, where the example has one."""
    value: Any = example
    for step in path.split("."):
        value = value.get(step) if isinstance(value, dict) else None
    if not isinstance(value, int | float) or isinstance(value, bool) or value < _LEAST_MILLISECONDS:
        return "."
    update = f'updateMany({{"{path}": {{$type: "number"}}}}, [{{$set: {{"{path}": {{$toDate: "${path}"}}}}}}])'
    return f"; {value:.0f} counts milliseconds since 1970 by the look of it: {update}"
