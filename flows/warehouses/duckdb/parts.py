"""What each window of a merge says of its keys, and the rows that are folded from it.

The parts of all windows stand in a table beside the public one. A commit replaces those of its window and folds the
keys anew that lost, changed or gained one, so that rows which go, move or come late leave what one query over all
windows' parts gives.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.sql.types import duckdb_type, quote, quote_table
from flows.warehouses.duckdb.json_text import json_text
from flows.warehouses.duckdb.merge import merge_rows, new_value, old_value, remove_rows
from flows.warehouses.duckdb.target import listed
from flows.warehouses.interface import parts_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import duckdb

    from flows.model.entry import Touched
    from flows.model.table import Table
    from flows.warehouses.duckdb.target import Target

_MOVED = '"moved-keys"'
_FOLDED = '"folded-rows"'
_WITHIN = '"window_start" >= $window_start AND "window_start" < $window_end'


def renew(connection: duckdb.DuckDBPyConnection, table: Table) -> None:
    """Make the table of parts anew, without any."""
    name = quote_table(parts_of(table.identity))
    columns = "".join(f", {_part(column)} {duckdb_type(type_)}" for column, type_ in table.types.items())
    connection.execute(f"DROP TABLE IF EXISTS {name}")
    connection.execute(f'CREATE TABLE {name} ("window_start" TIMESTAMPTZ NOT NULL, "place" BIGINT NOT NULL{columns})')


def fold_parts(target: Target, staged: str, drifting: Sequence[str], *, shared: bool) -> list[Touched]:
    """Replace the parts of a window, and the rows of the keys that this concerns; return what that touches.

    Args:
        target: the window.
        staged: its parts, in the table's columns.
        drifting: columns in which a difference of the last digits is none.
        shared: whether several parts of the window share a key.
    """
    parts = quote_table(parts_of(target.table.identity))
    is_newest = not target.read(f'SELECT 1 FROM {parts} WHERE "window_start" >= $window_start LIMIT 1')
    columns = ", ".join(_part(name) for name in target.table.types)
    numbered = _numbered(target.table, staged, shared=shared)
    added = f'INSERT INTO {parts} ("window_start", "place", {columns}) {numbered}'
    says_all = is_newest and _rows_say_all(target.table)
    if says_all and not shared:
        target.run(added)
        # What a window adds is no drift, however little it is: rows that stand for parts would never hold it.
        return merge_rows(target, staged, (), {name: _with_later(target.table, name) for name in target.table.types})
    old = f"(SELECT {_as_columns(target.table)} FROM {parts} WHERE {_WITHIN})"
    keys = listed(target.table.key)
    moved = staged if is_newest else _difference(target, staged, old)
    target.run(f"CREATE TEMP TABLE {_MOVED} AS SELECT DISTINCT {keys} FROM {moved}")
    if not is_newest:
        if not target.read(f"SELECT 1 FROM {_MOVED} LIMIT 1"):
            return []
        target.run(f"DELETE FROM {parts} WHERE {_WITHIN}")
    target.run(added)
    rows = parts
    if says_all:
        # They stand for all parts before: none that is later has to be read.
        rows = (
            f"(SELECT * FROM {parts} WHERE {_WITHIN} UNION ALL BY NAME"
            f""" SELECT TIMESTAMPTZ '0001-01-01 00:00:00+00' AS "window_start", 0 AS "place","""
            f" {_as_parts(target.table)} FROM {target.name})"
        )
    target.run(f"CREATE TEMP TABLE {_FOLDED} AS {_folded(target, rows)}")
    if is_newest:
        # What a window adds is no drift, however little it is: rows that stand for parts would never hold it.
        return merge_rows(target, _FOLDED, ())
    return [*merge_rows(target, _FOLDED, drifting), *remove_rows(target, _MOVED, _FOLDED)]


def _difference(target: Target, new: str, old: str) -> str:
    """SQL for the parts that are in one place more often than in the other."""
    columns = target.columns
    return (
        f'(SELECT {columns} FROM (SELECT {columns}, 1 AS "is-new" FROM {new}'
        f' UNION ALL SELECT {columns}, -1 FROM {old}) GROUP BY {columns} HAVING sum("is-new") <> 0)'
    )


def _numbered(table: Table, staged: str, *, shared: bool) -> str:
    """SQL for parts as they are kept; those of one key and window each with its place among them."""
    place = "1"
    if shared:
        row = json_text(table.types)
        place = f"row_number() OVER (PARTITION BY {listed(table.key)} ORDER BY {row})"
    return f'SELECT $window_start, {place}, {_as_parts(table)} FROM {staged} AS "new-row"'


def _rows_say_all(table: Table) -> bool:
    """Say whether the rows tell of all parts what the next window needs: also how late or early each value was."""
    by, rules = table.latest_by, set(table.merge.values())
    if by is None:
        return True
    keeps = {"latest": {"max", "latest"}, "earliest": {"min", "earliest"}}
    fits = all(table.merge.get(by) in keeping for rule, keeping in keeps.items() if rule in rules)
    return fits and table.types[by].name != "FLOAT64"


def _with_later(table: Table, name: str) -> str:
    """SQL for a column of a row as it is with the one part of a later window; that alone where there is no row."""
    old, new = old_value(name), new_value(name)
    if table.latest_by:
        old_by, new_by = old_value(table.latest_by), new_value(table.latest_by)
    match table.merge.get(name):
        case "min" if table.types[name].name == "FLOAT64":
            return f"CASE WHEN isnan({old}) OR isnan({new}) THEN 'NaN'::DOUBLE ELSE least({old}, {new}) END"
        case "min":
            return f"least({old}, {new})"
        case "max":
            return f"greatest({old}, {new})"
        case "sum":
            return f"coalesce({old} + {new}, {old}, {new})"
        case "latest":
            return f"CASE WHEN {old_by} IS NULL OR {new_by} >= {old_by} THEN {new} ELSE {old} END"
        case "earliest":
            is_there = '"old-row"."row-id" IS NOT NULL'
            stays = f"{is_there} AND ({new_by} IS NULL OR {old_by} <= {new_by})"
            return f"CASE WHEN {stays} THEN {old} ELSE {new} END"
        case _:
            return new


def _folded(target: Target, rows: str) -> str:
    """SQL for the row of each key that is concerned, over all its parts."""
    table = target.table
    keys = ", ".join(_part(name) for name in table.key)
    same = " AND ".join(f'"one-part".{_part(name)} IS NOT DISTINCT FROM "one-key".{quote(name)}' for name in table.key)
    if not _has_null(target):
        same = same.replace("IS NOT DISTINCT FROM", "=")
    columns = ", ".join(f"{_combined(table, name)} AS {quote(name)}" for name in table.types)
    return f'SELECT {columns} FROM {rows} AS "one-part" SEMI JOIN {_MOVED} AS "one-key" ON {same} GROUP BY {keys}'


def _has_null(target: Target) -> bool:
    nulls = " OR ".join(f"{quote(name)} IS NULL" for name in target.table.key)
    return bool(target.read(f"SELECT 1 FROM {_MOVED} WHERE {nulls} LIMIT 1"))


def _combined(table: Table, name: str) -> str:
    """SQL for a column of a row: a part of the key, or by its rule."""
    part, type_ = _part(name), table.types[name]
    if name in table.key:
        return part
    match table.merge.get(name):
        case "min" if type_.name == "FLOAT64":
            return f"CASE WHEN bool_or(isnan({part})) THEN 'NaN'::DOUBLE ELSE min({part}) END"
        case "min":
            return f"min({part})"
        case "max":
            return f"max({part})"
        case "sum":
            return f"sum({part})::{duckdb_type(type_)}"
        case "latest":
            return _of_one("max", name, _known(table), *_by(table), '"window_start"', '"place"')
        case "earliest":
            return _of_one("min", name, f"NOT {_known(table)}", *_by(table), '"window_start"', '-"place"')
        case _:
            return _of_one("max", name, '"window_start"')


def _of_one(most: str, name: str, *order: str) -> str:
    """SQL for the value of the part that comes first or last in an order."""
    fields = ", ".join(f"o{place} := {value}" for place, value in enumerate(order))
    return f"arg_{most}(struct_pack(v := {_part(name)}), struct_pack({fields})).v"


def _known(table: Table) -> str:
    return f"({_part(table.latest_by or '')} IS NOT NULL)"


def _by(table: Table) -> tuple[str, ...]:
    """SQL for how late a part is; of FLOAT64 NaN is the least, as where GoogleSQL sorts."""
    by = _part(table.latest_by or "")
    if table.latest_by and table.types[table.latest_by].name == "FLOAT64":
        return f"NOT isnan({by})", by
    return (by,)


def _part(name: str) -> str:
    return quote(f"v_{name}")


def _as_parts(table: Table) -> str:
    return ", ".join(f"{quote(name)} AS {_part(name)}" for name in table.types)


def _as_columns(table: Table) -> str:
    return ", ".join(f"{_part(name)} AS {quote(name)}" for name in table.types)
