"""A run that is stopped in the middle of a query; what was complete stays and no more, and no log has a traceback."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.prefect_api import process
from tests.tracking.project import processes_of

STARTED = 3
"""The processes of a run: what its worker starts, who looks after the run, and the run itself."""
GONE = """
import json, os, sys, time
from flows.tracking.gone import tell_of_gone_process
for os.environ["PREFECT__FLOW_RUN_ID"], ago in json.loads(sys.argv[1]):
    assert tell_of_gone_process(time.monotonic() - ago)
"""
NAMED = "derived.long 2026-01-01..2026-01-03"


def test_a_pod_that_is_told_to_go_is_followed_by_another(project, tmp_path):
    """SIGTERM, as a drained node gives it."""
    run, log = project.start("derived.long", state="PENDING", force=True), tmp_path / "log"
    with project.pod(run, log) as pod:
        project.in_the_middle(run)
        pod.terminate()
        pod.wait(60)
    stopped = project.server.call("GET", f"flow_runs/{run}")
    assert stopped["state_name"] == "AwaitingRetry", log.read_text()
    said = "Committed: 2026-01-01..2026-01-02. Rolled back: 2026-01-02..2026-01-03. It goes on at "
    assert said in stopped["state"]["message"], log.read_text()
    assert not {"Traceback", "leaked"} & set(re.split(r"\W+", log.read_text())), log.read_text()
    windows, rows = project.half_done()
    assert ({*windows}, rows) == ({("2026-01-01", "commit")}, 0)


def test_a_run_that_is_stopped_before_it_begins_ends_so(project, tmp_path):
    """From the UI, while its process starts: nothing is done, no error is told, and it does not stay `Cancelling`."""
    run, log = project.start("derived.late", state="PENDING"), tmp_path / "log"
    project.server.call("POST", f"flow_runs/{run}/set_state", state={"type": "CANCELLING"})
    environment = project.server.environment | {"PREFECT__FLOW_RUN_ID": run}
    with process((sys.executable, "-m", "prefect.engine"), log, env=environment, cwd=project.root) as engine:
        assert engine.wait(60) == 0, log.read_text()
    stopped = project.server.call("GET", f"flow_runs/{run}")
    assert stopped["state_name"] == "Cancelled", log.read_text()
    assert stopped["state"]["message"] == "Stopped. Committed: nothing. The next run does the rest."
    assert "Traceback" not in log.read_text()


def test_a_person_stops_a_command(project, tmp_path):
    """Ctrl-C ends it as cancelled, and the command says that what was committed stays."""
    log, command = tmp_path / "log", (sys.executable, "-m", "flows.derive", "derived.long", "--force")
    with process(command, log, env=project.server.environment, cwd=project.root) as person:
        while not (found := [one for one in project.server.runs(NAMED) if one["state_type"] == "RUNNING"]):
            assert person.poll() is None, log.read_text()
            time.sleep(0.3)
        project.in_the_middle(found[0]["id"])
        person.send_signal(signal.SIGINT)
        assert person.wait(60) == 130
    assert log.read_text().endswith("\nStopped. What was committed stays; start it again to do the rest.\n")
    assert "Traceback" not in log.read_text()
    run = project.server.wait(found[0]["id"])
    assert run["state_name"] == "Cancelled"
    said = (
        "Stopped. Committed: 2026-01-01..2026-01-02. Rolled back: 2026-01-02..2026-01-03. The next run does the rest."
    )
    assert run["state"]["message"] == said
    windows, rows = project.half_done()
    assert ({*windows}, rows) == ({("2026-01-01", "commit")}, 0)


@contextmanager
def _worker(project, run, log):
    """Be a process worker who starts a run, and holds the other end of what its process has to read."""
    environment = project.server.environment | {"PREFECT__FLOW_RUN_ID": run}
    command = (sys.executable, "-m", "flows.process")
    with process(command, log, env=environment, cwd=project.root, stdin=subprocess.PIPE) as front, front.stdin:
        yield front


@pytest.mark.parametrize("named", [{}, {"PREFECT__FLOW_RUN_ID": "core.orders"}])
def test_who_calls_it_by_hand_is_told_who_calls_it(named):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")} | named
    done = subprocess.run(
        [sys.executable, "-m", "flows.process"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "worker start" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_run_that_is_cancelled_has_not_crashed(project, tmp_path):
    """Also where Prefect could not tell its process what the signal means, as that was keeping signals for later."""
    run, log = project.start("derived.long", state="PENDING", force=True), tmp_path / "log"
    with _worker(project, run, log) as front:
        project.in_the_middle(run)
        assert _cancel(project, run) == "Cancelling"
        front.terminate()
        assert front.wait(60) == 0
    states = project.server.call("GET", f"flow_run_states/?flow_run_id={run}")
    assert [state["name"] for state in states] == ["Pending", "Running", "Cancelling", "Cancelled"]
    assert "Crash detected" not in project.server.logs(run, until="Rolled back")


def _put_back(project, run):
    """Return the message with which a run waits to be started again, once it does."""
    deadline = time.monotonic() + 60
    while (found := project.server.call("GET", f"flow_runs/{run}"))["state_name"] != "AwaitingRetry":
        assert time.monotonic() < deadline, found["state"]
        time.sleep(0.3)
    return found["state"]["message"]


@pytest.mark.parametrize("killed", [True, False], ids=["SIGTERM", "SIGKILL"])
def test_a_run_whose_process_worker_is_ended_waits_for_another(project, tmp_path, killed):
    """By SIGTERM it kills what it has started; by SIGKILL it only lets go of it. Both end the run's process too.

    Whoever cancels the run then has it cancelled at once: it has no process any more that somebody is to end.
    """
    run, log = project.start("derived.long", state="PENDING", force=True), tmp_path / "log"
    project.server.call("PATCH", f"flow_runs/{run}", infrastructure_pid="4711")
    with _worker(project, run, log) as front:
        project.in_the_middle(run)
        front.stdin.close()
        if killed:
            front.kill()
        said = _put_back(project, run)
        assert "Committed: 2026-01-01..2026-01-02. Rolled back: 2026-01-02..2026-01-03. It goes on at " in said
        if not killed:
            assert front.wait(60) == 0
        while [*processes_of(run)]:  # it sends its last lines yet
            time.sleep(0.1)
    windows, rows = project.half_done()
    assert ({*windows}, rows) == ({("2026-01-01", "commit")}, 0)
    assert "Traceback" not in project.server.logs(run, until="Rolled back")
    assert _cancel(project, run) == "Cancelled"


def _cancel(project, run):
    told = project.server.call("POST", f"flow_runs/{run}/set_state", state={"type": "CANCELLING"})
    return told["state"]["name"]


def test_a_run_whose_process_worker_is_ended_before_it_begins_waits_for_another(project, tmp_path):
    """Its process knows nothing of Prefect yet, and ends by the signal: who looks after it tells."""
    run, log = project.start("derived.late", state="PENDING"), tmp_path / "log"
    with _worker(project, run, log) as front:
        while len(list(processes_of(run))) < STARTED:
            time.sleep(0.05)
        front.kill()
        front.stdin.close()
        assert _put_back(project, run).startswith("Its process was told to end, ")


def test_no_process_of_a_run_is_left_whose_keeper_is_told_to_end_as_it_starts(project, tmp_path):
    """As by a machine that shuts down: it tells its run, however early it hears."""
    run, fronts = project.start("derived.late", state="PENDING"), []
    with ExitStack() as stack:
        for late in range(4):
            fronts.append(stack.enter_context(_worker(project, run, tmp_path / f"log{late}")))
            children = Path(f"/proc/{fronts[-1].pid}/task/{fronts[-1].pid}/children")
            while not (keeper := children.read_text()):
                pass
            time.sleep(late / 1000)
            os.kill(int(keeper), signal.SIGTERM)
        assert {front.wait(60) for front in fronts} == {-signal.SIGTERM}
        assert not [*processes_of(run)]


@pytest.mark.parametrize("begun", [True, False], ids=["begun", "not begun"])
def test_a_run_whose_keeper_is_killed_waits_for_another(project, tmp_path, begun):
    """It is ended then: nobody would read what it prints, nor tell of its end. The worker is not told of a crash."""
    run, log = project.start("derived.long", state="PENDING", force=True), tmp_path / "log"
    with _worker(project, run, log) as front:
        if begun:
            project.in_the_middle(run)
        while len(found := sorted(processes_of(run))) < STARTED:
            time.sleep(0.05)
        os.kill(next(one for one in found if _parent(one) == front.pid), signal.SIGKILL)
        said = _put_back(project, run)
        assert front.wait(60) == 0
        assert not [*processes_of(run)]
    assert ("Committed: 2026-01-01..2026-01-02. Rolled back: " if begun else "Its process was told to end, ") in said


def _parent(one):
    return int(Path(f"/proc/{one}/stat").read_text().rpartition(") ")[2].split()[1])


def test_a_run_whose_worker_is_ended_as_prefect_begins_it_waits_for_another(project):
    """Prefect tells of a crash then; what has ended otherwise stays as it is, and what another has begun since."""
    runs = []
    for state, ago in (("CRASHED", 0), ("FAILED", 0), ("RUNNING", 0), ("RUNNING", 60)):
        run = project.start("derived.late", state="PENDING")
        project.server.call("PATCH", f"flow_runs/{run}", infrastructure_pid="4711")
        project.server.call("POST", f"flow_runs/{run}/set_state", state={"type": state}, force=True)
        runs.append((run, ago))
    done = project.python("-c", GONE, json.dumps(runs))
    assert done.returncode == 0, done.stderr
    found = [project.server.call("GET", f"flow_runs/{run}")["state_name"] for run, _ in runs]
    assert found == ["AwaitingRetry", "Failed", "AwaitingRetry", "Running"]
    assert _cancel(project, runs[0][0]) == "Cancelled"
