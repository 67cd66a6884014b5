"""When a run is to be told what became of its pod; pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from flows.model.pod_fault import WAITING, Cluster, PodFault, Seen

if TYPE_CHECKING:
    from datetime import datetime

State = Literal["SCHEDULED", "PENDING", "RUNNING", "CANCELLING", "CRASHED"]

LATELY = timedelta(minutes=15)
"""How far apart the end of a pod and what Prefect makes of it may be: its observer may have been away."""
OBSERVED = timedelta(seconds=60)
"""How long Prefect's own observer may take to see that a pod has ended."""
MADE = timedelta(seconds=180)
"""How long a worker may take at least to make a run's job: it makes one after another, and the server may be busy."""
UNANSWERED = timedelta(seconds=20)
"""How long a run may be cancelled without a process that says so."""
EVICTIONS = 3
"""How many pods of one run may be evicted until it is given up: Prefect would make a new one for ever."""
MORE_MEMORY = "AwaitingMoreMemory"
"""The name of the state in which a run waits for its second pod."""


@dataclass(frozen=True, slots=True)
class Run:
    """A run as Prefect knows it."""

    id: str
    state: State
    name: str
    """The state's."""
    at: datetime
    """When it came into that state."""
    job: str
    """Its latest job in this namespace; empty where it has none yet."""
    evictions: int = 0
    """How many of its pods were evicted."""


def verdict(run: Run, cluster: Cluster, patience: timedelta, now: datetime, missing: datetime | None) -> Seen | None:
    """Return what a run is to be told; None as long as all is well, or may become so.

    Args:
        run: the run.
        cluster: what Kubernetes says.
        patience: how long a pod may wait for what may come: a node, an image, a free quota.
        now: the time.
        missing: since when it is known that the run has no living pod.
    """
    if run.name in set(PodFault) | {MORE_MEMORY}:
        return None  # it has been told
    seen = cluster.faults.get(run.job)
    if seen is not None and seen.fault in WAITING:
        if run.state == "PENDING":
            return seen if now - max(seen.since, run.at) >= patience else None
        seen = None  # the run has got further since
    if seen is not None and (_is_its_end(run, seen) or _is_loop(run, seen)):
        return seen
    if run.state in {"RUNNING", "PENDING"} and run.id not in cluster.alive:
        since = max(run.at, missing or now)
        # What ended before the run was to get a pod was an earlier one.
        ended = seen if seen is not None and (run.state == "RUNNING" or seen.since >= run.at) else None
        if now - since >= (OBSERVED if ended else max(patience, OBSERVED if run.job else MADE)):
            return ended or Seen(PodFault.GONE, since, "" if run.job else "none was made")
    if seen is not None and seen.fault is PodFault.NODE_LOST and run.state == "RUNNING":
        return seen if now - seen.since >= patience else None
    return None


def is_cancelled(run: Run, cluster: Cluster, now: datetime) -> bool:
    """Say whether a run is being cancelled and has no process that would say so: its pod waits, or is gone."""
    return run.state == "CANCELLING" and run.id not in cluster.started and now - run.at >= UNANSWERED


def _is_its_end(run: Run, seen: Seen) -> bool:
    """Say whether Prefect gave the run up because of what was seen."""
    if seen.fault is PodFault.GONE:
        return False  # of a process that ended by itself Prefect says as much
    return run.state == "CRASHED" and abs(run.at - seen.since) <= LATELY


def _is_loop(run: Run, seen: Seen) -> bool:
    """Say whether a run would be started again for ever: what ended its pod counts as a SIGTERM."""
    if seen.fault is PodFault.DEADLINE:
        loops = run.state == "SCHEDULED"
    else:
        loops = seen.fault is PodFault.EVICTED and run.evictions >= EVICTIONS
    return loops and run.at <= seen.since + LATELY  # later, a person has started it again
