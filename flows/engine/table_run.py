"""Bring one table up to date: plan what is to do, and do it window by window."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Protocol

from flows.engine import ledger, redefine
from flows.engine.commit import TableRun, commit_step, record_failure
from flows.engine.estimate import with_bytes
from flows.engine.first_copy import first_copy
from flows.engine.plan import failed_last, plan
from flows.engine.prepare import has_rows, prepare, require_ready
from flows.engine.steps import Moment, Plan
from flows.model.errors import ConflictError, DerivedError, UsageError
from flows.model.window import BEGINNING, END, EVER, Window, short

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flows.engine.extract import Extracts, Slot
    from flows.engine.first_copy import FirstCopy
    from flows.engine.readings import Readings
    from flows.engine.steps import Step
    from flows.extracts.manifest import Manifest
    from flows.extracts.stage import Stage
    from flows.model.entry import Entry, Notice
    from flows.model.table import Table
    from flows.project.project import Project
    from flows.sources.interface import Source
    from flows.warehouses.interface import Warehouse

PATIENCE = 5
"""After so many failures in a row of one kind, which is the class of the error, a run gives up."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a person or a schedule asks of one table."""

    table: str
    bounds: Window = EVER
    """Only windows that hold a moment of this range."""
    force: bool = False
    """Do these windows again though they are committed."""
    rebuild: bool = False
    """Make a merge table, or any copy, again from nothing."""
    accept: bool = False
    """Let rows stay that were copied by an earlier definition."""


@dataclass(frozen=True, slots=True)
class Author:
    """Who brings tables up to date, and from which commit of the project."""

    name: str
    git_commit: str = ""
    """Empty where it is not known."""


@dataclass(frozen=True, slots=True)
class Reached:
    """A source that has answered."""

    source: Source
    clock: datetime | None
    """What its clock said; None where it has none."""
    at: float
    """When it said so, by the monotonic clock of this machine."""

    def behind(self, now: datetime) -> timedelta:
        """Return by how much its clock is behind another one that says it is `now`."""
        if self.clock is None:
            return timedelta(0)
        return max(timedelta(0), now - self.clock - timedelta(seconds=time.monotonic() - self.at))


def reach(source: Source) -> Reached:
    """Connect to a source and ask for its clock. Raises SourceError, or SourceUnavailableError."""
    clock = source.now()
    return Reached(source, clock, time.monotonic())


@dataclass(frozen=True, slots=True)
class Parts:
    """What runs are put together from."""

    project: Project
    readings: Readings
    author: Author
    source_of: Callable[[Table], Reached | DerivedError]
    """Returns where a core table's rows come from, or why that cannot be reached."""
    stage: Stage | None = None
    """Where what is read of sources is kept until it is committed; None: it goes straight into the warehouse."""

    @property
    def warehouse(self) -> Warehouse:
        """Where the tables live."""
        return self.readings.warehouse


@dataclass(frozen=True, slots=True)
class Failure:
    """A window that could not be done."""

    window: Window | None
    error: DerivedError


@dataclass
class Outcome:
    """What a run of one table did."""

    table: str
    plan: Plan
    entries: list[Entry] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    """What there is to say of the table as a whole."""
    defined: Table | None = None
    """The table as its file defines it; None where that has faults."""

    @property
    def rows(self) -> int:
        """Rows of all windows that were done, and of what there is of one that was not."""
        done = {entry.window for entry in self.entries if entry.kind == "commit"}
        return sum(entry.rows for entry in self.entries if entry.kind == "commit" or entry.window not in done)

    @property
    def seconds(self) -> float:
        """Seconds that the windows took together."""
        return sum(entry.seconds for entry in self.entries)

    @property
    def untried(self) -> tuple[Step, ...]:
        """Steps of the plan that were not tried, as the run gave up."""
        done = sum(entry.kind == "commit" for entry in self.entries)
        return self.plan.windows[done + len(self.failures) :]


class Observer(Protocol):
    """Whom runs tell what they do: a person's terminal, or Prefect."""

    def planned(self, table: str, plan: Plan) -> None:
        """Take what the run of a table will do, before it does it."""

    def reach(self, table: str, work: Callable[[], Reached]) -> Reached:
        """Reach the source of a table; may do it again after a transient error."""

    def step(self, table: str, step: Step, work: Callable[[], Entry]) -> Entry:
        """Do the work of one step and return its entry; may do it again after a transient error."""

    def extract(self, table: str, step: Step, slot: Slot, work: Callable[[], Manifest]) -> Manifest:
        """Do the first half of a step, which reads; may know by the slot's cache key what the work would give."""

    def load(self, table: str, step: Step, work: Callable[[], Entry]) -> Entry:
        """Do the other half and return the step's entry; may do it again after a transient error."""

    def say(self, line: str) -> None:
        """Take a line for the log."""

    def ended(self, outcome: Outcome) -> None:
        """Take what was done for a table, and what was not."""


def run_table(parts: Parts, request: Request, observer: Observer) -> Outcome:
    """Bring one table up to date. A window that fails keeps no other from being tried.

    Raises:
        TableFileError: its file has faults.
        UsageError: there is no such table.
        DerivedError: it could not be planned or prepared.
    """
    table = parts.project.table(request.table)
    parts.project.require_valid(table.identity)
    found = parts.source_of(table) if table.source else None
    reached = found if isinstance(found, Reached) else None
    todo = make_plan(parts.project, table, parts.readings, request, reached)
    if len(todo.windows) > 1:
        todo = with_bytes(todo, parts.project, table, parts.warehouse)
    run = _table_run(parts, table, todo, reached, rebuild=request.rebuild)
    observer.planned(table.identity, todo)
    try:
        unreached = found if isinstance(found, DerivedError) else None
        require_ready(run, todo, unreached, parts.warehouse, accept=request.accept)
        changed = prepare(run, todo, parts.warehouse)
        if table.source and table.window and todo.changes and not request.rebuild:
            run = redefine.accepted(run, todo, parts.warehouse)
        if todo.windows:
            ledger.keep_definition(parts.warehouse, table, run.run_by, run.git_commit)
        extracts = _extracts(run, todo, parts, request)
        if extracts is not None:
            todo = replace(todo, windows=tuple(extracts.steps(todo.windows)))
        outcome = Outcome(table.identity, todo, defined=table)
        _do_steps(run, outcome, parts.warehouse, extracts, observer)
    finally:
        if todo.windows or todo.changes:
            parts.readings.forget(table.identity)
    if not outcome.failures and (request.rebuild or request.accept or (request.force and request.bounds == EVER)):
        # No row is left of which there is anything to say.
        outcome.plan = replace(outcome.plan, changes=())
    outcome.notices = [] if request.force and request.bounds == EVER else changed
    observer.ended(outcome)
    return outcome


def _do_steps(
    run: TableRun, outcome: Outcome, warehouse: Warehouse, extracts: Extracts | None, observer: Observer
) -> None:
    """Do the steps of a plan; a run that meets one kind of failure all the time, or another run, gives up."""
    in_a_row = 0
    for step in outcome.plan.windows:
        try:
            for entry in _entries(run, step, warehouse, extracts, observer, first=not outcome.entries):
                outcome.entries.append(entry)
            in_a_row = 0
        except DerivedError as error:
            same = bool(outcome.failures) and type(outcome.failures[-1].error) is type(error)
            in_a_row = in_a_row + 1 if same else 1
            outcome.failures.append(Failure(step.window, error))
            if in_a_row == PATIENCE or isinstance(error, ConflictError):
                return


def _extracts(run: TableRun, todo: Plan, parts: Parts, request: Request) -> Extracts | None:
    if parts.stage is None or run.source is None or not todo.windows:
        return None
    from flows.engine.extract import extracts_of  # noqa: PLC0415 - only where there is a stage

    try:
        return extracts_of(run, parts.stage, parts.warehouse, refresh=request.force or request.rebuild)
    except DerivedError as error:
        record_failure(run, todo.windows[0], parts.warehouse, error)
        raise


def _entries(  # noqa: PLR0913 - one for each way to do a step
    run: TableRun, step: Step, warehouse: Warehouse, extracts: Extracts | None, observer: Observer, *, first: bool
) -> Iterator[Entry]:
    """Do a step and give its entry; those of all its parts where it is a first copy."""
    copy = first_copy(run.source, run.table, step, run.known_version, partial(has_rows, run.table, warehouse))
    try:
        ended = False
        while not ended:
            work = partial(commit_step, run, step, warehouse, first=first, copy=copy)
            if extracts is not None:
                entry = _in_two_steps(extracts, step, copy, observer, work)
            else:
                entry = observer.step(run.table.identity, step, work)
            yield entry
            first, ended = False, entry.kind == "commit"
    finally:
        if copy is not None:
            copy.close()


def _in_two_steps(
    extracts: Extracts, step: Step, copy: FirstCopy | None, observer: Observer, load: Callable[..., Entry]
) -> Entry:
    """Read a step's rows into the stage, and bring them from there into the warehouse."""
    slot, table = extracts.slot(step, copy), extracts.run.table.identity
    manifest = observer.extract(table, step, slot, partial(extracts.read, step, slot, copy))
    try:
        entry = observer.load(table, step, partial(load, extract=extracts.stage.extract(manifest)))
    except DerivedError as error:
        extracts.failed(error, slot)
        raise
    extracts.committed(entry, slot)
    return entry


def make_plan(
    project: Project, table: Table, readings: Readings, request: Request, reached: Reached | None = None
) -> Plan:
    """Return what is to do for a table.

    Windows of a core table close by its source's clock where that is behind the warehouse's: as it is now, or where
    the source was not reached, as it was at the last commit.

    Raises UsageError where nothing of the table can be meant.
    """
    dependencies = project.upstreams(table.identity) if table.sql else ()
    found = readings.of(table.identity, [item.table for item in dependencies])
    known = found[table.identity].state
    now = readings.warehouse.now()
    recorded = known.last.behind if known.last else timedelta(0)
    closes = now - (reached.behind(now) if reached else recorded)
    bounds = _bounds(table, request, closes)
    found_todo = plan(
        table,
        dependencies,
        known,
        {item.table: found[item.table].upstream for item in dependencies},
        Moment(closes, _due(table, now)),
        bounds=bounds,
        force=request.force or request.rebuild,
    )
    return failed_last(found_todo, found[table.identity].failing)


def _bounds(table: Table, request: Request, now: datetime) -> Window:
    """Return the range of whole windows that is asked for. Raises UsageError where nothing can be meant."""
    if sum((request.force, request.rebuild, request.accept)) > 1:
        raise UsageError("--force, --rebuild and --accept each say something else: give one of them.")
    if request.rebuild and table.strategy != "merge" and not (table.source and table.window):
        raise UsageError(f"{table.identity} is not merged, so that --force does what --rebuild would.")
    if (request.rebuild or request.accept) and request.bounds != EVER:
        raise UsageError("--rebuild and --accept are of the whole table: leave --from and --to out.")
    if request.bounds == EVER:
        return EVER
    if table.window is None:
        raise UsageError(f"{table.identity} is made as a whole and has no windows: leave --from and --to out.")
    closed, size = table.window.closed(now), table.window.size
    if closed and (span := closed.intersect(request.bounds)):
        return Window(size.floor(span.start), size.ceiling(span.end))
    there = f"those that have closed go from {short(closed.start)} to {short(closed.end)}" if closed else ""
    options = (("--from", request.bounds.start), ("--to", request.bounds.end))
    asked = " and ".join(f"{name} {short(moment)}" for name, moment in options if moment not in {BEGINNING, END})
    raise UsageError(f"{table.identity}: no window of {size} lies within {asked}; {there or 'none has closed yet'}.")


def _due(table: Table, now: datetime) -> datetime:
    """Return when the schedule of a full copy was due last; other tables look at their windows instead."""
    if table.source is None or table.window is not None:
        return BEGINNING
    from croniter import croniter  # noqa: PLC0415 - slow to import, and only a full copy needs it

    moment: datetime = croniter(table.schedule, now).get_prev(datetime)
    return moment.astimezone(UTC)


def _table_run(parts: Parts, table: Table, todo: Plan, reached: Reached | None, *, rebuild: bool) -> TableRun:
    return TableRun(
        table=table,
        run_id=uuid.uuid4().hex,
        run_by=parts.author.name,
        git_commit=parts.author.git_commit,
        known_version=todo.version,
        upstreams=todo.upstreams,
        schema=parts.project.schema(table.identity),
        source=reached.source if reached else None,
        source_behind=reached.behind(parts.warehouse.now()) if reached else timedelta(0),
        rebuild=rebuild,
        redefined=bool(todo.changes),
        unread=parts.readings.of(table.identity)[table.identity].warned["unread"],
    )
