"""Tells Prefect what a run does: the plan names the flow run, windows are task runs, an artifact has the outcome."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from prefect import get_client, get_run_logger, task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE, CacheKeyFnPolicy
from prefect.context import FlowRunContext
from prefect.events import emit_event
from prefect.exceptions import Abort, ObjectNotFound
from prefect.tasks import exponential_backoff

from blocks.api import asking_api
from flows.extracts.manifest import KEPT, Manifest
from flows.model.errors import ApiError, DerivedError, UsageError
from flows.model.safe_text import printable
from flows.report.markdown import artifact_key, error_markdown, outcome_markdown, plan_markdown
from flows.report.plan_text import describe_plan, plan_span
from flows.report.text import describe_divided, describe_kept, describe_turned, remarks
from flows.tracking.asset import materializing
from flows.tracking.deployment import COMMITTED
from flows.tracking.final_state import describe_stopped, has_committed, put_back_state, stopped_state
from flows.tracking.left_behind import put_back_left_behind
from flows.tracking.stopping import Later
from flows.tracking.waiting import put_back
from flows.wiring import project_folder, stage_block

if TYPE_CHECKING:
    from collections.abc import Callable

    from prefect import Task
    from prefect.client.schemas.objects import FlowRun, State, TaskRun

    from flows.engine.extract import Slot
    from flows.engine.outcome import Outcome
    from flows.engine.request import Reached
    from flows.engine.steps import Plan, Step
    from flows.model.entry import Entry
    from flows.tracking.dry_run import DryRun

RETRIES = 4
"""How often a window that failed for a passing reason is tried again; the waits sum to about two and a half minutes."""
FIRST_WAIT = 10
"""Seconds before the first retry; each later one doubles it."""
SOON_TAKEN = timedelta(seconds=20)
"""How long before a run's time its state is left alone: a worker may be about to take it."""


class Tracker:
    """Tells Prefect what the current flow run does."""

    def __init__(self, table: str) -> None:
        self._table = table
        self._task: Any = _window_task(table)
        self._storage: Any = None
        self._name = f"{table} run"
        self._entries: list[Entry] = []
        self._at = ""
        """The window that is at work; empty where none is."""
        self.end = Later()
        """Begins once it is known how the run ends; the process ends with it."""

    def begun(self) -> None:
        """Tell those who wait for rows what an earlier process of this run may have committed and not told."""
        if _flow_run().run_count > 1:
            self.committed()

    def put_back_others(self) -> None:
        """Put back what seems to be at work on the table as well, which it cannot be while this run is."""
        run = _flow_run()
        if run.deployment_id is not None:
            with suppress(ApiError, UsageError, ObjectNotFound), asking_api(), get_client(sync_client=True) as client:
                for name in put_back_left_behind(client, run):
                    self.say(f"{name} had lost its worker, or its machine, and no longer counts as at work")

    def stopped(self, how: BaseException) -> State[Any]:
        """Return how the flow run ends that was stopped; where that is told already, raise what leaves it so."""
        if any(entry.is_commit for entry in self._entries):
            self.committed()
        run, done = _flow_run(), describe_stopped(self._entries, self._at)
        self.say(done)  # a worker of processes gives a cancelled run a message of its own in the end
        if isinstance(how, KeyboardInterrupt) or run.deployment_id is None:
            return stopped_state(done)
        with get_client(sync_client=True) as client:
            state = client.read_flow_run(run.id).state
            if state is not None and state.is_running():
                # Its process was ended, as a machine does that shuts down: another goes on.
                if put_back(client, run, put_back_state(done), force=False):
                    raise Abort("Stopped from outside: it waits to be started again.")
                state = client.read_flow_run(run.id).state  # somebody has cancelled it meanwhile
            # Whoever stopped the run has set its state, which can say no more than that.
            if state is not None and (told := self._told(state, done)):
                client.set_flow_run_state(run.id, told, force=True)
                # Prefect takes what it was not told to expect for a crash, as it does not hear while signals wait.
                raise Abort("Stopped from outside.")
        raise how

    def _told(self, state: State[Any], done: str) -> State[Any] | None:
        """Return the state of a run that was stopped with what it had done; None where there is no time for it."""
        if state.is_cancelling():
            return stopped_state(done)
        again = state.state_details.scheduled_time
        if state.is_scheduled() and again is not None and datetime.now(UTC) + SOON_TAKEN < again:
            return put_back_state(done, again)
        return None

    def planned(self, table: str, plan: Plan) -> None:
        """Name the flow run by its plan."""
        for line in describe_plan(table, plan):
            self.say(line)
        self._rename(f"{table} {plan_span(plan)}")

    def shown(self, found: DryRun) -> None:
        """Say and publish what a run would do."""
        for line in (*describe_plan(self._table, found.plan), *found.remarks, *found.steps):
            self.say(line)
        self._rename(f"{self._table} dry run")
        self._publish(plan_markdown(self._table, found.plan, found.sql, found.remarks))

    def committed(self) -> None:
        """Tell those who wait for the table's rows that there are new ones."""
        resource = {"prefect.resource.id": f"prefect.flow-run.{_flow_run().id}", "prefect.resource.name": self._name}
        emit_event(COMMITTED, resource)

    def reach(self, table: str, work: Callable[[], Reached]) -> Reached:  # noqa: ARG002 - the task knows it
        """Reach the source as a task run."""
        reached: Reached = self._do(self._task, "source", work)
        return reached

    def step(self, table: str, step: Step, work: Callable[[], Entry]) -> Entry:  # noqa: ARG002 - the task knows it
        """Do the work as a task run."""
        return self._commit(self._task, step, work)

    def extract(self, table: str, step: Step, slot: Slot, work: Callable[[], Manifest]) -> Manifest:  # noqa: ARG002
        """Read as a task run, whose result Prefect knows by the slot's cache key for as long as the files are there."""
        if slot.found is not None:
            self.say(describe_kept(step.name, slot.found))
        named = self._task.with_options(name="extract", task_run_name="extract {window}")
        if slot.cache_key is not None:
            if self._storage is None:
                self._storage = stage_block(project_folder())
            named = named.with_options(
                cache_policy=CacheKeyFnPolicy(cache_key_fn=lambda *_: slot.cache_key),
                cache_expiration=KEPT,
                result_storage=self._storage,
                result_serializer="json",
                persist_result=True,
            )
        return Manifest.model_validate(self._do(named, step.name, lambda: work().as_json()))

    def load(self, table: str, step: Step, work: Callable[[], Entry]) -> Entry:  # noqa: ARG002 - the task knows it
        """Do the work as a task run."""
        return self._commit(self._task.with_options(name="load", task_run_name="load {window}"), step, work)

    def divided(self, table: str, step: Step, count: int) -> None:  # noqa: ARG002 - the log is the table's
        """Say that a step is tried again in pieces."""
        self.say(describe_divided(step.name, count))

    def say(self, line: str) -> None:
        """Write to the log of the flow run."""
        get_run_logger().info("%s", printable(line))

    def error(self, text: str) -> None:
        """Write what failed to the log of the flow run."""
        get_run_logger().error("%s", printable(text))

    def ended(self, outcome: Outcome) -> None:
        """Log what there is to know, and publish what was done."""
        self.end.begin()
        for line in remarks(outcome):
            self.say(line)
        if outcome.turned is not None:
            self._rename(f"{self._table} {describe_turned(outcome.turned)}")
        publish = partial(self._publish, outcome_markdown(outcome))
        if outcome.defined and has_committed(outcome):
            tell: Any = materializing(outcome.defined, outcome)
            tell(publish)
        else:
            publish()

    def failed(self, error: DerivedError) -> None:
        """Log and publish why nothing could be done."""
        self.error(str(error))
        self._publish(error_markdown(self._table, error))

    def _commit(self, task: Any, step: Step, work: Callable[[], Entry]) -> Entry:  # noqa: ANN401 - a task
        """Do the work of a window as a task run, and know what has become of it."""
        self._at = step.name

        def committed(entry: Entry) -> None:
            self._at = ""
            self._entries.append(entry)

        try:
            entry: Entry = self._do(task, step.name, work, committed)
        except Exception:
            self._at = ""
            raise
        return entry

    def _do(
        self,
        task: Any,  # noqa: ANN401 - Prefect's
        name: str,
        work: Callable[[], Any],
        then: Callable[[Any], None] = lambda _: None,
    ) -> Any:  # noqa: ANN401 - tasks give what their work gives
        """Do the work as a task run; what stops the process ends that as cancelled.

        Args:
            task: what Prefect is to know of it.
            name: the name of the task run.
            work: what is to be done.
            then: told what came of it, before anything can stop the process.
        """
        later = Later()

        def until_stopped() -> Any:  # noqa: ANN401 - the same
            later.end()
            done = work()
            later.begin()
            return done

        later.begin()
        try:
            done = task(name, until_stopped)
            then(done)
        finally:
            later.end()
        return done

    def _rename(self, name: str) -> None:
        self._name = name
        with get_client(sync_client=True) as client:
            client.update_flow_run(_flow_run().id, name=name)

    def _publish(self, markdown: str) -> None:
        create_markdown_artifact(markdown, key=artifact_key(self._table), description=self._table)


def _flow_run() -> FlowRun:
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        raise RuntimeError("this is no flow run")
    return context.flow_run


def _window_task(table: str) -> Task[..., Any]:
    """Return what does one window as a task run."""

    @task(
        name="window",
        task_run_name="{window}",
        tags=[table, table.partition(".")[0]],
        retries=RETRIES,
        retry_delay_seconds=exponential_backoff(FIRST_WAIT),
        retry_jitter_factor=0.5,
        retry_condition_fn=_transient,
        cache_policy=NO_CACHE,  # the ledger knows what is done; see `extract` for what was read
        persist_result=False,
    )
    def run_window(window: str, work: Callable[[], Any]) -> Any:  # noqa: ANN401, ARG001 - the window names the task run
        """Stage, check and publish one window."""
        return work()

    return run_window


def _transient(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Say whether trying again may help."""
    return isinstance(state.data, DerivedError) and state.data.transient
