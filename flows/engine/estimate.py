"""What a plan will read, and how long it takes, before it is carried out."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from flows.engine.accept import accepted_rows
from flows.model.errors import WarehouseError
from flows.warehouses.interface import Query, ledger_shard

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flows.engine.steps import Plan, Step
    from flows.model.table import Table
    from flows.project.project import Project
    from flows.warehouses.interface import Warehouse


def estimated(todo: Plan, project: Project, table: Table, warehouse: Warehouse, *, least: int = 2) -> Plan:
    """Return a plan with how much it will read, and how long a generation that it is about takes.

    Of fewer windows than `least` it is not said how much they read: a run asks that of each before it begins.
    """
    if len(todo.windows) >= least:
        todo = with_bytes(todo, project, table, warehouse)
    return _with_seconds(todo, table, warehouse) if todo.succession else todo


def _with_seconds(todo: Plan, table: Table, warehouse: Warehouse) -> Plan:
    assert todo.succession is not None  # noqa: S101 - callers looked
    windows, left = todo.succession.windows, todo.succession.windows - todo.succession.done
    if table.source is not None:  # one commit may be of any number of windows
        took = (copied(table, todo.succession.retired, warehouse)["seconds"] or 0) / max(windows, 1)
    else:
        (found,) = warehouse.query(
            f"SELECT AVG(seconds) AS seconds FROM platform.{ledger_shard(table.identity)}"
            " WHERE table_name = @table_name AND kind = 'commit'",
            {"table_name": table.identity},
        )
        took = found["seconds"] or 0
    return replace(todo, succession=replace(todo.succession, seconds=left * took or None))


def copied(table: Table, generation: int, warehouse: Warehouse) -> Mapping[str, Any]:
    """Return in how many commits a core table's generation was copied, how many rows, and how long that took."""
    (found,) = warehouse.query(
        "SELECT COUNT(*) AS commits, SUM(`rows`) AS copied, SUM(seconds) AS seconds FROM ("
        f"SELECT `rows`, seconds FROM platform.{ledger_shard(table.identity)}"
        " WHERE table_name = @table_name AND kind = 'commit' AND COALESCE(generation, 0) = @generation"
        " QUALIFY ROW_NUMBER() OVER (PARTITION BY window_start, window_end ORDER BY version DESC) = 1)",
        {"table_name": table.identity, "generation": generation},
    )
    return found


def with_bytes(todo: Plan, project: Project, table: Table, warehouse: Warehouse) -> Plan:
    """Return a plan with how much it will read: what its first, middle and last window would, for all of them.

    Who cannot say so is no reason not to go on: what is wrong shows when the windows are made.
    """
    if table.sql is None or not todo.windows:
        return todo
    made = [step for step in todo.windows if step.cause != "accepted"]
    count = len(made)
    sample = [made[place] for place in {0, count // 2, count - 1} if made]
    with suppress(WarehouseError):
        read = [warehouse.dry_run(query_of(todo, step, project, table), step.window) for step in sample]
        known = [one.bytes for one in read if one is not None]
        if known:
            return replace(todo, bytes=sum(known) * count // len(known))
    return todo


def query_of(todo: Plan, step: Step | None, project: Project, table: Table) -> Query:
    """Return the query of a plan's window, which may be of the definition that readers still see; None: the file's."""
    edition = next((one for one in todo.editions if step and one.generation == step.generation), None)
    if step is None or edition is None:
        return Query(table.sql or "", project.schema(table.identity), project.keys(table.identity))
    if step.cause == "accepted" and todo.succession and todo.succession.before:
        return accepted_rows(edition.table, todo.succession.before)
    return Query(edition.table.sql or "", edition.schema, edition.keys)
