"""Rows of a MySQL table that belong to no window by their cursor: counted, within a time limit, and told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from flows.model.errors import SourceError
from flows.model.sizes import plural
from flows.model.window import BEGINNING, short
from flows.sources import words
from flows.sources.interface import LAST_SECOND, window_of
from flows.sources.mysql.bounded import SECONDS, row_within
from flows.sources.mysql.schema import INTEGERS, backticked, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flows.model.table import Table
    from flows.sources.mysql.driver import Session
    from flows.sources.mysql.schema import SourceTable
    from flows.sources.mysql.types import SourceColumn

_FINER = ((10**17, 10**9, "nanoseconds"), (10**14, 10**6, "microseconds"), (10**11, 10**3, "milliseconds"))
"""From which number on a time since 1970 is rather one of these: as seconds it would be beyond the year 5138."""
_LEAST_FINER = _FINER[-1][0]
_COUNTED = 100_000
"""Up to how many rows before the start or after the end are counted by an index."""
_MONTHS = 1_200
"""In how many months dates of no calendar are looked for by an index; what lies beyond is looked through."""
_MICROSECOND = timedelta(microseconds=1)


def left_out(session: Session, table: Table, source: SourceTable, cursor: SourceColumn) -> list[str]:
    """Return what there is to say of the rows that no window holds.

    Raises SourceError where the cursor counts no seconds, and the driver's errors.
    """
    is_indexed = not source.is_view and cursor.name in source.indexed
    asked = _asked(table, cursor)
    found = row_within(session, (_by_index if is_indexed else _by_scan)(source, cursor, asked))
    if found is not None and is_indexed and cursor.data_type == "datetime":
        nowhere = row_within(session, _nowhere_by_index(table, source, cursor, found["most"]))
        found = nowhere and found | nowhere
    if found is None:
        what = f"rows of {source} whose {cursor.name} is NULL, zero, no date or outside the table's start and end"
        advice = "Look for them." if is_indexed else "Create the index, or look for them."
        late = f"could not be counted within {SECONDS} seconds: such rows belong to no window and are left out"
        return [f"{what} {late}. {advice}"]
    told = [*_without_a_time(source, cursor, found)]
    if cursor.data_type in INTEGERS and found["most"] is not None and found["most"] >= _LEAST_FINER:
        told.append(_finer(table, source, cursor, found))
    elif found["most"] is not None and (last := _moment(found["most"])) and _is_before_all(table, last):
        told.append(
            f"the greatest {cursor.name} of {source} is {_written(found['most'], last)}, before the table's start: no "
            "window holds a row. Write an earlier `start` into `window`, or name another cursor."
        )
        return told
    if found["outside"]:
        told.append(_outside(source, cursor, found["outside"]))
    return told


def _asked(table: Table, cursor: SourceColumn) -> dict[str, str]:
    """Return which rows belong to no window, by why not, as conditions."""
    name, is_number = quoted(cursor.name), cursor.data_type in INTEGERS
    # Of a column that cannot be NULL the server would give the zero dates where it is asked for NULL.
    asked = {"missing": f"{name} IS NULL" if cursor.nullable else "FALSE", "zero": f"{name} = 0", "outside": "FALSE"}
    if is_number:
        asked["finer"] = f"{name} >= {_LEAST_FINER}"
    if table.window is not None:
        start, end = table.window.start, table.window.end
        # Dates of no calendar stand between the last moment of a month and the first of the next.
        first = str(int(start.timestamp()) - 1) if is_number else _sql(_just_before(start))
        outside = f"{name} <> 0 AND {name} <= {first}"
        if end is not None:
            last = f"{int(end.timestamp())} AND {name} < {_LEAST_FINER}" if is_number else _sql(end)
            outside = f"({outside}) OR ({name} >= {last})"
        asked["outside"] = outside
    return asked


def _by_index(source: SourceTable, cursor: SourceColumn, asked: dict[str, str]) -> str:
    """Return the SELECT that counts rows by an index of the cursor, each kind on its own."""
    name, of = quoted(cursor.name), f"FROM {source.quoted}"
    counts = {kind: f"(SELECT COUNT(*) {of} WHERE {condition})" for kind, condition in asked.items()}
    some = f"SELECT 1 {of} WHERE {asked['outside']} LIMIT {_COUNTED + 1}"
    counts["outside"] = f"(SELECT COUNT(*) FROM ({some}) AS counted)"  # noqa: S608 - names are quoted
    counts["most"] = f"(SELECT MAX({name}) {of})"
    if cursor.data_type in INTEGERS:
        counts["least"] = f"(SELECT MIN({name}) {of} WHERE {name} > 0)"
    return ", ".join(f"{value} AS {kind}" for kind, value in counts.items())


def _by_scan(source: SourceTable, cursor: SourceColumn, asked: dict[str, str]) -> str:
    """Return the SELECT that counts rows of all kinds in one look through the table."""
    name = quoted(cursor.name)
    counts = {kind: f"COALESCE(SUM({condition}), 0)" for kind, condition in asked.items()}
    if cursor.data_type == "datetime":
        nowhere = f"{name} <> 0 AND NOT ({asked['outside']}) AND {_is_nowhere(name)}"
        counts["nowhere"] = f"COALESCE(SUM({nowhere}), 0)"
        counts["example"] = f"MIN(IF({nowhere}, CAST({name} AS CHAR), NULL))"
    counts["most"] = f"MAX({name})"
    if cursor.data_type in INTEGERS:
        counts["least"] = f"MIN(IF({name} > 0, {name}, NULL))"
    return ", ".join(f"{value} AS {kind}" for kind, value in counts.items()) + f" FROM {source.quoted}"


def _nowhere_by_index(table: Table, source: SourceTable, cursor: SourceColumn, most: object) -> str:
    """Return the SELECT that counts dates of no calendar, such as 2026-05-00, by an index of the cursor.

    They stand between the last moment of a month and the first of the next.
    """
    name = quoted(cursor.name)
    gaps = _gaps(table, most)
    within = [f"({name} > {_sql(_just_before(first))} AND {name} < {_sql(first)})" for first in gaps[:_MONTHS]]
    if len(gaps) > _MONTHS:
        within.append(f"({name} > {_sql(gaps[_MONTHS - 1])} AND {_is_nowhere(name)})")
    counted = f"COUNT(*) AS nowhere, MIN(CAST({name} AS CHAR)) AS example"
    return f"{counted} FROM {source.quoted} WHERE {' OR '.join(within) or 'FALSE'}"


def _is_nowhere(name: str) -> str:
    return f"NOT (FROM_DAYS(TO_DAYS({name})) <=> DATE({name}))"


def _gaps(table: Table, most: object) -> list[datetime]:
    """Return the first moments of the months that begin in the table's windows, up to the one after the newest row."""
    if most is None or table.window is None:
        return []
    year, month = (int(part) for part in str(most)[:7].split("-"))
    start, end = table.window.start, table.window.end
    first, last = start.year * 12 + start.month - 1, min(year * 12 + max(month, 1), 9999 * 12 + 11)
    months = (datetime(number // 12, number % 12 + 1, 1, tzinfo=UTC) for number in range(first, last + 1))
    return [moment for moment in months if moment >= start and (end is None or moment <= end)]


def _just_before(moment: datetime) -> datetime:
    return moment - _MICROSECOND if moment > BEGINNING else moment


def _sql(moment: datetime) -> str:
    return f"'{moment.replace(tzinfo=None)}'"


def _without_a_time(source: SourceTable, cursor: SourceColumn, found: dict[str, Any]) -> Iterator[str]:
    """Say which rows have no moment for a cursor."""
    nowhere = f"a date that does not exist, such as {found.get('example')}"
    for kind, what in (("missing", "NULL"), ("zero", "zero"), ("nowhere", nowhere)):
        if count := int(found.get(kind) or 0):
            more = "" if kind == "nowhere" else ", and make the column NOT NULL"
            yield (
                f"{source} has {plural(count, 'row')} whose {cursor.name} is {what}: {words.left_out(count)}. "
                f"Give {'it' if count == 1 else 'them'} a value{more}."
            )


def _outside(source: SourceTable, cursor: SourceColumn, count: int) -> str:
    many = f"more than {_COUNTED:,} rows" if count > _COUNTED else plural(int(count), "row")
    return f"{source} has {many} whose {cursor.name} {words.outside(int(count))}"


def _finer(table: Table, source: SourceTable, cursor: SourceColumn, found: dict[str, Any]) -> str:
    """Return what to say of a cursor of which some values count no seconds; raise it where all are so."""
    parts, unit = next((parts, unit) for least, parts, unit in _FINER if found["most"] >= least)
    what = f"'{cursor.name}' in {source}"
    if found["least"] < _LEAST_FINER:
        count = int(found["finer"])
        return (
            f"{source} has {plural(count, 'row')} whose {cursor.name} counts {unit} by the look of it, such as "
            f"{found['most']}, where others count seconds since 1970, as which that would be after the year 5138: "
            f"{words.left_out(count)}. Mend that at the source."
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
