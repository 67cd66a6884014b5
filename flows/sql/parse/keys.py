"""Further keys for the orders of a query, written into its text: all else stays as its author wrote it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp
from sqlglot.tokenizer_core import Token, TokenType

from flows.sql.parse.parser import marked, spelt

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_OPENS = {TokenType.L_PAREN, TokenType.L_BRACKET}
_CLOSES = {TokenType.R_PAREN, TokenType.R_BRACKET}
_ENDS = {TokenType.LIMIT, TokenType.OFFSET, TokenType.ROWS, TokenType.RANGE, TokenType.SEMICOLON}


def with_keys(sql: str, tree: exp.Query, keys: Mapping[int, Sequence[str]]) -> str:
    """Return a query with further keys at the end of some of its ORDER BY, by the identity of their nodes in its tree."""
    tokens = spelt(sql)
    starts = [place for place, token in enumerate(tokens) if token.token_type == TokenType.ORDER_BY]
    # The same words with the number of each ORDER BY as its first key say which node stands where.
    numbered = marked(sql, {place: str(number) for number, place in enumerate(starts)}).find_all(exp.Order)
    ends = []
    for node, other in zip(tree.find_all(exp.Order), numbered, strict=True):
        if id(node) in keys:
            start = starts[int(other.expressions[0].this.name)]
            ends.append((_end(tokens, start + 1), "".join(f", {key}" for key in keys[id(node)])))
    for end, text in sorted(ends, reverse=True):
        sql = sql[:end] + text + sql[end:]
    return sql


def _end(tokens: Sequence[Token], place: int) -> int:
    """Return where the list that begins with a token ends in the text."""
    depth = 0
    for at in range(place, len(tokens)):
        kind = tokens[at].token_type
        of_list = at == place or tokens[at - 1].token_type == TokenType.DOT
        if not depth and not of_list and (kind in _CLOSES or kind in _ENDS):
            return int(tokens[at - 1].end) + 1
        depth += (kind in _OPENS) - (kind in _CLOSES)
    return int(tokens[-1].end) + 1
