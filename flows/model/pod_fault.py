"""What became of a run's pod, where Prefect alone would not say it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


class PodFault(StrEnum):
    """What is wrong; the value is the name of the run's state."""

    OUT_OF_MEMORY = "OutOfMemory"
    """It needed more memory than its limit."""
    EVICTED = "Evicted"
    """Its node ran short of something and threw it out."""
    DEADLINE = "DeadlineExceeded"
    """It took longer than its timeout."""
    NODE_LOST = "NodeLost"
    """Its node does not answer."""
    IMAGE = "ImageNotPulled"
    """Its image cannot be had."""
    UNSCHEDULABLE = "Unschedulable"
    """No node can take it."""
    NOT_STARTED = "NotStarted"
    """A node took it, and its container does not start."""
    REFUSED = "Refused"
    """Kubernetes makes no such pod here: a quota, a limit, or a rule of security."""
    GONE = "PodGone"
    """There is no pod, or it has ended, and the run knows nothing of it."""


WAITING = {PodFault.IMAGE, PodFault.UNSCHEDULABLE, PodFault.NOT_STARTED, PodFault.REFUSED}
"""What may pass: a node is added, an image pushed, a quota free again."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A fault of one job's pod."""

    fault: PodFault
    since: datetime
    detail: str = ""
    """What Kubernetes says of it."""
    memory: str = ""
    """The limit of the pod's memory, where it was too small."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """What Kubernetes says of the jobs and runs of one namespace."""

    faults: dict[str, Seen]
    """By job."""
    alive: frozenset[str]
    """The ids of the runs that have a pod which has not ended."""
    started: frozenset[str]
    """Those of them whose pod has got as far as a process, on a node that answers."""
    jobs: dict[str, str]
    """The job of a run's latest pod, by the run's id; one that has not ended goes before those that have."""
    evicted: dict[str, frozenset[str]]
    """The jobs of a run whose pods were evicted, by the run's id."""
