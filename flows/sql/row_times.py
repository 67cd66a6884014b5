"""By which time a row belongs to a window, and whether windows surely give rows of others, which are refused as they come.

Only what is sure is told: each condition on that time has to be read exactly, and what bounds other columns by the window
must not keep out the rows at fault.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache
from itertools import islice, product
from operator import and_
from typing import TYPE_CHECKING, NamedTuple

from sqlglot import exp

from flows.model.dependency import Edge, examples
from flows.model.types import parse_type
from flows.model.window import Size
from flows.sql.comparisons import Condition, comparisons, parts
from flows.sql.compile.origins import mentioned, names_window, origins_of
from flows.sql.divided import Limit
from flows.sql.exactly import exactly
from flows.sql.parse.tree import operands
from flows.sql.shown import shown
from flows.sql.steps import Cut

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from flows.model.window import Unit, Window
    from flows.sql.bounds import Bound
    from flows.sql.comparisons import Comparison
    from flows.sql.compile.scope import Context, Kept, Scope, Value
    from flows.sql.parse.tree import Nodes
    from flows.sql.reach import Occurrence, Origin
    from flows.sql.steps import Step

_UPPER, _LOWER = {"<", "<=", "="}, {">", ">=", "="}
_WINDOWS = 6
_FLOORS: tuple[Unit | None, ...] = (None, "day")
_LEAST = timedelta(microseconds=1)
_NEAR = [
    timedelta(0),
    -timedelta(hours=1),
    -_LEAST,
    *(sign * timedelta(hours=hours) for hours in (12, 24) for sign in (-1, 1)),
]
"""How far from an end of a range to look for rows of other windows."""
_DAY_OR_HOUR = {"DAY", "HOUR"}
_WINDOWS_DAYS = tuple((Edge("start", floor="day"), Edge("end", floor=floor)) for floor in _FLOORS)
"""How a DATE is bounded by a window of whole days."""


class Stray(NamedTuple):
    """A time that a window lets through, and to which it does not belong."""

    window: Window
    read: datetime | None
    """What stands in the column that is read; None where the window alone makes the value."""
    given: datetime
    """What the query gives for it."""


@dataclass(frozen=True, slots=True)
class RowTime:
    """The time by which rows belong to a window, as far as it comes of one column, or of the window itself.

    Equal are those of which windows let the same times through, whatever they are called.
    """

    column: str = field(compare=False)
    """The column that is read; empty where none is."""
    written: str = field(compare=False)
    """What to bound by the window so that each row belongs to its own."""
    moment: str = field(compare=False)
    """A bound of it, with @ in place of the parameter."""
    steps: tuple[Step, ...] = ()
    limits: tuple[Limit, ...] = ()
    """What the column has to fulfil."""
    of_days: bool = False
    """Whether the column is a DATE."""
    beside: tuple[Limit, ...] | None = ()
    """What other columns have to fulfil; None where something names the window of which nobody can say what it keeps out."""
    made: Bound | None = None
    """Where the value lies that the window alone makes."""

    @property
    def is_bounded(self) -> tuple[bool, bool]:
        """Whether anything bounds the column from below, and from above."""
        signs = {one.sign for one in self.limits}
        return bool(signs & _LOWER), bool(signs & _UPPER)

    def bounds(self, *, lower: bool = True, upper: bool = True) -> str:
        """Return the conditions that keep the time in its window."""
        start, end = (self.moment.replace("@", f"@window_{name}") for name in ("start", "end"))
        found = ([f"{self.written} >= {start}"] if lower else []) + ([f"{self.written} < {end}"] if upper else [])
        return " AND ".join(found)

    def stray(self, size: Size) -> Stray | None:
        """Return a time that some window of a size lets through and that lies outside of it; None where nobody knows one."""
        return _stray(self, size)

    def strays(self, size: Size) -> Iterator[Stray]:
        """Find such times in some windows."""
        for window in islice(examples(size), _WINDOWS):
            for one in self._made_by(window) if self.made is not None else self._read_by(window, size):
                outside = one.given < window.start or one.given >= window.end
                if outside and not self._may_keep_out(one):
                    yield one

    def _may_keep_out(self, stray: Stray) -> bool:
        """Say whether what bounds other columns may keep a row out.

        A range that holds the window and that time as well, as the week before the window does, keeps out neither. What
        holds no whole window, as all that was before it, may be of rows that there must not be.
        """
        if self.beside is None:
            return True
        window = stray.window
        moments = [window.start, window.end - _LEAST, stray.given, stray.read or stray.given]
        try:
            return not all(limit.holds(moment, window) for limit in self.beside for moment in moments)
        except ValueError:
            return True

    def _made_by(self, window: Window) -> Iterator[Stray]:
        assert self.made is not None  # noqa: S101 - asked before
        low, high = self.made.low.at(window), self.made.high.at(window)
        if low is not None and high is not None and (low >= window.end or high < window.start):
            yield Stray(window, None, low if low >= window.end else high)

    def _read_by(self, window: Window, size: Size) -> Iterator[Stray]:
        is_bounded = self.is_bounded
        ends = [window.end, window.start]
        for limit in self.limits:
            end = exactly(window.end if limit.at_end else window.start, limit.of_end)
            ends += [end[0]] if end is not None and not end[1] else []
        for end, near in product(dict.fromkeys(ends), _NEAR):
            read = end + near
            if self.of_days and read != Size(1, "day").floor(read):
                continue
            # Between the bounds of a range outside of the window a column of whole hours, days or months may hold nothing.
            outside = (read < window.start, read >= window.end)
            if near and any(map(and_, outside, is_bounded)) and read != size.floor(read):
                continue
            try:
                lets = all(one.holds(read, window) for one in self.limits)
            except ValueError:
                return
            given = exactly(read, self.steps) if lets else None
            if given is not None and not given[1]:
                yield Stray(window, read, given[0])


@lru_cache(maxsize=1_000)
def _stray(time: RowTime, size: Size) -> Stray | None:
    """Remember the answer, as most of a project's tables ask the same."""
    return next(time.strays(size), None)


def row_times(  # noqa: PLR0913, PLR0917 - what is known of the query, and of its windows
    node: exp.Expr, value: Value, context: Context, conditions: list[Kept], nodes: Nodes, size: Size
) -> list[RowTime]:
    """Return the times by which rows belong to windows, of which windows may give some of others.

    Args:
        node: the column of the query that says so.
        value: what it gives.
        context: what was found on the way.
        conditions: what keeps rows out.
        nodes: those of the whole query.
        size: that of the windows.
    """
    if nodes.of(exp.Limit, exp.Except, exp.Intersect):
        return []
    moment = "@" if value.type.name == "TIMESTAMP" else f"{value.type.name}(@)"
    if value.bound is not None:
        return [RowTime("", shown(node.unalias()), moment, made=value.bound)] if not value.bound.kind else []
    found = []
    for origin in value.origins:
        if origin.opaque or origin.kind or _is_plain(origin, size):
            continue
        known = _Known(origin, context, conditions)
        if known.is_read():
            type_ = context.schema[origin.occurrence.table][origin.column]
            own = (parse_type(type_) if isinstance(type_, str) else type_).name
            cut = all(isinstance(step, Cut) and step.part in _DAY_OR_HOUR for step in origin.steps)
            told = (
                (origin.column, "@" if own == "TIMESTAMP" else f"{own}(@)") if cut else (shown(node.unalias()), moment)
            )
            limits, beside = tuple(known.limits), None if known.beside is None else tuple(known.beside)
            found.append(RowTime(origin.column, *told, origin.steps, limits, own == "DATE", beside))
    return found


def _is_plain(origin: Origin, size: Size) -> bool:
    """Say whether a time is plainly that of its window: it begins with one end, ends with the other, and is moved by nothing."""
    one = origin.occurrence
    if origin.column != one.partition:
        return False
    if one.type == "DATE":
        is_window = size.unit != "hour" and (one.lower, one.upper) in _WINDOWS_DAYS
    else:
        is_window = (one.lower, one.upper) == (Edge("start"), Edge("end"))
    return is_window and all(isinstance(step, Cut) and step.part in _DAY_OR_HOUR for step in origin.steps)


class _Known:
    """What a query's conditions say of the column from which a time comes."""

    def __init__(self, origin: Origin, context: Context, conditions: list[Kept]) -> None:
        self.limits: list[Limit] = []
        self.beside: list[Limit] | None = []
        self._column = origin.column
        self._places: set[Occurrence] = set()
        self._equated = context.equated
        self._conditions = conditions
        place: Occurrence | None = origin.occurrence
        while place is not None:
            self._places.add(place)
            place = place.of

    def is_read(self) -> bool:
        """Read all conditions; say whether each that may keep rows out by the column could be read."""
        if any(map(self._is_meant, self._equated)):
            return False
        return all(
            self._reads(one, scope, sides) for node, scope, sides in self._conditions for one in operands(node, exp.And)
        )

    def _is_meant(self, origin: Origin) -> bool:
        return origin.column == self._column and origin.occurrence in self._places

    def _reads(self, node: exp.Expr, scope: Scope, sides: frozenset[Occurrence] | None) -> bool:
        """Note what a condition says; `sides` are the tables of an outer join whose rows alone it keeps out."""
        of_others = sides is not None and not sides & self._places
        names_column = not of_others and any(map(self._is_meant, mentioned(node, scope)))
        by_window = names_window(node, scope) or node.find(exp.Parameter) is not None
        if not names_column and not by_window:
            return True
        condition = Condition(node).plain()
        every, compared = (False, []) if parts(condition) else comparisons(condition)
        if names_column:
            found = [self._limits(both, scope) for both in compared] if every else []
            if found and None not in found:
                self.limits += [limit for limits in found for limit in limits or ()]
                return True
            return isinstance(condition.node, exp.Is) and isinstance(condition.node.this, exp.Column)
        limits = [[_limit(one) for one in both if _of_parameter(one)] for both in compared]
        known = every and self.beside is not None and limits and all(limits)
        self.beside = [*(self.beside or ()), *(one for of_both in limits for one in of_both)] if known else None
        return True

    def _limits(self, both: list[Comparison], scope: Scope) -> list[Limit] | None:
        """Return what a comparison says of the column by the window; None where it says more than is known here."""
        found, is_read = [], False
        for one in both:
            origins = [origin for origin in origins_of(one.value, scope) if not origin.opaque]
            if len(origins) == 1 and self._is_meant(origins[0]):
                if _of_parameter(one):
                    found.append(_limit(one)._replace(steps=origins[0].steps))
                elif not all(isinstance(limit.leaf, exp.Literal) for limit in one.limits):
                    return None
                is_read = True
        return found if is_read else None


def _limit(one: Comparison) -> Limit:
    (limit,) = one.limits
    return Limit(one.value.steps, one.sign, limit.leaf.name.lower() == "window_end", limit.steps)


def _of_parameter(one: Comparison) -> exp.Parameter | None:
    leaf = one.limits[0].leaf if one.exact and len(one.limits) == 1 else None
    return leaf if isinstance(leaf, exp.Parameter) else None
