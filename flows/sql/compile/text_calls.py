"""Calls that read and write texts: formats of dates, patterns, JSON."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlglot import exp

from flows.model.types import parse_type
from flows.sql import types as t
from flows.sql.compile import cast, time_formats
from flows.sql.compile.apply import apply
from flows.sql.compile.arguments import argument, zone
from flows.sql.compile.convert import converted
from flows.sql.compile.date_calls import zoned
from flows.sql.compile.dispatch import compiles_call, expression
from flows.sql.compile.json_calls import strictly
from flows.sql.compile.options import split
from flows.sql.compile.value import NOTHING, Value
from flows.sql.decomposed import FORMS, decomposed
from flows.sql.folded import NEWER, compatible, composed
from flows.sql.functions import signatures
from flows.sql.functions.numbers import NUMBER, plain_number
from flows.sql.once import bound, failure, once, once_each
from flows.sql.shown import shown
from flows.sql.times import as_shown, naive
from flows.sql.types import quote_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flows.model.types import Type
    from flows.sql.compile.scope import Scope


_DAY = re.compile(r"'[^ Tt]*'")


@compiles_call("TIMESTAMP", "DATETIME", "DATE", "TIME")
def _from_text(name: str, node: exp.Expr, scope: Scope) -> Value | None:
    if not 1 <= len(node.expressions) <= 2:  # noqa: PLR2004 - a value, and perhaps a zone
        return None
    item = node.expressions[0]
    value, want = expression(item, scope), parse_type(name)
    if len(node.expressions) > 1 and value.type == t.STRING and name == "TIMESTAMP":
        sql, wrong = (
            converted(item, value, t.DATETIME, scope) if value.literal else "",
            "TIMESTAMP: no time without a zone",
        )
        local = sql or bound(
            [value.sql], lambda names: cast.cast(names[0], t.STRING, t.DATETIME, failure(wrong, names[0]))
        )
        return zoned(name, node, Value(t.DATETIME, local), scope)
    if len(node.expressions) > 1:
        return zoned(name, node, value, scope)
    if value.type != t.STRING or name == "TIME":
        return apply(name, node, signatures.scalar(name), [(item, value)], scope)
    # A text is the day in UTC of the moment that it means.
    read = t.TIMESTAMP if want == t.DATE and not (value.literal and _DAY.fullmatch(value.sql)) else want
    wrong = f"{name}: the text is none"
    sql = (
        converted(node, value, read, scope)
        if value.literal
        else bound([value.sql], lambda names: cast.cast(names[0], t.STRING, read, failure(wrong, names[0])))
    )
    return Value(want, sql if read == want else f"CAST({naive(sql)} AS DATE)")


@compiles_call("CONTAINS_SUBSTR", fails=False)
def _contains(name: str, node: exp.Expr, scope: Scope) -> Value | None:
    if len(node.expressions) != 2 or any(isinstance(item, exp.Kwarg) for item in node.expressions):  # noqa: PLR2004 - what, and in what
        return None
    item, searched = node.expressions
    value, wanted = expression(item, scope), expression(searched, scope)
    if wanted.type == t.NULL and wanted.literal:
        return scope.fault(searched, f"{name} of NULL is an error. Write the text to look for.")
    if t.UNKNOWN in (value.type, wanted.type):
        return NOTHING

    if value.type != t.STRING and not _has_texts(value.type):
        instead = f"{name}(TO_JSON_STRING({shown(item)}), ...), or the parts that may have it"
        return scope.fault(node, f"{name} does not take {value.type}. Write {instead}.")

    def found(sql: str, type_: Type, part: Value) -> str:
        """Return whether a value, or a part of it, has the text; NULL where none has and one is NULL."""
        if type_.element is not None:
            each = f"list_transform({sql}, lambda xpart: {found('xpart', type_.element, part)})"
            known = "CASE WHEN list_contains({0}, TRUE) THEN TRUE WHEN list_count({0}) = len({0}) THEN FALSE END"
            return once(each, lambda every: known.replace("{0}", every))
        if type_.name == "STRUCT":
            parts = (
                found(f"struct_extract_at({sql}, {at})", field, part) for at, (_, field) in enumerate(type_.fields, 1)
            )
            return f"({' OR '.join(parts)})"
        text = Value(t.STRING, sql if type_ in (t.STRING, t.NULL) else cast.cast(sql, type_, t.STRING, "NULL"))
        return apply(name, node, signatures.scalar(name), [(item, text), (searched, part)], scope).sql

    if value.type == t.STRING:
        return apply(name, node, signatures.scalar(name), [(item, value), (searched, wanted)], scope)
    found_in = once_each(
        [value.sql, wanted.sql], lambda names: found(names[0], value.type, wanted._replace(sql=names[1]))
    )
    return Value(t.BOOL, found_in)


def _has_texts(type_: Type) -> bool:
    """Say whether all parts of a value have texts in which CONTAINS_SUBSTR looks."""
    parts = [type_.element] if type_.element is not None else [field for _, field in type_.fields]
    return all(map(_has_texts, parts)) if parts else type_ not in (t.JSON, t.BYTES, t.INTERVAL)


@compiles_call("EDIT_DISTANCE", fails=False)
def _edit_distance(name: str, node: exp.Expr, scope: Scope) -> Value | None:
    found = split(name, node, {"max_distance": t.INT64}, scope)
    if found is None:
        return NOTHING
    items, options = found
    if not options:
        return None
    most = options["max_distance"]
    if "-" in most:
        return scope.fault(node, f"{name} takes max_distance => a number from 0 on.")
    value = apply(name, node, signatures.scalar(name), [(item, expression(item, scope)) for item in items], scope)
    return value._replace(sql=once(value.sql, lambda known: f"CASE WHEN {known} > {most} THEN {most} ELSE {known} END"))


def _form(item: exp.Expr) -> str:
    """Return the word that an argument is; nothing where it is a text or another value."""
    return item.name.upper() if isinstance(item, exp.Column) else ""


@compiles_call("NORMALIZE_AND_CASEFOLD", fails=False)
def _casefold(name: str, node: exp.Expr, scope: Scope) -> Value:
    value = _in_form(name, node, scope)
    if value.type == t.UNKNOWN:
        return NOTHING
    return apply(name, node, signatures.scalar(name), [(node.expressions[0], value)], scope)


@compiles_call("NORMALIZE", fails=False)
def _normalize(name: str, node: exp.Expr, scope: Scope) -> Value:
    return _in_form(name, node, scope)


def _in_form(name: str, node: exp.Expr, scope: Scope) -> Value:
    """Return a text in the form that is asked for: NFC, where none is."""
    mode = _form(node.expressions[1]) if len(node.expressions) > 1 else "NFC"
    if not node.expressions or len(node.expressions) > 2 or mode not in FORMS:  # noqa: PLR2004 - a text and a form
        return scope.fault(node, f"{name} takes a text, and NFC, NFD, NFKC or NFKD: {name}(text, NFKC).")
    value = argument(node.expressions[0], t.STRING, name, scope)
    if value.type == t.UNKNOWN:
        return NOTHING
    sql = value.sql
    if "K" in mode:
        newer = failure(f"{name} to {mode} of a text with signs of Unicode 14 or later")
        known = f"CASE WHEN regexp_matches({{0}}, {quote_text(NEWER)}) THEN {newer} ELSE {{0}} END"
        sql = compatible(once(sql, lambda text: known.replace("{0}", text)))
    return Value(t.STRING, decomposed(sql) if mode.endswith("D") else composed(sql))


@compiles_call("STRING")
def _string(name: str, node: exp.Expr, scope: Scope) -> Value | None:
    if len(node.expressions) == 2:  # noqa: PLR2004 - a moment and a zone
        value = argument(node.expressions[0], t.TIMESTAMP, name, scope)
        where = zone(node.expressions[1], name, scope)
        if where is None:
            return NOTHING
        return Value(t.STRING, bound([where.local(value.sql), naive(value.sql)], lambda both: _with_offset(*both)))
    if len(node.expressions) != 1:
        return None
    value = expression(node.expressions[0], scope).null_as(t.JSON)
    if value.type == t.JSON:
        return Value(t.STRING, once(value.sql, lambda read: strictly(name, read)))
    if value.type not in (t.DATE, t.DATETIME, t.TIMESTAMP, t.TIME, t.UNKNOWN):
        return scope.fault(node, f"{name} does not take {value.type}.{_as_text(node.expressions[0], value)}")
    return Value(t.STRING, bound([value.sql], lambda names: cast.cast(names[0], value.type, t.STRING, "NULL")))


def _with_offset(local: str, utc: str) -> str:
    """Return a local date and time as text, with how far it is from UTC: `+01`, `+05:30`."""
    offset = time_formats.formatted("%Ez", local, t.TIMESTAMP, utc)
    return f"({cast.cast(as_shown(local, utc), t.DATETIME, t.STRING, 'NULL')} || regexp_replace({offset}, ':00$', ''))"


def _as_text(node: exp.Expr, value: Value) -> str:
    """Say what gives the text of a value that STRING does not take."""
    if value.type.element == t.STRING:
        return f" Write ARRAY_TO_STRING({shown(node)}, ', ')."
    return f" Write CAST({shown(node)} AS STRING)." if cast.exists(value.type, t.STRING) else ""


@compiles_call("PARSE_BIGNUMERIC")
def _parse_bignumeric(name: str, node: exp.Expr, scope: Scope) -> Value:
    if len(node.expressions) != 1:
        return scope.fault(node, f"{name} takes one text: {name}(text).")
    value = argument(node.expressions[0], t.STRING, name, scope)
    if value.type == t.UNKNOWN:
        return NOTHING

    def read(names: Sequence[str]) -> str:
        (text,) = names
        wrong = failure(f"{name} of a text that is no number", text)
        number = bound([plain_number(text)], lambda plain: cast.cast(plain[0], t.STRING, t.BIGNUMERIC, wrong))
        is_number = f"regexp_full_match({text}, {quote_text(NUMBER)})"
        return f"CASE WHEN {is_number} THEN {number} WHEN {text} IS NOT NULL THEN {wrong} END"

    return Value(t.BIGNUMERIC, bound([value.sql], read))
