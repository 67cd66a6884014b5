"""How large a query may be. Looked at before it is parsed: a parser goes down as deep as a text leads it."""

from __future__ import annotations

from operator import attrgetter
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
# Half of all words: nothing but the end of a run.
_PLAIN = {*_TEXTS, TokenType.VAR, TokenType.COMMA}
_LT, _JOIN, _CROSS = TokenType.LT, TokenType.JOIN, TokenType.CROSS
# What a look at a whole query needs to know of each word: one letter says that.
_SIGNS = (
    dict.fromkeys(TokenType, "?")
    | dict.fromkeys(_ENDS_RUN, ".")
    | dict.fromkeys((*_CLOSED_BY, _LT), "(")
    | {_JOIN: "j"}
)
_kind, _text = attrgetter("token_type"), attrgetter("text")
_ENDS_JOIN = {TokenType.ON, TokenType.USING}


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
    if not _may_be_deep(tokens):
        return
    waiting: list[str] = []
    run, before, joins = 0, None, 0
    for token in tokens:
        kind = token.token_type
        if kind in _PLAIN:
            run, before = 0, kind
            continue
        if kind in _NUMBERS and len(token.text) > LONGEST_NUMBER:
            message = f"'{token.text[:20]}...' has {len(token.text):,} digits. At most {LONGEST_NUMBER} are read."
            raise SqlError([Fault(token.line, message)])
        opens = _CLOSED_BY.get(kind) or (">" if kind == _LT and before in _TYPES else None)
        if opens is not None:
            waiting.append(opens)
        elif waiting:
            _close(token.text, waiting)
        if kind == _JOIN and before != _CROSS:
            joins += 1
        elif kind in _ENDS_JOIN and joins:
            joins -= 1
        if joins > MOST_JOINS_OPEN:
            message = (
                f"more than {MOST_JOINS_OPEN} joins wait for their ON. Write ON or USING after each, or CROSS JOIN."
            )
            raise SqlError([Fault(token.line, message)])
        run = 0 if kind in _ENDS_RUN else run + (kind not in _CLOSED_BY)
        if len(waiting) > DEEPEST or run > DEEPEST:
            raise SqlError([too_deep(token.line)])
        before = kind


def _may_be_deep(tokens: Sequence[Token]) -> bool:
    """Say whether a query has so many of what nests, or so long a number or run, that its depth has to be counted."""
    signs = "".join(map(_SIGNS.__getitem__, map(_kind, tokens)))
    if signs.count("(") > DEEPEST or signs.count("j") > MOST_JOINS_OPEN or max(map(len, signs.split("."))) > DEEPEST:
        return True
    return max(map(len, map(_text, tokens))) > LONGEST_NUMBER


def _close(text: str, waiting: list[str]) -> None:
    """Take away what a word closes, with all that was opened inside."""
    if not text.strip(">"):
        for _ in text:
            if waiting and waiting[-1] == ">":
                waiting.pop()
    elif (closes := text.upper()) in waiting:
        while waiting.pop() != closes:
            pass


def too_deep(line: int = 1) -> Fault:
    """Return the fault of a query that cannot be followed to its bottom."""
    return Fault(line, f"the query nests too deeply (more than {DEEPEST} levels). Give its parts names with WITH.")
