"""Values of each type as the text of JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.sql import types as t
from flows.sql.compile import cast
from flows.sql.intervals import iso_text
from flows.sql.json_held import double, held
from flows.sql.once import once
from flows.sql.types import quote_text

if TYPE_CHECKING:
    from flows.model.types import Type

_LEVEL = "  "
_EXACT = 2**53
"""The largest integer up to which each is a FLOAT64 as well; others are written as texts."""


def float_text(value: str) -> str:
    """Return the shortest text of a FLOAT64."""
    return cast.cast(value, t.FLOAT64, t.STRING, "NULL")


def written(value: str, type_: Type, *, wide: bool, at: int | None = None) -> str:
    """Return the SQL for a value's JSON.

    `wide` says whether numbers stay numbers that no FLOAT64 holds. With `at` each part stands on a line of its own, so many
    levels to the right.
    """
    return once(value, lambda known: _nullable(known, type_, wide=wide, at=at))


def _nullable(value: str, type_: Type, *, wide: bool, at: int | None) -> str:
    return f"CASE WHEN {value} IS NULL THEN 'null' ELSE {_text(value, type_, wide=wide, at=at)} END"


def _text(value: str, type_: Type, *, wide: bool, at: int | None) -> str:
    within = None if at is None else at + 1
    # What stands before the first part, and behind the last one.
    begins, ends = ("", "") if at is None else (f"\n{_LEVEL * (at + 1)}", f"\n{_LEVEL * at}")
    if type_.element is not None:
        items = f"list_transform({value}, lambda element: {_nullable('element', type_.element, wide=wide, at=within)})"
        listed = f"array_to_string({items}, {quote_text(',' + begins)})"
        if at is None:
            return f"'[' || {listed} || ']'"
        return f"CASE WHEN len({value}) = 0 THEN '[]' ELSE {quote_text('[' + begins)} || {listed} || {quote_text(ends + ']')} END"
    if type_.name == "STRUCT":
        fields, names = [], set()
        for place, (name, field) in enumerate(type_.fields, 1):
            if wide and name in names:
                continue  # JSON has each name once
            names.add(name)
            part = f"struct_extract_at({value}, {place})"
            # The name may hold anything that a quoted identifier may.
            colon = ":" if at is None else ": "
            fields.append(f"to_json({quote_text(name)}) || '{colon}' || {_nullable(part, field, wide=wide, at=within)}")
        between = f" || {quote_text(',' + begins)} || "
        listed = f"{quote_text('{' + begins)} || {between.join(fields)} || {quote_text(ends + '}')}"
        return listed if fields else "'{}'"
    if type_ == t.JSON and not wide:
        return held(value, at)
    if type_ in (t.BOOL, t.NULL, t.JSON):
        return f"CAST({value} AS VARCHAR)"
    if type_ in t.NUMBERS:
        return _wide_number(value, type_) if wide else _number(value, type_)
    if type_ == t.BYTES:
        return f"'\"' || base64({value}) || '\"'"
    if type_ == t.STRING:
        escaped = f"CAST(to_json({value}) AS VARCHAR)"
        return f"replace(replace({escaped}, '\u2028', '\\u2028'), '\u2029', '\\u2029')"
    text = iso_text(value) if type_ == t.INTERVAL else cast.cast(value, type_, t.STRING, "NULL")
    if type_ in (t.DATETIME, t.TIMESTAMP):
        text = f"replace({text}, ' ', 'T')"
    if type_ == t.TIMESTAMP:
        text = f"replace({text}, '+00', 'Z')"
    return f"'\"' || {text} || '\"'"


def _float(value: str, zero: str, number: str) -> str:
    infinite = f"CASE WHEN {value} > 0 THEN '\"Infinity\"' ELSE '\"-Infinity\"' END"
    return f"CASE WHEN isnan({value}) THEN '\"NaN\"' WHEN isinf({value}) THEN {infinite} WHEN {value} = 0 THEN '{zero}' ELSE {number} END"


def _number(value: str, type_: Type) -> str:
    """Return a number as TO_JSON_STRING writes it: as a text where no FLOAT64 holds it."""
    if type_ == t.FLOAT64:
        return _float(value, "0", float_text(value))
    if type_ == t.INT64:
        plain = f"CAST({value} AS VARCHAR)"
        return f"CASE WHEN {value} BETWEEN -{_EXACT} AND {_EXACT} THEN {plain} ELSE '\"' || {plain} || '\"' END"
    number = cast.cast(value, type_, t.STRING, "NULL")
    return once(
        number,
        lambda text: (
            f"CASE WHEN {text} NOT LIKE '%.%' AND abs({value}) <= {_EXACT} THEN {text} ELSE '\"' || {text} || '\"' END"
        ),
    )


def _wide_number(value: str, type_: Type) -> str:
    """Return a number as TO_JSON has it: what is no INT64 is a FLOAT64."""
    if type_ == t.INT64:
        return f"CAST({value} AS VARCHAR)"
    if type_ == t.FLOAT64:
        return _float(value, "0.0", double(value))
    whole = f"{value} = trunc({value}) AND abs({value}) <= {2**63 - 1}"
    inexact = double(f"CAST({value} AS DOUBLE)")
    return f"CASE WHEN {whole} THEN CAST(CAST({value} AS HUGEINT) AS VARCHAR) ELSE {inexact} END"
