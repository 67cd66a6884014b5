"""What breaks the ties of a query, written into its text: all else stays as its author wrote it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sqlglot import exp
from sqlglot.tokenizer_core import Token, TokenType

from flows.sql.parse.parser import marked, spelt
from flows.sql.parse.write import expression_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_OPENS = {TokenType.L_PAREN, TokenType.L_BRACKET}
_CLOSES = {TokenType.R_PAREN, TokenType.R_BRACKET}
_ENDS = {TokenType.LIMIT, TokenType.OFFSET, TokenType.ROWS, TokenType.RANGE, TokenType.SEMICOLON}
_BARE = (exp.Column, exp.Anonymous, exp.Ordered, exp.WindowSpec, exp.Literal)
"""What needs no parentheses wherever it stands."""


class Broken(NamedTuple):
    """What breaks the ties of a query, by the identities of nodes of its tree."""

    keys: Mapping[int, Sequence[str]]
    """Further keys of an ORDER BY."""
    instead: Mapping[int, Sequence[str | exp.Expr]]
    """What stands in place of a call: texts, and nodes of the tree between them."""
    renamed: Mapping[int, str]
    """What stands in place of a function's name, by where that begins in the text."""


def broken(sql: str, tree: exp.Query, ties: Broken) -> str:
    """Return a query with what breaks its ties."""
    tokens = spelt(sql)
    places = {token.start: place for place, token in enumerate(tokens)}
    pieces: dict[int, tuple[int, str]] = {}
    for node in _outermost(tree, ties.instead):
        start = _call_of(node).meta["start"]
        # A star has words of its own before the bracket.
        end = _end_of_call(tokens, places[start] + isinstance(node, exp.Star))
        # What follows stays on its line, of which messages of the warehouse speak.
        pieces[start] = end, _words(ties.instead[id(node)], ties) + "\n" * sql.count("\n", start, end)

    def is_inside(at: int) -> bool:
        return any(start <= at < end for start, (end, _) in pieces.items())

    for start, name in ties.renamed.items():
        if start in places and not is_inside(start):
            pieces[start] = tokens[places[start]].end + 1, name
    for end, text in _ends(sql, tree, tokens, ties.keys):
        if not is_inside(end - 1):
            pieces[end] = end, text
    for start, (end, text) in sorted(pieces.items(), reverse=True):
        sql = sql[:start] + text + sql[end:]
    return sql


def _outermost(tree: exp.Expr, instead: Mapping[int, object]) -> Iterator[exp.Expr]:
    for node in tree.walk(prune=lambda node: id(node) in instead):
        if id(node) in instead:
            yield node


def _call_of(node: exp.Expr) -> exp.Expr:
    return node.this if isinstance(node, exp.Window) else node


def _words(words: Sequence[str | exp.Expr], ties: Broken) -> str:
    return "".join(one if isinstance(one, str) else _text(one, ties) for one in words)


def _text(node: exp.Expr, ties: Broken) -> str:
    """Return GoogleSQL for a node with what breaks the ties in it."""
    copy = exp.Paren(this=node.copy())
    for one, other in list(zip(node.walk(), copy.this.walk(), strict=True)):
        if id(one) in ties.instead and one is not node:
            other.replace(exp.Var(this=_words(ties.instead[id(one)], ties)))
        elif id(one) in ties.keys:
            other.set("expressions", [*other.expressions, *(exp.Var(this=key) for key in ties.keys[id(one)])])
        elif one.meta.get("start") in ties.renamed and isinstance(one, exp.Anonymous):
            other.set("this", ties.renamed[one.meta["start"]])
    text = expression_text(copy.this)
    return text[1:-1] if isinstance(node, _BARE) else text


def _ends(
    sql: str, tree: exp.Query, tokens: Sequence[Token], keys: Mapping[int, Sequence[str]]
) -> Iterator[tuple[int, str]]:
    """Give where the lists of some ORDER BY end, with their further keys."""
    if not keys:
        return
    starts = [place for place, token in enumerate(tokens) if token.token_type == TokenType.ORDER_BY]
    # The same words with the number of each ORDER BY as its first key say which node stands where.
    numbered = marked(sql, {place: str(number) for number, place in enumerate(starts)}).find_all(exp.Order)
    for node, other in zip(tree.find_all(exp.Order), numbered, strict=True):
        if id(node) in keys:
            start = starts[int(other.expressions[0].this.name)]
            yield _end(tokens, start + 1), "".join(f", {key}" for key in keys[id(node)])


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


def _end_of_call(tokens: Sequence[Token], place: int) -> int:
    """Return where a call ends in the text that begins with a token, with its OVER."""
    closed = _closing(tokens, place + 1)
    if closed + 1 < len(tokens) and tokens[closed + 1].token_type == TokenType.OVER:
        closed += 2
        closed = _closing(tokens, closed) if tokens[closed].token_type in _OPENS else closed
    return int(tokens[closed].end) + 1


def _closing(tokens: Sequence[Token], place: int) -> int:
    """Return which token closes the parenthesis that one opens."""
    depth = 0
    for at in range(place, len(tokens)):
        depth += (tokens[at].token_type in _OPENS) - (tokens[at].token_type in _CLOSES)
        if not depth:
            return at
    return len(tokens) - 1
