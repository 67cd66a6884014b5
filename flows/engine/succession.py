"""A generation that is to take the place of the one that readers see: what is made of it, and what waits."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from flows.engine.accept import accepting
from flows.engine.editions import Asked, edition, in_order, plan_edition
from flows.engine.plan import failed_before, inside_of
from flows.engine.state import LedgerState, as_it_is
from flows.engine.steps import Plan, Reason, Step, Succession
from flows.model.errors import DefinitionError, DerivedError, SqlError
from flows.model.safe_text import unended
from flows.model.window import BEGINNING, END, EVER, Window, covered, merge

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from flows.engine.state import Generation, Reading
    from flows.engine.steps import Moment
    from flows.model.definition import Change
    from flows.model.table import Table

WAITS_FOR_TIME = {"end", "change", "schedule"}
"""Kinds of waits for what is not yet to be made."""


def plan_succession(
    asked: Asked, table: Table, reading: Reading, changes: tuple[Change, ...], goes_on: Generation | None
) -> Plan:
    """Return a plan that first keeps up to date what readers see, and then makes what will take its place."""
    still: DerivedError | None = None
    present = Plan()
    try:
        if reading.state.committed and not (table.source and table.window is None):  # that would be copied twice
            there = as_it_is(_required(reading), reading.state)
            present = plan_edition(asked, there, reading.generation, reading.state)
            if present.starts_over:
                present = Plan(editions=present.editions)
    except (DerivedError, KeyError) as error:
        still = _still(table, error)
    number = goes_on.number if goes_on else reading.newest + 1
    asked = _reaching(asked, table, reading.state)
    state = _with_early(goes_on.state, table, asked.moment) if goes_on else LedgerState(reading.state.version)
    following = plan_edition(asked, table, number, state, waits=True, force=asked.force, is_shadow=True)
    every = following
    if asked.bounds != EVER or asked.force:
        unbounded = replace(asked, bounds=EVER)
        every = plan_edition(unbounded, table, number, state, waits=True, is_shadow=True)
    # What somebody has said before is done, be it that the run was cut off to which it was said.
    accepted = goes_on.accepts if goes_on and not asked.force else ()
    accepts = _accepts(asked, table, accepted)
    if (accepted or accepts) and reading.present is not None:
        ranges = merge([*accepted, *([accepts] if accepts else [])])
        following = _accepting(asked, reading, following, state, present, ranges)
    renewed = in_order(present, reading).windows
    again: tuple[Step, ...] = ()
    if following.windows and not (accepted or accepts):
        again = tuple(filter(failed_before(reading.failing), renewed))
    windows = _count(table, asked.moment)
    succession = Succession(
        number,
        reading.generation,
        reading.present,
        changes,
        windows,
        windows
        - _number(table, (step.window for step in every.windows if step.cause == "missing"))
        - _waiting(table, every),
        begins=goes_on is None,
        accepts=accepts,
        is_whole=(bool(state.committed) or (not windows and _is_empty(table, reading))) and not _lacks(every, reading),
        again=again,
    )
    return replace(
        following,
        windows=(
            *renewed[: len(renewed) - len(again)],
            *_redefined(in_order(following, reading), changes),
            *again,
        ),
        version=reading.state.version,
        editions=(*present.editions, *following.editions),
        behind=present.behind,
        kept=present.kept,
        ahead=reading.state.ahead,
        succession=succession,
        still=still,
    )


def _reaching(asked: Asked, table: Table, present: LedgerState) -> Asked:
    """Let what takes the place of rows that are there have all windows of them that its file has.

    A clock that is behind would close fewer, be it this machine's or that of a source, and so would a longer delay.
    Where it was another one that was ahead, these windows are made now and again when they are over.
    """
    if table.window is None:
        return asked
    commits = (*present.committed, *present.early)
    ends = [one.began - one.behind if one.window == EVER else one.window.end for one in commits]
    held = min(max(ends, default=BEGINNING), table.window.end or END - table.window.delay) + table.window.delay
    return replace(asked, moment=replace(asked.moment, held=held))


def _with_early(known: LedgerState, table: Table, moment: Moment) -> LedgerState:
    """Return what is committed with the rows of windows that are not over even now."""
    if table.window is None or not known.early:
        return known
    still = Window(table.window.size.floor(moment.now), END)
    early = [replace(one, window=left) for one in known.early if (left := one.window.intersect(still))]
    return replace(known, committed=tuple(sorted([*known.committed, *early], key=lambda one: one.version)))


def _accepts(asked: Asked, table: Table, before: Sequence[Window]) -> Window | None:
    """Return the range of which rows are to stay as somebody says now, unless that was said before."""
    if not asked.accept:
        return None
    closed = [EVER]
    if table.window is not None:
        closed = inside_of(table.window, table.window.closed(asked.moment.closes), asked.bounds)
    return next((span for span in closed if not covered(span, before)), None)


def _accepting(  # noqa: PLR0913, PLR0917 - what is there, what is made, and of which ranges
    asked: Asked, reading: Reading, todo: Plan, made: LedgerState, present: Plan, ranges: Sequence[Window]
) -> Plan:
    """Return the plan of a generation that takes over what is there of some ranges."""
    table, read = reading.table, None
    with suppress(DerivedError, KeyError):
        assert reading.present is not None  # noqa: S101 - it was required
        dependencies, _, _ = edition(asked, reading.present, reading.generation, waits=False, is_shadow=False)
        names = [item.table for item in dependencies]
        found = asked.readings.of(table.identity, names)
        read = dependencies, {name: found[name].upstream for name in names}
    renewed = [step for step in present.windows if step.cause != "trim"]
    spec = table.window
    inside = inside_of(spec, spec.closed(asked.moment.closes), asked.bounds) if spec else ()
    spans = [both for span in inside for one in ranges if (both := span.intersect(one))]
    there = replace(reading.state, committed=(*reading.state.early, *reading.state.committed))
    taken = accepting(todo, table, there, made, spans, read=read, renewed=renewed)
    number = todo.editions[0].generation
    return replace(taken, windows=tuple(replace(step, generation=number) for step in taken.windows))


def _redefined(todo: Plan, changes: tuple[Change, ...]) -> list[Step]:
    """Return steps of which those that are missing are so for what the file changes."""
    why = Reason("definition", changes=changes)
    return [replace(step, reason=why) if changes and step.cause == "missing" else step for step in todo.windows]


def _required(reading: Reading) -> Table:
    """Return the table as its rows were made. Raises DefinitionError where they cannot be made so any more."""
    present = reading.present
    if present is None:
        raise DefinitionError("nobody knows any more by which definition they were made")
    if bool(present.sql) != bool(reading.table.sql):
        raise DefinitionError(f"they were {'made by SQL' if present.sql else 'copied from a source'}")
    return present


def _still(table: Table, error: Exception) -> DefinitionError:
    why = "; ".join(fault.message for fault in error.faults) if isinstance(error, SqlError) else str(error)
    if isinstance(error, KeyError):
        why = f"there is no table {error.args[0]} any more"
    return DefinitionError(
        f"{table.identity}: it stands still until its changed definition is made: what readers see cannot be kept up "
        f"to date, as {unended(why)}."
    )


def _count(table: Table, moment: Moment) -> int:
    """Return how many windows of a table are to be there."""
    closed = table.window.closed(moment.closes) if table.window else None
    return _number(table, [closed]) if closed or table.window is None else 0


def _waiting(table: Table, todo: Plan) -> int:
    """Return how many windows have closed and wait for other tables."""
    return _number(table, (one.window for one in todo.waiting if one.wait.kind not in WAITS_FOR_TIME))


def _is_empty(table: Table, reading: Reading) -> bool:
    """Say whether nothing is to be there of a generation none of whose windows has closed yet.

    That is so where all rows that are there lie outside its windows.
    """
    if table.window is None:
        return False
    own = Window(table.window.start, table.window.end or END)
    return not any(span.overlaps(own) for span in reading.state.held)


def _number(table: Table, spans: Iterable[Window | None]) -> int:
    """Return how many windows some ranges are; a table without windows is one."""
    size = table.window.size if table.window else None
    return sum(sum(1 for _ in size.split(span)) if size and span else 1 for span in spans)


def _lacks(todo: Plan, reading: Reading) -> bool:
    """Say whether a generation has not all that is to be there before it takes the place of another.

    Windows that wait and that the other has not either are made when they can be.
    """
    if todo.windows:
        return True
    there = reading.state.held
    waiting = [one.window for one in todo.waiting if one.wait.kind not in WAITS_FOR_TIME]
    return any(window is None or any(window.overlaps(span) for span in there) for window in waiting)
