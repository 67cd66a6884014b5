"""Dates and times plus and minus intervals."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlglot import exp

from flows.sql import types as t
from flows.sql.compile import dates
from flows.sql.compile.dispatch import compiles, expression
from flows.sql.compile.literals import integer
from flows.sql.compile.value import NOTHING, Value
from flows.sql.once import once
from flows.sql.shown import shown

if TYPE_CHECKING:
    from flows.sql.compile.scope import Scope


_LENGTH = "TIMESTAMP_DIFF(later, earlier, SECOND)"
_MOST, _DAY = 2**63 - 1, 86_400_000_000


@compiles(exp.Interval, exp.MakeInterval, reads=("unit", *exp.MakeInterval.arg_types))
def _interval(node: exp.Expr, scope: Scope) -> Value:
    if isinstance(node, exp.MakeInterval):
        instead = "Write INTERVAL n YEAR, MONTH or DAY behind + or -, one behind the other."
        return scope.fault(node, f"'{shown(node)}' is not supported by the embedded warehouse. {instead}")
    if node.args.get("unit") is None:
        return scope.fault(node, f"'{shown(node)}' has no unit. Write INTERVAL n DAY.")
    instead = f"Write it behind + or - or in DATE_ADD, and keep a length as a number: {_LENGTH}."
    return scope.fault(
        node, f"'{shown(node)}' as a value of its own is not supported by the embedded warehouse. {instead}"
    )


def moved_by_sign(node: exp.Expr, sign: str, scope: Scope) -> Value:
    """Compile a sum or difference of which one side is an interval."""
    if isinstance(node.this, exp.Interval) and sign == "-":
        return scope.fault(
            node,
            f"'{shown(node)}' takes something from an interval. Write {shown(node.expression)} - {shown(node.this)}.",
        )
    first = isinstance(node.this, exp.Interval)
    value = expression(node.expression if first else node.this, scope)
    interval = node.this if first else node.expression
    if value.type == t.TIME:
        verb = "TIME_SUB" if sign == "-" else "TIME_ADD"
        return scope.fault(
            node,
            f"'{sign}' does not move a TIME. Write {verb}({shown(node.expression if first else node.this)}, {shown(interval)}).",
        )
    if value.type == t.DATE:
        value = Value(t.DATETIME, f"CAST({value.sql} AS TIMESTAMP)")
    return moved(node, value, sign, interval, scope, week=True)


def moved(  # noqa: PLR0913 - the parts of a move
    node: exp.Expr, value: Value, sign: str, interval: exp.Expr, scope: Scope, *, week: bool = False
) -> Value:
    """Return a date or time plus or minus INTERVAL n UNIT."""
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
        return scope.fault(node, f"an interval counts in INT64, but '{shown(node)}' is {value.type}.")
    return value
