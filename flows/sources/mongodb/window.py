"""Which documents of a collection a window holds."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from bson.datetime_ms import DatetimeMS
from bson.objectid import ObjectId

from flows.model.window import BEGINNING
from flows.sources.values.texts import EPOCH

if TYPE_CHECKING:
    from datetime import datetime

    from flows.model.source_spec import MongodbSource
    from flows.model.table import Table
    from flows.model.window import Window

_LAST_SECOND = 2**32 - 1
"""What the four bytes of an ObjectId's time hold: a moment of the year 2106."""
_MILLISECOND = timedelta(milliseconds=1)
_SECOND = timedelta(seconds=1)


def cursor_path(table: Table, source: MongodbSource) -> str | None:
    """Return where a document has its cursor."""
    column = next((column for column in table.columns if column.name == source.cursor), None)
    return column.source_path or column.name if column else source.cursor


def is_object_id(table: Table, source: MongodbSource) -> bool:
    """Say whether the cursor is the time inside of the ObjectIds of `_id`, and no date."""
    return cursor_path(table, source) == "_id" and table.types[str(source.cursor)].name == "STRING"


def condition(table: Table, source: MongodbSource, window: Window | None) -> dict[str, Any]:
    """Return the filter of a window, or an empty one where there is none.

    A comparison with a date finds dates only, and one with an ObjectId only ObjectIds: what has no such cursor belongs
    to no window.
    """
    path = cursor_path(table, source)
    if window is None or path is None:
        return {}
    # Rows of an append table lie in their window; one that is read again has to be merged.
    overlap = source.overlap if table.strategy == "merge" else timedelta(0)
    start = window.start - min(overlap, window.start - BEGINNING)
    if is_object_id(table, source):
        return {path: {"$gte": _object_id(start)} | _before(_object_id(window.end))}
    return {path: {"$gte": _milliseconds(start), "$lt": _milliseconds(window.end)}}


def _milliseconds(moment: datetime) -> DatetimeMS:
    # A date of whole milliseconds is before a moment if it is before the next whole one.
    return DatetimeMS(-((EPOCH - moment) // _MILLISECOND))


def _object_id(moment: datetime) -> ObjectId:
    """Return the first ObjectId of a moment, or of the last second that one can tell."""
    seconds = min(max(-((EPOCH - moment) // _SECOND), 0), _LAST_SECOND)
    return ObjectId(seconds.to_bytes(4, "big") + bytes(8))


def _before(end: ObjectId) -> dict[str, ObjectId]:
    return {"$lt": end} if end.binary[:4] != b"\xff" * 4 else {"$lte": ObjectId(b"\xff" * 12)}
