"""Forms of GoogleSQL that the parser has no grammar for, put into others that mean the same, word by word."""

from __future__ import annotations

from operator import attrgetter

from sqlglot.tokenizer_core import Token, TokenType

from flows.sql.parse.chained import calls_first
from flows.sql.parse.limits import refuse_deep
from flows.sql.parse.words import PREFIX

_kind, _text = attrgetter("token_type"), attrgetter("text")
_FAMILY = "NET"
_NAMES = {TokenType.VAR, TokenType.IDENTIFIER}
_BEHIND_EXTREME = {TokenType.ORDER_BY, TokenType.LIMIT}
_ZONE, _ZONED = {"AT", "ZONE"}, {"EXTRACT", "CAST", "SAFE_CAST"}
_OPENS, _CLOSES = {TokenType.L_PAREN, TokenType.L_BRACKET}, {TokenType.R_PAREN, TokenType.R_BRACKET}
_SETS = {TokenType.ROLLUP, TokenType.CUBE, TokenType.GROUPING_SETS}
_OF_CONDITIONS = {
    *(
        TokenType.EQ,
        TokenType.NEQ,
        TokenType.LT,
        TokenType.LTE,
        TokenType.GT,
        TokenType.GTE,
        TokenType.IS,
        TokenType.IN,
    ),
    *(TokenType.LIKE, TokenType.BETWEEN, TokenType.NOT, TokenType.AND, TokenType.OR),
}


def for_parser(tokens: list[Token]) -> list[Token]:
    """Return the words of a query as the parser takes them."""
    kinds = set(map(_kind, tokens))
    if TokenType.PIVOT in kinds and TokenType.FOR in kinds:
        tokens = _pivots(tokens)
    if TokenType.FORMAT in kinds:
        tokens = _formats(tokens)
    if TokenType.HAVING in kinds:
        tokens = _extremes(tokens)
    if not kinds.isdisjoint(_SETS):
        tokens = _sets(tokens)
    if TokenType.WITH in kinds:
        tokens = _lets(tokens)
    if set(map(str.upper, map(_text, tokens))) >= _ZONE:
        tokens = _zones(tokens)
    if TokenType.INTERVAL in kinds:
        tokens = _counts(tokens)
    if TokenType.DOT in kinds:
        moved = calls_first(tokens)
        if moved is not tokens:
            # Calls behind one another stand in one another now.
            refuse_deep(moved)
        tokens = moved
    if TokenType.UNKNOWN in kinds:
        tokens = [_as_name(token) if token.token_type == TokenType.UNKNOWN else token for token in tokens]
    if _FAMILY in map(str.upper, map(_text, tokens)):
        tokens = _safe_families(tokens)
    return _paths(tokens) if TokenType.OFFSET in kinds else tokens


def _safe_families(tokens: list[Token]) -> list[Token]:
    """Make one name of the two behind SAFE: SAFE.NET.HOST(url)."""
    written: list[Token] = []
    for token in tokens:
        written.append(token)
        words = [one.text.upper() for one in written[-5:-1]]
        if words == ["SAFE", ".", _FAMILY, "."]:
            written[-3:] = [Token(TokenType.VAR, f"{_FAMILY}.{token.text.removeprefix(PREFIX)}", *_place(token))]
    return written


def _pivots(tokens: list[Token]) -> list[Token]:
    """Put brackets around what PIVOT looks at: FOR quarter + 1 IN (...)."""
    written: list[Token] = []
    for at, token in enumerate(tokens):
        written.append(token)
        if token.token_type == TokenType.FOR:
            end = _end_of_value(tokens, at + 1)
            if end > at + 2 and tokens[at + 1].token_type != TokenType.L_PAREN:
                return [*written, *_in_brackets(tokens[at + 1 : end]), *_pivots(tokens[end:])]
    return written


def _sets(tokens: list[Token]) -> list[Token]:
    """Put brackets around conditions among what ROLLUP, CUBE and GROUPING SETS take: ROLLUP (amount > 10)."""
    for at in range(len(tokens) - 2, -1, -1):
        if tokens[at].token_type in _SETS and tokens[at + 1].token_type == TokenType.L_PAREN:
            end = _end_of_call(tokens, at + 2)
            tokens = [*tokens[: at + 2], *_conditions(tokens[at + 2 : end]), *tokens[end:]]
    return tokens


def _conditions(listed: list[Token]) -> list[Token]:
    """Return a list with brackets around the conditions in it, also around those in the brackets of an item."""
    written: list[Token] = []
    item: list[Token] = []
    depth, is_condition = 0, False
    for place, token in enumerate(listed, 1):
        depth += (token.token_type in _OPENS) - (token.token_type in _CLOSES)
        ends = not depth and token.token_type == TokenType.COMMA
        item += [] if ends else [token]
        is_condition |= not depth and token.token_type in _OF_CONDITIONS
        if not ends and place < len(listed):
            continue
        if is_condition:
            item = _in_brackets(item)
        elif item and item[0].token_type == TokenType.L_PAREN and _end_of_call(item, 1) == len(item) - 1:
            item = [item[0], *_conditions(item[1:-1]), item[-1]]
        written += [*item, token] if ends else item
        item, is_condition = [], False
    return written


def _extremes(tokens: list[Token]) -> list[Token]:
    """Put brackets around what names the rows of an aggregate: MAX(price HAVING MIN quantity + 1 ORDER BY day)."""
    for at in range(len(tokens) - 2, 1, -1):
        if tokens[at].token_type != TokenType.HAVING or not in_call(tokens, at):
            continue
        depth, first, end = 0, at + 2, at + 2
        while end < len(tokens) and depth >= 0 and not (not depth and tokens[end].token_type in _BEHIND_EXTREME):
            depth += (tokens[end].token_type in _OPENS) - (tokens[end].token_type in _CLOSES)
            end += depth >= 0
        if end > first + 1:
            tokens = [*tokens[:first], *_in_brackets(tokens[first:end]), *tokens[end:]]
    return tokens


def in_call(tokens: list[Token], place: int) -> bool:
    """Say whether a HAVING stands among the arguments of a call, not behind the SELECT of a query."""
    depth = 0
    for token in reversed(tokens[:place]):
        depth += (token.token_type == TokenType.R_PAREN) - (token.token_type == TokenType.L_PAREN)
        if depth < 0 or (not depth and token.token_type == TokenType.SELECT):
            return depth < 0
    return False


def _zones(tokens: list[Token]) -> list[Token]:
    """Put brackets around what stands behind AT TIME ZONE in EXTRACT and CAST: AT TIME ZONE '+0' || hours."""
    for at in range(len(tokens) - 4, 2, -1):
        if [one.text.upper() for one in tokens[at : at + 3]] != ["AT", "TIME", "ZONE"]:
            continue
        opens, end = _opening(tokens, at), _end_of_call(tokens, at + 3)
        if tokens[opens - 1].text.upper() in _ZONED and end > at + 4:
            tokens = [*tokens[: at + 3], *_in_brackets(tokens[at + 3 : end]), *tokens[end:]]
    return tokens


def _opening(tokens: list[Token], at: int) -> int:
    """Return where the bracket stands in which a word does; 0 where it stands in none."""
    depth = 0
    while at and depth >= 0:
        at -= 1
        depth += (tokens[at].token_type in _CLOSES) - (tokens[at].token_type in _OPENS)
    return at


def _end_of_call(tokens: list[Token], at: int) -> int:
    """Return where the bracket is closed in which a word stands."""
    depth = 0
    while at < len(tokens) and depth >= 0:
        depth += (tokens[at].token_type in _OPENS) - (tokens[at].token_type in _CLOSES)
        at += depth >= 0
    return at


def _formats(tokens: list[Token]) -> list[Token]:
    """Put DEFAULT in place of FORMAT in casts, whose formats the parser would else put into other words, without the type."""
    return [
        Token(TokenType.DEFAULT, token.text, *_place(token))
        if token.token_type == TokenType.FORMAT and after.token_type == TokenType.STRING
        else token
        for token, after in zip(tokens, [*tokens[1:], tokens[-1]], strict=True)
    ]


def _counts(tokens: list[Token]) -> list[Token]:
    """Put brackets around a number with a point behind INTERVAL, which the parser would else take for the text '1.5'."""
    written: list[Token] = []
    for before, token in zip([None, *tokens], tokens, strict=False):
        is_count = before is not None and before.token_type == TokenType.INTERVAL
        inexact = is_count and token.token_type == TokenType.NUMBER and not token.text.isdigit()
        written += _in_brackets([token]) if inexact else [token]
    return written


def _lets(tokens: list[Token]) -> list[Token]:
    """Make calls of WITH(name AS value, ...), whose values are named arguments."""
    found = [at for at in range(len(tokens) - 1) if tokens[at].token_type == TokenType.WITH and tokens[at + 1].token_type == TokenType.L_PAREN]  # fmt: skip
    written = list(tokens) if found else tokens
    for at in found:
        written[at] = _as_name(tokens[at])
        depth, end = 1, at + 2
        while depth and end < len(tokens):
            depth += (tokens[end].token_type in _OPENS) - (tokens[end].token_type in _CLOSES)
            if depth == 1 and tokens[end].token_type == TokenType.ALIAS:
                written[end] = Token(TokenType.FARROW, "=>", *_place(tokens[end]))
            end += 1
    return written


def _as_name(token: Token) -> Token:
    """Return a word as a name.

    The parser would else take UNKNOWN behind IS for NULL, of any type, and WITH for queries.
    """
    return Token(TokenType.VAR, token.text, *_place(token))


def _end_of_value(tokens: list[Token], at: int) -> int:
    depth = 0
    while at < len(tokens) and not (tokens[at].token_type == TokenType.IN and not depth):
        depth += (tokens[at].token_type in _OPENS) - (tokens[at].token_type in _CLOSES)
        if depth < 0:
            return 0
        at += 1
    return at


def _paths(tokens: list[Token]) -> list[Token]:
    """Put UNNEST around the path of an array that is numbered: FROM t, t.items AS item WITH OFFSET."""
    for at in range(3, len(tokens) - 1):
        if tokens[at].token_type != TokenType.WITH or tokens[at + 1].token_type != TokenType.OFFSET:
            continue
        last = at - 1
        if tokens[last - 1].token_type in {TokenType.ALIAS, *_NAMES} and tokens[last].token_type in _NAMES:
            last -= 2 if tokens[last - 1].token_type == TokenType.ALIAS else 1
        first = last
        while tokens[first].token_type in _NAMES and tokens[first - 1].token_type == TokenType.DOT:
            first -= 2
        if first < last and tokens[first].token_type in _NAMES:
            unnest = Token(TokenType.UNNEST, "UNNEST", *_place(tokens[first]))
            path = [unnest, *_in_brackets(tokens[first : last + 1])]
            if last + 1 == at:
                path += [Token(TokenType.ALIAS, "AS", *_place(tokens[last])), tokens[last]]
            return [*tokens[:first], *path, *tokens[last + 1 : at + 2], *_paths(tokens[at + 2 :])]
    return tokens


def _in_brackets(tokens: list[Token]) -> list[Token]:
    opening = Token(TokenType.L_PAREN, "(", *_place(tokens[0]))
    return [opening, *tokens, Token(TokenType.R_PAREN, ")", *_place(tokens[-1]))]


def _place(token: Token) -> tuple[int, int, int, int]:
    return token.line, token.col, token.start, token.end
