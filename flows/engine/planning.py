"""Plan a run of one table: of the rows that readers see, and of those that are to take their place."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from flows.engine.accept import require_acceptable
from flows.engine.editions import Asked, in_order, of_edition, plan_edition
from flows.engine.plan import plan
from flows.engine.redefine import require_acceptable_copy
from flows.engine.state import as_it_is
from flows.engine.steps import Edition, Moment, Plan
from flows.engine.succession import plan_succession
from flows.model.asked import called
from flows.model.errors import UsageError
from flows.model.window import BEGINNING, END, EVER, Window, short
from flows.project.definition import code_version

if TYPE_CHECKING:
    from flows.engine.readings import Readings
    from flows.engine.request import Reached, Request
    from flows.engine.state import Generation, Reading
    from flows.model.table import Table
    from flows.project.project import Project


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
    asked = Asked(
        project,
        readings,
        moment,
        bounds,
        force=request.force,
        rebuild=request.rebuild,
        accept=request.accept,
        trim=request.trim,
    )
    found = (_plan_derived if table.sql else _plan_core)(asked, table, reading)
    return found if bounds == EVER else replace(found, asked=bounds)


def _plan_core(asked: Asked, table: Table, reading: Reading) -> Plan:
    """Return what is to be copied of a core table.

    What a person wants copied from nothing is made beside the rows that are there, and any run goes on with it.
    """
    live, begun = reading.state, reading.begun
    if asked.accept:
        require_acceptable_copy(table, live)
    goes_on = _going_on(begun)
    is_anew = asked.rebuild or goes_on is not None or (begun is not None and bool(live.changes))
    if is_anew and (live.committed or live.early or live.changed) and not (asked.accept or asked.trim):
        abandons = begun.number if begun is not None and goes_on is None else None
        return replace(plan_succession(asked, table, reading, live.changes, goes_on), abandons=abandons)
    known = replace(live, begun=None) if asked.rebuild else live
    todo = plan(table, (), known, {}, asked.moment, bounds=asked.bounds, force=asked.force, trim=asked.trim)
    if asked.rebuild:
        todo = replace(todo, starts_over=bool(live.parts))
    abandons = begun.number if begun is not None and not asked.trim else None
    edition = Edition(table, reading.generation, asked.project.schema(table.identity))
    return replace(of_edition(in_order(todo, reading), edition), abandons=abandons, accepts=asked.accept)


def _plan_derived(asked: Asked, table: Table, reading: Reading) -> Plan:
    """Return what is to be made of a derived table.

    Raises SqlError where its SQL does not fit the tables that it reads, as they are.
    """
    live, begun = reading.state, reading.begun
    changes = live.changes or next(iter(live.changed.values()), ())
    goes_on = _going_on(begun)
    abandons = begun.number if begun is not None and goes_on is None else None
    is_declined = bool(changes) and reading.declined == code_version(table)
    if asked.accept:
        if not (live.committed or live.changed):
            raise UsageError(f"{table.identity}: there is nothing to accept: none of its rows are made yet.")
        require_acceptable(table, reading.present, changes, asked.readings.warehouse)
        if table.window and table.window.closed(asked.moment.now) is None:
            raise UsageError(f"{table.identity}: none of its windows has closed yet, so that no rows can stay in them.")
    if is_declined and reading.present is not None and not (asked.rebuild or asked.force or asked.accept):
        todo = plan_edition(asked, as_it_is(reading.present, live), reading.generation, live)
        return replace(in_order(todo, reading), changes=changes)
    if changes or (live.committed and (goes_on or asked.rebuild)):
        return replace(plan_succession(asked, table, reading, changes, goes_on), abandons=abandons)
    todo = plan_edition(asked, table, reading.generation, live, waits=not live.committed, force=asked.force)
    return replace(in_order(todo, reading), abandons=abandons)


def _going_on(begun: Generation | None) -> Generation | None:
    """Return a generation that was begun, where what is there of it is of the table's file and can be added to."""
    if begun is None or begun.state.changed or begun.is_lost:
        return None
    copy = begun.state.begun
    return begun if copy is None or copy.holds else None


def bounds_of(table: Table, request: Request, now: datetime) -> Window:
    """Return the range of whole windows that is asked for. Raises UsageError where nothing can be meant."""
    leave = f"leave {called('start', 'end')} out"
    turns_back = request.abandon or request.rollback
    switches = ("force", "rebuild", "accept", "trim", "abandon", "rollback")
    given = [name for name in switches if getattr(request, name)]
    if len(given) > 1:
        raise UsageError(f"{called(*given)} each say something else: give one of them.")
    if turns_back and request.bounds != EVER:
        raise UsageError(f"{called('abandon', 'rollback')} are of the whole table: {leave}.")
    if request.rebuild and table.strategy != "merge" and not table.source:
        raise UsageError(
            f"{table.identity} is not merged, so that {called('force')} does what {called('rebuild')} would."
        )
    if request.rebuild and request.bounds != EVER:
        raise UsageError(f"{called('rebuild')} is of the whole table: {leave}.")
    if request.trim and (table.window is None or request.bounds != EVER):
        why = leave if table.window else "it is copied as a whole and has none"
        raise UsageError(
            f"{table.identity}: {called('trim')} lets all rows outside the table's start and end go: {why}."
        )
    if request.accept and table.source and request.bounds != EVER:
        raise UsageError(f"{called('accept')} of a core table is of the whole of it: {leave}.")
    if request.bounds == EVER:
        return EVER
    if table.window is None:
        raise UsageError(f"{table.identity} is made as a whole and has no windows: {leave}.")
    closed, size = table.window.closed(now), table.window.size
    if closed and (span := closed.intersect(request.bounds)):
        return Window(size.floor(span.start), size.ceiling(span.end))
    there = f"those that have closed go from {short(closed.start)} to {short(closed.end)}" if closed else ""
    ends = (("start", request.bounds.start), ("end", request.bounds.end))
    asked = " and ".join(f"{called(name)} {short(moment)}" for name, moment in ends if moment not in {BEGINNING, END})
    raise UsageError(f"{table.identity}: no window of {size} lies within {asked}; {there or 'none has closed yet'}.")


def _due(table: Table, now: datetime) -> datetime:
    """Return when the schedule of a full copy was due last; other tables look at their windows instead."""
    if table.source is None or table.window is not None:
        return BEGINNING
    from croniter import croniter  # noqa: PLC0415 - slow to import, and only a full copy needs it

    moment: datetime = croniter(table.schedule, now).get_prev(datetime)
    return moment.astimezone(UTC)
