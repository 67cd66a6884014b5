"""`make local`: a person sees everything run on one machine, stops a run or two, and Ctrl-C ends it all."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from flows.demo import EXPORTS
from flows.shop.exports import EDITION
from tests.prefect_api import Server, alive_in, begin, clean_environment, free_port
from tests.tracking.project import LONG, Project, make_project, processes_of

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.timeout(600)


@dataclass(frozen=True)
class Local:
    """A running `make local`."""

    project: Project
    process: subprocess.Popen[bytes]
    log: Path


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    """It runs in a project with one table that takes years and a file with a fault."""
    root = tmp_path_factory.mktemp("local")
    make_project(root, long=LONG)
    (root / "tables/core/payments.yaml").write_text("description: Nothing else.\n")
    (root / EXPORTS / "edition.txt").write_text(EDITION)  # its users are all there is
    begin(root / ".derived/prefect")
    port, log = free_port(), root / "log"
    with log.open("w") as file:
        running = subprocess.Popen(
            (sys.executable, "-m", "flows.local", "--port", str(port)),
            cwd=root,
            env=clean_environment(PREFECT_WORKER_QUERY_SECONDS="1", PREFECT_WORKER_PREFETCH_SECONDS="22"),
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + 300
        while "Press Ctrl-C to end" not in log.read_text():
            assert running.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.3)
        server = Server(f"http://127.0.0.1:{port}/api", root)
        for automation in server.call("POST", "automations/filter"):  # no run of the long table but the test's
            server.call("DELETE", f"automations/{automation['id']}")
        long = server.call("GET", "deployments/name/derive/derived.long")
        server.call("POST", f"deployments/{long['id']}/pause_deployment")
        yield Local(Project(root, server), running, log)
    finally:
        if running.poll() is None:
            os.killpg(running.pid, signal.SIGTERM)
            running.wait(120)


def _runs(server, table):
    """Return the runs of a table, the earliest first."""
    wanted = {"name": {"any_": [table]}}
    return server.call("POST", "flow_runs/filter", deployments=wanted, sort="EXPECTED_START_TIME_ASC")


def test_tables_run_in_a_server_of_this_machine(local):
    """It says where to look and what files have faults; the other core tables' runs complete.

    The server makes runs of their schedules.
    """
    server = local.project.server
    deadline = time.monotonic() + 120
    while len(runs := _runs(server, "core.users")) < 2:
        assert time.monotonic() < deadline, (local.project.root / ".derived/prefect/server.log").read_text()
        time.sleep(0.3)
    assert [run["auto_scheduled"] for run in runs[:2]] == [False, True]
    done = server.wait(runs[0]["id"])
    assert done["state_name"] == "Committed", server.logs(done["id"])
    said = local.log.read_text()
    assert f"Look at {server.url.removesuffix('/api')}/runs" in said
    assert "tables/core/payments.yaml:" in said
    alive = "\n".join(alive_in(local.project.root))
    assert all(word in alive for word in ("flows.local", "flows.tracking.server", "worker start")), alive


def test_it_is_started_once(local):
    """A second server would have the first one's database."""
    command = (sys.executable, "-m", "flows.local")
    second = subprocess.run(
        command, cwd=local.project.root, env=clean_environment(), capture_output=True, text=True, check=False
    )
    assert second.returncode == 1
    assert "It runs already with what is in " in second.stderr


def test_a_run_of_a_worker_that_is_stopped_ends_as_prefect_means_it(local):
    """SIGTERM to its process, which a machine gives that shuts down, puts it back; from the UI it is cancelled.

    What was complete stays and no more, and no log has a traceback.
    """
    project, server = local.project, local.project.server
    run = project.start("derived.long")
    project.in_the_middle(run)
    for process in list(processes_of(run)):
        os.kill(process, signal.SIGTERM)
    project.in_the_middle(run, attempt=2)
    states = server.call("GET", f"flow_run_states/?flow_run_id={run}")
    names = [state["name"] for state in sorted(states, key=lambda state: state["timestamp"])]
    assert "Crashed" not in names
    assert names[names.index("Running") + 1] == "AwaitingRetry", names

    server.call("POST", f"flow_runs/{run}/set_state", state={"type": "CANCELLING"})
    assert server.wait(run)["state_name"] == "Cancelled"
    assert project.half_done() == ([("2026-01-01", "commit")], 0)
    told = "Committed: nothing. Rolled back: 2026-01-02..2026-01-03."
    logged = server.logs(run, until=told)
    assert told in logged
    assert "Traceback" not in logged
    assert {task["state_name"] for task in server.tasks(run, ended=3)} == {"Completed", "Cancelled"}
    assert "Traceback" not in (project.root / ".derived/prefect/worker.log").read_text()


def test_ctrl_c_ends_it_all(local):
    """No process of it is left, and the run that was at work goes on when all is started again."""
    run = local.project.start("derived.long")
    local.project.in_the_middle(run)
    local.process.send_signal(signal.SIGINT)
    assert local.process.wait(120) == 0
    said = local.log.read_text()
    assert said.endswith("Ending ...\n")
    assert "Traceback" not in said
    deadline = time.monotonic() + 30
    while (left := alive_in(local.project.root)) and time.monotonic() < deadline:
        time.sleep(0.3)  # what was killed is gone a moment later
    assert not left
    with closing(sqlite3.connect(local.project.root / ".derived/prefect/prefect.db")) as database:
        [(state,)] = database.execute("SELECT state_name FROM flow_run WHERE id = ?", [run])
    assert state == "AwaitingRetry"
