"""Runs follow what they read: a chain of three tables on a real server, with a real worker."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from tests import prefect_api
from tests.prefect_api import PREFECT, process
from tests.tracking.project import ACCOUNTS, Project, deploy, make_project

PERIOD = 4
"""Seconds of the throttle in this trial, in place of 60."""
SLACK = 60
"""Seconds that a run may take to start, on a busy machine."""
YEARLY = """\
description: All accounts.
owner: shop@example.com
schedule: "0 0 1 1 *"
strategy: replace
columns:
  - {name: accounts, type: INT64, description: How many there are}
sql: SELECT SUM(accounts) AS accounts FROM derived.accounts_by_day
"""
CHAIN = ("core.users", "derived.accounts_by_day", "derived.accounts")


def _runs(server, table):
    """Return the runs of a table's deployment, whatever they are called by now."""
    found = server.call("POST", "flow_runs/filter", deployments={"name": {"any_": [table]}})
    return [run for run in found if run["state_type"] != "CANCELLED"]


def _commit(server, flow):
    """Have a run without a deployment end as one that has committed, as the server is told of it."""
    state = {"type": "COMPLETED", "name": "Committed", "message": "1 window"}
    return server.call("POST", "flow_runs/", flow_id=flow, name="core.users 2026-01-01..2026-01-02", state=state)


def _wait_for_runs(server, table, seconds):
    deadline = time.monotonic() + seconds
    while not (found := _runs(server, table)):
        assert time.monotonic() < deadline, f"no run of {table} after {seconds} s"
        time.sleep(0.5)
    return found


def _committed(server, table):
    """Return the one run of a table that has committed, once all of them have ended; others found nothing to do."""
    ended = [server.wait(run["id"]) for run in _runs(server, table)]
    states = sorted(run["state_name"] for run in ended)
    assert states == ["Committed"] + ["UpToDate"] * (len(ended) - 1), "\n".join(server.logs(one["id"]) for one in ended)
    return next(run for run in ended if run["state_name"] == "Committed")


def _moment(run, name):
    return datetime.fromisoformat(run[name])


def _told(server, run):
    """Return when a run told that it has committed, before it ended: of that the time until the next run counts."""
    [event] = server.events("derived.committed", f"prefect.flow-run.{run['id']}")
    return datetime.fromisoformat(event["occurred"])


def _is_prompt(run, ready):
    """Say whether a run started once its time had come and there was a server."""
    late = _moment(run, "start_time") - max(_moment(run, "expected_start_time"), ready)
    return late < timedelta(seconds=SLACK)


@pytest.mark.timeout(600)
def test_a_burst_of_commits_starts_one_run_of_each_table_that_follows(tmp_path_factory):
    """Twenty commits, and then the server is started anew: each table follows once, a period after the commits began."""
    home, port, root = tmp_path_factory.mktemp("server"), prefect_api.free_port(), tmp_path_factory.mktemp("chain")
    make_project(root, accounts_by_day=ACCOUNTS, accounts=YEARLY)
    with prefect_api.server(home, port) as server:
        project = Project(root, server)
        deploy(project, PERIOD)
        done = project.python("-m", "flows.ingest", "core.users")
        assert done.returncode == 0, done.stderr
        [begun] = server.runs("core.users 2026-01-01..2026-01-11")
        flow = server.call("GET", "flows/name/ingest")["id"]
        with ThreadPoolExecutor(4) as pool:
            runs = list(pool.map(lambda _: _commit(server, flow), range(19)))
        burst = max(_moment(run, "end_time") for run in runs) - _told(server, begun)
        waiting = _wait_for_runs(server, CHAIN[1], SLACK)
        assert {run["state_type"] for run in waiting} == {"SCHEDULED"}
    log, command = root / "worker.log", (*PREFECT, "worker", "start", "--pool", "kubernetes", "--type", "process")
    environment = server.environment | {"PREFECT_WORKER_QUERY_SECONDS": "1"}
    with prefect_api.server(home, port) as server, process(command, log, env=environment, cwd=root):
        ready = datetime.now(UTC)
        first = _committed(server, CHAIN[1])
        assert _is_prompt(first, ready)
        [asked] = _wait_for_runs(server, CHAIN[2], SLACK)
        second = server.wait(asked["id"])
        assert second["state_name"] == "Committed", server.logs(second["id"])
        wait = _moment(second, "expected_start_time") - _told(server, first)
        assert timedelta(seconds=PERIOD) <= wait < timedelta(seconds=PERIOD + SLACK)
        assert _is_prompt(second, ready)
        # On a machine so busy that the burst took longer than a period, there is one run for each.
        assert _committed(server, CHAIN[1])["id"] == first["id"]
        assert len(_runs(server, CHAIN[1])) <= 1 + burst // timedelta(seconds=PERIOD)
        assert [len(_runs(server, table)) for table in (CHAIN[0], CHAIN[2])] == [0, 1]
