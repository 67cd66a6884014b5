"""Calls that change JSON at a place: JSON_SET, JSON_REMOVE, JSON_ARRAY_APPEND and JSON_ARRAY_INSERT."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from flows.sql import types as t
from flows.sql.compile import json_texts
from flows.sql.compile.dispatch import compiles_call, expression
from flows.sql.compile.joined import joined
from flows.sql.compile.json_paths import example, steps_of
from flows.sql.compile.options import split
from flows.sql.compile.value import NOTHING, Value
from flows.sql.json_found import written
from flows.sql.json_held import elements, parts
from flows.sql.once import bound
from flows.sql.shown import shown
from flows.sql.types import quote_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlglot import exp

    from flows.sql.compile.scope import Scope
    from flows.sql.json_found import Step

_MOST_PLACE = 1000


@compiles_call("JSON_SET", fails=False)
def _set(name: str, node: exp.Expr, scope: Scope) -> Value:
    creates = "create_if_missing"
    given = _given(name, node, creates, scope)
    if given is None:
        return NOTHING
    sql, changes, options = given
    for path, _, text in changes:
        sql = _with(sql, path, text, creates=options.get(creates) != "false")
    return Value(t.JSON, sql)


@compiles_call("JSON_ARRAY_APPEND", "JSON_ARRAY_INSERT", fails=False)
def _more(name: str, node: exp.Expr, scope: Scope) -> Value:
    appends = name == "JSON_ARRAY_APPEND"
    option = "append_each_element" if appends else "insert_each_element"
    given = _given(name, node, option, scope)
    if given is None:
        return NOTHING
    sql, changes, options = given
    for path, value, text in changes:
        each = value.type.element is not None and options.get(option) != "false"
        if appends:
            sql = _longer(sql, path, None, text, each=each)
        elif path and isinstance(path[-1], int):
            sql = _longer(sql, path[:-1], path[-1], text, each=each)
    return Value(t.JSON, sql)


@compiles_call("JSON_REMOVE", fails=False)
def _remove(name: str, node: exp.Expr, scope: Scope) -> Value:
    found = expression(node.expressions[0], scope).null_as(t.JSON)
    paths = [path_of(name, item, scope) for item in node.expressions[1:]]
    if found.type == t.UNKNOWN or None in paths:
        return NOTHING
    if found.type != t.JSON or not paths or [] in paths:
        return scope.fault(node, f"{name} takes JSON and paths of its parts: {name}(json, '$.name').")
    sql = found.sql
    for path in paths:
        sql = _without(sql, path or [])
    return Value(t.JSON, sql)


def _given(
    name: str, node: exp.Expr, option: str, scope: Scope
) -> tuple[str, list[tuple[list[Step], Value, str]], dict[str, str]] | None:
    """Return the JSON of a call, its paths with a value and its text of JSON each, and its option; or note a fault."""
    found = split(name, node, {option: t.BOOL}, scope)
    if found is None:
        return None
    items, options = found
    json = expression(items[0], scope).null_as(t.JSON) if items else NOTHING
    paths = [path_of(name, item, scope) for item in items[1::2]]
    values = [expression(item, scope) for item in items[2::2]]
    if items and (t.UNKNOWN in {json.type, *(value.type for value in values)} or None in paths):
        return None
    if json.type != t.JSON or not values or len(paths) != len(values):
        path = "'$.name[0]'" if name == "JSON_ARRAY_INSERT" else "'$.name'"
        scope.fault(node, f"{name} takes JSON, and paths and values by turns: {name}(json, {path}, value).")
        return None
    written = [json_texts.written(value.sql, value.type) for value in values]
    steps = [path or [] for path in paths]
    return json.sql, list(zip(steps, values, written, strict=True)), options


def path_of(name: str, item: exp.Expr, scope: Scope) -> list[Step] | None:
    """Return the steps of a path that is written down, or note a fault."""
    value = expression(joined(item), scope)
    if value.type == t.UNKNOWN:
        return None
    steps = steps_of(value.constant, name)
    if steps is None or any(isinstance(step, int) and step > _MOST_PLACE for step in steps):
        scope.fault(
            item, f"{name} with the path {shown(item)} is not supported. Write a literal such as {example(name)}."
        )
        return None
    return steps


def _with(json: str, path: Sequence[Step], text: str, *, creates: bool) -> str:
    """Return JSON with a text of JSON at a path; without `creates` only where it has something there."""

    def changed(names: Sequence[str]) -> str:
        value, put = names
        there = f"{value} IS NOT NULL" if creates else f"json_exists({value}, {quote_text(written(path))})"
        return f"CASE WHEN {there} THEN {_put(value, path, put)} ELSE {value} END"

    return bound([json, text], changed)


def _without(json: str, path: Sequence[Step]) -> str:
    """Return JSON without what it has at a path."""
    return bound([json], lambda names: _removed(names[0], path))


def _longer(json: str, path: Sequence[Step], place: int | None, text: str, *, each: bool) -> str:
    """Return JSON with a text of JSON, or each element of it, in the ARRAY at a path, before a place or behind all others.

    Where the path leads to null, that is an ARRAY of nothing; where to anything else, or nowhere, all stays as it is.
    """

    def changed(names: Sequence[str]) -> str:
        value, put = names
        old = f"list_transform(coalesce({elements('xat')}, CAST([] AS JSON[])), lambda xold: CAST(xold AS VARCHAR))"
        new = f"CASE WHEN {put} = '[]' THEN CAST([] AS VARCHAR[]) ELSE [substr({put}, 2, length({put}) - 2)] END"
        new = new if each else f"[{put}]"
        if place is None:
            listed = f"list_concat({old}, {new})"
        else:
            # As many are added as are missing before the place; in front of nothing one more.
            least = f"{place} + CASE WHEN {put} = '[]' THEN 1 ELSE 0 END" if each else str(place)
            missing = f"list_transform(generate_series(len(xall) + 1, {least}), lambda xmissing: 'null')"
            whole = f"list_transform([{old}], lambda xall: list_concat(xall, {missing}))[1]"
            parts = f"list_concat(list_slice(xfull, 1, {place}), {new}, list_slice(xfull, {place + 1}, len(xfull)))"
            listed = f"list_transform([{whole}], lambda xfull: {parts})[1]"
        known = f" AND {put} <> 'null'" if each else ""
        made = f"CASE WHEN json_type(xat) IN ('ARRAY', 'NULL'){known} THEN '[' || array_to_string({listed}, ',') || ']' END"
        return changed_at(value, path, lambda part: f"list_transform([{part}], lambda xat: {made})[1]")

    return bound([json, text], changed)


def changed_at(json: str, path: Sequence[Step], of: Callable[[str], str]) -> str:
    """Return JSON with the text that `of` gives for what is at a path; as it is where that is NULL, or nothing is there."""

    def changed(names: Sequence[str]) -> str:
        [value] = names
        part = f"json_extract({value}, {quote_text(written(path))})"
        text = bound([part], lambda parts: f"CASE WHEN {parts[0]} IS NOT NULL THEN {of(parts[0])} END")
        put = bound([text], lambda texts: f"CASE WHEN {texts[0]} IS NOT NULL THEN {_put(value, path, texts[0])} END")
        return f"coalesce({put}, {value})"

    return bound([json], changed)


def _put(value: str, path: Sequence[Step], text: str) -> str:
    """Return JSON with a text of JSON at a path, where what is NULL or missing on the way becomes an object or an ARRAY."""
    if not path:
        return f"CAST({text} AS JSON)"
    step, *rest = path
    inner = bound([_part(value, step)], lambda names: _put(names[0], rest, text))
    absent = f"coalesce(json_type({value}), 'NULL') = 'NULL'"
    if isinstance(step, int):
        listed = f"coalesce({elements(value)}, CAST([] AS JSON[]))"
        filled = f"list_concat({listed}, list_transform(generate_series(len({listed}), {step}), lambda xmissing: CAST('null' AS JSON)))"

        def with_it(names: Sequence[str]) -> str:
            one = f"CASE WHEN xplace = {step + 1} THEN {names[0]} ELSE xone END"
            return _array(f"list_transform({filled}, lambda xone, xplace: {one})")

        changed = bound([inner], with_it)
        return f"CASE WHEN {absent} OR json_type({value}) = 'ARRAY' THEN {changed} ELSE {value} END"
    others = f"coalesce({_others(value, step)}, CAST([] AS VARCHAR[]))"
    changed = _object(
        f"list_append({others}, {quote_text(json.dumps(step, ensure_ascii=False) + ':')} || CAST({inner} AS VARCHAR))"
    )
    return f"CASE WHEN {absent} OR json_type({value}) = 'OBJECT' THEN {changed} ELSE {value} END"


def _removed(value: str, path: Sequence[Step]) -> str:
    step, *rest = path
    if isinstance(step, int):
        kept = _array(f"list_filter({elements(value)}, lambda xone, xplace: xplace <> {step + 1})")
    else:
        kept = _object(_others(value, step))
    if rest:
        inner = bound([_part(value, step)], lambda names: _removed(names[0], rest))
        kept = _put(value, [step], f"CAST({inner} AS VARCHAR)")
    there = (
        f"json_type({value}) = '{'ARRAY' if isinstance(step, int) else 'OBJECT'}' AND {_part(value, step)} IS NOT NULL"
    )
    return f"CASE WHEN {there} THEN {kept} ELSE {value} END"


def _part(value: str, step: Step) -> str:
    return f"json_extract({value}, {quote_text(written([step]))})"


def _others(value: str, name: str) -> str:
    """Return the parts of an object beside one as a list of texts."""
    kept = f"list_filter({parts(value)}, lambda xone: struct_extract(xone, 'k') <> {quote_text(name)})"
    return f"list_transform({kept}, lambda xone: to_json(struct_extract(xone, 'k')) || ':' || CAST(struct_extract(xone, 'v') AS VARCHAR))"


def _object(texts: str) -> str:
    return f"CAST('{{' || array_to_string({texts}, ',') || '}}' AS JSON)"


def _array(elements: str) -> str:
    texts = f"list_transform({elements}, lambda xitem: CAST(xitem AS VARCHAR))"
    return f"CAST('[' || array_to_string({texts}, ',') || ']' AS JSON)"
