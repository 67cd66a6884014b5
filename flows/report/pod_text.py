"""What became of a pod, in words."""

from __future__ import annotations

from flows.model.pod_fault import PodFault, Seen
from flows.model.safe_text import unended


def describe_pod(seen: Seen) -> str:
    """Return the message of the run's state: what happened, and what a person can do."""
    return _SAID[seen.fault].format(detail=unended(seen.detail) or "no reason given", memory=seen.memory or "limit")


def describe_more_memory(memory: str, more: str) -> str:
    """Return the message of a run that is to have a second pod."""
    return f"The pod needed more than its {memory} of memory and was killed; once more with {more}."


def describe_cancelled(namespace: str, job: str) -> str:
    """Return the message of a run that was cancelled and has no process; its job is given where that is still there."""
    left = f" Its job is still there: kubectl -n {namespace} delete job {job}" if job else ""
    return f"Cancelled; it had no pod that runs.{left}"


_SAID = {
    PodFault.OUT_OF_MEMORY: (
        "The pod needed more memory than its {memory} and was killed. "
        "Give the table more in its file (resources: {{memory: ...}}), or smaller windows."
    ),
    PodFault.EVICTED: (
        "The pod was thrown out by its node ({detail}) and is not followed by another. "
        "Give the table more of it in its file, or the cluster larger nodes."
    ),
    PodFault.DEADLINE: (
        "The pod took longer than its timeout and was ended. What was committed stays. "
        "Give the table more in its file (resources: {{timeout: ...}}), or smaller windows."
    ),
    PodFault.NODE_LOST: "The pod's node does not answer ({detail}). The next run does the rest.",
    PodFault.IMAGE: (
        "The pod's image cannot be had ({detail}). Push it, or name another: python -m flows.deploy --pool --image ..."
    ),
    PodFault.UNSCHEDULABLE: (
        "No node can take the pod ({detail}). "
        "Add a node, or let the table ask for less in its file (resources: {{cpu: ..., memory: ...}})."
    ),
    PodFault.NOT_STARTED: "The pod's container does not start ({detail}).",
    PodFault.REFUSED: (
        "Kubernetes refuses the pod ({detail}). "
        "Raise the quota or limit of the namespace (k8s/), or let the table ask for less in its file; "
        "where it violates PodSecurity, give the pool its template again: python -m flows.deploy --pool"
    ),
    PodFault.GONE: "The run's pod is gone ({detail}). The next run does the rest.",
}
