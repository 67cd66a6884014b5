"""The staged rows of an append or a replace table take the place of those of their window, or of all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.warehouses.bigquery.drift import settle
from flows.warehouses.bigquery.look import Change, Look
from flows.warehouses.bigquery.units import difference, touched
from flows.warehouses.interface import every_row, no_row

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flows.warehouses.bigquery.target import Target


def asked(target: Target, staged: str, *, adds: bool = False) -> dict[str, str]:
    """Return what to ask: in which hours or days the rows differ from those whose place they take, if any."""
    scope = no_row(target.table) if adds else _scope(target)
    old = f"(SELECT {target.columns} FROM {target.name} WHERE {scope})"
    return {"units": f"ARRAY({difference(target.table, old, staged)})"}


def change(target: Target, staged: str, seen: Look, drifting: Sequence[str] = (), *, adds: bool = False) -> Change:
    """Return what puts the staged rows in the place of others; nothing where they are the same."""
    units = seen.facts["units"]
    if units and drifting:
        # Worth its price only where there is a difference.
        staged, units = settle(target, staged, _scope(target), drifting)
    if not units:
        return Change()
    # A constant range of whole partitions is deleted as partitions, which costs nothing.
    delete = (
        f"DELETE FROM {target.name} WHERE {target.inside}"
        if target.table.is_bounded
        else f"TRUNCATE TABLE {target.name}"
    )
    insert = f"INSERT INTO {target.name} ({target.columns}) SELECT {target.columns} FROM {staged}"
    statements = (insert,) if adds else (delete, insert)
    return Change(statements, touched=touched(target.table, target.window, units))


def _scope(target: Target) -> str:
    return target.inside if target.table.is_bounded else every_row(target.table)
