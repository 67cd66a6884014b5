"""Every way in which a run of a pod ends: its state, its message, and the tables afterwards."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb
import pytest

from tests.kubernetes.conftest import PATIENCE, differing, give

pytestmark = pytest.mark.timeout(1200)  # the first of them starts all that they share
AGAIN = {"force": True, "start": "2026-03-02T00:00:00Z", "end": "2026-03-09T00:00:00Z"}
"""A run that has a week to make again."""
BOUND = 150
"""Seconds within which a run is told what became of its pod, beyond the watchdog's patience."""
EVICTED = {"claimName": "evicted"}
TOO_MANY = str((os.cpu_count() or 1) + 1)
"""More CPUs than the node has."""
STAGED = {"warehouse_claim": {"claimName": "staged"}, "env": {"DERIVED_STAGE": "/var/lib/derived/stage"}}
LITTLE_FILES = {"command": "sh -c 'ulimit -f 2000; exec python -m flows.pod'"}
"""No file of more than 1 MB: what is read of users is less, what DuckDB makes of it is more."""
LITTLE_DISK = """\
apiVersion: v1
kind: LimitRange
metadata: {name: little-disk}
spec: {limits: [{type: Container, default: {ephemeral-storage: 64Mi}, defaultRequest: {ephemeral-storage: 1Mi}}]}
"""


@contextmanager
def _held(warehouse):
    """Keep a warehouse's file, so that runs wait for it; a pod whose run has ended has it for a moment more."""
    with _until(lambda: _opened(warehouse / "warehouse.duckdb")):
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
        time.sleep(1)
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
    ended = platform.server.wait(run, 2 * BOUND, every=1)
    assert ended["state_type"] == "COMPLETED", f"{ended['state']}\n{platform.server.logs(run)}"
    return ended["state"]


def _repaired(platform, *tables):
    """Run tables again, which does what is left."""
    for run in [platform.start(table, AGAIN) for table in tables]:
        _completed(platform, run)


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
    """More pods at once than two of the claim, and more runs of a table than one: these wait for other things."""
    filled.server.call("PATCH", "work_pools/kubernetes", concurrency_limit=20)
    for deployment in filled.server.call("POST", "deployments/filter"):
        filled.server.call("PATCH", f"deployments/{deployment['id']}", concurrency_limit=5)
    return filled


@pytest.fixture(scope="module")
def runs(unlimited):
    """Runs that end in every way for which nobody else has to wait: all at once, as each takes a minute or more."""
    platform = unlimited
    with _held(platform.warehouse):
        started = _start_what_is_interrupted(platform) | _start_what_cannot_start(platform)
        _interrupt(platform, started)
    return started


def _start_what_is_interrupted(platform):
    """Start runs that wait for the warehouse's file."""
    return {
        "late": platform.start("derived.top_items", {"force": True}, timeout=60),
        "cancelled": platform.start("derived.revenue_by_item", AGAIN),
        "deleted": platform.start("derived.revenue_by_country", AGAIN),
        "drained": platform.start("derived.revenue_by_category", AGAIN),
    }


def _start_what_cannot_start(platform):
    """Start runs whose pods cannot start, or have too little memory or disk."""
    platform.claim("later")
    _make(platform.claim("staged"))
    asked = {
        "ImageNotPulled": ("core.orders", {"image": "localhost/nobody-pushed:1"}),
        "Unschedulable": ("core.users", {"cpu": TOO_MANY}),
        "by a quota": ("core.payments", {"cpu": "60"}),
        "by a limit": ("core.users", {"memory": "64Gi"}),
        "by PodSecurity": ("core.orders", {"run_as_non_root": False}),
        "NotStarted": ("derived.purchases_by_user", {"warehouse_claim": {"claimName": "later"}}),
        "Cancelled": ("derived.revenue_by_item", {"cpu": TOO_MANY}),
        "AwaitingMoreMemory": ("derived.revenue_by_country", {"memory": "120Mi"}),
        "OutOfMemory": ("derived.revenue_by_category", {"memory": "48Mi"}),
        "not loaded": ("core.users", STAGED | LITTLE_FILES),
    }
    started = {}
    for name, (table, variables) in asked.items():
        started[name] = platform.start(table, **variables)
        time.sleep(2)  # where many begin at once, a server on SQLite may answer nobody for a minute
    return started


def _make(folder):
    folder.mkdir()
    give(folder)


def _interrupt(platform, runs):
    """End runs by a person, by a drain and by their deadline, until each has been told."""
    waiting = runs["Cancelled"]
    _until(lambda: platform.jobs(waiting) and platform.server.call("GET", f"flow_runs/{waiting}")["infrastructure_pid"])
    platform.server.call("POST", f"flow_runs/{waiting}/set_state", state={"type": "CANCELLING"}, force=True)
    for name in ("cancelled", "deleted", "drained"):
        _running(platform, runs[name])
    platform.server.call("POST", f"flow_runs/{runs['cancelled']}/set_state", state={"type": "CANCELLING"})
    platform.kubectl("delete", "pod", "-l", f"prefect.io/flow-run-id={runs['deleted']}", "--wait=false")
    _told(platform, runs["Unschedulable"], "Unschedulable")  # before the drain, which is a reason of its own
    chosen = f"--pod-selector=prefect.io/flow-run-id={runs['drained']}"
    platform.kubectl("drain", "node1", chosen, "--delete-emptydir-data", "--timeout=90s")
    platform.kubectl("uncordon", "node1")
    for name in ("deleted", "drained"):
        _until(lambda run=runs[name]: "AwaitingRetry" in platform.states(run), why=name)
    _told(platform, runs["cancelled"], "Cancelled")
    _told(platform, runs["not loaded"], "Failed")
    runs["loaded"] = platform.start("core.users", **STAGED)
    _told(platform, runs["late"], "DeadlineExceeded")


@pytest.fixture(scope="module")
def evicted(unlimited, tmp_path_factory):
    """A run whose pods use more of the node's disk than they may, each after it has begun, until it is given up.

    It has a warehouse of its own, and takes minutes, beside those of the others.
    """
    folder = unlimited.claim("evicted")
    with _held(unlimited.warehouse):  # and copied by another process: to close a file that one has locked unlocks it
        subprocess.run(["cp", "--archive", unlimited.warehouse, folder], check=True)
    limit = tmp_path_factory.mktemp("limit") / "limit.yaml"
    limit.write_text(LITTLE_DISK)
    unlimited.kubectl("apply", "-f", str(limit))
    with ThreadPoolExecutor(1) as beside:
        yield beside.submit(_evict, unlimited, folder)
    unlimited.kubectl("delete", "-f", str(limit))


def _evict(platform, folder):
    with _held(folder):
        run = platform.start("derived.revenue_by_item", AGAIN, warehouse_claim=EVICTED)
        _until(lambda: _filled_up(platform, run) == "Evicted", 4 * BOUND, "not Evicted")
    return run


def test_a_cancelled_run_ends_as_cancelled(unlimited, evicted, runs):  # noqa: ARG001 - the evictions begin here
    """Its pod ends with it, and is not followed by another."""
    run = runs["cancelled"]
    assert unlimited.states(run)[-2:] == ["Cancelling", "Cancelled"]
    assert len(unlimited.jobs(run)) == 1


@pytest.mark.parametrize("name", ["deleted", "drained"])
def test_a_pod_that_goes_is_followed_by_another(unlimited, runs, name):
    """SIGTERM, by a person or as the node is drained: the run is started again in a pod of its own, which does the work."""
    run = runs[name]
    assert _completed(unlimited, run)["name"] in {"Committed", "UpToDate"}
    assert unlimited.states(run).count("Running") == 2
    assert len(unlimited.jobs(run)) == 2


@pytest.mark.parametrize(
    ("run", "name", "reason"),
    [
        ("ImageNotPulled", "ImageNotPulled", "localhost/nobody-pushed:1"),
        ("Unschedulable", "Unschedulable", "Insufficient cpu"),
        ("by a quota", "Refused", "exceeded quota: derived"),
        ("by a limit", "Refused", "maximum memory usage per Container is 32Gi, but limit is 64Gi"),
        ("by PodSecurity", "Refused", 'violates PodSecurity "restricted:latest": runAsNonRoot != true'),
        ("NotStarted", "NotStarted", "hostPath type check failed"),
    ],
)
def test_what_keeps_a_pod_from_starting_is_told(unlimited, runs, run, name, reason):
    """Within a bounded time, with Kubernetes' own words; its job waits on."""
    assert reason in _told(unlimited, runs[run], name)
    assert _state(unlimited, runs[run])["type"] == "CRASHED"
    assert len(unlimited.jobs(runs[run])) == 1


def test_a_run_is_cancelled_while_its_pod_waits(unlimited, runs):
    """Nothing in the cluster ends it: the watchdog says so, and how its job is ended."""
    (job,) = unlimited.jobs(runs["Cancelled"])
    told = _told(unlimited, runs["Cancelled"], "Cancelled")
    assert f"kubectl -n derived delete job {job.partition('/')[2]}" in told


def test_a_run_whose_pod_starts_after_all_goes_on(unlimited, runs):
    """It has been told that its volume is missing: once that is there, its pod starts and gives it another state."""
    _told(unlimited, runs["NotStarted"], "NotStarted")
    _make(unlimited.warehouse.with_name("later"))
    assert "core.orders" in _told(unlimited, runs["NotStarted"], "Waiting")  # the new volume has no core tables
    for name in ("ImageNotPulled", "Unschedulable", "by a quota", "by a limit", "by PodSecurity", "Cancelled"):
        unlimited.kubectl("delete", *unlimited.jobs(runs[name]))


def test_what_one_pod_has_read_another_loads(unlimited, runs):
    """The disk is full when the first has read its source; to the second that is Cached."""
    assert "the disk of the warehouse is full" in _state(unlimited, runs["not loaded"])["message"]
    assert _completed(unlimited, runs["loaded"])["name"] == "Committed"
    for run, ends in (("not loaded", ("Completed", "Failed")), ("loaded", ("Cached", "Completed"))):
        found = unlimited.server.tasks(runs[run], 3)
        tasks = {task["name"].partition(" ")[0]: task["state_name"] for task in found}
        assert (tasks["extract"], tasks["load"]) == ends


def test_a_run_out_of_memory_has_a_second_pod_with_twice_as_much(unlimited, runs):
    """Once: where that is too little too, the run is told so."""
    enough, little = runs["AwaitingMoreMemory"], runs["OutOfMemory"]
    _until(lambda: "AwaitingMoreMemory" in unlimited.states(enough), PATIENCE + BOUND)
    _completed(unlimited, enough)
    assert "more memory than its 96Mi" in _told(unlimited, little, "OutOfMemory")
    assert unlimited.states(little).count("AwaitingMoreMemory") == 1


def test_a_run_that_takes_too_long_is_told_so(unlimited, runs, expected):
    """Its pod ended at the deadline, and it is not started again; the next runs do all the work that is left."""
    run = runs["late"]
    _repaired(unlimited, "derived.revenue_by_item")
    _completed(unlimited, unlimited.start("derived.top_items", {"force": True}))
    state = _state(unlimited, run)
    assert (state["type"], state["name"]) == ("CRASHED", "DeadlineExceeded")
    assert "longer than its timeout" in state["message"]
    assert differing(unlimited.warehouse / "warehouse.duckdb", expected) == []


def test_a_run_that_is_evicted_again_and_again_is_given_up(unlimited, evicted, expected):
    """Each pod uses more of the node's disk than it may: the third is the last, and the next run does the work."""
    run = evicted.result()
    assert "ephemeral" in _state(unlimited, run)["message"]
    assert unlimited.states(run).count("AwaitingRetry") >= 2
    assert len(unlimited.jobs(run)) in {3, 4}  # the worker may have been faster
    _completed(unlimited, unlimited.start("derived.revenue_by_item", AGAIN, warehouse_claim=EVICTED))
    assert _state(unlimited, run)["name"] == "Evicted"
    assert differing(unlimited.warehouse.with_name("evicted") / "warehouse.duckdb", expected) == []


def test_a_run_whose_pod_is_killed_unseen_is_told_so(unlimited, evicted, expected):  # noqa: ARG001 - it has ended
    """No worker sees it: the watchdog does, and the next run does the work."""
    with _held(unlimited.warehouse):
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
        with _held(unlimited.warehouse):
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
