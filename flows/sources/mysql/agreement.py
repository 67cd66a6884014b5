"""Whether a core table's file still agrees with the table of a MySQL database that it copies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.model.errors import SourceError, did_you_mean
from flows.model.paths import plain_name
from flows.sources.mysql.left_out import finer_cursor
from flows.sources.mysql.schema import INTEGERS
from flows.sources.mysql.types import misfit

if TYPE_CHECKING:
    from flows.model.table import Column, Table
    from flows.sources.mysql.schema import SourceTable
    from flows.sources.mysql.types import SourceColumn

CURSORS = INTEGERS | {"timestamp", "datetime"}


def columns_of(table: Table, source: SourceTable) -> tuple[SourceColumn, ...]:
    """Return the source's column of each of the table's. Raises SourceError naming all that do not agree."""
    faults, found = [], []
    for column in table.columns:
        fault = _fault(table, column, source)
        if fault:
            faults.append(fault)
        elif there := source.find(name_of(column)):
            found.append(there)
    faults += _cursor_faults(table, source)
    if faults:
        raise SourceError(f"{table.identity} does not agree with {source}; nothing was read.", faults)
    return tuple(found)


def cursor_of(table: Table, source: SourceTable) -> SourceColumn | None:
    """Return the source's column over which the table's windows run."""
    cursor = table.source.cursor if table.source else None
    declared = next((column for column in table.columns if column.name == cursor), None)
    return source.find(name_of(declared) if declared else cursor) if cursor else None


def name_of(column: Column) -> str:
    """Return the name that a column has in the source."""
    return plain_name(column.source_path) if column.source_path else column.name


def _fault(table: Table, column: Column, source: SourceTable) -> str | None:
    name = name_of(column)
    there = source.find(name)
    if there is None:
        used = {name_of(other).lower() for other in table.columns}
        near = did_you_mean(name, [other.name for other in source.columns if other.name.lower() not in used])
        return (
            f"columns.{column.name}: {source} has no column '{name}'.{near} Where it was renamed, write "
            "from: <its new name>; where it is gone, take the column out of the file."
        )
    fault = misfit(there, column.type)
    if fault and there.data_type in INTEGERS and column.type.name in {"TIMESTAMP", "DATETIME"}:
        is_cursor = table.source is not None and table.source.cursor == column.name
        fault += (
            finer_cursor(source, there) if is_cursor else " TIMESTAMP_SECONDS or TIMESTAMP_MILLIS make a time of it."
        )
    return fault and f"columns.{column.name}: '{there.name}' in {source} is {fault}"


def _cursor_faults(table: Table, source: SourceTable) -> list[str]:
    if table.source is None or table.source.cursor is None:
        return []
    cursor = cursor_of(table, source)
    if cursor is None:
        name = table.source.cursor
        return [f"source.cursor: {source} has no column '{name}'. Name the one that moves on with every change."]
    if cursor.data_type not in CURSORS:
        fault = f"source.cursor: '{cursor.name}' in {source} is {cursor.column_type}."
        why = " A day does not say when within it a row changed." if cursor.data_type == "date" else ""
        return [f"{fault}{why} A cursor is a TIMESTAMP, a DATETIME in UTC, or an integer of seconds since 1970."]
    return []
