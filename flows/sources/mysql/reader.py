"""Core tables from MySQL and MariaDB: the rows of one window, exact, as Arrow batches."""

from __future__ import annotations

from collections import deque
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from flows.model.errors import SourceError
from flows.sources.connections import unproven
from flows.sources.mysql.agreement import columns_of
from flows.sources.mysql.bounded import row_within
from flows.sources.mysql.in_order import Progress, order_of
from flows.sources.mysql.inspection import inspection
from flows.sources.mysql.new import propose
from flows.sources.mysql.schema import NoTableError, quoted, schema_of
from flows.sources.mysql.selection import Selection, source_of
from flows.sources.mysql.session import abort, opened, rows, slots, translated
from flows.sources.mysql.statements import begin_in_order, statements, statements_in_order
from flows.sources.mysql.wire import query
from flows.sources.new_table import FEW, TakesLongError
from flows.sources.parallel import interleave

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence

    from flows.model.table import Table
    from flows.model.window import Window
    from flows.sources.connections import MysqlConnection
    from flows.sources.interface import Batch, Inspection
    from flows.sources.mysql.driver import Session
    from flows.sources.mysql.in_order import Order
    from flows.sources.mysql.schema import SourceTable
    from flows.sources.mysql.types import SourceColumn
    from flows.sources.new_table import NewTable

_OWN_DATABASES = {"mysql", "information_schema", "performance_schema", "sys"}
_FIRST_DATE = "1000-01-01"
"""Where MySQL's documented dates begin; what lies before is a zero date or an accident."""


@dataclass(frozen=True, slots=True)
class _Part:
    """Some of the rows that a query finds."""

    query: int
    """Its place among those of the reading."""
    batch: Batch
    last: tuple[int | str, ...] | None
    """The key of the last row, where the query gives them in its order."""


class MysqlReader:
    """A Source over one MySQL or MariaDB database."""

    def __init__(self, settings: MysqlConnection) -> None:
        self._settings = settings

    def now(self) -> datetime:
        """Connect and return the server's clock. Raises SourceError, or SourceUnavailableError."""
        with self._session("") as session:
            clock = rows(session, "SELECT UTC_TIMESTAMP(6) AS now")[0]["now"]
        if not isinstance(clock, datetime):
            raise SourceError(f"The server gives {str(clock)[:100]!r} as its clock, which is no time.")
        return clock.replace(tzinfo=UTC)

    def inspect(self, table: Table) -> Inspection:
        """Say which columns of the source the table leaves out, and what makes reading it slow.

        Raises SourceError where the table's file does not agree with the source, or SourceUnavailableError.
        """
        with self._session(table.identity) as session:
            source = self._schema(session, table)
            columns_of(table, source)
            found = inspection(session, table, source)
        return replace(found, warnings=unproven(self._settings) + found.warnings)

    def propose(self, connection: str, name: str) -> NewTable:
        """Return a first version of the file of a core table.

        Args:
            connection: the connection's name.
            name: the table as `source.table` shall name it.

        Raises as `inspect` does.
        """
        with self._session(name) as session:
            source = schema_of(session, name, self._settings.database)
            if source.database.lower() in _OWN_DATABASES:
                raise SourceError(f"{source} is the server's own, and no table to copy.")
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
            source = self._schema(session, table)
            selection = Selection(table, source, columns_of(table, source))
            for part in self._together(session, selection, statements(session, selection, window)):
                yield part.batch

    def copy(self, table: Table, window: Window, after: str | None) -> Iterator[Batch]:
        """Give the rows of a first copy, with positions where the table's key is the order in which rows are kept.

        Raises as `read` does, and where the table is kept in another order than that of the position.
        """
        with self._session(table.identity) as session:
            source = self._schema(session, table)
            selection = Selection(table, source, columns_of(table, source))
            order = order_of(selection)
            if after is not None:
                progress = Progress.parse(table.identity, order, after)
            else:
                progress = Progress(begin_in_order(session, selection, window) if order else ())
            if order is None or not progress.ranges:
                queries = statements(session, selection, window)
            else:
                queries = statements_in_order(session, selection, window, order, progress)
            for part in self._together(session, selection, queries, order if progress.ranges else None):
                position = order and part.last and progress.read(part.query, part.last, order)
                yield replace(part.batch, position=position or None)

    def _together(
        self, session: Session, selection: Selection, queries: Sequence[str], order: Order | None = None
    ) -> Generator[_Part]:
        """Give what the queries find, over as many connections as are allowed."""
        left = deque(enumerate(queries))
        sessions = [session]
        streams: list[Callable[[], Generator[_Part]]] = [partial(self._stream, selection, left, session, order)]
        for _ in range(min(self._settings.max_connections, len(queries)) - 1):
            streams.append(partial(self._extra_stream, selection, left, sessions, order))  # noqa: PERF401
        with closing(interleave(streams, stop=lambda: _abort(sessions))) as parts:
            yield from parts

    @contextmanager
    def _session(self, subject: str) -> Iterator[Session]:
        """Wait for a connection that this process may open, and open it."""
        with slots(self._settings), opened(self._settings) as session, translated(self._settings, subject):
            yield session

    def _schema(self, session: Session, table: Table) -> SourceTable:
        try:
            return schema_of(session, source_of(table).table, self._settings.database)
        except NoTableError as error:
            raise SourceError(f"{table.identity}: {error} Mend source.table in the table's file.") from None

    def _stream(
        self, selection: Selection, queries: deque[tuple[int, str]], session: Session, order: Order | None
    ) -> Generator[_Part]:
        """Give the rows of the queries that no other stream has taken."""
        with translated(self._settings, selection.table.identity):
            while queries:
                try:
                    place, sql = queries.popleft()
                except IndexError:
                    return
                for raw in query(session, sql, len(selection.columns)):
                    yield _Part(place, selection.batch(raw), order.key(raw) if order else None)

    def _extra_stream(
        self, selection: Selection, queries: deque[tuple[int, str]], sessions: list[Session], order: Order | None
    ) -> Generator[_Part]:
        """Do the same over a connection of its own, where one more is allowed."""
        free = slots(self._settings)
        if not free.acquire(blocking=False):
            return
        try:
            with opened(self._settings) as session:
                sessions.append(session)
                yield from self._stream(selection, queries, session, order)
        finally:
            free.release()


def _abort(sessions: list[Session]) -> None:
    for session in sessions:
        abort(session)


def _oldest(session: Session, source: SourceTable, column: SourceColumn) -> datetime | None:
    """Return the least value of a column of moments that is a date at all. Raises TakesLongError."""
    name = quoted(column.name)
    select = f"MIN({name}) AS oldest FROM {source.quoted} WHERE {name} >= %s"
    # An index is asked for one row, of which the plan says nothing.
    read = sum(int(step.get("rows") or 0) for step in rows(session, f"EXPLAIN SELECT {select}", (_FIRST_DATE,)))
    found = row_within(session, select, (_FIRST_DATE,)) if read <= FEW else None
    if found is None:
        raise TakesLongError
    return found["oldest"].replace(tzinfo=UTC) if isinstance(found["oldest"], datetime) else None
