"""Runs that Prefect sees: whether there is a Prefect API, and the flow around a run where there is one.

This module imports no Prefect until `tracked` is called: without an API a run needs none of it, and importing it takes
longer than most runs.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.command import describe_plan, markdown, outcome_json, plan_span, warning_lines
from flows.engine.plan import Plan
from flows.model.errors import ApiError, DerivedError, UsageError
from flows.model.window import BEGINNING, END, Window
from flows.runner import Outcome, Request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from uuid import UUID

    from prefect import Flow, Task
    from prefect.client.schemas.objects import State, TaskRun

    from flows.model.entry import Entry
    from flows.runner import Kind, Observer

RETRIES = 4
"""How often a window that failed for a passing reason is tried again; the waits sum to about two and a half minutes."""
FIRST_WAIT = 10
"""Seconds before the first retry; each later one doubles it."""
DESCRIPTIONS: dict[Kind, str] = {
    "derive": "Derive the windows of a table that are missing or stale and whose upstreams are complete.",
    "ingest": "Copy the windows of a core table that are missing from its source.",
}
TEST_MODES = (
    "PREFECT_TEST_MODE",
    "PREFECT_UNIT_TEST_MODE",
    "PREFECT_TESTING_UNIT_TEST_MODE",
    "PREFECT_TESTING_TEST_MODE",
)


def api_configured() -> bool:
    """Say whether Prefect would talk to an API of its own accord, without importing it.

    Reads what Prefect's settings read, in their order: the environment, `.env`, `prefect.toml` and `pyproject.toml` of
    the working directory, then the active profile. The first that names an API decides, even if it is empty.
    Raises UsageError for a file that Prefect could not read either.
    """
    return bool(next(_api_urls(), None))


def _api_urls() -> Iterator[str]:
    sources: tuple[Callable[[], object], ...] = (
        lambda: next((value for name, value in os.environ.items() if name.upper() == "PREFECT_API_URL"), None),
        lambda: next((value for name, value in _dotenv().items() if name.upper() == "PREFECT_API_URL"), None),
        lambda: _dig(_toml(Path("prefect.toml")), "api", "url"),
        lambda: _dig(_toml(Path("pyproject.toml")), "tool", "prefect", "api", "url"),
        lambda: _profile().get("PREFECT_API_URL"),
    )
    for source in sources:
        if (url := source()) is not None:
            yield str(url)


def _dotenv() -> dict[str, str | None]:
    if not Path(".env").is_file():
        return {}
    from dotenv import dotenv_values  # noqa: PLC0415 - most projects have no such file

    return dotenv_values(".env")


def _toml(path: Path) -> dict[str, Any]:
    import tomllib  # noqa: PLC0415 - not needed where the environment decides

    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path} is not valid TOML: {error}. Prefect reads its settings there: mend it.") from None


def _dig(data: object, *keys: str) -> object:
    for key in keys:
        data = data.get(key) if isinstance(data, dict) else None
    return data


def _profile() -> dict[str, Any]:
    """Return the active profile's settings; the built-in default profile has no API."""
    testing = any(os.environ.get(name) for name in TEST_MODES)
    if testing:
        return {}
    try:
        data = _toml(_profiles_path())
    except UsageError:  # Prefect warns and goes on without
        return {}
    name = os.environ.get("PREFECT_PROFILE") or data.get("active")
    profile = _dig(data, "profiles", str(name))
    return profile if isinstance(profile, dict) else {}


def _profiles_path() -> Path:
    named = (
        os.environ.get("PREFECT_PROFILES_PATH")
        or _dotenv().get("PREFECT_PROFILES_PATH")
        or _dig(_toml(Path("prefect.toml")), "profiles_path")
        or _dig(_toml(Path("pyproject.toml")), "tool", "prefect", "profiles_path")
    )
    if named:
        return Path(str(named))
    if home := os.environ.get("PREFECT_HOME"):
        return Path(home) / "profiles.toml"
    own = Path.home() / ".prefect" / "profiles.toml"
    prefect = find_spec("prefect")
    if own.exists() or prefect is None or prefect.origin is None:
        return own
    return Path(prefect.origin).parent / "settings" / "profiles.toml"


def artifact_key(table: str) -> str:
    """Return the key of a table's artifact: `core.user_plans` has `core--user-plans`."""
    return table.lower().replace(".", "--").replace("_", "-")


def run_tracked(kind: Kind, request: Request) -> tuple[UUID | None, Any]:
    """Run one table as a flow run of the configured API; returns the flow run's id and the outcome for programs.

    Raises:
        ApiError: the API does not answer.
        DerivedError: as the run does.
    """
    run: Flow[..., Any] = getattr(import_module(f"flows.{kind}"), kind)
    start = request.bounds.start if request.bounds.start > BEGINNING else None
    end = request.bounds.end if request.bounds.end < END else None
    with asking_api():
        state: Any = run(request.table, start, end, request.force, request.rebuild, return_state=True)
    result = state.result(raise_on_failure=False)
    if isinstance(result, Exception):
        raise result
    return state.state_details.flow_run_id, result


@contextmanager
def asking_api() -> Iterator[None]:
    """Raise ApiError where Prefect's API does not answer."""
    try:
        yield
    except Exception as error:
        # Prefect raises a bare RuntimeError where it cannot connect, and its HTTP library's errors later.
        if str(error).startswith("Failed to reach API"):
            raise ApiError(f"{error}. Start it, or unset PREFECT_API_URL to run without it.") from error
        if type(error).__module__.startswith("httpx"):
            why = f"Prefect's API does not answer ({error})"
            raise ApiError(f"{why}. Start it, or unset PREFECT_API_URL to run without it.") from error
        raise


def tracked(kind: Kind, run_one: Callable[[Request, Observer], Outcome]) -> Flow[..., Any]:
    """Return the Prefect flow around `run_one`: windows are tasks, the plan names the run, an artifact tells of it."""
    from prefect import flow, get_run_logger  # noqa: PLC0415 - only where it runs
    from prefect.artifacts import create_markdown_artifact  # noqa: PLC0415
    from prefect.states import Failed  # noqa: PLC0415

    def run(
        table: str,
        start: datetime | None = None,
        end: datetime | None = None,
        force: bool = False,
        rebuild: bool = False,
    ) -> Any:  # noqa: ANN401 - Prefect evaluates the annotations, and its state is not imported here
        """Run one table.

        Args:
            table: The table's name with its dataset, such as `derived.revenue_by_item`.
            start: Only windows from this moment on (UTC). Empty: from the table's start.
            end: Only windows up to this moment (UTC). Empty: up to now.
            force: Do these windows again, also those that are up to date.
            rebuild: Make a merge table from nothing, without what its sources have taken back.
        """
        tracker = _Tracker(table)
        publish = partial(create_markdown_artifact, key=artifact_key(table), description=table)
        try:
            bounds = Window(_utc(start) or BEGINNING, _utc(end) or END)
            if bounds.start >= bounds.end:
                raise UsageError(f"start {start} is not before end {end}.")
            outcome = run_one(Request(table, bounds, force, rebuild), tracker)
        except DerivedError as error:  # a person's error: its message says all, a traceback in the log would hide it
            get_run_logger().error("%s", error)
            done = f"{markdown(tracker.seen)}\n" if tracker.seen.entries else ""
            tracker.warn()
            publish(f"{done}## {table}: failed\n\n```\n{error}\n```\n")
            return Failed(message=str(error), data=error)
        tracker.warn()
        publish(markdown(outcome) + _links(outcome.upstreams))
        return dict(outcome_json(outcome))

    run.__name__ = kind
    # Prefect cannot resolve the names in postponed annotations, and the form would have no date pickers.
    run.__annotations__ |= {"start": datetime | None, "end": datetime | None}
    return flow(name=kind, description=DESCRIPTIONS[kind], flow_run_name="{table}", persist_result=False)(run)


class _Tracker:
    """Tells Prefect what the current flow run does."""

    def __init__(self, table: str) -> None:
        self._task = _window_task(table)
        self.seen = Outcome(table, Plan())
        """What was done so far."""

    def planned(self, table: str, plan: Plan) -> None:
        """Name the flow run by its plan."""
        from prefect import get_client  # noqa: PLC0415
        from prefect.context import FlowRunContext  # noqa: PLC0415

        self.seen.plan = plan
        for line in describe_plan(table, plan):
            self.say(line)
        context = FlowRunContext.get()
        if context is None or context.flow_run is None:
            raise RuntimeError("planned is called outside of the flow run")
        with get_client(sync_client=True) as client:
            client.update_flow_run(context.flow_run.id, name=f"{table} {plan_span(plan)}")

    def window(self, name: str, work: Callable[[], Entry]) -> Entry:
        """Do the work as a task run."""
        entry: Entry = self._task(name, work)
        self.seen.entries.append(entry)
        return entry

    def warn(self) -> None:
        """Write the warnings to the log of the flow run."""
        for line in warning_lines(self.seen.entries):
            self.say(line)

    def say(self, line: str) -> None:
        """Write to the log of the flow run."""
        from prefect import get_run_logger  # noqa: PLC0415

        get_run_logger().info(line)


def _window_task(table: str) -> Callable[..., Any]:
    """Return what does one window as a task run."""
    from prefect import task  # noqa: PLC0415
    from prefect.cache_policies import NO_CACHE  # noqa: PLC0415
    from prefect.tasks import exponential_backoff  # noqa: PLC0415

    @task(
        name="window",
        task_run_name="{window}",
        tags=[table, table.partition(".")[0]],
        retries=RETRIES,
        retry_delay_seconds=exponential_backoff(FIRST_WAIT),
        retry_jitter_factor=0.5,
        retry_condition_fn=_transient,
        cache_policy=NO_CACHE,  # the ledger knows what is done
        persist_result=False,
    )
    def run_window(window: str, work: Callable[[], Any]) -> Any:  # noqa: ANN401, ARG001 - the window names the task run
        """Stage, check and publish one window."""
        return work()

    return run_window


def _transient(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Say whether trying again may help."""
    return isinstance(state.data, DerivedError) and state.data.transient


def _links(tables: Iterable[str]) -> str:
    """Return links to the artifacts of these tables; relative, as a pod's address of the API is not a person's."""
    links = [f"- [{table}](/artifacts/key/{artifact_key(table)})" for table in tables]
    return "\n\n**Reads**\n\n" + "\n".join(links) + "\n" if links else ""


def _utc(moment: datetime | None) -> datetime | None:
    """Take a moment without an offset as UTC."""
    if moment is None or moment.tzinfo is not None:
        return moment
    return moment.replace(tzinfo=UTC)
