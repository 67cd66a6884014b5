"""The Prefect flow around a run of one table.

This module imports no Prefect until a flow is made: without an API a run needs none of it, and importing it takes
longer than most runs.
"""

from __future__ import annotations

from contextlib import nullcontext
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from flows.engine.request import Request
from flows.model.asked import called, in_a_form
from flows.model.errors import DerivedError, UsageError
from flows.model.window import BEGINNING, END, asked_range
from flows.wiring import run_alone

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from prefect import Flow
    from prefect.client.schemas.objects import State

    from flows.engine.outcome import Observer, Outcome
    from flows.wiring import Kind

SWITCHES = ("force", "rebuild", "accept", "trim", "abandon", "rollback")
"""What may be asked of a run, by the names that requests and flows have for it."""
DESCRIPTIONS: dict[Kind, str] = {
    "derive": "Derive the windows of a table that are missing or stale and whose upstreams are complete.",
    "ingest": "Copy the windows of a core table that are missing from its source.",
}


def table_flow(kind: Kind) -> Flow[..., Any]:
    """Return the Prefect flow that brings one table of the project up to date."""
    return tracked(kind, partial(run_alone, kind))


def run_tracked(kind: Kind, request: Request) -> tuple[UUID | None, Any]:
    """Run one table as a flow run of the configured API; returns the flow run's id and the outcome for programs.

    Raises:
        ApiError: the API does not answer.
        DerivedError: as the run does, or because windows failed.
        KeyboardInterrupt: it was stopped.
    """
    from prefect import tags  # noqa: PLC0415 - slow to import

    from blocks.api import asking_api  # noqa: PLC0415 - the same
    from flows.tracking.stopping import as_before  # noqa: PLC0415 - the same

    start = request.bounds.start if request.bounds.start > BEGINNING else None
    end = request.bounds.end if request.bounds.end < END else None
    run = table_flow(kind)
    switches = {name: getattr(request, name) for name in SWITCHES}
    tagged = tags("derived" if kind == "derive" else "core", request.table.partition(".")[0])
    with asking_api(), tagged, as_before():
        state: Any = run(request.table, start, end, **switches, return_state=True)
    if state.is_cancelled():
        raise KeyboardInterrupt
    result = state.result(raise_on_failure=False)
    if isinstance(result, Exception):
        raise result
    return state.state_details.flow_run_id, result


def tracked(kind: Kind, run_one: Callable[[Request, Observer], Outcome], only: str | None = None) -> Flow[..., Any]:
    """Return the Prefect flow around `run_one`; it refuses any table but `only`, where that is given."""
    from prefect import flow  # noqa: PLC0415 - only where it runs
    from prefect.exceptions import TerminationSignal  # noqa: PLC0415

    from flows.tracking.asked_to_stop import end_as_cancelled  # noqa: PLC0415
    from flows.tracking.dry_run import dry_run as dry_run_of  # noqa: PLC0415
    from flows.tracking.final_state import failed_state, final_state, let_go, planned_state  # noqa: PLC0415
    from flows.tracking.logs import show_no_traceback_of_ours  # noqa: PLC0415
    from flows.tracking.observer import Tracker  # noqa: PLC0415
    from flows.tracking.stopping import hear_no_more  # noqa: PLC0415

    show_no_traceback_of_ours()
    end_as_cancelled()

    def run(  # noqa: PLR0913, PLR0917 - one for each field of the form
        table: str = only or "",
        start: datetime | None = None,
        end: datetime | None = None,
        force: bool = False,
        rebuild: bool = False,
        accept: bool = False,
        trim: bool = False,
        abandon: bool = False,
        rollback: bool = False,
        dry_run: bool = False,
    ) -> Any:  # noqa: ANN401 - Prefect evaluates the annotations, and its state is not imported here
        """Run one table.

        Args:
            table: The table's name with its dataset, such as `derived.revenue_by_item`.
            start: Only windows that end after this moment (UTC). Empty: from the table's start.
            end: Only windows that begin before this moment (UTC). Empty: up to now.
            force: Do these windows again, also those that are up to date.
            rebuild: Make a merge table or a copy from nothing, without rows that its source has deleted.
            accept: Let rows stay as an earlier version of the file has made or copied them.
            trim: Let rows of a core table go whose cursor lies outside its start and end; copy nothing.
            abandon: Drop the rows that were begun beside those that readers see.
            rollback: Let readers see the rows again that they saw before the last change.
            dry_run: Show what would be done, in the run's artifact; write nothing.
        """
        tracker = Tracker(only or str(table))  # of a deployment's run, its own table tells, whatever it was asked for
        switches = {
            "force": force,
            "rebuild": rebuild,
            "accept": accept,
            "trim": trim,
            "abandon": abandon,
            "rollback": rollback,
        }

        def work() -> State[Any]:
            """Do what is asked; once it is known how the run ends, nothing stops it any more."""
            try:
                _refuse_words(**switches, dry_run=dry_run)
                if only is not None and table != only:
                    raise UsageError(
                        f"This deployment brings {only} up to date, not {table}: run the deployment of that name."
                    )
                bounds = asked_range(*(None if given == "" else given for given in (start, end)))
                request = Request(str(table), bounds, **switches)
                if dry_run:
                    found = dry_run_of(kind, request, tracker.say)
                    tracker.end.begin()
                    tracker.shown(found)
                    return planned_state(table, found.plan)
                tracker.begun()
                outcome = run_one(request, tracker)
                tracker.end.begin()
            except DerivedError as error:  # a person's error: its message says all, a traceback would hide it
                tracker.end.begin()
                tracker.failed(error)
                let_go(error)
                return failed_state(error)
            state = final_state(outcome)
            for failure in outcome.failures:
                let_go(failure.error)
            if outcome.failures:
                tracker.error(str(state.message))
            if state.name in {"Committed", "PartlyCommitted"}:
                tracker.committed()
            return state

        with nullcontext() if only is None else in_a_form():
            try:
                state = work()
                tracker.put_back_others()
            except (KeyboardInterrupt, TerminationSignal) as stopped:
                hear_no_more()
                let_go(stopped)
                return tracker.stopped(stopped)
            return state

    run.__name__ = kind
    # Prefect cannot resolve the names in postponed annotations, and the form would have no date pickers.
    run.__annotations__ |= {"start": datetime | None, "end": datetime | None}
    # What is wrong with a value is said here, in our words; Prefect would show a traceback.
    options = {"validate_parameters": False, "persist_result": False, "flow_run_name": "{table}"}
    return flow(name=kind, description=DESCRIPTIONS[kind], **options)(run)  # type: ignore[call-overload, no-any-return]


def _refuse_words(**switches: object) -> None:
    """Raise UsageError where a switch is neither on nor off: what a caller of the API sent as a word would be on."""
    for name, given in switches.items():
        if not isinstance(given, bool):
            raise UsageError(f"{called(name)} '{given}' is neither true nor false.")
