"""GoogleSQL to DuckDB, where a plain transpilation means something else."""

from __future__ import annotations

from sqlglot import exp

from flows.model.errors import SqlError, SqlFault


def rewrite(query: exp.Query) -> exp.Expr:
    """Return a copy of a query that means in DuckDB what it means in GoogleSQL."""
    rewritten: exp.Expr = query.copy()
    for rule in RULES:
        rewritten = rewritten.transform(rule, copy=False)
    return rewritten


def _decimals(node: exp.Expr) -> exp.Expr:
    """NUMERIC is DECIMAL(38, 9), never DuckDB's default of (18, 3)."""
    if isinstance(node, exp.DataType) and not node.expressions:
        if node.is_type("decimal"):
            return exp.DataType.build("DECIMAL(38, 9)")
        if node.is_type("bigdecimal"):
            return exp.DataType.build("DECIMAL(38, 18)")
    return node


def _countif(node: exp.Expr) -> exp.Expr:
    """COUNTIF over no rows is 0."""
    if isinstance(node, exp.CountIf) and not isinstance(node.parent, exp.Coalesce):
        return exp.Coalesce(this=node.copy(), expressions=[exp.Literal.number(0)])
    return node


def _division(node: exp.Expr) -> exp.Expr:
    """Division by zero is an error, and NUMERIC stays exact or is refused."""
    if isinstance(node, exp.Div):
        if any(side.type and side.type.is_type("decimal", "bigdecimal") for side in (node.this, node.expression)):
            raise SqlError([SqlFault(1, "a division of NUMERIC is not supported by the embedded warehouse yet")])
        divisor = node.expression.copy()
        zero = exp.EQ(this=exp.paren(divisor), expression=exp.Literal.number(0))
        message = exp.Anonymous(this="error", expressions=[exp.Literal.string("division by zero")])
        safe = exp.Case().when(zero, exp.cast(message, "double")).else_(divisor.copy())
        return exp.Anonymous(this="divide", expressions=[node.this.copy(), safe])
    return node


def _averages(node: exp.Expr) -> exp.Expr:
    if isinstance(node, exp.Avg) and node.this.type and node.this.type.is_type("decimal", "bigdecimal"):
        raise SqlError([SqlFault(1, "AVG of NUMERIC is not supported by the embedded warehouse yet")])
    return node


RULES = (_averages, _division, _countif, _decimals)
