"""SQL of DuckDB for values that have only drifted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.sql.types import quote
from flows.warehouses.drift import TOLERANCE
from flows.warehouses.duckdb.target import listed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flows.warehouses.duckdb.target import Target

_SETTLED = '"settled-rows"'


def differ(old: str, new: str, *, drifts: bool) -> str:
    """SQL for whether two values of a column are not the same."""
    exact = f"{old} IS DISTINCT FROM {new}"
    if not drifts:
        return exact
    near = f"abs({old} - {new}) <= {TOLERANCE} * greatest(abs({old}), abs({new}))"
    return f"({exact} AND NOT coalesce(isfinite({old}) AND isfinite({new}) AND {near}, false))"


def settle(target: Target, staged: str, scope: str, drifting: Sequence[str]) -> str:
    """Return a place for the staged rows with the old values where those of a row have only drifted.

    Rows are paired among those that are equal in all other columns, in the order of the columns that drift.
    """
    others = listed([name for name in target.table.types if name not in drifting])
    order = listed(drifting)
    numbered = (
        f'SELECT *, row_number() OVER ({f"PARTITION BY {others} " if others else ""}ORDER BY {order}) AS "pair-number"'
    )
    pairs = " AND ".join(
        ['"old-row"."pair-number" = "new-row"."pair-number"']
        + [
            f'"old-row".{quote(name)} IS NOT DISTINCT FROM "new-row".{quote(name)}'
            for name in target.table.types
            if name not in drifting
        ]
    )
    moved = " OR ".join(
        differ(f'"old-row".{quote(name)}', f'"new-row".{quote(name)}', drifts=True) for name in drifting
    )
    stays = f'"old-row"."pair-number" IS NOT NULL AND NOT ({moved})'
    columns = ", ".join(
        f'CASE WHEN {stays} THEN "old-row".{quote(name)} ELSE "new-row".{quote(name)} END AS {quote(name)}'
        if name in drifting
        else f'"new-row".{quote(name)}'
        for name in target.table.types
    )
    target.run(
        f'CREATE TEMP TABLE {_SETTLED} AS SELECT {columns} FROM ({numbered} FROM {staged}) AS "new-row"'
        f' LEFT JOIN ({numbered} FROM {target.name} WHERE {scope}) AS "old-row" ON {pairs}'
    )
    return _SETTLED
