"""What a Prefect server needs to run deployments on this machine."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING, Any

from prefect import get_client
from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
from prefect.exceptions import ObjectNotFound
from prefect.states import Scheduled
from prefect.workers.process import ProcessWorker

from blocks.api import asking_api
from flows.model.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


@asking_api(needed=True)
def bring_local_pool(name: str, root: Path) -> bool:
    """Make a pool whose runs are processes in the project's folder, where Python finds the code and the tables.

    Returns whether it was made.

    Raises:
        ApiError: the API does not answer.
        UsageError: the pool is there and of another type.
    """
    template: dict[str, Any] = ProcessWorker.get_default_base_job_template()
    properties = template["variables"]["properties"]
    properties["working_dir"]["default"] = str(root.resolve())
    properties["command"]["default"] = shlex.join((sys.executable, "-m", "flows.process"))
    with get_client(sync_client=True) as client:
        try:
            pool = client.read_work_pool(name)
        except ObjectNotFound:
            client.create_work_pool(WorkPoolCreate(name=name, type=ProcessWorker.type, base_job_template=template))
            return True
        if pool.type != ProcessWorker.type:
            raise UsageError(
                f"The work pool '{name}' is of type {pool.type}. Delete it to have one of type {ProcessWorker.type}: "
                f"prefect work-pool delete {name}"
            )
        client.update_work_pool(name, WorkPoolUpdate(base_job_template=template))
        return False


def run_now(tables: Iterable[str]) -> None:
    """Start a run of each core table's deployment."""
    with get_client(sync_client=True) as client:
        for table in tables:
            deployment = client.read_deployment_by_name(f"ingest/{table}")
            client.create_flow_run_from_deployment(deployment.id, state=Scheduled())
