"""The staged rows of an append or a replace table take the place of those of their window, or of all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.warehouses.duckdb.drift import settle
from flows.warehouses.duckdb.incoming import insert_from

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flows.model.entry import Touched
    from flows.warehouses.duckdb.target import Target


def replace_rows(target: Target, staged: str, scope: str, drifting: Sequence[str]) -> list[Touched]:
    """Put the staged rows in the place of those for which `scope` is true; return what that touches."""
    touched = _difference(target, staged, scope)
    if touched and drifting:
        # Worth its price only where there is a difference.
        staged = settle(target, staged, scope, drifting)
        touched = _difference(target, staged, scope)
    if touched:
        target.run(f"DELETE FROM {target.name} WHERE {scope}")
        insert_from(target, target.name, staged)
    return touched


def _difference(target: Target, staged: str, scope: str) -> list[Touched]:
    old = f"(SELECT {target.columns} FROM {target.name} WHERE {scope})"
    return target.units.touched(target.read(target.units.difference(old, staged, target.columns)))
