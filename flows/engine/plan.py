"""Which windows a run has to do, and why the others wait. Pure: the ledger's state and the time come in as values."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from flows.engine.steps import Behind, Kept, Lacking, Moment, Plan, Reason, Step, Wait, Waiting
from flows.model.change_index import ChangeIndex
from flows.model.window import END, EVER, Window, covered, merge, subtract

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from flows.engine.state import Committed, LedgerState, Upstream
    from flows.model.dependency import Dependency
    from flows.model.table import Table, WindowSpec


@dataclass(frozen=True, slots=True)
class _Facts:
    """What is known when a table is planned."""

    table: Table
    dependencies: Sequence[Dependency]
    known: LedgerState
    upstreams: Mapping[str, Upstream]
    moment: Moment
    bounds: Window
    force: bool
    trim: bool
    unfinished: tuple[str, ...]


def plan(  # noqa: PLR0913 - the facts that a plan follows from
    table: Table,
    dependencies: Sequence[Dependency],
    known: LedgerState,
    upstreams: Mapping[str, Upstream],
    moment: Moment,
    *,
    bounds: Window = EVER,
    force: bool = False,
    trim: bool = False,
    unfinished: Sequence[str] = (),
) -> Plan:
    """Return the missing, stale and lookback windows that are ready, oldest first, and why the others wait.

    Args:
        table: the table.
        dependencies: what its SQL reads; empty for a core table.
        known: what is committed.
        upstreams: what is there of each table that it reads, by identity.
        moment: when.
        bounds: plan only windows that lie in this range.
        force: plan those windows though they are committed.
        trim: plan nothing but that rows go which a core table is to hold no longer.
        unfinished: tables that it has to wait for until their rows are as their files say.
    """
    facts = _Facts(table, dependencies, known, upstreams, moment, bounds, force, trim, tuple(unfinished))
    if table.window is None:
        found = _plan_whole(facts)
    elif table.source is not None:
        found = _plan_core(facts, table.window)
    else:
        found = _plan_derived(facts, table.window)
    versions = {name: upstream.version for name, upstream in upstreams.items()}
    starts_over = known.begun is not None and not known.begun.holds and not trim
    return replace(
        found,
        version=known.version,
        changes=known.changes,
        upstreams=versions,
        lacking=_lacking(facts) if found.windows else (),
        ahead=known.ahead,
        outside=() if starts_over and found.windows else found.outside,
        starts_over=starts_over,
    )


def _lacking(facts: _Facts) -> tuple[Lacking, ...]:
    """Return what failed of the tables that are read whole, as they are; of others the range is waited for."""
    return tuple(
        Lacking(dependency.table, tuple(merge(failed)))
        for dependency in facts.dependencies
        if dependency.reach is None and (failed := facts.upstreams[dependency.table].failed)
    )


def failed_last(todo: Plan, failing: Sequence[Window], table: Table) -> Plan:
    """Let windows that failed when they were tried last go last: they must not keep the others from being tried."""
    alone: list[Window] = []
    if table.source is not None and table.window is not None:
        size = table.window.size
        alone = [window for window in failing if size.next(window.start) == window.end]
    steps = [piece for step in todo.windows for piece in _without(step, alone)]
    return replace(todo, windows=tuple(sorted(steps, key=failed_before(failing))))


def failed_before(failing: Sequence[Window]) -> Callable[[Step], bool]:
    """Return a function that says whether a step, or part of it, failed when it was tried last."""
    failed = ChangeIndex([(window, 1) for window in failing])
    return lambda step: step.window is not None and failed.within(step.window) > 0


def _without(step: Step, alone: Sequence[Window]) -> list[Step]:
    """Divide a step so that each of these windows is one of its own; a first copy that was begun goes on as it was."""
    if step.window is None or step.copied is not None:
        return [step]
    inside = sorted({window for window in alone if covered(window, [step.window])})
    return [replace(step, window=span) for span in (*subtract([step.window], inside), *inside)]


def _plan_whole(facts: _Facts) -> Plan:
    if facts.unfinished:
        return Plan(waiting=(Waiting(None, Wait("generation", facts.unfinished)),))
    for dependency in facts.dependencies:
        upstream = facts.upstreams[dependency.table]
        if not upstream.version:
            failed = next(iter(upstream.failed), None)
            return Plan(waiting=(Waiting(None, Wait("rows", (dependency.table,), failed=failed)),))
    due = _due_whole(facts)
    if due is not None:
        return Plan((due,))
    wait = Wait("change", tuple(facts.upstreams)) if facts.upstreams else Wait("schedule")
    return Plan(waiting=(Waiting(None, wait),))


def _due_whole(facts: _Facts) -> Step | None:
    """Say why a table without windows has to be made, or None where it is up to date."""
    last = facts.known.last
    if last is None:
        return Step(None, "missing", Reason("never made"))
    if facts.force:
        return Step(None, "forced", Reason("asked for"))
    if facts.known.changes:
        return Step(None, "stale", Reason("definition", changes=facts.known.changes))
    for dependency in facts.dependencies:
        if facts.upstreams[dependency.table].touches.newest > last.upstreams.get(dependency.table, 0):
            return Step(None, "stale", Reason("changed", dependency.table))
    if facts.table.source is not None and last.began < facts.moment.due:
        return Step(None, "stale", Reason("due", since=facts.moment.due))
    return None


def _plan_core(facts: _Facts, spec: WindowSpec) -> Plan:
    closed = spec.closed(facts.moment.closes)
    outside = tuple(_outside(facts.known, spec))
    if facts.trim:
        if not outside:
            return Plan(idle="nothing outside" if facts.known.committed or facts.known.parts else "never copied")
        return Plan(tuple(Step(span, "trim", Reason("outside")) for span in outside))
    inside = inside_of(spec, closed, facts.bounds)
    if facts.force:
        windows = tuple(Step(span, "forced", Reason("asked for")) for span in inside)
    else:
        windows = tuple(_missing(facts.known, inside))
    return Plan(windows, tuple(_not_closed(spec, closed)), outside=outside)


def _missing(known: LedgerState, inside: Sequence[Window]) -> list[Step]:
    """Return what is not committed: what a first copy has begun, which goes on as it was, and all else."""
    missing = subtract(inside, [commit.window for commit in known.committed])
    going_on = known.begun if known.begun and known.begun.holds else None
    shared = (span.intersect(going_on.window) for span in missing) if going_on else ()
    begun = next(filter(None, shared), None)
    if going_on is None or begun is None:
        return [Step(span, "missing", Reason("not committed"), is_first=not known.committed) for span in missing]
    others = [Step(span, "missing", Reason("not committed")) for span in subtract(missing, [begun])]
    first = Step(begun, "missing", Reason("begun"), is_first=True, copied=going_on.copied)
    return sorted([first, *others], key=lambda step: step.window or EVER)


def _plan_derived(facts: _Facts, spec: WindowSpec) -> Plan:
    closed = spec.closed(facts.moment.closes)
    newest = list(spec.size.split(closed))[-spec.lookback :] if closed and spec.lookback else []
    look_again = newest[0].start if newest else END
    committed = by_window(facts.known.committed, spec)
    blocked = _blocker(facts)
    planned = [Step(span, "trim", Reason("outside")) for span in _outside(facts.known, spec)]
    waiting: list[Waiting] = []
    behind: Counter[str] = Counter()
    kept: Counter[str] = Counter()
    for span in inside_of(spec, closed, facts.bounds):
        for window in spec.size.split(span):
            due = _due(facts, committed.get(window), window, look_again=window.start >= look_again)
            if due is None and facts.force:
                due = Step(window, "forced", Reason("asked for"))
            if due is None:
                behind.update(_behind(facts, committed[window]))
                continue
            if window in committed and not facts.force and (gone := _gone(facts, committed[window], window)):
                kept[gone] += 1
                continue
            if wait := blocked(window):
                _join(waiting, Waiting(window, wait))
            else:
                planned.append(due)
    waiting.extend(_not_closed(spec, closed))
    older = tuple(Behind(name, count, facts.upstreams[name].changed_at) for name, count in sorted(behind.items()))
    stay = tuple(Kept(name, count) for name, count in sorted(kept.items()))
    return Plan(tuple(planned), tuple(waiting), behind=older, kept=stay)


def _gone(facts: _Facts, commit: Committed, window: Window) -> str | None:
    """Return a table of whose rows those that a window was made of are there no longer, as they were trimmed since."""
    for dependency in facts.dependencies:
        span = dependency.range(window)
        trims = facts.upstreams[dependency.table].trims
        if span is not None and trims.within(span) > commit.upstreams.get(dependency.table, 0):
            return dependency.table
    return None


def _behind(facts: _Facts, commit: Committed) -> list[str]:
    """Return the tables that a window read whole and that have changed since."""
    return [
        dependency.table
        for dependency in facts.dependencies
        if dependency.reach is None
        and facts.upstreams[dependency.table].touches.newest > commit.upstreams.get(dependency.table, 0)
    ]


def _outside(known: LedgerState, spec: WindowSpec) -> list[Window]:
    """Return the ranges of windows that the table has no longer, and of which rows are there."""
    return subtract(known.held, [Window(spec.start, spec.end or END)])


def _due(facts: _Facts, commit: Committed | None, window: Window, *, look_again: bool) -> Step | None:
    """Say why a window has to be done, or None where it is up to date."""
    if commit is None:
        return Step(window, "missing", Reason("not committed"))
    for dependency in facts.dependencies:
        touches = facts.upstreams[dependency.table].touches
        read = commit.upstreams.get(dependency.table, 0)
        if touches.newest <= read:
            continue
        span = dependency.range(window)
        if span is not None and touches.within(span) > read:
            reason = Reason("changed", dependency.table, span)
            return Step(window, "stale", reason)
        if span is None and look_again:
            return Step(window, "lookback", Reason("changed", dependency.table))
    return None


def _blocker(facts: _Facts) -> Callable[[Window], Wait | None]:
    """Return a function that says what a window waits for; None where it is ready."""

    def blocked(window: Window) -> Wait | None:
        if facts.unfinished:
            return Wait("generation", facts.unfinished)
        for dependency in facts.dependencies:
            known = facts.upstreams[dependency.table]
            if not known.version:
                return Wait("rows", (dependency.table,), failed=next(iter(known.failed), None))
            span = dependency.range(window)
            # What is not over is made of what is there: nothing can be complete over it.
            if span is not None and window.end <= facts.moment.now and not covered(span, known.complete):
                reached = max((done.end for done in known.complete if done.start <= span.start), default=None)
                hole = Window(span.start if reached is None else min(reached, span.start), span.end)
                failed = next((window for window in known.failed if window.overlaps(hole)), None)
                return Wait("completeness", (dependency.table,), reached, span.end, failed)
        return None

    return blocked


def by_window(committed: Sequence[Committed], spec: WindowSpec) -> dict[Window, Committed]:
    """Return the commits by window, without those over which a commit of another window size was written."""
    newest = ChangeIndex([(commit.window, commit.version) for commit in committed])
    return {
        window: commit
        for commit in committed
        for window in (spec.size.split(commit.window) if commit.is_accepted else (commit.window,))
        if newest.within(window) == commit.version
    }


def inside_of(spec: WindowSpec, closed: Window | None, bounds: Window) -> list[Window]:
    """Return the range of whole windows that have closed and lie in the bounds, as a list of one or none."""
    span = closed.intersect(bounds) if closed else None
    if span is None:
        return []
    start, end = spec.size.ceiling(span.start), spec.size.floor(span.end)
    return [Window(start, end)] if start < end else []


def _not_closed(spec: WindowSpec, closed: Window | None) -> list[Waiting]:
    """Say when the next window closes, where one is to come."""
    size = spec.size
    start = closed.end if closed else spec.start
    following = Window(start, size.next(start))
    if spec.end is not None and following.end > spec.end:
        return []
    return [Waiting(following, Wait("end", until=following.end + spec.delay))]


def _join(waiting: list[Waiting], new: Waiting) -> None:
    """Add a waiting window, as one range with those before it that wait for the same upstream."""
    last = waiting[-1] if waiting else None
    if last is None or last.window is None or new.window is None or not _same_wait(last, new):
        waiting.append(new)
    else:
        waiting[-1] = Waiting(Window(last.window.start, new.window.end), last.wait)


def _same_wait(one: Waiting, two: Waiting) -> bool:
    """Say whether the second follows the first and waits for the same, be it for more of it."""
    follows = one.window is not None and two.window is not None and one.window.end == two.window.start
    return follows and replace(one.wait, until=None) == replace(two.wait, until=None)
