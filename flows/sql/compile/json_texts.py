"""Values of each type as the text of JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.sql import types as t
from flows.sql.compile import cast
from flows.sql.once import once
from flows.sql.types import quote_text

if TYPE_CHECKING:
    from flows.model.types import Type

_EXACT = 2**53
"""The largest integer up to which each is a FLOAT64 as well; others are written as texts."""


def float_text(value: str) -> str:
    """Return the shortest text of a FLOAT64."""
    return cast.cast(value, t.FLOAT64, t.STRING, "NULL")


def written(value: str, type_: Type, *, wide: bool) -> str | None:
    """Return the SQL for a value's JSON; None where its type has none here.

    `wide` says whether numbers stay numbers that no FLOAT64 holds.
    """
    return once(value, lambda known: _nullable(known, type_, wide=wide)) if _known(type_, wide=wide) else None


def _known(type_: Type, *, wide: bool) -> bool:
    if type_.element is not None:
        return _known(type_.element, wide=wide)
    if wide and type_ in (t.NUMERIC, t.BIGNUMERIC, t.FLOAT64):
        return False
    return type_ not in (t.JSON, t.INTERVAL) and all(_known(field, wide=wide) for _, field in type_.fields)


def _nullable(value: str, type_: Type, *, wide: bool) -> str:
    return f"CASE WHEN {value} IS NULL THEN 'null' ELSE {_text(value, type_, wide=wide)} END"


def _text(value: str, type_: Type, *, wide: bool) -> str:
    if type_.element is not None:
        items = f"list_transform({value}, lambda element: {_nullable('element', type_.element, wide=wide)})"
        return f"'[' || array_to_string({items}, ',') || ']'"
    if type_.name == "STRUCT":
        fields = []
        for place, (name, field) in enumerate(type_.fields, 1):
            part = f"struct_extract_at({value}, {place})"
            # The name may hold anything that a quoted identifier may.
            fields.append(f"to_json({quote_text(name)}) || ':' || {_nullable(part, field, wide=wide)}")
        return "'{' || " + " || ',' || ".join(fields) + " || '}'"
    if type_ in (t.BOOL, t.NULL):
        return f"CAST({value} AS VARCHAR)"
    if type_ == t.INT64:
        plain = f"CAST({value} AS VARCHAR)"
        return (
            plain
            if wide
            else f"CASE WHEN {value} BETWEEN -{_EXACT} AND {_EXACT} THEN {plain} ELSE '\"' || {plain} || '\"' END"
        )
    if type_ == t.FLOAT64:
        number = float_text(value)
        return (
            f"CASE WHEN isnan({value}) THEN '\"NaN\"' WHEN isinf({value}) THEN CASE WHEN {value} > 0 THEN '\"Infinity\"' "
            f"ELSE '\"-Infinity\"' END WHEN {value} = 0 THEN '0' ELSE {number} END"
        )
    if type_ in (t.NUMERIC, t.BIGNUMERIC):
        number = cast.cast(value, type_, t.STRING, "NULL")
        return once(
            number,
            lambda text: (
                f"CASE WHEN {text} NOT LIKE '%.%' AND abs({value}) <= {_EXACT} THEN {text} ELSE '\"' || {text} || '\"' END"
            ),
        )
    if type_ == t.BYTES:
        return f"'\"' || base64({value}) || '\"'"
    if type_ == t.STRING:
        escaped = f"CAST(to_json({value}) AS VARCHAR)"
        return f"replace(replace({escaped}, '\u2028', '\\u2028'), '\u2029', '\\u2029')"
    text = cast.cast(value, type_, t.STRING, "NULL")
    if type_ in (t.DATETIME, t.TIMESTAMP):
        text = f"replace({text}, ' ', 'T')"
    if type_ == t.TIMESTAMP:
        text = f"replace({text}, '+00', 'Z')"
    return f"'\"' || {text} || '\"'"
