"""Do the steps of a plan, one after the other."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from flows.engine.commit import TableRun, commit_step, entry_of
from flows.engine.division import pieces
from flows.engine.first_copy import first_copy
from flows.engine.outcome import Failure
from flows.engine.prepare import has_rows
from flows.model.errors import ConflictError, DerivedError, SourceChangedError, UsageError
from flows.model.window import EVER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from flows.engine.extract import Extracts
    from flows.engine.first_copy import FirstCopy
    from flows.engine.outcome import Observer, Outcome
    from flows.engine.steps import Plan, Step
    from flows.model.entry import Entry
    from flows.model.window import Window
    from flows.warehouses.interface import Warehouse

PATIENCE = 5
"""After so many failures in a row of one kind (`DerivedError.kind`) a run gives a generation up."""


def do_steps(  # noqa: PLR0913, PLR0917 - what is done, where, and who is told
    runs: Mapping[int, TableRun],
    outcome: Outcome,
    warehouse: Warehouse,
    extracts: Mapping[int, Extracts],
    observer: Observer,
    plan: Callable[[], Plan],
) -> None:
    """Do the steps of a plan; one that fails for some of its rows is tried again in pieces, down to single windows.

    Those of a generation that meet one kind of failure all the time are given up, and the others are not: a definition
    that is broken must not keep the one away that mends it. A run that meets another run gives up as a whole; where
    others have had the warehouse meanwhile, it asks for the `plan` as it is then.
    """
    left = deque((runs[step.generation], step) for step in outcome.plan.windows)
    failed: dict[int, list[DerivedError]] = {number: [] for number in runs}
    while left:
        if outcome.lendings != warehouse.lendings:
            outcome.lendings = warehouse.lendings
            found = _planned_anew(outcome, plan, left, extracts.values())
            if found is None:
                return
            left = deque(_still_to_do(left, found))
            continue
        run, step = left.popleft()
        in_a_row = failed[step.generation]
        if len(in_a_row) == PATIENCE or (step.cause == "accepted" and _is_missing(step, outcome)):
            outcome.untried += (step,)
            continue
        version = run.known_version
        try:
            for entry in _entries(
                run, step, warehouse, extracts.get(run.generation), observer, first=not outcome.entries
            ):
                _take(outcome, step, entry)
                version = entry.version
            in_a_row.clear()
        except DerivedError as error:
            if spans := pieces(run.table, step.window, error):
                # Parts of a first copy that are committed are this run's own.
                run = replace(run, known_version=version)
                left.extendleft((run, replace(step, window=span, copied=None)) for span in reversed(spans))
                observer.divided(outcome.table, step, len(spans))
                continue
            outcome.failures.append(Failure(step.window, error))
            if isinstance(error, ConflictError):
                outcome.untried += tuple(step for _, step in left)
                return
            if in_a_row and in_a_row[-1].kind != error.kind:
                in_a_row.clear()
            in_a_row.append(error)


def _take(outcome: Outcome, step: Step, entry: Entry) -> None:
    """Take an entry of a step; that what was copied goes where the copy begins anew is not what was to be done."""
    if entry.kind != "trim" or step.cause == "trim":
        outcome.entries.append(entry)


def _planned_anew(
    outcome: Outcome, plan: Callable[[], Plan], left: Iterable[tuple[TableRun, Step]], extracts: Iterable[Extracts]
) -> Plan | None:
    """Return what there is to do now; None where that cannot be said any more, and the run gives up."""
    try:
        found = plan()
    except DerivedError as error:
        outcome.failures.append(Failure(None, _unplanned(outcome.table, error)))
        outcome.untried += tuple(step for _, step in left)
        return None
    outcome.plan = replace(outcome.plan, waiting=found.waiting)
    for one in extracts:
        one.look_again()
    return found


def _unplanned(name: str, error: DerivedError) -> DerivedError:
    """Return why there is no plan any more: others have changed what could be asked when the run began."""
    if not isinstance(error, UsageError):
        return error
    return ConflictError(
        f"{name}: another run has changed what there is to do in the meantime: {error} What this one did before stays."
    )


def _still_to_do(left: Iterable[tuple[TableRun, Step]], found: Plan) -> Iterator[tuple[TableRun, Step]]:
    """Give what others have not done meanwhile, as it is to be done now.

    What is of a generation that they have ended conflicts, and says so.
    """
    there = {(one.generation, one.is_shadow) for one in found.editions}
    now: dict[int, list[Step]] = {one.generation: [] for one in found.editions}
    for one in sorted(found.windows, key=_start):
        now[one.generation].append(one)
    for run, step in left:
        if (run.generation, run.is_shadow) not in there:
            yield run, step
            continue
        for one in _shared(step, now[run.generation]):
            both = one.window.intersect(step.window) if one.window and step.window else step.window
            # How far a first copy has come is true of the whole of it.
            copied = one.copied if both == one.window else None
            yield replace(run, known_version=found.version), replace(one, window=both, copied=copied)


def _shared(step: Step, steps: Sequence[Step]) -> Iterator[Step]:
    """Give those of some steps, in their order, that share windows with another."""
    span = step.window or EVER
    for one in steps[bisect_right(steps, span.start, key=_end) :]:
        if _start(one) >= span.end:
            return
        yield one


def _start(step: Step) -> datetime:
    return (step.window or EVER).start


def _end(step: Step) -> datetime:
    return (step.window or EVER).end


def _meet(one: Window | None, other: Window | None) -> bool:
    return one is None or other is None or one.overlaps(other)


def _is_missing(step: Step, outcome: Outcome) -> bool:
    """Say whether rows that are to be accepted had to be brought up to date first, and were not."""
    lacking = [*(one.window for one in outcome.failures), *(one.window for one in outcome.untried)]
    return any(_meet(step.window, one) for one in lacking)


def _entries(  # noqa: PLR0913 - one for each way to do a step
    run: TableRun, step: Step, warehouse: Warehouse, extracts: Extracts | None, observer: Observer, *, first: bool
) -> Iterator[Entry]:
    """Do a step and give its entry; those of all its parts where it is a first copy, which may have to begin anew."""
    table = warehouse.as_read(run.table)
    copy = first_copy(run.source, table, step, run.known_version, partial(has_rows, run.into, warehouse))
    try:
        ended = False
        while not ended:
            work = partial(commit_step, run, step, warehouse, first=first, copy=copy)
            if extracts is not None:
                entry = _in_two_steps(extracts, step, copy, observer, work)
            else:
                entry = observer.step(run.table.identity, step, work)
            yield entry
            first, ended = False, entry.kind != "part"
    except SourceChangedError as error:
        observer.say(f"{error} It begins anew.")
        assert copy is not None  # noqa: S101 - nothing else goes on somewhere
        gone = warehouse.trim(run.into, entry_of(run, replace(step, cause="trim"), warehouse), copy.version)
        yield gone
        run = replace(run, known_version=gone.version)
        if extracts is not None:
            extracts.kept.clear()
        yield from _entries(run, replace(step, copied=None), warehouse, extracts, observer, first=first)
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
        entry = observer.load(
            table, step, partial(load, extract=extracts.stage.extract(manifest), remarks=extracts.remarks)
        )
    except DerivedError as error:
        extracts.failed(error, slot, step.window)
        raise
    extracts.committed(entry, slot)
    return entry
