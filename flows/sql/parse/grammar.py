"""What GoogleSQL's grammar has no place for, though a lenient parser takes it, or drops it."""

from __future__ import annotations

from itertools import compress, count, pairwise
from operator import attrgetter
from typing import TYPE_CHECKING

from sqlglot.tokenizer_core import Token, TokenType

from flows.model.errors import Fault
from flows.sql.parse.clauses import CLAUSE_RULES
from flows.sql.parse.reader import QUOTED, Reader
from flows.sql.parse.spelling import ENDS_VALUE, TEXTS, is_extreme
from flows.sql.parse.values import VALUE_RULES
from flows.sql.parse.words import NEVER_FOLLOW, RESERVED, VALUES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flows.sql.parse.reader import Rule

_OPENS = {TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.CASE}
_CLOSES = {TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.END}
_BEHIND_DOT = {*TEXTS, TokenType.L_PAREN}
"""What is no name there: (name).(SAFE.LEFT)(3) has brackets."""
_PAIRS = {"(": ")", "[": "]"}
_DOT, _SEMICOLON = TokenType.DOT, TokenType.SEMICOLON
_kind = attrgetter("token_type")
_RULES: dict[TokenType, Rule] = {
    **dict.fromkeys((*_OPENS, TokenType.SEMICOLON), lambda *_: None),
    **CLAUSE_RULES,
    **VALUE_RULES,
}


def misplaced(sql: str, tokens: Sequence[Token], words: set[str]) -> Iterator[Fault]:
    """Give the first word or sign that stands where GoogleSQL has no place for it.

    What follows it may be read otherwise than it was meant. `words` are all words of the query, in capitals.
    """
    reader, kinds = Reader(sql, tokens), list(map(_kind, tokens))
    for at in compress(count(), map(_RULES.__contains__, kinds)):
        kind = kinds[at]
        if at and kinds[at - 1] == _DOT and kind not in _BEHIND_DOT:
            continue
        if kind == _SEMICOLON:
            break
        if message := _RULES[kind](reader, at):
            # The tokenizer has the line on which a text ends.
            lines = sql.count("\n", tokens[at].start, tokens[at].end)
            yield Fault(tokens[at].line - lines, f"syntax error: {message}")
            return
        if kind in _OPENS:
            reader.open(at)
        elif kind in _CLOSES:
            reader.close()
    if len(reader.frames) > 1:
        yield from brackets(sql, tokens)
    elif words & NEVER_FOLLOW:
        yield from _reserved(sql, tokens)


def brackets(sql: str, tokens: Sequence[Token]) -> Iterator[Fault]:
    """Give a fault for the first bracket that has no other."""
    opened: list[int] = []
    for place, token in enumerate(tokens):
        if token.text in _PAIRS and token.token_type not in QUOTED:
            opened.append(place)
        elif token.text in _PAIRS.values() and token.token_type not in QUOTED:
            if not opened or _PAIRS[tokens[opened[-1]].text] != token.text:
                message = f"this '{token.text}' closes nothing. Remove it, or write what opens it."
                yield Fault(token.line, f"syntax error: {message}")
                return
            opened.pop()
    if opened:
        token = tokens[opened[-1]]
        left = tokens[opened[-1] - 1]
        after = f" after {sql[left.start : left.end + 1]}" if opened[-1] else ""
        message = f"the '{token.text}'{after} is not closed. Write its '{_PAIRS[token.text]}'."
        yield Fault(token.line, f"syntax error: {message}")


def _reserved(sql: str, tokens: Sequence[Token]) -> Iterator[Fault]:
    """Give a fault for a reserved word that stands where only the name of what is before it could."""
    for at, (left, token) in enumerate(pairwise(tokens)):
        word = token.text.upper()
        if (
            word not in NEVER_FOLLOW
            or token.token_type in QUOTED
            or _is_value_or_type(tokens, at)
            or is_extreme(tokens, at)
        ):
            continue
        if left.token_type in ENDS_VALUE and left.text.upper() not in RESERVED - VALUES:
            name = sql[token.start : token.end + 1]
            message = (
                f"'{name}' is a word of SQL itself. Write it as `{name}` where it is a name, or a comma before it."
            )
            yield Fault(token.line, f"syntax error: {message}")
            return


def _is_value_or_type(tokens: Sequence[Token], at: int) -> bool:
    """Say whether what follows a word is a zone, the value of SELECT AS VALUE, or the type of a field: `STRUCT<name ARRAY<INT64>>`."""
    if [one.text.upper() for one in tokens[max(at - 1, 0) : at + 1]] == ["TIME", "ZONE"]:
        return True
    if tokens[at].text.upper() == "VALUE" and [one.text.upper() for one in tokens[max(at - 2, 0) : at]] == [
        "SELECT",
        "AS",
    ]:
        return True
    after = tokens[at + 2 : at + 3]
    if tokens[at + 1].text.upper() == "INTERVAL" and after:
        is_first = at > 0 and tokens[at - 1].token_type == TokenType.LT
        return after[0].token_type == TokenType.GT or (is_first and after[0].token_type == TokenType.COMMA)
    return tokens[at + 1].text.upper() in {"ARRAY", "STRUCT"} and bool(after) and after[0].token_type == TokenType.LT
