"""FORMAT: a text with values in the places that its format has for them, as `%d` or `%.2f`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from flows.sql import types as t
from flows.sql.compile.convert import converted
from flows.sql.compile.dispatch import compiles_call, expression
from flows.sql.compile.joined import joined
from flows.sql.compile.told import told
from flows.sql.compile.value import NOTHING, Value
from flows.sql.json_held import held, spelt
from flows.sql.once import bound, failure, once
from flows.sql.shown import shown
from flows.sql.types import quote_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlglot import exp

    from flows.sql.compile.scope import Scope

_PLACE = re.compile(r"%(?P<flags>[-+ #0']*)(?P<width>\*|\d*)(?P<point>\.(?P<places>\*|\d*))?(?P<kind>.)", re.DOTALL)
_KINDS = {"d": t.INT64, "i": t.INT64, "x": t.INT64, "X": t.INT64, "o": t.INT64, "s": t.STRING}
_KINDS |= dict.fromkeys("fFeEgG", t.FLOAT64)
_DIGITS_END = "1e31"
"""From where on DuckDB writes other digits than those of the number."""
_PREFIXES = {"x": "0x", "X": "0X", "o": "0"}
_MOST_WIDE, _DEFAULT_PLACES = 1000, 6


@compiles_call("FORMAT", fails=False)
def _format(_: str, node: exp.Expr, scope: Scope) -> Value:
    first, *others = node.expressions
    pattern, *given = [(item, expression(item, scope)) for item in (joined(first), *others)]
    if pattern[1].type != t.STRING or not pattern[1].literal:
        if pattern[1].type == t.UNKNOWN:
            return Value(t.STRING, "NULL")
        message = "FORMAT with a format that is no literal is not supported by the embedded warehouse."
        return scope.fault(node, f"{message} Write a CASE with a FORMAT for each format.")
    text = str(pattern[1].constant)
    places = list(_PLACE.finditer(text))
    wanted = sum(1 + place[0].count("*") for place in places if place["kind"] != "%")
    if wanted != len(given):
        return scope.fault(
            node, f"{shown(pattern[0])} has places for other values: {wanted}, where there are {len(given)}."
        )
    if "%" in _PLACE.sub("", text):
        return scope.fault(node, f"{shown(pattern[0])} ends in the middle of a place. Write %% for one %.")
    parts, ends, values = [], 0, iter(given)
    for place in places:
        parts.append(quote_text(text[ends : place.start()]))
        ends = place.end()
        if place["kind"] == "%":
            parts.append("'%'")
            continue
        written = _written(place, values, scope)
        found = written and _filled(written, *next(values), scope)
        if found is None:
            return Value(t.STRING, "NULL")
        parts.append(found)
    parts.append(quote_text(text[ends:]))
    return Value(t.STRING, f"({' || '.join(part for part in parts if part != quote_text('')) or quote_text('')})")


def _written(place: re.Match[str], values: Iterator[tuple[exp.Expr, Value]], scope: Scope) -> re.Match[str] | None:
    """Return a place with numbers where a `*` asks for them; None where that has a fault."""
    numbers: dict[str, int] = {}
    for part in ("width", "places"):
        if place[part] == "*":
            item, value = next(values)
            if not isinstance(value.constant, int) or not -_MOST_WIDE <= value.constant <= _MOST_WIDE:
                instead = "Write a number there, or LPAD around a FORMAT."
                _refuse(
                    item,
                    f"'{shown(item)}' for the * in '{place[0]}' is no number that is written down. {instead}",
                    scope,
                )
                return None
            numbers[part] = value.constant
    # What is below zero asks for blanks behind the value, or for no number of places.
    left = "-" if numbers.get("width", 0) < 0 else ""
    width = str(abs(numbers["width"])) if "width" in numbers else place["width"]
    point = (
        f".{numbers['places']}"
        if numbers.get("places", -1) >= 0
        else ""
        if "places" in numbers
        else place["point"] or ""
    )
    return _PLACE.fullmatch(f"%{left}{place['flags']}{width}{point}{place['kind']}")


def _filled(place: re.Match[str], item: exp.Expr, value: Value, scope: Scope) -> str | None:
    """Return a value as its place in the format writes it; None where that has a fault."""
    kind, flags = place["kind"], place["flags"].replace("0", "") if "-" in place["flags"] else place["flags"]
    flags = flags.replace(" ", "") if "+" in flags else flags
    if value.type == t.UNKNOWN:
        return None
    if kind in "tT":
        return _plain(place, item, value, scope)
    if kind in "pP" and value.type == t.JSON and not (place["point"] or set(flags) - {"-"}):
        return once(spelt(held(value.sql, 0 if kind == "P" else None)), lambda name: _padded(name, place))
    want = _KINDS.get(kind)
    if want == t.FLOAT64 and value.type == t.NUMERIC and kind in "fF":
        return _decimal(place, item, value, scope)
    if (
        want is None
        or ("#" in flags and kind not in "xXo")
        or int(place["width"] or 0) > _MOST_WIDE
        or int(place["places"] or 0) > _MOST_WIDE
    ):
        known = "%d, %i, %x, %X, %o, %s, %f, %e, %g, %t and %T, and %p and %P of JSON"
        _refuse(
            item,
            f"FORMAT with '{place[0]}' of {value.type} is not supported by the embedded warehouse. It knows {known}.",
            scope,
        )
        return None
    if value.type != want and not (value.type == t.NULL and want == t.INT64):
        instead = f"Write %t, or CAST({shown(item)} AS {want})."
        _refuse(item, f"'{place[0]}' takes {want}, but '{shown(item)}' is {value.type}. {instead}", scope)
        return None
    sql = converted(item, value, want, scope)
    if kind == "s":
        cut = f"left({sql}, {place['places'] or 0})" if place["point"] else sql
        return once(cut, lambda name: _padded(name, place))
    found = _of_int(place, flags, sql) if want == t.INT64 else _of_float(place, flags, sql)
    if found is None:
        instead = "Write %'d or %'.2f, and LPAD around a FORMAT for more."
        _refuse(item, f"FORMAT with '{place[0]}' is not supported by the embedded warehouse. {instead}", scope)
    return found


def _of_int(place: re.Match[str], flags: str, sql: str) -> str | None:
    kind, grouped = place["kind"], "'" in flags
    if kind in "di" and not grouped and not place["point"]:
        return f"printf('%{flags}{place['width']}d', {sql})"
    if grouped and (kind not in "di" or place["point"]):
        return None
    prefix = quote_text(_PREFIXES[kind] if "#" in flags else "")
    least = int(place["places"] or 0)

    def written(value: str) -> str:
        size = f"CAST(abs(CAST({value} AS HUGEINT)) AS HUGEINT)"
        digits = f"format('{{:,}}', {size})" if grouped else f"printf('%{kind}', {size})"
        if place["point"]:
            # Without places zero has no digits, but where it is written by other digits than ten.
            none = f"CASE WHEN {value} = 0 THEN '' ELSE {digits} END" if kind in "di" else digits
            digits = once(digits, lambda one: f"repeat('0', {least} - length({one})) || {one}") if least else none
        sign = f"{_sign(f'{value} < 0', flags)} || {prefix}"
        if "0" not in flags or place["point"]:
            return f"({sign} || {digits})"
        zeros = f"repeat('0', {int(place['width'] or 0)} - length({sign}) - length({digits}))"
        return f"({sign} || {zeros} || {digits})"

    return once(bound([sql], lambda names: written(names[0])), lambda name: _padded(name, place))


def _sign(below_zero: str, flags: str) -> str:
    """Return what stands before a number."""
    return f"CASE WHEN {below_zero} THEN '-' ELSE '{'+' if '+' in flags else ' ' if ' ' in flags else ''}' END"


def _of_float(place: re.Match[str], flags: str, sql: str) -> str | None:
    # Neither zero nor NaN has a sign.
    large = f"WHEN abs({{0}}) >= {_DIGITS_END} AND isfinite({{0}}) THEN {{1}} " if place["kind"] in "fF" else ""
    plain = once(
        sql,
        lambda name: (
            f"CASE WHEN isnan({name}) THEN CAST('NaN' AS DOUBLE) "
            f"{large.format(name, failure('FORMAT with %f of a number from 1e31 on: write %e', name))}ELSE {name} + 0.0 END"
        ),
    )
    if "'" in flags:
        if place["kind"] not in "fF":
            return None
        places = int(place["places"] or 0) if place["point"] else _DEFAULT_PLACES

        def grouped(name: str) -> str:
            sign, digits = _sign(f"{name} < 0", flags), f"format('{{:,.{places}f}}', abs({name}))"
            # NaN and infinity have blanks before them.
            width = f"CASE WHEN isfinite({name}) THEN {int(place['width'] or 0)} ELSE 0 END"
            zeros = f"repeat('0', {width} - length({sign}) - length({digits})) || " if "0" in flags else ""
            text = f"({sign} || {zeros}{digits})"
            return f"upper({text})" if place["kind"] == "F" else text

        text = once(plain, grouped)
        return once(text, lambda name: _padded(name, place))
    # No digits of %g are one, which DuckDB takes for as many as there are.
    one_digit = place["kind"] in "gG" and place["point"] and not int(place["places"] or 0)
    written = f"{place['width']}{'.1' if one_digit else place['point'] or ''}{place['kind']}"
    if "0" not in flags:
        return f"printf('%{flags}{written}', {plain})"
    # NaN and infinity have blanks before them.
    zeros, blanks = f"printf('%{flags}{written}'", f"printf('%{flags.replace('0', '')}{written}'"
    return once(plain, lambda name: f"CASE WHEN isfinite({name}) THEN {zeros}, {name}) ELSE {blanks}, {name}) END")


def _plain(place: re.Match[str], item: exp.Expr, value: Value, scope: Scope) -> str | None:
    """Return any value as `%t` and `%T` write it."""
    text = told(value.sql, value.type, in_sql=place["kind"] == "T")
    if place["point"] or set(place["flags"]) - {"-"} or text is None:
        _refuse(item, f"FORMAT with '{place[0]}' of {value.type} is not supported by the embedded warehouse.", scope)
        return None
    return once(text, lambda name: _padded(name, place))


def _decimal(place: re.Match[str], item: exp.Expr, value: Value, scope: Scope) -> str | None:
    """Return a NUMERIC with so many places behind its point, halves away from zero."""
    places = int(place["places"] or 0) if place["point"] else _DEFAULT_PLACES
    if places > t.DECIMALS[t.NUMERIC] or set(place["flags"]) - set("-+ '0"):
        instead = f"Write CAST({shown(item)} AS FLOAT64)."
        _refuse(item, f"FORMAT with '{place[0]}' of NUMERIC is not supported. {instead}", scope)
        return None

    def written(name: str) -> str:
        # What is rounded to zero keeps its sign.
        sign = _sign(f"{name} < 0", place["flags"])
        digits = f"CAST(abs(CAST({name} AS DECIMAL(38, {places}))) AS VARCHAR)"
        if "'" in place["flags"]:
            whole, part = (f"split_part({digits}, '.', {at})" for at in (1, 2))
            behind = f" || '.' || {part}" if places else ""
            digits = f"format('{{:,}}', CAST({whole} AS HUGEINT)){behind}"
        if "0" not in place["flags"] or "-" in place["flags"]:
            return f"{sign} || {digits}"
        return f"{sign} || repeat('0', {int(place['width'] or 0)} - length({sign}) - length({digits})) || {digits}"

    text = once(value.sql, written)
    return once(f"({text})", lambda name: _padded(name, place))


def _padded(text: str, place: re.Match[str]) -> str:
    width = int(place["width"] or 0)
    if not width:
        return text
    pad = "rpad" if "-" in place["flags"] else "lpad"
    return f"CASE WHEN length({text}) >= {width} THEN {text} ELSE {pad}({text}, {width}, ' ') END"


def _refuse(item: exp.Expr, message: str, scope: Scope) -> Value:
    scope.fault(item, message)
    return NOTHING
