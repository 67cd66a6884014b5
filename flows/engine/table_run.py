"""Bring one table up to date: plan what is to do, and do it window by window."""

from __future__ import annotations

import uuid
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from flows.engine import generations, redefine
from flows.engine.commit import TableRun, record_failure
from flows.engine.definitions import keep_definition
from flows.engine.do_steps import do_steps
from flows.engine.estimate import estimated
from flows.engine.outcome import Failure, Outcome
from flows.engine.planning import bounds_of, make_plan
from flows.engine.prepare import column_notices, prepare, require_ready
from flows.engine.request import Reached, Request
from flows.engine.steps import Edition, Plan
from flows.model.errors import ConflictError, DerivedError, SqlError
from flows.model.window import EVER, merge
from flows.sql import names_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from concurrent.futures import Future

    from flows.engine.extract import Extracts
    from flows.engine.outcome import Observer
    from flows.engine.readings import Readings
    from flows.engine.request import Author
    from flows.extracts.stage import Stage
    from flows.model.table import Table
    from flows.project.project import Project
    from flows.warehouses.interface import Warehouse


@dataclass(frozen=True, slots=True)
class Parts:
    """What runs are put together from."""

    project: Project
    readings: Readings
    author: Author
    source_of: Callable[[Table], Reached | DerivedError]
    """Returns where a core table's rows come from, or why that cannot be reached; waits where it is being reached."""
    stage: Stage | None = None
    """Where what is read of sources is kept until it is committed; None: it goes straight into the warehouse."""
    awaited: Callable[[Table], Future[Reached | DerivedError] | None] = lambda _: None
    """Returns what ends with the answer of a core table's source; None where nothing is waited for."""

    @property
    def warehouse(self) -> Warehouse:
        """Where the tables live."""
        return self.readings.warehouse


def run_table(parts: Parts, request: Request, observer: Observer) -> Outcome:
    """Bring one table up to date. A window that fails keeps no other from being tried.

    Raises:
        TableFileError: its file has faults.
        UsageError: there is no such table.
        DerivedError: it could not be planned or prepared.
    """
    table = parts.project.table(request.table)
    parts.project.require_valid(table.identity)
    found = parts.source_of(table) if table.source and not request.trim else None
    reached = found if isinstance(found, Reached) else None
    _carry_out_swaps(parts, table)
    if request.abandon or request.rollback:
        return _turn_back(parts, table, request, observer)
    lendings = parts.warehouse.lendings
    plan = partial(make_plan, parts.project, table, parts.readings)
    todo = estimated(plan(request, reached), parts.project, table, parts.warehouse)
    observer.planned(table.identity, todo)
    outcome = Outcome(table.identity, todo, defined=table, lendings=lendings)

    def plan_anew() -> Plan:
        # What is known of the table may be from before this run's own entries.
        parts.readings.forget(table.identity)
        # The rows of a core table are accepted by then, at once, and those of a derived one window by window.
        return plan(replace(request, accept=request.accept and table.source is None), reached)

    try:
        if table.source:
            _ingest(parts, request, outcome, found, observer, plan_anew)
        else:
            _derive(parts, outcome, observer, plan_anew)
    finally:
        if todo.windows or todo.changes or todo.succession or todo.abandons is not None:
            parts.readings.forget(table.identity)
    if not outcome.failures and (request.rebuild or request.accept or (request.force and request.bounds == EVER)):
        # No row is left of which there is anything to say.
        outcome.plan = replace(outcome.plan, changes=())
    observer.ended(outcome)
    return outcome


def _turn_back(parts: Parts, table: Table, request: Request, observer: Observer) -> Outcome:
    """Do what a person decides of a table's generations, and nothing else."""
    bounds_of(table, request, parts.warehouse.now())
    reading = parts.readings.of(table.identity)[table.identity]
    run = _table_run(parts, Edition(table, reading.generation, {}), Plan(version=reading.state.version))
    try:
        done = generations.turn_back(run, reading, parts.warehouse, abandon=request.abandon)
    finally:
        parts.readings.forget(table.identity)
    outcome = Outcome(table.identity, Plan(version=done.version), defined=table, turned=done)
    observer.ended(outcome)
    return outcome


def _carry_out_swaps(parts: Parts, table: Table) -> None:
    """Finish swaps of a table, and of those that it reads, that nobody has seen carried out."""
    names = {item.table for item in parts.project.upstreams(table.identity)} if table.sql else set()
    present = parts.readings.of(table.identity, names)[table.identity].present
    if present is not None and present is not table and present.sql:
        # What no longer compiles is for the plan to tell of.
        with suppress(SqlError):
            names |= names_of(present.sql)[0].keys() & parts.project.tables.keys()
    for name in generations.carry_out(parts.readings.of(table.identity, names), parts.warehouse):
        parts.readings.forget(name)


def _ingest(  # noqa: PLR0913, PLR0917 - what is asked, planned and told
    parts: Parts,
    request: Request,
    outcome: Outcome,
    found: Reached | DerivedError | None,
    observer: Observer,
    plan: Callable[[], Plan],
) -> None:
    """Copy what is to be copied of a core table, and let a generation that is whole take its place."""
    todo, warehouse = outcome.plan, parts.warehouse
    reached = {one.generation: _reached(parts, one, todo, found) for one in todo.editions}
    runs = {one.generation: _table_run(parts, one, todo, reached[one.generation]) for one in todo.editions}
    newest = runs[todo.editions[-1].generation]
    require_ready(newest, todo, found if isinstance(found, DerivedError) else None, warehouse, accept=request.accept)
    for number, answer in reached.items():
        if isinstance(answer, DerivedError) and number != newest.generation:
            outcome.failures.append(Failure(None, answer))
            outcome.plan = todo = replace(
                todo, windows=tuple(step for step in todo.windows if step.generation != number)
            )
    version = _turn(parts, newest, todo)
    runs = {number: replace(run, known_version=version) for number, run in runs.items()}
    held = parts.readings.of(outcome.table)[outcome.table].state.committed
    numbers = list(dict.fromkeys(step.generation for step in todo.windows) or [newest.generation])
    changed = [notice for number in numbers for notice in column_notices(runs[number].into, todo, warehouse)]
    if newest.table.window and todo.changes and todo.succession is None and not request.trim:
        # First, and with all that it alters: until somebody has said so the table stays as it is.
        runs[newest.generation] = redefine.accepted(runs[newest.generation], todo, warehouse)
    for number in numbers if todo.windows or changed else ():
        prepare(runs[number], todo, warehouse)
    for number in dict.fromkeys(step.generation for step in todo.windows):
        keep_definition(warehouse, runs[number].table, newest.run_by, newest.git_commit)
    extracts = _extracts(runs, todo, parts, request)
    if extracts:
        steps = tuple(part for step in todo.windows for part in extracts[step.generation].steps([step]))
        outcome.plan = replace(todo, windows=steps)
    _do(parts, outcome, runs, extracts, observer, plan, found)
    outcome.held = merge(commit.window for commit in held)
    outcome.notices = [] if request.force and request.bounds == EVER else changed


def _derive(parts: Parts, outcome: Outcome, observer: Observer, plan: Callable[[], Plan]) -> None:
    """Make what is to be made of a derived table, and let a generation that is whole take its place."""
    todo, warehouse = outcome.plan, parts.warehouse
    runs = {one.generation: _table_run(parts, one, todo) for one in todo.editions}
    newest = runs[todo.editions[-1].generation]
    version = _turn(parts, newest, todo)
    before = todo.succession.before if todo.succession else None
    runs = {number: replace(run, known_version=version, before=before) for number, run in runs.items()}
    for number in dict.fromkeys(step.generation for step in todo.windows):
        prepare(runs[number], todo, warehouse)
        keep_definition(warehouse, runs[number].table, newest.run_by, newest.git_commit)
    _do(parts, outcome, runs, {}, observer, plan)


def _turn(parts: Parts, newest: TableRun, todo: Plan) -> int:
    """Begin or abandon the generation that a plan is about; return the table's version."""
    reading = parts.readings.of(newest.table.identity)[newest.table.identity]
    generations.refuse_older(newest, todo, reading, parts.warehouse)
    return generations.turn(newest, todo, reading, parts.warehouse)


def _do(  # noqa: PLR0913, PLR0917 - what is planned, of which parts, and who is told
    parts: Parts,
    outcome: Outcome,
    runs: Mapping[int, TableRun],
    extracts: Mapping[int, Extracts],
    observer: Observer,
    plan: Callable[[], Plan],
    found: Reached | DerivedError | None = None,
) -> None:
    """Do the steps of a plan, and let the generation that it is about take its place where all of it is there.

    What failed before of what readers see is tried last, and where that does not go.
    """
    todo, warehouse = outcome.plan, parts.warehouse
    again = todo.succession.again if todo.succession else ()
    outcome.plan = replace(todo, windows=todo.windows[: len(todo.windows) - len(again)])
    do_steps(runs, outcome, warehouse, extracts, observer, plan)
    if todo.succession is None:
        return
    newest = runs[todo.succession.generation]
    parts.readings.forget(outcome.table)
    reached = found if isinstance(found, Reached) else None
    try:
        left = make_plan(parts.project, newest.table, parts.readings, Request(outcome.table), reached)
    except DerivedError as error:
        if all(one.error.kind != error.kind for one in outcome.failures):
            outcome.failures.append(Failure(None, error))
        return
    if left.succession is not None and left.succession.is_whole and not left.succession.begins:
        prepare(newest, left, warehouse)
        if not left.succession.windows:
            warehouse.prepare(newest.into, left.version)
        outcome.swap(generations.succeed(newest, left, warehouse), newest.generation)
        return
    if any(isinstance(failure.error, ConflictError) for failure in outcome.failures):
        outcome.untried += again
    elif again:
        outcome.plan = replace(outcome.plan, windows=again)
        do_steps(runs, outcome, warehouse, extracts, observer, plan)
    outcome.plan = replace(outcome.plan, windows=todo.windows)
    if todo.still is not None:
        outcome.failures.append(Failure(None, todo.still))


def _extracts(runs: Mapping[int, TableRun], todo: Plan, parts: Parts, request: Request) -> dict[int, Extracts]:
    """Return what was read before of each generation that steps are of; nothing where there is no stage."""
    if parts.stage is None or all(run.source is None for run in runs.values()) or not todo.windows:
        return {}
    from flows.engine.extract import extracts_of  # noqa: PLC0415 - only where there is a stage

    refresh = request.force or request.rebuild
    try:
        numbers = {step.generation for step in todo.windows}
        return {one: extracts_of(runs[one], parts.stage, parts.warehouse, refresh=refresh) for one in numbers}
    except DerivedError as error:
        record_failure(runs[todo.windows[0].generation], todo.windows[0], parts.warehouse, error)
        raise


def _reached(
    parts: Parts, edition: Edition, todo: Plan, found: Reached | DerivedError | None
) -> Reached | DerivedError | None:
    """Return where the rows of an edition come from: by another definition than the file's it may be elsewhere."""
    is_file = edition.table is parts.project.tables[edition.table.identity]
    if is_file or found is None or all(step.generation != edition.generation for step in todo.windows):
        return found
    return parts.source_of(edition.table)


def _table_run(parts: Parts, edition: Edition, todo: Plan, found: Reached | DerivedError | None = None) -> TableRun:
    name = edition.table.identity
    reached = found if isinstance(found, Reached) else None
    return TableRun(
        table=edition.table,
        run_id=uuid.uuid4().hex,
        run_by=parts.author.name,
        git_commit=parts.author.git_commit,
        precedes=parts.author.precedes,
        known_version=todo.version,
        upstreams=edition.upstreams,
        schema=edition.schema,
        keys=edition.keys,
        source=reached.source if reached else None,
        source_behind=reached.behind(parts.warehouse.now()) if reached else timedelta(0),
        unread=parts.readings.of(name)[name].warned["unread"] if edition.table.source else (),
        generation=edition.generation,
        is_shadow=edition.is_shadow,
        lines=parts.project.lines(name),
    )
