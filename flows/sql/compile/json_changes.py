"""Calls that change JSON at a place: JSON_SET and JSON_REMOVE."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sqlglot import exp

from flows.sql import types as t
from flows.sql.compile import json_texts
from flows.sql.compile.dispatch import compiles_call, expression
from flows.sql.compile.json_paths import example, steps_of
from flows.sql.compile.value import NOTHING, Value
from flows.sql.json_found import written
from flows.sql.json_held import elements, parts
from flows.sql.once import bound
from flows.sql.shown import shown
from flows.sql.types import quote_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flows.sql.compile.scope import Scope
    from flows.sql.json_found import Step

_MOST_PLACE = 1000


@compiles_call("JSON_SET", fails=False)
def _set(name: str, node: exp.Expr, scope: Scope) -> Value:
    items, creates = list(node.expressions), True
    if items and isinstance(items[-1], exp.Kwarg):
        option = items.pop()
        written = expression(option.expression, scope)
        if option.this.name.lower() != "create_if_missing" or written.type != t.BOOL or not written.literal:
            return scope.fault(option, f"{name} takes create_if_missing => FALSE behind its paths and values.")
        creates = written.sql.upper() == "TRUE"
    found = expression(items[0], scope)
    paths = [_path(name, item, scope) for item in items[1::2]]
    values = [expression(item, scope) for item in items[2::2]]
    if t.UNKNOWN in {found.type, *(value.type for value in values)} or None in paths:
        return NOTHING
    if found.type != t.JSON or not values or len(paths) != len(values):
        return scope.fault(node, f"{name} takes JSON, and paths and values by turns: {name}(json, '$.name', value).")
    sql = found.sql
    for item, path, value in zip(items[2::2], paths, values, strict=True):
        text = json_texts.written(value.sql, value.type, wide=True)
        if text is None:
            return scope.unsupported(item, f"{name} of an INTERVAL")
        sql = _with(sql, path or [], text, creates=creates)
    return Value(t.JSON, sql)


@compiles_call("JSON_REMOVE", fails=False)
def _remove(name: str, node: exp.Expr, scope: Scope) -> Value:
    found = expression(node.expressions[0], scope)
    paths = [_path(name, item, scope) for item in node.expressions[1:]]
    if found.type == t.UNKNOWN or None in paths:
        return NOTHING
    if found.type != t.JSON or not paths or [] in paths:
        return scope.fault(node, f"{name} takes JSON and paths of its parts: {name}(json, '$.name').")
    sql = found.sql
    for path in paths:
        sql = _without(sql, path or [])
    return Value(t.JSON, sql)


def _path(name: str, item: exp.Expr, scope: Scope) -> list[Step] | None:
    """Return the steps of a path that is written down, or note a fault."""
    value = expression(item, scope)
    if value.type == t.UNKNOWN:
        return None
    steps = steps_of(value.constant, name)
    if steps is None or any(isinstance(step, int) and step > _MOST_PLACE for step in steps):
        scope.fault(
            item, f"{name} with the path '{shown(item)}' is not supported. Write a literal such as {example(name)}."
        )
        return None
    return steps


def _with(json: str, path: Sequence[Step], text: str, *, creates: bool) -> str:
    """Return JSON with a text of JSON at a path; without `creates` only where it has something there."""
    there = "{0} IS NOT NULL" if creates else f"json_exists({{0}}, {quote_text(written(path))})"

    def changed(names: Sequence[str]) -> str:
        value, put = names
        return f"CASE WHEN {there.replace('{0}', value)} THEN {_put(value, path, put)} ELSE {value} END"

    return bound([json, text], changed)


def _without(json: str, path: Sequence[Step]) -> str:
    """Return JSON without what it has at a path."""
    return bound([json], lambda names: _removed(names[0], path))


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
        with_it = (
            f"list_transform({filled}, lambda xone, xplace: CASE WHEN xplace = {step + 1} THEN {{0}} ELSE xone END)"
        )
        changed = bound([inner], lambda names: _array(with_it.replace("{0}", names[0])))
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
