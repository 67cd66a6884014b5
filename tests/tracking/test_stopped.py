"""A run that is stopped in the middle of a query; what was complete stays and no more, and no log has a traceback."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

from tests.prefect_api import process
from tests.tracking.project import processes_of

STARTED = 3
"""The processes of a run: what its worker starts, who looks after the run, and the run itself."""
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


def _put_back(project, run):
    """Return the message with which a run waits to be started again, once it does."""
    deadline = time.monotonic() + 60
    while (found := project.server.call("GET", f"flow_runs/{run}"))["state_name"] != "AwaitingRetry":
        assert time.monotonic() < deadline, found["state"]
        time.sleep(0.3)
    return found["state"]["message"]


@pytest.mark.parametrize("killed", [True, False], ids=["SIGTERM", "SIGKILL"])
def test_a_run_whose_process_worker_is_ended_waits_for_another(project, tmp_path, killed):
    """By SIGTERM it kills what it has started; by SIGKILL it only lets go of it. Both end the run's process too."""
    run, log = project.start("derived.long", state="PENDING", force=True), tmp_path / "log"
    with _worker(project, run, log) as front:
        project.in_the_middle(run)
        front.stdin.close()
        if killed:
            front.kill()
        said = _put_back(project, run)
        assert "Committed: 2026-01-01..2026-01-02. Rolled back: 2026-01-02..2026-01-03. It goes on at " in said
        if not killed:
            assert front.wait(60) == 0
    windows, rows = project.half_done()
    assert ({*windows}, rows) == ({("2026-01-01", "commit")}, 0)
    assert "Traceback" not in project.server.logs(run, until="Rolled back")


def test_a_run_whose_process_worker_is_ended_before_it_begins_waits_for_another(project, tmp_path):
    """Its process knows nothing of Prefect yet, and ends by the signal: who looks after it tells."""
    run, log = project.start("derived.late", state="PENDING"), tmp_path / "log"
    with _worker(project, run, log) as front:
        while len(list(processes_of(run))) < STARTED:
            time.sleep(0.05)
        front.kill()
        front.stdin.close()
        assert _put_back(project, run).startswith("Its process was told to end, ")


def test_a_run_whose_worker_is_ended_as_prefect_begins_it_waits_for_another(project):
    """Prefect tells of a crash then; what has ended otherwise stays as it is."""
    found = {}
    for state in ("CRASHED", "FAILED"):
        run = project.start("derived.late", state="PENDING")
        project.server.call("POST", f"flow_runs/{run}/set_state", state={"type": state}, force=True)
        told = f"import os; os.environ['PREFECT__FLOW_RUN_ID'] = '{run}'"
        done = project.python("-c", f"{told}; from flows.tracking import gone; gone.tell_of_gone_process()")
        assert done.returncode == 0, done.stderr
        found[state] = project.server.call("GET", f"flow_runs/{run}")["state_name"]
    assert found == {"CRASHED": "AwaitingRetry", "FAILED": "Failed"}
