"""Which documents of a collection a window holds."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from bson.datetime_ms import DatetimeMS
from bson.objectid import ObjectId

from flows.model.errors import SourceError
from flows.model.paths import steps
from flows.model.window import BEGINNING, END
from flows.sources.interface import first_moment
from flows.sources.values.texts import EPOCH

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from flows.model.source_spec import MongodbSource
    from flows.model.table import Table
    from flows.model.window import Window

_LAST_SECOND = 2**32 - 1
"""What the four bytes of an ObjectId's time hold: a moment of the year 2106."""
_MILLISECOND = timedelta(milliseconds=1)
_SECOND = timedelta(seconds=1)


def can_be_asked_for(names: Sequence[str]) -> bool:
    """Say whether a filter can name a place: a dot and a dollar sign mean something else there."""
    return all(name and "." not in name and "\0" not in name and not name.startswith("$") for name in names)


def cursor_path(table: Table, source: MongodbSource) -> str | None:
    """Return where a document has its cursor, as a filter names it. Raises SourceError where none can."""
    if source.cursor is None:
        return None
    column = next((column for column in table.columns if column.name == source.cursor), None)
    names = steps(column.source_path or column.name if column else source.cursor)
    if not can_be_asked_for(names):
        raise SourceError(
            f"{table.identity}: source.cursor: MongoDB cannot look for '{'.'.join(names)}', a name with a dot or a "
            "dollar sign. Name another cursor."
        )
    return ".".join(names)


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
    start = first_moment(table, window, source.overlap)
    if is_object_id(table, source):
        return {path: {"$gte": _object_id(start)} | _before(_object_id(window.end))}
    return {path: {"$gte": _milliseconds(start), "$lt": _milliseconds(window.end)}}


def within_the_calendar() -> dict[str, DatetimeMS]:
    """Return the condition of the dates that a window may hold."""
    return {"$gte": _milliseconds(BEGINNING), "$lt": _milliseconds(END)}


def beyond_the_calendar(path: str) -> dict[str, Any]:
    """Return the filter of the dates that no window holds."""
    return {"$or": [{path: {"$lt": _milliseconds(BEGINNING)}}, {path: {"$gte": _milliseconds(END)}}]}


def outside(table: Table, source: MongodbSource) -> dict[str, Any]:
    """Return the filter of the dates before the table's start or after its end; empty where nothing is.

    A date of zero, and those beyond the calendar, are told as such.
    """
    path = cursor_path(table, source)
    if table.window is None or path is None:
        return {}
    start, end = table.window.start, table.window.end
    before: dict[str, Any]
    after: list[dict[str, Any]]
    if is_object_id(table, source):
        before = {"$lt": _object_id(start)}
        after = [] if end is None else [{path: {"$gte": _object_id(end)}}]
    else:
        zero: dict[str, Any] = {"$ne": EPOCH} if start > EPOCH else {}
        before = zero | {"$gte": _milliseconds(BEGINNING), "$lt": _milliseconds(start)}
        after = [] if end is None else [{path: {"$gte": _milliseconds(end), "$lt": _milliseconds(END)}}]
    return {"$or": [{path: before}, *after]}


def _milliseconds(moment: datetime) -> DatetimeMS:
    # A date of whole milliseconds is before a moment if it is before the next whole one.
    return DatetimeMS(-((EPOCH - moment) // _MILLISECOND))


def _object_id(moment: datetime) -> ObjectId:
    """Return the first ObjectId of a moment, or of the last second that one can tell."""
    seconds = min(max(-((EPOCH - moment) // _SECOND), 0), _LAST_SECOND)
    return ObjectId(seconds.to_bytes(4, "big") + bytes(8))


def _before(end: ObjectId) -> dict[str, ObjectId]:
    return {"$lt": end} if end.binary[:4] != b"\xff" * 4 else {"$lte": ObjectId(b"\xff" * 12)}
