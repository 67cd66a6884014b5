"""Bring every table up to date: in dependency order, side by side where that is possible.

python -m flows.run
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import typer

from flows.commands.all_tables import observing, run_all
from flows.commands.ending import ending
from flows.commands.launch import launch
from flows.commands.options import Json  # noqa: TC001 - typer evaluates it
from flows.commands.terminal import err, out, out_json
from flows.model.sizes import plural
from flows.report.as_json import outcome_json
from flows.report.text import describe_failures
from flows.wiring import all_parts, open_project

if TYPE_CHECKING:
    from flows.engine.outcome import Outcome
    from flows.project.project import Project
    from flows.warehouses.interface import Warehouse


def main(as_json: Json = False) -> None:
    """Bring every table up to date, in dependency order."""
    with ending(as_json=as_json):
        started = time.perf_counter()
        project = open_project()
        with observing(project, quiet=as_json) as observer, all_parts(project, observer) as parts:
            outcomes = run_all(parts, observer)
            orphans = _without_file(project, parts.warehouse)
        if as_json:
            out_json(_as_json(outcomes))
        else:
            out(f"{_summary(outcomes)}, {time.perf_counter() - started:.1f} s")
            for name in orphans:
                err(f"{name} has no file any more and stays as it is; drop it in the warehouse")
            for fault in project.faults:
                err(str(fault))
        if project.faults or any(outcome.failures for outcome in outcomes.values()):
            raise typer.Exit(1)


def _summary(outcomes: dict[str, Outcome]) -> str:
    done = sum(bool(outcome.entries) and not outcome.failures for outcome in outcomes.values())
    failed = sum(bool(outcome.failures) for outcome in outcomes.values())
    return f"{plural(len(outcomes), 'table')}: {done} brought up to date{f', {failed} failed' if failed else ''}"


def _as_json(outcomes: dict[str, Outcome]) -> dict[str, object]:
    return {
        "tables": [outcome_json(outcome) for outcome in outcomes.values()],
        "errors": {name: describe_failures(outcome) for name, outcome in outcomes.items() if outcome.failures},
    }


def _without_file(project: Project, warehouse: Warehouse) -> list[str]:
    """Return the tables that were made once, are still there, and have no file any more."""
    known = project.tables.keys() | project.broken.keys()
    made = [row["table_name"] for row in warehouse.query("SELECT table_name FROM platform.tables ORDER BY 1", {})]
    orphans = [name for name in made if name not in known]
    present = warehouse.present(orphans)
    return [name for name in orphans if name in present]


if __name__ == "__main__":
    launch(main)
