"""Calls that write dates and times as texts, and read them, by a format."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.model.types import Type
from flows.sql import types as t
from flows.sql.compile import time_formats, time_parsers
from flows.sql.compile.arguments import argument, moment, zone
from flows.sql.compile.dispatch import compiles_call, expression
from flows.sql.compile.joined import joined
from flows.sql.compile.value import Value
from flows.sql.compile.zones import UTC
from flows.sql.functions.elements import ELEMENTS
from flows.sql.once import bound, failure
from flows.sql.shown import shown
from flows.sql.times import as_shown, naive

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlglot import exp

    from flows.sql.compile.scope import Scope

_ZONED = 3
"""How many arguments there are with a zone."""


@compiles_call("FORMAT_DATE", "FORMAT_TIMESTAMP", "FORMAT_DATETIME", "FORMAT_TIME")
def _format(name: str, node: exp.Expr, scope: Scope) -> Value:
    kind = Type(name.split("_", 1)[1])
    pattern = _pattern(name, node, scope, kind)
    if pattern is None:
        return Value(t.STRING, "NULL")
    value = moment(node.expressions[1], kind, name, scope)
    if value.type == t.UNKNOWN:
        return Value(t.STRING, "NULL")
    kind = value.type
    if kind != t.TIMESTAMP and len(node.expressions) == _ZONED:
        return scope.fault(node, f"{name} takes a time zone for a TIMESTAMP alone. Leave it out for a {kind}.")
    missing = time_formats.unknown(pattern, kind)
    if missing is not None:
        return _refuse(name, node, missing, kind, scope)
    if kind != t.TIMESTAMP:
        return Value(t.STRING, time_formats.formatted(pattern, value.sql, kind))
    if len(node.expressions) < _ZONED:
        return Value(t.STRING, time_formats.formatted(pattern, naive(value.sql), kind))
    where = zone(node.expressions[2], name, scope)
    if where is None:
        return Value(t.STRING, "NULL")
    if where == UTC:
        return Value(t.STRING, time_formats.formatted(pattern, naive(value.sql), kind))

    def text(both: Sequence[str]) -> str:
        return time_formats.formatted(pattern, as_shown(*both), kind, both[1])

    return Value(t.STRING, bound([where.local(value.sql), naive(value.sql)], text))


@compiles_call("PARSE_DATE", "PARSE_TIMESTAMP", "PARSE_DATETIME", "PARSE_TIME")
def _parse(name: str, node: exp.Expr, scope: Scope) -> Value:
    kind = Type(name.split("_", 1)[1])
    pattern = _pattern(name, node, scope, kind)
    if pattern is None:
        return Value(kind, "NULL")
    value = argument(node.expressions[1], t.STRING, name, scope)
    where = zone(node.expressions[2], name, scope) if len(node.expressions) == _ZONED else UTC
    if value.type == t.UNKNOWN or where is None:
        return Value(kind, "NULL")
    missing = time_parsers.unknown(pattern, kind)
    if missing is not None:
        return _refuse(name, node, missing, kind, scope)
    if time_parsers.clashes(pattern):
        return scope.fault(
            node, f"{name}: {shown(node.expressions[0])} says nothing, or says one part of a {kind} in two ways."
        )
    said = f"{name}: the text does not have the format {pattern}"
    sql = bound([value.sql], lambda names: time_parsers.parsed(pattern, names[0], kind, where, failure(said, names[0])))
    return Value(kind, sql)


def _pattern(name: str, node: exp.Expr, scope: Scope, kind: Type) -> str | None:
    """Return the format of a call, or note a fault."""
    most = _ZONED if kind == t.TIMESTAMP or (kind != t.TIME and name.startswith("FORMAT_")) else _ZONED - 1
    if not _ZONED - 1 <= len(node.expressions) <= most:
        scope.fault(node, f"{name} takes a format and a value, in this order: {name}('%H', ...).")
        return None
    pattern = expression(joined(node.expressions[0]), scope)
    if pattern.type == t.UNKNOWN:
        return None
    if pattern.type == t.STRING and pattern.literal:
        return str(pattern.constant)
    if pattern.type not in (t.STRING, t.NULL):
        scope.fault(node, f"the format of {name} is a STRING, but '{shown(node.expressions[0])}' is {pattern.type}.")
    else:
        instead = f"Write a CASE with a {name} for each format."
        scope.fault(
            node, f"{name} with a format that is no literal is not supported by the embedded warehouse. {instead}"
        )
    return None


def _refuse(name: str, node: exp.Expr, element: str, kind: Type, scope: Scope) -> Value:
    verb, known = name.partition("_")[0], ELEMENTS.get(element[-1:])
    of_clock = (known is not None and known.of == "clock") or element in {"%f", "%L"}
    if element[1:] in time_formats.ALONE:
        hint = f" Write %{element[-1]}."
    elif of_clock and kind == t.DATE:
        hint = f" Write {verb}_TIMESTAMP or {verb}_DATETIME."
    elif known and known.of == "days" and kind == t.TIME:
        hint = f" Write {verb}_DATETIME or {verb}_DATE."
    else:
        hint = {"%f": " Write %E6S.", "%Z": " Write %Ez, or the zone as plain text.", "%L": " Write %E3S."}.get(
            element, ""
        )
    return scope.fault(node, f"{name} does not know '{element}' in {shown(node.expressions[0])}.{hint}")
