"""The first version of a core table's file from what a MySQL database says of the table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.model.paths import path_to, plain_name
from flows.model.types import parse_type
from flows.project.column_rules import NOT_KEYS
from flows.sources.mysql.types import FITS
from flows.sources.new_table import (
    NewColumn,
    NewTable,
    TakesLongError,
    can_be_written,
    column_name,
    likely_partition,
    looks_created,
    looks_updated,
    sentences,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from flows.sources.mysql.schema import SourceTable
    from flows.sources.mysql.types import SourceColumn

_MOMENTS = {"timestamp", "datetime"}
_INT64_BITS = 63
_MOST_DIGITS = 38
_NUMERIC_WHOLE, _NUMERIC_SCALE = 29, 9
_ORDER = ("INT64", "FLOAT64", "DATE", "BYTES", "STRING")
"""GoogleSQL types by which is proposed where several fit; what needs a closer look is told apart before."""


def propose(
    source: SourceTable, connection: str, text: str, oldest: Callable[[SourceColumn], datetime | None]
) -> NewTable:
    """Return a core table over a table of the database.

    Args:
        source: what the database says of the table.
        connection: the connection's name.
        text: the table as a person named it.
        oldest: finds the least value of a column; raises TakesLongError where it would take long.
    """
    columns: dict[str, NewColumn] = {}
    left_out = []
    for there in source.columns:
        if there.data_type not in FITS:
            left_out.append(f"{there.name}, whose type {there.column_type} is not known here")
        elif not all(map(can_be_written, there.name.split("."))):
            left_out.append(f"{there.name}, whose name cannot stand in `from`")
        else:
            name = column_name(there.name, {column.name.lower() for column in columns.values()})
            type_, remark = _type(there)
            remark = f"{there.column_type}{'; ' if remark else ''}{remark}"
            path = there.name if plain_name(there.name) == there.name else path_to([there.name])
            columns[there.name] = NewColumn(name, type_, path, there.comment, remark)
    key, remarks = _key(source, columns)
    cursor = _cursor(source, columns)
    if cursor is None:
        created = next((there for there in source.columns if _is_created(there, columns)), None)
        remarks["strategy"] = _why_replace(columns[created.name].name if created else None)
    elif key:
        remarks["cursor"] = _why_cursor(source, cursor)
    # Those that every row has come first.
    times = sorted(
        (there for there in source.columns if there.name in columns and there.data_type in {*_MOMENTS, "date"}),
        key=lambda there: there.nullable,
    )
    partition, why = likely_partition([columns[there.name].name for there in times if not (key and there is cursor)])
    if partition is not None:
        remarks["partition"] = why
    first, is_known = None, True
    if cursor and key:
        try:
            first = oldest(cursor)
        except TakesLongError:
            is_known = False
    if any(not column.description for column in columns.values()):
        remarks["columns"] = "the database has no comment on columns without a description: say what they mean"
    return NewTable(
        name=column_name(source.name, ()),
        origin=f"the {'view' if source.is_view else 'table'} {source}",
        source={"kind": "mysql", "connection": connection, "table": text},
        columns=tuple(columns.values()),
        description=source.comment,
        key=key,
        cursor=columns[cursor.name].name if cursor else None,
        oldest=first,
        is_oldest_known=is_known,
        partition=partition,
        remarks=remarks,
        left_out=tuple(left_out),
    )


def _type(there: SourceColumn) -> tuple[str, str]:
    """Return the GoogleSQL type to propose, and what a person should know of it."""
    unsigned = "unsigned" in there.column_type
    match there.data_type:
        case "tinyint" if there.column_type.startswith("tinyint(1)"):
            return "BOOL", "INT64 if it holds more than 0 and 1"
        case "bigint" if unsigned:
            return "INT64", "NUMERIC(20, 0) if it may exceed 9223372036854775807"
        case "bit" if there.precision == 1:
            return "BOOL", ""
        case "bit":
            return ("NUMERIC(20, 0)" if (there.precision or 0) > _INT64_BITS else "INT64"), ""
        case "decimal":
            return _decimal(there.precision or 10, there.scale or 0)
        case "timestamp":
            return "TIMESTAMP", ""
        case "datetime":
            return "DATETIME", "it has no time zone; TIMESTAMP if it is in UTC"
        case "time":
            return "TIME", "STRING if it is a length of time, which may exceed a day"
    if there.is_json:
        return "JSON", ""
    return next(name for name in _ORDER if name in FITS[there.data_type]), ""


def _decimal(precision: int, scale: int) -> tuple[str, str]:
    if precision > _MOST_DIGITS:
        return "STRING", f"more than the {_MOST_DIGITS} digits of a BIGNUMERIC"
    fits = scale <= _NUMERIC_SCALE and precision - scale <= _NUMERIC_WHOLE
    return f"{'NUMERIC' if fits else 'BIGNUMERIC'}({precision}, {scale})", ""


def _key(source: SourceTable, columns: dict[str, NewColumn]) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return the key, with a remark on it or on what follows from having none."""
    key = [columns.get(name) for name in source.primary_key]
    if not key:
        what = "a view has" if source.is_view else "the table has"
        return (), {
            "strategy": f"{what} no primary key to merge by. With a `key`, `strategy: merge` copies only changes"
        }
    names = [column.name for column in key if column and parse_type(column.type).name not in NOT_KEYS]
    if len(names) < len(key):
        return (), {"strategy": "a column of the primary key cannot be compared exactly, so that rows cannot be merged"}
    return tuple(names), {"key": "the primary key"}


def _cursor(source: SourceTable, columns: dict[str, NewColumn]) -> SourceColumn | None:
    """Return the column that most likely moves on with every change of its row."""
    likely = [
        there
        for there in source.columns
        if there.name in columns and there.data_type in _MOMENTS and (there.updates_itself or looks_updated(there.name))
    ]
    return min(likely, key=lambda there: (not there.updates_itself, there.name not in source.indexed), default=None)


def _is_created(there: SourceColumn, columns: dict[str, NewColumn]) -> bool:
    return there.name in columns and there.data_type in _MOMENTS and looks_created(there.name)


def _why_cursor(source: SourceTable, cursor: SourceColumn) -> str:
    said = [
        f"the database sets {cursor.name} at every change"
        if cursor.updates_itself
        else f"a guess by its name: is {cursor.name} set at every change, also by hand?"
    ]
    if cursor.data_type == "datetime":
        said.append("it is taken to be in UTC")
    if cursor.name not in source.indexed and not source.is_view:
        said.append("no index starts with it, so that each window reads the whole table: create one")
    return f"cursor: {sentences(*said)}"


def _why_replace(created: str | None) -> str:
    why = "no column that seems to move on with every change, so that each run copies the whole table"
    if created is None:
        return why
    return f"{why}. If rows are only ever added: `cursor: {created}` in source, a window, and `strategy: append`"
