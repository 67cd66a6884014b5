"""POW: a NUMERIC by 2 is its product with itself, exactly; what else there is the table of functions knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.sql import types as t
from flows.sql.compile.apply import apply
from flows.sql.compile.dispatch import compiles_call, expression
from flows.sql.compile.value import Value
from flows.sql.decimals import multiply_numeric
from flows.sql.functions import signatures
from flows.sql.once import bound

if TYPE_CHECKING:
    from sqlglot import exp

    from flows.sql.compile.scope import Scope

_SQUARE = 2


@compiles_call("POW", "POWER")
def _power(name: str, node: exp.Expr, scope: Scope) -> Value:
    given = [(item, expression(item, scope)) for item in node.expressions]
    if [value.type for _, value in given] == [t.NUMERIC, t.INT64] and given[1][1].constant == _SQUARE:
        return Value(t.NUMERIC, bound([given[0][1].sql], lambda names: multiply_numeric(names[0], names[0])))
    return apply(name, node, signatures.scalar(name), given, scope)
