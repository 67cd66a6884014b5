"""Which windows a run has to do, and why the others wait. Pure: the ledger's state and the time come in as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from flows.model.change_index import ChangeIndex
from flows.model.window import END, EVER, Window, covered, short, subtract
from flows.project.definition import code_version

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from flows.engine.ledger import Committed, LedgerState, Upstream
    from flows.model.dependency import Dependency
    from flows.model.table import Table, WindowSpec

Cause = Literal["missing", "stale", "lookback", "forced"]


@dataclass(frozen=True, slots=True)
class Step:
    """A window to do now, or a range of adjacent ones that one commit may cover."""

    window: Window | None
    """None: the whole table."""
    cause: Cause
    reason: str
    """Why, for people."""
    taken_back: tuple[str, ...] = ()
    """Tables that have changed or removed rows from which the window was merged before: a merge takes nothing back."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Windows that cannot be done yet."""

    window: Window | None
    """A range of adjacent windows that wait for the same."""
    reason: str
    """What they wait for, for people."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run does, oldest first, and what waits."""

    windows: tuple[Step, ...] = ()
    waiting: tuple[Waiting, ...] = ()


@dataclass(frozen=True, slots=True)
class Moment:
    """When a plan is made."""

    now: datetime
    due: datetime
    """The newest moment at which the table's schedule was due."""


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


def plan(  # noqa: PLR0913 - the facts that a plan follows from
    table: Table,
    dependencies: Sequence[Dependency],
    known: LedgerState,
    upstreams: Mapping[str, Upstream],
    moment: Moment,
    *,
    bounds: Window = EVER,
    force: bool = False,
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
    """
    facts = _Facts(table, dependencies, known, upstreams, moment, bounds, force)
    if table.window is None:
        return _plan_whole(facts)
    if table.source is not None:
        return _plan_core(facts, table.window)
    return _plan_derived(facts, table.window)


def _plan_whole(facts: _Facts) -> Plan:
    for dependency in facts.dependencies:
        if not facts.upstreams[dependency.table].version:
            return Plan(waiting=(Waiting(None, f"{dependency.table} has no rows yet"),))
    due = _due_whole(facts)
    if due is not None:
        return Plan((due,))
    waits = f"a change of {' or '.join(facts.upstreams)}" if facts.upstreams else "its schedule"
    return Plan(waiting=(Waiting(None, f"up to date; waits for {waits}"),))


def _due_whole(facts: _Facts) -> Step | None:
    """Say why a table without windows has to be made, or None where it is up to date."""
    last = facts.known.last
    if last is None:
        return Step(None, "missing", "never made before")
    if facts.force:
        return Step(None, "forced", "asked for")
    if last.code_version != code_version(facts.table):
        return Step(None, "stale", "the table's definition changed")
    for dependency in facts.dependencies:
        if facts.upstreams[dependency.table].touches.newest > last.upstreams.get(dependency.table, 0):
            return Step(None, "stale", f"{dependency.table} changed")
    if facts.table.source is not None and last.began < facts.moment.due:
        return Step(None, "stale", f"due since {short(facts.moment.due)}")
    return None


def _plan_core(facts: _Facts, spec: WindowSpec) -> Plan:
    closed = spec.closed(facts.moment.now)
    inside = _inside(spec, closed, facts.bounds)
    if facts.force:
        windows = tuple(Step(span, "forced", "asked for") for span in inside)
    else:
        missing = subtract(inside, [commit.window for commit in facts.known.committed])
        windows = tuple(Step(span, "missing", "not committed yet") for span in missing)
    return Plan(windows, tuple(_not_closed(spec, closed)))


def _plan_derived(facts: _Facts, spec: WindowSpec) -> Plan:
    closed = spec.closed(facts.moment.now)
    newest = list(spec.size.split(closed))[-spec.lookback :] if closed and spec.lookback else []
    look_again = newest[0].start if newest else END
    committed = _by_window(facts.known.committed)
    since = _since(facts.known.committed, code_version(facts.table))
    blocked = _blocker(facts.dependencies, facts.upstreams)
    planned: list[Step] = []
    waiting: list[Waiting] = []
    for span in _inside(spec, closed, facts.bounds):
        for window in spec.size.split(span):
            due = _due(facts, committed.get(window), window, since, look_again=window.start >= look_again)
            if due is None and facts.force:
                due = Step(window, "forced", "asked for")
            if due is None:
                continue
            if reason := blocked(window):
                _join(waiting, Waiting(window, reason))
            else:
                planned.append(due)
    waiting.extend(_not_closed(spec, closed))
    return Plan(tuple(planned), tuple(waiting))


def _due(facts: _Facts, commit: Committed | None, window: Window, since: int, *, look_again: bool) -> Step | None:
    """Say why a window has to be done, or None where it is up to date."""
    if commit is None:
        return Step(window, "missing", "not committed yet")
    if commit.version <= since:
        return Step(window, "stale", "the table's definition changed")
    for dependency in facts.dependencies:
        touches = facts.upstreams[dependency.table].touches
        read = commit.upstreams.get(dependency.table, 0)
        if touches.newest <= read:
            continue
        span = dependency.range(window)
        if span is not None and touches.within(span) > read:
            return Step(window, "stale", f"{dependency.table} changed in {span}", _taken_back(facts, commit, window))
        if span is None and look_again:
            return Step(window, "lookback", f"{dependency.table} changed")
    return None


def _taken_back(facts: _Facts, commit: Committed, window: Window) -> tuple[str, ...]:
    """Return the upstreams that changed or removed rows which a merge had combined with others, as it keeps them."""
    if not facts.table.merge:
        return ()
    return tuple(
        dependency.table
        for dependency in facts.dependencies
        if (span := dependency.range(window)) is not None
        and facts.upstreams[dependency.table].changes.within(span) > commit.upstreams.get(dependency.table, 0)
    )


def _blocker(dependencies: Sequence[Dependency], upstreams: Mapping[str, Upstream]) -> Callable[[Window], str | None]:
    """Return a function that says what a window waits for; None where it is ready."""

    def blocked(window: Window) -> str | None:
        for dependency in dependencies:
            known = upstreams[dependency.table]
            if not known.version:
                return f"{dependency.table} has no rows yet"
            span = dependency.range(window)
            if span is not None and not covered(span, known.complete):
                reached = max((done.end for done in known.complete if done.start <= span.start), default=None)
                until = f"complete up to {short(reached)}" if reached else "not there"
                return f"{dependency.table} is {until}, needed up to {short(span.end)}"
        return None

    return blocked


def _by_window(committed: Sequence[Committed]) -> dict[Window, Committed]:
    """Return the commits by window, without those over which a commit of another window size was written."""
    newest = ChangeIndex([(commit.window, commit.version) for commit in committed])
    return {commit.window: commit for commit in committed if newest.within(commit.window) == commit.version}


def _since(committed: Sequence[Committed], code_version: str) -> int:
    """Return the version up to which commits are stale: the newest that another code version made.

    Its run may have altered the table's columns, under the rows of all commits before it.
    """
    return max((commit.version for commit in committed if commit.code_version != code_version), default=0)


def _inside(spec: WindowSpec, closed: Window | None, bounds: Window) -> list[Window]:
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
    return [Waiting(following, f"closes at {short(following.end + spec.delay)} UTC")]


def _join(waiting: list[Waiting], new: Waiting) -> None:
    """Add a waiting window, as one range with those before it that wait for the same upstream."""
    last = waiting[-1] if waiting else None
    if last is None or last.window is None or new.window is None or not _same_wait(last, new):
        waiting.append(new)
    else:
        waiting[-1] = Waiting(Window(last.window.start, new.window.end), last.reason)


def _same_wait(one: Waiting, two: Waiting) -> bool:
    """Say whether the second follows the first and waits for the same, be it for more of it."""
    follows = one.window is not None and two.window is not None and one.window.end == two.window.start
    return follows and one.reason.split(", needed")[0] == two.reason.split(", needed")[0]
