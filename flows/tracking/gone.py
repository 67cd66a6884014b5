"""A run whose process is gone, and with it the worker who would tell."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from email.utils import formatdate, parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from prefect import get_client
from prefect.client.schemas.objects import FlowRun
from prefect.runtime import flow_run

from blocks.api import asking_api
from flows.model.errors import ApiError
from flows.tracking.final_state import put_back_state, stopped_state
from flows.tracking.waiting import put_back

if TYPE_CHECKING:
    from prefect.client.schemas.objects import State

SLACK = timedelta(seconds=5)
"""How late a server may be that says what time it is; no other process begins a run so soon after the end of one."""


def tell_of_gone_process(ended: float) -> bool:
    """Put this run back that is still open or has crashed, or cancel it.

    Args:
        ended: when its process had ended, by `time.monotonic`; another may have begun it since.

    Returns:
        Whether the API has answered.
    """
    try:
        _tell(UUID(flow_run.get_id()), ended)
    except ApiError:
        return False
    return True


@asking_api(needed=True)
def _tell(run: UUID, ended: float) -> None:
    with get_client(sync_client=True) as client:
        since = timedelta(
            seconds=time.monotonic() - ended
        )  # before the server says what time it is, however busy it is
        answer = client.request("GET", "/flow_runs/{id}", path_params={"id": run})
        found = FlowRun.model_validate(answer.json())
        state = found.state
        # Prefect takes what ends it between its own beginning and the work's, or after the work, for a crash.
        if state is None or (state.is_final() and not state.is_crashed()) or state.is_scheduled():
            return
        there = parsedate_to_datetime(answer.headers.get("date", formatdate(usegmt=True)))
        if (state.is_pending() or state.is_running()) and _is_since(state, there - since):
            return
        if state.is_cancelling():
            client.set_flow_run_state(run, stopped_state(), force=True)
        else:
            put_back(client, found, put_back_state())


def _is_since(state: State[Any], ended: datetime) -> bool:
    """Say whether a run came to a state after a moment by the server's clock, which may be another than this one's."""
    return state.timestamp.astimezone(UTC) > ended + SLACK
