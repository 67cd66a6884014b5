"""How large a query may be. Looked at before it is parsed: a parser goes down as deep as a text leads it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot.tokenizer_core import TokenType

from flows.model.errors import Fault, SqlError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlglot.tokenizer_core import Token

MOST_TEXT = 200_000
"""How many characters a query may have."""
MOST_TOKENS = 20_000
"""How many words, numbers and signs a query may have."""
DEEPEST = 50
"""How deep brackets, CASE, and signs in a row may stand in one another."""
LONGEST_NUMBER = 400
"""How many digits a number may have; a FLOAT64 has no more than 309 before its point."""

MOST_JOINS_OPEN = 14
"""How many joins may wait for their ON: with each one more, the parser has twice as many ways to read them."""

_CLOSED_BY = {TokenType.L_PAREN: ")", TokenType.L_BRACKET: "]", TokenType.L_BRACE: "}", TokenType.CASE: "END"}
_TYPES = {TokenType.ARRAY, TokenType.STRUCT}
_NUMBERS = {TokenType.NUMBER, TokenType.HEX_STRING, TokenType.BIT_STRING}
_TEXTS = {TokenType.STRING, TokenType.RAW_STRING, TokenType.BYTE_STRING, TokenType.IDENTIFIER}
# What ends a run of words and signs of which each takes what follows: NOT NOT NOT.
_ENDS_RUN = {
    *_NUMBERS,
    *_TEXTS,
    TokenType.VAR,
    TokenType.COMMA,
    TokenType.STAR,
    TokenType.NULL,
    TokenType.TRUE,
    TokenType.FALSE,
    TokenType.R_PAREN,
    TokenType.R_BRACKET,
    TokenType.END,
}


def refuse_long(sql: str) -> None:
    """Refuse a text that is too long to be read at all. Raises SqlError."""
    if len(sql) > MOST_TEXT:
        hint = "Put long lists into a table of their own and join it."
        raise SqlError([Fault(1, f"the query has {len(sql):,} characters. At most {MOST_TEXT:,} are read. {hint}")])


def refuse_deep(tokens: Sequence[Token]) -> None:
    """Refuse a query of too many parts, of parts too deep in one another, or with an endless number. Raises SqlError."""
    if len(tokens) > MOST_TOKENS:
        hint = "Put long lists into a table of their own and join it."
        message = f"the query has {len(tokens):,} words and signs. At most {MOST_TOKENS:,} are read. {hint}"
        raise SqlError([Fault(tokens[MOST_TOKENS].line, message)])
    waiting: list[str] = []
    run, before, joins = 0, None, 0
    for token in tokens:
        kind = token.token_type
        if kind in _NUMBERS and len(token.text) > LONGEST_NUMBER:
            message = f"'{token.text[:20]}...' has {len(token.text):,} digits. At most {LONGEST_NUMBER} are read."
            raise SqlError([Fault(token.line, message)])
        if kind not in _TEXTS:
            _follow(token, before, waiting)
        joins = _open_joins(joins, kind, before)
        if joins > MOST_JOINS_OPEN:
            message = (
                f"more than {MOST_JOINS_OPEN} joins wait for their ON. Write ON or USING after each, or CROSS JOIN."
            )
            raise SqlError([Fault(token.line, message)])
        run = 0 if kind in _ENDS_RUN else run + (kind not in _CLOSED_BY)
        if len(waiting) > DEEPEST or run > DEEPEST:
            raise SqlError([too_deep(token.line)])
        before = kind


def _open_joins(joins: int, kind: TokenType, before: TokenType | None) -> int:
    """Return how many joins wait for their ON after one more token."""
    if kind == TokenType.JOIN and before != TokenType.CROSS:
        return joins + 1
    return max(0, joins - 1) if kind in {TokenType.ON, TokenType.USING} else joins


def _follow(token: Token, before: TokenType | None, waiting: list[str]) -> None:
    """Note what a token opens, or take away what it closes and all that was opened inside."""
    kind = token.token_type
    if kind in _CLOSED_BY:
        waiting.append(_CLOSED_BY[kind])
    elif kind == TokenType.LT and before in _TYPES:
        waiting.append(">")
    elif token.text.strip(">") == "":
        for _ in token.text:
            if waiting and waiting[-1] == ">":
                waiting.pop()
    elif token.text.upper() in waiting:
        while waiting.pop() != token.text.upper():
            pass


def too_deep(line: int = 1) -> Fault:
    """Return the fault of a query that cannot be followed to its bottom."""
    return Fault(line, f"the query nests too deeply (more than {DEEPEST} levels). Give its parts names with WITH.")
