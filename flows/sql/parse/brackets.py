"""The words and signs of a query, and which of them stand in brackets."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sqlglot.tokenizer_core import TokenType

from flows.sql.functions import signatures
from flows.sql.parse.spelling import ENDS_VALUE, TEXTS

if TYPE_CHECKING:
    from collections.abc import Iterator

_COMMA = TokenType.COMMA
_SIGNS = {TokenType.PLUS, TokenType.DASH}
_AROUND = {TokenType.L_PAREN, TokenType.R_PAREN, *_SIGNS}
_NUMBERS = {TokenType.NUMBER}
_LITERALS = {*TEXTS, TokenType.NUMBER, TokenType.NULL, TokenType.TRUE, TokenType.FALSE}
_TYPES = {"ARRAY", "STRUCT"}
_BEGINS_QUERY = {"SELECT", "WITH", "FROM"}
_OPENS, _CLOSES = {TokenType.L_PAREN, TokenType.L_BRACKET}, {TokenType.R_PAREN, TokenType.R_BRACKET}


class Word(NamedTuple):
    """A word or sign of a query."""

    kind: TokenType
    text: str
    """As the tokenizer has it."""
    written: str
    line: int
    glued: bool
    """Whether it follows the word before it without a blank."""

    @property
    def upper(self) -> str:
        """Return it in capitals; nothing for a name in backticks or a text."""
        return self.written.upper() if self.written[:1].isalpha() else ""


Words = list[Word]


def closing(words: Words, at: int) -> int:
    """Return which word closes the bracket that one opens; that one itself where none does."""
    depth = 0
    for place in range(at, len(words)):
        depth += (words[place].kind in _OPENS) - (words[place].kind in _CLOSES)
        if not depth:
            return place
    return at


def in_no_brackets(words: Words) -> Iterator[int]:
    """Give the places of what stands in no brackets, also of types: `ARRAY<STRUCT<a INT64, b INT64>>`."""
    depth = types = 0
    for place, word in enumerate(words):
        depth -= word.kind in _CLOSES
        types += word.kind == TokenType.LT and place > 0 and words[place - 1].upper in _TYPES
        if not depth and not types:
            yield place
        types -= bool(types) and word.kind == TokenType.GT
        depth += word.kind in _OPENS


def of_window(words: Words) -> bool:
    """Say whether words call a function of a window, outside of queries in brackets."""
    place = 0
    while place < len(words):
        if words[place].kind == TokenType.OVER:
            return True
        is_query = words[place].kind in _OPENS and place + 1 < len(words) and words[place + 1].upper in _BEGINS_QUERY
        place = (closing(words, place) if is_query else place) + 1
    return False


def split(words: Words, kind: TokenType) -> list[Words]:
    """Return what stands between the signs of a kind that stand in no brackets."""
    parts: list[Words] = []
    begins = 0
    for place in in_no_brackets(words):
        if words[place].kind == kind:
            parts.append(words[begins:place])
            begins = place + 1
    return [*parts, words[begins:]]


def listed(words: Words) -> list[Words]:
    """Return the items of a list, which may end in a comma."""
    parts = split(words, _COMMA)
    return parts if parts[-1] else parts[:-1]


def after_with(words: Words) -> int:
    """Return where the query behind the names of WITH begins."""
    if not words or words[0].kind != TokenType.WITH or (len(words) > 1 and words[1].kind == TokenType.L_PAREN):
        return 0
    at = 1 + (len(words) > 1 and words[1].upper == "RECURSIVE")
    while at + 2 < len(words):
        opened = next((place for place in range(at, len(words)) if words[place].kind == TokenType.L_PAREN), len(words))
        closed = closing(words, opened) if opened < len(words) else len(words)
        if closed + 1 >= len(words) or words[closed + 1].kind not in {_COMMA, TokenType.ALIAS}:
            return closed + 1
        at = closed + 2
    return len(words)


def gives_values(words: Words) -> bool:
    """Say whether the rows of a query are values: SELECT AS STRUCT, SELECT AS VALUE."""
    [begins, *rest] = [word.written.upper() for word in words[:3]] or [""]
    return begins == "SELECT" and "AS" in rest[: 1 + (rest[:1] in (["DISTINCT"], ["ALL"]))]


def aggregate_in(words: Words) -> str:
    """Return the name of an aggregate that is called without OVER, and in no query inside; nothing where there is none."""
    return next((name for name, _, _ in _aggregates_in(words) if name), "")


def outside_aggregates(words: Words) -> Words:
    """Return words without the calls of aggregates, and without the queries inside."""
    left: Words = []
    begins = 0
    for _, first, last in _aggregates_in(words):
        left += words[begins:first]
        begins = last + 1
    return [*left, *words[begins:]]


def _aggregates_in(words: Words) -> Iterator[tuple[str, int, int]]:
    """Give the names of aggregates that are called without OVER, and nothing for queries, with their first and last words."""
    at = 0
    while at < len(words) - 1:
        closed = at
        if words[at + 1].kind == TokenType.L_PAREN and _aggregates(words[at].upper):
            closed = closing(words, at + 1)
            if closed + 1 >= len(words) or words[closed + 1].kind != TokenType.OVER:
                yield words[at].upper, at, closed
            else:
                closed = at
        elif words[at].kind == TokenType.L_PAREN and words[at + 1].upper in {"SELECT", "WITH"}:
            closed = closing(words, at)
            yield "", at, closed
        at = max(closed, at) + 1


def _aggregates(name: str) -> bool:
    return name == "GROUPING" or (bool(name) and bool(signatures.aggregate(name)))


def is_literal(words: Words) -> bool:
    """Say whether words are a literal, perhaps with a sign, in parentheses, with AS and a name."""
    end = next((at for at in in_no_brackets(words) if words[at].kind == TokenType.ALIAS), len(words))
    bare = [word for word in words[:end] if word.kind not in _AROUND]
    signed = any(word.kind in _SIGNS for word in words[:end])
    return len(bare) == 1 and bare[0].kind in (_NUMBERS if signed else _LITERALS)


def way_of(item: Words) -> int:
    """Return of how many words at the end of an item say in which order it stands: DESC, ASC NULLS LAST."""
    nulls = 2 if len(item) > 2 and item[-2].upper == "NULLS" else 0  # noqa: PLR2004 - a value before both
    return nulls + 1 if len(item) > nulls + 1 and item[-1 - nulls].upper in {"ASC", "DESC"} else 0


def is_of_one_row(item: Words) -> bool:
    """Say whether a value is made of one row alone, without a query, and has AS before its name; a star is none."""
    if not item or item[-1].kind == TokenType.STAR or any(word.upper in {"OVER", "SELECT"} for word in item):
        return False
    named = len(item) > 1 and item[-1].kind in {TokenType.VAR, TokenType.IDENTIFIER} and item[-2].kind in ENDS_VALUE
    return not named
