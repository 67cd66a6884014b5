"""A run that is asked to stop while Prefect begins or ends it, and would stay `Cancelling`, or end in an error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect.flow_engine import FlowRunEngine
from prefect.states import Cancelled

from flows.tracking.final_state import describe_stopped, stopped_state

if TYPE_CHECKING:
    from prefect.client.schemas.objects import State

_set_state = FlowRunEngine.set_state


def end_what_was_stopped_between() -> None:
    """Let runs of this process end as cancelled where they are asked to stop before they begin, or as they end."""
    FlowRunEngine.set_state = _set_or_cancel  # type: ignore[assignment, method-assign]


def _set_or_cancel(engine: FlowRunEngine[Any, Any], state: State[Any], force: bool = False) -> State[Any]:
    told = _set_state(engine, state, force)  # the server lets a run that is cancelling do nothing but be cancelled
    if not told.is_cancelling() or state.is_cancelling():
        return told
    ended: State[Any] = Cancelled(message=f"Stopped as it ended: {state.message}")
    return _set_state(engine, ended if state.is_final() else stopped_state(describe_stopped([], "")), force=True)
