"""Values as FORMAT tells them: by `%t` for people, by `%T` as they are written in SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.sql import types as t
from flows.sql.compile import cast
from flows.sql.json_held import held, spelt
from flows.sql.once import failure, once

if TYPE_CHECKING:
    from flows.model.types import Type

_AS_CAST = (t.INT64, t.BOOL, t.NUMERIC, t.BIGNUMERIC, t.DATE, t.DATETIME, t.TIMESTAMP, t.TIME, t.INTERVAL)
_NAMED = (t.NUMERIC, t.BIGNUMERIC, t.DATE, t.DATETIME, t.TIMESTAMP, t.TIME, t.INTERVAL)
_UNSEEN = r"[\x{0}-\x{8}\x{b}\x{c}\x{e}-\x{1f}\x{7f}-\x{9f}]"


def told(sql: str, type_: Type, *, in_sql: bool) -> str | None:
    """Return a value as text, 'NULL' where it is NULL; None for a type that is not told here."""
    text = once(sql, lambda name: _text(name, type_, in_sql=in_sql) or "")
    return f"coalesce({text}, 'NULL')" if _text(sql, type_, in_sql=in_sql) is not None else None


def _text(sql: str, type_: Type, *, in_sql: bool) -> str | None:
    if type_ == t.NULL:
        return "CAST(NULL AS VARCHAR)"
    if type_ == t.STRING:
        return _quoted(sql) if in_sql else sql
    if type_ == t.BYTES:
        return _literal(sql) if in_sql else _escaped(sql, "'22', '27'")
    if type_ == t.JSON:
        return once(spelt(held(sql)), lambda text: f"'JSON ' || {_quoted(text)}") if in_sql else spelt(held(sql))
    if type_ == t.FLOAT64:
        return _number(sql, in_sql=in_sql)
    if type_ in _AS_CAST:
        text = cast.cast(sql, type_, t.STRING, "NULL")
        behind = " YEAR TO SECOND" if type_ == t.INTERVAL else ""
        return f"""'{type_.name} "' || {text} || '"{behind}'""" if in_sql and type_ in _NAMED else text
    if type_.element is not None:
        item = told("xitem", type_.element, in_sql=in_sql)
        return item and f"'[' || array_to_string(list_transform({sql}, lambda xitem: {item}), ', ') || ']'"
    parts = [
        told(f"struct_extract_at({sql}, {place})", field, in_sql=in_sql)
        for place, (_, field) in enumerate(type_.fields, 1)
    ]
    if not parts or None in parts:
        return None
    opened = "STRUCT(" if in_sql and len(parts) == 1 else "("
    listed = " || ', ' || ".join(map(str, parts))
    return f"CASE WHEN {sql} IS NOT NULL THEN '{opened}' || {listed} || ')' END"


def _number(sql: str, *, in_sql: bool) -> str:
    """Return a FLOAT64 with a point or an exponent."""
    text = cast.cast(sql, t.FLOAT64, t.STRING, "NULL")
    special = f"""WHEN NOT isfinite({sql}) THEN 'CAST("' || {text} || '" AS FLOAT64)' """ if in_sql else ""
    pointed = once(
        text, lambda name: f"CASE WHEN regexp_matches({name}, '^-?[0-9]+$') THEN {name} || '.0' ELSE {name} END"
    )
    return f"CASE WHEN {sql} = 0 AND signbit({sql}) THEN '-0.0' {special}ELSE {pointed} END"


def _quoted(sql: str) -> str:
    """Return a text between quotes, in single ones where it has double ones alone."""
    escaped = rf"replace({sql}, '\', '\\')"
    for sign, written in (("chr(10)", r"\n"), ("chr(13)", r"\r"), ("chr(9)", r"\t")):
        escaped = f"replace({escaped}, {sign}, '{written}')"
    double = f"""'"' || replace({escaped}, '"', '\\"') || '"'"""
    unseen = failure("FORMAT with %T of a text with signs that cannot be seen")
    return (
        f"CASE WHEN regexp_matches({sql}, '{_UNSEEN}') THEN {unseen} "
        f"""WHEN contains({sql}, '"') AND NOT contains({sql}, '''') THEN '''' || {escaped} || '''' ELSE {double} END"""
    )


def _escaped(sql: str, quotes: str) -> str:
    """Return BYTES as the inside of a literal, with a backslash before the signs of these numbers and before itself."""
    seen = "chr(CAST('0x' || xpair AS INTEGER))"
    sign = (
        rf"CASE WHEN xpair IN ({quotes}, '5C') THEN '\' || {seen} "
        rf"WHEN xpair BETWEEN '20' AND '7E' THEN {seen} ELSE '\x' || lower(xpair) END"
    )
    signs = f"list_transform(regexp_extract_all(hex({sql}), '..'), lambda xpair: {sign})"
    return f"CASE WHEN {sql} IS NOT NULL THEN array_to_string({signs}, '') END"


def _literal(sql: str) -> str:
    """Return the literal of BYTES, in single quotes where they hold double ones alone."""
    signs = f"regexp_extract_all(hex({sql}), '..')"
    alone = f"list_contains({signs}, '22') AND NOT list_contains({signs}, '27')"
    single, double = _escaped(sql, "'27'"), _escaped(sql, "'22'")
    return f"""CASE WHEN {alone} THEN 'b''' || {single} || '''' ELSE 'b"' || {double} || '"' END"""
