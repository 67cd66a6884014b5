"""The embedded warehouse: one DuckDB file.

One process at a time holds the file; others wait for it. Within a process, tables are worked on side by side, each in
a connection of its own. Memory is bounded by DuckDB's `memory_limit` (80% of what there is): what does not fit is
spilled beside the file.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from flows.sql import to_duckdb
from flows.warehouses.drift import drifting_columns
from flows.warehouses.duckdb import generations, ledger, quarantine, schema
from flows.warehouses.duckdb.connection import IN_MEMORY, open_file, transaction, translated
from flows.warehouses.duckdb.merge import trim
from flows.warehouses.duckdb.queries import fetch, fetch_pages
from flows.warehouses.duckdb.queue import Queue
from flows.warehouses.duckdb.signals import stoppable
from flows.warehouses.duckdb.staging import stage
from flows.warehouses.duckdb.target import Target
from flows.warehouses.interface import Query, ledger_shard, owner_of, parts_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    import duckdb
    import pyarrow as pa

    from flows.extracts.stage import Extract
    from flows.model.bad_row import BadRow
    from flows.model.column_changes import ColumnChanges
    from flows.model.definition import Definition
    from flows.model.entry import Entry
    from flows.model.table import Table
    from flows.model.window import Window
    from flows.warehouses.interface import DryRun, Staged


AT_LEAST = 1.0
"""Seconds for which the file is kept: two runs that gave it to each other after each commit would do little else."""
SILENCE = 10.0
"""Seconds that it waits without a word for the file that it gave away."""


class DuckDB:
    """A warehouse in one file.

    Args:
        path: the file; it is created where it is missing.
        patience: seconds to wait for another process that holds the file and does not say that it works on it.
        report: is told for which process it waits.

    Raises:
        WarehouseBusyError: another process held the file for longer than `patience`.
        WarehouseError: the file is not a DuckDB database, or cannot be written.
    """

    def __init__(self, path: Path, *, patience: float = 300.0, report: Callable[[str], None] = print) -> None:
        self._is_kept = path == IN_MEMORY
        self._queue = Queue(path)
        self.opened: duckdb.DuckDBPyConnection | None = open_file(path, self._queue, patience, report)
        """The connection of which all others are made; None while other processes may have the file."""
        # Whoever has given the file away waits for it as long as others work.
        self._reopen = partial(open_file, path, self._queue, float("inf"), report, silence=SILENCE)
        self._opened_at = time.monotonic()
        self.lendings = 0
        self._is_lending = False
        self._opening = threading.RLock()
        self._turns = threading.Condition(self._opening)
        self._in_use = 0
        self._own = threading.local()
        self._catalog = threading.Lock()
        self._tables = threading.Lock()
        self._write_locks: dict[str, threading.Lock] = {}
        with translated(), stoppable(self.session):
            if ledger.is_behind(self.session):
                with self._cursor() as cursor, transaction(cursor) as work:
                    ledger.bring_up_to_date(cursor)
                    work.commit()

    @property
    def session(self) -> duckdb.DuckDBPyConnection:
        """The connection, made anew where the file was let go."""
        with self._opening:
            if self.opened is None:
                self.opened = self._reopen()
                self._opened_at = time.monotonic()
            return self.opened

    def prepare(
        self,
        table: Table,
        known_version: int,
        is_older: Callable[[str], bool] = lambda _: False,  # noqa: ARG002 - nothing is told of a table here
    ) -> None:
        """Create the table and its part of the ledger where they are missing."""
        with self._catalog, translated(), stoppable(self.session):
            self._prepare_ledger(table.identity)
            ledger.refuse_other_spelling(self.session, table.identity)
            ledger.refuse_turned(self.session, table.identity, known_version)
            if not schema.present_columns(self.session, table.identity):
                with self._cursor() as cursor, transaction(cursor) as work:
                    schema.create(cursor, table)
                    work.commit()
            elif table.is_folded and not schema.present_columns(self.session, parts_of(table.identity)):
                with self._cursor() as cursor, transaction(cursor) as work:
                    schema.empty(cursor, table)
                    work.commit()

    def column_changes(self, table: Table) -> ColumnChanges:
        """Return how the table's columns differ from those of its file."""
        with self._catalog, translated(), stoppable(self.session):
            return schema.changes(self.session, table)

    def extend(self, table: Table, known_version: int) -> None:
        """Give the table the columns of its file."""
        with self._write_lock(table.identity), translated(), self._cursor() as cursor, transaction(cursor) as work:
            ledger.refuse_turned(cursor, table.identity, known_version)
            schema.alter(cursor, table)
            work.commit()

    def empty(self, table: Table, known_version: int) -> None:
        """Let all rows of a table go, with a reset in the ledger."""
        with self._write_lock(table.identity), translated(), self._cursor() as cursor, transaction(cursor) as work:
            ledger.next_version(cursor, table.identity, None, known_version)
            schema.empty(cursor, table)
            work.commit()

    def accept(self, table: Table, entry: Entry, known_version: int, without: Sequence[str] = ()) -> Entry:
        """Give the table the columns of its file, without some, and append the entry that lets its rows stay."""
        with self._write_lock(table.identity), translated(), self._cursor() as cursor, transaction(cursor) as work:
            schema.alter(cursor, table, without)
            version = ledger.next_version(cursor, table.identity, None, known_version)
            accepted = ledger.append(cursor, replace(entry, version=version))
            work.commit()
            return accepted

    def trim(self, table: Table, entry: Entry, known_version: int) -> Entry:
        """Let the rows of a core table go whose cursor lies in the entry's window, and append the entry."""
        with self._write_lock(table.identity), translated(), self._cursor() as cursor, transaction(cursor) as work:
            version = ledger.next_version(cursor, entry.table, entry.window, known_version, generation=entry.generation)
            touched = tuple(trim(Target(cursor, table, entry.window)))
            seen = touched if table.identity == entry.table else ()
            done = ledger.append(cursor, replace(entry, version=version, touched=seen))
            quarantine.renew(cursor, done, ())
            work.commit()
            return done

    def mark(self, entry: Entry, known_version: int) -> Entry:
        """Append an entry that is no commit."""
        with self._catalog, translated(), stoppable(self.session):
            self._prepare_ledger(entry.table)
        with self._write_lock(entry.table), translated(), self._cursor() as cursor, transaction(cursor) as work:
            version = ledger.next_version(cursor, entry.table, None, known_version)
            marked = ledger.append(cursor, replace(entry, version=version))
            work.commit()
            return marked

    def swap(  # noqa: PLR0913 - what it takes the place of
        self,
        table: Table,
        entry: Entry,
        known_version: int,
        *,
        before: Table | None,
        retired: int,
        query: Query | None = None,
    ) -> Entry:
        """Put the generation of the entry in the place of the one that readers see, in one transaction."""
        with self._write_lock(table.identity), translated(), self._cursor() as cursor, transaction(cursor) as work:
            version = ledger.next_version(cursor, table.identity, None, known_version)
            touched = generations.difference(cursor, table, entry.generation, before, drifting_columns(table, query))
            generations.rename(cursor, table, entry.generation, retired)
            quarantine.swap(cursor, table, entry.generation, retired)
            done = ledger.append(cursor, replace(entry, version=version, touched=touched))
            work.commit()
            return done

    def carry_out(self, table: Table, generation: int, retired: int) -> None:
        """Do nothing: a swap is one transaction."""

    def sweep(self, table: Table, kept: Collection[int], newest: int) -> None:
        """Drop the tables of all generations up to the newest that the run knows, but those kept."""
        with self._write_lock(table.identity), translated(), self._cursor() as cursor, transaction(cursor) as work:
            generations.sweep(cursor, table, kept, newest)
            work.commit()

    def present(self, identities: Iterable[str]) -> set[str]:
        """Return which of these tables are there."""
        with self._catalog, translated(), stoppable(self.session):
            return {identity for identity in identities if schema.present_columns(self.session, identity)}

    def incarnation(self, table: Table) -> str:
        """Return the table's comment, which it got when it was made."""
        with self._catalog, translated(), self._cursor() as cursor, transaction(cursor) as work:
            found = schema.incarnation(cursor, table)
            work.commit()
            return found

    def as_read(self, table: Table) -> Table:
        """Return a table as its file has it: decimals have 38 digits."""
        return table

    @contextmanager
    def stage(  # noqa: PLR0913 - what becomes of the rows that are there
        self,
        table: Table,
        window: Window | None,
        rows: Query | Extract | Generator[pa.RecordBatch],
        *,
        run_id: str = "",  # noqa: ARG002 - what it costs is nobody's
        generation: int = 0,
        adds: bool = False,
    ) -> Iterator[Staged]:
        """Compute or read one window's rows in a transaction, which ends without a trace unless it is published."""
        subject = f"{owner_of(table.identity)} {window or ''}".strip()
        with (
            self._write_lock(table.identity),
            translated(subject, rows),
            self._cursor() as cursor,
            transaction(cursor) as work,
        ):
            if schema.differs(cursor, table) and not ledger.has_commits(cursor, table, generation):
                # Nothing was ever made by the definition that it was made for.
                schema.make_anew(cursor, table)
            else:
                schema.alter(cursor, table)
            target = Target(cursor, table, window)
            given = rows if isinstance(rows, Query | Generator) else rows.batches()
            yield stage(target, given, work, adds=adds)
        self._lend()

    def keep(self, definition: Definition) -> None:
        """Keep a definition; the first of its code version stays."""
        with self._catalog, translated(), self._cursor() as cursor, transaction(cursor) as work:
            ledger.keep(cursor, definition)
            work.commit()

    def query(self, sql: str, parameters: Mapping[str, object]) -> list[dict[str, Any]]:
        """Run a SELECT in GoogleSQL."""
        with translated(), self._cursor() as cursor:
            return fetch(cursor, sql, parameters)

    def pages(self, sql: str, parameters: Mapping[str, object]) -> Iterator[list[dict[str, Any]]]:
        """Run a SELECT in GoogleSQL, and give its rows some at a time."""
        with translated(), self._cursor() as cursor:
            yield from fetch_pages(cursor, sql, parameters)

    def shown(self, query: Query) -> str:
        """Return a SELECT in DuckDB's SQL."""
        return to_duckdb(query.sql, query.schema, query.keys, pretty=True)

    def dry_run(self, query: Query, window: Window | None) -> DryRun | None:  # noqa: ARG002 - it costs nothing here
        """Return nothing: nobody pays for what is read."""
        return None

    def record(self, entry: Entry, bad: Iterable[BadRow] = ()) -> None:
        """Append a failure to the ledger, and the bad rows that caused it to quarantine."""
        with self._catalog, translated(), stoppable(self.session):
            self._prepare_ledger(entry.table)
        with translated(), self._cursor() as cursor, transaction(cursor) as work:
            found = list(bad)
            if found:
                quarantine.renew(cursor, entry, found)
            ledger.append(cursor, entry)
            work.commit()
        self._lend()

    def now(self) -> datetime:
        """Return this machine's clock."""
        return datetime.now(UTC)

    def release(self) -> None:
        """Close the file until this process asks for it again, unless it works on it."""
        with self._catalog, self._opening:
            if self.opened is not None and not self._in_use and not self._is_kept:
                self.close()
                self.lendings += 1

    def close(self) -> None:
        """Let go of the file."""
        with self._opening:
            if self.opened is not None:
                self.opened.close()
            self.opened = None
            self._queue.end()

    def _lend(self) -> None:
        """Let another process have the file that waits for it, once no thread works on it."""
        with self._catalog, self._turns:
            # Not before: another thread may just have given it away, and have it again.
            is_new = time.monotonic() - self._opened_at < AT_LEAST
            if self.opened is None or self._is_kept or is_new or self._queue.is_empty:
                return
            self._is_lending = True
            try:
                self._turns.wait_for(lambda: not self._in_use)
                self.close()
                self._queue.let_in()
                self.lendings += 1
            finally:
                self._is_lending = False
                self._turns.notify_all()

    @contextmanager
    def _cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        depth = getattr(self._own, "depth", 0)
        with self._turns:
            # What a thread has begun it ends; what is new waits until others have had the file.
            self._turns.wait_for(lambda: depth or not self._is_lending)
            self._in_use += 1
        self._own.depth = depth + 1
        try:
            with self.session.cursor() as cursor, stoppable(cursor):
                yield cursor
        finally:
            self._own.depth = depth
            with self._turns:
                self._in_use -= 1
                self._turns.notify_all()

    def _prepare_ledger(self, identity: str) -> None:
        if not schema.present_columns(self.session, f"platform.{ledger_shard(identity)}"):
            with self._cursor() as cursor, transaction(cursor) as work:
                ledger.create(cursor, identity)
                work.commit()

    def _write_lock(self, identity: str) -> threading.Lock:
        """Return what one writer of the table at a time holds."""
        with self._tables:
            return self._write_locks.setdefault(owner_of(identity), threading.Lock())
