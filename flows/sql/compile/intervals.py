"""INTERVALs that are written down and made, and dates and times plus and minus them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlglot import exp

from flows.sql import types as t
from flows.sql.compile import dates
from flows.sql.compile.apply import apply
from flows.sql.compile.dispatch import compiles, compiles_call, expression
from flows.sql.compile.literals import integer
from flows.sql.compile.value import NOTHING, NOTHING_READ, Value
from flows.sql.functions import signatures
from flows.sql.intervals import BEYOND, PARTS, Interval, made, of_part, of_parts
from flows.sql.once import bound, failure, once
from flows.sql.shown import shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flows.sql.compile.scope import Scope


_MOST, _DAY = 2**63 - 1, 86_400_000_000
_MOMENTS = (t.DATE, t.DATETIME, t.TIMESTAMP)
_ARGUMENTS = ("YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND")


@compiles(exp.Interval, reads=("unit",))
def _interval(node: exp.Expr, scope: Scope) -> Value:
    unit = node.args.get("unit")
    if unit is None or node.this is None:
        return scope.fault(node, f"'{shown(node)}' has no unit. Write INTERVAL n DAY.")
    if isinstance(unit, exp.IntervalSpan):
        return _written(node, of_parts(node.this.name, *_span(unit)) if _is_text(node.this) else None, scope)
    part = unit.name.upper()
    if part not in PARTS or not isinstance(unit, exp.Var):
        return scope.fault(node, f"'{shown(unit)}' is no part of an INTERVAL. Write one of {', '.join(PARTS)}.")
    if _is_text(node.this):
        return _written(node, of_part(node.this.name, part), scope)
    number = amount(node.this, scope)
    if number.type == t.UNKNOWN:
        return NOTHING
    kind, each = PARTS[part]
    count = f"CAST({number.sql} AS HUGEINT) * {each}"
    beyond = failure(f"INTERVAL: {BEYOND}")

    def build(names: Sequence[str]) -> str:
        months, days, micros = (names[0] if kind == one else "0" for one in "mdu")
        return made(months, days, micros, beyond)

    return Value(t.INTERVAL, bound([count], build))


def _is_text(node: exp.Expr) -> bool:
    return isinstance(node, exp.Literal)


def _span(unit: exp.Expr) -> tuple[str, str]:
    return unit.this.name.upper(), unit.expression.name.upper()


def _written(node: exp.Expr, interval: Interval | None, scope: Scope) -> Value:
    """Return an INTERVAL that is written down."""
    if interval is None:
        instead = (
            "INTERVAL 1 DAY, INTERVAL '1.5' SECOND, INTERVAL '1-2 3' YEAR TO DAY or INTERVAL '4:5:6.789' HOUR TO SECOND"
        )
        return scope.fault(
            node, f"'{shown(node)}' is no INTERVAL of months, days and microseconds. Write it as {instead}."
        )
    if not interval.in_limits:
        return scope.fault(node, f"'{shown(node)}' is {BEYOND}, which there is not.")
    return Value(t.INTERVAL, interval.sql(), reads=NOTHING_READ)


@compiles_call("MAKE_INTERVAL")
def _made(name: str, node: exp.Expr, scope: Scope) -> Value:
    given: dict[str, exp.Expr] = {}
    for place, item in enumerate(node.expressions):
        named = isinstance(item, exp.Kwarg)
        key = item.this.name.upper() if named else _ARGUMENTS[place] if place < len(_ARGUMENTS) else ""
        behind = not named and place and isinstance(node.expressions[place - 1], exp.Kwarg)
        if key not in _ARGUMENTS or key in given or behind:
            instead = "numbers of years, months, days, hours, minutes and seconds, the last of them by name: MAKE_INTERVAL(1, day => 2)"
            return scope.fault(node, f"'{shown(item)}' has no place in {name}. It takes {instead}.")
        given[key] = item.expression if named else item
    zero = exp.Literal.number(0)
    pairs = [(given.get(key, zero), expression(given.get(key, zero), scope)) for key in _ARGUMENTS]
    return apply(name, node, signatures.scalar(name), pairs, scope)


def moved_by_sign(node: exp.Expr, sign: str, scope: Scope) -> Value | None:
    """Compile a date or time plus or minus INTERVAL n UNIT; None for other operands."""
    first = sign == "+" and isinstance(node.this, exp.Interval)
    item, interval = (node.expression, node.this) if first else (node.this, node.expression)
    if sign not in {"+", "-"} or not _of_one_part(interval):
        return None
    value = expression(item, scope)
    if value.type == t.DATE:
        value = Value(t.DATETIME, f"CAST({value.sql} AS TIMESTAMP)")
    elif value.type not in {*_MOMENTS, t.UNKNOWN}:
        # What it is another rule says, of a side that is known by then.
        scope.context.compiled[id(item)] = value
        return None
    return moved(node, value, sign, interval, scope, week=True)


def _of_one_part(node: exp.Expr) -> bool:
    """Say whether it is INTERVAL n UNIT, of a whole number."""
    if not isinstance(node, exp.Interval) or not isinstance(node.args.get("unit"), exp.Var) or node.this is None:
        return False
    return not _is_text(node.this) or re.fullmatch(r"-?[0-9]+", node.this.name) is not None


def moved(  # noqa: PLR0913 - the parts of a move
    node: exp.Expr, value: Value, sign: str, interval: exp.Expr, scope: Scope, *, week: bool = False
) -> Value:
    """Return a date or time plus or minus INTERVAL n UNIT."""
    interval = interval.unnest()
    unit = interval.args.get("unit")
    if not isinstance(interval, exp.Interval) or not isinstance(unit, exp.Var) or interval.this is None:
        written = shown(interval)
        instead = (
            "one INTERVAL n UNIT after the other: + INTERVAL 1 DAY + INTERVAL 2 HOUR"
            if " TO " in written
            else "INTERVAL n DAY"
        )
        return scope.fault(node, f"'{written}' is not an interval of one part. Write {instead}.")
    part, number = unit.name.upper(), amount(interval.this, scope)
    if t.UNKNOWN in (value.type, number.type):
        return NOTHING
    sql = None
    if value.type != t.TIMESTAMP or part != "WEEK" or week:
        sql = _moved(value, sign, (interval, number), part, scope)
    if sql is not None:
        return Value(value.type, sql)
    if value.type == t.TIMESTAMP and part in {"WEEK", "MONTH", "QUARTER", "YEAR"}:
        verb = "DATE_SUB" if sign == "-" else "DATE_ADD"
        hint = f" Write TIMESTAMP({verb}(DATE(...), {shown(interval)}))."
        return scope.fault(node, f"GoogleSQL cannot move a TIMESTAMP by a {part}: its length varies.{hint}")
    return scope.fault(node, f"{value.type} cannot be moved by '{shown(interval)}'.")


def _moved(value: Value, sign: str, amount: tuple[exp.Expr, Value], part: str, scope: Scope) -> str | None:
    item, number = amount
    if value.type == t.TIME and sign == "-":
        # A clock comes round every day, by whatever part.
        back = once(number.sql, lambda one: f"(-({one} % {_DAY}))")
        return dates.add(value.sql, value.type, back, part)
    if isinstance(number.constant, int):
        number = integer(item, -number.constant if sign == "-" else number.constant, scope)
        return dates.add(value.sql, value.type, number.sql, part, int(number.constant or 0))
    # The least INT64 has no opposite, and moves beyond all years anyway.
    opposite = once(number.sql, lambda one: f"(-CASE WHEN {one} < -{_MOST} THEN {_MOST} ELSE {one} END)")
    return dates.add(value.sql, value.type, opposite if sign == "-" else number.sql, part)


def amount(node: exp.Expr, scope: Scope) -> Value:
    """Compile the number of an interval."""
    if isinstance(node, exp.Literal) and re.fullmatch(r"-?[0-9]+", node.name):
        return integer(node, int(node.name), scope)
    value = expression(node, scope)
    if value.type not in (t.INT64, t.NULL, t.UNKNOWN):
        instead = " Write INTERVAL '1.5' SECOND, or a number of smaller parts." if value.type == t.FLOAT64 else ""
        return scope.fault(node, f"an interval counts in INT64, but '{shown(node)}' is {value.type}.{instead}")
    return value
