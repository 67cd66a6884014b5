"""Parts of a query as it spells them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot.tokenizer_core import Token, TokenType

if TYPE_CHECKING:
    from collections.abc import Sequence

TEXTS = {TokenType.STRING, TokenType.RAW_STRING, TokenType.BYTE_STRING, TokenType.NATIONAL_STRING}
ENDS_VALUE = {
    TokenType.VAR,
    TokenType.IDENTIFIER,
    TokenType.STRING,
    TokenType.NUMBER,
    TokenType.R_PAREN,
    TokenType.R_BRACKET,
    TokenType.END,
    TokenType.NULL,
    TokenType.TRUE,
    TokenType.FALSE,
}
"""What may be the last word of a value."""


def is_extreme(tokens: Sequence[Token], at: int) -> bool:
    """Say whether a word is the MAX or MIN of HAVING in an aggregate, behind which a value begins."""
    return at > 0 and tokens[at - 1].token_type == TokenType.HAVING and tokens[at].text.upper() in {"MAX", "MIN"}


def behind(text: str, word: str, *, glued: bool) -> str:
    """Return a text with one more word, which stands right behind it only where both do not make another word."""
    one_word = _is_of_word(text[-1:]) and _is_of_word(word[:1])
    return f"{text}{' ' * (bool(text) and (one_word or not glued))}{word}"


def _is_of_word(sign: str) -> bool:
    return sign.isalnum() or sign == "_"


def spelt_before(sql: str, tokens: Sequence[Token], place: int) -> str:
    """Return the value that ends before a token, as the query spells it."""
    first, depth = place - 1, 0
    while first > 0:
        kind, left = tokens[first].token_type, tokens[first - 1]
        depth += (kind == TokenType.R_PAREN) - (kind == TokenType.L_PAREN)
        called = kind == TokenType.L_PAREN and left.end + 1 == tokens[first].start and left.text.isidentifier()
        if depth or called or TokenType.DOT in (kind, left.token_type):
            first -= 1
        else:
            break
    return clipped(sql[tokens[first].start : tokens[place - 1].end + 1]) if place else "..."


def clipped(text: str) -> str:
    """Return a text on one line, as long as a message shows it."""
    text = " ".join(text.split())
    return text if len(text) <= 60 else f"{text[:57]}..."  # noqa: PLR2004 - what fits a line
