"""Plan a run of one table: of the rows that readers see, and of those that are to take their place."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from flows.engine.accept import accepting, require_acceptable
from flows.engine.plan import failed_before, failed_last, plan
from flows.engine.state import LedgerState, as_it_is
from flows.engine.steps import Edition, Moment, Plan, Reason, Step, Succession
from flows.model.errors import DefinitionError, DerivedError, SqlError, UsageError
from flows.model.window import BEGINNING, END, EVER, Window, merge, short
from flows.project.definition import code_version
from flows.sql import analyze, names_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flows.engine.readings import Readings
    from flows.engine.request import Reached, Request
    from flows.engine.state import Generation, Reading
    from flows.model.definition import Change
    from flows.model.dependency import Dependency
    from flows.model.table import Table
    from flows.project.project import Project

WAITS_FOR_TIME = {"end", "change", "schedule"}
"""Kinds of waits for what is not yet to be made."""


def make_plan(
    project: Project, table: Table, readings: Readings, request: Request, reached: Reached | None = None
) -> Plan:
    """Return what is to do for a table.

    Windows of a core table close by its source's clock where that is behind the warehouse's: as it is now, or where
    the source was not reached, as it was at the last commit.

    Raises UsageError where nothing of the table can be meant.
    """
    names = [item.table for item in project.upstreams(table.identity)] if table.sql else ()
    reading = readings.of(table.identity, names)[table.identity]
    now, last = readings.warehouse.now(), reading.state.last
    recorded = last.behind if last else timedelta(0)
    closes = now - (reached.behind(now) if reached else recorded)
    bounds = bounds_of(table, request, closes)
    moment = Moment(closes, _due(table, now))
    asked = _Asked(
        project,
        readings,
        moment,
        bounds,
        force=request.force,
        rebuild=request.rebuild,
        accept=request.accept,
        trim=request.trim,
    )
    return (_plan_derived if table.sql else _plan_core)(asked, table, reading)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What all plans of a run share."""

    project: Project
    readings: Readings
    moment: Moment
    bounds: Window = EVER
    """Only windows that lie in this range."""
    force: bool = False
    """Also those that are up to date."""
    rebuild: bool = False
    """All are to be made again, beside those that readers see."""
    accept: bool = False
    """Those that readers see are to stay, as if the changed definition had made them."""
    trim: bool = False
    """Nothing is to be done but that rows of a core table go which it is to hold no longer."""


def _plan_core(asked: _Asked, table: Table, reading: Reading) -> Plan:
    """Return what is to be copied of a core table."""
    force = asked.force or asked.rebuild
    todo = plan(table, (), reading.state, {}, asked.moment, bounds=asked.bounds, force=force, trim=asked.trim)
    if not asked.rebuild:  # that is one step, which starts over
        todo = _in_order(todo, reading)
    return _of_edition(todo, Edition(table, reading.generation, asked.project.schema(table.identity)))


def _plan_derived(asked: _Asked, table: Table, reading: Reading) -> Plan:
    """Return what is to be made of a derived table.

    Raises SqlError where its SQL does not fit the tables that it reads, as they are.
    """
    live, begun = reading.state, reading.begun
    changes = live.changes or next(iter(live.changed.values()), ())
    goes_on = begun if begun is not None and not begun.state.changed and not begun.is_lost else None
    abandons = begun.number if begun is not None and goes_on is None else None
    is_declined = bool(changes) and reading.declined == code_version(table)
    if asked.accept:
        require_acceptable(table, reading.present, changes, asked.readings.warehouse)
    if is_declined and reading.present is not None and not (asked.rebuild or asked.force or asked.accept):
        todo = _plan_edition(asked, as_it_is(reading.present, live), reading.generation, live)
        return replace(_in_order(todo, reading), changes=changes)
    if changes or (live.committed and (goes_on or asked.rebuild)):
        return replace(_plan_succession(asked, table, reading, changes, goes_on), abandons=abandons)
    todo = _plan_edition(asked, table, reading.generation, live, waits=not live.committed, force=asked.force)
    return replace(_in_order(todo, reading), abandons=abandons)


def _plan_succession(
    asked: _Asked, table: Table, reading: Reading, changes: tuple[Change, ...], goes_on: Generation | None
) -> Plan:
    """Return a plan that first keeps up to date what readers see, and then makes what will take its place."""
    still: DerivedError | None = None
    present = Plan()
    try:
        if reading.present is None or reading.present.sql is None:
            raise DefinitionError("nobody knows any more by which SQL they were made")
        if reading.state.committed:
            there = as_it_is(reading.present, reading.state)
            present = _plan_edition(asked, there, reading.generation, reading.state)
    except (DerivedError, KeyError) as error:
        still = _still(table, error)
    number = goes_on.number if goes_on else reading.newest + 1
    state = goes_on.state if goes_on else LedgerState(reading.state.version)
    following = _plan_edition(asked, table, number, state, waits=True, force=asked.force, is_shadow=True)
    every = following
    if asked.bounds != EVER or asked.force:
        unbounded = replace(asked, bounds=EVER)
        every = _plan_edition(unbounded, table, number, state, waits=True, is_shadow=True)
    if asked.accept:
        following = _accepting(asked, reading, following, state, present)
    renewed = _in_order(present, reading).windows
    again: tuple[Step, ...] = ()
    if following.windows and not asked.accept:
        again = tuple(filter(failed_before(reading.failing), renewed))
    windows = _count(table, asked.moment)
    succession = Succession(
        number,
        reading.generation,
        reading.present,
        changes,
        windows,
        windows - sum(step.cause == "missing" for step in every.windows) - _waiting(table, every),
        begins=goes_on is None,
        is_whole=bool(state.committed) and not _lacks(every, reading),
        again=again,
    )
    return replace(
        following,
        windows=(
            *renewed[: len(renewed) - len(again)],
            *_redefined(_in_order(following, reading), changes),
            *again,
        ),
        version=reading.state.version,
        editions=(*present.editions, *following.editions),
        behind=present.behind,
        kept=present.kept,
        succession=succession,
        still=still,
    )


def _accepting(asked: _Asked, reading: Reading, todo: Plan, made: LedgerState, present: Plan) -> Plan:
    """Return the plan of a generation that takes over what is there."""
    table, read = reading.table, None
    with suppress(DerivedError, KeyError):
        assert reading.present is not None  # noqa: S101 - it was required
        dependencies, _, _ = _edition(asked, reading.present, reading.generation, waits=False, is_shadow=False)
        names = [item.table for item in dependencies]
        found = asked.readings.of(table.identity, names)
        read = dependencies, {name: found[name].upstream for name in names}
    renewed = [step for step in present.windows if step.cause != "trim"]
    taken = accepting(todo, table, reading.state, made, asked.moment, asked.bounds, read=read, renewed=renewed)
    number = todo.editions[0].generation
    return replace(taken, windows=tuple(replace(step, generation=number) for step in taken.windows))


def _plan_edition(  # noqa: PLR0913 - what the editions of a table differ in
    asked: _Asked,
    table: Table,
    generation: int,
    known: LedgerState,
    *,
    waits: bool = False,
    force: bool = False,
    is_shadow: bool = False,
) -> Plan:
    """Return what is to do for one edition.

    It `waits` where its SQL is meant for rows as the files say, which some tables that it reads may not hold yet.

    Raises:
        SqlError: its SQL does not fit the tables that it reads.
        KeyError: one of them is no more.
    """
    dependencies, edition, unfinished = _edition(asked, table, generation, waits=waits, is_shadow=is_shadow)
    names = [item.table for item in dependencies]
    found = asked.readings.of(table.identity, names)
    upstreams = {name: found[name].upstream for name in names}
    # That it was made by other definitions is for `_plan_derived` to see.
    todo = plan(
        table,
        dependencies,
        replace(known, changed={}),
        upstreams,
        asked.moment,
        bounds=asked.bounds,
        force=force,
        unfinished=unfinished,
    )
    return _of_edition(todo, edition)


def _edition(
    asked: _Asked, table: Table, generation: int, *, waits: bool, is_shadow: bool
) -> tuple[Sequence[Dependency], Edition, list[str]]:
    """Return a table as one definition has it and what it reads as that holds it now, and which of that it waits for.

    What it reads may differ from its file for good, as somebody has turned away from that: SQL that fits what is there
    does not wait.
    """
    project = asked.project
    is_file = table is project.tables[table.identity]
    names = (
        [item.table for item in project.upstreams(table.identity)] if is_file else list(names_of(table.sql or "")[0])
    )
    found = asked.readings.of(table.identity, names)
    schema = project.schema(table.identity)
    differing = [name for name in names if found[name].present is not found[name].table]
    unfinished = [name for name in names if waits and found[name].upstream.is_unfinished]
    as_file_says = Edition(table, generation, schema, is_shadow=is_shadow)
    if is_file and (unfinished or not differing):
        return project.upstreams(table.identity), as_file_says, unfinished
    read = {name: found[name].present or found[name].table for name in names}
    types = {name: one.types for name, one in read.items()}
    partitions = {name: one.partition.column for name, one in read.items() if one.partition}
    try:
        analysis = analyze(table.sql or "", types, partitions, by_window=table.window is not None)
    except SqlError:
        if not is_file:
            raise
        return project.upstreams(table.identity), as_file_says, differing
    schema = {**schema, **types, table.identity: table.types}
    return analysis.dependencies, Edition(table, generation, schema, is_shadow=is_shadow), unfinished


def _redefined(todo: Plan, changes: tuple[Change, ...]) -> list[Step]:
    """Return steps of which those that are missing are so for what the file changes."""
    why = Reason("definition", changes=changes)
    return [replace(step, reason=why) if changes and step.cause == "missing" else step for step in todo.windows]


def _of_edition(todo: Plan, edition: Edition) -> Plan:
    steps = tuple(replace(step, generation=edition.generation) for step in todo.windows)
    return replace(todo, windows=steps, editions=(replace(edition, upstreams=todo.upstreams),))


def _in_order(todo: Plan, reading: Reading) -> Plan:
    return failed_last(todo, reading.failing, reading.table)


def _still(table: Table, error: Exception) -> DefinitionError:
    why = "; ".join(fault.message for fault in error.faults) if isinstance(error, SqlError) else str(error)
    if isinstance(error, KeyError):
        why = f"there is no table {error.args[0]} any more"
    return DefinitionError(
        f"{table.identity}: it stands still until its changed definition is made: what readers see cannot be kept up "
        f"to date, as {why}."
    )


def _count(table: Table, moment: Moment) -> int:
    """Return how many windows of a table have closed."""
    if table.window is None:
        return 1
    closed = table.window.closed(moment.now)
    return sum(1 for _ in table.window.size.split(closed)) if closed else 0


def _waiting(table: Table, todo: Plan) -> int:
    """Return how many windows have closed and wait for other tables."""
    waiting = [one.window for one in todo.waiting if one.wait.kind not in WAITS_FOR_TIME]
    if table.window is None:
        return len(waiting)
    return sum(sum(1 for _ in table.window.size.split(window)) for window in waiting if window)


def _lacks(todo: Plan, reading: Reading) -> bool:
    """Say whether a generation has not all that is to be there before it takes the place of another.

    Windows that wait and that the other has not either are made when they can be.
    """
    if todo.windows:
        return True
    there = merge(commit.window for commit in reading.state.committed)
    waiting = [one.window for one in todo.waiting if one.wait.kind not in WAITS_FOR_TIME]
    return any(window is None or any(window.overlaps(span) for span in there) for window in waiting)


def bounds_of(table: Table, request: Request, now: datetime) -> Window:
    """Return the range of whole windows that is asked for. Raises UsageError where nothing can be meant."""
    turns_back = request.abandon or request.rollback
    switches = (request.force, request.rebuild, request.accept, request.trim, request.abandon, request.rollback)
    if sum(switches) > 1:
        others = ", --abandon, --rollback" if turns_back else ", --trim" if request.trim else ""
        raise UsageError(f"--force, --rebuild{others} and --accept each say something else: give one of them.")
    if turns_back and request.bounds != EVER:
        raise UsageError("--abandon and --rollback are of the whole table: leave --from and --to out.")
    if request.rebuild and table.strategy != "merge" and not table.source:
        raise UsageError(f"{table.identity} is not merged, so that --force does what --rebuild would.")
    if request.rebuild and request.bounds != EVER:
        raise UsageError("--rebuild is of the whole table: leave --from and --to out.")
    if request.trim and (table.window is None or request.bounds != EVER):
        why = "leave --from and --to out" if table.window else "it is copied as a whole and has none"
        raise UsageError(f"{table.identity}: --trim lets all rows outside the table's start and end go: {why}.")
    if request.accept and table.source and request.bounds != EVER:
        raise UsageError("--accept of a core table is of the whole of it: leave --from and --to out.")
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
