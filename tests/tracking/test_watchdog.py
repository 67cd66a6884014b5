"""What is read in pods and events, and when a run is told of it; against a real cluster: tests/kubernetes."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from flows.model.pod_fault import Cluster, PodFault, Seen
from flows.report.pod_text import describe_pod
from flows.tracking.pods import read_cluster
from flows.tracking.verdict import EVICTIONS, Run, verdict

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
    assert cluster.alive == {"job-1"}


def _judged(state, seen=None, *, ago=30, name="", alive=False, evictions=0, missing=None):  # noqa: PLR0913
    run = Run("run", state, name or state.title(), NOW - timedelta(seconds=ago), "job-1")
    cluster = Cluster({"job-1": seen} if seen else {}, frozenset({"job-1"} if alive else ()), {"run": evictions})
    return verdict(run, cluster, PATIENCE, NOW, missing)


def _seen(fault, ago):
    return Seen(fault, NOW - timedelta(seconds=ago))


@pytest.mark.parametrize("fault", [PodFault.OUT_OF_MEMORY, PodFault.DEADLINE, PodFault.NODE_LOST, PodFault.EVICTED])
def test_a_crash_gets_its_reason_once(fault):
    """Prefect crashed it for that reason; a run that was told, and a crash of another day, are left alone."""
    assert _judged("CRASHED", _seen(fault, 40)).fault is fault
    assert _judged("CRASHED", _seen(fault, 40), name=fault.value) is None
    assert _judged("CRASHED", _seen(fault, 4000)) is None
    assert _judged("CRASHED", _seen(PodFault.GONE, 40)) is None


def test_what_waits_is_given_time():
    """A node may come, an image may be pushed; then the run is told."""
    for fault in (PodFault.IMAGE, PodFault.UNSCHEDULABLE, PodFault.REFUSED, PodFault.NOT_STARTED):
        assert _judged("PENDING", _seen(fault, 500), ago=500, alive=True) is None
        assert _judged("PENDING", _seen(fault, 700), ago=700, alive=True).fault is fault


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
    assert _judged("RUNNING", _seen(PodFault.NODE_LOST, 700), ago=3600, alive=True).fault is PodFault.NODE_LOST
    assert _judged("RUNNING", _seen(PodFault.NODE_LOST, 60), ago=3600, alive=True) is None
