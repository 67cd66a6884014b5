"""A step that failed for some of its rows is tried again in halves, so that all windows but those at fault are done.

Each window at fault costs the readings of the halves that it is in, of which each is half of the one before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.model.window import Window

if TYPE_CHECKING:
    from flows.model.errors import DerivedError
    from flows.model.table import Table


def halves(table: Table, window: Window | None, error: DerivedError) -> tuple[Window, Window] | None:
    """Return the halves of a range of windows that failed, where one may do without the rows that were at fault."""
    if table.source is None or table.window is None or window is None or not error.of_rows or error.transient:
        return None
    windows = list(table.window.size.split(window))
    if len(windows) == 1:
        return None
    middle = windows[len(windows) // 2].start
    return Window(window.start, middle), Window(middle, window.end)
