"""Core tables from MySQL and MariaDB: the rows of one window, exact, as Arrow batches."""

from __future__ import annotations

import json
import math
from collections import deque
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from flows.model.bad_row import BadRow
from flows.model.errors import SourceError
from flows.model.source_spec import MysqlSource
from flows.model.window import BEGINNING, END
from flows.sources.interface import RAW, Batch, arrow_schema, window_of
from flows.sources.mysql.new import propose
from flows.sources.mysql.schema import INTEGERS, columns_of, cursor_of, describe, quoted, remarks
from flows.sources.mysql.session import abort, opened, rows, slots, translated
from flows.sources.mysql.types import convert, expression, mask, reason
from flows.sources.mysql.wire import query
from flows.sources.parallel import interleave

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from flows.model.table import Table
    from flows.model.window import Window
    from flows.sources.connections import MysqlConnection
    from flows.sources.interface import Inspection
    from flows.sources.mysql.schema import SourceTable
    from flows.sources.mysql.session import Session
    from flows.sources.mysql.types import SourceColumn
    from flows.sources.new_table import NewTable

SPLIT_ROWS = 200_000
"""Rows from which on a window is read over several connections."""
RANGES = 16
"""Ranges into which its primary key is cut."""
_FIRST_DATE = "1000-01-01"
"""Where MySQL's documented dates begin; what lies before is a zero date or an accident."""
_LARGE_PART = 3
"""A window of less than one part in so many of a table is better read by the cursor's index."""


class MysqlReader:
    """A Source over one MySQL or MariaDB database."""

    def __init__(self, settings: MysqlConnection) -> None:
        self._settings = settings

    def now(self) -> datetime:
        """Connect and return the server's clock. Raises SourceError, or SourceUnavailableError."""
        with self._session("") as session:
            clock: datetime = rows(session, "SELECT UTC_TIMESTAMP(6) AS now")[0]["now"]
        return clock.replace(tzinfo=UTC)

    def inspect(self, table: Table) -> Inspection:
        """Say which columns of the source the table leaves out, and what makes reading it slow.

        Raises SourceError where the table's file does not agree with the source, or SourceUnavailableError.
        """
        with self._session(table.identity) as session:
            source = describe(session, _source(table).table, self._settings.database)
            columns_of(table, source)
            return remarks(session, table, source)

    def propose(self, connection: str, name: str) -> NewTable:
        """Return a first version of the file of a core table.

        Args:
            connection: the connection's name.
            name: the table as `source.table` shall name it.

        Raises as `describe` does.
        """
        with self._session(name) as session:
            source = describe(session, name, self._settings.database)
            return propose(source, connection, name, lambda column: _oldest(session, source, column))

    def read(self, table: Table, window: Window | None) -> Iterator[Batch]:
        """Give the rows whose cursor lies in the window; all rows without one.

        For a table that is merged also those in the `overlap` before the window, which may have been committed late.

        A large window of a table that is merged by its cursor is read by ranges of the primary key over several
        connections, whose snapshots are of slightly different moments: what changed between them has a later cursor,
        and is merged with a later window. All other tables are read in one snapshot.

        Raises SourceError, or SourceUnavailableError where trying again may help.
        """
        with self._session(table.identity) as session:
            source = describe(session, _source(table).table, self._settings.database)
            selection = _Selection(table, source, columns_of(table, source))
            queries = deque(_queries(session, selection, window))
            sessions = [session]
            streams: list[Callable[[], Generator[Batch]]] = [partial(self._stream, selection, queries, session)]
            for _ in range(min(self._settings.max_connections, len(queries)) - 1):
                streams.append(partial(self._extra_stream, selection, queries, sessions))  # noqa: PERF401
            with closing(interleave(streams, stop=lambda: _abort(sessions))) as batches:
                yield from batches

    @contextmanager
    def _session(self, subject: str) -> Iterator[Session]:
        """Wait for a connection that this process may open, and open it."""
        with slots(self._settings), opened(self._settings) as session, translated(self._settings, subject):
            yield session

    def _stream(self, selection: _Selection, queries: deque[str], session: Session) -> Generator[Batch]:
        """Give the rows of the queries that no other stream has taken."""
        with translated(self._settings, selection.table.identity):
            while queries:
                try:
                    sql = queries.popleft()
                except IndexError:
                    return
                for raw in query(session, sql):
                    yield selection.batch(raw)

    def _extra_stream(self, selection: _Selection, queries: deque[str], sessions: list[Session]) -> Generator[Batch]:
        """Do the same over a connection of its own, where one more is allowed."""
        free = slots(self._settings)
        if not free.acquire(blocking=False):
            return
        try:
            with opened(self._settings) as session:
                sessions.append(session)
                yield from self._stream(selection, queries, session)
        finally:
            free.release()


def _abort(sessions: list[Session]) -> None:
    for session in sessions:
        abort(session)


def _oldest(session: Session, source: SourceTable, column: SourceColumn) -> datetime | None:
    """Return the least value of a column of moments that is a date at all."""
    name = quoted(column.name)
    sql = f"SELECT MIN({name}) AS oldest FROM {source.quoted} WHERE {name} >= %s"  # noqa: S608 - names are quoted
    found = rows(session, sql, (_FIRST_DATE,))[0]["oldest"]
    return found.replace(tzinfo=UTC) if isinstance(found, datetime) else None


def _source(table: Table) -> MysqlSource:
    if not isinstance(table.source, MysqlSource):
        raise SourceError(f"{table.identity} is not copied from MySQL: its source.kind is not mysql.")
    return table.source


@dataclass(frozen=True)
class _Selection:
    """What is read of a table."""

    table: Table
    source: SourceTable
    columns: tuple[SourceColumn, ...]
    """The source's column of each of the table's."""

    @property
    def sql(self) -> str:
        """The statement up to its conditions."""
        pairs = zip(self.columns, self.table.columns, strict=True)
        values = ", ".join(expression(there, quoted(there.name), column.type) for there, column in pairs)
        return f"SELECT {values} FROM {self.source.quoted}"  # noqa: S608 - names are quoted

    def batch(self, raw: list[pa.Array]) -> Batch:
        """Convert what the server sent; a row with a value that its column cannot hold is a bad row."""
        arrays, reasons = [], dict[int, list[str]]()
        for there, column, values in zip(self.columns, self.table.columns, raw, strict=True):
            array, bad = convert(there, column.type, values)
            arrays.append(array)
            for row in bad:
                reasons.setdefault(row, []).append(reason(there, column.type, values[row].as_py()))
            if column.name in self.table.key and values.null_count:
                for row in pc.indices_nonzero(values.is_null()).to_pylist():
                    reasons.setdefault(row, []).append(f"{there.name} is NULL, and part of the key")
        rows = pa.RecordBatch.from_arrays(arrays, schema=arrow_schema(self.table))
        if not reasons:
            return Batch(rows)
        bad_rows = tuple(
            BadRow(self._place(raw, row), "; ".join(reasons[row]), self._text(raw, row), self._window(arrays, row))
            for row in sorted(reasons)
        )
        return Batch(rows.filter(pc.invert(mask(len(rows), reasons))), bad_rows)

    def _window(self, arrays: list[pa.Array], row: int) -> Window | None:
        cursor = _source(self.table).cursor
        return window_of(self.table, arrays[list(self.table.types).index(cursor)][row].as_py()) if cursor else None

    def _place(self, raw: list[pa.Array], row: int) -> str:
        names = {name.lower() for name in self.source.primary_key}
        shown = [
            (there.name, values)
            for there, column, values in zip(self.columns, self.table.columns, raw, strict=True)
            if column.name in self.table.key or (not self.table.key and there.name.lower() in names)
        ]
        return ", ".join(f"{name}={_readable(values[row].as_py())}" for name, values in shown) or str(self.source)

    def _text(self, raw: list[pa.Array], row: int) -> str:
        values = {there.name: _readable(array[row].as_py()) for there, array in zip(self.columns, raw, strict=True)}
        return json.dumps(values, ensure_ascii=False)[:RAW]


def _readable(value: bytes | None) -> str | None:
    """Return what the server sent as text; bytes that are no text as hexadecimal digits."""
    if value is None:
        return None
    try:
        return value.decode()
    except UnicodeDecodeError:
        return f"0x{value.hex()}"


def _queries(session: Session, selection: _Selection, window: Window | None) -> list[str]:
    """Return the statements that together read a window: one, or one for each range of the primary key."""
    conditions, parameters = _bounds(selection, window)
    whole = _statement(session, selection.sql, conditions, parameters)
    key = selection.source.find(selection.source.primary_key[0]) if selection.source.primary_key else None
    again = selection.table.strategy == "merge" and _source(selection.table).cursor is not None
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


def _bounds(selection: _Selection, window: Window | None) -> tuple[list[str], list[object]]:
    """Return the conditions of a window, and the values of their parameters."""
    cursor = cursor_of(selection.table, selection.source)
    if window is None or cursor is None:
        return [], []
    # Rows of an append table lie in their window; one that is read again has to be merged.
    overlap = _source(selection.table).overlap if selection.table.strategy == "merge" else timedelta(0)
    conditions: list[str] = []
    parameters: list[object] = []
    if window.start - BEGINNING > overlap:
        conditions.append(f"{quoted(cursor.name)} >= %s")
        parameters.append(_literal(cursor, window.start - overlap))
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


def _is_large(session: Session, selection: _Selection, sql: str) -> bool:
    """Say whether a statement reads many rows, and a good part of the table, by the server's estimates."""
    chosen = int(rows(session, f"EXPLAIN {sql}")[0].get("rows") or 0)
    if chosen < SPLIT_ROWS:
        return False
    place = (selection.source.database, selection.source.name)
    about = "SELECT table_rows AS estimate FROM information_schema.tables WHERE table_schema = %s AND table_name = %s"
    return chosen * _LARGE_PART >= (rows(session, about, place)[0]["estimate"] or 0)
