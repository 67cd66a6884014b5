"""What conditions compare with what: AND, OR and NOT taken apart, and each comparison in both directions."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sqlglot import exp

from flows.sql.parse.tree import call_name, operands
from flows.sql.steps import Cut, Move, Side, integer, part_of, side

if TYPE_CHECKING:
    from collections.abc import Iterator

_SIGNS: dict[type[exp.Expr], str] = {
    exp.GTE: ">=",
    exp.GT: ">",
    exp.LTE: "<=",
    exp.LT: "<",
    exp.EQ: "=",
    exp.NullSafeEQ: "=",
}
_TURNED = {">=": "<=", ">": "<", "<=": ">=", "<": ">", "=": "="}
_DENIED = {">=": "<", ">": "<=", "<=": ">", "<": ">="}


class Comparison(NamedTuple):
    """A value stands in `sign` to a limit: to all of several, or with IN to one of them."""

    value: Side
    sign: str
    limits: tuple[Side, ...]
    exact: bool = True
    """Whether it says no more and no less than the condition."""


class Condition(NamedTuple):
    """A condition, or where `holds` is not set the opposite of it."""

    node: exp.Expr
    holds: bool = True

    def plain(self) -> Condition:
        """Return the same without parentheses, NOT and IS TRUE around it."""
        node, holds = self
        while True:
            if isinstance(node, exp.Not):
                holds = not holds
            elif isinstance(node, exp.Is) and holds and isinstance(node.expression, exp.Boolean):
                # What is NULL is neither, which keeps the row out as well.
                holds = bool(node.expression.this)
            elif not isinstance(node, exp.Paren):
                return Condition(node, holds)
            node = node.this


def parts(condition: Condition) -> tuple[bool, list[Condition]] | None:
    """Return what AND or OR joins, and whether all of it has to hold; None where it is one condition."""
    node, holds = condition
    if not isinstance(node, exp.And | exp.Or):
        return None
    sides = [Condition(one, holds).plain() for one in operands(node, type(node))]
    return isinstance(node, exp.And) == holds, sides


def comparisons(condition: Condition) -> tuple[bool, list[list[Comparison]]]:
    """Return what one condition compares, and whether all of it has to hold; each comparison in both directions."""
    node, holds = condition
    if isinstance(node, exp.Between):
        low, high = (">=", "<=") if holds else ("<", ">")
        return holds, [_both(node.this, low, node.args["low"]), _both(node.this, high, node.args["high"])]
    if isinstance(node, exp.In):
        return True, _among(node) if holds else []
    sign: str | None = _SIGNS.get(type(node))
    if sign is not None and not holds:
        sign = _DENIED.get(sign)
    return True, [_both(node.this, sign, node.expression)] if sign is not None else []


def _both(left: exp.Expr, sign: str, right: exp.Expr) -> list[Comparison]:
    one, two = side(left), side(right)
    found = [Comparison(one, sign, (two,)), Comparison(two, _TURNED[sign], (one,))]
    for given, turned, number in ((left, sign, right), (right, _TURNED[sign], left)):
        count = integer(number)
        if count is not None:
            found += _difference(given, turned, count)
    return found


def _among(node: exp.Expr) -> list[list[Comparison]]:
    value, listed = side(node.this), node.expressions
    if node.args.get("unnest"):
        (array,) = node.args["unnest"].expressions
        series = series_of(array)
        if series is not None:
            # Of a series in wider steps most are not in it.
            exact = len(array.expressions) == 2  # noqa: PLR2004 - two ends and no step
            ends = ((">=", series[0]), ("<=", series[1]))
            return [[Comparison(value, sign, (side(end),), exact=exact)] for sign, end in ends]
        listed = array.expressions if isinstance(array, exp.Array) else []
    return [[Comparison(value, "=", tuple(map(side, listed)))]] if listed else []


def series_of(array: exp.Expr) -> tuple[exp.Expr, exp.Expr] | None:
    """Return the first and the last of a series of dates or times that goes upwards; None for any other array."""
    if call_name(array) not in {"GENERATE_DATE_ARRAY", "GENERATE_TIMESTAMP_ARRAY"} or len(array.expressions) < 2:  # noqa: PLR2004 - two ends
        return None
    first, last, *steps = array.expressions
    upwards = all(isinstance(step, exp.Interval) and (integer(step.this) or 0) > 0 for step in steps)
    return (first, last) if upwards else None


def _difference(node: exp.Expr, sign: str, count: int) -> Iterator[Comparison]:
    """Give what a difference of two times that stands in `sign` to a number says of each of them.

    `DATE_DIFF(x, y, MONTH) < 2`: the beginning of the month of x is before that of y, 2 months later.
    """
    while isinstance(node, exp.Paren):
        node = node.this
    name = call_name(node) or ""
    if name == "ABS" and sign in {"<", "<=", "="} and len(node.expressions) == 1:
        within = "<" if sign == "<" else "<="
        for given, number in ((within, count), (_TURNED[within], -count)):
            for found in _difference(node.expressions[0], given, number):
                # A distance of two days is no distance of one day.
                yield found._replace(exact=found.exact and sign != "=")
    if not name.endswith("_DIFF") or len(node.expressions) != 3:  # noqa: PLR2004 - two times and a part
        return
    later, earlier, part = side(node.expressions[0]), side(node.expressions[1]), part_of(node.expressions[2])
    if node.meta.get("counts", name.removesuffix("_DIFF")) == "TIMESTAMP":
        yield from _whole_parts(later, earlier, part, sign, count)
        return
    one, two = later.then(Cut(part)), earlier.then(Cut(part))
    yield Comparison(one, sign, (two.then(Move(part, count)),))
    yield Comparison(two, _TURNED[sign], (one.then(Move(part, -count)),))


def _whole_parts(later: Side, earlier: Side, part: str, sign: str, count: int) -> Iterator[Comparison]:
    """Give what a number of whole parts, without the rest, says of two times: 23 hours, before or after, are 0 days."""
    least, most = count + (sign == ">"), count - (sign == "<")
    for found, of, number in (
        (">=", {">", ">=", "="}, least - (least <= 0)),
        ("<=", {"<", "<=", "="}, most + (most >= 0)),
    ):
        if sign in of:
            yield Comparison(later, found, (earlier.then(Move(part, number)),), exact=False)
            yield Comparison(earlier, _TURNED[found], (later.then(Move(part, -number)),), exact=False)
