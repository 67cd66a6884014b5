"""What the engine asks of a warehouse."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime

    import pyarrow as pa

    from flows.extracts.stage import Extract
    from flows.model.bad_row import BadRow
    from flows.model.column_changes import ColumnChanges
    from flows.model.definition import Definition
    from flows.model.entry import Entry
    from flows.model.table import Table
    from flows.model.types import Type
    from flows.model.window import Window

LEDGER_SHARDS = 128
"""5,000 tables that commit hourly give 938 INSERTs a day on a shard; BigQuery starts 1,500 a day at once
(https://cloud.google.com/bigquery/quotas#data-manipulation-language-statements)."""

PAGE = 50_000
"""Rows of a result that are held at once, where there may be any number."""


class Written(NamedTuple):
    """SQL as a person wrote it."""

    sql: str
    at: Callable[[int], str]
    """What a line of it is called, by its number: the line of its file."""


@dataclass(frozen=True, eq=False)
class Query:
    """A SELECT in GoogleSQL with the parameters @window_start and @window_end."""

    sql: str
    schema: Mapping[str, Mapping[str, Type]]
    """Types of the tables that it reads, by identity and column."""
    keys: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """The columns that tell their rows apart, of those tables that have such."""
    written: Written | None = None
    """What it was made of, where that is known."""


def parts_of(identity: str) -> str:
    """Return the table that holds the parts from which a merge is folded; no file's name has a `-`."""
    return f"{identity}-parts"


def shadow_of(table: Table, generation: int) -> Table:
    """Return the table that holds the rows of a generation which readers do not see."""
    return table.model_copy(update={"name": f"{table.name}-g{generation}"})


def holder_of(entry: Entry) -> str:
    """Return the name under which bad rows of an entry's generation are kept: that of the table that holds its rows."""
    return f"{entry.table}-g{entry.generation}" if entry.is_shadow else entry.table


def owner_of(identity: str) -> str:
    """Return the table of which one of the engine's own, or the table itself, holds rows."""
    return identity.partition("-")[0]


def compared(before: Table | None, after: Table) -> list[str] | None:
    """Return the columns by which one generation's rows are compared with another's; None where none tells all.

    None may be new that says where a row belongs, and none may have become another type, whose values are others.
    """
    if before is None:
        return None
    old = {name.lower(): type_ for name, type_ in before.types.items()}
    shared = [name for name in after.types if name.lower() in old]
    retyped = any(old[name.lower()] != after.types[name] for name in shared)
    places = [one.partition and (one.partition.column.lower(), one.partition.by) for one in (before, after)]
    return None if retyped or places[0] != places[1] or not shared else shared


def every_row(table: Table, row: str = "") -> str:
    """GoogleSQL for what holds for every row of a table, by its partition column where a query must name that."""
    if table.partition is None or table.partition_type is None or not table.partition.require_filter:
        return "TRUE"
    column, kind = f"{row}`{table.partition.column}`", table.partition_type.name
    first = {"DATE": "0001-01-01", "DATETIME": "0001-01-01 00:00:00", "TIMESTAMP": "0001-01-01 00:00:00+00"}[kind]
    return f"({column} >= {kind} '{first}' OR {column} IS NULL)"


def no_row(table: Table, row: str = "") -> str:
    """GoogleSQL for what holds for none, by the same column."""
    every = every_row(table, row)
    return "FALSE" if every == "TRUE" else f"({every} AND FALSE)"


def cursor_bounds(table: Table, window: Window | None) -> tuple[str, object, object]:
    """Return the cursor of a core table, and the values of it between which a window's rows lie."""
    assert table.source is not None  # noqa: S101 - callers looked
    assert table.source.cursor is not None  # noqa: S101 - whose tables have windows
    assert window is not None  # noqa: S101 - the same
    name = table.source.cursor
    low, high = (_as_cursor(table.types[name].name, moment) for moment in (window.start, window.end))
    return name, low, high


def _as_cursor(kind: str, moment: datetime) -> object:
    seconds = int(moment.timestamp())
    match kind:
        case "DATE":
            return moment.date()
        case "DATETIME":
            return moment.replace(tzinfo=None)
        case "INT64":
            return seconds
        case "STRING":  # a document's ObjectId, which begins with when it was made
            return f"{max(0, seconds):08x}{'0' * 16}"
        case _:
            return moment


def ledger_shard(identity: str) -> str:
    """Return the name of the ledger table, in dataset `platform`, that holds a table's entries."""
    return f"ledger_{zlib.crc32(owner_of(identity).encode()) % LEDGER_SHARDS:03d}"


@dataclass(frozen=True, slots=True)
class DryRun:
    """What a warehouse says of a query without running it."""

    bytes: int
    """How many it would read."""
    types: Mapping[str, Type]
    """The types of its columns, by name."""


class Staged(Protocol):
    """The rows of one window that no reader can see yet."""

    @property
    def relation(self) -> str:
        """GoogleSQL that stands for the rows in a FROM clause: a table, or a subquery in parentheses."""

    @property
    def rows(self) -> int:
        """How many rows are staged."""

    @property
    def tied(self) -> int:
        """How many rows a source gave besides of which another has the key and the cursor, and other values."""

    def query(self, sql: str, parameters: Mapping[str, object]) -> list[dict[str, Any]]:
        """Run the engine's own GoogleSQL, which may read the staged rows."""

    def select(self, query: Query) -> list[dict[str, Any]]:
        """Run a person's SELECT, which may read the staged rows."""

    def publish(self, entry: Entry, known_version: int, bad: Iterable[BadRow] = ()) -> Entry:
        """Commit the rows, the source's bad rows (to quarantine) and the entry in one transaction.

        Returns the entry with its version, rows, bytes and touched ranges; the rows of a generation that readers do
        not see touch nothing.

        Raises ConflictError where another run has, since `known_version`, committed an overlapping window of the same
        generation, or begun, swapped or abandoned one; and WindowError where a row lies outside its window. Then
        nothing has changed.
        """


class Warehouse(Protocol):
    """Where tables and the ledger live."""

    lendings: int
    """How often others have had what one process alone can have: what was known before may no longer be so."""

    def prepare(self, table: Table, known_version: int, is_older: Callable[[str], bool] = lambda _: False) -> None:
        """Create the table where it is missing; with a reset in the ledger where it was there before.

        One that holds a generation (`shadow_of`) is created without one. What is told of a table to people stays as it
        is where `is_older` says that the run's files are older than the commit of the project that has written last.

        Raises ConflictError where another run has begun, swapped or abandoned a generation since `known_version`.
        """

    def column_changes(self, table: Table) -> ColumnChanges:
        """Return how the table's columns differ from those of its file; not at all where there is no table."""

    def extend(self, table: Table, known_version: int) -> None:
        """Give the table the columns of its file, as its next window would; old rows hold NULL in new ones."""

    def accept(self, table: Table, entry: Entry, known_version: int, without: Sequence[str] = ()) -> Entry:
        """Give the table the columns of its file, without some, and append the entry that lets its rows stay.

        Raises ConflictError where another run has committed since `known_version`.
        """

    def trim(self, table: Table, entry: Entry, known_version: int) -> Entry:
        """Let the rows of a core table go whose cursor lies in the entry's window, and append the entry.

        Raises ConflictError where another run has committed since `known_version`.
        """

    def mark(self, entry: Entry, known_version: int) -> Entry:
        """Append an entry that is no commit; return it with its version.

        Raises ConflictError where another run has written one since `known_version`.
        """

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
        """Put the generation of the entry in the place of the one that readers see, in one transaction with the entry.

        The entry is returned with the ranges in which rows differ in the columns that both have.

        Args:
            table: the table, as the generation has it.
            entry: the entry.
            known_version: version of the table's newest entry.
            before: the table, as what readers see until then has it; None: nobody knows.
            retired: the generation of that, in whose own table it stays.
            query: the SELECT that made the rows of the generation.

        Raises ConflictError where another run has written one since.
        """

    def carry_out(self, table: Table, generation: int, retired: int) -> None:
        """Finish a swap that the ledger knows of, where the warehouse has not carried it out."""

    def sweep(self, table: Table, kept: Collection[int], newest: int) -> None:
        """Drop the tables of all generations up to the newest that the run knows, but those kept."""

    def present(self, identities: Iterable[str]) -> set[str]:
        """Return which of these tables are there."""

    def incarnation(self, table: Table) -> str:
        """Return what a table that is there was given when it was made, and no other table ever is."""

    def empty(self, table: Table, known_version: int) -> None:
        """Let all rows of a table go, with a reset in the ledger.

        Raises ConflictError where another run has committed since `known_version`.
        """

    def as_read(self, table: Table) -> Table:
        """Return a table as its source is to read it: with as many digits as its decimals have here."""

    def stage(  # noqa: PLR0913 - what becomes of the rows that are there
        self,
        table: Table,
        window: Window | None,
        rows: Query | Extract | Generator[pa.RecordBatch],
        *,
        run_id: str = "",
        generation: int = 0,
        adds: bool = False,
    ) -> AbstractContextManager[Staged]:
        """Compute or read one window's rows. Leaving the context without `publish` leaves no trace.

        What is paid for names the run, `run_id`; `generation` is that of the rows.

        Where they come beside the parts of a first copy (`Entry.adds`), of each key the row stays that would in one
        commit.
        """

    def keep(self, definition: Definition) -> None:
        """Keep a definition of a table that has been prepared; the first of its code version stays."""

    def query(self, sql: str, parameters: Mapping[str, object]) -> list[dict[str, Any]]:
        """Run the engine's own GoogleSQL."""

    def pages(self, sql: str, parameters: Mapping[str, object]) -> Iterator[list[dict[str, Any]]]:
        """Run the engine's own GoogleSQL once, which may give more rows than there is room for: some at a time."""

    def shown(self, query: Query) -> str:
        """Return the SQL that a person's SELECT becomes here."""

    def dry_run(self, query: Query, window: Window | None) -> DryRun | None:
        """Return what a person's SELECT would read for a window, and give; None where that is not to be had."""

    def record(self, entry: Entry, bad: Iterable[BadRow] = ()) -> None:
        """Append a failure to the ledger, and the bad rows that caused it to quarantine."""

    def now(self) -> datetime:
        """Return the warehouse's clock."""

    def release(self) -> None:
        """Let others have what one process alone can have, until it is asked for again."""

    def close(self) -> None:
        """Let go of it."""
