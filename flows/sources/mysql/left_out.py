"""Rows of a MySQL table that belong to no window by their cursor: counted, within a time limit, and told."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from flows.model.errors import SourceError
from flows.model.window import short
from flows.sources import words
from flows.sources.interface import LAST_SECOND, window_of
from flows.sources.mysql.bounded import SECONDS, row_within
from flows.sources.mysql.schema import INTEGERS, backticked, quoted

if TYPE_CHECKING:
    from flows.model.table import Table
    from flows.sources.mysql.driver import Session
    from flows.sources.mysql.schema import SourceTable
    from flows.sources.mysql.types import SourceColumn

_FINER = ((10**17, 10**9, "nanoseconds"), (10**14, 10**6, "microseconds"), (10**11, 10**3, "milliseconds"))
"""From which number on a time since 1970 is rather one of these: as seconds it would be beyond the year 5138."""
_LEAST_FINER = _FINER[-1][0]
_NONE = {"missing": "NULL", "zero": "zero"}
"""Which rows belong to no window: how they are asked for, and what their cursor is."""


def left_out(session: Session, table: Table, source: SourceTable, cursor: SourceColumn) -> list[str]:
    """Return what there is to say of the rows that no window holds.

    Raises SourceError where the cursor counts no seconds, and the driver's errors.
    """
    found = _counted(session, source, cursor)
    if found is None:
        what = f"rows of {source} whose {cursor.name} is NULL or zero could not be counted within {SECONDS} seconds"
        return [f"{what}: such rows belong to no window and are left out. Create the index, or look for them."]
    told = [
        f"{source} has {_rows(found[kind])} whose {cursor.name} is {what}: {words.left_out(found[kind])}. "
        f"Give {'it' if found[kind] == 1 else 'them'} a value, and make the column NOT NULL."
        for kind, what in _NONE.items()
        if found[kind]
    ]
    if cursor.data_type in INTEGERS and found["most"] is not None and found["most"] >= _LEAST_FINER:
        told.append(_finer(table, source, cursor, found))
    elif found["most"] is not None and (last := _moment(found["most"])) and _is_before_all(table, last):
        told.append(
            f"the greatest {cursor.name} of {source} is {_written(found['most'], last)}, before the table's start: no "
            "window holds a row. Write an earlier `start` into `window`, or name another cursor."
        )
    return told


def _counted(session: Session, source: SourceTable, cursor: SourceColumn) -> dict[str, Any] | None:
    """Return how many rows have no cursor, and the least and greatest that others have; None where it takes long."""
    name, of = quoted(cursor.name), f"FROM {source.quoted} WHERE {quoted(cursor.name)}"
    asked = {
        # Of a column that cannot be NULL the server would give the zero dates here.
        "missing": f"(SELECT COUNT(*) {of} IS NULL)" if cursor.nullable else "0",
        "zero": f"(SELECT COUNT(*) {of} = 0)",
        "most": f"(SELECT MAX({name}) FROM {source.quoted})",  # noqa: S608 - names are quoted
    }
    if cursor.data_type in INTEGERS:
        asked["least"] = f"(SELECT MIN({name}) {of} > 0)"
        asked["finer"] = f"(SELECT COUNT(*) {of} >= {_LEAST_FINER})"
    return row_within(session, ", ".join(f"{value} AS {kind}" for kind, value in asked.items()))


def _finer(table: Table, source: SourceTable, cursor: SourceColumn, found: dict[str, Any]) -> str:
    """Return what to say of a cursor of which some values count no seconds; raise it where all are so."""
    parts, unit = next((parts, unit) for least, parts, unit in _FINER if found["most"] >= least)
    what = f"'{cursor.name}' in {source}"
    if found["least"] < _LEAST_FINER:
        return (
            f"{source} has {_rows(found['finer'])} whose {cursor.name} counts {unit} by the look of it, such as "
            f"{found['most']}, where others count seconds since 1970, as which that would be after the year 5138: "
            f"{words.left_out(found['finer'])}. Mend that at the source."
        )
    raise SourceError(
        f"{table.identity}: source.cursor: {what} counts {unit} since 1970 by the look of it, such as {found['most']}, "
        f"where a cursor counts seconds; nothing was read. {_in_seconds(source, cursor, parts)}"
    )


def finer_cursor(source: SourceTable, cursor: SourceColumn) -> str:
    """Return what to do where an integer that is no time is the cursor, and perhaps counts no seconds."""
    return (
        " So it is a cursor where it counts seconds since 1970. Where it counts milliseconds: "
        f"{_in_seconds(source, cursor, 10**3)}"
    )


def _in_seconds(source: SourceTable, cursor: SourceColumn, parts: int) -> str:
    column, index = backticked(f"{cursor.name}_seconds"), backticked(cursor.name)
    return (
        "Give the source's table a column of seconds, and name that one: "
        f"ALTER TABLE {backticked(source.name)} ADD COLUMN {column} BIGINT AS ({index} DIV {parts}) STORED, "
        f"ADD INDEX ({column})"
    )


def _moment(value: object) -> datetime | None:
    """Return the moment of a cursor's value, where it is one."""
    if isinstance(value, int):
        return datetime.fromtimestamp(value, UTC) if 0 < value < LAST_SECOND else None
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) else None


def _is_before_all(table: Table, moment: datetime) -> bool:
    return table.window is not None and window_of(table, moment) is None and moment < table.window.start


def _written(value: object, moment: datetime) -> str:
    return f"{value} ({short(moment)})" if isinstance(value, int) else short(moment)


def _rows(count: int) -> str:
    return f"{count:,} row{'' if count == 1 else 's'}"
