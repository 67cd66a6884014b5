"""By which time a row belongs to a window, as far as a query says so.

Only what is sure is told: each condition on that time has to be read exactly, and what bounds other columns by the window
must not keep out the rows at fault.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlglot import exp

from flows.model.dependency import Edge
from flows.model.types import parse_type
from flows.sql.bounds import Bound, after, bound_of
from flows.sql.comparisons import Condition, comparisons, parts, series_of
from flows.sql.compile.origins import mentioned, names_window, origins_of
from flows.sql.divided import Limit
from flows.sql.parse.tree import line_of, operands
from flows.sql.shown import shown
from flows.sql.steps import Cut, side
from flows.sql.strays import RowTime

if TYPE_CHECKING:
    from flows.model.window import Size, Unit
    from flows.sql.comparisons import Comparison
    from flows.sql.compile.scope import Context, Kept, Relation, Scope
    from flows.sql.compile.value import Value
    from flows.sql.parse.tree import Nodes
    from flows.sql.reach import Occurrence, Origin

_HOUR = {"HOUR"}
_DAY_OR_HOUR = {"DAY", "HOUR"}
_FLOORS: tuple[Unit | None, ...] = (None, "day")
_WINDOWS_DAYS = tuple((Edge("start", floor="day"), Edge("end", floor=floor)) for floor in _FLOORS)
"""How a DATE is bounded by a window of whole days."""
_EVERY = {
    "": timedelta(days=1),
    "INTERVAL 1 DAY": timedelta(days=1),
    "INTERVAL 1 HOUR": timedelta(hours=1),
}
"""How far apart the times of a series are, by its step as it is written."""
_READ = (exp.Column, exp.Table)
"""What makes a value differ from row to row, or from one reading to the next."""


def row_times(
    relation: Relation, owned: tuple[str, Size], context: Context, conditions: list[Kept], nodes: Nodes
) -> list[RowTime]:
    """Return the times by which rows belong to windows, of which windows may give some of others.

    Args:
        relation: what the query gives.
        owned: its column that says to which window a row belongs, and the windows' size.
        context: what was found on the way.
        conditions: what keeps rows out.
        nodes: those of the whole query.
    """
    column, size = owned
    place = next((place for place, (name, _) in enumerate(relation.columns) if name == column), None)
    if place is None or nodes.of(exp.Limit, exp.Except, exp.Intersect):
        return []
    sides = _sides(relation)
    selects = [side.nodes[place].find_ancestor(exp.Select) for side in sides] if len(sides) > 1 else []
    found = []
    for number, side_ in enumerate(sides):
        others = {id(one) for one in selects if one is not selects[number]}
        kept = [one for one in conditions if not _stands_in(one[0], others)] if others else conditions
        found += _times(side_.nodes[place], side_.columns[place][1], context, kept, size)
    return found


def _sides(relation: Relation) -> list[Relation]:
    """Return the queries whose rows a query gives one after the other; itself where it is no UNION."""
    return [one for side_ in relation.sides for one in _sides(side_)] or [relation]


def _stands_in(node: exp.Expr, selects: set[int]) -> bool:
    above: exp.Expr | None = node
    while above is not None and id(above) not in selects:
        above = above.parent
    return above is not None


def _times(node: exp.Expr, value: Value, context: Context, conditions: list[Kept], size: Size) -> list[RowTime]:
    name, line = value.type.name, line_of(node)
    moment = "@" if name == "TIMESTAMP" else f"{name}(@)"
    if value.bound is not None:
        made = [] if value.bound.kind else _made(node.unalias(), value.bound, conditions)
        asked = None if _picks_windows(conditions) else ()
        written = shown(node.unalias())
        return [RowTime("", written, moment, line, beside=asked, made=one, every=every) for one, every in made]
    if _is_same(node.unalias(), value, context, conditions):
        beside = _beside(context, conditions)
        return [] if beside is None else [RowTime("", shown(node.unalias()), moment, line, beside=beside, same=True)]
    found = []
    for origin in value.origins:
        if origin.opaque or origin.kind or _is_plain(origin, name, size):
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
            found.append(RowTime(origin.column, *told, line, origin.steps, limits, own == "DATE", beside))
    return found


def _is_plain(origin: Origin, type_: str, size: Size) -> bool:
    """Say whether a time is plainly that of its window: it begins with one end, ends with the other, and is moved by nothing.

    What is cut to a day may lie before a window of hours.
    """
    one = origin.occurrence
    if origin.column != one.partition:
        return False
    if one.type == "DATE":
        is_window = size.unit != "hour" and (one.lower, one.upper) in _WINDOWS_DAYS
    else:
        is_window = (one.lower, one.upper) == (Edge("start"), Edge("end"))
    whole = _HOUR if size.unit == "hour" and type_ != "DATE" else _DAY_OR_HOUR
    return is_window and all(isinstance(step, Cut) and step.part in whole for step in origin.steps)


def _array_of(node: exp.Expr, conditions: list[Kept]) -> exp.Expr | None:
    """Return the array of which a value is an element, where no condition may keep out one of them; None for no such value."""
    select = node.find_ancestor(exp.Select)
    if not isinstance(node, exp.Column) or node.table or select is None:
        return None
    joins, from_ = select.args.get("joins") or [], select.args.get("from_")
    for one in [*([from_] if from_ else []), *joins]:
        alias = one.this.args.get("alias") if isinstance(one.this, exp.Unnest) else None
        if alias and alias.columns and alias.columns[0].name.lower() == node.name.lower():
            break
    else:
        return None
    # What bounds a table drops the rows for which an outer join has none of it.
    bounded = {origin.occurrence for kept, scope, sides in conditions if not sides for origin in mentioned(kept, scope)}
    holding = [kept for kept, _, sides in conditions if not sides or sides & bounded]
    offset = one.this.args.get("offset")
    elements = {node.name.lower(), offset.name.lower() if isinstance(offset, exp.Identifier) else "offset"}
    names = {column.name.lower() for kept in holding for column in kept.find_all(exp.Column)}
    is_kept = elements & names or select.args.get("having") or select.args.get("qualify")
    is_kept = is_kept or any(join.args.get("using") for join in joins)
    return None if is_kept else one.this.expressions[0]


def _is_unnested(node: exp.Expr) -> bool:
    """Say whether a value is an element of an array of its own query's FROM."""
    select = node.find_ancestor(exp.Select)
    return select is not None and isinstance(node, exp.Column) and bool(select.find(exp.Unnest))


def _made(node: exp.Expr, bound: Bound, conditions: list[Kept]) -> list[tuple[Bound, timedelta | None]]:
    """Return where the values surely lie that a window makes, and how far apart those of a series are."""
    found = side(node)
    if not isinstance(found.leaf, exp.Column):
        return [(bound, None)]
    array = _array_of(found.leaf, conditions)
    if array is None:
        return [] if _is_unnested(found.leaf) else [(bound, None)]
    series = series_of(array)
    if series is None:
        given = [after(bound_of(side(one)), found.steps) for one in array.expressions]
        return [(one, None) for one in given if one is not None and not one.kind]
    first, last = (bound_of(side(one)) for one in series)
    every = _EVERY.get(" ".join(shown(one) for one in array.expressions[2:]).upper())
    if every is None or found.steps or not first or not last or (first.low, last.low) != (first.high, last.high):
        return []
    return [(Bound(first.low, last.high), every)]


def _is_same(node: exp.Expr, value: Value, context: Context, conditions: list[Kept]) -> bool:
    """Say whether a value is the same in every window, or one of several that are."""
    if value.origins or id(node) in context.windowed:
        return False
    if value.same:
        return node.find(*_READ) is None
    array = _array_of(side(node).leaf, conditions)
    return array is not None and id(array) not in context.windowed and array.find(*_READ) is None


def _beside(context: Context, conditions: list[Kept]) -> tuple[Limit, ...] | None:
    """Return what the window asks of columns that are compared with nothing else; None where nobody can say."""
    known = _Known(None, context, conditions)
    of_window: set[tuple[Occurrence, str]] = set()
    others = {(origin.occurrence, origin.column) for origin in context.equated}
    for node, scope, _ in conditions:
        for one in operands(node, exp.And):
            found = {(origin.occurrence, origin.column) for origin in mentioned(one, scope)}
            (of_window if _names_window(one, scope) else others).update(found)
    if _picks_windows(conditions):
        return None
    return tuple(known.beside) if known.is_read() and known.beside is not None and not of_window & others else None


def _names_window(node: exp.Expr, scope: Scope) -> bool:
    return names_window(node, scope) or node.find(exp.Parameter) is not None


def _picks_windows(conditions: list[Kept]) -> bool:
    """Say whether a condition names the window and no column: some windows may have no rows."""
    return any(
        _names_window(one, scope) and not mentioned(one, scope)
        for node, scope, _ in conditions
        for one in operands(node, exp.And)
    )


class _Known:
    """What a query's conditions say of the column from which a time comes."""

    def __init__(self, origin: Origin | None, context: Context, conditions: list[Kept]) -> None:
        self.limits: list[Limit] = []
        self.beside: list[Limit] | None = []
        self._column = origin.column if origin is not None else None
        self._places: set[Occurrence] = set()
        self._equated = context.equated
        self._conditions = conditions
        place: Occurrence | None = origin.occurrence if origin is not None else None
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
        if not names_column and not _names_window(node, scope):
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
