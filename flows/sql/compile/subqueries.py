"""Queries inside expressions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from flows.sql import types as t
from flows.sql.compile.dispatch import compiles, query
from flows.sql.compile.value import NOTHING, Value

if TYPE_CHECKING:
    from flows.sql.compile.scope import Scope


@compiles(exp.Subquery, reads=("with_", "order", "limit", "offset"))
def _scalar(node: exp.Subquery, scope: Scope) -> Value:
    relation = query(node, scope.inner())
    if relation.anything:
        return NOTHING
    if len(relation.columns) != 1:
        return scope.fault(
            node, f"a query inside an expression gives one column; this one gives {len(relation.columns)}."
        )
    value = relation.columns[0][1]
    return Value(value.type, f"({relation.sql})", bound=value.bound)


@compiles(exp.Exists)
def _exists(node: exp.Exists, scope: Scope) -> Value:
    relation = query(node.this, scope.inner())
    scope.context.exists[id(node)] = relation.requires
    return Value(t.BOOL, f"EXISTS ({relation.sql})")
