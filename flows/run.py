"""Bring every table up to date: in dependency order, side by side where that is possible.

python -m flows.run
"""

from __future__ import annotations

import json
import os
import sys
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

import typer

from flows.command import Json, ending, outcome_json, plural, warning_lines
from flows.model.errors import DerivedError
from flows.project.project import load_project
from flows.runner import Outcome, Request, open_warehouse, run_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flows.engine.plan import Plan
    from flows.model.entry import Entry
    from flows.project.project import Project
    from flows.warehouses.interface import Warehouse

SIDE_BY_SIDE = min(8, os.cpu_count() or 1)


@dataclass
class Summary:
    """What a run of all tables did."""

    outcomes: dict[str, Outcome] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    """Why a table failed."""
    skipped: dict[str, str] = field(default_factory=dict)
    """The failed table for which one was not tried."""


class Watcher:
    """Hears how all tables go, and says nothing."""

    def planned(self, table: str, plan: Plan) -> None:
        """Hear what is to do for a table."""

    def committed(self, table: str, entry: Entry) -> None:
        """Hear of one commit."""

    def ended(self, table: str, line: str) -> None:
        """Hear how a table ended."""


@dataclass(frozen=True, slots=True)
class _Observer:
    """One table's part of a watcher."""

    table: str
    watcher: Watcher
    stop: Event
    entries: list[Entry] = field(default_factory=list)

    def planned(self, table: str, plan: Plan) -> None:
        self.watcher.planned(table, plan)

    def window(self, _name: str, work: Callable[[], Entry]) -> Entry:
        if self.stop.is_set():
            raise KeyboardInterrupt
        entry = work()
        self.watcher.committed(self.table, entry)
        self.entries.append(entry)
        return entry

    def say(self, line: str) -> None:
        typer.echo(line, err=True)


def run_all(project: Project, warehouse: Warehouse, watcher: Watcher) -> Summary:
    """Bring every table up to date; one table's failure stops only what depends on it."""
    summary = Summary()
    for name in sorted(project.invalid):
        summary.errors[name] = "its file has faults: python -m flows.check"
        watcher.ended(name, f"failed: {summary.errors[name]}")
    order = TopologicalSorter(project.after)
    order.prepare()
    running: dict[Future[Outcome], _Observer] = {}
    with _pool() as (pool, stop):
        while order.is_active():
            for name in sorted(order.get_ready()):
                if name not in project.after:
                    order.done(name)
                elif blocker := _blocker(project, name, summary):
                    summary.skipped[name] = blocker
                    watcher.ended(name, f"skipped, because {blocker} failed")
                    order.done(name)
                else:
                    observer = _Observer(name, watcher, stop)
                    running[pool.submit(run_table, project, warehouse, Request(name), observer)] = observer
            if not running:
                continue
            ended, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in ended:
                observer = running.pop(future)
                _collect(observer.table, future, summary, watcher)
                for line in warning_lines(observer.entries):
                    observer.say(line)
                order.done(observer.table)
    return summary


@contextmanager
def _pool() -> Iterator[tuple[ThreadPoolExecutor, Event]]:
    """Give workers, and what stops them: after Ctrl-C each ends with its window, and no table begins."""
    stop = Event()
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        try:
            yield pool, stop
        except BaseException:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _blocker(project: Project, name: str, summary: Summary) -> str | None:
    """Return a table that this one reads and that was not brought up to date."""
    upstreams = (item.table for item in project.upstreams(name))
    return next((up for up in upstreams if up in summary.errors or up in summary.skipped), None)


def _collect(name: str, future: Future[Outcome], summary: Summary, watcher: Watcher) -> None:
    try:
        outcome = future.result()
    except Exception as error:  # noqa: BLE001 - one table's failure stops no other
        summary.errors[name] = str(error) if isinstance(error, DerivedError) else f"{type(error).__name__}: {error}"
        watcher.ended(name, f"failed: {error}")
        return
    summary.outcomes[name] = outcome
    watcher.ended(name, _line(outcome))


def _line(outcome: Outcome) -> str:
    """Return what was done for a table as a line for people."""
    if outcome.entries:
        return f"{plural(len(outcome.entries), 'commit')}, {outcome.rows:,} rows, {outcome.seconds:.2f} s"
    if not outcome.plan.waiting:
        return "nothing to do, all its windows are committed"
    waiting = outcome.plan.waiting[0]
    return f"nothing to do; {f'{waiting.window} ' if waiting.window else ''}{waiting.reason}"


class Lines(Watcher):
    """Prints a line for each table that ended."""

    def __init__(self, width: int) -> None:
        self._width = width

    def ended(self, table: str, line: str) -> None:
        """Print how a table ended."""
        typer.echo(f"{table:<{self._width}}  {line}")


class Bars(Lines):
    """Shows a bar for each table that is being worked on, on a terminal."""

    def __init__(self, width: int) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn  # noqa: PLC0415 - slow to import

        super().__init__(width)
        self._bars = Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), transient=True)
        self._tasks: dict[str, Any] = {}
        self._bars.start()

    def planned(self, table: str, plan: Plan) -> None:
        """Start a bar."""
        if plan.windows:
            self._tasks[table] = self._bars.add_task(table, total=len(plan.windows))

    def committed(self, table: str, entry: Entry) -> None:  # noqa: ARG002 - a bar shows no entry
        """Advance a bar."""
        self._bars.advance(self._tasks[table])

    def ended(self, table: str, line: str) -> None:
        """Take the bar away and print how the table ended."""
        if table in self._tasks:
            self._bars.remove_task(self._tasks.pop(table))
        self._bars.print(f"{table:<{self._width}}  {line}", markup=False, highlight=False)

    def stop(self) -> None:
        """Take all bars away."""
        self._bars.stop()


def watch(project: Project, run: Callable[[Watcher], Summary]) -> Summary:
    """Run with progress as the terminal allows it."""
    width = max(map(len, project.tables), default=0)
    if not sys.stdout.isatty():
        return run(Lines(width))
    bars = Bars(width)
    try:
        return run(bars)
    finally:
        bars.stop()


def _without_file(project: Project, warehouse: Warehouse) -> list[str]:
    """Return the tables that were made once, are still there, and have no file any more."""
    known = project.tables.keys() | project.broken.keys()
    made = [row["table_name"] for row in warehouse.query("SELECT table_name FROM platform.tables ORDER BY 1", {})]
    return [name for name in made if name not in known and warehouse.exists(name)]


def main(as_json: Json = False) -> None:
    """Bring every table up to date, in dependency order."""
    with ending(as_json=as_json):
        started = time.perf_counter()
        project = load_project(Path.cwd())
        warehouse = open_warehouse(project.root, lambda text: typer.echo(text, err=True))
        try:
            summary = (
                run_all(project, warehouse, Watcher())
                if as_json
                else watch(project, lambda watcher: run_all(project, warehouse, watcher))
            )
            orphans = _without_file(project, warehouse)
        finally:
            warehouse.close()
        seconds = time.perf_counter() - started
        if as_json:
            tables = [outcome_json(outcome) for outcome in summary.outcomes.values()]
            typer.echo(json.dumps({"tables": tables, "errors": summary.errors, "skipped": summary.skipped}))
        else:
            done = sum(bool(outcome.entries) for outcome in summary.outcomes.values())
            failed = f", {len(summary.errors)} failed, {len(summary.skipped)} skipped" if summary.errors else ""
            count = len(project.tables) + len(project.broken)
            typer.echo(f"{plural(count, 'table')}: {done} brought up to date{failed}, {seconds:.1f} s")
            for name in orphans:
                typer.echo(f"{name} has no file any more and stays as it is; drop it in the warehouse", err=True)
        for fault in () if as_json else project.faults:
            typer.echo(str(fault), err=True)
        if summary.errors or project.faults:
            raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
