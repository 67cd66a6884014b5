"""Values of each type as the text of JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from flows.sql import types as t
from flows.sql.compile import cast
from flows.sql.intervals import iso_text
from flows.sql.json_held import double, held
from flows.sql.once import once
from flows.sql.types import quote_text

if TYPE_CHECKING:
    from flows.model.types import Type

Numbers = Literal["all", "wide as texts", "as texts"]
"""What becomes of numbers that no FLOAT64 holds: TO_JSON rounds them, or with stringify_wide_numbers writes texts, as TO_JSON_STRING does."""
_LEVEL = "  "
_EXACT = 2**53
"""The largest integer up to which each is a FLOAT64 as well; others are written as texts."""


def float_text(value: str) -> str:
    """Return the shortest text of a FLOAT64."""
    return cast.cast(value, t.FLOAT64, t.STRING, "NULL")


def written(value: str, type_: Type, *, numbers: Numbers = "all", at: int | None = None) -> str:
    """Return the SQL for a value's JSON.

    `numbers` says what becomes of those that no FLOAT64 holds. With `at` each part stands on a line of its own, so many
    levels to the right.
    """
    return once(value, lambda known: _nullable(known, type_, numbers=numbers, at=at))


def _nullable(value: str, type_: Type, *, numbers: Numbers, at: int | None) -> str:
    return f"CASE WHEN {value} IS NULL THEN 'null' ELSE {_text(value, type_, numbers=numbers, at=at)} END"


def _text(value: str, type_: Type, *, numbers: Numbers, at: int | None) -> str:
    within = None if at is None else at + 1
    # What stands before the first part, and behind the last one.
    begins, ends = ("", "") if at is None else (f"\n{_LEVEL * (at + 1)}", f"\n{_LEVEL * at}")
    if type_.element is not None:
        items = f"list_transform({value}, lambda element: {_nullable('element', type_.element, numbers=numbers, at=within)})"
        listed = f"array_to_string({items}, {quote_text(',' + begins)})"
        if at is None:
            return f"'[' || {listed} || ']'"
        return f"CASE WHEN len({value}) = 0 THEN '[]' ELSE {quote_text('[' + begins)} || {listed} || {quote_text(ends + ']')} END"
    if type_.name == "STRUCT":
        fields, names = [], set()
        for place, (name, field) in enumerate(type_.fields, 1):
            if numbers != "as texts" and name in names:
                continue  # JSON has each name once
            names.add(name)
            part = f"struct_extract_at({value}, {place})"
            # The name may hold anything that a quoted identifier may.
            colon = ":" if at is None else ": "
            fields.append(
                f"to_json({quote_text(name)}) || '{colon}' || {_nullable(part, field, numbers=numbers, at=within)}"
            )
        between = f" || {quote_text(',' + begins)} || "
        listed = f"{quote_text('{' + begins)} || {between.join(fields)} || {quote_text(ends + '}')}"
        return listed if fields else "'{}'"
    if type_ == t.JSON and numbers == "as texts":
        return held(value, at)
    if type_ in (t.BOOL, t.NULL, t.JSON):
        return f"CAST({value} AS VARCHAR)"
    if type_ in t.NUMBERS:
        return (
            _number(value, type_)
            if numbers == "as texts"
            else _of_json(value, type_, stringify=numbers == "wide as texts")
        )
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


def _of_json(value: str, type_: Type, *, stringify: bool) -> str:
    """Return a number as TO_JSON has it: what is no INT64 is a FLOAT64; with `stringify` a text where that is another number."""
    if type_ == t.FLOAT64:
        return _float(value, "0.0", double(value))
    plain = f"CAST({value} AS VARCHAR)"
    if type_ == t.INT64:
        return (
            f"CASE WHEN {value} BETWEEN -{_EXACT} AND {_EXACT} THEN {plain} ELSE '\"' || {plain} || '\"' END"
            if stringify
            else plain
        )
    whole = f"{value} = trunc({value}) AND {value} BETWEEN -{2**63} AND {2**64 - 1}"
    integer, inexact = f"CAST(CAST({value} AS HUGEINT) AS VARCHAR)", double(f"CAST({value} AS DOUBLE)")
    if stringify:
        kind, text = t.duckdb_type(type_), cast.cast(value, type_, t.STRING, "NULL")
        integer = f"CASE WHEN abs({value}) <= {_EXACT} THEN {integer} ELSE '\"' || {integer} || '\"' END"
        inexact = once(
            inexact,
            lambda number: (
                f"CASE WHEN TRY_CAST({number} AS {kind}) = {value} THEN {number} ELSE '\"' || {text} || '\"' END"
            ),
        )
    return f"CASE WHEN {whole} THEN {integer} ELSE {inexact} END"
