"""The Prefect flow around a run of one table.

This module imports no Prefect until a flow is made: without an API a run needs none of it, and importing it takes
longer than most runs.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from flows.engine.request import Request
from flows.model.errors import DerivedError, UsageError
from flows.model.safe_text import printable
from flows.model.window import BEGINNING, END, Window, utc
from flows.report.text import describe_plan, plan_remarks
from flows.wiring import run_alone

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from uuid import UUID

    from prefect import Flow

    from flows.engine.table_run import Observer, Outcome
    from flows.wiring import Kind

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
    from blocks.api import asking_api  # noqa: PLC0415 - Prefect is slow to import

    start = request.bounds.start if request.bounds.start > BEGINNING else None
    end = request.bounds.end if request.bounds.end < END else None
    run = table_flow(kind)
    with asking_api():
        state: Any = run(request.table, start, end, request.force, request.rebuild, request.accept, return_state=True)
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
    from prefect.states import Completed  # noqa: PLC0415

    from flows.tracking.dry_run import dry_run as dry_run_of  # noqa: PLC0415
    from flows.tracking.final_state import failed_state, final_state, stopped_state  # noqa: PLC0415
    from flows.tracking.logs import show_no_traceback_of_ours  # noqa: PLC0415
    from flows.tracking.observer import Tracker  # noqa: PLC0415

    show_no_traceback_of_ours()

    def run(  # noqa: PLR0913, PLR0917 - one for each field of the form
        table: str,
        start: object = None,
        end: object = None,
        force: bool = False,
        rebuild: bool = False,
        accept: bool = False,
        dry_run: bool = False,
    ) -> Any:  # noqa: ANN401 - Prefect evaluates the annotations, and what is wrong with a moment is said here
        """Run one table.

        Args:
            table: The table's name with its dataset, such as `derived.revenue_by_item`.
            start: Only windows that end after this moment (UTC). Empty: from the table's start.
            end: Only windows that begin before this moment (UTC). Empty: up to now.
            force: Do these windows again, also those that are up to date.
            rebuild: Make a merge table or a copy from nothing, without rows that its source has deleted.
            accept: Let rows stay that were copied as an earlier version of the file says.
            dry_run: Say in the log what would be done; write nothing.
        """
        tracker = Tracker(table)
        try:
            bounds = Window(_moment("From", start) or BEGINNING, _moment("To", end) or END)
            if bounds.start >= bounds.end:
                raise UsageError(f"From: {start} is not before To: {end}.")
            if only is not None and table != only:
                raise UsageError(
                    f"This deployment brings {only} up to date, not {table}: run the deployment of that name."
                )
            request = Request(table, bounds, force, rebuild, accept)
            if dry_run:
                found = dry_run_of(kind, request, tracker.say)
                lines = [*describe_plan(table, found.plan), *plan_remarks(table, found.plan), *found.steps]
                for line in lines:
                    tracker.say(line)
                return Completed(name="DryRun", message=printable(lines[0]))
            outcome = run_one(request, tracker)
        except DerivedError as error:  # a person's error: its message says all, a traceback in the log would hide it
            tracker.failed(error)
            return failed_state(error)
        except (KeyboardInterrupt, TerminationSignal) as stopped:
            if isinstance(stopped, TerminationSignal) and tracker.is_deployed:
                raise  # whoever started the run has set its state, or does so now
            return stopped_state()
        state = final_state(outcome)
        if outcome.failures:
            tracker.error(str(state.message))
        if state.name in {"Committed", "PartlyCommitted"}:
            tracker.committed()
        return state

    run.__name__ = kind
    return flow(name=kind, description=DESCRIPTIONS[kind], flow_run_name="{table}", persist_result=False)(run)


def _moment(field: str, given: object) -> datetime | None:
    """Return the moment that a field of the form holds, in UTC; None where it is empty."""
    if not given:
        return None
    try:
        return utc(str(given))
    except ValueError:
        raise UsageError(
            f"{field}: '{given}' is not a date. Write it as 2026-01-31 or 2026-01-31T06:00, in UTC."
        ) from None
