"""What there is to say of a table of a MySQL database before it is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.sources.interface import Inspection
from flows.sources.mysql.agreement import cursor_of, name_of
from flows.sources.mysql.left_out import left_out
from flows.sources.mysql.schema import MOST_LETTERS, backticked

if TYPE_CHECKING:
    from flows.model.table import Table
    from flows.sources.mysql.driver import Session
    from flows.sources.mysql.schema import SourceTable


def inspection(session: Session, table: Table, source: SourceTable) -> Inspection:
    """Return what there is to say of a table whose columns agree. Raises the driver's errors."""
    read = {name_of(column).lower() for column in table.columns}
    unread = tuple(column.name for column in source.columns if column.name.lower() not in read)
    warnings = []
    cursor = cursor_of(table, source)
    if cursor and not source.is_view and cursor.name not in source.indexed:
        create = f"CREATE INDEX {backticked(f'{source.name}_{cursor.name}'[:MOST_LETTERS])}"
        warnings.append(
            f"{source} has no index that starts with {cursor.name}, so that every window reads the whole table. "
            f"Create one: {create} ON {backticked(source.name)} ({backticked(cursor.name)})"
        )
    if cursor:
        warnings += left_out(session, table, source, cursor)
    held = {name_of(column).lower() for column in table.columns if column.name in table.key}
    if table.key and source.primary_key and not {name.lower() for name in source.primary_key} <= held:
        warnings.append(
            f"the key of {table.identity} does not hold the primary key of {source}: of rows that share it, only the "
            f"latest is kept. Where that is not meant, write `key: [{', '.join(source.primary_key)}]`."
        )
    return Inspection(unread, tuple(warnings))
