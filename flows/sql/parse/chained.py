"""Calls that follow their first argument, put before it: `(name).UPPER()`, `(name).(SAFE.LEFT)(3)`."""

from __future__ import annotations

from itertools import compress, count, pairwise
from operator import attrgetter
from typing import TYPE_CHECKING

from sqlglot.tokenizer_core import Token, TokenType

from flows.model.errors import Fault, SqlError
from flows.sql.parse.spelling import TEXTS, behind
from flows.sql.parse.words import NO_CALLS, PREFIX, RESERVED

if TYPE_CHECKING:
    from collections.abc import Sequence

_L, _R, _DOT = TokenType.L_PAREN, TokenType.R_PAREN, TokenType.DOT
_DOTS = {_DOT}
_kind = attrgetter("token_type")
_OPENS, _CLOSES = {_L, TokenType.L_BRACKET}, {_R, TokenType.R_BRACKET}
_BEHIND_VALUE = {_R, TokenType.ORDER_BY, TokenType.LIMIT, TokenType.HAVING}
_WORDS_BEHIND_VALUE = {"IGNORE", "RESPECT"}
_ALONE = {"ALL", "ARRAY", "DISTINCT", "GROUPING", "LIKE", "STRUCT"}
"""What looks like a call, and takes nothing that stands before it."""
_CALLED_ALL_THE_SAME = (RESERVED - NO_CALLS) | {"CAST", "EXTRACT", "ARRAY", "STRUCT"}


def calls_first(tokens: list[Token]) -> list[Token]:
    """Return the words of a query with each call before its first argument. Raises SqlError."""
    kinds = [*map(_kind, tokens)]
    if not any(_L in kinds[dot + 1 : dot + 3] for dot in compress(count(), map(_DOTS.__contains__, kinds))):
        return tokens
    found: list[Token] = []
    at = 0
    while at < len(tokens):
        name, opened = _called(tokens, at)
        begins = _value_before(found) if name else len(found)
        if begins == len(found):
            found.append(tokens[at])
            at += 1
            continue
        _refuse_alone(name[-1])
        value, at = found[begins:], opened + 1
        distinct = tokens[at : at + 1] if at < len(tokens) and tokens[at].token_type == TokenType.DISTINCT else []
        at += len(distinct)
        after = tokens[at] if at < len(tokens) else tokens[opened]
        alone = after.token_type in _BEHIND_VALUE or after.text.upper() in _WORDS_BEHIND_VALUE
        comma = [] if alone else [Token(TokenType.COMMA, ",", after.line, after.col, after.start, after.end)]
        found[begins:] = [*name, tokens[opened], *distinct, *value, *comma]
    return found


def written_first(sql: str, tokens: list[Token]) -> str:
    """Return a query, of these words, with each call before its first argument; all else stays as it is, comments too.

    What follows a call stays on its line, of which messages of a warehouse speak.
    """
    moved = calls_first(tokens)
    if moved == tokens:
        return sql
    before = {one.start: other.end + 1 for other, one in pairwise(tokens)}
    text, lines = "", 0
    latest = len(sql)
    placed = [latest > (latest := min(latest, token.start)) for token in reversed(moved)]
    for token, is_placed in zip(moved, reversed(placed), strict=True):
        if token.token_type == TokenType.COMMA and sql[token.start] != ",":
            text += ","
            continue
        gap, word = sql[before.get(token.start, 0) : token.start], sql[token.start : token.end + 1]
        if is_placed:
            gap += "\n" * (sql.count("\n", 0, token.start) - lines - gap.count("\n"))
        text = behind(text + gap, word, glued=True)
        lines += gap.count("\n") + word.count("\n")
    return text + sql[tokens[-1].end + 1 :]


def _refuse_alone(name: Token) -> None:
    word = name.text.removeprefix(PREFIX).upper()
    if word in _ALONE:
        message = f"{word} does not stand behind its first argument and a dot. Write it before all that it takes."
        raise SqlError([Fault(name.line, message)])


def _called(tokens: Sequence[Token], dot: int) -> tuple[list[Token], int]:
    """Return the name of what is called behind a dot, and where its bracket opens; no name where there is no call."""
    if tokens[dot].token_type != _DOT or dot + 2 >= len(tokens):
        return [], dot
    if tokens[dot + 1].token_type != _L:
        return ([tokens[dot + 1]], dot + 2) if tokens[dot + 2].token_type == _L else ([], dot)
    ends = dot + 2
    while ends < len(tokens) and tokens[ends].token_type not in {_R, _L}:
        ends += 1
    if ends + 1 >= len(tokens) or tokens[ends + 1].token_type != _L or ends == dot + 2:
        return [], dot
    last = tokens[ends - 1]
    word = last.text.removeprefix(PREFIX)
    named = Token(TokenType.VAR, PREFIX + word.upper(), last.line, last.col, last.start, last.end)
    return [*tokens[dot + 2 : ends - 1], named], ends + 1


def _value_before(tokens: Sequence[Token]) -> int:
    """Return where the value in brackets begins that ends here, with the fields behind it; the end where there is none."""
    at = len(tokens)
    while at > 1 and tokens[at - 1].token_type not in _CLOSES and tokens[at - 2].token_type == _DOT:
        at -= 2
    if not at or tokens[at - 1].token_type not in _CLOSES:
        return len(tokens)
    while True:
        at = opened(tokens, at - 1)
        before = tokens[at - 1] if at else None
        if before is None or not (before.token_type in _CLOSES or _is_name(before)):
            return at
        while at and _is_name(tokens[at - 1]):
            at -= 1
            if not at or tokens[at - 1].token_type != _DOT:
                return at
            at -= 1
        if not at or tokens[at - 1].token_type not in _CLOSES:
            return at


def opened(tokens: Sequence[Token], at: int) -> int:
    """Return where the bracket opens that closes at a place."""
    depth = 0
    for place in range(at, -1, -1):
        depth += (tokens[place].token_type in _CLOSES) - (tokens[place].token_type in _OPENS)
        if not depth:
            return place
    return 0


def _is_name(token: Token) -> bool:
    """Say whether a word may stand before the bracket of a call, or name what a field or an element is of."""
    if token.token_type == TokenType.IDENTIFIER:
        return True
    word = token.text.upper()
    return (
        token.token_type not in TEXTS and word.isidentifier() and (word not in RESERVED or word in _CALLED_ALL_THE_SAME)
    )
