"""Check table files: every fault at once, with its line and what to write instead. Needs no warehouse.

python -m flows.check
python -m flows.check derived.revenue_by_item
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands.ending import ending
from flows.commands.launch import launch
from flows.commands.options import Json  # noqa: TC001 - typer evaluates it
from flows.commands.terminal import out, out_json
from flows.model.errors import Fault, TableFileError
from flows.model.sizes import plural, shown_bytes
from flows.report.reading import advice, advice_summed, advice_tied, advice_unread, difference_in_words, reading
from flows.wiring import open_project

if TYPE_CHECKING:
    from flows.commands.in_warehouse import Looked
    from flows.project.project import Project

Names = Annotated[
    list[str] | None, typer.Argument(metavar="[TABLE]...", help="Tables as dataset.name; all without one.")
]


InWarehouse = Annotated[
    bool, typer.Option("--warehouse", help="Have BigQuery look at the SQL too; it runs nothing, which costs nothing.")
]


def main(tables: Names = None, as_json: Json = False, warehouse: InWarehouse = False) -> None:
    """Check table files: every fault at once, with its line and what to write instead."""
    with ending(as_json=as_json, commits=False):
        project = open_project(tables or None)
        for name in tables or ():
            _require(project, name)
        faults = (
            sorted({fault for name in tables for fault in project.validate(name)}) if tables else list(project.faults)
        )
        warnings = _warnings(project, tables or list(project.tables))
        looked = _look(project, tables or list(project.tables)) if warehouse else []
        if as_json:
            out_json(
                (_looked_json(looked) if warehouse else {})
                | _as_json(project, tables or list(project.tables), faults, warnings)
            )
        else:
            _print(project, tables or [], faults, warnings)
            _print_looked(project, looked)
    if faults or any(one.differences for one in looked):
        raise typer.Exit(1)


def _look(project: Project, names: list[str]) -> list[Looked]:
    from flows.commands.in_warehouse import look  # noqa: PLC0415 - other checks need no warehouse

    return look(project, names)


def _print_looked(project: Project, looked: list[Looked]) -> None:
    for one in looked:
        if not one.differences:
            out(f"{one.table}: its first window reads {shown_bytes(one.bytes)} in the warehouse")
        for difference in one.differences:
            out(f"{project.place(one.table)}: sql: {difference}")


def _looked_json(looked: list[Looked]) -> dict[str, object]:
    return {"warehouse": {one.table: {"bytes": one.bytes, "differences": one.differences} for one in looked}}


def _require(project: Project, name: str) -> None:
    """Raise UsageError where there is no such table, good or bad."""
    with suppress(TableFileError):
        project.table(name)


def _warnings(project: Project, names: list[str]) -> list[Fault]:
    """Return what is no fault and yet hardly meant."""
    found = []
    for name in names:
        if name not in project.tables or project.validate(name):
            continue
        place = project.place(name)
        for one in project.odd(name):
            found += [
                Fault(bound.line, advice(one, bound, project.place(one.table)), "sql", place) for bound in one.misplaced
            ]
            found += [Fault(text.line, advice_unread(one, text), "sql", place) for text in one.unread]
        found += [Fault(tie.line, advice_tied(tie), "sql", place) for tie in project.ties(name)]
        for one in project.summed_again(name):
            found.append(Fault(project.line(name, one.table), advice_summed(one, project.tables[name]), "sql", place))
    return found


def _notes(project: Project, names: list[str], *, all_kinds: bool) -> list[Fault]:
    """Return what differs between the warehouses; of many tables only what ends runs in one that go on in another."""
    return [
        Fault(one.line, difference_in_words(one.kind), one.field, project.place(name))
        for name in names
        if name in project.tables
        for one in project.differences(name)
        if all_kinds or one.kind == "digits"
    ]


def _print(project: Project, named: list[str], faults: list[Fault], warnings: list[Fault]) -> None:
    for fault in faults:
        out(str(fault))
    for warning in warnings:
        out(f"{warning.file}:{warning.line}: {warning.field}: warning: {warning.message}")
    for note in _notes(project, named or list(project.tables), all_kinds=bool(named)):
        out(f"{note.file}:{note.line}: {note.field}: note: {note.message}")
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


def _as_json(project: Project, names: list[str], faults: list[Fault], warnings: list[Fault]) -> dict[str, object]:
    valid = [name for name in names if name in project.tables and not project.validate(name)]
    told = {"faults": faults, "warnings": warnings, "notes": _notes(project, names, all_kinds=True)}
    return {
        **{
            kind: [{"file": one.file, "line": one.line, "field": one.field, "message": one.message} for one in found]
            for kind, found in told.items()
        },
        "tables": {
            name: [
                {"table": item.table, "windowed": item.reach is not None, "why": reading(item)}
                for item in project.upstreams(name)
            ]
            for name in valid
        },
    }


if __name__ == "__main__":
    launch(main)
