"""A plan as lines for people: what is done and why, and what waits for what."""

from __future__ import annotations

from datetime import timedelta
from itertools import groupby
from typing import TYPE_CHECKING

from flows.engine.state import KEPT
from flows.model.asked import called, run_with
from flows.model.sizes import plural, shown_bytes
from flows.model.window import EVER, Window, merge, short

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from flows.engine.steps import Plan, Reason, Wait, Waiting
    from flows.model.definition import Change


def describe_reason(reason: Reason) -> str:
    """Return why a window has to be done."""
    match reason.kind:
        case "never made":
            return "never made before"
        case "not committed":
            return "not committed yet"
        case "begun":
            return "its first copy goes on where it was cut off"
        case "asked for":
            return "asked for"
        case "accepted":
            return "accepted: its rows stay as they are"
        case "definition":
            return f"the table's definition changed{_changes(reason.changes)}"
        case "changed":
            return f"{reason.subject} changed{f' in {reason.span}' if reason.span else ''}"
        case "due":
            return f"due since {_moment(reason.since)}"
        case "outside":
            return "its rows go: they lie outside the table's start and end"


def _changes(changes: Iterable[Change]) -> str:
    """Say what a definition changes: `: sql, type of n`."""
    said = [change.name for change in changes if change.kind != "unknown"]
    return f": {', '.join(said)}" if said else ""


def describe_wait(wait: Wait) -> str:
    """Return what a window waits for."""
    named = " or ".join(wait.subjects)
    match wait.kind:
        case "rows":
            return f"{named} has no rows yet{_failed(wait)}"
        case "completeness":
            until = f"complete up to {short(wait.reached)}" if wait.reached else "not there"
            return f"{named} is {until}, needed up to {_moment(wait.until)}{_failed(wait)}"
        case "generation":
            return f"{named} has a changed definition, of which not all rows are made yet"
        case "end":
            return f"closes at {_moment(wait.until)} UTC"
        case "change":
            return f"up to date; waits for a change of {named}"
        case "schedule":
            return f"up to date; waits for its schedule; {called('force')} copies it now"


def _failed(wait: Wait) -> str:
    """Say which windows of the upstream failed."""
    if wait.failed is None:
        return ""
    return ": its last run failed" if wait.failed == EVER else f": its window {wait.failed} failed"


def _moment(moment: datetime | None) -> str:
    return short(moment) if moment else ""


def plan_span(plan: Plan) -> str:
    """Return what a plan does in a few words: `2026-01-01..2026-03-31`, `whole table`, `nothing to do`."""
    if not plan.windows:
        return "nothing to do"
    windows = [step.window for step in plan.windows if step.window]
    if not windows:
        return "whole table"
    return str(Window(min(window.start for window in windows), max(window.end for window in windows)))


_IDLE = {
    "nothing outside": ", no rows are outside its start and end",
    "never copied": ", none of its rows are copied yet",
}


def _idle(plan: Plan) -> str:
    if plan.idle:
        return _IDLE[plan.idle]
    if plan.asked is None:
        return ", all its windows are committed"
    return f", all its windows in {plan.asked} are committed; {called('force')} does them again"


def _waiting(plan: Plan) -> list[Waiting]:
    """Return what waits of the windows that were asked for: an open table always waits for its next one."""
    asked = plan.asked
    return [one for one in plan.waiting if asked is None or one.window is None or one.window.overlaps(asked)]


def describe_plan(table: str, plan: Plan) -> list[str]:
    """Return a plan as lines."""
    if plan.windows:
        reasons = sorted({describe_reason(step.reason) for step in plan.windows})
        first = describe_reason(plan.windows[0].reason)
        why = first if len(reasons) == 1 else f"{len(reasons)} reasons, the first: {first}"
        lines = [f"{table}: to do: {plan_span(plan)} in {plural(len(plan.windows), 'step')} ({why})"]
        if plan.bytes is not None:
            lines.append(f"  reads about {shown_bytes(plan.bytes)}")
    elif any(change.alters_rows for change in plan.changes) and not _is_derived(plan):
        said = "nothing is copied before a person has said what becomes of its rows"
        if plan.accepts:
            said = f"its file changes what was copied before{_changes(plan.changes)}; its rows stay as they are"
        lines = [f"{table}: {said}"]
    elif plan.succession is not None and plan.succession.is_whole:
        lines = [f"{table}: to do: generation {plan.succession.generation} takes the place of what readers see"]
    else:
        lines = [f"{table}: nothing to do{'' if _waiting(plan) else _idle(plan)}"]
    lines += describe_succession(plan)
    lines += [f"  waits: {waiting.window or 'the table'}: {describe_wait(waiting.wait)}" for waiting in plan.waiting]
    return lines


def describe_succession(plan: Plan) -> list[str]:
    """Return what becomes of a changed definition, and of one that is not wanted any more."""
    lines = []
    if plan.abandons is not None:
        lines.append(f"  generation {plan.abandons}, which was begun, is dropped")
    following = plan.succession
    if following is None:
        return lines
    what = f"changed{_changes(following.changes)}" if following.changes else "is made anew"
    stands = f"generation {following.generation} has {following.done:,} of {plural(following.windows, 'window')}"
    long = f", about {timedelta(seconds=max(1, round(following.seconds)))} for the others" if following.seconds else ""
    keep = "readers keep what they see until"
    if following.windows:
        lines.append(f"  {what}: {stands}{long}; {keep} all are there")
    else:
        back = f"({called('rollback')} lets them see those of before again, for {KEPT.days} days)"
        seen = f"readers see no rows until one is there {back}" if following.is_whole else f"{keep} one is there"
        lines.append(f"  {what}: no window of generation {following.generation} has closed yet; {seen}")
    if plan.still is not None:
        lines.append(f"  {plan.still}")
    return lines


def describe_steps(plan: Plan) -> list[tuple[str, str]]:
    """Return what a plan does and why, adjacent windows with one reason as a range: `2026-01-01..2026-04-01`."""
    lines: list[tuple[str, str]] = []
    for why, group in groupby(plan.windows, key=lambda step: describe_reason(step.reason)):
        steps = list(group)
        spans = merge(step.window for step in steps if step.window)
        if not spans:
            lines.append((steps[0].name, why))
        for span in spans:
            count = sum(1 for step in steps if step.window and step.window.overlaps(span))
            lines.append((str(span), f"{why} ({plural(count, 'step')})" if count > 1 else why))
    return lines


def describe_idle(plan: Plan) -> str:
    """Return why a plan does nothing."""
    found = _waiting(plan)
    if not found:
        return _idle(plan)
    waiting = next((one for one in found if one.wait.is_for_rows), found[0])
    return f"; {f'{waiting.window} ' if waiting.window else ''}{describe_wait(waiting.wait)}"


def plan_remarks(table: str, plan: Plan) -> list[str]:
    """Return what there is to know of a plan beside what it does: what stays as it is, and whose clock was wrong."""
    lines = []
    if plan.ahead:
        lines.append(
            f"{table}: the clock of an earlier run was ahead: by that it began {short(plan.ahead)} UTC, later than "
            "what was committed after it, or than now. Windows that it committed before they had closed are made again,"
            " each once it has closed; all others stay. Nothing is to be done; platform.runs says whose run it was."
        )
    told = any(step.reason.kind == "definition" for step in plan.windows[:1])
    if plan.changes and plan.succession is None and _is_derived(plan):
        lines.append(
            f"{table}: nothing is done of its changed definition{_changes(plan.changes)}: it was turned away from, and "
            "readers keep the rows of the one before. Change the file back, or make them by the new one: "
            f"{run_with('derive', table, 'force')}"
        )
    elif plan.windows and not told and any(change.alters_rows for change in plan.changes):
        lines.append(f"{table}: its file has changed since its rows were made{_changes(plan.changes)}")
    if plan.outside:
        lines.append(
            f"{table}: rows of {', '.join(map(str, plan.outside))} are there, which lies outside its start and end: "
            f"{run_with('ingest', table, 'trim')} lets them go"
        )
    for less in plan.lacking:
        failed = ", ".join(map(str, less.failed))
        lines.append(f"{table}: reads {less.table} as it is, without what failed of it: {failed}")
    for older in plan.behind:
        are = "window is" if older.windows == 1 else "windows are"
        when = f" of {short(older.changed_at.replace(microsecond=0))} UTC" if older.changed_at else ""
        lines.append(
            f"{table}: {older.windows:,} {are} older than {_of(older.table)} change{when}: {called('force')} makes "
            f"{'it' if older.windows == 1 else 'them'} again"
        )
    for stays in plan.kept:
        keeps = "window keeps its" if stays.windows == 1 else "windows keep their"
        lines.append(
            f"{table}: {stays.windows:,} {keeps} rows: {stays.table} holds no longer what "
            f"{'it was' if stays.windows == 1 else 'they were'} made of, as its start or end was moved"
        )
    return lines


def _is_derived(plan: Plan) -> bool:
    return any(edition.table.sql for edition in plan.editions)


def _of(name: str) -> str:
    return f"{name}'" if name.endswith("s") else f"{name}'s"
