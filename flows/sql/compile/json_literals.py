"""JSON that is written down: `JSON '{"a": 1}'` and PARSE_JSON of a literal, as BigQuery holds it."""

from __future__ import annotations

import json
from decimal import Decimal
from math import isinf
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from flows.sql import types as t
from flows.sql.compile.apply import apply
from flows.sql.compile.dispatch import compiles, compiles_call, expression
from flows.sql.compile.value import Value
from flows.sql.functions import signatures
from flows.sql.json_held import no_double, too_large
from flows.sql.once import failure, once
from flows.sql.shown import shown
from flows.sql.types import quote_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from flows.sql.compile.scope import Scope

_INTEGERS = range(-(2**63), 2**64)


@compiles(exp.ParseJSON, reads=("is_literal",))
def _literal(node: exp.ParseJSON, scope: Scope) -> Value:
    if not isinstance(node.this, exp.Literal):
        return expression(_part_of_literal(node.this), scope)
    held = _held(node.this.name) if node.this.is_string else None
    if held is None:
        return scope.fault(node, f"{shown(node.this)} is no text of JSON, or has a number that no FLOAT64 holds.")
    return Value(t.JSON, f"CAST({quote_text(held)} AS JSON)", literal=True)


def _part_of_literal(path: exp.Expr) -> exp.Expr:
    """Return `JSON '...'.name` as a part of what is written down, where the parser takes the part for that of the text."""
    part = path.copy()
    first = part
    while not isinstance(first, exp.Literal) and isinstance(first.this, exp.Expr):
        first = first.this
    first.replace(exp.ParseJSON(this=first.copy(), is_literal=True))
    return part


@compiles_call("PARSE_JSON")
def _parse(name: str, node: exp.Expr, scope: Scope) -> Value | None:
    if len(node.expressions) > 2:  # noqa: PLR2004 - a text, and what becomes of long numbers
        return None
    item, mode = node.expressions[0], _mode(node.expressions[1]) if len(node.expressions) > 1 else "exact"
    if mode is None:
        return scope.fault(node, f"{name} takes a text, and wide_number_mode => 'round' behind it.")
    value = expression(item, scope)
    if value.type != t.STRING or not isinstance(item, exp.Literal):
        found = apply(name, node, signatures.scalar(name), [(item, value)], scope)
        wide, said = (
            (no_double, "a number that no FLOAT64 holds") if mode == "exact" else (too_large, "a number beyond FLOAT64")
        )
        failed = failure(f"{name}: {said}, written in JSON")
        return found._replace(
            sql=once(
                found.sql, lambda json: f"CASE WHEN {wide(f'CAST({json} AS VARCHAR)')} THEN {failed} ELSE {json} END"
            )
        )
    held = _held(str(value.constant), _double if mode == "exact" else _finite)
    text = (
        failure(f"{value.constant} is no JSON, or has a number that no FLOAT64 holds")
        if held is None
        else quote_text(held)
    )
    return Value(t.JSON, f"CAST({text} AS JSON)")


def _mode(item: exp.Expr) -> str | None:
    """Return what `wide_number_mode => 'round'` says; None where it says something else."""
    written = isinstance(item, exp.Kwarg) and item.this.name.lower() == "wide_number_mode"
    mode = item.expression.name if written and isinstance(item.expression, exp.Literal) else None
    return mode if mode in {"exact", "round"} else None


def _held(text: str, number: Callable[[str], float] | None = None) -> str | None:
    """Return a text of JSON with its names in order, each once, and its numbers as BigQuery has them; None where it is none.

    `number` reads what is no integer; without one what no FLOAT64 holds is none.
    """
    number = number or _double
    try:
        read = json.loads(
            text,
            object_pairs_hook=_first_of_each,
            parse_float=number,
            parse_int=lambda one: int(one) if int(one) in _INTEGERS else number(one),
            parse_constant=_no_number,
        )
        held = json.dumps(read, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
        held.encode()  # half of a pair of UTF-16 is no sign
    except (ValueError, RecursionError):
        return None
    return held


def _first_of_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return dict(reversed(pairs))


def _double(text: str) -> float:
    number = _finite(text)
    if Decimal(repr(number)) != Decimal(text):
        raise ValueError(text)
    return number


def _finite(text: str) -> float:
    number = float(text)
    if isinf(number):
        raise ValueError(text)
    return number


def _no_number(text: str) -> float:
    raise ValueError(text)
