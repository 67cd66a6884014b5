"""Check table files: every fault at once, with its line and what to write instead. Needs no warehouse.

python -m flows.check
python -m flows.check derived.revenue_by_item
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands.ending import ending
from flows.commands.options import Json  # noqa: TC001 - typer evaluates it
from flows.commands.terminal import out, out_json
from flows.model.errors import TableFileError
from flows.report.reading import reading
from flows.report.text import plural
from flows.wiring import open_project

if TYPE_CHECKING:
    from flows.model.errors import Fault
    from flows.project.project import Project

Names = Annotated[
    list[str] | None, typer.Argument(metavar="[TABLE]...", help="Tables as dataset.name; all without one.")
]


def main(tables: Names = None, as_json: Json = False) -> None:
    """Check table files: every fault at once, with its line and what to write instead."""
    with ending(as_json=as_json):
        project = open_project(tables or None)
        for name in tables or ():
            _require(project, name)
        faults = (
            sorted({fault for name in tables for fault in project.validate(name)}) if tables else list(project.faults)
        )
        if as_json:
            out_json(_as_json(project, tables or list(project.tables), faults))
        else:
            _print(project, tables or [], faults)
    if faults:
        raise typer.Exit(1)


def _require(project: Project, name: str) -> None:
    """Raise UsageError where there is no such table, good or bad."""
    with suppress(TableFileError):
        project.table(name)


def _print(project: Project, named: list[str], faults: list[Fault]) -> None:
    for fault in faults:
        out(str(fault))
    for name in named:
        if not project.validate(name):
            _describe(project, name)
    checked = len(named) or len(project.tables) + len(project.broken)
    if faults:
        files = len({fault.file for fault in faults})
        out(f"{plural(len(faults), 'fault')} in {plural(files, 'file')} of {plural(checked, 'table')}.")
    else:
        out(f"{plural(checked, 'table')}: no faults.")


def _describe(project: Project, name: str) -> None:
    """Say what a table reads and how."""
    table = project.tables[name]
    out(f"{name}: {table.strategy}{f', windows of {table.window.size}' if table.window else ''}")
    if table.source:
        out(f"  copies from {table.source.kind}")
    for dependency in project.upstreams(name):
        out(f"  {dependency.table}  {reading(dependency)}")


def _as_json(project: Project, names: list[str], faults: list[Fault]) -> dict[str, object]:
    valid = [name for name in names if name in project.tables and not project.validate(name)]
    return {
        "faults": [
            {"file": fault.file, "line": fault.line, "field": fault.field, "message": fault.message} for fault in faults
        ],
        "tables": {
            name: [
                {"table": item.table, "windowed": item.reach is not None, "why": reading(item)}
                for item in project.upstreams(name)
            ]
            for name in valid
        },
    }


if __name__ == "__main__":
    typer.run(main)
