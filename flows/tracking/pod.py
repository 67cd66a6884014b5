"""A pod's flow run, as `prefect flow-run execute` executes it, with one import of Prefect for all its processes.

Prefect's command starts another Python for the run, which prepares its folder, and that becomes a third: each imports
Prefect anew, which takes longer than all else of a run that has nothing to do. Here the run's process is forked from
the first one, which has imported everything and done nothing yet.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import runpy
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import anyio
import prefect.flow_engine  # noqa: F401 - the forked process has it
from prefect.cli import flow_run
from prefect.runner import _cancel_finalizer, _cancellation_manager, _starter_engine, _workspace_supervisor

from flows.tracking.final_state import put_back_state
from flows.wiring import enter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from anyio.abc import TaskStatus
    from prefect.client.orchestration import PrefectClient
    from prefect.client.schemas.objects import FlowRun

ENGINE = ["-m", "prefect.engine"]


def execute() -> int:
    """Execute the run that PREFECT__FLOW_RUN_ID names, and return the exit code of this process."""
    # What was imported is shared by both processes as long as nobody looks for garbage in it.
    gc.collect()
    gc.freeze()
    told, tell = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(tell)
        return _be_the_run(told)
    os.close(told)
    waiting = _Forked(pid, tell)
    _starter_engine.run_process = waiting.run  # type: ignore[attr-defined, assignment]
    flow_run.AwaitingRetry = put_back_state  # type: ignore[attr-defined, assignment]
    _cancellation_manager.finalize_cancelled_state = _as_told  # type: ignore[attr-defined]
    asyncio.run(flow_run.execute())
    return 0


async def _as_told(*, flow_run: FlowRun, client: PrefectClient, **more: Any) -> bool:  # noqa: ANN401 - they are handed on
    """Do what Prefect's `finalize_cancelled_state` does, where the run has not told itself what it had done."""
    state = (await client.read_flow_run(flow_run.id)).state
    if state is not None and state.is_cancelled():
        return True
    return await _cancel_finalizer.finalize_cancelled_state(flow_run=flow_run, client=client, **more)


class _Forked:
    """A forked process that waits to be told what to do, in the place of one that Prefect would start."""

    def __init__(self, pid: int, tell: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._tell = tell

    async def run(
        self,
        command: list[str],
        *,
        env: Mapping[str, str],
        task_status: TaskStatus[Any],
        task_status_handler: Callable[[Any], Any],
        **_: object,
    ) -> _Forked:
        """Do what Prefect's `run_process` does: start, say so, and wait for the end."""
        with os.fdopen(self._tell, "w") as pipe:
            json.dump({"command": command, "environment": dict(env)}, pipe)
        task_status.started(task_status_handler(self))
        try:
            await self.wait()
        finally:
            if self.returncode is None:
                with suppress(ProcessLookupError):
                    os.killpg(self.pid, signal.SIGTERM)
        return self

    async def wait(self) -> int:
        """Wait for the end of the process and return its exit code."""
        if self.returncode is None:
            ended = os.pidfd_open(self.pid)
            try:
                await anyio.wait_readable(ended)
            finally:
                os.close(ended)
            self.returncode = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])  # noqa: ASYNC222 - it has ended
        return self.returncode


def _be_the_run(told: int) -> int:
    """Wait to be told, prepare the run's folder as Prefect does, and be its engine."""
    os.setsid()  # a signal to the group of the first process is not meant for this one: that one hands it on
    with os.fdopen(told) as pipe:
        order = json.loads(pipe.read() or "null")
    if order is None:  # the first process has ended before there was anything to do
        return 0
    enter(order["environment"])
    launched: list[tuple[list[str], Path]] = []

    async def launch(command: list[str], *, cwd: Path, environment: dict[str, str]) -> int:
        launched.append((command, cwd))
        enter(environment)
        return 0

    _workspace_supervisor._launch_engine = launch  # noqa: SLF001 - it would start a new Python in this one's place
    code = _workspace_supervisor.main(order["command"][order["command"].index("-m") + 2 :])
    for command, folder in launched:
        os.chdir(folder)
        if command[1:] != ENGINE:
            os.execvp(command[0], command)  # noqa: S606 - the run's own command
        sys.argv, sys.path[0] = ["prefect.engine"], str(folder)
        sys.modules.pop("prefect.engine", None)  # it is executed here, not imported
        runpy.run_module("prefect.engine", run_name="__main__", alter_sys=True)
    return code
