"""A run whose process is gone, and with it the worker who would tell."""

from __future__ import annotations

from uuid import UUID

from prefect import get_client
from prefect.runtime import flow_run

from blocks.api import asking_api
from flows.model.errors import ApiError
from flows.tracking.final_state import put_back_state, stopped_state


def tell_of_gone_process() -> bool:
    """Put this run back that is still open or has crashed, or cancel it; returns whether the API has answered."""
    try:
        _tell(UUID(flow_run.get_id()))
    except ApiError:
        return False
    return True


@asking_api(needed=True)
def _tell(run: UUID) -> None:
    with get_client(sync_client=True) as client:
        state = client.read_flow_run(run).state
        # Prefect takes what ends it between its own beginning and the work's, or after the work, for a crash.
        if state is None or (state.is_final() and not state.is_crashed()) or state.is_scheduled():
            return
        told = stopped_state() if state.is_cancelling() else put_back_state()
        client.set_flow_run_state(run, told, force=True)
