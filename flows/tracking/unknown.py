"""The refusal of parameters that no form has a field for; Prefect lets a run crash that was given one."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from prefect import get_client
from prefect.exceptions import Abort
from prefect.flow_engine import load_flow_run
from prefect.logging.loggers import flow_run_logger
from prefect.runtime import flow_run

from flows.model.errors import UsageError, did_you_mean
from flows.tracking.final_state import failed_state

if TYPE_CHECKING:
    from collections.abc import Iterable


def refuse_unknown(table: str, known: Iterable[str]) -> None:
    """End the flow run of this process, where there is one and it was given a parameter that is not known.

    Args:
        table: whose run it is, by which it is named as one is that begins.
        known: the parameters that there are.

    Raises:
        Abort: it was; its state and its log say so.
    """
    if flow_run.id is None:  # who deploys asks for the form alone
        return
    run, fields = load_flow_run(UUID(flow_run.id)), list(known)
    unknown = [name for name in run.parameters or {} if name not in fields]
    if not unknown or (run.state is not None and run.state.is_final()):
        return
    error = UsageError(
        f"'{unknown[0]}' is no parameter of this deployment.{did_you_mean(unknown[0], fields)} "
        f"There are {', '.join(fields)}."
    )
    flow_run_logger(run).error("%s", error)
    with get_client(sync_client=True) as client:
        client.update_flow_run(run.id, name=table)
        client.set_flow_run_state(run.id, failed_state(error))
    raise Abort(str(error))
