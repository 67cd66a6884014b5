"""What both warehouses say of rows that lie outside their window."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.model.errors import WindowError
from flows.warehouses.interface import Query, owner_of

if TYPE_CHECKING:
    from flows.model.table import Table
    from flows.model.window import Window


def outside(table: Table, window: Window | None, rows: object, shown: str) -> WindowError:
    """Return the error of a window whose `rows` are not all its own; `shown` are some that are not."""
    assert table.partition is not None  # noqa: S101 - it is what the window bounds
    column, place = table.partition.column, ""
    if isinstance(rows, Query) and rows.written is not None:
        from flows.sql.blamed import place_of  # noqa: PLC0415 - slow to import, and most runs have no error

        place = place_of(column, *rows.written)
    where = f" ({place})" if place else ""
    return WindowError(
        f"{owner_of(table.identity)}: rows of the window {window} have a {column} outside it, for example\n{shown}",
        advice=f"Bound {column}{where} by @window_start and @window_end in the SQL, so that each row belongs to one "
        "window.",
    )
