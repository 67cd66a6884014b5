"""Make the warehouse hold a table, as its file says, before its windows are done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.engine.commit import record_failure
from flows.engine.older import is_older
from flows.engine.redefine import require_answer
from flows.model.entry import Notice
from flows.model.errors import DerivedError, UsageError
from flows.warehouses.interface import every_row

if TYPE_CHECKING:
    from flows.engine.commit import TableRun
    from flows.engine.steps import Plan
    from flows.model.column_changes import ColumnChanges
    from flows.model.table import Table
    from flows.warehouses.interface import Warehouse


def require_ready(
    run: TableRun, todo: Plan, unreached: DerivedError | None, warehouse: Warehouse, *, accept: bool
) -> None:
    """Raise where a source does not answer, or a person has to; the failure is in the ledger."""
    try:
        if unreached is not None and todo.windows:
            raise unreached
        require_answer(run, todo, warehouse, accept=accept)
    except DerivedError as error:
        if todo.windows and not isinstance(error, UsageError):
            record_failure(run, todo.windows[0], warehouse, error)
        raise


def prepare(run: TableRun, todo: Plan, warehouse: Warehouse) -> None:
    """Make the warehouse hold the table, as its file says."""
    table, known = run.into, max(run.known_version, todo.version)
    if todo.starts_over and todo.windows:
        warehouse.empty(table, known)
    if todo.windows:
        warehouse.prepare(table, known, lambda theirs: is_older(run, theirs, warehouse))
    elif run.source and _alters(warehouse.column_changes(table)):
        run.source.inspect(table)
        warehouse.extend(table, known)


def column_notices(table: Table, todo: Plan, warehouse: Warehouse) -> list[Notice]:
    """Return which columns of rows that are there, and stay, the file of a core table changes."""
    if table.source is None or table.window is None or (todo.starts_over and todo.windows):
        return []
    changes = warehouse.column_changes(table)
    if not _alters(changes) or not has_rows(table, warehouse):
        return []
    return [
        *(Notice("new_column", name) for name in changes.added),
        *(Notice("retyped_column", name) for name in changes.retyped),
    ]


def _alters(changes: ColumnChanges) -> bool:
    return bool(changes.added or changes.retyped)


def has_rows(table: Table, warehouse: Warehouse) -> bool:
    """Say whether anything is in a table that is there."""
    return bool(
        warehouse.query(f"SELECT 1 AS n FROM `{table.dataset}`.`{table.name}` WHERE {every_row(table)} LIMIT 1", {})
    )
