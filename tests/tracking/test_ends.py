"""A run that is told to end while Prefect ends it: it has done its work, and who waits for its rows hears of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from tests.prefect_api import process
from tests.tracking.project import processes_of
from tests.tracking.relay import relayed

LEFT = {"begins": "PENDING", "works": "RUNNING", "stops": "CANCELLING", "pod": "PENDING"}


@pytest.fixture
def log(tmp_path):
    return tmp_path / "log"


def _execute(project, server, run, log):
    """Be a process worker for a run, and wait for its end."""
    environment = server.environment | {"PREFECT__FLOW_RUN_ID": run}
    command = (sys.executable, "-m", "flows.process")
    with process(command, log, env=environment, cwd=project.root, stdin=subprocess.PIPE) as front:
        code = front.wait(60)
        front.stdin.close()
    return code


def _told(project, run):
    return project.server.events("derived.committed", f"prefect.flow-run.{run}")


def test_a_run_that_is_told_to_end_after_its_work_has_done_it(project, log):
    """It crashed, and was put back to find nothing to do, so that no other table followed."""
    run = project.start("derived.accounts_again", state="PENDING", force=True)

    def happens():
        for one in processes_of(run):
            os.kill(one, signal.SIGTERM)

    with relayed(project.server, "COMPLETED", happens) as server:
        assert _execute(project, server, run, log) == 0
    ended = project.server.call("GET", f"flow_runs/{run}")
    assert ended["state_name"] == "Committed", log.read_text()
    assert "Traceback" not in log.read_text()
    assert len(_told(project, run)) == 1


def test_a_run_that_is_cancelled_after_its_work_says_what_it_has_done(project, log):
    """From the UI; the server refuses its own end then, and it does not stay `Cancelling`. Others hear of its rows."""
    run = project.start("derived.accounts_again", state="PENDING", force=True)

    def happens():
        project.server.call("POST", f"flow_runs/{run}/set_state", state={"type": "CANCELLING"})

    with relayed(project.server, "COMPLETED", happens) as server:
        assert _execute(project, server, run, log) == 0
    ended = project.server.call("GET", f"flow_runs/{run}")
    said = "Stopped as it ended: 10 windows, 2 rows"
    assert (ended["state_name"], ended["state"]["message"]) == ("Cancelled", said), log.read_text()
    assert "Traceback" not in log.read_text()
    assert len(_told(project, run)) == 1


def test_a_run_does_what_those_before_have_left_undone(project, log):
    """It tells of rows that its own first process may have committed, and puts back runs of its table that have died.

    Their worker, or its machine, was killed before it could; those of pods are another's to judge.
    """
    run = project.start("derived.accounts_again", state="PENDING", start="2026-01-10")
    project.server.call("POST", f"flow_runs/{run}/set_state", state={"type": "RUNNING"})
    project.server.call("POST", f"flow_runs/{run}/set_state", state={"type": "PENDING"}, force=True)
    dead = {found: project.start("derived.accounts_again", state=state) for found, state in LEFT.items()}
    project.server.call("PATCH", f"flow_runs/{dead['pod']}", infrastructure_pid="derived:job-1")
    assert _execute(project, project.server, run, log) == 0
    ended = project.server.call("GET", f"flow_runs/{run}")
    assert (ended["state_name"], ended["run_count"]) == ("UpToDate", 2), log.read_text()
    assert len(_told(project, run)) == 1
    states = {found: project.server.call("GET", f"flow_runs/{one}")["state_name"] for found, one in dead.items()}
    assert states == {
        "begins": "AwaitingRetry",
        "works": "AwaitingRetry",
        "stops": "Cancelled",
        "pod": "Pending",
    }
