"""A run that is stopped before it begins: Prefect's engine raises an error then, and leaves it `Cancelling`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect.exceptions import Abort
from prefect.flow_engine import FlowRunEngine

from flows.tracking.final_state import describe_stopped, stopped_state

if TYPE_CHECKING:
    from prefect.client.schemas.objects import State

_begin_run = FlowRunEngine.begin_run


def end_what_was_stopped_before() -> None:
    """Let runs of this process end as cancelled where they are asked to stop before they begin."""
    FlowRunEngine.begin_run = _begin_or_end  # type: ignore[assignment, method-assign]


def _begin_or_end(engine: FlowRunEngine[Any, Any]) -> State[Any]:
    state = _begin_run(engine)
    if state.is_cancelling() and engine.flow_run is not None:
        done = stopped_state(describe_stopped([], ""))
        engine.client.set_flow_run_state(engine.flow_run.id, done, force=True)
        raise Abort("Stopped before it began.")
    return state
