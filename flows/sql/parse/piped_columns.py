"""What the stars stand for that pipes are put into: in GoogleSQL the row of an ARRAY stays one value between operators."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp
from sqlglot.tokenizer_core import TokenType

from flows.sql.parse.brackets import Word, gives_values, in_no_brackets

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlglot.tokenizer_core import Token

    from flows.sql.parse.brackets import Words

EXTENDED = "__extended"
"""How the rows are named that |> EXTEND puts beside those of several tables."""
PENDING, OPEN, SETTLED = "|> *", "|> * at the end", "|> * before SELECT"
"""The text of a star that pipes are put into: nobody knows yet what reads it, nothing does, |> SELECT or |> AGGREGATE do."""
_COMMA, _DOT, _STAR = TokenType.COMMA, TokenType.DOT, TokenType.STAR
_NAMES = {TokenType.VAR, TokenType.IDENTIFIER}
_BEFORE_JOIN = {"LEFT", "RIGHT", "FULL", "INNER", "CROSS", "OUTER", "JOIN"}


def of_pipes(tree: exp.Expr, tokens: Sequence[Token]) -> None:
    """Note at each star that pipes are put into what reads it."""
    texts = {one.start: one.text for one in tokens if one.token_type == _STAR and one.text in {PENDING, OPEN, SETTLED}}
    for star in tree.find_all(exp.Star) if texts else ():
        if (text := texts.get(star.meta.get("start", -1))) is not None:
            star.meta["of_pipe"] = text


def settled(words: Words) -> Words:
    """Return words of which the columns are read by their names."""
    return [word._replace(text=SETTLED) if word.text == PENDING else word for word in words]


def opened(words: Words) -> Words:
    """Return words of which all columns are given."""
    return [word._replace(text=OPEN) if word.text == PENDING else word for word in words]


def columns_of(items: Words) -> Words | None:
    """Return what a FROM with rows of ARRAYs gives, these as one value each; None where a star is as good, or nothing else.

    The latter is so of one such row alone, where USING has columns in common, and where an item has no name.
    """
    found: Words = []
    known: set[str] = set()
    has_rows = False
    for item in _items(items):
        if not item or any(item[at].kind == TokenType.USING for at in in_no_brackets(item)):
            return None
        named, offset = _without_offset(item)
        if not named or named[-1].kind not in _NAMES:
            return None
        last = named[-1]
        name = last.text.rpartition(".")[2] if last.kind == TokenType.IDENTIFIER else last.text
        alias = last._replace(kind=TokenType.IDENTIFIER, text=name, written=f"`{name}`", glued=False)
        is_row = named[0].upper == "UNNEST" and not name.startswith(EXTENDED)
        is_row |= named[0].text.lower() in known and len(named) > 1 and named[1].kind == _DOT
        is_row |= gives_values(named[1:])
        has_rows |= is_row
        known.add(name.lower())
        comma, dot, star = (
            last._replace(kind=kind, text=text, written=text, glued=True)
            for kind, text in ((_COMMA, ","), (_DOT, "."), (_STAR, "*"))
        )
        found += [*([comma] if found else []), alias, *([] if is_row else [dot, star])]
        found += [comma, offset] if offset else []
    return found if has_rows and len(found) > 1 else None


def _items(words: Words) -> Iterator[Words]:
    """Give what stands between commas and joins, with USING and without ON."""
    item: Words = []
    outermost = set(in_no_brackets(words))
    is_condition = False
    for at, word in enumerate(words):
        bare = word.upper if at in outermost else ""
        if (word.kind == _COMMA and at in outermost) or bare == "JOIN":
            yield item
            item, is_condition = [], False
        elif bare == "ON":
            is_condition = True
        elif bare not in _BEFORE_JOIN and not is_condition:
            item.append(word)
    yield item


def _without_offset(item: Words) -> tuple[Words, Word | None]:
    """Return an item without WITH OFFSET, and the name of the place that it gives."""
    begins = next((at for at in in_no_brackets(item) if item[at].kind == TokenType.WITH), None)
    if begins is None:
        return item, None
    last = item[-1]
    if last.upper == "OFFSET":
        last = last._replace(kind=TokenType.IDENTIFIER, text="offset", written="`offset`", glued=False)
    return item[:begins], last
