"""Which version of a table changed which part of it last."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flows.model.window import Window


class ChangeIndex:
    """The newest version that touched each part of a table's partition column.

    Args:
        touched: ranges with the version that touched them, in any order.
    """

    def __init__(self, touched: Sequence[tuple[Window, int]]) -> None:
        edges = sorted({edge for window, _ in touched for edge in (window.start, window.end)})
        position = {edge: index for index, edge in enumerate(edges)}
        newest = [0] * len(edges)
        unpainted = list(range(len(edges) + 1))

        def next_unpainted(index: int) -> int:
            while unpainted[index] != index:
                unpainted[index] = unpainted[unpainted[index]]
                index = unpainted[index]
            return index

        for window, version in sorted(touched, key=lambda item: item[1], reverse=True):
            index = next_unpainted(position[window.start])
            while index < position[window.end]:
                newest[index] = version
                unpainted[index] = index + 1
                index = next_unpainted(index)
        self._edges = edges
        self._maxima = [newest]
        width = 1
        while 2 * width <= len(newest):
            last = self._maxima[-1]
            self._maxima.append([max(last[i], last[i + width]) for i in range(len(last) - width)])
            width *= 2
        self.newest = max(newest, default=0)
        """The newest version that touched anything."""

    def within(self, span: Window) -> int:
        """Return the newest version that touched a part of the span; 0 where none did."""
        first = max(0, bisect_right(self._edges, span.start) - 1)
        last = bisect_right(self._edges, span.end)
        if last and self._edges[last - 1] == span.end:
            last -= 1
        if last <= first:
            return 0
        level = (last - first).bit_length() - 1
        maxima = self._maxima[level]
        return max(maxima[first], maxima[last - (1 << level)])
