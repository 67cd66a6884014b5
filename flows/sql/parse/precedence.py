"""Operators of bits as GoogleSQL binds them: shifts before `&`, then `^`, then `|`. The parser takes them as they come."""

from __future__ import annotations

from sqlglot import exp

_LEVELS: tuple[tuple[type[exp.Expr], ...], ...] = (
    (exp.BitwiseLeftShift, exp.BitwiseRightShift),
    (exp.BitwiseAnd,),
    (exp.BitwiseXor,),
    (exp.BitwiseOr,),
)
BITWISE = tuple(kind for level in _LEVELS for kind in level)


def bind(tree: exp.Expr) -> None:
    """Put the operators of each chain in the order in which GoogleSQL applies them."""
    for node in list(tree.find_all(*BITWISE)):
        if not (isinstance(node.parent, BITWISE) and node.arg_key == "this"):
            _bind(node)


def _bind(top: exp.Expr) -> None:
    chain: list[exp.Expr] = []
    node = top
    while isinstance(node, BITWISE):
        chain.insert(0, node)
        node = node.this
    if len({type(one) for one in chain}) < 2:  # noqa: PLR2004 - one operator binds as it comes
        return
    values, signs = [node, *(one.expression for one in chain)], [type(one) for one in chain]
    for level in _LEVELS:
        place = 0
        while place < len(signs):
            if signs[place] in level:
                joined = signs.pop(place)(this=values[place], expression=values.pop(place + 1))
                values[place] = joined
            else:
                place += 1
    (bound,) = values
    top.replace(bound)
