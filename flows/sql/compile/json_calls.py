"""Calls that take JSON apart and make it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from flows.sql import json_found
from flows.sql import types as t
from flows.sql.compile import json_texts
from flows.sql.compile.dispatch import compiles_call, expression
from flows.sql.compile.joined import joined
from flows.sql.compile.json_paths import example, extracted, steps_of
from flows.sql.compile.options import split
from flows.sql.compile.value import NOTHING, Value
from flows.sql.json_held import double, elements, spelt
from flows.sql.once import bound, once
from flows.sql.shown import shown
from flows.sql.types import quote_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlglot import exp

    from flows.model.types import Type
    from flows.sql.compile.scope import Scope
    from flows.sql.json_found import Step


@compiles_call("JSON_QUERY", "JSON_EXTRACT")
def _query(name: str, node: exp.Expr, scope: Scope) -> Value:
    found = _value_and_path(name, node, scope)
    if found is None:
        return NOTHING
    value, steps = found
    if value.type == t.JSON:
        return Value(t.JSON, once(value.sql, lambda known: extracted(known, steps)))
    return Value(t.STRING, json_found.text_at(value.sql, steps, literal=value.literal))


@compiles_call("JSON_VALUE", "JSON_EXTRACT_SCALAR")
def _scalar(name: str, node: exp.Expr, scope: Scope) -> Value:
    found = _value_and_path(name, node, scope)
    if found is None:
        return NOTHING
    value, steps = found
    if value.type == t.STRING:
        return Value(t.STRING, json_found.scalar_at(value.sql, steps, literal=value.literal))

    return Value(t.STRING, once(once(value.sql, lambda known: extracted(known, steps)), _value_of))


def _value_of(part: str) -> str:
    text = f"json_extract_string({part}, '$')"
    kinds = "WHEN 'OBJECT' THEN NULL WHEN 'ARRAY' THEN NULL WHEN 'NULL' THEN NULL"
    return f"CASE json_type({part}) {kinds} WHEN 'DOUBLE' THEN {double(text)} ELSE {text} END"


@compiles_call("JSON_QUERY_ARRAY", "JSON_EXTRACT_ARRAY")
def _query_array(name: str, node: exp.Expr, scope: Scope) -> Value:
    found = _value_and_path(name, node, scope)
    if found is None:
        return NOTHING
    value, steps = found
    if value.type == t.JSON:
        json = once(value.sql, lambda known: extracted(known, steps))
        return Value(t.array(t.JSON), _elements(json, "coalesce(xitem, 'null')"))
    guarded = json_found.guarded_at(value.sql, steps, literal=value.literal)
    return Value(t.array(t.STRING), _elements(guarded, json_found.part_text("coalesce(xitem, 'null')")))


@compiles_call("JSON_VALUE_ARRAY", "JSON_EXTRACT_STRING_ARRAY")
def _value_array(name: str, node: exp.Expr, scope: Scope) -> Value:
    found = _value_and_path(name, node, scope)
    if found is None:
        return NOTHING
    value, steps = found
    if value.type == t.JSON:
        json, text = once(value.sql, lambda known: extracted(known, steps)), _value_of("xitem")
    else:
        json, text = json_found.guarded_at(value.sql, steps, literal=value.literal), json_found.part_value("xitem")
    return Value(t.array(t.STRING), _elements(json, text, but="json_type(xitem) IN ('ARRAY', 'OBJECT')"))


def _elements(json: str, each: str, but: str = "FALSE") -> str:
    """Return what `each` says of the elements, `xitem`, of JSON that is an ARRAY; NULL where `but` holds for one of them."""

    def build(known: str) -> str:
        # Of NULL that is written down DuckDB knows no type.
        items = f"CAST(json_extract({known}, '$') AS JSON[])"
        other = "" if but == "FALSE" else f" AND len(list_filter({items}, lambda xitem: {but})) = 0"
        return f"CASE WHEN json_type({known}) = 'ARRAY'{other} THEN list_transform({items}, lambda xitem: {each}) END"

    return once(json, build)


_WITH_PATH = {"JSON_QUERY", "JSON_EXTRACT"}
"""What takes a path in any case; without one, others read the whole."""


def _value_and_path(name: str, node: exp.Expr, scope: Scope) -> tuple[Value, list[Step]] | None:
    """Return the JSON of a call and the steps of its path, or note a fault."""
    items = node.expressions
    if len(items) not in ((2,) if name in _WITH_PATH else (1, 2)):
        scope.fault(node, f"{name} takes JSON and a path: {name}(json, '$.name').")
        return None
    value = expression(items[0], scope).null_as(t.STRING)
    path = expression(joined(items[1]), scope) if len(items) > 1 else None
    if value.type not in (t.STRING, t.JSON, t.UNKNOWN):
        scope.fault(node, f"{name} takes JSON or STRING, but '{shown(items[0])}' is {value.type}.")
    if value.type not in (t.STRING, t.JSON) or (path is not None and path.type == t.UNKNOWN):
        return None
    steps = steps_of("$" if path is None else path.constant, name)
    if steps is None:
        scope.fault(
            node,
            f"{name} with the path {shown(items[-1])} is not supported. Write a literal such as {example(name)}.",
        )
        return None
    return value, steps


_MODES = {"wide_number_mode": t.STRING}
_KINDS = {
    "INT64": (t.INT64, "UBIGINT BIGINT DOUBLE"),
    "FLOAT64": (t.FLOAT64, "UBIGINT BIGINT DOUBLE"),
    "BOOL": (t.BOOL, "BOOLEAN"),
    "STRING": (t.STRING, "VARCHAR"),
}


@compiles_call("INT64", "FLOAT64", "BOOL")
def _strict(name: str, node: exp.Expr, scope: Scope) -> Value:
    value = _only_json(name, node, scope)
    return NOTHING if value is None else Value(_KINDS[name][0], once(value.sql, lambda read: strictly(name, read)))


def strictly(name: str, read: str) -> str:
    """Return the SQL of a JSON's value, with an error where it has another type."""
    want, kinds = _KINDS[name]
    listed = ", ".join(map(quote_text, kinds.split()))
    number = f"CAST({read} AS {t.duckdb_type(want)})"
    if want == t.STRING:
        number = f"json_extract_string({read}, '$')"
    if want == t.INT64:
        number = f"CASE WHEN json_type({read}) = 'DOUBLE' AND CAST({read} AS DOUBLE) <> trunc(CAST({read} AS DOUBLE)) THEN error('{name}: the JSON is no INT64') ELSE {number} END"
    return f"CASE WHEN {read} IS NULL THEN NULL WHEN json_type({read}) NOT IN ({listed}) THEN error('{name}: the JSON is no {name}') ELSE {number} END"


@compiles_call("INT64_ARRAY", "FLOAT64_ARRAY", "BOOL_ARRAY", "STRING_ARRAY")
def _strict_array(name: str, node: exp.Expr, scope: Scope) -> Value:
    value, kind = _only_json(name, node, scope), name.removesuffix("_ARRAY")
    if value is None:
        return NOTHING
    failed = f"CASE WHEN {{0}} IS NOT NULL THEN error('{name}: the JSON is no ARRAY') END"
    given = _each(value.sql, lambda one: strictly(kind, one), failed)
    # Below SAFE. an element with an error is NULL, and so is the whole then.
    whole = "list_extract(list_transform([{0}], lambda xall: CASE WHEN list_count(xall) = len(xall) THEN xall END), 1)"
    return Value(t.array(_KINDS[kind][0]), whole.replace("{0}", given))


@compiles_call("LAX_INT64_ARRAY", "LAX_FLOAT64_ARRAY", "LAX_BOOL_ARRAY", "LAX_STRING_ARRAY", fails=False)
def _lax_array(name: str, node: exp.Expr, scope: Scope) -> Value:
    value = _only_json(name, node, scope)
    if value is None:
        return NOTHING
    kind, _ = _LAX[name.removesuffix("_ARRAY")]
    return Value(t.array(kind), _each(value.sql, lambda one: _laxly(name.removesuffix("_ARRAY"), one), "NULL"))


def _each(json: str, of: Callable[[str], str], other: str) -> str:
    """Return the list of what each element of a JSON's ARRAY gives; `other` for other JSON."""

    def build(names: Sequence[str]) -> str:
        (read,) = names
        items = f"list_transform({elements(read)}, lambda xitem: coalesce(xitem, CAST('null' AS JSON)))"
        given = f"list_transform({items}, lambda xitem: {of('xitem')})"
        return f"CASE WHEN json_type({read}) = 'ARRAY' THEN {given} ELSE {other.replace('{0}', read)} END"

    return bound([json], build)


_DIGITS, _DECIMAL = r"\s*[+-]?[0-9]+\s*", r"\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\s*"
_LAX = {
    "LAX_STRING": (
        t.STRING,
        (
            "CASE {type} WHEN 'OBJECT' THEN NULL WHEN 'ARRAY' THEN NULL WHEN 'NULL' THEN NULL "
            f"WHEN 'DOUBLE' THEN {json_texts.float_text('TRY_CAST({text} AS DOUBLE)')} ELSE {{text}} END"
        ),
    ),
    "LAX_INT64": (
        t.INT64,
        (
            "CASE WHEN {type} = 'BOOLEAN' THEN CASE {text} WHEN 'true' THEN 1 ELSE 0 END "
            f"WHEN {{type}} IN ('BIGINT', 'UBIGINT') OR ({{type}} = 'VARCHAR' AND regexp_full_match({{text}}, '{_DIGITS}')) "
            "THEN TRY_CAST({text} AS BIGINT) "
            f"WHEN {{type}} = 'DOUBLE' OR ({{type}} = 'VARCHAR' AND regexp_full_match({{text}}, '{_DECIMAL}')) "
            "THEN TRY_CAST(round(TRY_CAST({text} AS DOUBLE)) AS BIGINT) END"
        ),
    ),
    "LAX_FLOAT64": (
        t.FLOAT64,
        (
            "CASE WHEN {type} IN ('BIGINT', 'UBIGINT', 'DOUBLE') "
            f"OR ({{type}} = 'VARCHAR' AND regexp_full_match({{text}}, '{_DECIMAL}|\\s*[+-]?(?i:inf|infinity|nan)\\s*')) "
            "THEN TRY_CAST({text} AS DOUBLE) "
            "WHEN {type} = 'VARCHAR' AND regexp_full_match({text}, '0[xX][0-9a-fA-F]+') THEN TRY_CAST({text} AS BIGINT) END"
        ),
    ),
    "LAX_BOOL": (
        t.BOOL,
        (
            "CASE WHEN {type} IN ('BOOLEAN', 'VARCHAR') THEN CASE lower({text}) WHEN 'true' THEN TRUE WHEN 'false' THEN FALSE END "
            "WHEN {type} IN ('BIGINT', 'UBIGINT', 'DOUBLE') THEN TRY_CAST({text} AS DOUBLE) <> 0 END"
        ),
    ),
}
"""The type that each gives, and how, of the JSON's own type and text."""


@compiles_call("LAX_STRING", "LAX_INT64", "LAX_FLOAT64", "LAX_BOOL")
def _lax(name: str, node: exp.Expr, scope: Scope) -> Value:
    value = _only_json(name, node, scope)
    if value is None:
        return NOTHING
    return Value(_LAX[name][0], once(value.sql, lambda read: _laxly(name, read)))


def _laxly(name: str, read: str) -> str:
    return _LAX[name][1].format(type=f"json_type({read})", text=f"json_extract_string({read}, '$')")


@compiles_call("JSON_TYPE")
def _type(name: str, node: exp.Expr, scope: Scope) -> Value:
    value = _only_json(name, node, scope)
    if value is None:
        return NOTHING
    names = "WHEN 'NULL' THEN 'null' WHEN 'OBJECT' THEN 'object' WHEN 'ARRAY' THEN 'array' WHEN 'VARCHAR' THEN 'string' WHEN 'BOOLEAN' THEN 'boolean'"
    return Value(
        t.STRING,
        once(
            value.sql,
            lambda read: f"CASE WHEN {read} IS NOT NULL THEN CASE json_type({read}) {names} ELSE 'number' END END",
        ),
    )


def _only_json(name: str, node: exp.Expr, scope: Scope) -> Value | None:
    found = split(name, node, _MODES, scope) if name in {"FLOAT64", "FLOAT64_ARRAY"} else (node.expressions, {})
    if found is None:
        return None
    items, options = found
    if len(items) != 1 or options.get("wide_number_mode", "round") != "round":
        hint = f" Its number is rounded here. Write {name}(json) alone." if options else ""
        scope.fault(node, f"{name} takes one JSON.{hint}")
        return None
    value = expression(items[0], scope).null_as(t.JSON)
    if value.type not in (t.JSON, t.UNKNOWN):
        hint = f" Write CAST({shown(node.expressions[0])} AS {name.removeprefix('LAX_')})."
        scope.fault(node, f"{name} takes JSON, but '{shown(node.expressions[0])}' is {value.type}.{hint}")
    return value if value.type == t.JSON else None


@compiles_call("TO_JSON_STRING")
def _to_json_string(name: str, node: exp.Expr, scope: Scope) -> Value:
    item, *further = node.expressions
    pretty = expression(further[0], scope) if further else None
    value = expression(item, scope)
    if value.type == t.UNKNOWN or (pretty is not None and pretty.type == t.UNKNOWN):
        return NOTHING
    if len(further) > 1 or (pretty is not None and (pretty.type != t.BOOL or not pretty.literal)):
        return scope.fault(node, f"{name} takes a value, and TRUE for lines of their own: {name}(value, TRUE).")
    at = 0 if pretty is not None and pretty.sql.upper() == "TRUE" else None
    text = json_texts.written(value.sql, value.type, numbers="as texts", at=at)
    has_texts = value.type in (t.STRING, t.JSON) or value.type.element is not None or value.type.fields
    return Value(t.STRING, spelt(text) if has_texts else text)


@compiles_call("TO_JSON", fails=False)
def _to_json(name: str, node: exp.Expr, scope: Scope) -> Value:
    found = split(name, node, {"stringify_wide_numbers": t.BOOL}, scope)
    if found is None:
        return NOTHING
    items, options = found
    if len(items) != 1:
        return scope.fault(node, f"{name} takes one value: {name}(value, stringify_wide_numbers => TRUE).")
    value = expression(items[0], scope)
    if value.type in (t.UNKNOWN, t.JSON):
        return value
    numbers: json_texts.Numbers = "wide as texts" if options.get("stringify_wide_numbers") == "true" else "all"
    return Value(t.JSON, f"CAST({json_texts.written(value.sql, value.type, numbers=numbers)} AS JSON)")


def _of_arrays(names: str, values: str, type_: Type) -> str:
    """Return an object of names and values in two ARRAYs; a name that stands twice has its first value."""
    said = "error('JSON_OBJECT: an ARRAY or a name is NULL, or one ARRAY is longer')"
    first = f"list_filter(generate_series(1, len({names})), lambda xat: list_position({names}, {names}[xat]) = xat)"
    text = json_texts.written(f"{values}[xat]", type_.element or t.UNKNOWN)
    parts = f"list_transform({first}, lambda xat: CAST(to_json({names}[xat]) AS VARCHAR) || ':' || {text})"
    made = f"CAST('{{' || array_to_string({parts}, ',') || '}}' AS JSON)"
    return f"CASE WHEN len({names}) = len({values}) AND list_count({names}) = len({names}) THEN {made} ELSE {said} END"


@compiles_call("JSON_ARRAY", "JSON_OBJECT")
def _made(name: str, node: exp.Expr, scope: Scope) -> Value:
    values = [(item, expression(item, scope)) for item in node.expressions]
    if any(value.type == t.UNKNOWN for _, value in values):
        return NOTHING
    if name == "JSON_OBJECT" and [one.type.name for _, one in values] == ["ARRAY", "ARRAY"] and values[0][1].type.element == t.STRING:  # fmt: skip
        return Value(
            t.JSON, bound([one.sql for _, one in values], lambda both: _of_arrays(both[0], both[1], values[1][1].type))
        )
    names = (
        [value.constant if value.type == t.STRING else None for _, value in values[::2]]
        if name == "JSON_OBJECT"
        else []
    )
    if name == "JSON_OBJECT" and len(names) * 2 != len(values):
        return scope.fault(node, f"{name} takes names and values by turns: {name}('id', id, 'day', day).")
    if not all(isinstance(one, str) for one in names):
        return scope.fault(node, f"{name} takes names that are written down: {name}('id', id).")
    texts = []
    for place, (_, value) in enumerate(values[1::2] if names else values):
        text = json_texts.written(value.sql, value.type)
        key = f"{quote_text(json.dumps(names[place], ensure_ascii=False))} || ':' || " if names else ""
        if not names or names[place] not in names[:place]:
            texts.append(f"{key}{text}")
    opened, closed = "{}" if name == "JSON_OBJECT" else "[]"
    inside = "".join(f"{text} || {quote_text(',' if at < len(texts) else '')} || " for at, text in enumerate(texts, 1))
    return Value(t.JSON, f"CAST('{opened}' || {inside}'{closed}' AS JSON)")
