"""The staged rows of an append or a replace table take the place of those of their window, or of all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.warehouses.bigquery.look import Change, Look
from flows.warehouses.bigquery.units import difference, touched

if TYPE_CHECKING:
    from flows.warehouses.bigquery.target import Target


def asked(target: Target, staged: str) -> dict[str, str]:
    """Return what to ask: in which hours or days the rows differ from those whose place they take."""
    scope = target.inside if target.table.strategy == "append" else "TRUE"
    old = f"(SELECT {target.columns} FROM {target.name} WHERE {scope})"
    return {"units": f"ARRAY({difference(target.table, old, staged)})"}


def change(target: Target, staged: str, seen: Look) -> Change:
    """Return what puts the staged rows in the place of others; nothing where they are the same."""
    if not seen.facts["units"]:
        return Change()
    # A constant range of whole partitions is deleted as partitions, which costs nothing.
    delete = (
        f"DELETE FROM {target.name} WHERE {target.inside}"
        if target.table.strategy == "append"
        else f"TRUNCATE TABLE {target.name}"
    )
    insert = f"INSERT INTO {target.name} ({target.columns}) SELECT {target.columns} FROM {staged}"
    return Change((delete, insert), touched=touched(target.table, target.window, seen.facts["units"]))
