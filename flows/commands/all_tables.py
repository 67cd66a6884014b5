"""Bring every table up to date: in dependency order, side by side where that is possible."""

from __future__ import annotations

import os
import sys
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import closing, contextmanager
from dataclasses import dataclass
from graphlib import TopologicalSorter
from threading import Event
from typing import TYPE_CHECKING, Any

from flows.commands.progress import Quiet, TableBars, Tables
from flows.engine.outcome import Failure, Observer, Outcome
from flows.engine.request import Reached, Request
from flows.engine.steps import Plan
from flows.engine.table_run import Parts, run_table
from flows.model.errors import DerivedError, told

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flows.engine.extract import Slot
    from flows.engine.steps import Step
    from flows.extracts.manifest import Manifest
    from flows.model.entry import Entry
    from flows.project.project import Project

SIDE_BY_SIDE = min(8, os.cpu_count() or 1)


@dataclass(frozen=True, slots=True)
class _Stoppable:
    """An observer of work that can be told to begin no further window."""

    observer: Observer
    stop: Event

    def planned(self, table: str, plan: Plan) -> None:
        self.observer.planned(table, plan)

    def reach(self, table: str, work: Callable[[], Reached]) -> Reached:
        return self.observer.reach(table, work)

    def step(self, table: str, step: Step, work: Callable[[], Entry]) -> Entry:
        if self.stop.is_set():
            raise KeyboardInterrupt
        return self.observer.step(table, step, work)

    def extract(self, table: str, step: Step, slot: Slot, work: Callable[[], Manifest]) -> Manifest:
        if self.stop.is_set():
            raise KeyboardInterrupt
        return self.observer.extract(table, step, slot, work)

    def load(self, table: str, step: Step, work: Callable[[], Entry]) -> Entry:
        return self.observer.load(table, step, work)

    def divided(self, table: str, step: Step, count: int) -> None:
        self.observer.divided(table, step, count)

    def say(self, line: str) -> None:
        self.observer.say(line)

    def ended(self, outcome: Outcome) -> None:
        self.observer.ended(outcome)


def run_all(parts: Parts, observer: Observer) -> dict[str, Outcome]:
    """Bring every table up to date, and return what was done for each; one table's failure keeps no other back.

    What reads a failed table is tried too: its own plan says what waits.

    Raises WarehouseError where nobody can ask the warehouse anything, which is no table's failure.
    """
    parts.warehouse.present(())
    outcomes: dict[str, Outcome] = {}

    def end(outcome: Outcome) -> None:
        outcomes[outcome.table] = outcome
        observer.ended(outcome)

    for name in sorted(parts.project.invalid):
        end(_failed(name, DerivedError("its file has faults: python -m flows.check")))
    order = TopologicalSorter(parts.project.after)
    order.prepare()
    running: dict[Future[Outcome], str] = {}
    waiting: list[str] = []
    with _pool() as (pool, stop):
        stoppable = _Stoppable(observer, stop)
        while order.is_active():
            waiting += _ready(order, parts.project)
            awaited = {name: answer for name in waiting if (answer := _awaited(parts, name))}
            running |= {
                pool.submit(run_table, parts, Request(name), stoppable): name for name in waiting if name not in awaited
            }
            waiting = list(awaited)
            if waiting and not running:
                # Nobody waits for a source while they hold the warehouse's file, for which others wait.
                parts.warehouse.release()
            either: set[Future[Any]] = {*running, *awaited.values()}
            ended, _ = wait(either, return_when=FIRST_COMPLETED)
            for future in ended & running.keys():
                name = running.pop(future)
                try:
                    outcomes[name] = future.result()
                except Exception as error:  # noqa: BLE001 - one table's failure stops no other
                    end(_failed(name, error))
                order.done(name)
    return outcomes


def _ready(order: TopologicalSorter[str], project: Project) -> list[str]:
    """Return the tables that are next; what is named and has no file needs nothing done."""
    names = order.get_ready()
    order.done(*(name for name in names if name not in project.after))
    return [name for name in names if name in project.after]


def _awaited(parts: Parts, name: str) -> Future[Reached | DerivedError] | None:
    """Return what ends when a table's source has answered; None where nothing is waited for."""
    table = parts.project.tables[name]
    return parts.awaited(table) if table.source else None


def _failed(name: str, error: Exception) -> Outcome:
    """Return the outcome of a table that could not be planned."""
    return Outcome(name, Plan(), failures=[Failure(None, told(error, name))])


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


def observing(project: Project, *, quiet: bool = False) -> closing[Quiet]:
    """Return what shows how all tables go, as the terminal allows it."""
    width = max(map(len, project.tables), default=0)
    return closing(Quiet() if quiet else TableBars(width) if sys.stdout.isatty() else Tables(width))
