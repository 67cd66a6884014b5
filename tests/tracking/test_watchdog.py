"""What is read in pods and events, and when a run is told of it; against a real cluster: tests/kubernetes."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from prefect.client.orchestration import PrefectClient

from flows.model.errors import UsageError
from flows.model.pod_fault import Cluster, PodFault, Seen
from flows.report.pod_text import describe_pod
from flows.tracking.pods import read_cluster
from flows.tracking.verdict import EVICTIONS, Run, verdict
from flows.tracking.watchdog import Watchdog

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
PATIENCE = timedelta(minutes=10)


def _stamp(seconds_ago):
    return (NOW - timedelta(seconds=seconds_ago)).isoformat().replace("+00:00", "Z")


def _pod(status, *, age=900, **more):
    return {
        "metadata": {
            "name": "job-1-abc",
            "creationTimestamp": _stamp(age),
            "labels": {"prefect.io/flow-run-id": "run", "batch.kubernetes.io/job-name": "job-1"},
        },
        "spec": {"nodeName": "node-7", "containers": [{"resources": {"limits": {"memory": "2Gi"}}}]},
        "status": status,
    } | more


def _ended(reason, code, phase="Failed"):
    state = {"terminated": {"reason": reason, "exitCode": code, "finishedAt": _stamp(30)}}
    return {"phase": phase, "containerStatuses": [{"name": "prefect-job", "state": state}]}


def _waits(reason, message=None):
    state = {"waiting": {"reason": reason} | ({"message": message} if message else {})}
    return {"phase": "Pending", "containerStatuses": [{"name": "prefect-job", "state": state}]}


def _event(kind, name, reason, message, *, ago=30):
    return {
        "metadata": {"creationTimestamp": _stamp(ago)},
        "involvedObject": {"kind": kind, "name": name},
        "reason": reason,
        "message": message,
        "firstTimestamp": _stamp(900),
        "lastTimestamp": _stamp(ago),
    }


UNSCHEDULABLE = {
    "phase": "Pending",
    "conditions": [
        {"type": "PodScheduled", "status": "False", "message": "0/3 nodes are available: 3 Insufficient cpu."}
    ],
}
TAINTED = {
    "phase": "Running",
    "conditions": [
        {"type": "DisruptionTarget", "reason": "DeletionByTaintManager", "lastTransitionTime": _stamp(30)},
    ],
}
LOST = {"phase": "Running", "conditions": [{"type": "Ready", "status": "False"}]}
QUOTA = 'pods "job-1-x" is forbidden: exceeded quota: derived'


@pytest.mark.parametrize(
    ("pods", "events", "fault", "detail"),
    [
        ([_pod(_ended("OOMKilled", 137))], [], PodFault.OUT_OF_MEMORY, ""),
        # Only the flow's process was killed; the one above it ended well.
        ([_pod(_ended("OOMKilled", 0, "Succeeded"))], [], PodFault.OUT_OF_MEMORY, ""),
        (
            [_pod({"phase": "Failed", "reason": "Evicted", "message": "low on disk"})],
            [],
            PodFault.EVICTED,
            "low on disk",
        ),
        ([], [_event("Job", "job-1", "DeadlineExceeded", "active longer")], PodFault.DEADLINE, "active longer"),
        ([_pod(TAINTED)], [], PodFault.NODE_LOST, "node-7"),
        ([_pod(LOST)], [_event("Pod", "job-1-abc", "NodeNotReady", "x")], PodFault.NODE_LOST, "node-7"),
        ([_pod(_waits("ImagePullBackOff", "not found"))], [], PodFault.IMAGE, "ImagePullBackOff: not found"),
        ([_pod(_waits("ErrImageNeverPull"))], [], PodFault.IMAGE, "ErrImageNeverPull"),
        (
            [_pod(_waits("CreateContainerConfigError", "no secret"))],
            [],
            PodFault.NOT_STARTED,
            "CreateContainerConfigError: no secret",
        ),
        (
            [_pod(_waits("ContainerCreating"))],
            [_event("Pod", "job-1-abc", "FailedMount", "no such volume")],
            PodFault.NOT_STARTED,
            "no such volume",
        ),
        ([_pod(UNSCHEDULABLE)], [], PodFault.UNSCHEDULABLE, "0/3 nodes are available: 3 Insufficient cpu."),
        ([], [_event("Job", "job-1", "FailedCreate", QUOTA)], PodFault.REFUSED, QUOTA),
        ([_pod(_ended("Error", 3))], [], PodFault.GONE, "it ended with exit code 3 (Error)"),
    ],
)
def test_each_way_to_end_is_read_and_named(pods, events, fault, detail):
    """The reason stands in a container's status, in the pod's, or only in an event."""
    seen = read_cluster(pods, events).faults["job-1"]
    assert (seen.fault, seen.detail) == (fault, detail)
    said = describe_pod(seen)
    assert detail.rstrip(".") in said or fault is PodFault.DEADLINE
    assert not re.search(r"\{(detail|memory)\}", said)


def test_a_pod_that_runs_has_no_fault_and_one_that_was_made_was_not_refused():
    """A refusal of an earlier try says nothing once the pod is there."""
    cluster = read_cluster([_pod({"phase": "Running"})], [_event("Job", "job-1", "FailedCreate", QUOTA)])
    assert cluster.faults == {}
    assert cluster.alive == {"run"}


def _judged(  # noqa: PLR0913 - of one of them each test says something else
    state, seen=None, *, ago=30, name="", alive=False, evictions=0, missing=None, job="job-1", patience=PATIENCE
):
    run = Run("run", state, name or state.title(), NOW - timedelta(seconds=ago), job, evictions)
    cluster = Cluster({"job-1": seen} if seen else {}, frozenset({"run"} if alive else ()), frozenset(), {}, {})
    return verdict(run, cluster, patience, NOW, missing)


def _seen(fault, ago):
    return Seen(fault, NOW - timedelta(seconds=ago))


@pytest.mark.parametrize("fault", [PodFault.OUT_OF_MEMORY, PodFault.DEADLINE, PodFault.NODE_LOST, PodFault.EVICTED])
def test_a_crash_gets_its_reason_once(fault):
    """Prefect crashed it for that reason; a run that was told, and a crash of another day, are left alone.

    Prefect's observer may hear of it minutes later.
    """
    assert _judged("CRASHED", _seen(fault, 40)).fault is fault
    assert _judged("CRASHED", _seen(fault, 600)).fault is fault
    assert _judged("CRASHED", _seen(fault, 40), name=fault.value) is None
    assert _judged("CRASHED", _seen(fault, 4000)) is None
    assert _judged("CRASHED", _seen(PodFault.GONE, 40)) is None


def test_what_waits_is_given_time():
    """A node may come, an image may be pushed; then the run is told."""
    for fault in (PodFault.IMAGE, PodFault.UNSCHEDULABLE, PodFault.REFUSED, PodFault.NOT_STARTED):
        assert _judged("PENDING", _seen(fault, 500), ago=500, alive=True) is None
        assert _judged("PENDING", _seen(fault, 700), ago=700, alive=True).fault is fault
        assert _judged("RUNNING", _seen(fault, 3600), ago=3600, alive=True) is None


def test_a_run_that_met_its_deadline_is_not_started_again():
    """The deadline ends a pod as an eviction does: Prefect would start it again, for ever."""
    assert _judged("SCHEDULED", _seen(PodFault.DEADLINE, 40)).fault is PodFault.DEADLINE
    assert _judged("SCHEDULED", _seen(PodFault.OUT_OF_MEMORY, 40)) is None
    assert _judged("SCHEDULED", _seen(PodFault.DEADLINE, 4000)) is None


def test_evictions_are_bounded():
    """A run may move to another node a few times."""
    assert _judged("SCHEDULED", _seen(PodFault.EVICTED, 40), evictions=EVICTIONS - 1) is None
    assert _judged("SCHEDULED", _seen(PodFault.EVICTED, 40), evictions=EVICTIONS).fault is PodFault.EVICTED


def test_a_run_without_a_pod_does_not_run_for_ever():
    """Once it is known for long enough that there is none; a run whose pod lives is left alone."""
    long_ago = NOW - timedelta(minutes=11)
    assert _judged("RUNNING", ago=3600, missing=NOW - timedelta(minutes=5)) is None
    assert _judged("RUNNING", ago=3600, missing=long_ago).fault is PodFault.GONE
    assert _judged("RUNNING", ago=3600, missing=long_ago, alive=True) is None
    unmade = _judged("PENDING", ago=3600, missing=long_ago, job="")
    assert (unmade.fault, unmade.detail) == (PodFault.GONE, "none was made")
    two_minutes = {"ago": 120, "missing": NOW - timedelta(seconds=120), "patience": timedelta(seconds=30)}
    assert _judged("PENDING", **two_minutes).fault is PodFault.GONE
    assert _judged("PENDING", **two_minutes, job="") is None
    assert _judged("RUNNING", _seen(PodFault.NODE_LOST, 700), ago=3600, alive=True).fault is PodFault.NODE_LOST
    assert _judged("RUNNING", _seen(PodFault.NODE_LOST, 60), ago=3600, alive=True) is None


def test_the_end_of_a_pod_is_waited_for_as_long_as_prefect_takes_to_see_it():
    """That is less than a node may take to come: what is known of the pod is soon deleted. A pod before it says nothing."""
    a_minute = NOW - timedelta(seconds=61)
    for fault in (PodFault.OUT_OF_MEMORY, PodFault.EVICTED, PodFault.GONE):
        assert _judged("RUNNING", _seen(fault, 70), ago=3600, missing=NOW - timedelta(seconds=50)) is None
        assert _judged("RUNNING", _seen(fault, 70), ago=3600, missing=a_minute).fault is fault
        assert _judged("PENDING", _seen(fault, 70), ago=80, missing=a_minute).fault is fault
        assert _judged("PENDING", _seen(fault, 90), ago=80, missing=a_minute) is None


class _Lister:
    """Kubernetes' lists of pods and events, as they come over the wire."""

    def __init__(self, *pods):
        self._pods = pods

    async def list_namespaced_pod(self, **_):
        return _Answer(self._pods)

    async def list_namespaced_event(self, **_):
        return _Answer(())


class _Answer:
    def __init__(self, items):
        self._items = items

    async def read(self):
        return json.dumps({"items": self._items, "metadata": {}})


def _pod_of(run, job, status):
    now = datetime.now(UTC).isoformat()
    labels = {"prefect.io/flow-run-id": run, "batch.kubernetes.io/job-name": job}
    return _pod(status, metadata={"name": f"{job}-abc", "creationTimestamp": now, "labels": labels})


@pytest.fixture(scope="module")
def deployment(prefect_server):
    """A deployment of a pool of its own."""
    prefect_server.call("POST", "work_pools/", name="watched", type="kubernetes")
    flow = prefect_server.call("POST", "flows/", name="watched")["id"]
    asked = {"name": "watched", "flow_id": flow, "work_pool_name": "watched"}
    yield prefect_server.call("POST", "deployments/", **asked)["id"]
    prefect_server.call("DELETE", "work_pools/watched")


@pytest.fixture
def watched(prefect_server, deployment, monkeypatch):
    """Runs in a pool, and what a watchdog without patience makes of them."""
    monkeypatch.setattr("flows.tracking.verdict.OBSERVED", timedelta(0))
    monkeypatch.setattr("flows.tracking.verdict.MADE", timedelta(0))
    monkeypatch.setattr("flows.tracking.verdict.UNANSWERED", timedelta(0))
    watchdog = Watchdog("derived", "watched", timedelta(0), "2Gi", lambda _: None)

    class Watched:
        """What a test does."""

        @staticmethod
        def start(state, job=""):
            """Return the id of a run in a state, whose job is known to Prefect or not."""
            run = prefect_server.call("POST", f"deployments/{deployment}/create_flow_run", parameters={})["id"]
            Watched.put(run, state, job)
            return run

        @staticmethod
        def put(run, state, job="", name=None):
            """Let Prefect know of a run's state and job."""
            prefect_server.call("POST", f"flow_runs/{run}/set_state", state={"type": state, "name": name}, force=True)
            if job:
                prefect_server.call("PATCH", f"flow_runs/{run}", infrastructure_pid=f"derived:{job}")

        @staticmethod
        def look(run, *pods):
            """Return what Prefect says of a run after a look at these pods."""

            async def once():
                async with PrefectClient(prefect_server.url) as prefect:
                    await watchdog.look(_Lister(*pods), prefect)

            asyncio.run(once())
            return prefect_server.call("GET", f"flow_runs/{run}")

    yield Watched
    for run in prefect_server.call("POST", "flow_runs/filter", flow_runs={"deployment_id": {"any_": [deployment]}}):
        prefect_server.call("DELETE", f"flow_runs/{run['id']}")


@pytest.mark.parametrize("memory", ["16 GB", "16Gb", "16ki", "1.5Gi", ""])
def test_memory_that_is_no_quantity_is_refused(memory):
    """Else no run would have a second pod, and nobody would know."""
    with pytest.raises(UsageError, match=re.escape(f"--most-memory '{memory}' is no quantity of Kubernetes. Write it")):
        Watchdog("derived", "watched", timedelta(0), memory, lambda _: None)


def test_a_run_lives_as_long_as_one_of_its_pods_does(watched):
    """The worker asks again for a job whose answer was lost: two are made, and Prefect knows of the second alone."""
    run = watched.start("RUNNING", job="second")
    second = _pod_of(run, "second", _ended("Error", 1))
    assert watched.look(run, _pod_of(run, "first", {"phase": "Running"}), second)["state_type"] == "RUNNING"
    assert watched.look(run, second)["state_name"] == "PodGone"


def test_a_run_whose_worker_was_killed_is_told_of_its_pod(watched):
    """The worker may not have told Prefect of the job, or not have made it; what runs elsewhere is left alone."""
    run, unmade, elsewhere = watched.start("PENDING"), watched.start("PENDING"), watched.start("RUNNING")
    told = watched.look(run, _pod_of(run, "job", UNSCHEDULABLE))
    assert (told["state_name"], told["infrastructure_pid"]) == ("Unschedulable", "derived:job")
    again = watched.start("PENDING", job="old")
    pods = _pod_of(again, "new", UNSCHEDULABLE), _pod_of(again, "old", {"phase": "Failed", "reason": "Evicted"})
    assert watched.look(again, *pods)["state_name"] == "Unschedulable"
    assert watched.look(unmade)["state_name"] == "PodGone"
    assert watched.look(elsewhere)["state_name"] == "Running"


def test_a_run_that_was_told_what_it_waits_for_is_told_how_it_ends(watched):
    """A node may come after all, and the pod need more memory than there is."""
    run = watched.start("PENDING", job="job")
    assert watched.look(run, _pod_of(run, "job", UNSCHEDULABLE))["state_name"] == "Unschedulable"
    watched.put(run, "RUNNING")
    assert watched.look(run, _pod_of(run, "job", {"phase": "Running"}))["state_name"] == "Running"
    ended = {"phase": "Failed", "containerStatuses": [{"state": {"terminated": {"reason": "OOMKilled"}}}]}
    assert watched.look(run, _pod_of(run, "job", ended))["state_name"] == "OutOfMemory"


def test_evictions_are_counted_after_their_pods_are_deleted(watched):
    """A job is deleted an hour after its end, and a run may take longer to be evicted again."""
    run = watched.start("RUNNING")
    for number in range(1, EVICTIONS + 1):
        watched.put(run, "SCHEDULED", job=f"job-{number}", name="AwaitingRetry")
        told = watched.look(run, _pod_of(run, f"job-{number}", {"phase": "Failed", "reason": "Evicted"}))
        assert told["state_name"] == ("Evicted" if number == EVICTIONS else "AwaitingRetry")
    assert {f"evicted: job-{number}" for number in range(1, EVICTIONS + 1)} <= set(told["tags"])


def test_a_run_that_is_cancelled_without_a_process_ends_as_cancelled(watched):
    """Nobody else would say so, and no other run of its table could start; a process says so by itself."""
    waits, lost, ended, runs = (watched.start("PENDING", job=name) for name in ("waits", "lost", "ended", "runs"))
    pods = [_pod_of(waits, "waits", UNSCHEDULABLE), _pod_of(lost, "lost", TAINTED)]
    pods += [_pod_of(ended, "ended", _ended("OOMKilled", 137)), _pod_of(runs, "runs", {"phase": "Running"})]
    for run in (waits, lost, ended, runs):
        watched.put(run, "CANCELLING")
    told = watched.look(waits, *pods)
    assert told["state_type"] == "CANCELLED"
    assert "kubectl -n derived delete job waits" in told["state"]["message"]
    states = [watched.look(run, *pods)["state_type"] for run in (lost, ended, runs)]
    assert states == ["CANCELLED", "CANCELLED", "CANCELLING"]
