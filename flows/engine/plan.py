"""Which windows a run has to do, and why the others wait. Pure: the ledger's state and the time come in as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from flows.engine.ledger import Committed, State, Touches, Upstream
from flows.model.window import EVER, Window, short, covered, subtract

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from flows.model.sql import Dependency
    from flows.model.table import Table

Cause = Literal["missing", "stale", "lookback", "forced"]


@dataclass(frozen=True, slots=True)
class Planned:
    """A window to do now, or a range of adjacent ones that one commit may cover."""

    window: Window | None
    """None: the whole table."""
    cause: Cause
    reason: str
    """Why, for people."""


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

    windows: tuple[Planned, ...] = ()
    waiting: tuple[Waiting, ...] = ()


@dataclass(frozen=True, slots=True)
class Moment:
    """When a plan is made."""

    now: datetime
    due: datetime
    """The newest moment at which the table's schedule was due."""


def plan(
    table: Table,
    dependencies: Sequence[Dependency],
    known: State,
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
    if table.window is None:
        return _plan_whole(table, dependencies, known, upstreams, moment, force=force)
    if table.source is not None:
        return _plan_core(table, known, moment, bounds, force=force)
    return _plan_derived(table, dependencies, known, upstreams, moment, bounds, force=force)


def _plan_whole(
    table: Table,
    dependencies: Sequence[Dependency],
    known: State,
    upstreams: Mapping[str, Upstream],
    moment: Moment,
    *,
    force: bool,
) -> Plan:
    for dependency in dependencies:
        if not upstreams[dependency.table].version:
            return Plan(waiting=(Waiting(None, f"{dependency.table} has no rows yet"),))
    last = known.last
    if last is None:
        return Plan((Planned(None, "missing", "never made before"),))
    if force:
        return Plan((Planned(None, "forced", "asked for"),))
    if last.code_version != table.code_version:
        return Plan((Planned(None, "stale", "its definition changed"),))
    for dependency in dependencies:
        if upstreams[dependency.table].touches.newest > last.upstreams.get(dependency.table, 0):
            return Plan((Planned(None, "stale", f"{dependency.table} changed"),))
    if table.source is not None and last.began < moment.due:
        return Plan((Planned(None, "stale", f"due since {short(moment.due)}"),))
    waits = "its schedule" if table.source is not None else f"a change of {' or '.join(upstreams)}"
    return Plan(waiting=(Waiting(None, f"up to date; waits for {waits}"),))


def _plan_core(table: Table, known: State, moment: Moment, bounds: Window, *, force: bool) -> Plan:
    assert table.window is not None  # noqa: S101 - plan() looked
    closed = table.window.closed(moment.now)
    inside = _inside(table, closed, bounds)
    if force:
        windows = tuple(Planned(span, "forced", "asked for") for span in inside)
    else:
        missing = subtract(inside, [commit.window for commit in known.committed])
        windows = tuple(Planned(span, "missing", "not committed yet") for span in missing)
    return Plan(windows, tuple(_not_closed(table, closed, moment)))


def _plan_derived(
    table: Table,
    dependencies: Sequence[Dependency],
    known: State,
    upstreams: Mapping[str, Upstream],
    moment: Moment,
    bounds: Window,
    *,
    force: bool,
) -> Plan:
    assert table.window is not None  # noqa: S101 - plan() looked
    closed = table.window.closed(moment.now)
    newest = list(table.window.size.split(closed))[-table.window.lookback :] if closed and table.window.lookback else []
    look_again = newest[0].start if newest else None
    committed = _by_window(known.committed)
    blocked = _blocker(dependencies, upstreams)
    planned: list[Planned] = []
    waiting: list[Waiting] = []
    for span in _inside(table, closed, bounds):
        for window in table.window.size.split(span):
            due = _due(table, dependencies, committed.get(window), upstreams, window, look_again)
            if due is None and force:
                due = Planned(window, "forced", "asked for")
            if due is None:
                continue
            if reason := blocked(window):
                _join(waiting, Waiting(window, reason))
            else:
                planned.append(due)
    waiting.extend(_not_closed(table, closed, moment))
    return Plan(tuple(planned), tuple(waiting))


def _due(  # noqa: PLR0913 - the facts of one window
    table: Table,
    dependencies: Sequence[Dependency],
    commit: Committed | None,
    upstreams: Mapping[str, Upstream],
    window: Window,
    look_again: datetime | None,
) -> Planned | None:
    """Say why a window has to be done, or None where it is up to date."""
    if commit is None:
        return Planned(window, "missing", "not committed yet")
    if commit.code_version != table.code_version:
        return Planned(window, "stale", "the table's definition changed")
    for dependency in dependencies:
        touches = upstreams[dependency.table].touches
        read = commit.upstreams.get(dependency.table, 0)
        if touches.newest <= read:
            continue
        span = dependency.range(window)
        if span is not None and touches.within(span) > read:
            return Planned(window, "stale", f"{dependency.table} changed in {span}")
        if span is None and look_again is not None and window.start >= look_again:
            return Planned(window, "lookback", f"{dependency.table} changed")
    return None


def _blocker(
    dependencies: Sequence[Dependency], upstreams: Mapping[str, Upstream]
) -> Callable[[Window], str | None]:
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
    newest = Touches([(commit.window, commit.version) for commit in committed])
    return {commit.window: commit for commit in committed if newest.within(commit.window) == commit.version}


def _inside(table: Table, closed: Window | None, bounds: Window) -> list[Window]:
    """Return the range of whole windows that have closed and lie in the bounds, as a list of one or none."""
    assert table.window is not None  # noqa: S101 - callers looked
    span = closed.intersect(bounds) if closed else None
    if span is None:
        return []
    start, end = table.window.size.ceiling(span.start), table.window.size.floor(span.end)
    return [Window(start, end)] if start < end else []


def _not_closed(table: Table, closed: Window | None, moment: Moment) -> list[Waiting]:
    """Say when the next window closes, where one is to come."""
    assert table.window is not None  # noqa: S101 - callers looked
    size = table.window.size
    start = closed.end if closed else size.ceiling(table.window.start)
    following = Window(start, size.next(start))
    if table.window.end is not None and following.end > table.window.end:
        return []
    return [Waiting(following, f"closes at {short(following.end + table.window.delay)} UTC")]


def _join(waiting: list[Waiting], new: Waiting) -> None:
    """Add a waiting window, as one range with those before it that wait for the same upstream."""
    last = waiting[-1] if waiting else None
    if last and last.window and new.window and last.window.end == new.window.start:
        if last.reason.split(", needed")[0] == new.reason.split(", needed")[0]:
            waiting[-1] = Waiting(Window(last.window.start, new.window.end), last.reason)
            return
    waiting.append(new)
