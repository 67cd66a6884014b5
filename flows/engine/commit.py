"""Do one window: stage, check, publish. A failure leaves one line in the ledger and nothing else."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from flows.engine.accept import accepted_rows
from flows.engine.checks import broken
from flows.engine.division import pieces
from flows.engine.gone import gone
from flows.engine.incoming import begun
from flows.model.asked import called, run_with
from flows.model.entry import Entry, Notice
from flows.model.errors import (
    CheckFailedError,
    ConflictError,
    QuarantineError,
    SourceChangedError,
    WarehouseError,
    shape,
    told,
)
from flows.project.definition import code_version
from flows.warehouses.interface import Query, Written, no_row, shadow_of

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence

    import pyarrow as pa

    from flows.engine.first_copy import FirstCopy
    from flows.engine.steps import Cause, Step
    from flows.extracts.stage import Extract
    from flows.model.bad_row import BadRow
    from flows.model.table import Table
    from flows.model.types import Type
    from flows.model.window import Window
    from flows.sources.interface import Batch, Source
    from flows.warehouses.interface import Staged, Warehouse

_KINDS: dict[Cause, Literal["trim", "accept"]] = {"trim": "trim", "accepted": "accept"}
"""Of entries that are no plain commits."""
KEPT_BAD_ROWS = 1_000
"""How many bad rows a failed window leaves in quarantine to be looked at, where its limit is lower."""


@dataclass(frozen=True)
class TableRun:
    """What all windows of one run of one table share."""

    table: Table
    run_id: str
    run_by: str
    git_commit: str
    known_version: int
    """Version of the table's newest commit when the run planned."""
    upstreams: Mapping[str, int] = field(default_factory=dict)
    """Versions of the tables that it reads when the run planned: what is read is that new or newer."""
    schema: Mapping[str, Mapping[str, Type]] = field(default_factory=dict)
    """Types of the table and of all that its SQL and checks name, by identity and column."""
    source: Source | None = None
    """Where the rows come from; a core table has one."""
    source_behind: timedelta = timedelta(0)
    """By how much the source's clock is behind the warehouse's."""
    unread: Sequence[str] = ()
    """Columns of the source of which the table's commits said already that they are left out."""
    generation: int = 0
    """Into which generation of the table the rows go."""
    is_shadow: bool = False
    """Whether that is one which readers do not see yet."""
    keys: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """The columns that tell their rows apart, of those tables that have such."""

    lines: Mapping[str, Callable[[int], str]] = field(default_factory=dict)
    """What lines of the queries in the table's file are called, by the text of each."""
    before: Table | None = None
    """The table, as the definition has it whose rows may be accepted."""
    precedes: Callable[[str], bool | None] = lambda _: None
    """Says whether another commit of the project builds on this one; None where nobody knows."""

    @cached_property
    def into(self) -> Table:
        """The table that holds the rows of the generation."""
        return shadow_of(self.table, self.generation) if self.is_shadow else self.table

    @cached_property
    def code_version(self) -> str:
        """The table's code version."""
        return code_version(self.table)

    @cached_property
    def query(self) -> Query:
        """The table's SQL; one object for all windows, so that it is transpiled once."""
        assert self.table.sql is not None  # noqa: S101 - a table has a source or SQL
        return Query(self.table.sql, self.schema, self.keys, self.written(self.table.sql))

    def written(self, sql: str) -> Written | None:
        """Return where a person wrote a query of the table's; None where its file has another one by now."""
        at = self.lines.get(sql)
        return Written(sql, at) if at is not None else None


@dataclass
class Met:
    """What was met in a source beside good rows."""

    bad: list[BadRow] = field(default_factory=list)
    nulled: Counter[str] = field(default_factory=Counter)
    """Values that are NULL as they cannot be read, by column."""
    undated: int = 0
    """Rows that belong to no window, as their cursor is NULL."""
    outside: int = 0
    """Rows that lie before the table's start or after its end."""
    tied: int = 0
    """Rows of which another has the key and the cursor, and other values."""

    def notices(self, table: Table, *, first: bool) -> tuple[Notice, ...]:
        """Return what a person should know of it; of rows that every reading meets, with a run's first."""
        cursor = table.source.cursor if table.source else None
        return (
            *([Notice("quarantine", table.identity, f"{len(self.bad):,}")] if self.bad else []),
            *(Notice("nulled", column, f"{count:,}") for column, count in self.nulled.items()),
            *([Notice("tied", cursor, f"{self.tied:,}")] if cursor and self.tied else []),
            *([Notice("undated", cursor, f"{self.undated:,}")] if cursor and first and self.undated else []),
            *([Notice("outside", cursor, f"{self.outside:,}")] if cursor and first and self.outside else []),
        )


def commit_step(  # noqa: PLR0913 - rows come from one of three places
    run: TableRun,
    step: Step,
    warehouse: Warehouse,
    *,
    first: bool = False,
    extract: Extract | None = None,
    copy: FirstCopy | None = None,
    remarks: tuple[Notice, ...] | None = None,
) -> Entry:
    """Do one window, or the next part of a first copy, and return its ledger entry.

    Args:
        run: what all windows of the run share.
        step: the window, or a range of adjacent ones.
        warehouse: where to.
        first: whether it is the run's first, which warns of what there is to say of the source.
        extract: what was read for it, where that is not to be read from its source now.
        copy: the first copy of which this is a step.
        remarks: what there is to say of the source, where it was asked before it was read.

    Raises:
        CheckFailedError, WindowError, QuarantineError, SourceError, WarehouseError: nothing was published; the
            failure is in the ledger.
        ConflictError: another run committed the window first.
        SourceChangedError: the first copy cannot go on.
    """
    started = time.perf_counter()
    window = step.window
    entry = entry_of(run, step, warehouse, copy)
    met = Met()
    with failure_recorded(run, entry, warehouse, met.bad):
        if step.cause == "trim" and run.table.source is not None:
            return warehouse.trim(run.table, entry, run.known_version)
        if not first or run.source is None:
            remarks = ()
        elif remarks is None:
            remarks = remarks_of(run, run.source)
        if extract is not None:
            met.bad += extract.bad_rows()
            met.nulled.update(extract.manifest.nulled)
            met.undated, met.outside = extract.manifest.undated, extract.manifest.outside
            started -= extract.manifest.seconds
            if window is None:  # rows that are missing in windows show as windows that are missing
                entry = replace(entry, began=extract.manifest.read_at)
        rows = extract or _rows(run, step, warehouse, met, copy)
        with (
            begun(rows) as given,
            warehouse.stage(
                run.into, window, given, run_id=run.run_id, generation=run.generation, adds=entry.adds
            ) as staged,
        ):
            refuse_bad(run.table, window, met.bad, before=copy.bad if copy else 0)
            warnings = () if step.cause in {"trim", "accepted"} else _check(run, window, staged)
            met.tied = staged.tied
            remarks += gone(run.into, step, staged)
            remarks += met.notices(run.table, first=first or copy is not None)
            done = replace(entry, warnings=remarks + warnings, seconds=time.perf_counter() - started)
            if copy is None:
                return staged.publish(done, run.known_version, met.bad)
            done = staged.publish(copy.entry(done, staged.rows, len(met.bad)), copy.version, met.bad)
            copy.published(done)
            return done


@contextmanager
def failure_recorded(run: TableRun, entry: Entry, warehouse: Warehouse, bad: list[BadRow]) -> Iterator[None]:
    """Let a failure leave one line in the ledger, with the bad rows that were met, and be one of ours.

    One of many windows of which most can be done leaves none: they are tried again.
    """
    started = time.perf_counter()
    try:
        yield
    except (ConflictError, SourceChangedError):
        raise
    except Exception as error:
        seconds = time.perf_counter() - started
        known = told(error, run.table.identity)
        if entry.kind == "accept" and isinstance(known, WarehouseError) and known.of_rows:
            known = _not_taken_over(run.table, known)
        if not pieces(run.table, entry.window, known):
            # Where the warehouse takes nothing, not even that, why the window failed is what counts.
            with suppress(WarehouseError, ConflictError):
                warehouse.record(replace(entry, kind="failure", error=str(known), seconds=seconds), bad)
        if known.transient:  # who tries again does so after a while
            warehouse.release()
        if known is error:
            raise
        raise known from error


def _not_taken_over(table: Table, error: WarehouseError) -> WarehouseError:
    """Return an error of rows that were to stay with how to go on: nobody wrote its SQL, and all runs meet it again."""
    return WarehouseError(
        error.found,
        advice=f"These rows cannot stay: {run_with('derive', table.identity, 'force')} makes them by the file, all or "
        f"those within {called('start', 'end')}; {called('abandon')} turns away from it.",
        cause=error.kind[1],
        of_rows=True,
    )


def record_failure(run: TableRun, step: Step, warehouse: Warehouse, error: Exception) -> None:
    """Record that a step could not be begun."""
    warehouse.record(replace(entry_of(run, step, warehouse), kind="failure", error=str(error)))


def entry_of(run: TableRun, step: Step, warehouse: Warehouse, copy: FirstCopy | None = None) -> Entry:
    """Return the beginning of the entry of a step, or of the next part of a first copy."""
    return Entry(
        table=run.table.identity,
        kind=_KINDS.get(step.cause, "commit"),
        window=step.window,
        run_id=run.run_id,
        run_by=run.run_by,
        code_version=run.code_version,
        git_commit=run.git_commit,
        began=warehouse.now(),
        upstreams={**run.upstreams, **{name: one for name, one in step.older if name in run.upstreams}},
        source_behind=run.source_behind.total_seconds(),
        adds=copy is not None and copy.copied is not None,
        generation=run.generation,
        is_shadow=run.is_shadow,
    )


def remarks_of(run: TableRun, source: Source) -> tuple[Notice, ...]:
    """Return what makes reading the source slow, and which of its columns are left out; those only once."""
    found = source.inspect(run.table)
    return (
        *(Notice("source", detail=warning) for warning in found.warnings),
        *(Notice("unread", name) for name in found.unread if name not in run.unread),
    )


def _rows(
    run: TableRun, step: Step, warehouse: Warehouse, met: Met, copy: FirstCopy | None
) -> Query | Generator[pa.RecordBatch]:
    if step.cause == "trim":
        return _no_rows(run.into)
    if step.cause == "accepted" and run.before is not None:
        return accepted_rows(run.table, run.before)
    if run.source is None:
        return run.query
    batches = copy.part() if copy else run.source.read(warehouse.as_read(run.table), step.window)
    return good_rows(run.table, step.window, batches, met)


def _no_rows(table: Table) -> Query:
    names = ", ".join(f"`{name}`" for name in table.types)
    sql = f"SELECT {names} FROM `{table.dataset}`.`{table.name}` WHERE {no_row(table)}"
    return Query(sql, {table.identity: table.types})


def good_rows(table: Table, window: Window | None, batches: Iterable[Batch], met: Met) -> Generator[pa.RecordBatch]:
    """Give the good rows of a source and note what else is met; stop where bad rows are too many to keep."""
    most = max(KEPT_BAD_ROWS, limit_of(table))
    for batch in batches:
        met.bad.extend(batch.bad)
        met.nulled.update(batch.nulled)
        met.undated += batch.undated
        met.outside += batch.outside
        if len(met.bad) > most:
            del met.bad[most:]
            refuse_bad(table, window, met.bad, "more than ")
        yield batch.rows


def limit_of(table: Table) -> int:
    """Return how many bad rows a window of a table may have."""
    return table.source.max_bad_rows if table.source else 0


def refuse_bad(table: Table, window: Window | None, bad: list[BadRow], more: str = "", before: int = 0) -> None:
    """Raise QuarantineError where a window has more bad rows than its table allows; `before` were met earlier."""
    limit, count = limit_of(table), before + len(bad)
    if not bad or count <= limit:
        return
    first = bad[0]
    error = QuarantineError(
        f"{table.identity}: {more}{count} bad row{'s' if count > 1 else ''} in {window or 'the source'},"
        f" where max_bad_rows allows {limit}. "
        f"One is {first.place}: {first.reason}.",
        advice=f"Look at them: python -m flows.ingest {table.identity} --quarantine. "
        "Mend them at the source, write `on_error: null` on the column to have NULL there or `type: STRING` to have "
        "the text, or raise source.max_bad_rows to leave them out; then add --replay instead. (A column of the key, "
        "the cursor or the partition takes no `on_error`.)",
        cause=shape(first.reason),
        # Those whose window nobody can tell are met in each.
        of_rows=sum(row.window is None for row in bad) <= limit,
    )
    error.spans = [(row.window.start, row.window.end) for row in bad if row.window is not None]
    raise error


def _check(run: TableRun, window: Window | None, staged: Staged) -> tuple[Notice, ...]:
    """Return the warnings. Raises CheckFailedError where a check of severity `fail` is broken."""
    table = run.table
    found = broken(table, staged, run.schema, run.into, run.written)
    failed = [item for item in found if item.severity == "fail"]
    if failed:
        lines = "\n".join(f"  {item}" for item in failed)
        count = f"{len(failed)} check{'s' if len(failed) > 1 else ''}"
        where = f"{table.identity} {window}" if window else table.identity
        raise CheckFailedError(
            f"{where}: {count} failed, nothing was published\n{lines}",
            cause=", ".join(item.name for item in failed),
        )
    return tuple(Notice("check", item.name, item.shown) for item in found)
