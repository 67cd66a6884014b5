"""Make a Prefect server's deployments those of the project, with as few requests as that takes."""

from __future__ import annotations

import asyncio
import signal
import threading
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar

import httpx
import orjson

from flows.api.client import Api
from flows.api.errors import BusyError, detail_of, told_of
from flows.model.errors import UsageError
from flows.tracking.deployment import WORK_POOL
from flows.tracking.desired import desired, is_same, request_of
from flows.tracking.making import delete_doubles, delete_strays, make
from flows.tracking.pace import TRIES, Pace, patiently, tries_for

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping

    from flows.api.settings import Settings
    from flows.model.table import Table
    from flows.tracking.desired import Desired

FLOWS = ("derive", "ingest")
PAGE = 200
PAGES = 3
"""How many of them are asked for at once, as a server waits for its database half of the time."""
MOST_DELETED = 50

T = TypeVar("T")
Wanted: TypeAlias = "tuple[Table, dict[str, Any]]"


class Progress(Protocol):
    """Is told how far it is."""

    def begin(self, total: int) -> None:
        """Hear how many deployments are to be made."""

    def done(self, name: str) -> None:
        """Hear that one is made, or failed."""


@dataclass(slots=True)
class Deployed:
    """What was done, by the deployments' names."""

    created: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    """Those of tables without a file, which nobody wanted deleted."""
    failed: dict[str, str] = field(default_factory=dict)
    """Why a deployment could not be made."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the server has."""

    flows: dict[str, str]
    """Ids of flows by name."""
    deployments: dict[tuple[str, str], dict[str, Any]]
    """By names of the flow and the table."""
    automations: dict[str, list[dict[str, Any]]]
    """Those that run a deployment, by its id."""

    def has(self, one: Desired) -> bool:
        """Say whether a deployment is there as it is to be."""
        there = self.deployments.get((one.kind, one.name))
        return there is not None and is_same(one, there, self.automations.get(there["id"], []))

    def strays(self) -> dict[str, list[dict[str, Any]]]:
        """Return the automations that run none of the deployments, by what they would run."""
        ids = {one["id"] for one in self.deployments.values()}
        return {id_: there for id_, there in self.automations.items() if id_ not in ids}


def deploy(
    settings: Settings,
    wanted: Callable[[], list[Wanted]],
    keep: Callable[[str], bool],
    chosen: Callable[[list[str], int], Collection[str]],
    progress: Progress,
) -> Deployed:
    """Make the server's deployments those that are wanted.

    Args:
        settings: say where the server is, and who asks.
        wanted: gives tables, each with its deployment as prefect.yaml has it; is called while the server is asked.
        keep: says whether there is a file for a table, so that its deployment stays.
        chosen: says which deployments go of those of tables without files, given their names and how many there are of
            tables in all; is asked before anything is changed, so that it may raise.
        progress: is told how far it is.

    Raises:
        ApiError: the API does not answer.
        UsageError: it refuses who asks, or there is no work pool.
    """
    api = Api(settings)
    try:
        return asyncio.run(_deploy(api, wanted, keep, chosen, progress))
    except BaseException as error:
        first = _first(error)
        told = told_of(first, api.url, "set PREFECT_API_URL to one that runs")
        if told is None and first is error:
            raise
        raise told or first from None


async def _deploy(
    api: Api,
    wanted: Callable[[], list[Wanted]],
    keep: Callable[[str], bool],
    chosen: Callable[[list[str], int], Collection[str]],
    progress: Progress,
) -> Deployed:
    result = Deployed()
    async with api:
        await _require_pool(api)  # alone: SQLite's server may answer nobody any more once requests are given up
        known, made = await asyncio.gather(_read(api), _beside(partial(_desired, wanted)))
        ours = _ours(known)
        moved, gone = _surplus(ours, {one.name: one.kind for one in made}, keep)
        with _stopped_at_once():
            going = chosen(sorted(gone.values()), len(ours))
        result.left = sorted(name for name in gone.values() if name not in going)
        deleted = moved | {id_: name for id_, name in gone.items() if name in going}

        changed = []
        for one in made:
            if known.has(one):
                result.unchanged.append(one.name)
            else:
                changed.append(one)
        flows = known.flows | {
            kind: await _made_flow(api, kind) for kind in {one.kind for one in changed} - known.flows.keys()
        }
        todo, pace = [], Pace(_tries(api))
        for one in changed:
            is_new = (one.kind, one.name) not in known.deployments
            work = partial(make, api, pace.patiently, request_of(one, flows[one.kind], is_new=is_new), one.triggers)
            names = result.created if is_new else result.updated
            todo.append(partial(_tell, one.name, work, names, result, progress))
        progress.begin(len(todo))
        await pace.run(todo)
        await delete_strays(api, pace.patiently, known.strays())
        await delete_doubles(api, pace.patiently, [one.name for one in changed if one.triggers])
        result.created.sort()
        result.updated.sort()
        await _delete(api, list(deleted))
        result.deleted = sorted(deleted.values())
    return result


@contextmanager
def _stopped_at_once() -> Iterator[None]:
    """Let Ctrl-C end a question that waits for a person: asyncio would only cancel what awaits something."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _beside(work: Callable[[], T]) -> asyncio.Future[T]:
    """Do work in a thread of its own, for which nobody waits who stops the process."""
    done: Future[T] = Future()
    done.set_running_or_notify_cancel()

    def do() -> None:
        try:
            done.set_result(work())
        except BaseException as error:  # noqa: BLE001 - it is raised where the result is taken
            done.set_exception(error)

    threading.Thread(target=do, daemon=True).start()
    return asyncio.wrap_future(done)


def _desired(wanted: Callable[[], list[Wanted]]) -> list[Desired]:
    return [desired(table, deployment) for table, deployment in wanted()]


async def _tell(
    name: str, work: Callable[[], Awaitable[None]], made: list[str], result: Deployed, progress: Progress
) -> None:
    """Make one deployment, and tell how that went; the error of one stops no other."""
    try:
        await work()
    except BusyError as error:
        result.failed[name] = f"Prefect's API {error}"
    except httpx.HTTPStatusError as error:
        if error.response.status_code == httpx.codes.UNAUTHORIZED:
            raise
        result.failed[name] = detail_of(error.response)
    else:
        made.append(name)
    progress.done(name)


def _ours(known: Known) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the deployments of tables: what has another entrypoint or work pool is of somebody else.

    One whose work pool was deleted has none, and never runs: nobody else cares for it.
    """
    return {
        (flow, name): one
        for (flow, name), one in known.deployments.items()
        if str(one["entrypoint"]).startswith(f"flows.{flow}.") and one["work_pool_name"] in {WORK_POOL, None}
    }


def _surplus(
    ours: Mapping[tuple[str, str], dict[str, Any]], kinds: Mapping[str, str], keep: Callable[[str], bool]
) -> tuple[dict[str, str], dict[str, str]]:
    """Return the deployments of the other flow of a table whose source became SQL or back, and those without a file.

    Both are names by id.
    """
    moved = {one["id"]: name for (flow, name), one in ours.items() if kinds.get(name, flow) != flow}
    return moved, {one["id"]: name for (_, name), one in ours.items() if not keep(name)}


async def _require_pool(api: Api) -> None:
    try:
        await _patiently(api, "GET", f"/work_pools/{WORK_POOL}")
    except httpx.HTTPStatusError as error:
        # Whoever answers at a wrong address does not know what was looked for.
        if error.response.status_code != httpx.codes.NOT_FOUND or WORK_POOL not in error.response.text:
            raise
        raise UsageError(
            f"There is no work pool '{WORK_POOL}' at {api.url}. Make it: "
            "python -m flows.deploy --pool, or without a cluster: python -m flows.deploy --pool --process"
        ) from None


async def _read(api: Api) -> Known:
    ours = {"flows": {"name": {"any_": list(FLOWS)}}}
    answer, found, others = await asyncio.gather(
        _patiently(api, "POST", "/flows/filter", ours), _all(api, "deployments", ours), _all(api, "automations", {})
    )
    flows = {one["name"]: one["id"] for one in answer.json()}
    names = {id_: name for name, id_ in flows.items()}
    # Somebody may have made a flow since they were asked for, and deployments of it.
    deployments = {(names[one["flow_id"]], one["name"]): one for one in found if one["flow_id"] in names}
    automations: dict[str, list[dict[str, Any]]] = {}
    for one in others:
        for action in one["actions"]:
            if action["type"] == "run-deployment" and action["deployment_id"]:
                automations.setdefault(action["deployment_id"], []).append(one)
    return Known(flows, deployments, automations)


async def _made_flow(api: Api, name: str) -> str:
    answer = await _patiently(api, "POST", "/flows/", {"name": name})
    return str(answer.json()["id"])


async def _all(api: Api, what: str, chosen: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return all of a kind."""
    some = asyncio.Semaphore(PAGES)

    async def ask(path: str, body: Mapping[str, Any]) -> Any:  # noqa: ANN401 - any JSON
        async with some:
            answer = await _patiently(api, "POST", f"/{what}/{path}", body)
        return orjson.loads(answer.content)

    starts = range(0, await ask("count", chosen), PAGE)
    by_name = {**chosen, "sort": "NAME_ASC", "limit": PAGE}
    pages = await asyncio.gather(*(ask("filter", {**by_name, "offset": start}) for start in starts))
    return [one for page in pages for one in page]


async def _delete(api: Api, ids: list[str]) -> None:
    for one in ids:
        await _patiently(api, "DELETE", f"/automations/owned-by/prefect.deployment.{one}")
    for first in range(0, len(ids), MOST_DELETED):
        some = {"id": {"any_": ids[first : first + MOST_DELETED]}}
        await _patiently(api, "POST", "/deployments/bulk_delete", {"deployments": some, "limit": MOST_DELETED})


async def _patiently(api: Api, method: str, path: str, body: Any = None) -> httpx.Response:  # noqa: ANN401 - any JSON
    """Ask, again after a while where the server is busy."""
    return await patiently(partial(api.request, method, path, body), _tries(api))


def _tries(api: Api) -> int:
    return TRIES if api.retries is None else tries_for(api.retries)


def _first(error: BaseException) -> BaseException:
    return _first(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error
