"""SHA512, which DuckDB has not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.sql import types as t
from flows.sql.compile.dispatch import compiles_call, expression
from flows.sql.compile.value import NOTHING, Value
from flows.sql.sha512 import sha512
from flows.sql.shown import shown

if TYPE_CHECKING:
    from sqlglot import exp

    from flows.sql.compile.scope import Scope


@compiles_call("SHA512", fails=False)
def _sha512(name: str, node: exp.Expr, scope: Scope) -> Value:
    if len(node.expressions) != 1:
        return scope.fault(node, f"{name} takes one text, or BYTES: {name}(text).")
    value = expression(node.expressions[0], scope).null_as(t.STRING)
    if value.type == t.UNKNOWN:
        return NOTHING
    if value.type not in (t.STRING, t.BYTES):
        written = shown(node.expressions[0])
        return scope.fault(
            node, f"{name} takes STRING or BYTES, but '{written}' is {value.type}. Write CAST({written} AS STRING)."
        )
    return Value(t.BYTES, sha512(value.sql if value.type == t.BYTES else f"encode({value.sql})"))
