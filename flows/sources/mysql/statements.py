"""The statements that read a window of a table."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from flows.model.window import BEGINNING, END
from flows.sources.interface import first_moment
from flows.sources.mysql.agreement import cursor_of
from flows.sources.mysql.in_order import KeyRange
from flows.sources.mysql.schema import INTEGERS, quoted
from flows.sources.mysql.selection import source_of
from flows.sources.mysql.session import rows

if TYPE_CHECKING:
    from datetime import datetime

    from flows.model.window import Window
    from flows.sources.mysql.driver import Session
    from flows.sources.mysql.in_order import Order, Progress
    from flows.sources.mysql.selection import Selection
    from flows.sources.mysql.types import SourceColumn

SPLIT_ROWS = 200_000
"""Rows from which on a window is read over several connections."""
RANGES = 16
"""Ranges into which its primary key is cut."""
_LARGE_PART = 3
"""A window of less than one part in so many of a table is better read by the cursor's index."""


def statements(session: Session, selection: Selection, window: Window | None) -> list[str]:
    """Return the statements that together read a window: one, or one for each range of the primary key."""
    conditions, parameters = _bounds(selection, window)
    whole = _statement(session, selection.sql, conditions, parameters)
    key = _splitting(selection)
    if key is None or not _is_large(session, selection, whole, SPLIT_ROWS):
        return [whole]
    forced, name = f"{selection.sql} FORCE INDEX (PRIMARY)", quoted(key.name)
    return [
        _statement(
            session,
            forced,
            conditions + [f"{name} >= %s"] * (part.low is not None) + [f"{name} < %s"] * (part.high is not None),
            parameters + [edge for edge in (part.low, part.high) if edge is not None],
        )
        for part in _ranges(session, selection, key)
    ]


def statements_in_order(
    session: Session, selection: Selection, window: Window, order: Order, progress: Progress
) -> list[str]:
    """Return the statements that read what is left of a window, one for each range of the key, in its order."""
    conditions, parameters = _bounds(selection, window)
    found = []
    for part in progress.ranges:
        more, values = order.conditions(part)
        found.append(_statement(session, selection.sql + order.hint, conditions + more, parameters + values, order.sql))
    return found


def begin_in_order(session: Session, selection: Selection, window: Window) -> list[KeyRange]:
    """Return the ranges of the key in which a window is read; none where its rows are few of the table's.

    They are better found by an index of the cursor.
    """
    whole = _statement(session, selection.sql, *_bounds(selection, window))
    if not _is_large(session, selection, whole, 0):
        return []
    key = _splitting(selection)
    if key is None or not _is_large(session, selection, whole, SPLIT_ROWS):
        return [KeyRange()]
    return _ranges(session, selection, key)


def _splitting(selection: Selection) -> SourceColumn | None:
    """Return the first column of the primary key, where it is an integer and a row that is read twice does no harm."""
    if selection.table.strategy != "merge" or source_of(selection.table).cursor is None:
        return None
    key = selection.source.find(selection.source.primary_key[0]) if selection.source.primary_key else None
    return key if key is not None and key.data_type in INTEGERS else None


def _ranges(session: Session, selection: Selection, key: SourceColumn) -> list[KeyRange]:
    """Cut a table into ranges of its key; the first and the last are open, for rows that come while others start."""
    name = quoted(key.name)
    ends = rows(session, f"SELECT MIN({name}) AS low, MAX({name}) AS high FROM {selection.source.quoted}", ())[0]  # noqa: S608
    if ends["low"] is None:
        return [KeyRange()]
    step = (ends["high"] - ends["low"]) // RANGES + 1
    edges = list(range(ends["low"] + step, ends["high"] + 1, step))
    return [KeyRange(low, high) for low, high in zip([None, *edges], [*edges, None], strict=True)]


def _bounds(selection: Selection, window: Window | None) -> tuple[list[str], list[object]]:
    """Return the conditions of a window, and the values of their parameters."""
    cursor = cursor_of(selection.table, selection.source)
    if window is None or cursor is None:
        return [], []
    conditions: list[str] = []
    parameters: list[object] = []
    start = first_moment(selection.table, window, source_of(selection.table).overlap)
    if start > BEGINNING:
        conditions.append(f"{quoted(cursor.name)} >= %s")
        parameters.append(_literal(cursor, start))
    if window.end < END:
        conditions.append(f"{quoted(cursor.name)} < %s")
        parameters.append(_literal(cursor, window.end))
    return conditions, parameters


def _literal(cursor: SourceColumn, moment: datetime) -> int | datetime:
    if cursor.data_type in INTEGERS:
        return math.ceil(moment.timestamp())
    return moment.replace(tzinfo=None)


def _statement(session: Session, sql: str, conditions: list[str], parameters: list[object], order: str = "") -> str:
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    with session.cursor() as cursor:
        return str(cursor.mogrify(sql + where + order, parameters))


def _is_large(session: Session, selection: Selection, sql: str, least: int) -> bool:
    """Say whether a statement reads at least so many rows, and a good part of the table, by the server's estimates."""
    chosen = int(rows(session, f"EXPLAIN {sql}")[0].get("rows") or 0)
    if chosen < least:
        return False
    place = (selection.source.database, selection.source.name)
    about = "SELECT table_rows AS estimate FROM information_schema.tables WHERE table_schema = %s AND table_name = %s"
    return chosen * _LARGE_PART >= (rows(session, about, place)[0]["estimate"] or 0)
