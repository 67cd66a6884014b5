"""A run that waits to be started again, by any worker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect.client.schemas.responses import SetStateStatus

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun, State


def put_back(client: SyncPrefectClient, run: FlowRun, state: State[Any], *, force: bool = True) -> bool:
    """Let a run wait that had a process; returns whether the server has taken that.

    Who cancels it now waits for nobody to end that process; of pods the watchdog looks.
    """
    is_taken = client.set_flow_run_state(run.id, state, force=force).status == SetStateStatus.ACCEPT
    if is_taken and not is_pod(run):
        nowhere = {"infrastructure_pid": None}  # which `update_flow_run` does not take for a value
        client.request("PATCH", "/flow_runs/{id}", path_params={"id": run.id}, json=nowhere)
    return is_taken


def is_pod(run: FlowRun) -> bool:
    """Say whether a run is known to be one of a pod, whose place is written as namespace:job."""
    return ":" in (run.infrastructure_pid or "")
