"""The state in which a run ends: a name that triggers match, and a message that says what was done."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from traceback import clear_frames
from typing import TYPE_CHECKING, Any

from prefect.states import AwaitingRetry, Cancelled, Completed, Failed

from flows.model.errors import DerivedError
from flows.model.safe_text import printable
from flows.model.sizes import plural
from flows.model.window import merge
from flows.report.as_json import outcome_json, plan_json
from flows.report.plan_text import describe_idle, plan_span
from flows.report.text import describe_committed, describe_failures, describe_turned

if TYPE_CHECKING:
    from prefect.client.schemas.objects import State

    from flows.engine.outcome import Outcome
    from flows.engine.steps import Plan
    from flows.model.entry import Entry

REST = timedelta(seconds=30)
"""How long a run waits whose process was told to go. A worker takes it ten seconds earlier; until then that process is
gone (a worker that still has it ends by an error of its own), and the watchdog has seen whether its time was up."""


STAYS = "What was committed stays, the window at work is rolled back."
TOLD_TO_END = "Its process was told to end, as by a machine that shuts down."
LEFT_BEHIND = "Its worker, or its machine, was gone before it could tell."


def final_state(outcome: Outcome) -> State[Any]:
    """Return how a run ends: what it gave, or which windows failed."""
    committed = has_committed(outcome)
    if outcome.failures:
        failed = describe_failures(outcome)
        if committed:
            message = f"Committed: {describe_committed(outcome)}. Failed: {failed}"
            return failed_state(DerivedError(failed), name="PartlyCommitted", message=message)
        return failed_state(DerivedError(failed))
    if outcome.turned is not None:
        name, message = "Committed" if committed else "UpToDate", describe_turned(outcome.turned)
    elif committed:
        name, message = "Committed", describe_committed(outcome)
    else:
        waits = any(waiting.wait.is_for_rows for waiting in outcome.plan.waiting)
        name, message = "Waiting" if waits else "UpToDate", f"nothing to do{describe_idle(outcome.plan)}"
    return Completed(name=name, message=printable(message), data=dict(outcome_json(outcome)))


def has_committed(outcome: Outcome) -> bool:
    """Say whether there are other rows for who reads the table; a part of a first copy completes no window."""
    swapped = outcome.swapped or outcome.turned
    return (swapped is not None and swapped.kind == "swap") or any(
        entry.is_commit or entry.kind == "trim" for entry in outcome.entries
    )


def planned_state(table: str, todo: Plan) -> State[Any]:
    """Return how a run ends that only shows what another would do."""
    would = f"would do {plan_span(todo)} in {plural(len(todo.windows), 'step')}"
    message = would if todo.windows else f"nothing to do{describe_idle(todo)}"
    return Completed(name="DryRun", message=printable(message), data=plan_json(table, todo))


def failed_state(error: DerivedError, *, name: str = "Failed", message: str = "") -> State[Any]:
    """Return how a run ends that has failed; who called it gets the error."""
    return Failed(name=name, message=printable(message or str(error)), data=error)


def stopped_state(done: str = STAYS) -> State[Any]:
    """Return how a run ends that a person has stopped, by what it had done."""
    return Cancelled(message=f"Stopped. {done} The next run does the rest.")


def put_back_state(done: str = STAYS, again: datetime | None = None, why: str = TOLD_TO_END) -> State[Any]:
    """Return how a run ends whose process was told to go, or is gone: it waits to be started again."""
    again = again or datetime.now(UTC) + REST
    return AwaitingRetry(scheduled_time=again, message=f"{why} {done} It goes on at {again:%H:%M:%S} UTC.")


def describe_stopped(entries: list[Entry], at: str) -> str:
    """Return what a run had committed when it was stopped, and at which window it was."""
    spans = ", ".join(map(str, merge(entry.window for entry in entries if entry.is_commit and entry.window)))
    committed = spans or ("the whole table" if any(entry.is_commit for entry in entries) else "nothing")
    return f"Committed: {printable(committed)}.{f' Rolled back: {printable(at)}.' if at else ''}"


def let_go(error: BaseException | None) -> None:
    """Let go of what was at work where an error was raised: of connections that live as long as it DuckDB complains."""
    while error is not None:
        clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__
