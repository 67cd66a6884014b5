"""A run, or a task of one, that is asked to stop where Prefect would leave it `Cancelling`, or take it for crashed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect.exceptions import TerminationSignal
from prefect.flow_engine import FlowRunEngine
from prefect.states import Cancelled
from prefect.task_engine import SyncTaskRunEngine

from flows.tracking.final_state import describe_stopped, stopped_state
from flows.tracking.stopping import hear_no_more

if TYPE_CHECKING:
    from prefect.client.schemas.objects import State

_set_state = FlowRunEngine.set_state
_crash_task = SyncTaskRunEngine.handle_crash


def end_as_cancelled() -> None:
    """Let runs of this process end as cancelled where they are asked to stop before they begin, or as they end.

    And tasks that are stopped, be it at work or while they wait to be tried again.
    """
    FlowRunEngine.set_state = _set_or_cancel  # type: ignore[assignment, method-assign]
    SyncTaskRunEngine.handle_crash = _cancel_or_crash  # type: ignore[assignment, method-assign]


def _set_or_cancel(engine: FlowRunEngine[Any, Any], state: State[Any], force: bool = False) -> State[Any]:
    told = _set_state(engine, state, force)  # the server lets a run that is cancelling do nothing but be cancelled
    if not told.is_cancelling() or state.is_cancelling():
        return told
    ended: State[Any] = Cancelled(message=f"Stopped as it ended: {state.message}")
    return _set_state(engine, ended if state.is_final() else stopped_state(describe_stopped([], "")), force=True)


def _cancel_or_crash(engine: SyncTaskRunEngine[Any, Any], error: BaseException) -> None:
    if not isinstance(error, KeyboardInterrupt | TerminationSignal):
        _crash_task(engine, error)
        return
    hear_no_more()
    engine.set_state(Cancelled(message="Stopped, and rolled back."), force=True)
    engine._raised = error  # noqa: SLF001 - as the engine does of a crash
