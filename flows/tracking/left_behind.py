"""Runs of a table that nobody works on any more, as their worker was killed, or their machine, before it could tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.objects import StateType

from flows.tracking.final_state import LEFT_BEHIND, put_back_state, stopped_state
from flows.tracking.waiting import is_pod, put_back

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun

OPEN = [StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]


def put_back_left_behind(client: SyncPrefectClient, run: FlowRun) -> list[str]:
    """Put the other runs back that seem to be at work on the table of a run which is; returns their names.

    One run of a deployment can be at work at a time: who has died holds that place for minutes, and then the next has
    it. The server takes it from that one with what is put back: this is for its end. Of pods the watchdog knows more.
    """
    chosen = {
        "deployment_id": {"any_": [run.deployment_id]},
        "state": {"type": {"any_": OPEN}},
        "id": {"not_any_": [run.id]},
    }
    found = client.read_flow_runs(flow_run_filter=FlowRunFilter.model_validate(chosen))
    dead = [one for one in found if not is_pod(one)]
    if not dead or run.deployment_id is None:
        return []
    limit = client.read_deployment(run.deployment_id).global_concurrency_limit
    if limit is None or limit.limit != 1:  # a person has let more be at work
        return []
    for one in dead:
        if one.state is not None and one.state.is_cancelling():
            client.set_flow_run_state(one.id, stopped_state(), force=True)
        else:
            put_back(client, one, put_back_state(why=LEFT_BEHIND))
    return [one.name for one in dead]
