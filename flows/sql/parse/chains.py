"""Comparisons side by side, which GoogleSQL takes in brackets alone: `a = b = c`, `x BETWEEN 1 AND 2 IS TRUE`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot.tokenizer_core import Token, TokenType

from flows.model.errors import Fault, SqlError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_K = TokenType
_SIGNS = {_K.EQ, _K.NEQ, _K.LT, _K.LTE, _K.GT, _K.GTE}
_COMPARES = {*_SIGNS, _K.LIKE, _K.IN, _K.BETWEEN, _K.IS}
_OPENS = {_K.L_PAREN, _K.L_BRACKET, _K.CASE}
_CLOSES = {_K.R_PAREN, _K.R_BRACKET, _K.END}
_BEGINS = {
    *(_K.AND, _K.OR, _K.NOT, _K.COMMA, _K.SELECT, _K.FROM, _K.WHERE, _K.HAVING, _K.QUALIFY, _K.ON, _K.JOIN, _K.USING),
    *(_K.WHEN, _K.THEN, _K.ELSE, _K.GROUP_BY, _K.ORDER_BY, _K.PARTITION_BY, _K.LIMIT, _K.WINDOW, _K.UNION, _K.EXCEPT),
    *(_K.INTERSECT, _K.ROWS, _K.RANGE, _K.FOR, _K.ALIAS),
}
"""What begins a value of its own."""
_BEFORE_NO_NOT = {*_SIGNS, _K.BETWEEN, _K.DPIPE}
_WORDS = _COMPARES | _OPENS | _CLOSES | _BEGINS
_OF_TYPES = {"ARRAY", "STRUCT", "RANGE"}
_BEHIND_NOT = {_K.LIKE, _K.IN, _K.BETWEEN}


def refuse_chains(sql: str, tokens: Sequence[Token]) -> None:
    """Refuse a comparison that has another one, or NOT, on its side. Raises SqlError."""
    around: list[tuple[Token | None, bool]] = []
    first: Token | None = None
    between = False
    for at, token in _words(tokens):
        kind, before = token.token_type, tokens[at - 1].token_type if at else None
        if kind in _OPENS:
            around.append((first, between))
            first, between = None, False
        elif kind in _CLOSES:
            first, between = around.pop() if around else (None, False)
        elif kind == _K.BETWEEN and before in {_K.ROWS, _K.RANGE}:
            between = True
        elif kind in _COMPARES and first is not None:
            one, other = (_written(sql, each) for each in (first, token))
            raise _fault(
                token,
                f"two comparisons stand side by side: '{one}' and '{other}'. Write brackets around one of them, or AND between them.",
            )
        elif kind in _COMPARES:
            first, between = token, kind == _K.BETWEEN
        elif kind == _K.AND and between and (at + 1 == len(tokens) or tokens[at + 1].token_type != _K.NOT):
            between = False
        elif kind == _K.NOT and (before in _BEFORE_NO_NOT or between):
            raise _fault(
                token, f"NOT stands behind '{_written(sql, tokens[at - 1])}' without brackets. Write (NOT condition)."
            )
        elif not _goes_on(tokens, at):
            first = None


def _words(tokens: Sequence[Token]) -> Iterator[tuple[int, Token]]:
    """Give the words and signs that matter, but for names, the brackets of types, and `<<`."""
    types = 0
    for at, token in enumerate(tokens):
        kind = token.token_type
        if kind not in _WORDS or (at and tokens[at - 1].token_type == _K.DOT):
            continue
        if kind == _K.LT and at and tokens[at - 1].text.upper() in _OF_TYPES:
            types += 1
        elif kind == _K.GT and types:
            types -= 1
        elif not _shifts(tokens, at):
            yield at, token


def _fault(token: Token, message: str) -> SqlError:
    return SqlError([Fault(token.line, f"syntax error: {message}")])


def _shifts(tokens: Sequence[Token], at: int) -> bool:
    """Say whether a sign is one half of `<<` or `>>`."""
    token = tokens[at]
    if token.token_type not in {_K.LT, _K.GT}:
        return False
    beside = [*tokens[at + 1 : at + 2], *tokens[max(at - 1, 0) : at]]
    return any(one.token_type == token.token_type and abs(one.start - token.start) == 1 for one in beside)


def _goes_on(tokens: Sequence[Token], at: int) -> bool:
    """Say whether a word belongs to a comparison: NOT LIKE, IS NOT, IS DISTINCT FROM."""
    kind, before = tokens[at].token_type, tokens[at - 1].token_type if at else None
    if kind == _K.NOT:
        return before == _K.IS or (at + 1 < len(tokens) and tokens[at + 1].token_type in _BEHIND_NOT)
    return kind == _K.FROM and before == _K.DISTINCT


def _written(sql: str, token: Token) -> str:
    return sql[token.start : token.end + 1].upper()
