"""Every way in which a run of a pod ends: its state, its message, and the tables afterwards."""

from __future__ import annotations

import json
import os
import signal
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb
import pytest

from tests.kubernetes.conftest import PATIENCE, RUNS_AS, VOLUME, differing

pytestmark = pytest.mark.timeout(1200)  # the first of them starts all that they share
AGAIN = {"force": True, "start": "2026-03-02T00:00:00Z", "end": "2026-03-09T00:00:00Z"}
"""A run that has a week to make again."""
BOUND = 150
"""Seconds within which a run is told what became of its pod, beyond the watchdog's patience."""
TOO_MANY = str((os.cpu_count() or 1) + 1)
"""More CPUs than the node has."""
LITTLE_DISK = """\
apiVersion: v1
kind: LimitRange
metadata: {name: little-disk}
spec: {limits: [{type: Container, default: {ephemeral-storage: 64Mi}, defaultRequest: {ephemeral-storage: 1Mi}}]}
"""
CLAIM = """\
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: later, namespace: derived}
spec: {accessModes: [ReadWriteOnce], volumeName: later, resources: {requests: {storage: 50Gi}}}
"""


@contextmanager
def _held(platform):
    """Keep the warehouse's file, so that runs wait for it; a pod whose run has ended has it for a moment more."""
    with _until(lambda: _opened(platform.warehouse / "warehouse.duckdb")):
        yield


def _opened(path):
    try:
        return duckdb.connect(str(path))
    except duckdb.IOException:
        return None


def _until(what, seconds=BOUND, why=""):
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, f"not within {seconds} s{why and ': '}{why}"
        time.sleep(0.5)
    return found


def _state(platform, run):
    return platform.server.call("GET", f"flow_runs/{run}")["state"]


def _running(platform, run):
    _until(lambda: _state(platform, run)["name"] == "Running", why="never Running")


def _told(platform, run, name):
    """Return the message of the state of that name, which a run comes into within the bound."""
    _until(lambda: _state(platform, run)["name"] == name, PATIENCE + BOUND, f"{platform.states(run)} without {name}")
    return _state(platform, run)["message"]


def _completed(platform, run):
    ended = platform.server.wait(run, 2 * BOUND)
    assert ended["state_type"] == "COMPLETED", f"{ended['state']}\n{platform.server.logs(run)}"
    return ended["state"]


def _repaired(platform, table):
    """Run a table again, which does what is left."""
    _completed(platform, platform.start(table, AGAIN))


def _processes(run):
    """Return the processes of a run's pod, as this machine sees them."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended meanwhile
            if f"PREFECT__FLOW_RUN_ID={run}\0".encode() in (process / "environ").read_bytes():
                yield int(process.name)


def _filled_up(platform, run):
    """Let a run that has begun use more of its node's disk than it may; return the name of its state."""
    state = _state(platform, run)["name"]
    for process in _processes(run) if state == "Running" else ():
        with suppress(OSError):  # it has ended meanwhile
            if not (much := Path(f"/proc/{process}/root/tmp/much")).exists():
                much.write_bytes(bytes(128 << 20))
    return state


@pytest.fixture(scope="module")
def unlimited(filled):
    """More pods at once than two of the claim: these wait for other things."""
    filled.server.call("PATCH", "work_pools/kubernetes", concurrency_limit=10)
    return filled


@pytest.fixture(scope="module")
def interrupted(unlimited):
    """Runs that were ended while they waited for the warehouse's file, which they have had since."""
    platform = unlimited
    with _held(platform):
        runs = {
            "late": platform.start("derived.top_items", {"force": True}, timeout=60),
            "cancelled": platform.start("derived.revenue_by_item", AGAIN),
            "deleted": platform.start("derived.revenue_by_country", AGAIN),
            "drained": platform.start("derived.revenue_by_category", AGAIN),
        }
        for name in ("cancelled", "deleted", "drained"):
            _running(platform, runs[name])
        platform.server.call("POST", f"flow_runs/{runs['cancelled']}/set_state", state={"type": "CANCELLING"})
        platform.kubectl("delete", "pod", "-l", f"prefect.io/flow-run-id={runs['deleted']}", "--wait=false")
        chosen = f"--pod-selector=prefect.io/flow-run-id={runs['drained']}"
        platform.kubectl("drain", "node1", chosen, "--delete-emptydir-data", "--timeout=90s")
        platform.kubectl("uncordon", "node1")
        for name in ("deleted", "drained"):
            _until(lambda run=runs[name]: "AwaitingRetry" in platform.states(run), why=name)
        _told(platform, runs["cancelled"], "Cancelled")
        _told(platform, runs["late"], "DeadlineExceeded")
    return runs


def test_a_cancelled_run_ends_as_cancelled(unlimited, interrupted):
    """Its pod ends with it, and is not followed by another."""
    run = interrupted["cancelled"]
    assert unlimited.states(run)[-2:] == ["Cancelling", "Cancelled"]
    assert len(unlimited.jobs(run)) == 1


@pytest.mark.parametrize("name", ["deleted", "drained"])
def test_a_pod_that_goes_is_followed_by_another(unlimited, interrupted, name):
    """SIGTERM, by a person or as the node is drained: the run is started again in a pod of its own, which does the work."""
    run = interrupted[name]
    assert _completed(unlimited, run)["name"] in {"Committed", "UpToDate"}
    assert unlimited.states(run).count("AwaitingRetry") == 1
    assert len(unlimited.jobs(run)) == 2


def test_a_run_that_takes_too_long_is_told_so(unlimited, interrupted, expected):
    """Its pod ended at the deadline, and it is not started again; the next run does the work."""
    run = interrupted["late"]
    _repaired(unlimited, "derived.revenue_by_item")
    _completed(unlimited, unlimited.start("derived.top_items", {"force": True}))
    state = _state(unlimited, run)
    assert (state["type"], state["name"]) == ("CRASHED", "DeadlineExceeded")
    assert "longer than its timeout" in state["message"]
    assert differing(unlimited.warehouse / "warehouse.duckdb", expected) == []


@pytest.fixture(scope="module")
def unstarted(unlimited):
    """Runs whose pods cannot start, or have too little memory, all at once."""
    folder = unlimited.warehouse.with_name("later")
    volume = unlimited.warehouse.with_name("later.yaml")
    volume.write_text(VOLUME.format(name="later", path=folder) + CLAIM)
    unlimited.kubectl("apply", "-f", str(volume))
    asked = {
        "ImageNotPulled": ("core.orders", {"image": "localhost/nobody-pushed:1"}),
        "Unschedulable": ("core.users", {"cpu": TOO_MANY}),
        "Refused": ("core.payments", {"cpu": "60"}),
        "NotStarted": ("derived.purchases_by_user", {"warehouse_claim": {"claimName": "later"}}),
        "Cancelled": ("derived.revenue_by_item", {"cpu": TOO_MANY}),
        "AwaitingMoreMemory": ("derived.revenue_by_country", {"memory": "120Mi"}),
        "OutOfMemory": ("derived.revenue_by_category", {"memory": "48Mi"}),
    }
    return {name: unlimited.start(table, **variables) for name, (table, variables) in asked.items()}


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("ImageNotPulled", "localhost/nobody-pushed:1"),
        ("Unschedulable", "Insufficient cpu"),
        ("Refused", "exceeded quota: derived"),
        ("NotStarted", "hostPath type check failed"),
    ],
)
def test_what_keeps_a_pod_from_starting_is_told(unlimited, unstarted, name, reason):
    """Within a bounded time, with Kubernetes' own words; its job waits on."""
    assert reason in _told(unlimited, unstarted[name], name)
    assert _state(unlimited, unstarted[name])["type"] == "CRASHED"
    assert len(unlimited.jobs(unstarted[name])) == 1


def test_a_run_is_cancelled_while_its_pod_waits(unlimited, unstarted):
    """Nothing in the cluster ends it: the watchdog says so, and how its job is ended."""
    run = unstarted["Cancelled"]
    _until(lambda: unlimited.jobs(run) and unlimited.server.call("GET", f"flow_runs/{run}")["infrastructure_pid"])
    unlimited.server.call("POST", f"flow_runs/{run}/set_state", state={"type": "CANCELLING"}, force=True)
    (job,) = unlimited.jobs(run)
    assert f"kubectl -n derived delete job {job.partition('/')[2]}" in _told(unlimited, run, "Cancelled")


def test_a_run_out_of_memory_has_a_second_pod_with_twice_as_much(unlimited, unstarted, expected):
    """Once: where that is too little too, the run is told so."""
    enough, little = unstarted["AwaitingMoreMemory"], unstarted["OutOfMemory"]
    _until(lambda: "AwaitingMoreMemory" in unlimited.states(enough), PATIENCE + BOUND)
    _completed(unlimited, enough)
    assert "more memory than its 96Mi" in _told(unlimited, little, "OutOfMemory")
    assert unlimited.states(little).count("AwaitingMoreMemory") == 1
    assert differing(unlimited.warehouse / "warehouse.duckdb", expected) == []


def test_a_run_whose_pod_starts_after_all_goes_on(unlimited, unstarted):
    """It has been told that its volume is missing: once that is there, its pod starts and gives it another state."""
    _told(unlimited, unstarted["NotStarted"], "NotStarted")
    folder = unlimited.warehouse.with_name("later")
    folder.mkdir(mode=0o700)
    os.chown(folder, RUNS_AS, RUNS_AS)
    assert "core.orders" in _told(unlimited, unstarted["NotStarted"], "Waiting")  # the new volume has no core tables
    for name in ("ImageNotPulled", "Unschedulable", "Refused", "Cancelled"):
        unlimited.kubectl("delete", *unlimited.jobs(unstarted[name]))


def test_a_run_that_is_evicted_again_and_again_is_given_up(unlimited, expected, tmp_path):
    """Each pod uses more of the node's disk than it may: the third is the last, and the next run does the work."""
    limit = tmp_path / "limit.yaml"
    limit.write_text(LITTLE_DISK)
    unlimited.kubectl("apply", "-f", str(limit))
    try:
        with _held(unlimited):
            run = unlimited.start("derived.revenue_by_item", AGAIN)
            _until(lambda: _filled_up(unlimited, run) == "Evicted", 3 * BOUND, "not Evicted")
    finally:
        unlimited.kubectl("delete", "-f", str(limit))
    assert "ephemeral" in _state(unlimited, run)["message"]
    assert unlimited.states(run).count("AwaitingRetry") >= 2
    assert len(unlimited.jobs(run)) in {3, 4}  # the worker may have been faster
    _repaired(unlimited, "derived.revenue_by_item")
    assert _state(unlimited, run)["name"] == "Evicted"
    assert differing(unlimited.warehouse / "warehouse.duckdb", expected) == []


def test_a_run_whose_pod_is_killed_unseen_is_told_so(unlimited, expected):
    """No worker sees it: the watchdog does, and the next run does the work."""
    with _held(unlimited):
        run = unlimited.start("derived.revenue_by_item", AGAIN)
        _running(unlimited, run)
        unlimited.kubectl("scale", "deployment/derived-worker", "--replicas=0")
        unlimited.kubectl("wait", "pod", "-l", "app.kubernetes.io/component=worker", "--for=delete", "--timeout=90s")
        for process in list(_processes(run)):
            os.kill(process, signal.SIGKILL)
        assert "exit code 137" in _told(unlimited, run, "PodGone")
        unlimited.kubectl("scale", "deployment/derived-worker", "--replicas=1")
    _repaired(unlimited, "derived.revenue_by_item")
    assert _state(unlimited, run)["name"] == "PodGone"
    assert differing(unlimited.warehouse / "warehouse.duckdb", expected) == []


def test_a_run_whose_node_does_not_answer_is_told_so(unlimited, expected):
    """Its pod may live: once the node is back, it and the next run make the same rows, each window once."""
    kubelet = int((Path(os.environ["KUBECONFIG"]).parent / "kubelet.pid").read_text())
    try:
        with _held(unlimited):
            run = unlimited.start("derived.revenue_by_item", AGAIN)
            _running(unlimited, run)
            os.kill(kubelet, signal.SIGSTOP)
            assert "node1" in _told(unlimited, run, "NodeLost")
    finally:
        os.kill(kubelet, signal.SIGCONT)
    unlimited.kubectl("wait", "node/node1", "--for=condition=Ready", "--timeout=90s")
    _repaired(unlimited, "derived.revenue_by_item")
    _until(lambda: not _alive(unlimited, run), why="its pod does not end")
    assert differing(unlimited.warehouse / "warehouse.duckdb", expected) == []


def _alive(platform, run):
    pods = json.loads(platform.kubectl("get", "pods", "-l", f"prefect.io/flow-run-id={run}", "-o", "json"))["items"]
    return [pod for pod in pods if pod["status"]["phase"] not in {"Succeeded", "Failed"}]
