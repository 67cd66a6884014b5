"""A changed definition's rows are made beside those that readers see, and take their place when all are there."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from flows.engine.definitions import keep_definition
from flows.engine.older import is_older
from flows.engine.state import KEPT
from flows.model.entry import Entry
from flows.model.errors import ConflictError, UsageError
from flows.project.definition import code_version
from flows.warehouses.interface import shadow_of

if TYPE_CHECKING:
    from typing import Literal

    from flows.engine.commit import TableRun
    from flows.engine.state import Reading
    from flows.engine.steps import Plan
    from flows.model.table import Table
    from flows.warehouses.interface import Warehouse


def carry_out(readings: dict[str, Reading], warehouse: Warehouse) -> set[str]:
    """Finish swaps of tables that nobody has seen carried out; return of which."""
    swapped = {name for name, one in readings.items() if one.is_swapped}
    for name in swapped:
        one = readings[name]
        warehouse.carry_out(one.table, one.generation, one.retired[-1])
    return swapped


def refuse_older(run: TableRun, todo: Plan, reading: Reading, warehouse: Warehouse) -> None:
    """Raise ConflictError where a run of an older commit of the project would undo what a newer one has begun."""
    ours, theirs = run.git_commit, reading.begun_from
    turns = todo.abandons is not None or (todo.succession is not None and todo.succession.begins)
    if turns and is_older(run, theirs, warehouse):
        raise ConflictError(
            f"{run.table.identity}: this run is of the project's commit {ours[:12]}, which is older than {theirs[:12]},"
            " by which its definition was changed last. This run changed nothing; run it from the newer commit."
        )


def turn(run: TableRun, todo: Plan, reading: Reading, warehouse: Warehouse) -> int:
    """Begin the generation of a plan, or abandon one that is not wanted any more; return the table's version.

    What readers have ceased to see long ago is dropped.
    """
    following, version = todo.succession, todo.version
    if following is not None and (following.begins or following.accepts is not None):
        keep_definition(warehouse, run.table, run.run_by, run.git_commit)
        entry = replace(_entry(run, "begin", following.generation, warehouse), window=following.accepts)
        version = warehouse.mark(entry, version).version
    elif todo.abandons is not None:
        version = warehouse.mark(_entry(run, "abandon", todo.abandons, warehouse), version).version
    elif not (todo.windows and reading.has_expired(warehouse.now())):
        return version
    begun = [following.generation] if following else []
    if reading.begun is not None and todo.abandons is None:
        begun.append(reading.begun.number)
    _sweep(run, reading, warehouse, *begun)
    return version


def turn_back(run: TableRun, reading: Reading, warehouse: Warehouse, *, abandon: bool) -> Entry:
    """Drop the generation that was begun, or let readers see the one again that they saw before.

    Raises UsageError where there is none.
    """
    name, version = run.table.identity, reading.state.version
    if abandon:
        if reading.begun is None:
            raise UsageError(f"{name}: no generation is begun, so that there is none to abandon.")
        done = warehouse.mark(_entry(run, "abandon", reading.begun.number, warehouse), version)
        _sweep(run, reading, warehouse)
        return done
    if not reading.retired:
        raise UsageError(
            f"{name}: readers have seen no rows of another generation, so that there are none to go back to."
        )
    generation = reading.retired[-1]
    before = shadow_of(run.table, generation).identity
    if not warehouse.present([before]):
        raise UsageError(
            f"{name}: the rows that it held before are not there any more (they stay for {KEPT.days} days)."
        )
    entry = _entry(run, "swap", generation, warehouse)
    done = warehouse.swap(run.table, entry, version, before=None, retired=reading.generation)
    _sweep(run, reading, warehouse)
    return done


def succeed(run: TableRun, todo: Plan, warehouse: Warehouse) -> Entry:
    """Let a generation of which all is there take the place of the one that readers see."""
    following = todo.succession
    assert following is not None  # noqa: S101 - callers looked
    entry = _entry(run, "swap", following.generation, warehouse)
    before = following.before
    if before is not None and list(before.types) != list(run.table.types):
        # SQL that takes a row as a whole gives another value, though all columns that both have are the same.
        before = None
    query = run.query if run.table.sql else None
    return warehouse.swap(run.table, entry, todo.version, before=before, retired=following.retired, query=query)


def _sweep(run: TableRun, reading: Reading, warehouse: Warehouse, *kept: int) -> None:
    """Drop what readers have ceased to see long ago, and what was given up.

    What readers saw when the run planned another run may have retired meanwhile, or begun one that this one ignores.
    """
    lately = reading.retired_lately(warehouse.now())
    warehouse.sweep(run.table, {*lately, reading.generation, *kept}, reading.newest)


def _entry(run: TableRun, kind: Literal["begin", "swap", "abandon"], generation: int, warehouse: Warehouse) -> Entry:
    table: Table = run.table
    return Entry(
        table=table.identity,
        kind=kind,
        window=None,
        run_id=run.run_id,
        run_by=run.run_by,
        code_version=code_version(table),
        git_commit=run.git_commit,
        began=warehouse.now(),
        upstreams={},
        generation=generation,
    )
