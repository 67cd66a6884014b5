"""WITH(name AS value, ..., result): values with names, of which a last one is made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from flows.sql import types as t
from flows.sql.compile.dispatch import compiles_call, expression
from flows.sql.compile.scope import Let
from flows.sql.functions import signatures
from flows.sql.parse.tree import call_name

if TYPE_CHECKING:
    from flows.sql.compile.scope import Scope
    from flows.sql.compile.value import Value


@compiles_call("WITH", fails=False)
def _with(_: str, node: exp.Expr, scope: Scope) -> Value:
    *named, last = node.expressions
    if (
        not named
        or isinstance(last, exp.Kwarg)
        or not all(isinstance(one, exp.Kwarg) and not one.name[:1].isdigit() for one in named)
    ):
        return scope.fault(
            node, "WITH(...) takes names with their values and what is made of them: WITH(a AS 1, a + 1)."
        )
    around, row = scope.lets, f"xw{len(scope.lets or ())}"
    held: list[str] = []
    waiting: dict[str, tuple[str, Let]] = {}
    rows = ""
    for place, one in enumerate(named, 1):
        let, name = _named(one.expression, scope, node), one.name.lower()
        if name in (other.name.lower() for other in named[: place - 1]):
            scope.fault(one, f"WITH(...) names '{one.name}' twice. Give one of them another name.")
        scope.lets = {**(scope.lets or {}), name: let}
        waiting[f"_{place}"] = name, let
        # DuckDB takes no query, aggregate and function of a window inside a lambda: none may follow, and those before stand outside.
        if not any(_is_of_rows(part) for item in node.expressions[place:] for part in item.walk()):
            # One lambda behind the other: of what is inside of others DuckDB takes long to find the types.
            fields = {key: f"struct_extract({row}, '{key}')" for key in (*held, *waiting)}
            given = fields | {key: let.value.sql for key, (_, let) in waiting.items()}
            listed = ", ".join(f"'{key}': {sql}" for key, sql in given.items())
            rows = f"list_transform({rows}, lambda {row}: {{{listed}}})" if rows else f"[{{{listed}}}]"
            told = {
                name: let._replace(value=let.value._replace(sql=fields[key])) for key, (name, let) in waiting.items()
            }
            scope.lets = {**scope.lets, **told}
            held, waiting = [*held, *waiting], {}
    result = expression(last, scope)
    scope.lets = around
    sql = f"list_extract(list_transform({rows}, lambda {row}: {result.sql}), 1)" if rows else result.sql
    return result._replace(type=t.given(result.type), sql=sql, literal=False, constant=None, fields=())


def _is_of_rows(node: exp.Expr) -> bool:
    return isinstance(node, exp.Query | exp.Window | exp.Grouping) or bool(signatures.aggregate(call_name(node) or ""))


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
