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
from flows.engine.prepare import prepare, require_ready
from flows.engine.request import Reached, Request
from flows.engine.steps import Edition, Plan
from flows.model.errors import ConflictError, DerivedError, SqlError, UsageError
from flows.model.window import EVER
from flows.sql import names_of

if TYPE_CHECKING:
    from collections.abc import Callable

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
    """Returns where a core table's rows come from, or why that cannot be reached."""
    stage: Stage | None = None
    """Where what is read of sources is kept until it is committed; None: it goes straight into the warehouse."""

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
    plan = partial(make_plan, parts.project, table, parts.readings, request, reached)
    todo = estimated(plan(), parts.project, table, parts.warehouse)
    observer.planned(table.identity, todo)
    outcome = Outcome(table.identity, todo, defined=table, lendings=lendings)

    def plan_anew() -> Plan:
        # What is known of the table may be from before this run's own entries.
        parts.readings.forget(table.identity)
        return plan()

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
    """Do what a person decides of a derived table's generations, and nothing else."""
    if table.source is not None:
        raise UsageError(f"{table.identity} is a core table, which has no generations to turn back to.")
    bounds_of(table, request, parts.warehouse.now())
    reading = parts.readings.of(table.identity)[table.identity]
    run = _table_run(parts, Edition(table, reading.generation, {}), Plan(version=reading.state.version))
    try:
        done = generations.turn_back(run, reading, parts.warehouse, abandon=request.abandon)
    finally:
        parts.readings.forget(table.identity)
    what = "is dropped" if request.abandon else "is what readers see again"
    observer.say(
        f"{table.identity}: generation {done.generation} {what}. The file as it is begins no other by itself: "
        f"change it, or python -m flows.derive {table.identity} --force."
    )
    return Outcome(table.identity, Plan(version=done.version), defined=table)


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
    """Copy what is to be copied of a core table."""
    todo, warehouse = outcome.plan, parts.warehouse
    reached = found if isinstance(found, Reached) else None
    run = _table_run(parts, todo.editions[0], todo, reached, rebuild=request.rebuild)
    require_ready(run, todo, found if isinstance(found, DerivedError) else None, warehouse, accept=request.accept)
    changed = prepare(run, todo, warehouse)
    if run.table.window and todo.changes and not (request.rebuild or request.trim):
        run = redefine.accepted(run, todo, warehouse)
    if todo.windows:
        keep_definition(warehouse, run.table, run.run_by, run.git_commit)
    extracts = _extracts(run, todo, parts, request)
    if extracts is not None:
        outcome.plan = replace(todo, windows=tuple(extracts.steps(todo.windows)))
    do_steps({run.generation: run}, outcome, warehouse, extracts, observer, plan)
    outcome.notices = [] if request.force and request.bounds == EVER else changed


def _derive(parts: Parts, outcome: Outcome, observer: Observer, plan: Callable[[], Plan]) -> None:
    """Make what is to be made of a derived table, and let a generation that is whole take its place."""
    todo, warehouse = outcome.plan, parts.warehouse
    runs = {one.generation: _table_run(parts, one, todo) for one in todo.editions}
    newest = runs[todo.editions[-1].generation]
    reading = parts.readings.of(outcome.table)[outcome.table]
    generations.refuse_older(newest, todo, reading, warehouse, parts.author.precedes)
    version = generations.turn(newest, todo, reading, warehouse)
    before = todo.succession.before if todo.succession else None
    runs = {number: replace(run, known_version=version, before=before) for number, run in runs.items()}
    for number in dict.fromkeys(step.generation for step in todo.windows):
        prepare(runs[number], todo, warehouse)
        keep_definition(warehouse, runs[number].table, newest.run_by, newest.git_commit)
    again = todo.succession.again if todo.succession else ()
    outcome.plan = replace(todo, windows=todo.windows[: len(todo.windows) - len(again)])
    do_steps(runs, outcome, warehouse, None, observer, plan)
    if todo.succession is None:
        return
    parts.readings.forget(outcome.table)
    try:
        left = make_plan(parts.project, newest.table, parts.readings, Request(outcome.table))
    except DerivedError as error:
        if all(one.error.kind != error.kind for one in outcome.failures):
            outcome.failures.append(Failure(None, error))
        return
    if left.succession is not None and left.succession.is_whole and not left.succession.begins:
        prepare(newest, left, warehouse)
        outcome.swap(generations.succeed(newest, left, warehouse), newest.generation)
        return
    if any(isinstance(failure.error, ConflictError) for failure in outcome.failures):
        outcome.untried += again
    elif again:
        outcome.plan = replace(outcome.plan, windows=again)
        do_steps(runs, outcome, warehouse, None, observer, plan)
    outcome.plan = replace(outcome.plan, windows=todo.windows)
    if todo.still is not None:
        outcome.failures.append(Failure(None, todo.still))


def _extracts(run: TableRun, todo: Plan, parts: Parts, request: Request) -> Extracts | None:
    if parts.stage is None or run.source is None or not todo.windows:
        return None
    from flows.engine.extract import extracts_of  # noqa: PLC0415 - only where there is a stage

    try:
        return extracts_of(run, parts.stage, parts.warehouse, refresh=request.force or request.rebuild)
    except DerivedError as error:
        record_failure(run, todo.windows[0], parts.warehouse, error)
        raise


def _table_run(
    parts: Parts, edition: Edition, todo: Plan, reached: Reached | None = None, *, rebuild: bool = False
) -> TableRun:
    name = edition.table.identity
    return TableRun(
        table=edition.table,
        run_id=uuid.uuid4().hex,
        run_by=parts.author.name,
        git_commit=parts.author.git_commit,
        known_version=todo.version,
        upstreams=edition.upstreams,
        schema=edition.schema,
        source=reached.source if reached else None,
        source_behind=reached.behind(parts.warehouse.now()) if reached else timedelta(0),
        rebuild=rebuild,
        redefined=bool(todo.changes),
        unread=parts.readings.of(name)[name].warned["unread"] if edition.table.source else (),
        generation=edition.generation,
        is_shadow=edition.is_shadow,
    )
