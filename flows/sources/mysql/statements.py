"""The statements that read a window of a table."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from flows.model.window import BEGINNING, END
from flows.sources.interface import first_moment
from flows.sources.mysql.agreement import cursor_of
from flows.sources.mysql.schema import INTEGERS, quoted
from flows.sources.mysql.selection import source_of
from flows.sources.mysql.session import rows

if TYPE_CHECKING:
    from datetime import datetime

    from flows.model.window import Window
    from flows.sources.mysql.driver import Session
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
    key = selection.source.find(selection.source.primary_key[0]) if selection.source.primary_key else None
    again = selection.table.strategy == "merge" and source_of(selection.table).cursor is not None
    if not again or key is None or key.data_type not in INTEGERS or not _is_large(session, selection, whole):
        return [whole]
    name = quoted(key.name)
    ends = rows(session, f"SELECT MIN({name}) AS low, MAX({name}) AS high FROM {selection.source.quoted}", ())[0]  # noqa: S608
    if ends["low"] is None:
        return [whole]
    # The first and the last range are open, for rows that come before or after while the others start.
    step = (ends["high"] - ends["low"]) // RANGES + 1
    edges = list(range(ends["low"] + step, ends["high"] + 1, step))
    forced = f"{selection.sql} FORCE INDEX (PRIMARY)"
    return [
        _statement(
            session,
            forced,
            conditions + [f"{name} >= %s"] * (low is not None) + [f"{name} < %s"] * (high is not None),
            parameters + [edge for edge in (low, high) if edge is not None],
        )
        for low, high in zip([None, *edges], [*edges, None], strict=True)
    ]


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


def _statement(session: Session, sql: str, conditions: list[str], parameters: list[object]) -> str:
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    with session.cursor() as cursor:
        return str(cursor.mogrify(sql + where, parameters))


def _is_large(session: Session, selection: Selection, sql: str) -> bool:
    """Say whether a statement reads many rows, and a good part of the table, by the server's estimates."""
    chosen = int(rows(session, f"EXPLAIN {sql}")[0].get("rows") or 0)
    if chosen < SPLIT_ROWS:
        return False
    place = (selection.source.database, selection.source.name)
    about = "SELECT table_rows AS estimate FROM information_schema.tables WHERE table_schema = %s AND table_name = %s"
    return chosen * _LARGE_PART >= (rows(session, about, place)[0]["estimate"] or 0)
