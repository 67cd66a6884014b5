"""Arithmetic with exact decimals, and operators of bits and texts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlglot import exp

from flows.sql import types as t
from flows.sql.compile import cast
from flows.sql.compile.apply import apply
from flows.sql.compile.convert import converted
from flows.sql.compile.dispatch import compiles, compiles_call, expression
from flows.sql.compile.intervals import moved_by_sign
from flows.sql.compile.literals import integer, opposite
from flows.sql.compile.operators import operated
from flows.sql.compile.value import Value
from flows.sql.decimals import divide_bignumeric, divide_numeric, to_places
from flows.sql.functions import signatures
from flows.sql.once import bound, safely
from flows.sql.parse.tree import operands
from flows.sql.shown import shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flows.sql.compile.scope import Scope

_SIGNS: dict[type[exp.Expr], str] = {
    exp.Add: "+",
    exp.Sub: "-",
    exp.Mul: "*",
    exp.Div: "/",
    exp.BitwiseAnd: "&",
    exp.BitwiseOr: "|",
    exp.BitwiseXor: "^",
    exp.BitwiseLeftShift: "<<",
    exp.BitwiseRightShift: ">>",
}
_OF_BITS = {"&", "|", "^", "<<", ">>"}


@compiles(*_SIGNS, reads=("typed", "safe"))
def _binary(node: exp.Expr, scope: Scope) -> Value:
    sign = _SIGNS[type(node)]
    if (moved := moved_by_sign(node, sign, scope)) is not None:
        return moved
    sides = [(side, expression(side, scope)) for side in (node.this, node.expression)]
    if sign in _OF_BITS:
        # To these no text that is written down is one of BYTES.
        sides = [(side, value._replace(literal=value.literal and value.type != t.STRING)) for side, value in sides]
    return (sign == "*" and _short_product(sides)) or operated(sign, node, sides, scope)


def _short_product(sides: Sequence[tuple[exp.Expr, Value]]) -> Value | None:
    """Return a NUMERIC times a number of few digits, which needs no detour around overflow; None for other operands."""
    for (_, one), (_, other) in (sides, sides[::-1]):
        digits = str(one.constant).lstrip("-") if one.literal and other.type == t.NUMERIC else ""
        if re.fullmatch(r"[0-9]{0,9}\.[0-9]{1,4}", digits):
            scale = len(digits.split(".")[1])
            short = f"CAST('{one.constant}' AS DECIMAL({9 + scale}, {scale}))"
            return Value(t.NUMERIC, bound([other.sql], lambda names: f"CAST({short} * {names[0]} AS DECIMAL(38, 9))"))  # noqa: B023
    return None


@compiles(exp.Neg, exp.BitwiseNot)
def _unary(node: exp.Expr, scope: Scope) -> Value:
    value = expression(node.this, scope)
    if isinstance(node, exp.BitwiseNot):
        return operated("~", node, [(node.this, value)], scope)
    return opposite(node, value, scope) or operated("-", node, [(node.this, value)], scope)


@compiles_call("SAFE_DIVIDE")
def _call_safe_divide(name: str, node: exp.Expr, scope: Scope) -> Value | None:
    if len(node.expressions) != 2:  # noqa: PLR2004 - what is divided, and by what
        return None
    left, right = (expression(item, scope) for item in node.expressions)
    common = t.supertype(side.given for side in (left, right))
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


_MODES = ("ROUND_HALF_EVEN", "ROUND_HALF_AWAY_FROM_ZERO")


@compiles_call("ROUND", "TRUNC")
def _to_places(name: str, node: exp.Expr, scope: Scope) -> Value | None:
    if len(node.expressions) < 2:  # noqa: PLR2004 - a number and its places
        return None
    pairs = [(item, expression(item, scope)) for item in node.expressions]
    if len(pairs) > 2:  # noqa: PLR2004 - and a mode
        return _by_mode(name, node, pairs, scope)
    (item, number), (_, places) = pairs
    if number.type == t.NUMERIC and (name == "TRUNC" or not isinstance(places.constant, int)):
        if not t.coerces(places.type, t.INT64):
            return scope.fault(node, f"{name} takes a number of places, but '{shown(pairs[1][0])}' is {places.type}.")
        given = [number.sql, converted(*pairs[1], t.INT64, scope)]
        return Value(
            t.NUMERIC, bound(given, lambda names: to_places(names[0], names[1], "away" if name == "ROUND" else "cut"))
        )
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


def _by_mode(name: str, node: exp.Expr, pairs: list[tuple[exp.Expr, Value]], scope: Scope) -> Value:
    number, mode = pairs[0][1], pairs[-1][1]
    if mode.type == t.STRING and mode.literal and mode.constant not in _MODES:
        return scope.fault(node, f"'{mode.constant}' is no way to round. Write {' or '.join(_MODES)}.")
    # Of what becomes a NUMERIC by itself GoogleSQL takes none here.
    exact = number.type in {*t.DECIMALS, t.UNKNOWN}
    return apply(name, node, [one for one in signatures.scalar(name) if exact or not one.written], pairs, scope)


@compiles(exp.DPipe, reads=("safe",))
def _concat(node: exp.Expr, scope: Scope) -> Value:
    sides = [(side, expression(side, scope)) for side in operands(node, exp.DPipe)]
    of_arrays = any(value.type.element for _, value in sides)
    return operated("||", node, sides if of_arrays else _as_texts(sides), scope)


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
