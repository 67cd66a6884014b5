"""Calls that walk through all of JSON: JSON_FLATTEN, JSON_KEYS and JSON_STRIP_NULLS."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.sql import types as t
from flows.sql.compile.dispatch import compiles_call, expression
from flows.sql.compile.json_changes import changed_at, path_of
from flows.sql.compile.options import split
from flows.sql.compile.value import NOTHING, Value
from flows.sql.json_held import DEEPEST, INNER, OPENS, TEXT, elements, held, parts, spelt
from flows.sql.once import as_field, bound, failure, once
from flows.sql.types import quote_text

if TYPE_CHECKING:
    from sqlglot import exp

    from flows.sql.compile.scope import Scope
    from flows.sql.json_found import Step

_INSIDE = {"strict": "FALSE", "lax": "json_type(xitem) = 'OBJECT'", "lax recursive": "TRUE"}
"""Which elements of an ARRAY are looked into, by the mode."""
_WAY = "STRUCT(s VARCHAR, d BIGINT, j JSON)[]"
_NAME, _DEPTH, _KEY = "struct_extract(xone, 's')", "struct_extract(xone, 'd')", "struct_extract(xpart, 'k')"
_COMMA = quote_text(rf"(?s)({TEXT})|,([}}\]])")
"""A text, or a comma behind which nothing comes."""
_DEEPER = failure(f"JSON has more than {DEEPEST} levels, at which the embedded warehouse does not look")


@compiles_call("JSON_KEYS")
def _keys(name: str, node: exp.Expr, scope: Scope) -> Value:
    found = split(name, node, {"mode": t.STRING}, scope)
    if found is None:
        return NOTHING
    items, options = found
    values = [expression(item, scope) for item in items]
    if any(value.type == t.UNKNOWN for value in values):
        return NOTHING
    wanted = (t.JSON, t.INT64)
    values = [value.null_as(want) for value, want in zip(values, wanted, strict=False)] + values[len(wanted) :]
    fits = [value.type == want for value, want in zip(values, wanted, strict=False)]
    mode = options.get("mode", "strict").lower()
    if not 1 <= len(values) <= len(fits) or not all(fits) or mode not in _INSIDE:
        said = f"{name} takes JSON, a number of levels, and a mode, 'strict', 'lax' or 'lax recursive'"
        return scope.fault(node, f"{said}: {name}(json, 2, mode => 'lax').")
    deepest = values[1].sql if len(values) > 1 else "CAST(NULL AS BIGINT)"
    return Value(
        t.array(t.STRING), bound([values[0].sql, deepest], lambda names: _names(name, names[0], names[1], mode))
    )


def _names(name: str, json: str, deepest: str, mode: str) -> str:
    """Return the names in JSON, each once and with those around it, in order.

    A list of ways, each with how many names it has and the JSON at its end, begins with all of the JSON. In each round every object
    and ARRAY at an end gives way to what is in it.
    """
    quoted = f"'\"' || {_KEY} || '\"'"
    own = once(
        spelt(f"replace(replace(CAST(to_json({_KEY}) AS VARCHAR), '\u2028', '\\u2028'), '\u2029', '\\u2029')"),
        lambda text: f"CASE WHEN NOT contains({_KEY}, '.') AND {text} = {quoted} THEN {_KEY} ELSE {text} END",
    )
    named = f"{{'s': coalesce(nullif({_NAME}, '') || '.', '') || {own}, 'd': {_DEPTH} + 1, 'j': struct_extract(xpart, 'v')}}"
    of_object = f"list_transform({parts(INNER)}, lambda xpart: {named})"
    # Below an element of an ARRAY that is not looked into there is nothing, and an ARRAY in it is one.
    of_array = f"list_transform(list_filter({elements(INNER)}, lambda xitem: {_INSIDE[mode]}), lambda xitem: {{'s': {_NAME}, 'd': {_DEPTH}, 'j': {as_field('xitem')}}})"
    itself = f"{{'s': {_NAME}, 'd': {_DEPTH}, 'j': CAST(NULL AS JSON)}}"
    opened = (
        f"CASE WHEN json_type({INNER}) NOT IN ('OBJECT', 'ARRAY') OR {_DEPTH} >= {deepest} THEN [{itself}] "
        f"WHEN json_type({INNER}) = 'OBJECT' THEN list_concat([{itself}], {of_object}) "
        f"WHEN json_type({INNER}) = 'ARRAY' THEN list_concat([{itself}], {of_array}) ELSE [xone] END"
    )
    rounds = f"generate_series(1, least({OPENS.format(json)}, {DEEPEST}))"
    start = f"CAST([{{'s': NULL, 'd': 0, 'j': {json}}}] AS {_WAY})"
    each = f"list_transform({rounds}, lambda xround: CAST([{{'s': NULL, 'd': {as_field('xround')}, 'j': NULL}}] AS {_WAY}))"
    ways = f"list_reduce({each}, lambda xall, xround: flatten(list_transform(xall, lambda xone: {opened})), {start})"
    deeper = f"json_type({INNER}) IN ('OBJECT', 'ARRAY') AND NOT coalesce({_DEPTH} >= {deepest}, FALSE)"
    names = f"list_transform({ways}, lambda xone: CASE WHEN {deeper} THEN {_DEEPER} ELSE {_NAME} END)"
    listed = f"list_sort(list_distinct(list_filter({names}, lambda xname: xname IS NOT NULL)))"
    said = failure(f"{name} of a number of levels that is not positive")
    return f"CASE WHEN {deepest} <= 0 THEN {said} WHEN {json} IS NOT NULL THEN {listed} END"


@compiles_call("JSON_FLATTEN", fails=False)
def _flatten(name: str, node: exp.Expr, scope: Scope) -> Value:
    values = [expression(item, scope).null_as(t.JSON) for item in node.expressions]
    if any(value.type == t.UNKNOWN for value in values):
        return NOTHING
    if [value.type for value in values] != [t.JSON]:
        return scope.fault(node, f"{name} takes one JSON: {name}(json).")
    return Value(t.array(t.JSON), bound([values[0].sql], lambda names: _elements_within(names[0])))


def _elements_within(json: str) -> str:
    """Return what is no ARRAY in JSON, or in ARRAYs of it that stand in one another; in each round every ARRAY gives way to its elements."""
    rounds = f"generate_series(1, least({OPENS.format(json)}, {DEEPEST}))"
    each = f"list_transform({rounds}, lambda xround: CAST([] AS JSON[]))"
    known = f"list_transform({elements('xone')}, lambda xitem: coalesce(xitem, CAST('null' AS JSON)))"
    opened = f"CASE WHEN json_type(xone) = 'ARRAY' THEN {known} ELSE [xone] END"
    found = f"list_reduce({each}, lambda xall, xround: flatten(list_transform(xall, lambda xone: {opened})), CAST([{json}] AS JSON[]))"
    deeper = f"list_transform({found}, lambda xone: CASE WHEN json_type(xone) = 'ARRAY' THEN {_DEEPER} ELSE xone END)"
    return f"CASE WHEN {json} IS NOT NULL THEN {deeper} END"


@compiles_call("JSON_STRIP_NULLS", fails=False)
def _strip_nulls(name: str, node: exp.Expr, scope: Scope) -> Value:
    found = split(name, node, {"include_arrays": t.BOOL, "remove_empty": t.BOOL}, scope)
    if found is None:
        return NOTHING
    items, options = found
    json = expression(items[0], scope).null_as(t.JSON) if items else NOTHING
    path: list[Step] | None = path_of(name, items[1], scope) if len(items) > 1 else []
    if (items and json.type == t.UNKNOWN) or path is None:
        return NOTHING
    if json.type != t.JSON or len(items) > 2:  # noqa: PLR2004 - JSON and perhaps a path
        return scope.fault(node, f"{name} takes JSON and a path: {name}(json, '$.name', remove_empty => TRUE).")
    arrays, empty = options.get("include_arrays") != "false", options.get("remove_empty") == "true"
    return Value(t.JSON, changed_at(json.sql, path, lambda part: _stripped(part, arrays=arrays, empty=empty)))


def _stripped(json: str, *, arrays: bool, empty: bool) -> str:
    """Return the text of JSON without null in its objects, and in its ARRAYs; with `empty` without what has nothing in it too."""
    gone = _without("null", held(json), arrays=arrays)
    if empty:
        rounds = f"generate_series(1, least({OPENS.format(json)}, {DEEPEST}))"
        emptied = _without(r"\{\}|\[\]" if arrays else r"\{\}", "xtext", arrays=arrays)
        gone = f"list_reduce(list_transform({rounds}, lambda xround: ''), lambda xtext, xround: {emptied}, {gone})"
        nothing = "('', '{}', '[]')" if arrays else "('', '{}')"
        gone = f"list_transform([{gone}], lambda xtext: CASE WHEN xtext IN {nothing} THEN 'null' ELSE xtext END)[1]"
    return f"CASE WHEN json_type({json}) IN ('OBJECT', 'ARRAY') THEN {gone} ELSE CAST({json} AS VARCHAR) END"


def _without(what: str, text: str, *, arrays: bool) -> str:
    """Return the text of JSON in one line without what matches as a part of an object, or of an ARRAY where `arrays`."""
    element = f"|(?:{what}),?" if arrays else ""
    removed = f"regexp_replace({text}, {quote_text(f'(?s){TEXT}:(?:{what}),?|({TEXT}){element}')}, '\\1', 'g')"
    return f"regexp_replace({removed}, {_COMMA}, '\\1\\2', 'g')"
