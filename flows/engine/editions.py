"""What is to do for one edition of a table: as one definition has it, in one of its generations."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from flows.engine.plan import failed_last, plan
from flows.engine.steps import Edition, Plan
from flows.model.errors import SqlError
from flows.model.window import EVER, Window
from flows.sql import analyze, names_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flows.engine.readings import Readings
    from flows.engine.state import LedgerState, Reading
    from flows.engine.steps import Moment
    from flows.model.dependency import Dependency
    from flows.model.table import Table
    from flows.project.project import Project


@dataclass(frozen=True, slots=True)
class Asked:
    """What all plans of a run share."""

    project: Project
    readings: Readings
    moment: Moment
    bounds: Window = EVER
    """Only windows that lie in this range."""
    force: bool = False
    """Also those that are up to date."""
    rebuild: bool = False
    """All are to be made again, beside those that readers see."""
    accept: bool = False
    """Those that readers see are to stay, as if the changed definition had made them."""
    trim: bool = False
    """Nothing is to be done but that rows of a core table go which it is to hold no longer."""


def plan_edition(  # noqa: PLR0913 - what the editions of a table differ in
    asked: Asked,
    table: Table,
    generation: int,
    known: LedgerState,
    *,
    waits: bool = False,
    force: bool = False,
    is_shadow: bool = False,
) -> Plan:
    """Return what is to do for one edition.

    It `waits` where its SQL is meant for rows as the files say, which some tables that it reads may not hold yet.

    Raises:
        SqlError: its SQL does not fit the tables that it reads.
        KeyError: one of them is no more.
    """
    if table.source is not None:
        schema = {**asked.project.schema(table.identity), table.identity: table.types}
        core = plan(
            table, (), replace(known, changed={}), {}, asked.moment, bounds=asked.bounds, force=force, trim=asked.trim
        )
        return of_edition(core, Edition(table, generation, schema, is_shadow=is_shadow))
    dependencies, read, unfinished = edition(asked, table, generation, waits=waits, is_shadow=is_shadow)
    names = [item.table for item in dependencies]
    found = asked.readings.of(table.identity, names)
    upstreams = {name: found[name].upstream for name in names}
    # That it was made by other definitions is for `_plan_derived` to see.
    todo = plan(
        table,
        dependencies,
        replace(known, changed={}),
        upstreams,
        asked.moment,
        bounds=asked.bounds,
        force=force,
        unfinished=unfinished,
    )
    return of_edition(todo, read)


def edition(
    asked: Asked, table: Table, generation: int, *, waits: bool, is_shadow: bool
) -> tuple[Sequence[Dependency], Edition, list[str]]:
    """Return a table as one definition has it and what it reads as that holds it now, and which of that it waits for.

    What it reads may differ from its file for good, as somebody has turned away from that: SQL that fits what is there
    does not wait.
    """
    project = asked.project
    is_file = table is project.tables[table.identity]
    names = (
        [item.table for item in project.upstreams(table.identity)] if is_file else list(names_of(table.sql or "")[0])
    )
    found = asked.readings.of(table.identity, names)
    schema, keys = project.schema(table.identity), project.keys(table.identity)
    differing = [name for name in names if found[name].present is not found[name].table]
    unfinished = [name for name in names if waits and found[name].upstream.is_unfinished]
    as_file_says = Edition(table, generation, schema, keys, is_shadow=is_shadow)
    if is_file and (unfinished or not differing):
        return project.upstreams(table.identity), as_file_says, unfinished
    read = {name: found[name].present or found[name].table for name in names}
    types = {name: one.types for name, one in read.items()}
    partitions = {name: one.partition.column for name, one in read.items() if one.partition}
    try:
        analysis = analyze(table.sql or "", types, partitions, by_window=table.window is not None)
    except SqlError:
        if not is_file:
            raise
        return project.upstreams(table.identity), as_file_says, differing
    schema = {**schema, **types, table.identity: table.types}
    keys = {name: one.row_key for name, one in read.items()}
    return analysis.dependencies, Edition(table, generation, schema, keys, is_shadow=is_shadow), unfinished


def of_edition(todo: Plan, edition: Edition) -> Plan:
    """Return a plan as that of an edition."""
    steps = tuple(replace(step, generation=edition.generation) for step in todo.windows)
    return replace(todo, windows=steps, editions=(replace(edition, upstreams=todo.upstreams),))


def in_order(todo: Plan, reading: Reading) -> Plan:
    """Return a plan whose windows that failed when they were tried last go last."""
    return failed_last(todo, reading.failing, reading.table)
