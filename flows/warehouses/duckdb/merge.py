"""The staged rows of a merge table are added to it, or take the place of rows of the same key."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from flows.model.errors import CheckFailedError
from flows.model.safe_text import one_line
from flows.sql.types import quote
from flows.warehouses.duckdb.drift import differ
from flows.warehouses.duckdb.incoming import insert_from
from flows.warehouses.duckdb.queries import execute
from flows.warehouses.duckdb.target import listed
from flows.warehouses.interface import cursor_bounds, owner_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flows.model.entry import Touched
    from flows.model.table import Table
    from flows.warehouses.duckdb.target import Target

SHOWN_KEYS = 5
_LATEST = '"latest-rows"'
_DELTA = '"delta-rows"'


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of rows that share their keys."""

    gone: int = 0
    """How many there are less."""
    tied: int = 0
    """How many of these were as late as the row that stayed, and had other values."""


def settle_keys(target: Target, place: str, among: str = "") -> Settled:
    """Leave one row for each key in a place, or refuse rows that cannot be told apart.

    Args:
        target: where the rows go.
        place: where they are.
        among: a place that holds them and others, of which too one is left for each of their keys.
    """
    table, keys = target.table, listed(target.table.key)
    if table.is_folded and not overwrites(table):
        return Settled()
    shared = f"SELECT {keys} FROM {place} GROUP BY ALL HAVING count(*) > 1"
    if among:
        shared = (
            f'SELECT {keys} FROM {among} AS "old-row" SEMI JOIN (SELECT {keys} FROM {place}) AS "new-row"'
            f" ON {_same_key(target, place)} GROUP BY ALL HAVING count(*) > 1"
        )
    twice = target.read(f"{shared} LIMIT {SHOWN_KEYS}")
    if not twice:
        return Settled()
    if table.source is not None:
        return _keep_latest(target, among or place, shared)
    if overwrites(table):
        names = ", ".join(table.key)
        shown = "\n".join("  " + ", ".join(map(one_line, key)) for key in twice)
        raise CheckFailedError(
            f"{owner_of(table.identity)}: the window {target.window} gives several rows of one key ({names}), as\n"
            f"{shown}\n"
            f"GROUP BY {names} in the SQL, so that each key has one row."
        )
    return Settled()


def overwrites(table: Table) -> bool:
    """Say whether one row of a key takes the place of another, so that no window may have two of them."""
    return table.is_bounded or bool(set(table.types) - {*table.key, *table.merge})


def shares_keys(target: Target, place: str) -> bool:
    """Say whether several rows in a place have one key."""
    keys = listed(target.table.key)
    return bool(target.read(f"SELECT {keys} FROM {place} GROUP BY ALL HAVING count(*) > 1 LIMIT 1"))


def merge_rows(
    target: Target, staged: str, drifting: Sequence[str], combined: Mapping[str, str] = MappingProxyType({})
) -> list[Touched]:
    """Write the rows that differ from those of the same key; return what that touches.

    Args:
        target: where to.
        staged: the rows.
        drifting: columns in which a difference of the last digits is none.
        combined: SQL for columns that are made of the row that is there and of the one that comes.
    """
    table, units, row_id = target.table, target.units, _row_id(target.table)
    same_key = _same_key(target, staged)
    made = {name: combined.get(name, new_value(name)) for name in table.types}
    differs = " OR ".join(
        differ(old_value(name), value, drifts=name in drifting) for name, value in made.items() if name not in table.key
    )
    cursor = table.source.cursor if table.source else None
    newer = f"coalesce({old_value(cursor)} > {new_value(cursor)}, false)" if cursor else "false"
    columns = ", ".join(f"{value} AS {quote(name)}" for name, value in made.items())
    target.run(
        f"""CREATE TEMP TABLE {_DELTA} AS SELECT *, {units.of('"new-row".')} AS "new-unit" FROM ("""
        f"""SELECT {columns}, "old-row"."row-id", {units.of('"old-row".')} AS "old-unit\""""
        f' FROM {staged} AS "new-row"'
        f' LEFT JOIN (SELECT *, {row_id} AS "row-id" FROM {target.name}) AS "old-row" ON {same_key}'
        f' WHERE "old-row"."row-id" IS NULL OR (({differs or "false"}) AND NOT {newer})) AS "new-row"'
    )
    touched = target.read(
        'SELECT "unit-start", bool_or("is-change") FROM ('
        f'SELECT "new-unit" AS "unit-start", "row-id" IS NOT NULL AS "is-change" FROM {_DELTA}'
        f' UNION ALL SELECT "old-unit", true FROM {_DELTA} WHERE "row-id" IS NOT NULL) GROUP BY "unit-start"'
    )
    target.run(f'DELETE FROM {target.name} WHERE {row_id} IN (SELECT "row-id" FROM {_DELTA})')
    insert_from(target, target.name, _DELTA)
    return units.touched(touched)


def remove_rows(target: Target, keys: str, kept: str) -> list[Touched]:
    """Let rows of some keys go, but those of others among them; return what that touches."""
    goes = f"{_among(keys, _same_key(target, keys))} AND NOT {_among(kept, _same_key(target, kept))}"
    return target.units.touched(_remove(target, goes))


def trim(target: Target) -> list[Touched]:
    """Let rows go whose cursor lies in the window; return what that touches."""
    cursor, low, high = cursor_bounds(target.table, target.window)
    found, bounds = (
        f"{target.name} WHERE {quote(cursor)} >= $low AND {quote(cursor)} < $high",
        {"low": low, "high": high},
    )
    touched = execute(target.connection, f"SELECT DISTINCT {target.units.of()}, true FROM {found}", bounds).fetchall()
    execute(target.connection, f"DELETE FROM {found}", bounds)
    return target.units.touched(touched)


def _among(place: str, same_key: str) -> str:
    """SQL for whether a row of the table shares its key with one of a place."""
    return f'EXISTS (SELECT 1 FROM {place} AS "new-row" WHERE {same_key})'


def _remove(target: Target, condition: str) -> list[tuple[Any, ...]]:
    """Let rows go; return the units in which they were."""
    found = f'{target.name} AS "old-row" WHERE {condition}'
    touched = target.read(f"""SELECT DISTINCT {target.units.of('"old-row".')}, true FROM {found}""")
    if touched:
        target.run(f"DELETE FROM {found}")
    return touched


def _row_id(table: Table) -> str:
    """SQL for what tells a row of the table from its others.

    DuckDB's own number of a row is the quickest to find, but cannot be named where a column is.
    """
    if any(name.lower() == "rowid" for name in table.types):
        # As one value, in which NULL is equal to NULL.
        return f"struct_pack({', '.join(f'{quote(name)} := {quote(name)}' for name in table.key)})"
    return "rowid"


def _same_key(target: Target, place: str) -> str:
    """Return the condition that rows of the table and of a place have one key.

    Plain equality is worth a scan of the place's keys: DuckDB then reads of the table only where they can be.
    """
    key = target.table.key
    nulls = target.read(f"SELECT {', '.join(f'bool_or({quote(name)} IS NULL)' for name in key)} FROM {place}")
    return " AND ".join(
        f"{old_value(name)} {'IS NOT DISTINCT FROM' if has_null else '='} {new_value(name)}"
        for name, has_null in zip(key, nulls[0], strict=True)
    )


def _keep_latest(target: Target, place: str, shared: str) -> Settled:
    """Of several rows of one key keep the latest by the cursor; of equal ones the greatest."""
    table, keys = target.table, listed(target.table.key)
    cursor = quote(table.source.cursor) if table.source and table.source.cursor else "NULL"
    order = ", ".join(f"{quote(name)} DESC NULLS LAST" for name in table.types)
    same_key = _same_key(target, place)
    target.run(
        f'CREATE TEMP TABLE {_LATEST} AS SELECT {target.columns} FROM {place} AS "new-row" SEMI JOIN'
        f' ({shared}) AS "old-row" ON {same_key}'
        f" QUALIFY rank() OVER (PARTITION BY {keys} ORDER BY {cursor} DESC NULLS LAST) = 1"
    )
    gone = target.run(f'DELETE FROM {place} AS "old-row" USING {_LATEST} AS "new-row" WHERE {same_key}')
    greatest = f"SELECT * FROM {_LATEST} QUALIFY row_number() OVER (PARTITION BY {keys} ORDER BY {order}) = 1"
    kept = insert_from(target, place, f"({greatest})")
    different = target.read(f"SELECT count(*) FROM (SELECT DISTINCT {target.columns} FROM {_LATEST})")[0][0]
    target.run(f"DROP TABLE {_LATEST}")
    return Settled(gone - kept, different - kept)


def old_value(name: str) -> str:
    """SQL for a column of a row that is there."""
    return f'"old-row".{quote(name)}'


def new_value(name: str) -> str:
    """SQL for a column of the row of the same key that comes."""
    return f'"new-row".{quote(name)}'
