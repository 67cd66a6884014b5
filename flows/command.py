"""What the commands share: their options, how they report, and how they end."""

from __future__ import annotations

import json
import sys
import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Annotated, Any, TypedDict

import typer

from flows.model.errors import DerivedError, UsageError
from flows.model.window import BEGINNING, END, Window, utc
from flows.runner import load_alone, make_plan, open_warehouse, run_alone

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from flows.engine.plan import Plan
    from flows.model.entry import Entry
    from flows.runner import Kind, Outcome, Request

From = Annotated[
    str | None, typer.Option("--from", metavar="DATE", help="Only windows that begin at or after this, UTC.")
]
To = Annotated[str | None, typer.Option("--to", metavar="DATE", help="Only windows that end at or before this, UTC.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be done; write nothing.")]
Force = Annotated[bool, typer.Option("--force", help="Do these windows again though they are committed.")]
Rebuild = Annotated[
    bool, typer.Option("--rebuild", help="Make a merge table from nothing, without what its sources have taken back.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object for programs.")]


@contextmanager
def ending(*, as_json: bool = False) -> Iterator[None]:
    """End with exit code 1 on a failure and 2 on wrong usage, each with its message and no traceback."""
    try:
        yield
    except DerivedError as error:
        if as_json:
            typer.echo(json.dumps({"error": str(error), "kind": type(error).__name__}))
        else:
            typer.echo(str(error), err=True)
        raise typer.Exit(2 if isinstance(error, UsageError) else 1) from None
    except KeyboardInterrupt:
        typer.echo("Stopped. What was committed stays; start it again to do the rest.", err=True)
        raise typer.Exit(130) from None


def asked_range(start: str | None, end: str | None) -> Window:
    """Return the range that --from and --to give.

    Raises:
        UsageError: one is no date, or they are the wrong way round.
    """
    window = Window(_moment("--from", start) if start else BEGINNING, _moment("--to", end) if end else END)
    if window.start >= window.end:
        raise UsageError(f"--from {start} is not before --to {end}.")
    return window


def _moment(option: str, text: str) -> Any:  # noqa: ANN401 - a datetime, which only the annotation would need
    try:
        return utc(text)
    except ValueError:
        raise UsageError(f"{option} '{text}' is not a date. Write it as 2026-01-31 or 2026-01-31T06:00.") from None


class Quiet:
    """Observes a run without a word."""

    def planned(self, table: str, plan: Plan) -> None:
        """Hear what is to do."""

    def window(self, name: str, work: Callable[[], Entry]) -> Entry:  # noqa: ARG002 - the name is for others
        """Do the work here and now."""
        return work()

    def say(self, line: str) -> None:
        """Tell a person why nothing happens, where programs do not listen."""
        typer.echo(line, err=True)


class Lines(Quiet):
    """Tells a person how a run of one table goes: lines, and on a terminal a bar."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._task: Any = None
        self._entries: list[Entry] = []

    def planned(self, table: str, plan: Plan) -> None:
        """Say what is to do."""
        for line in describe_plan(table, plan):
            typer.echo(line)
        if sys.stdout.isatty() and len(plan.windows) > 1:
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

            self._bar = Progress(
                TextColumn("  {task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
            )
            self._task = self._bar.add_task(table, total=len(plan.windows))
            self._bar.start()

    def window(self, name: str, work: Callable[[], Entry]) -> Entry:
        """Do the work and say how it went."""
        entry = work()
        if self._bar is not None:
            self._bar.update(self._task, advance=1, description=name)
        else:
            typer.echo(f"  {name}  {entry.rows:,} rows  {entry.seconds:.2f} s")
        self._entries.append(entry)
        return entry

    def close(self) -> None:
        """Leave the terminal as it was, and tell the warnings."""
        if self._bar is not None:
            self._bar.stop()
        for line in warning_lines(self._entries):
            typer.echo(line, err=True)


def warning_lines(entries: Iterable[Entry]) -> list[str]:
    """Return the warnings of a run: those of one check, which windows may share, once, with the first window."""
    found: dict[str, list[tuple[Entry, str]]] = {}
    for entry in entries:
        for warning in entry.warnings:
            found.setdefault(warning.partition(": ")[0], []).append((entry, warning))
    lines = []
    for (entry, warning), *more in found.values():
        where = f"{entry.table} {entry.window}" if entry.window else entry.table
        also = f"\n    and so in {plural(len(more), 'window')} more" if more else ""
        lines.append(f"warning: {where}: {warning}{also}")
    return lines


def run_command(kind: Kind, request: Request, *, dry_run: bool, as_json: bool) -> None:
    """Run one table for a person: tracked by Prefect where an API is configured, and otherwise directly."""
    from flows.tracking import api_configured, run_tracked  # noqa: PLC0415 - a dry run needs none of it

    if dry_run:
        _show_plan(kind, request, as_json=as_json)
    elif api_configured():
        run_id, result = run_tracked(kind, request)
        typer.echo(json.dumps(result) if as_json else f"{request.table}: tracked in Prefect as {run_id}")
    elif as_json:
        typer.echo(json.dumps(outcome_json(run_alone(kind, request, Quiet()))))
    else:
        started = time.perf_counter()
        with closing(Lines()) as lines:
            outcome = run_alone(kind, request, lines)
        if outcome.entries:
            typer.echo(f"{describe(outcome)}, {time.perf_counter() - started:.2f} s in all")


def _show_plan(kind: Kind, request: Request, *, as_json: bool) -> None:
    """Show the windows and the SQL that a run would have; write nothing."""
    project = load_alone(kind, request.table)
    table = project.table(request.table)
    project.require_valid(table.identity)
    with closing(open_warehouse(project.root, Quiet().say, write=False)) as warehouse:
        todo, job = make_plan(project, table, warehouse, request)
    sql = None
    if table.sql:
        from flows.sql import to_duckdb  # noqa: PLC0415 - a core table has no SQL

        sql = to_duckdb(table.sql, job.schema, pretty=True)
    if as_json:
        typer.echo(json.dumps({**plan_json(table.identity, todo), "sql": sql}))
        return
    for line in describe_plan(table.identity, todo):
        typer.echo(line)
    for planned in todo.windows:
        typer.echo(f"  {planned.window or 'whole table'}  {planned.reason}")
    if sql and todo.windows:
        window = todo.windows[0].window
        if window is not None:
            typer.echo(f"\n-- window_start = {window.start.isoformat()}, window_end = {window.end.isoformat()}")
        typer.echo(sql)


def plural(count: int, noun: str) -> str:
    """Return `1 window`, `2 windows`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def plan_span(plan: Plan) -> str:
    """Return what a plan does in a few words: `2026-01-01..2026-03-31`, `whole table`, `nothing to do`."""
    if not plan.windows:
        return "nothing to do"
    first, last = plan.windows[0].window, plan.windows[-1].window
    return "whole table" if first is None or last is None else str(Window(first.start, last.end))


def markdown(outcome: Outcome) -> str:
    """Return what a run did as Markdown."""
    lines = [f"## {describe(outcome)}", ""]
    if outcome.entries:
        lines += ["| window | rows | seconds | touched |", "| --- | ---: | ---: | --- |"]
        lines += [
            f"| {entry.window or 'whole table'} | {entry.rows:,} | {entry.seconds:.2f} |"
            f" {', '.join(str(item.range) for item in entry.touched) or 'nothing'} |"
            for entry in outcome.entries
        ]
    lines += [f"- {line}" for line in warning_lines(outcome.entries)]
    lines += [f"- waits: {waiting.window or 'the table'}: {waiting.reason}" for waiting in outcome.plan.waiting]
    return "\n".join(lines) + "\n"


def describe_plan(table: str, plan: Plan) -> list[str]:
    """Return a plan as lines for people."""
    if plan.windows:
        reasons = sorted({planned.reason for planned in plan.windows})
        why = reasons[0] if len(reasons) == 1 else f"{len(reasons)} reasons, the first: {plan.windows[0].reason}"
        lines = [f"{table}: to do: {plan_span(plan)} in {plural(len(plan.windows), 'step')} ({why})"]
    else:
        lines = [f"{table}: nothing to do{'' if plan.waiting else ', all its windows are committed'}"]
    lines += [f"  waits: {waiting.window or 'the table'}: {waiting.reason}" for waiting in plan.waiting]
    return lines


def describe(outcome: Outcome) -> str:
    """Return what was done for a table as a line for people."""
    if not outcome.entries:
        return describe_plan(outcome.table, outcome.plan)[0]
    return f"{outcome.table}: {plural(len(outcome.entries), 'commit')}, {outcome.rows:,} rows"


class OutcomeJson(TypedDict):
    """What `--json` prints of a run."""

    table: str
    windows: list[dict[str, Any]]
    waiting: list[dict[str, Any]]
    rows: int
    seconds: float


def outcome_json(outcome: Outcome) -> OutcomeJson:
    """Return what a run did, for programs."""
    return {
        "table": outcome.table,
        "windows": [
            {
                **_span(entry.window),
                "rows": entry.rows,
                "seconds": round(entry.seconds, 6),
                "version": entry.version,
                "warnings": list(entry.warnings),
            }
            for entry in outcome.entries
        ],
        "waiting": [{**_span(waiting.window), "reason": waiting.reason} for waiting in outcome.plan.waiting],
        "rows": outcome.rows,
        "seconds": round(outcome.seconds, 6),
    }


def plan_json(table: str, plan: Plan) -> dict[str, Any]:
    """Return a plan, for programs."""
    return {
        "table": table,
        "windows": [{**_span(item.window), "cause": item.cause, "reason": item.reason} for item in plan.windows],
        "waiting": [{**_span(item.window), "reason": item.reason} for item in plan.waiting],
    }


def _span(window: Window | None) -> dict[str, str | None]:
    if window is None:
        return {"start": None, "end": None}
    return {"start": window.start.isoformat(), "end": window.end.isoformat()}
