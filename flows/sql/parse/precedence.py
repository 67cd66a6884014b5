"""Operators as GoogleSQL binds them: `||` before `+`, shifts before `&`, then `^`, then `|`. The parser takes some as they come."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

if TYPE_CHECKING:
    from collections.abc import Iterator

_LEVELS: tuple[tuple[type[exp.Expr], ...], ...] = (
    (exp.Mul, exp.Div),
    (exp.DPipe,),
    (exp.Add, exp.Sub),
    (exp.BitwiseLeftShift, exp.BitwiseRightShift),
    (exp.BitwiseAnd,),
    (exp.BitwiseXor,),
    (exp.BitwiseOr,),
)
_OPERATORS = tuple(kind for level in _LEVELS for kind in level)
_AS_THEY_COME: tuple[type[exp.Expr], ...] = (exp.DPipe, *(kind for level in _LEVELS[3:] for kind in level))
"""Those that the parser binds behind all others, and among themselves from left to right."""


def bind(tree: exp.Expr) -> None:
    """Put the operators of each chain in the order in which GoogleSQL applies them."""
    for node in list(tree.find_all(*_AS_THEY_COME)):
        if not isinstance(node.parent, _AS_THEY_COME):
            _bind(node)


def _bind(top: exp.Expr) -> None:
    values: list[exp.Expr] = []
    signs: list[exp.Expr] = []
    for one in _chain(top):
        (signs if len(signs) < len(values) else values).append(one)
    if len({type(one) for one in signs}) < 2:  # noqa: PLR2004 - one operator binds as it comes
        return
    place_of_top = exp.Placeholder()
    top.replace(place_of_top)
    for level in _LEVELS:
        place = 0
        while place < len(signs):
            if isinstance(signs[place], level):
                sign = signs.pop(place)
                sign.set("this", values[place])
                sign.set("expression", values.pop(place + 1))
                values[place] = sign
            else:
                place += 1
    (bound,) = values
    place_of_top.replace(bound)


def _chain(node: exp.Expr) -> Iterator[exp.Expr]:
    """Give the values and operators of a chain without parentheses by turns, as they are written."""
    operators: list[exp.Expr] = []
    while isinstance(node, _OPERATORS):
        operators.append(node)
        node = node.this
    yield node
    for one in reversed(operators):
        yield one
        yield from _chain(one.expression)
