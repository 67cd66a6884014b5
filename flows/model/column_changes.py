"""How a table's columns in the warehouse differ from those of its file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class ColumnChanges:
    """What to change about a table's columns so that it has those of its file."""

    respelled: tuple[tuple[str, str], ...] = ()
    """Old and new spelling of those that differ in case only, which a warehouse holds for one."""
    added: tuple[str, ...] = ()
    """Those that the table has not yet."""
    retyped: tuple[str, ...] = ()
    """Those that it has in another type."""
    removed: tuple[str, ...] = ()
    """Those that the file has no longer."""


def column_changes(present: Mapping[str, str], wanted: Mapping[str, str]) -> ColumnChanges:
    """Return what makes the present columns the wanted ones; both are types, in one spelling, by column.

    >>> column_changes({"id": "BIGINT", "old": "DATE"}, {"ID": "VARCHAR", "new": "DATE"})
    ColumnChanges(respelled=(('id', 'ID'),), added=('new',), retyped=('ID',), removed=('old',))
    """
    spelled = {name.lower(): name for name in present}
    kept = {name: spelled[name.lower()] for name in wanted if name.lower() in spelled}
    stays = set(kept.values())
    return ColumnChanges(
        respelled=tuple((old, name) for name, old in kept.items() if old != name),
        added=tuple(name for name in wanted if name not in kept),
        retyped=tuple(name for name, old in kept.items() if present[old] != wanted[name]),
        removed=tuple(name for name in present if name not in stays),
    )
