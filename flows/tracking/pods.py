"""What pods and events, as Kubernetes' API gives them, say of the jobs of runs."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from flows.model.pod_fault import Cluster, PodFault, Seen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

RUN = "prefect.io/flow-run-id"
"""The label by which a pod names its run."""
JOB = "batch.kubernetes.io/job-name"
STARTING = {"ContainerCreating", "PodInitializing"}
"""What a pod waits for that is well."""
IMAGE = {"ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "ImageInspectError"}
ENDED = {"Succeeded", "Failed"}
Object = dict[str, Any]


def read_cluster(pods: Iterable[Object], events: Iterable[Object]) -> Cluster:
    """Say what is wrong with which job.

    Args:
        pods: the pods of runs.
        events: the warnings of their namespace.
    """
    pods, events = list(pods), list(events)
    warnings = _latest(events)
    faults: dict[str, Seen] = {}
    made = {_job(pod) for pod in pods}
    for (kind, name, reason), event in warnings.items():
        at, detail = _moment(event), event.get("message") or ""
        if kind == "Job" and reason == "DeadlineExceeded":
            faults[name] = Seen(PodFault.DEADLINE, at, detail)
        elif kind == "Job" and reason == "FailedCreate" and name not in made:
            # Each try names another pod, and so is an event of its own.
            tries = [_first(one) for one in events if _about(one) == (kind, name, reason)]
            faults.setdefault(name, Seen(PodFault.REFUSED, min(tries), detail))
    for pod in pods:
        seen = _of_pod(pod, warnings)
        if seen is not None and _job(pod) not in faults:
            faults[_job(pod)] = seen
    alive = frozenset(_run(pod) for pod in pods if _is_alive(pod))
    lost = {job for job, seen in faults.items() if seen.fault is PodFault.NODE_LOST}
    started = frozenset(_run(pod) for pod in pods if pod["status"].get("phase") == "Running" and _job(pod) not in lost)
    jobs = {_run(pod): _job(pod) for pod in sorted(pods, key=lambda pod: (_is_alive(pod), _made(pod)))}
    evicted = defaultdict(set)
    for pod in pods:
        if pod["status"].get("reason") == "Evicted":
            evicted[_run(pod)].add(_job(pod))
    return Cluster(faults, alive, started, jobs, {run: frozenset(of) for run, of in evicted.items()})


def _run(pod: Object) -> str:
    return str(pod["metadata"]["labels"][RUN])


def _job(pod: Object) -> str:
    return str(pod["metadata"]["labels"].get(JOB, ""))


def _is_alive(pod: Object) -> bool:
    return pod["status"].get("phase") not in ENDED


def _made(pod: Object) -> datetime:
    return datetime.fromisoformat(pod["metadata"]["creationTimestamp"])


def _latest(events: Iterable[Object]) -> dict[tuple[str, str, str], Object]:
    found: dict[tuple[str, str, str], Object] = {}
    for event in sorted(events, key=_moment):
        found[_about(event)] = event
    return found


def _about(event: Object) -> tuple[str, str, str]:
    about = event["involvedObject"]
    return about.get("kind", ""), about.get("name", ""), event.get("reason", "")


def _of_pod(pod: Object, warnings: dict[tuple[str, str, str], Object]) -> Seen | None:
    status, name = pod["status"], pod["metadata"]["name"]
    made = _made(pod)
    for ended in _container_states(status, "terminated"):
        at = _time(ended.get("finishedAt")) or made
        if ended.get("reason") == "OOMKilled":
            return Seen(PodFault.OUT_OF_MEMORY, at, memory=_memory(pod))
    if status.get("reason") == "Evicted":
        return Seen(PodFault.EVICTED, _ended_at(status) or made, status.get("message") or "")
    conditions = {condition["type"]: condition for condition in status.get("conditions") or []}
    removed = conditions.get("DisruptionTarget", {})
    if status.get("reason") == "NodeLost" or removed.get("reason") == "DeletionByTaintManager":
        at = _time(removed.get("lastTransitionTime")) or made
        return Seen(PodFault.NODE_LOST, at, pod["spec"].get("nodeName") or "")
    if status.get("phase") == "Pending":
        return _waiting(status, conditions, made, _failed_mount(warnings, name))
    lost = warnings.get(("Pod", name, "NodeNotReady"))
    ready = conditions.get("Ready", {})
    if status.get("phase") == "Running" and lost is not None and ready.get("status") == "False":
        return Seen(PodFault.NODE_LOST, _moment(lost), pod["spec"].get("nodeName") or "")
    for ended in _container_states(status, "terminated"):
        at, code = _time(ended.get("finishedAt")) or made, ended.get("exitCode")
        return Seen(PodFault.GONE, at, f"it ended with exit code {code} ({ended.get('reason') or 'no reason given'})")
    return None


def _waiting(status: Object, conditions: dict[str, Object], made: datetime, mount: str) -> Seen | None:
    scheduled = conditions.get("PodScheduled", {})
    if scheduled.get("status") == "False":
        return Seen(PodFault.UNSCHEDULABLE, made, scheduled.get("message") or "")
    for waiting in _container_states(status, "waiting"):
        reason, message = waiting.get("reason") or "", waiting.get("message") or ""
        if reason in IMAGE:
            return Seen(PodFault.IMAGE, made, f"{reason}: {message}" if message else reason)
        if reason not in STARTING:
            return Seen(PodFault.NOT_STARTED, made, f"{reason}: {message}" if message else reason)
    return Seen(PodFault.NOT_STARTED, made, mount)


def _failed_mount(warnings: dict[tuple[str, str, str], Object], name: str) -> str:
    event = warnings.get(("Pod", name, "FailedMount")) or warnings.get(("Pod", name, "FailedCreatePodSandBox")) or {}
    return event.get("message") or ""


def _container_states(status: Object, kind: str) -> Iterator[Object]:
    for container in (status.get("initContainerStatuses") or []) + (status.get("containerStatuses") or []):
        state = (container.get("state") or {}).get(kind)
        if state:
            yield state


def _ended_at(status: Object) -> datetime | None:
    ended = [_time(state.get("finishedAt")) for state in _container_states(status, "terminated")]
    return max((moment for moment in ended if moment is not None), default=None)


def _memory(pod: Object) -> str:
    limits = (pod["spec"]["containers"][0].get("resources") or {}).get("limits") or {}
    return str(limits.get("memory", ""))


def _moment(event: Object) -> datetime:
    last = (event.get("series") or {}).get("lastObservedTime") or event.get("lastTimestamp") or event.get("eventTime")
    return _time(last) or _first(event)


def _first(event: Object) -> datetime:
    first = event.get("firstTimestamp") or event.get("eventTime") or event["metadata"]["creationTimestamp"]
    return datetime.fromisoformat(first)


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
