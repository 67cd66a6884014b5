"""Runs as pods under PodSecurity `restricted`: the tables that they make, and every way in which they end."""

from __future__ import annotations

import json
import subprocess
import time
from contextlib import contextmanager

import duckdb
import pytest

from tests.kubernetes.conftest import PATIENCE
from tests.kubernetes.image import IMAGE, PODMAN

pytestmark = pytest.mark.timeout(900)  # the first of them starts all that they share
TABLE = "derived.revenue_by_item"
AGAIN = {"force": True, "start": "2026-03-01T00:00:00Z", "end": "2026-03-08T00:00:00Z"}
"""A run that has a week to make again."""
BOUND = 120
"""Seconds within which a run is told what became of its pod, beyond the watchdog's patience."""


def _tables(path):
    with duckdb.connect(str(path), read_only=True) as warehouse:
        query = "SELECT table_schema || '.' || table_name FROM information_schema.tables WHERE table_schema IN ('core', 'derived')"
        return sorted(name for (name,) in warehouse.execute(query).fetchall() if "-" not in name)


def _differences(one, other):
    """Return the tables in which two warehouses differ."""
    with duckdb.connect() as both:
        both.execute(f"ATTACH '{one}' AS one (READ_ONLY); ATTACH '{other}' AS other (READ_ONLY)")
        return [
            name
            for name in _tables(other)
            for left, right in (("one", "other"), ("other", "one"))
            if both.execute(f"SELECT COUNT(*) FROM (FROM {left}.{name} EXCEPT ALL FROM {right}.{name})").fetchone()
            != (0,)
        ]


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


def _until(what, seconds=BOUND):
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.5)
    return found


def _running(platform, run):
    _until(lambda: platform.server.call("GET", f"flow_runs/{run}")["state_name"] == "Running")


def _ended(platform, run, seconds=BOUND):
    """Return the name and the message of a run's last state, once the watchdog has told it."""
    state = platform.server.wait(run, seconds)["state"]
    return state["name"], state["message"]


def _told(platform, run, name):
    """Return the message of the state of that name, which a run comes into within the bound."""

    def told():
        state = platform.server.call("GET", f"flow_runs/{run}")["state"]
        return state["name"] == name and state["message"]

    return _until(told, PATIENCE + BOUND)


@pytest.fixture
def unlimited(platform):
    """More pods at once than two of the claim: these wait for other things."""
    platform.server.call("PATCH", "work_pools/kubernetes", concurrency_limit=10)
    yield platform
    platform.server.call("PATCH", "work_pools/kubernetes", concurrency_limit=2)


def test_the_image_is_small_and_runs_as_nobody():
    """At most 800 MB, no root, and none of the packages of development."""
    told = subprocess.run([*PODMAN, "image", "inspect", IMAGE], capture_output=True, check=True)
    (image,) = json.loads(told.stdout)
    assert image["Size"] <= 800e6
    assert image["Config"]["User"] == "10001:10001"


def test_pods_make_the_tables_that_one_process_makes(filled, expected):
    """Every row of the eight tables is equal: from MySQL and MongoDB into the file on the claim, one pod per run."""
    assert _tables(expected) == _tables(filled.warehouse / "warehouse.duckdb")
    assert len(_tables(expected)) == 8
    assert _differences(filled.warehouse / "warehouse.duckdb", expected) == []


def test_the_namespace_lets_in_nothing_less_restricted(filled):
    """The pods above were made under PodSecurity `restricted`, and have no token of the cluster."""
    refused = filled.kubectl("run", "root", f"--image={IMAGE}", "--restart=Never", code=1)
    assert 'violates PodSecurity "restricted' in refused
    pods = json.loads(filled.kubectl("get", "pods", "-l", "app.kubernetes.io/component=run", "-o", "json"))["items"]
    assert pods
    assert all(pod["spec"]["automountServiceAccountToken"] is False for pod in pods)
    mounts = [mount["mountPath"] for pod in pods for mount in pod["spec"]["containers"][0]["volumeMounts"]]
    assert set(mounts) == {"/tmp", "/var/lib/derived"}  # noqa: S108 - where the pods' volume is


@pytest.mark.parametrize(
    ("account", "verb", "what", "allowed"),
    [
        ("derived-worker", "create", "jobs", "yes"),
        ("derived-worker", "create", "pods", "no"),
        ("derived-worker", "get", "secrets", "no"),
        ("derived-watchdog", "list", "pods", "yes"),
        ("derived-watchdog", "delete", "pods", "no"),
        ("derived-watchdog", "get", "secrets", "no"),
        ("derived-runs", "list", "pods", "no"),
    ],
)
def test_everybody_has_the_least_rights(platform, account, verb, what, allowed):
    """Nobody reads secrets; who watches changes nothing; runs see nothing of the cluster."""
    who = f"--as=system:serviceaccount:derived:{account}"
    said = platform.kubectl("auth", "can-i", verb, what, who, code=0 if allowed == "yes" else 1)
    assert said.strip() == allowed


def test_a_cancelled_run_ends_as_cancelled(filled, expected):
    """Its pod ends with it, and the table is what it was."""
    with _held(filled):
        run = filled.start(TABLE, AGAIN)
        _running(filled, run)
        filled.server.call("POST", f"flow_runs/{run}/set_state", state={"type": "CANCELLING"})
        assert _ended(filled, run)[0] == "Cancelled"
    assert _differences(filled.warehouse / "warehouse.duckdb", expected) == []


def test_a_deleted_pod_is_followed_by_another(filled, expected):
    """SIGTERM, as a drain sends it: the run is started again in a pod of its own, which does the work."""
    with _held(filled):
        run = filled.start(TABLE, AGAIN)
        _running(filled, run)
        filled.kubectl("delete", "pod", "-l", f"prefect.io/flow-run-id={run}", "--wait=false")
        _until(lambda: "AwaitingRetry" in filled.states(run))
    assert filled.server.wait(run)["state_type"] == "COMPLETED", filled.server.logs(run)
    assert len(filled.jobs(run)) == 2
    assert _differences(filled.warehouse / "warehouse.duckdb", expected) == []


def test_a_run_that_takes_too_long_is_told_so(filled, expected):
    """Its pod ends at the deadline, it is not started again, and the next run does the work."""
    with _held(filled):
        run = filled.start(TABLE, AGAIN, timeout=25)
        assert "longer than its timeout" in _told(filled, run, "DeadlineExceeded")
        time.sleep(15)
        assert filled.states(run)[-1] == "DeadlineExceeded"
    repaired = filled.start(TABLE, AGAIN)
    assert filled.server.wait(repaired)["state_type"] == "COMPLETED", filled.server.logs(repaired)
    assert _differences(filled.warehouse / "warehouse.duckdb", expected) == []


def test_what_keeps_a_pod_from_starting_is_told_within_a_bounded_time(unlimited):
    """An image that is not there, more than a node has, more than the quota: each named, with Kubernetes' own words."""
    asked = {
        "ImageNotPulled": ("core.orders", {"image": "localhost/nobody-pushed:1"}, "localhost/nobody-pushed:1"),
        "Unschedulable": ("core.users", {"cpu": "40"}, "Insufficient cpu"),
        "Refused": ("core.payments", {"cpu": "60"}, "exceeded quota"),
    }
    runs = {name: unlimited.start(table, **variables) for name, (table, variables, _) in asked.items()}
    for name, run in runs.items():
        assert asked[name][2] in _told(unlimited, run, name)
        unlimited.kubectl("delete", *unlimited.jobs(run))


def test_a_run_out_of_memory_has_a_second_pod_with_twice_as_much(unlimited):
    """Once: where that is too little too, the run is told so."""
    enough, little = unlimited.start("core.users", memory="200Mi"), unlimited.start("core.orders", memory="48Mi")
    _until(lambda: "AwaitingMoreMemory" in unlimited.states(enough), PATIENCE + BOUND)
    _until(
        lambda: unlimited.server.call("GET", f"flow_runs/{enough}")["state_type"] == "COMPLETED", PATIENCE + 2 * BOUND
    )
    assert "more memory than its 96Mi" in _told(unlimited, little, "OutOfMemory")
    assert unlimited.states(little).count("AwaitingMoreMemory") == 1
