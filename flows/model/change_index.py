"""Which version of a table changed which part of it last."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from flows.model.window import Window


class ChangeIndex:
    """The newest version that touched each part of a table's partition column.

    A plan asks for every window of a table what has touched the range that it reads: 43,800 questions where hours go
    back five years, over as many touched ranges. So the ranges are cut once into stretches between their edges, and a
    question costs two look-ups whatever it spans.

    Args:
        touched: ranges with the version that touched them, in any order.
    """

    def __init__(self, touched: Sequence[tuple[Window, int]]) -> None:
        self._edges = sorted({edge for window, _ in touched for edge in (window.start, window.end)})
        self._maxima = _maxima(_newest_between(self._edges, touched))
        self.newest = max((version for _, version in touched), default=0)
        """The newest version that touched anything."""

    def within(self, span: Window) -> int:
        """Return the newest version that touched a part of the span; 0 where none did."""
        first = max(0, bisect_right(self._edges, span.start) - 1)
        last = bisect_left(self._edges, span.end)
        if last <= first:
            return 0
        # The longest run of a power of two that fits, from either end: together they cover the stretches, and where
        # they overlap a maximum is none the worse.
        level = (last - first).bit_length() - 1
        maxima = self._maxima[level]
        return max(maxima[first], maxima[last - (1 << level)])


def _newest_between(edges: Sequence[datetime], touched: Sequence[tuple[Window, int]]) -> list[int]:
    """Return the newest version for the stretch from each edge to the next; 0 where nothing touched it.

    The newest range paints its stretches first, and what is painted stays. `unpainted` leads from each stretch to the
    first one not before it that is still bare, so that a range over many painted ones skips them together.
    """
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
    return newest


def _maxima(values: list[int]) -> list[list[int]]:
    """Return a sparse table: at level n, for each place, the greatest of the 2^n values that begin there.

    Any run of values is covered by two such pieces, so that its greatest value is found without walking along it.
    """
    levels = [values]
    width = 1
    while 2 * width <= len(values):
        last = levels[-1]
        levels.append([max(last[i], last[i + width]) for i in range(len(last) - width)])
        width *= 2
    return levels
