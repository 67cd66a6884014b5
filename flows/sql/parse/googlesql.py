"""GoogleSQL's words and signs, as sqlglot's dialect of BigQuery would not have them."""

from __future__ import annotations

import re
from itertools import compress, count
from operator import attrgetter
from typing import Any, ClassVar

from sqlglot import exp
from sqlglot.dialects.bigquery import BigQuery
from sqlglot.parsers.bigquery import BigQueryParser
from sqlglot.tokenizer_core import Token, TokenType

from flows.sql.parse.spelling import TEXTS
from flows.sql.parse.words import NAMES, RESERVED

# The parser copies each table of every FROM to find paths of arrays among them, which few have: see `flows.sql.parse.parser`.
BigQueryParser.SUPPORTS_IMPLICIT_UNNEST = False
# `list[0]` is an element of a column.
BigQueryParser.ARRAY_CONSTRUCTORS = {"ARRAY": exp.Array}


def _positive(parser: BigQueryParser) -> exp.Expr | None:
    """Parse what stands behind a `+`, which the parser would leave out; of a number that is written down it may."""
    operand = parser._parse_unary()
    if operand is None or (isinstance(operand, exp.Literal) and not operand.is_string):
        return operand
    return exp.Paren(this=operand, plus=True)


BigQueryParser.UNARY_PARSERS = {**BigQueryParser.UNARY_PARSERS, TokenType.PLUS: _positive}
_RAW_BYTES = ("rb", "rB", "Rb", "RB", "br", "bR", "Br", "BR")


class _GoogleSQL(BigQuery):
    """BigQuery's dialect without words that are names in GoogleSQL, for which others have a grammar; with raw bytes."""

    class Tokenizer(BigQuery.Tokenizer):
        """Takes them for names, and what begins with `rb'` or `br'` for bytes."""

        BYTE_STRINGS: ClassVar = [
            *BigQuery.Tokenizer.BYTE_STRINGS,
            *((prefix + quote, quote) for prefix in _RAW_BYTES for quote in ("'", '"', '"""', "'''")),
        ]
        KEYWORDS: ClassVar = {word: kind for word, kind in BigQuery.Tokenizer.KEYWORDS.items() if word not in NAMES}


DIALECT = _GoogleSQL()


def written(node: exp.Expr, **options: Any) -> str:  # noqa: ANN401 - those of sqlglot's generator
    """Return an expression as GoogleSQL without comments.

    NULLS FIRST and NULLS LAST stand in every window, from some of which sqlglot's writer of BigQuery's dialect leaves them out.
    """
    generator = DIALECT.generator(comments=False, **options)
    # Each generator has its own, which is missing among the names that mypy knows.
    generator.NULL_ORDERING_SUPPORTED = True  # type: ignore[misc]
    return str(generator.generate(node))


_DOTS = {TokenType.DOT}
_kind = attrgetter("token_type")
_EXPONENT = re.compile(r"[0-9.]+[eE][0-9]+[+-]")
_NUMBER = r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_SUM = re.compile(rf"{_NUMBER}(?:[+-]{_NUMBER})+(?![\w.])")
_PART = re.compile(rf"({_NUMBER})|(\+)|-")
_BY = {"GROUP": TokenType.GROUP_BY, "ORDER": TokenType.ORDER_BY, "PARTITION": TokenType.PARTITION_BY}
_FIRST = {TokenType.VAR, TokenType.PARTITION}
_PARTED = re.compile(rf"\b({'|'.join(_BY)})\s*(--|#|/\*)", re.IGNORECASE)


def tokenize(sql: str) -> list[Token]:
    """Return the words and signs of a text.

    sqlglot takes 1e9+1, without blanks, for one number, and words of SQL behind a dot, which are names, for those words;
    and GROUP BY with a comment between its words for two.
    """
    tokens = list(DIALECT.tokenize(sql))
    for token in tokens:
        if token.comments:
            # What is written of an expression would have them, also where it is compared.
            token.comments = []
    if _PARTED.search(sql) is not None:
        tokens = _joined(tokens)
    for at in compress(count(1), map(_DOTS.__contains__, map(_kind, tokens))):
        name, *after = tokens[at : at + 2] or [tokens[-1]]
        called = bool(after) and after[0].token_type == TokenType.L_PAREN
        of_text = at > 1 and tokens[at - 2].token_type in TEXTS
        if name.text.upper() in RESERVED and sql[name.start - 1] == "." and not (called or of_text):
            tokens[at] = Token(TokenType.IDENTIFIER, name.text, name.line, name.col, name.start, name.end)
    if _EXPONENT.search(sql) is None:
        return tokens
    found: list[Token] = []
    ends = 0
    for token in tokens:
        is_sum = token.token_type == TokenType.NUMBER and _EXPONENT.match(token.text)
        if token.start >= ends and is_sum and (run := _SUM.match(sql, token.start)):
            ends = run.end()
            found += [_part(one, token) for one in _PART.finditer(sql, token.start, ends)]
        elif token.start >= ends:
            found.append(token)
    return found


def _part(found: re.Match[str], token: Token) -> Token:
    """Return the token of a number or a sign that is a part of another token."""
    kind = TokenType.NUMBER if found[1] else TokenType.PLUS if found[2] else TokenType.DASH
    return Token(kind, found[0], token.line, token.col, found.start(), found.end() - 1)


def _joined(tokens: list[Token]) -> list[Token]:
    """Return words and signs with one token for GROUP BY and the like, also where a comment stands between their words."""
    found = tokens[:1]
    for token in tokens[1:]:
        first = found[-1]
        kind = _BY.get(first.text.upper()) if first.token_type in _FIRST else None
        if kind is not None and token.token_type == TokenType.VAR and token.text.upper() == "BY":
            both = f"{first.text} {token.text}"
            found[-1] = Token(kind, both, first.line, first.col, first.start, token.end)
        else:
            found.append(token)
    return found
