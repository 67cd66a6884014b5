"""The production warehouse: datasets of one project in BigQuery.

Any number of processes work on it at once. What keeps two runs of one table apart is each table's fence (`ledger.py`),
and all that a publish does is one transaction behind it.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from google.api_core.client_options import ClientOptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

from flows.model.column_changes import ColumnChanges
from flows.sql import to_bigquery
from flows.warehouses.bigquery import generations, ledger, quarantine, tables
from flows.warehouses.bigquery.jobs import Jobs, parameters_of, translated
from flows.warehouses.bigquery.staging import record, stage
from flows.warehouses.bigquery.target import Attempt, Target
from flows.warehouses.bigquery.types import as_read
from flows.warehouses.drift import drifting_columns

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    import pyarrow as pa
    from google.auth.credentials import Credentials

    from flows.extracts.stage import Extract
    from flows.model.bad_row import BadRow
    from flows.model.definition import Definition
    from flows.model.entry import Entry
    from flows.model.table import Table
    from flows.model.window import Window
    from flows.warehouses.bigquery.settings import BigQuerySettings
    from flows.warehouses.interface import DryRun, Query, Staged


class BigQuery:
    """A warehouse in one project.

    Args:
        settings: which one, and where.
        emulator: address of an emulator, which asks for no credentials; None: the service.
        credentials: who asks; None: whoever Google Cloud's environment names.

    Raises:
        WarehouseError: Google Cloud's environment names nobody who could ask.
    """

    lendings = 0
    """Others have it all the time."""

    def __init__(
        self, settings: BigQuerySettings, emulator: str | None = None, credentials: Credentials | None = None
    ) -> None:
        there: dict[str, Any] = {"project": settings.project, "location": settings.location, "credentials": credentials}
        if emulator:
            there |= {"credentials": AnonymousCredentials(), "client_options": ClientOptions(api_endpoint=emulator)}
        with translated():
            client = bigquery.Client(**there)
        self._opened = Jobs(client, settings)
        self._prepared: set[str] = set()
        self._shards: set[str] = set()
        """Those of the ledger that are known to be there: none ever goes."""
        self._catalog = threading.Lock()

    @cached_property
    def jobs(self) -> Jobs:
        """What runs jobs, once the ledger is as this version has it."""
        ledger.bring_up_to_date(self._opened)
        return self._opened

    def prepare(self, table: Table, known_version: int, is_older: Callable[[str], bool] = lambda _: False) -> None:
        """Create the table and its part of the ledger where they are missing, and alter it to be as its file says."""
        self._prepare_ledger(table.identity)
        tables.prepare(self.jobs, table, known_version, is_older)

    def column_changes(self, table: Table) -> ColumnChanges:
        """Return how the table's columns differ from those of its file."""
        present = tables.find(self.jobs, table.identity)
        return tables.changes(table, present) if present else ColumnChanges()

    def extend(self, table: Table, known_version: int) -> None:
        """Give the table the columns of its file."""
        self.prepare(table, known_version)

    def empty(self, table: Table, known_version: int) -> None:
        """Let all rows of a table go, with a reset in the ledger."""
        tables.empty(self.jobs, table, known_version)

    def accept(self, table: Table, entry: Entry, known_version: int, without: Sequence[str] = ()) -> Entry:
        """Append the entry that lets the table's rows stay, and give it the columns of its file, without some.

        No transaction holds both: what is not altered when a run is cut off, the next one alters.
        """
        self._prepare_ledger(table.identity)
        tables.require_alterable(self.jobs, table)
        done = ledger.mark(self.jobs, entry, known_version)
        tables.drop_columns(self.jobs, table, without, done.version)
        tables.prepare(self.jobs, table, done.version, lambda _: False)
        return done

    def trim(self, table: Table, entry: Entry, known_version: int) -> Entry:
        """Let the rows of a core table go whose cursor lies in the entry's window, and append the entry."""
        return tables.trim(self.jobs, table, entry, known_version)

    def mark(self, entry: Entry, known_version: int) -> Entry:
        """Append an entry that is no commit."""
        self._prepare_ledger(entry.table)
        return ledger.mark(self.jobs, entry, known_version)

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
        """Write the entry in one transaction; the tables are renamed right after it."""
        touched = generations.difference(self.jobs, table, entry, before, drifting_columns(table, query))
        moved, names = quarantine.swapped(table, entry.generation, retired)
        done = ledger.mark(self.jobs, replace(entry, touched=touched), known_version, [moved], names)
        generations.rename(self.jobs, table, entry.generation, retired, entry.run_id)
        return done

    def carry_out(self, table: Table, generation: int, retired: int) -> None:
        """Rename what a swap has not renamed yet."""
        generations.rename(self.jobs, table, generation, retired)

    def sweep(self, table: Table, kept: Collection[int], newest: int) -> None:
        """Drop the tables of all generations up to the newest that the run knows, but those kept."""
        generations.sweep(self.jobs, table, kept, newest)

    def present(self, identities: Iterable[str]) -> set[str]:
        """Return which of these tables are there."""
        wanted = set(identities)
        shards = wanted & self._shards
        found = tables.present(self.jobs, wanted - shards) | shards
        self._shards |= {identity for identity in found if ledger.is_shard(identity)}
        return found

    def incarnation(self, table: Table) -> str:
        """Return where and when the table was made."""
        present = tables.find(self.jobs, table.identity)
        return f"{self.jobs.settings.project} {present.created.isoformat()}" if present and present.created else ""

    def as_read(self, table: Table) -> Table:
        """Return a table whose BIGNUMERICs have all the digits that they have here."""
        return as_read(table)

    @contextmanager
    def stage(  # noqa: PLR0913 - what becomes of the rows that are there
        self,
        table: Table,
        window: Window | None,
        rows: Query | Extract | Generator[pa.RecordBatch],
        *,
        run_id: str = "",
        generation: int = 0,
        adds: bool = False,
    ) -> Iterator[Staged]:
        """Compute or read one window's rows into a table that helps, which is dropped at the end."""
        attempt = Attempt(self.jobs, table.identity, window, table.owner, run_id, table.budget)
        try:
            yield stage(Target(attempt, table, generation), rows, adds=adds)
        finally:
            attempt.drop()

    def keep(self, definition: Definition) -> None:
        """Keep a definition; the first of its code version stays."""
        ledger.keep(self.jobs, definition)

    def query(self, sql: str, parameters: Mapping[str, object]) -> list[dict[str, Any]]:
        """Run a SELECT in GoogleSQL."""
        return self.jobs.query(sql, parameters_of(parameters)).rows

    def pages(self, sql: str, parameters: Mapping[str, object]) -> Iterator[list[dict[str, Any]]]:
        """Run a SELECT in GoogleSQL, and give its rows some at a time."""
        return self.jobs.pages(sql, parameters_of(parameters))

    def shown(self, query: Query) -> str:
        """Return a SELECT as it was written."""
        return to_bigquery(query.sql, query.schema, query.keys)

    def dry_run(self, query: Query, window: Window | None) -> DryRun | None:
        """Return what a SELECT would read for a window, and give."""
        bounds = {"window_start": window.start, "window_end": window.end} if window else {}
        return self.jobs.dry_run(self.shown(query), parameters_of(bounds))

    def record(self, entry: Entry, bad: Iterable[BadRow] = ()) -> None:
        """Append a failure to the ledger, and the bad rows that caused it to quarantine."""
        self._prepare_ledger(entry.table)
        record(Attempt(self.jobs, entry.table, entry.window, run_id=entry.run_id), entry, list(bad))

    def now(self) -> datetime:
        """Return BigQuery's clock."""
        return self.jobs.now()

    def release(self) -> None:
        """Do nothing: nobody waits for BigQuery."""

    def close(self) -> None:
        """Let go of its connections."""
        self._opened.client.close()

    def _prepare_ledger(self, identity: str) -> None:
        with self._catalog:
            if identity not in self._prepared:
                ledger.create(self.jobs, identity)
                self._prepared.add(identity)
