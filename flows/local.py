"""See it all on this machine: a Prefect server, a worker, and the demo's tables as deployments.

python -m flows.local
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from importlib.util import find_spec
from typing import Annotated

import typer

from flows.commands.deploying import deploy_project
from flows.commands.ending import ending
from flows.commands.launch import launch
from flows.commands.processes import SERVER, alone_in, free_port, processes, wait_for
from flows.commands.terminal import out
from flows.demo import EXPORTS
from flows.model.errors import DerivedError
from flows.shop import write_exports
from flows.tracking.deployment import WORK_POOL
from flows.wiring import open_project, private_home, project_folder, use_api

PORT = 4200
SETTINGS = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    # In its memory, where they are by default, the places of runs that died with it would be taken for ever.
    "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
}
if find_spec("tzdata"):  # else the server walks the machine's folder of time zones for each schedule that it shows
    SETTINGS["PYTHONTZPATH"] = ""
LOOK = """\

Look at {ui}/runs: the core tables are copied first; a minute after each commit the tables that read it follow.
Where they were copied before, as by make demo, they are UpToDate and none follows: Force in a form does windows again.
{ui}/deployments has a form for each table. Press Ctrl-C to end. Logs, and what was made, stay in {logs}.
"""


def main(
    port: Annotated[
        int, typer.Option("--port", min=1, max=65535, help="Where the server listens; another if that is taken.")
    ] = PORT,
) -> None:
    """Run a Prefect server, a worker and the demo's deployments on this machine until Ctrl-C."""
    with ending(), ExitStack() as one:
        root = project_folder()
        project = open_project()
        home = private_home(root)
        os.umask(0o077)  # what stands in that folder is for its owner alone
        logs = home / "prefect"
        logs.mkdir(exist_ok=True)
        one.enter_context(alone_in(logs))
        write_exports(root / EXPORTS)
        port = free_port(port)
        ui = f"http://127.0.0.1:{port}"
        use_api(f"{ui}/api", logs, PREFECT_SERVER_UI_API_URL=f"{ui}/api", **SETTINGS)
        with processes(logs) as start:
            out(f"Starting a Prefect server on port {port} ...")
            wait_for(start("server", *SERVER, str(port)), f"{ui}/api/health")
            from flows.tracking.local import bring_local_pool, run_now  # noqa: PLC0415 - it reads where the server is

            bring_local_pool(WORK_POOL, root)
            failed = deploy_project(lambda: project, yes=True, as_json=False, is_own=True).failed
            worker = start(
                "worker", "prefect", "worker", "start", "--pool", WORK_POOL, "--type", "process", "--limit", "2"
            )
            left = {*project.invalid, *failed}
            run_now(name for name, table in project.tables.items() if table.source and name not in left)
            out(LOOK.format(ui=ui, logs=logs))
            try:
                worker.wait()
            except KeyboardInterrupt:
                out("Ending ...")
                return
            raise DerivedError(f"The worker has ended: {logs}/worker.log says why.")


if __name__ == "__main__":
    launch(main)
