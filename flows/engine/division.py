"""A step that failed for some of its rows is tried again in pieces, so that all windows but those at fault are done.

Windows that are known to have bad rows are pieces of their own. Where nobody knows which are at fault the pieces are
halves, each of which is divided again if it fails: so a window at fault costs about as much reading again as the step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.model.window import Window, covered, subtract

if TYPE_CHECKING:
    from flows.model.errors import DerivedError
    from flows.model.table import Table


def pieces(table: Table, window: Window | None, error: DerivedError) -> list[Window]:
    """Return the pieces of a range of windows that failed, of which some may do without the rows that were at fault.

    There are none where it is one window, or where no piece would fare better.
    """
    if table.source is None or table.window is None or window is None or not error.of_rows or error.transient:
        return []
    size = table.window.size
    if size.next(window.start) >= window.end:
        return []
    known = sorted({one for span in error.spans if covered(one := Window(*span), [window])})
    if known:
        return sorted([*known, *subtract([window], known)])
    windows = list(size.split(window))
    middle = windows[len(windows) // 2].start
    return [Window(window.start, middle), Window(middle, window.end)]
