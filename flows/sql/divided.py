"""Rows of a window: what bounds them, and whether that divides them from those of the next window."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from operator import eq, ge, gt, le, lt
from typing import TYPE_CHECKING, NamedTuple

from flows.sql.exactly import exactly

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from flows.model.window import Window
    from flows.sql.steps import Step

_SIGNS = {"=": eq, ">=": ge, ">": gt, "<=": le, "<": lt}


class Limit(NamedTuple):
    """What a row's time has to fulfil in a window: after `steps` it stands in `sign` to one end of it after others."""

    steps: tuple[Step, ...]
    sign: str
    at_end: bool
    of_end: tuple[Step, ...]

    def holds(self, moment: datetime, window: Window) -> bool:
        """Say whether a time fulfils it in a window. Raises ValueError where nobody can say."""
        value = exactly(moment, self.steps)
        limit = exactly(window.end if self.at_end else window.start, self.of_end)
        if value is None or limit is None or value[1] != limit[1]:
            raise ValueError(self.sign)
        return bool(_SIGNS[self.sign](value[0], limit[0]))


Bound = tuple[Limit, ...]
"""What one time has to fulfil."""
UNREAD: Bound = ()
"""What a condition on the window leaves out of which nobody can say."""


def divides(bound: Bound, windows: list[Window]) -> bool:
    """Say whether the end of no window is in what a bound leaves of that and of the next one."""
    try:
        return not bound or not any(
            all(limit.holds(one.end, window) for limit in bound for window in (one, two))
            for one, two in pairwise(windows)
        )
    except ValueError:
        return True


@dataclass(slots=True)
class Rows:
    """The rows of a SELECT, and who gives them on."""

    told: frozenset[str]
    """Columns that its output compares with the window's end: it knows the rows there."""
    outermost: bool = False
    readers: list[tuple[list[Bound], Rows]] = field(default_factory=list)
    """Each SELECT that has only such rows, with what bounds these there."""

    def come_out(self, column: str, stops: Callable[[Bound], bool], seen: set[int]) -> bool:
        """Say whether these rows are given in the end, with nothing on the way that divides them by windows."""
        seen.add(id(self))
        if column in self.told:
            return False
        return self.outermost or any(
            id(rows) not in seen and not any(map(stops, bounds)) and rows.come_out(column, stops, seen)
            for bounds, rows in self.readers
        )
