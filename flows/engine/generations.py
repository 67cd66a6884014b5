"""A changed definition's rows are made beside those that readers see, and take their place when all are there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.engine.definitions import keep_definition
from flows.model.entry import Entry
from flows.project.definition import code_version

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


def turn(run: TableRun, todo: Plan, reading: Reading, warehouse: Warehouse) -> int:
    """Begin the generation of a plan, or abandon one that is not wanted any more; return the table's version."""
    following, version = todo.succession, todo.version
    if following is not None and following.begins:
        keep_definition(warehouse, run.table, run.run_by, run.git_commit)
        version = warehouse.mark(_entry(run, "begin", following.generation, warehouse), version).version
    elif todo.abandons is not None:
        version = warehouse.mark(_entry(run, "abandon", todo.abandons, warehouse), version).version
    else:
        return version
    kept = {*reading.retired_lately(warehouse.now()), *([following.generation] if following else [])}
    warehouse.sweep(run.table, kept)
    return version


def succeed(run: TableRun, todo: Plan, warehouse: Warehouse) -> Entry:
    """Let a generation of which all is there take the place of the one that readers see."""
    following = todo.succession
    assert following is not None  # noqa: S101 - callers looked
    entry = _entry(run, "swap", following.generation, warehouse)
    return warehouse.swap(run.table, entry, todo.version, before=following.before, retired=following.retired)


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
