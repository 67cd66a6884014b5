"""Arithmetic with exact decimals, and operators of bits and texts."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

from sqlglot import exp

from flows.sql import types as t
from flows.sql.compile import cast
from flows.sql.compile.apply import apply
from flows.sql.compile.convert import converted
from flows.sql.compile.dispatch import compiles, compiles_call, expression
from flows.sql.compile.intervals import moved_by_days, moved_by_sign
from flows.sql.compile.literals import integer
from flows.sql.compile.scope import NOTHING, Value
from flows.sql.decimals import (
    divide_bignumeric,
    divide_numeric,
    multiply_bignumeric,
    multiply_numeric,
    numeric_to_places,
)
from flows.sql.functions import signatures
from flows.sql.once import bound, failure, once, safely
from flows.sql.parse.tree import operands
from flows.sql.shown import shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flows.model.types import Type
    from flows.sql.compile.scope import Scope

_SIGNS: dict[type[exp.Expr], str] = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*", exp.Div: "/"}
_BITWISE: dict[type[exp.Expr], str] = {
    exp.BitwiseAnd: "({} & {})",
    exp.BitwiseOr: "({} | {})",
    exp.BitwiseXor: "xor({}, {})",
}


@compiles(*_SIGNS, reads=("typed", "safe"))
def _arithmetic(node: exp.Expr, scope: Scope) -> Value:
    sign = _SIGNS[type(node)]
    if isinstance(node.expression, exp.Interval) or isinstance(node.this, exp.Interval):
        return moved_by_sign(node, sign, scope)
    left, right = expression(node.this, scope), expression(node.expression, scope)
    if t.UNKNOWN in (left.type, right.type):
        return NOTHING
    if sign in "+-" and left.type == t.DATE and t.coerces(right.type, t.INT64):
        return moved_by_days(left, sign, (node.expression, right), scope)
    if sign == "+" and right.type == t.DATE and t.coerces(left.type, t.INT64):
        return moved_by_days(right, sign, (node.this, left), scope)
    common = t.supertype((side.type if side.type != t.NULL else t.INT64, side.literal) for side in (left, right))
    if common not in t.NUMBERS:
        times = {left.type, right.type} <= {t.TIMESTAMP, t.DATE, t.DATETIME}
        hint = " Write TIMESTAMP_DIFF(later, earlier, SECOND) or DATE_DIFF(...)." if sign == "-" and times else ""
        hint = hint or (" Write CONCAT(...)." if sign == "+" and t.STRING in (left.type, right.type) else "")
        if sign in "+-" and left.type in {t.TIMESTAMP, t.DATETIME} and right.type == t.INT64:
            hint = f" Write {shown(node.this)} {sign} INTERVAL {shown(node.expression)} DAY, or HOUR, MINUTE, SECOND."
        return scope.fault(node, f"'{sign}' does not take {left.type} and {right.type}.{hint}")
    if sign == "/" and common == t.INT64:
        common = t.FLOAT64
    one, two = converted(node.this, left, common, scope), converted(node.expression, right, common, scope)
    if common == t.FLOAT64:
        return _floats(sign, (left, one), (right, two))
    if common in t.DECIMALS and sign in "*/":
        return Value(
            common, bound([one, two], lambda names: _decimals(sign, common, (left, names[0]), (right, names[1])))
        )
    if isinstance(node.this, exp.Add | exp.Sub) and one == left.sql and sign in "+-":
        # DuckDB goes down a level for each parenthesis.
        one = one[1:-1]
    return Value(common, f"({one} {sign} {two})")


def _floats(sign: str, left: tuple[Value, str], right: tuple[Value, str]) -> Value:
    """Return a sum, difference, product or quotient, with an error where it overflows and what it is made of does not.

    What is added up and multiplied is looked at as a whole: an infinity on the way stays one, or becomes NaN.
    """
    (_, one), (divisor, two) = left, right
    if sign == "/":
        never_zero = divisor.literal and float(divisor.constant or 0)

        def divided(names: Sequence[str]) -> str:
            over, under = names
            zero = failure("'/': division by zero", over)
            quotient = (
                f"{over} / {under}"
                if never_zero
                else f"{over} / CASE WHEN {under} = 0 AND {over} IS NOT NULL THEN {zero} ELSE {under} END"
            )
            return _finite(sign, quotient, names)

        return Value(t.FLOAT64, bound([one, two], divided))
    parts = [side.sum if side.sum and side.sql == sql else (sql, (sql,)) for side, sql in (left, right)]
    raw = f"({parts[0][0]} {sign} {parts[1][0]})"
    leaves = tuple(dict.fromkeys((*parts[0][1], *parts[1][1])))

    def checked(names: Sequence[str]) -> str:
        renamed = raw
        for leaf, name in zip(leaves, names, strict=True):
            renamed = renamed.replace(leaf, name) if leaf != name else renamed
        return _finite(sign, renamed, names)

    return Value(t.FLOAT64, bound(leaves, checked), sum=(raw, leaves))


def _finite(sign: str, computed: str, operands: Sequence[str]) -> str:
    varying = [one for one in operands if not re.match(r"CAST\(('|-?[0-9]|\"\w+\".*AS DOUBLE)", one)]
    finite = " AND ".join(f"isfinite({one})" for one in varying) or "TRUE"
    overflow = failure(f"'{sign}': FLOAT64 overflows", *operands)
    return once(
        computed,
        lambda one: (
            f"CASE WHEN isfinite({one}) THEN {one} WHEN {one} IS NOT NULL AND {finite} THEN {overflow} ELSE {one} END"
        ),
    )


def _decimals(sign: str, common: Type, left: tuple[Value, str], right: tuple[Value, str]) -> str:
    (_, one), (divisor, two) = left, right
    if sign == "*":
        return _product(common, left, right)
    exact = divide_numeric(one, two) if common == t.NUMERIC else divide_bignumeric(one, two)
    if divisor.literal and float(divisor.constant or 0):
        return exact
    zero = failure("'/': division by zero", one)
    return f"CASE WHEN {two} <> 0 THEN {exact} WHEN {two} = 0 AND {one} IS NOT NULL THEN {zero} END"


def _product(common: Type, left: tuple[Value, str], right: tuple[Value, str]) -> str:
    for (value, sql), (_, other) in ((left, right), (right, left)):
        if value.type == t.INT64 and common == t.NUMERIC:
            return f"CAST(CAST({sql} AS DECIMAL(19, 0)) * {other} AS {t.duckdb_type(common)})"
        digits = str(value.constant).lstrip("-") if value.literal else ""
        if re.fullmatch(r"[0-9]{0,9}\.[0-9]{1,4}", digits) and common == t.NUMERIC:
            scale = len(digits.split(".")[1])
            short = f"CAST('{value.constant}' AS DECIMAL({9 + scale}, {scale}))"
            return f"CAST({short} * {other} AS DECIMAL(38, 9))"
    multiply = multiply_numeric if common == t.NUMERIC else multiply_bignumeric
    return multiply(left[1], right[1])


@compiles_call("SAFE_DIVIDE")
def _call_safe_divide(name: str, node: exp.Expr, scope: Scope) -> Value | None:
    if len(node.expressions) != 2:  # noqa: PLR2004 - what is divided, and by what
        return None
    left, right = (expression(item, scope) for item in node.expressions)
    common = t.supertype((side.type, side.literal) for side in (left, right))
    if common not in t.DECIMALS:
        pairs = list(zip(node.expressions, (left, right), strict=True))
        return apply(name, node, signatures.scalar(name), pairs, scope)
    one, two = converted(node.expressions[0], left, common, scope), converted(node.expressions[1], right, common, scope)
    if common == t.BIGNUMERIC:
        # What needs more places than are held stays an error.
        return Value(
            common, bound([one, two], lambda names: f"CASE WHEN {names[1]} <> 0 THEN {divide_bignumeric(*names)} END")
        )
    return Value(
        common, safely([one, two], lambda names: f"CASE WHEN {names[1]} <> 0 THEN {divide_numeric(*names)} END")
    )


@compiles_call("ROUND", "TRUNC")
def _to_places(name: str, node: exp.Expr, scope: Scope) -> Value | None:
    if len(node.expressions) != 2:  # noqa: PLR2004 - a number and its places
        return None
    pairs = [(item, expression(item, scope)) for item in node.expressions]
    (item, number), (_, places) = pairs
    if number.type == t.NUMERIC and (name == "TRUNC" or not isinstance(places.constant, int)):
        if not t.coerces(places.type, t.INT64):
            return scope.fault(node, f"{name} takes a number of places, but '{shown(pairs[1][0])}' is {places.type}.")
        given = [number.sql, converted(*pairs[1], t.INT64, scope)]
        return Value(t.NUMERIC, bound(given, lambda names: numeric_to_places(*names, rounded=name == "ROUND")))
    if name == "TRUNC" and number.type == t.BIGNUMERIC:
        return scope.fault(
            node,
            f"TRUNC of {number.type} to places is not supported. Write TRUNC(CAST({shown(item)} AS NUMERIC), ...).",
        )
    if number.type in t.DECIMALS:
        if not isinstance(places.constant, int):
            return scope.unsupported(node, f"ROUND of {number.type} to a number of places that is no literal")
        within = max(-38, min(places.constant, t.DECIMALS[number.type]))
        pairs[1] = (node.expressions[1], integer(node, within, scope))
    return apply(name, node, signatures.scalar(name), pairs, scope)


@compiles(*_BITWISE)
def _bitwise(node: exp.Expr, scope: Scope) -> Value:
    sides = [expression(side, scope) for side in (node.this, node.expression)]
    if any(side.type == t.UNKNOWN for side in sides):
        return NOTHING
    if all(side.type == t.BYTES for side in sides):
        return Value(t.BYTES, bound([side.sql for side in sides], partial(_of_bits, _BITWISE[type(node)])))
    if any(not t.coerces(side.type, t.INT64) for side in sides):
        return scope.unsupported(node)
    return Value(t.INT64, _BITWISE[type(node)].format(*(side.sql for side in sides)))


def _of_bits(template: str, names: Sequence[str]) -> str:
    """Return what a sign makes of the bits of BYTES; DuckDB has no bits of none."""
    one = template.format(*(f"CAST({name} AS BIT)" for name in names))
    lengths = [f"octet_length({name})" for name in names]
    if len(names) == 1:
        return f"CASE WHEN {lengths[0]} = 0 THEN {names[0]} ELSE CAST({one} AS BLOB) END"
    unequal = failure("'&', '|' or '^' of BYTES: their lengths differ")
    return f"CASE WHEN {lengths[0]} <> {lengths[1]} THEN {unequal} WHEN {lengths[0]} = 0 THEN {names[0]} ELSE CAST({one} AS BLOB) END"


@compiles(exp.BitwiseLeftShift, exp.BitwiseRightShift)
def _shift(node: exp.Expr, scope: Scope) -> Value:
    value, count = expression(node.this, scope), expression(node.expression, scope)
    if any(not t.coerces(side.type, t.INT64) for side in (value, count)):
        return scope.fault(node, f"'{shown(node)}' shifts {value.type} by {count.type}. Both sides must be INT64.")
    left = isinstance(node, exp.BitwiseLeftShift)

    def build(by: str) -> str:
        # As 64 bits without a sign, of which those that leave on either side are lost.
        bits = f"(CAST({value.sql} AS HUGEINT) & 18446744073709551615)"
        moved = (
            f"(({bits} << CAST({by} AS INTEGER)) & 18446744073709551615)"
            if left
            else f"({bits} >> CAST({by} AS INTEGER))"
        )
        signed = once(
            moved,
            lambda sum_: (
                f"CAST(CASE WHEN {sum_} > 9223372036854775807 THEN {sum_} - 18446744073709551616 ELSE {sum_} END AS BIGINT)"
            ),
        )
        return f"CASE WHEN {by} < 0 THEN error('a shift by a negative number') WHEN {by} > 63 THEN {value.sql} & 0 ELSE {signed} END"

    return Value(t.INT64, once(count.sql, build))


@compiles(exp.BitwiseNot)
def _bitwise_not(node: exp.Expr, scope: Scope) -> Value:
    value = expression(node.this, scope)
    if value.type == t.BYTES:
        return Value(t.BYTES, bound([value.sql], partial(_of_bits, "(~{})")))
    if not t.coerces(value.type, t.INT64):
        return scope.unsupported(node)
    return Value(t.INT64, f"(~{value.sql})")


@compiles(exp.DPipe, reads=("safe",))
def _concat(node: exp.Expr, scope: Scope) -> Value:
    sides = [(side, expression(side, scope)) for side in operands(node, exp.DPipe)]
    name = "ARRAY_CONCAT" if any(value.type.element for _, value in sides) else "CONCAT"
    return apply(name, node, signatures.scalar(name), _as_texts(sides) if name == "CONCAT" else sides, scope)


@compiles_call("CONCAT")
def _call_concat(name: str, node: exp.Expr, scope: Scope) -> Value | None:
    if any(isinstance(item, exp.Distinct | exp.Order | exp.Star) for item in node.expressions):
        return None
    given = [(item, expression(item, scope)) for item in node.expressions]
    return apply(name, node, signatures.scalar(name), _as_texts(given), scope)


def _as_texts(given: list[tuple[exp.Expr, Value]]) -> list[tuple[exp.Expr, Value]]:
    """Return what CONCAT joins: it turns numbers, dates and the like into texts, unless there are BYTES."""
    if any(value.type in (t.BYTES, t.UNKNOWN) for _, value in given):
        return given
    texts = []
    for item, value in given:
        read = value.type not in (t.STRING, t.NULL, t.JSON) and not value.type.element and not value.type.fields
        sql = cast.cast(value.sql, value.type, t.STRING, "NULL") if read and cast.exists(value.type, t.STRING) else None
        texts.append((item, value._replace(type=t.STRING, sql=sql, literal=False, constant=None) if sql else value))
    return texts
