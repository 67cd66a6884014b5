"""What stands beside a call and is none of its own: SAFE. and NET. before it, IGNORE NULLS of an aggregate behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

if TYPE_CHECKING:
    from flows.sql.parse.tree import Nodes

_PREFIXES: dict[str, type[exp.Expr]] = {"SAFE": exp.SafeFunc, "NET": exp.NetFunc}
_OPERATORS = (exp.Binary, exp.Unary, exp.Between)
_ARGUMENTS = {"this", "expressions"}


def join_prefixes(nodes: Nodes) -> bool:
    """Make one call of SAFE. or NET. and the call behind it, which a part of its value parts; say whether there is any.

    The parser takes the prefix for the name of a STRUCT in SAFE.PARSE_JSON(text).name, and for that of a table in
    ARRAY_AGG(SAFE.LN(number) IGNORE NULLS).
    """
    dots = [
        dot
        for dot in nodes.of(exp.Dot)
        if isinstance(dot.this, exp.Identifier)
        and dot.this.name.upper() in _PREFIXES
        and isinstance(dot.expression, exp.Func)
    ]
    for dot in dots:
        dot.replace(_PREFIXES[dot.this.name.upper()](this=dot.expression))
    columns = [
        mark.parent
        for mark in nodes.of(exp.IgnoreNulls, exp.RespectNulls)
        if isinstance(mark.parent, exp.Column) and mark.parent.table.upper() in _PREFIXES
    ]
    for column in columns:
        mark = column.this
        mark.set("this", _PREFIXES[column.table.upper()](this=mark.this))
        column.replace(mark)
    return bool(dots or columns)


def lift_nulls(nodes: Nodes) -> bool:
    """Put IGNORE NULLS around the whole argument of an aggregate that ends with a call; say whether there is any.

    In ARRAY_AGG(a + LN(b) IGNORE NULLS) the parser takes it for a part of LN(b).
    """
    found = False
    for mark in nodes.of(exp.IgnoreNulls, exp.RespectNulls):
        top: exp.Expr = mark
        while isinstance(top.parent, _OPERATORS) and not isinstance(top.parent, exp.Paren):
            top = top.parent
        if top is not mark and not isinstance(top.parent, exp.Ordered) and top.arg_key in _ARGUMENTS:
            mark.replace(mark.this)
            top.replace(type(mark)(this=top.copy()))
            found = True
    return found
