"""Run one table for a person: tracked by Prefect where an API is configured, and otherwise directly."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import typer

from flows.commands.progress import Quiet, Windows
from flows.commands.terminal import err, out, out_json
from flows.model.errors import DerivedError
from flows.report.as_json import outcome_json, plan_json
from flows.report.plan_text import describe_plan
from flows.report.text import describe_failures
from flows.tracking.dry_run import dry_run as dry_run_of
from flows.wiring import api_configured, run_alone

if TYPE_CHECKING:
    from flows.engine.outcome import Outcome
    from flows.engine.request import Request
    from flows.wiring import Kind


def run_command(kind: Kind, request: Request, *, dry_run: bool, as_json: bool) -> None:
    """Do what a request asks of a table, or show it.

    Raises:
        DerivedError: it could not be done, or windows failed.
    """
    if dry_run:
        _show_plan(kind, request, as_json=as_json)
    elif api_configured():
        from flows.tracking.flow import run_tracked  # noqa: PLC0415 - other runs need none of it

        run_id, result = run_tracked(kind, request)
        if as_json:
            out_json(result)
        else:
            out(f"{request.table}: tracked in Prefect as {run_id}")
    else:
        with closing(Quiet() if as_json else Windows()) as observer:
            outcome = run_alone(kind, request, observer)
        _end(outcome, as_json=as_json)


def _end(outcome: Outcome, *, as_json: bool) -> None:
    """Tell programs what was done; raise what failed."""
    if as_json:
        out_json(outcome_json(outcome))
        if outcome.failures:
            raise typer.Exit(1)
    elif outcome.failures:
        raise outcome.failures[0].error if len(outcome.failures) == 1 else DerivedError(describe_failures(outcome))


def _show_plan(kind: Kind, request: Request, *, as_json: bool) -> None:
    """Show the windows and the SQL that a run would have; write nothing."""
    found = dry_run_of(kind, request, Quiet().say, idle_sql=as_json)
    todo, sql = found.plan, found.sql
    if as_json:
        out_json({**plan_json(request.table, todo), "sql": sql})
        return
    for line in describe_plan(request.table, todo):
        out(line)
    for line in found.remarks:
        err(line)
    for line in found.steps:
        out(f"  {line}")
    if sql and found.shown:
        window = found.shown.window
        if window is not None:
            out(f"\n-- window_start = {window.start.isoformat()}, window_end = {window.end.isoformat()}")
        out(sql)
