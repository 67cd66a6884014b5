"""An outcome as lines for people."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from flows.model.asked import called, run_with
from flows.model.safe_text import one_line
from flows.model.sizes import plural
from flows.model.window import Window, merge
from flows.report.plan_text import describe_idle, describe_plan, describe_wait, plan_remarks
from flows.report.warning_text import column_lines, warning_lines

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flows.engine.outcome import Outcome
    from flows.extracts.manifest import Manifest
    from flows.model.entry import Entry


def describe_kept(name: str, kept: Manifest) -> str:
    """Return that a step's rows were read before."""
    return (
        f"{name}: {plural(kept.rows, 'row')} that were read at {kept.read_at:%Y-%m-%d %H:%M} UTC and not committed"
        f" are loaded; {called('force')} reads them again"
    )


def describe_entry(name: str, entry: Entry) -> str:
    """Return what was committed for one window as a line."""
    more = ", more to come" if entry.kind == "part" else ""
    what = "its rows are gone" if entry.kind == "trim" else f"{plural(entry.rows, 'row')}{more}"
    return f"  {name}  {what}  {entry.seconds:.2f} s"


def describe_divided(name: str, count: int) -> str:
    """Return that a step is tried again in so many pieces."""
    return f"{name}  failed for some of its rows: tried again in {count:,} pieces"


SHOWN_FAILURES = 5


"""Of how many failed windows the errors are shown in full; the others are named."""


def describe_failures(outcome: Outcome) -> str:
    """Return what failed and why; empty where nothing did."""
    if not outcome.failures:
        return ""
    if len(outcome.failures) == 1 and not outcome.untried:
        return str(outcome.failures[0].error)
    spans = merge(failure.window for failure in outcome.failures if failure.window)
    count = count_windows(outcome, (failure.window for failure in outcome.failures))
    failed = f"{plural(count, 'window')} failed ({', '.join(map(str, spans))})"
    untried = f", and {plural(count_untried(outcome), 'more window')} not tried" if outcome.untried else ""
    what = f"{failed}{untried}"
    if not spans and outcome.defined and outcome.defined.window:
        what = f"the rest could not be planned, {plural(count_untried(outcome), 'window')} not tried"
    errors = list(dict.fromkeys(failure.error.found for failure in outcome.failures))
    advice = dict.fromkeys(failure.error.advice for failure in outcome.failures if failure.error.advice)
    more = [f"and {plural(len(errors) - SHOWN_FAILURES, 'error')} more"] if len(errors) > SHOWN_FAILURES else []
    return "\n".join([f"{one_line(outcome.table)}: {what}", *errors[:SHOWN_FAILURES], *more, *advice])


def count_untried(outcome: Outcome) -> int:
    """Return how many windows a run has not tried, as it gave up."""
    return count_windows(outcome, (step.window for step in outcome.untried))


def count_windows(outcome: Outcome, spans: Iterable[Window | None]) -> int:
    """Return how many windows of a table ranges of adjacent ones are; the whole table counts as one."""
    spec = outcome.defined.window if outcome.defined else None
    return sum(sum(1 for _ in spec.size.split(span)) if spec and span else 1 for span in spans)


def describe_outcome(outcome: Outcome) -> str:
    """Return what was done for a table as a line that names it."""
    if outcome.turned is not None:
        return f"{outcome.table}: {describe_turned(outcome.turned)}"
    if outcome.swapped is not None and not outcome.entries:
        return f"{outcome.table}: generation {outcome.swapped.generation} is what readers see"
    if not outcome.entries and not outcome.failures:  # what there was to do others have done
        return describe_plan(outcome.table, replace(outcome.plan, windows=()))[0]
    return f"{outcome.table}: {plural(len(outcome.entries), 'commit')}, {plural(outcome.rows, 'row')}{_seen(outcome)}"


def describe_turned(entry: Entry) -> str:
    """Return what a person did to a generation."""
    return f"generation {entry.generation} {'is dropped' if entry.kind == 'abandon' else 'is what readers see again'}"


def describe_end(outcome: Outcome) -> str:
    """Return what was done for a table, beside its name in a list of tables."""
    done = f"{plural(len(outcome.entries), 'commit')}, {plural(outcome.rows, 'row')}, {outcome.seconds:.2f} s"
    if outcome.failures:
        return f"{f'{done}; ' if outcome.entries else ''}failed: {describe_failures(outcome)}"
    if outcome.entries:
        return f"{done}{_seen(outcome)}{_describe_lacking(outcome)}"
    if outcome.swapped is not None:
        return f"generation {outcome.swapped.generation} is what readers see"
    return f"nothing to do{describe_idle(outcome.plan)}"


def _describe_lacking(outcome: Outcome) -> str:
    """Return how many windows could not be made for want of rows of other tables, and what the first waits for."""
    waiting = [one for one in outcome.plan.waiting if one.wait.is_for_rows or one.wait.kind == "generation"]
    if not waiting:
        return ""
    count = plural(count_windows(outcome, (one.window for one in waiting)), "more window")
    return f"; {count} to wait: {waiting[0].window or 'whole table'}: {describe_wait(waiting[0].wait)}"


def _seen(outcome: Outcome) -> str:
    """Return what readers see since a run beside the rows that it made."""
    is_anew = outcome.plan.succession is not None and not outcome.plan.succession.changes
    what = "that were made anew" if is_anew else "of its changed definition"
    seen = f"; readers see the rows {what}" if outcome.swapped else ""
    if trimmed := merge(entry.window for entry in outcome.entries if entry.kind == "trim" and entry.window):
        seen += f"; rows of {', '.join(map(str, trimmed))} are gone"
    return seen


def describe_committed(outcome: Outcome) -> str:
    """Return how much was committed: `3 windows, 48,211 rows`."""
    rows, seen = plural(outcome.rows, "row"), _seen(outcome)
    spec = outcome.defined.window if outcome.defined else None
    if spec is None:
        return f"whole table, {rows}{seen}"
    spans = (entry.window for entry in outcome.entries if entry.is_commit and entry.window)
    return f"{plural(count_windows(outcome, spans), 'window')}, {rows}{seen}"


def remarks(outcome: Outcome) -> list[str]:
    """Return what there is to know of a run: the warnings of its windows, and what concerns the table as a whole."""
    lines = [f"{line}{_of_windows(outcome)}" for line in column_lines(outcome.table, outcome.notices)]
    lines += _left_null(outcome)
    if outcome.turned is not None:
        renew = f"change it, or {run_with('derive', outcome.table, 'force')}"
        if outcome.defined and outcome.defined.source:
            renew = f"{run_with('ingest', outcome.table, 'rebuild')} does"
        lines.append(f"{describe_outcome(outcome)}. The file as it is begins no other by itself: {renew}.")
    return [*plan_remarks(outcome.table, outcome.plan), *lines, *warning_lines(outcome.entries)]


def _of_windows(outcome: Outcome) -> str:
    """Say of how many windows a core table's rows are that were there before."""
    return f" ({plural(count, 'window')})" if (count := count_windows(outcome, outcome.held)) else ""


def _left_null(outcome: Outcome) -> list[str]:
    """Say which columns are NULL in windows whose rows were taken over from a definition that had none such."""
    taken = [entry.window for entry in outcome.entries if entry.kind == "accept"]
    before = outcome.plan.succession.before if outcome.plan.succession else None
    if not taken or before is None or outcome.defined is None:
        return []
    there = {name.lower() for name in before.types}
    columns = [name for name in outcome.defined.types if name.lower() not in there]
    if not columns:
        return []
    windows = plural(count_windows(outcome, taken), "window")
    where = "the rows that were kept" if taken == [None] else f"{windows} whose rows were kept"
    are = "is" if len(columns) == 1 else "are"
    make = f"{run_with('derive', outcome.table, 'force')} makes them by the file"
    return [f"{outcome.table}: {', '.join(columns)} {are} NULL in {where}; {make}"]
