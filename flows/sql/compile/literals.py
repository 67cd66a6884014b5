"""What is written down: literals, and the parameters of a window."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from sqlglot import exp

from flows.sql import types as t
from flows.sql.compile.dispatch import compiles, expression
from flows.sql.compile.value import NOTHING_READ, Value
from flows.sql.shown import shown
from flows.sql.types import quote_text

if TYPE_CHECKING:
    from flows.sql.compile.scope import Scope

_INT64 = (-(2**63), 2**63 - 1)


@compiles(exp.Literal, reads=("is_string",))
def _literal(node: exp.Literal, scope: Scope) -> Value:
    text = node.name
    if node.is_string:
        return Value(t.STRING, quote_text(text), literal=True, constant=text, reads=NOTHING_READ)
    if re.fullmatch(r"[0-9]+", text):
        return integer(node, int(text), scope)
    if re.fullmatch(r"[0-9]*\.?[0-9]*([eE][+-]?[0-9]+)?", text) is None:
        instead = (
            f"Write its exponent: {text}0." if text[-1] in "eE" else "Write one point, and digits alone behind an e."
        )
        return scope.fault(node, f"'{text}' is neither a number nor a name. {instead}")
    if math.isinf(float(text)):
        return scope.fault(node, f"{shown(node)} is greater than any FLOAT64.")
    return Value(t.FLOAT64, f"CAST('{text}' AS DOUBLE)", literal=True, constant=text, reads=NOTHING_READ)


def integer(node: exp.Expr, number: int, scope: Scope) -> Value:
    """Return an INT64 literal."""
    # One more is a number with a minus before it alone.
    if not _INT64[0] <= number <= _INT64[1] + isinstance(node.parent, exp.Neg):
        return scope.fault(node, f"{number} does not fit INT64. Write NUMERIC '{number}'.")
    return Value(t.INT64, f"CAST({number} AS BIGINT)", literal=True, constant=number, reads=NOTHING_READ)


def opposite(node: exp.Expr, value: Value, scope: Scope) -> Value | None:
    """Return a number that is written down with the other sign; None where it is none."""
    if value.literal and isinstance(value.constant, int):
        return integer(node, -value.constant, scope)
    if not value.literal or value.type != t.FLOAT64:
        return None
    text = f"-{value.constant}".replace("--", "")
    return Value(t.FLOAT64, f"CAST('{text}' AS DOUBLE)", literal=True, constant=text)


@compiles(exp.Parameter)
def _parameter(node: exp.Parameter, _: Scope) -> Value:
    return Value(t.TIMESTAMP, f"CAST(${node.name.lower()} AS TIMESTAMPTZ)", reads=NOTHING_READ)


@compiles(exp.Null, exp.Boolean, exp.ByteString, reads=("is_bytes",))
def _constant(node: exp.Expr, _: Scope) -> Value:
    if isinstance(node, exp.Boolean):
        return Value(t.BOOL, "TRUE" if node.this else "FALSE", literal=True)
    if isinstance(node, exp.ByteString):
        return Value(t.BYTES, f"unhex('{node.this.replace(chr(92) + 'x', '')}')", literal=True)
    return Value(t.NULL, "NULL", literal=True)


@compiles(exp.HexString, reads=("is_integer",))
def _hexadecimal(node: exp.HexString, scope: Scope) -> Value:
    return integer(node, int(node.name, 16), scope)


@compiles(exp.Paren, reads=("plus",))
def _paren(node: exp.Paren, scope: Scope) -> Value:
    value = expression(node.this, scope)
    if node.args.get("plus") and value.type not in {*t.NUMBERS, t.UNKNOWN}:
        return scope.fault(node, f"'+' does not take {value.type}. Leave it out before '{shown(node.this)}'.")
    return value
