"""WITH(name AS value, ..., result): values with names, of which a last one is made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from flows.sql import types as t
from flows.sql.compile.dispatch import compiles_call, expression
from flows.sql.compile.scope import Let

if TYPE_CHECKING:
    from flows.sql.compile.scope import Scope
    from flows.sql.compile.value import Value


@compiles_call("WITH", fails=False)
def _with(_: str, node: exp.Expr, scope: Scope) -> Value:
    *given, last = node.expressions
    if not given or isinstance(last, exp.Kwarg) or not all(isinstance(one, exp.Kwarg) for one in given):
        return scope.fault(
            node, "WITH(...) takes names with their values and what is made of them: WITH(a AS 1, a + 1)."
        )
    around, named = scope.lets, set[str]()
    for one in given:
        let = _named(one.expression, scope, node)
        if one.name.lower() in named:
            scope.fault(one, f"WITH(...) names '{one.name}' twice. Give one of them another name.")
        named.add(one.name.lower())
        scope.lets = {**(scope.lets or {}), one.name.lower(): let}
    result = expression(last, scope)
    scope.lets = around
    return result._replace(type=t.given(result.type), literal=False, constant=None, fields=())


def _named(node: exp.Expr, scope: Scope, around: exp.Expr) -> Let:
    """Compile a value that gets a name: it has the type that it has alone, and turns into no other."""
    before = scope.aggregated, scope.windowed
    scope.aggregated = scope.windowed = False
    value = expression(node, scope)
    of_rows = scope.aggregated or scope.windowed
    scope.aggregated, scope.windowed = before[0] or scope.aggregated, before[1] or scope.windowed
    type_ = t.given(value.type)
    sql = value.sql if type_ == value.type else f"CAST({value.sql} AS {t.duckdb_type(type_)})"
    return Let(value._replace(type=type_, sql=sql, literal=False, constant=None, fields=(), sum=None), around, of_rows)
