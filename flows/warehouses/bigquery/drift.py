"""GoogleSQL for values that have only drifted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flows.warehouses.bigquery.target import EXPIRY
from flows.warehouses.bigquery.types import comparable, listed, quote
from flows.warehouses.bigquery.units import difference
from flows.warehouses.drift import TOLERANCE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flows.model.types import Type
    from flows.warehouses.bigquery.target import Target


def differ(type_: Type, old: str, new: str, *, drifts: bool) -> str:
    """SQL for whether two values of a column are not the same."""
    exact = f"{comparable(type_, old)} IS DISTINCT FROM {comparable(type_, new)}"
    if not drifts:
        return exact
    finite = " AND ".join(f"NOT IS_INF({value}) AND NOT IS_NAN({value})" for value in (old, new))
    near = f"ABS({old} - {new}) <= {TOLERANCE} * GREATEST(ABS({old}), ABS({new}))"
    # Of unlike signs the difference may be more than FLOAT64 holds, which is an error.
    return f"({exact} AND NOT IF({finite} AND SIGN({old}) = SIGN({new}), {near}, FALSE))"


def settle(target: Target, staged: str, scope: str, drifting: Sequence[str]) -> tuple[str, list[dict[str, Any]]]:
    """Make a table of the staged rows with the old values where those of a row have only drifted.

    Rows are paired among those that are equal in all other columns, in the order of the columns that drift. Returns
    the table, and the hours or days in which its rows differ from the old ones.
    """
    table, settled = target.table, target.helping("settled")
    others = [name for name in table.types if name not in drifting]
    # FLOAT64 cannot be what a window is partitioned by, and only equality lets rows be found by a hash.
    rest = f"TO_JSON_STRING(STRUCT({', '.join(f'{quote(name)} AS k{i}' for i, name in enumerate(others))}))"
    rest = rest if others else "''"
    values = ", ".join(f"{quote(name)} AS v{i}" for i, name in enumerate(table.types))
    numbered = (
        f"SELECT {values}, {rest} AS others,"
        f" ROW_NUMBER() OVER (PARTITION BY {rest} ORDER BY {listed(drifting)}) AS pair_number"
    )
    places = {name: (f"`old-row`.v{i}", f"`new-row`.v{i}") for i, name in enumerate(table.types)}
    moved = " OR ".join(differ(table.types[name], *places[name], drifts=True) for name in drifting)
    stays = f"`old-row`.pair_number IS NOT NULL AND NOT ({moved})"
    columns = ", ".join(
        f"IF({stays}, {old}, {new}) AS {quote(name)}" if name in drifting else f"{new} AS {quote(name)}"
        for name, (old, new) in places.items()
    )
    old_rows = f"SELECT {target.columns} FROM {target.name} WHERE {scope}"
    script = (
        f"CREATE OR REPLACE TABLE {settled} {EXPIRY} AS\n"
        f"SELECT {columns} FROM ({numbered} FROM {staged}) AS `new-row`\n"
        f"LEFT JOIN ({numbered} FROM ({old_rows})) AS `old-row`"
        " ON `old-row`.others = `new-row`.others AND `old-row`.pair_number = `new-row`.pair_number;\n"
        f"SELECT ARRAY({difference(table, f'({old_rows})', settled)}) AS units"
    )
    units: list[dict[str, Any]] = target.run("settle", script).rows[0]["units"]
    return settled, units
