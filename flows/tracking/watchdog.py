"""Tells runs what became of their pods: one look at Kubernetes and at Prefect, and what follows from it."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from kubernetes_asyncio import client as kubernetes
from kubernetes_asyncio import config
from prefect import get_client
from prefect.client.schemas.filters import FlowRunFilter, WorkPoolFilter
from prefect.client.schemas.objects import State, StateType
from prefect.states import Cancelled, Scheduled

from flows.model.errors import UsageError
from flows.model.pod_fault import Cluster, PodFault, Seen
from flows.report.pod_text import describe_cancelled, describe_more_memory, describe_pod
from flows.tracking.pods import RUN, Object, read_cluster
from flows.tracking.verdict import LATELY, MORE_MEMORY, Run, is_cancelled, verdict

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from prefect.client.orchestration import PrefectClient
    from prefect.client.schemas.objects import FlowRun

PAGE = 200
CANCELLING = 45
"""Seconds that a pod has to end its run before that is said to be ended."""
SOON = timedelta(seconds=30)
"""How long a run waits for its second pod."""
TWICE = "twice the memory"
"""The tag of a run that had its second pod."""
EVICTED = "evicted: "
"""What the tags of a run begin with that name its jobs whose pods were evicted; the pods themselves are deleted."""
_QUANTITY = re.compile(r"(\d+)(k|[MGT]|[KMGT]i)?")
_UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}


class Watchdog:
    """Watches the pods of one work pool in one namespace.

    Raises UsageError for memory that is no quantity of Kubernetes.
    """

    def __init__(
        self, namespace: str, pool: str, patience: timedelta, most_memory: str, say: Callable[[str], None]
    ) -> None:
        if not _QUANTITY.fullmatch(most_memory):
            raise UsageError(f"--most-memory '{most_memory}' is no quantity of Kubernetes. Write it as 16Gi.")
        self._namespace, self._pool, self._patience = namespace, pool, patience
        self._most_memory, self._say = most_memory, say
        self._missing: dict[str, datetime] = {}
        self._told: set[tuple[str, str, PodFault]] = set()

    async def watch(self, every: float) -> None:
        """Look again and again. A look that fails, as the API does not answer, is said and repeated.

        Raises UsageError outside of Kubernetes.
        """
        try:
            config.load_incluster_config()
        except config.ConfigException:
            raise UsageError(
                "The watchdog runs in a pod of the cluster that it watches: k8s/base has its deployment."
            ) from None
        self._say(f"Watching the pods of work pool '{self._pool}' in namespace '{self._namespace}'.")
        async with kubernetes.ApiClient() as api, get_client() as prefect:
            while True:
                try:
                    await self.look(kubernetes.CoreV1Api(api), prefect)
                except Exception as error:  # noqa: BLE001 - whatever it was, the next look may do
                    self._say(f"looking failed, and is tried again: {type(error).__name__}: {error}")
                await asyncio.sleep(every)

    async def look(self, api: kubernetes.CoreV1Api, prefect: PrefectClient) -> None:
        """Look once."""
        pods = [pod async for pod in _all(api.list_namespaced_pod, namespace=self._namespace, label_selector=RUN)]
        events = [
            event
            async for event in _all(api.list_namespaced_event, namespace=self._namespace, field_selector="type=Warning")
        ]
        cluster, now = read_cluster(pods, events), datetime.now(UTC)
        runs = [(self._run(run, cluster), run) for run in await self._runs(prefect, now) if self._is_here(run, cluster)]
        self._missing = {
            run.id: self._missing.get(run.id, now)
            for run, _ in runs
            if run.state in {"RUNNING", "PENDING"} and run.id not in cluster.alive
        }
        judged = (self._judge(prefect, run, of, cluster, now) for run, of in runs)
        for failed in await asyncio.gather(*judged, return_exceptions=True):
            if failed is not None:
                raise failed

    async def _runs(self, prefect: PrefectClient, now: datetime) -> list[FlowRun]:
        """Return the runs of the pool that have not ended, or crashed lately."""
        open_states = {"type": {"any_": [StateType.RUNNING, StateType.PENDING, StateType.CANCELLING]}}
        crashed = {"type": {"any_": [StateType.CRASHED]}}
        again = {"name": {"any_": ["AwaitingRetry"]}}
        filters = [{"state": open_states}, {"state": again}, {"state": crashed, "end_time": {"after_": now - LATELY}}]
        found: dict[UUID, FlowRun] = {}
        for chosen in filters:
            offset = 0
            while True:
                page = await prefect.read_flow_runs(
                    flow_run_filter=FlowRunFilter.model_validate(chosen),
                    work_pool_filter=WorkPoolFilter.model_validate({"name": {"any_": [self._pool]}}),
                    limit=PAGE,
                    offset=offset,
                )
                found |= {run.id: run for run in page}
                offset += PAGE
                if len(page) < PAGE:
                    break
        return [run for run in found.values() if run.state is not None]

    def _is_here(self, run: FlowRun, cluster: Cluster) -> bool:
        """Say whether a run is one of this namespace."""
        if run.infrastructure_pid:
            return run.infrastructure_pid.startswith(f"{self._namespace}:")
        # A worker that is killed in between has made a job of which Prefect was not told, or none at all.
        return str(run.id) in cluster.jobs or _has_no_job_yet(run)

    def _run(self, run: FlowRun, cluster: Cluster) -> Run:
        state, its = cast("State[Any]", run.state), str(run.id)
        job = (run.infrastructure_pid or "").partition(":")[2]
        if not job or its in cluster.alive:
            job = cluster.jobs.get(its, job)
        evictions = sum(tag.startswith(EVICTED) for tag in _tags(run, cluster))
        return Run(its, cast("Any", state.type.value), state.name or "", state.timestamp, job, evictions)

    async def _judge(self, prefect: PrefectClient, run: Run, of: FlowRun, cluster: Cluster, now: datetime) -> None:
        await self._keep(prefect, run, of, cluster)
        if run.state == "CANCELLING":
            if is_cancelled(run, cluster, now):
                await self._cancelled(prefect, of, run.job if run.id in cluster.alive else "")
            return
        seen = verdict(run, cluster, self._patience, now, self._missing.get(run.id))
        if seen is None or (run.id, run.job, seen.fault) in self._told:
            return
        more = self._more_memory(of, seen)
        if more:
            await self._again(prefect, of, seen.memory, more)
        else:
            await self._end(prefect, run, seen, alive=run.id in cluster.alive)
        self._told.add((run.id, run.job, seen.fault))

    async def _cancelled(self, prefect: PrefectClient, of: FlowRun, waiting_job: str) -> None:
        state: State[Any] = Cancelled(message=describe_cancelled(self._namespace, waiting_job))
        await prefect.set_flow_run_state(of.id, state, force=True)
        self._say(f"{of.name}: {state.message}")

    async def _keep(self, prefect: PrefectClient, run: Run, of: FlowRun, cluster: Cluster) -> None:
        """Write down with a run what only its pods say: they are deleted some time after their end."""
        if run.job and not of.infrastructure_pid:
            await prefect.update_flow_run(of.id, infrastructure_pid=f"{self._namespace}:{run.job}")
        if len(tags := _tags(of, cluster)) > len(of.tags):
            await prefect.update_flow_run(of.id, tags=tags)
            of.tags = tags

    def _more_memory(self, of: FlowRun, seen: Seen) -> str:
        """Return what a second pod is to have; empty where there is to be none."""
        if seen.fault is not PodFault.OUT_OF_MEMORY or TWICE in of.tags or of.deployment_id is None:
            return ""
        had = _bytes(seen.memory)
        more = min(2 * had, _bytes(self._most_memory))
        return f"{more // 2**20}Mi" if more > had > 0 else ""

    async def _again(self, prefect: PrefectClient, of: FlowRun, memory: str, more: str) -> None:
        message = describe_more_memory(memory, more)
        # Only of a run that waits can the variables be changed: late enough for the worker not to take it before.
        state: State[Any] = Scheduled(scheduled_time=datetime.now(UTC) + SOON, name=MORE_MEMORY, message=message)
        await prefect.set_flow_run_state(of.id, state, force=True)
        variables = (of.job_variables or {}) | {"memory": more}
        await prefect.update_flow_run(of.id, job_variables=variables, tags=[*of.tags, TWICE])
        self._say(f"{of.name}: {message}")

    async def _end(self, prefect: PrefectClient, run: Run, seen: Seen, *, alive: bool) -> None:
        """Give a run its last state; where its pod lives, it is asked to end first."""
        message = describe_pod(seen)
        if run.state == "RUNNING" and alive and seen.fault is not PodFault.NODE_LOST:
            await self._cancel(prefect, UUID(run.id), message)
        state: State[Any] = State(type=StateType.CRASHED, name=seen.fault.value, message=message)
        await prefect.set_flow_run_state(run.id, state, force=True)
        self._say(f"{run.job}: {seen.fault.value}: {message}")

    async def _cancel(self, prefect: PrefectClient, run: UUID, message: str) -> None:
        await prefect.set_flow_run_state(run, State(type=StateType.CANCELLING, message=message))
        for _ in range(CANCELLING):
            await asyncio.sleep(1)
            state = (await prefect.read_flow_run(run)).state
            if state is not None and state.is_final():
                return


def _has_no_job_yet(run: FlowRun) -> bool:
    return cast("State[Any]", run.state).type in {StateType.PENDING, StateType.CANCELLING}


def _tags(run: FlowRun, cluster: Cluster) -> list[str]:
    """Return a run's tags, with those of its evicted pods."""
    evicted = {f"{EVICTED}{job}" for job in cluster.evicted.get(str(run.id), ())}
    return [*run.tags, *sorted(evicted.difference(run.tags))]


async def _all(listing: Callable[..., Any], **chosen: str) -> AsyncIterator[Object]:
    """Give all objects of a listing, page by page, as they come over the wire."""
    following = None
    while True:
        answer = await listing(**chosen, limit=500, _continue=following, _preload_content=False)
        page = json.loads(await answer.read())
        if "items" not in page:
            raise RuntimeError(f"Kubernetes answers {page.get('message') or page}")
        for item in page["items"]:
            yield item
        following = page["metadata"].get("continue")
        if not following:
            return


def _bytes(quantity: str) -> int:
    """Read a quantity of Kubernetes, such as 512Mi; 0 where it is none."""
    found = _QUANTITY.fullmatch(quantity)
    return int(found[1]) * _UNITS[found[2] or ""] if found else 0
