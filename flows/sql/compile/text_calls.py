"""Calls that read and write texts: formats of dates, patterns, JSON."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlglot import exp

from flows.model.types import Type
from flows.sql import types as t
from flows.sql.compile import cast
from flows.sql.compile.apply import apply
from flows.sql.compile.arguments import argument
from flows.sql.compile.convert import converted
from flows.sql.compile.dispatch import compiles_call, expression
from flows.sql.compile.scope import NOTHING, Value
from flows.sql.functions import signatures
from flows.sql.patterns import groups_of, pattern_fault
from flows.sql.shown import shown

if TYPE_CHECKING:
    from flows.sql.compile.scope import Scope


@compiles_call("TIMESTAMP", "DATETIME", "DATE")
def _from_text(name: str, node: exp.Expr, scope: Scope) -> Value | None:
    if len(node.expressions) != 1:
        return None
    item = node.expressions[0]
    value, want = expression(item, scope), Type(name)
    if value.type != t.STRING:
        return apply(name, node, signatures.scalar(name), [(item, value)], scope)
    if value.literal:
        return Value(want, converted(node, value, want, scope))
    if want == t.DATE:
        return scope.fault(node, f"DATE does not take STRING. Write CAST({shown(item)} AS DATE).")
    return Value(want, cast.cast(value.sql, t.STRING, want, f"error('a STRING is no {want}')") or "NULL")


@compiles_call("STRING")
def _string(name: str, node: exp.Expr, scope: Scope) -> Value | None:
    if len(node.expressions) != 1:
        return None
    value = expression(node.expressions[0], scope)
    if value.type not in (t.DATE, t.DATETIME, t.TIMESTAMP, t.TIME, t.UNKNOWN):
        return scope.fault(node, f"{name} does not take {value.type}.{_as_text(node.expressions[0], value)}")
    return Value(t.STRING, cast.cast(value.sql, value.type, t.STRING, "NULL") or "NULL")


def _as_text(node: exp.Expr, value: Value) -> str:
    """Say what gives the text of a value that STRING does not take."""
    if value.type == t.JSON:
        query = isinstance(node, exp.Anonymous) and node.name == "JSON_QUERY"
        return f" Write JSON_VALUE({', '.join(map(shown, node.expressions if query else [node]))})."
    if value.type.element == t.STRING:
        return f" Write ARRAY_TO_STRING({shown(node)}, ', ')."
    return f" Write CAST({shown(node)} AS STRING)." if cast.exists(value.type, t.STRING) else ""


@compiles_call("REGEXP_EXTRACT", "REGEXP_SUBSTR", "REGEXP_EXTRACT_ALL")
def _regexp(name: str, node: exp.Expr, scope: Scope) -> Value:
    if len(node.expressions) != 2:  # noqa: PLR2004 - a text and a pattern
        return scope.unsupported(node, f"{name} with {len(node.expressions)} arguments")
    value, pattern = (
        argument(node.expressions[0], t.STRING, name, scope),
        expression(node.expressions[1], scope),
    )
    if t.UNKNOWN in (value.type, pattern.type):
        return NOTHING
    if not pattern.literal:
        return scope.unsupported(node, f"{name} with a pattern that is no literal")
    groups = _groups(node, scope)
    if groups is None:
        return NOTHING
    if groups > 1:
        return scope.fault(node, f"{name} takes a pattern with at most one group. Write (?:...) for the others.")
    if name == "REGEXP_EXTRACT_ALL":
        return Value(t.array(t.STRING), f"regexp_extract_all({value.sql}, {pattern.sql}, {groups})")
    sql = f"CASE WHEN regexp_matches({value.sql}, {pattern.sql}) THEN regexp_extract({value.sql}, {pattern.sql}, {groups}) END"
    return Value(t.STRING, sql)


@compiles_call("REGEXP_CONTAINS", "REGEXP_REPLACE")
def _plain_regexp(_: str, node: exp.Expr, scope: Scope) -> Value | None:
    return NOTHING if _groups(node, scope) is None else None


def _groups(node: exp.Expr, scope: Scope) -> int | None:
    """Return how many groups a call's pattern has, where it is a literal; None where it has a fault."""
    pattern = node.expressions[1] if len(node.expressions) > 1 else None
    if not isinstance(pattern, exp.Literal) or not pattern.is_string:
        return 0
    reason = pattern_fault(pattern.name)
    if reason is None:
        return groups_of(pattern.name)
    scope.fault(pattern, f"'{pattern.name[:60]}' is not a regular expression (RE2): {reason[:200]}.")
    return None


@compiles_call("JSON_VALUE", "JSON_EXTRACT_SCALAR", "JSON_QUERY")
def _json(name: str, node: exp.Expr, scope: Scope) -> Value:
    value = expression(node.expressions[0], scope)
    path = (
        expression(node.expressions[1], scope)
        if len(node.expressions) > 1
        else Value(t.STRING, "'$'", literal=True, constant="$")
    )
    if t.UNKNOWN in (value.type, path.type):
        return Value(t.STRING, "NULL")
    if not path.literal or not re.fullmatch(r"\$(\.[A-Za-z_][A-Za-z0-9_]*|\[[0-9]+\])*", str(path.constant)):
        return scope.unsupported(node, f"{name} with the path '{shown(node.expressions[-1])}'")
    if value.type not in (t.STRING, t.JSON):
        return scope.fault(node, f"{name} takes JSON or STRING, but '{shown(node.expressions[0])}' is {value.type}.")
    if name == "JSON_QUERY":
        if value.type != t.JSON:
            return scope.unsupported(node, "JSON_QUERY of a STRING")
        return Value(t.JSON, f"json_extract({value.sql}, {path.sql})")
    scalar = f"json_type({value.sql}, {path.sql}) NOT IN ('OBJECT', 'ARRAY', 'NULL')"
    return Value(t.STRING, f"CASE WHEN {scalar} THEN json_extract_string({value.sql}, {path.sql}) END")
