"""What is wrong with a text of which no tree can be made."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlglot.tokenizer_core import Token, TokenType

from flows.model.errors import Fault, did_you_mean
from flows.sql.parse.grammar import brackets
from flows.sql.parse.spelling import ENDS_VALUE, clipped, spelt_before
from flows.sql.parse.templates import outside_quotes
from flows.sql.parse.words import UNITS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlglot.errors import ParseError

SEVERAL = "there is more than one statement. Write exactly one SELECT."
_NEAR_KEYWORD = 0.75
_CLAUSES = (
    "SELECT",
    "FROM",
    "WHERE",
    "GROUP",
    "ORDER",
    "HAVING",
    "QUALIFY",
    "LIMIT",
    "JOIN",
    "UNION",
    "DISTINCT",
    "PARTITION",
    "WINDOW",
    "BETWEEN",
)
_CONDITIONS = {"WHERE", "HAVING", "QUALIFY", "ON"}
_BETWEEN_VALUES = {TokenType.EQ, TokenType.NEQ, TokenType.LT, TokenType.GT, TokenType.LTE, TokenType.GTE, TokenType.AND, TokenType.OR, TokenType.SLASH, TokenType.LIKE, TokenType.BETWEEN, TokenType.DPIPE}  # fmt: skip
_BEFORE_VALUES = {"SELECT", "(", ",", "AND", "OR", "NOT", "WHEN", "THEN", "ELSE", "BY", "GROUP BY", "ORDER BY"}
_JOINERS = {
    "FROM": "JOIN, WHERE or a comma",
    "JOIN": "ON, USING or WHERE",
    **dict.fromkeys(_CONDITIONS, "AND or OR"),
}


def syntax_fault(sql: str, tokens: Sequence[Token], error: ParseError) -> Fault:
    """Say what an analyst may have meant where the parser stopped; `tokens` are as the query spells them."""
    detail = error.errors[0] if error.errors else {}
    spot = detail.get("line"), detail.get("col")
    place = next((at for at, token in enumerate(tokens) if (token.line, token.col) == spot), len(tokens) - 1)
    problem = str(detail.get("description") or error)
    for token in tokens[:place]:
        if token.token_type == TokenType.SEMICOLON:
            return Fault(token.line, SEVERAL)
    for fault in brackets(sql, tokens):
        return fault
    for line, message in (
        *_keywords(sql, tokens, place),
        *_ends(sql, tokens, place, problem),
        *_grammars(sql, tokens, place),
        *_neighbours(sql, tokens, place),
    ):
        return Fault(line, f"syntax error: {message}")
    shown = clipped(_text(sql, tokens[place]))
    hint = "A word before it may be misspelt or missing, such as a comma, AS or AND."
    return Fault(tokens[place].line, f"syntax error: the query cannot be read at '{shown}'. {hint}")


def _text(sql: str, token: Token) -> str:
    return sql[token.start : token.end + 1]


def _keywords(sql: str, tokens: Sequence[Token], place: int) -> Iterator[tuple[int, str]]:
    sides = {"LEFT", "RIGHT", "FULL", "INNER", "CROSS", "OUTER"}
    last = place + 2 if tokens[place].text.upper() in sides else place
    for at in range(max(place - 1, 0), min(last, len(tokens) - 1) + 1):
        token = tokens[at]
        word, after = _text(sql, token), tokens[at + 1] if at + 1 < len(tokens) else None
        if word.upper() in {"GROUP", "ORDER", "PARTITION"} and (after is None or after.text.upper() != "BY"):
            yield token.line, f"'{word}' needs BY. Write {word.upper()} BY."
        like = [clause for clause in _CLAUSES if abs(len(clause) - len(word)) <= 1 and clause != word.upper()]
        near = did_you_mean(word, like, _NEAR_KEYWORD)
        if token.token_type == TokenType.VAR and near and not _qualified(tokens, at):
            yield token.line, f"'{word}' is no word that can stand here.{near}"


def _qualified(tokens: Sequence[Token], at: int) -> bool:
    around = (tokens[max(at - 1, 0)], tokens[min(at + 1, len(tokens) - 1)])
    return any(token.token_type == TokenType.DOT for token in around)


def _ends(sql: str, tokens: Sequence[Token], place: int, problem: str) -> Iterator[tuple[int, str]]:
    token, word = tokens[place], clipped(_text(sql, tokens[place]))
    if "END after CASE" in problem:
        yield token.line, "a CASE has no END. Write END after its last THEN or ELSE."
    elif place == len(tokens) - 1 and token.token_type not in ENDS_VALUE:
        yield token.line, f"the query ends after '{word}'. Write what follows it, or remove it."
    elif place and tokens[place - 1].token_type in {TokenType.ALIAS, TokenType.DOT} and word.isidentifier():
        yield token.line, f"'{word}' is a word of SQL itself. Choose another name, or write it as `{word}`."


def _grammars(sql: str, tokens: Sequence[Token], place: int) -> Iterator[tuple[int, str]]:
    """Find what has words of its own between its parts, and lacks one of them."""
    token, before = tokens[place], tokens[place - 1] if place else tokens[0]
    opened = _opened(tokens, place)
    called = tokens[opened - 1].text.upper() if opened else ""
    if called in {"CAST", "SAFE_CAST"} and any(one.text.upper() == "FORMAT" for one in tokens[opened:place]):
        yield (
            token.line,
            f"the FORMAT of a {called} is written down here, as in FORMAT 'YYYY-MM-DD'. Write a CASE for several.",
        )
    elif called in {"CAST", "SAFE_CAST"}:
        value = clipped(_text(sql, tokens[opened + 1]))
        yield token.line, f"{called} needs AS. Write {called}({'value' if value in {'AS', ')'} else value} AS TYPE)."
    elif called == "EXTRACT":
        yield token.line, f"EXTRACT needs FROM. Write EXTRACT({_text(sql, tokens[opened + 1])} FROM ts)."
    elif TokenType.INTERVAL in {token.token_type, before.token_type, tokens[max(place - 2, 0)].token_type}:
        yield token.line, "an INTERVAL needs a number and a part. Write INTERVAL 1 DAY."
    elif called == "UNNEST":
        instead = "UNNEST(one) AS x WITH OFFSET AS place, and other[SAFE_OFFSET(place)] for those of another"
        yield token.line, f"UNNEST takes one array, and names it behind its brackets. Write {instead}."
    elif called and token.token_type == TokenType.WHERE:
        yield (
            token.line,
            f"{called} takes no WHERE in BigQuery. Write COUNTIF(condition), or {called}(IF(condition, value, NULL)).",
        )
    elif called and token.token_type == TokenType.GROUP_BY:
        yield (
            token.line,
            f"{called} takes no GROUP BY in BigQuery. Compute the aggregate inside it by a query in WITH or FROM.",
        )
    elif _awaits_and(tokens, place):
        yield token.line, f"BETWEEN needs AND where '{_text(sql, token)}' stands. Write BETWEEN low AND high."
    elif token.token_type == TokenType.DISTINCT:
        yield token.line, "DISTINCT stands behind SELECT, or first in the brackets of an aggregate: COUNT(DISTINCT x)."
    elif (
        place > 1
        and before.token_type in _BETWEEN_VALUES
        and tokens[place - 2].text.upper() in {*_BEFORE_VALUES, *_CONDITIONS}
    ):
        left, sign = tokens[place - 2].text, before.text
        yield before.line, f"nothing stands between '{left}' and '{sign}'. Write what '{sign}' compares, or remove it."
    elif before.token_type == TokenType.JOIN:
        yield token.line, f"JOIN names no table before '{_text(sql, token)}'. Write JOIN dataset.table."


def _opened(tokens: Sequence[Token], place: int) -> int:
    """Return the place of the bracket that is open around a token; 0 where there is none."""
    depth = 0
    for at in range(place - 1, 0, -1):
        kind = tokens[at].token_type
        depth += (kind == TokenType.R_PAREN) - (kind == TokenType.L_PAREN)
        if depth < 0:
            return at
    return 0


def _awaits_and(tokens: Sequence[Token], place: int) -> bool:
    """Say whether a BETWEEN before a token, with one value behind it, still waits for its AND."""
    for token in reversed(tokens[max(place - 6, 0) : place]):
        if token.token_type == TokenType.BETWEEN:
            return True
        if token.token_type in {TokenType.AND, TokenType.COMMA}:
            return False
    return False


def _neighbours(sql: str, tokens: Sequence[Token], place: int) -> Iterator[tuple[int, str]]:
    """Find two values that stand side by side, with nothing between them that joins them."""
    begins = place - 1 if tokens[place].token_type in {TokenType.DOT, TokenType.L_PAREN} else place
    second, first = tokens[max(begins, 0)], tokens[max(begins - 1, 0)]
    if begins < 1 or first.token_type not in ENDS_VALUE or not _begins_value(second):
        return
    if first.token_type == second.token_type == TokenType.STRING and first.end + 1 == second.start:
        yield second.line, "a quote inside a text is written \\' (two quotes end one text and begin another)."
        return
    if first.token_type == TokenType.NUMBER and _text(sql, second).upper().removesuffix("S") in UNITS:
        unit = _text(sql, second).upper().removesuffix("S")
        yield second.line, f"an interval is written INTERVAL {_text(sql, first)} {unit}."
        return
    left, right = spelt_before(sql, tokens, begins), clipped(_text(sql, second))
    after = tokens[begins + 1 : begins + 3]
    if len(after) > 1 and after[0].token_type == TokenType.DOT:
        right = f"{right}.{_text(sql, after[1])}"
    elif after and after[0].token_type == TokenType.L_PAREN:
        right = f"{right}(...)"
    missing = _JOINERS.get(_clause(tokens, begins), "a comma")
    a_name = second.token_type == TokenType.STRING and second.text.isidentifier()
    hint = f" Write AS {second.text} where it is a name." if a_name else ""
    yield second.line, f"between '{left}' and '{right}' {missing} is missing.{hint}"


def _begins_value(token: Token) -> bool:
    return token.token_type in ENDS_VALUE - {TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.END} or (
        token.text.isidentifier() and token.text.upper() not in _CLAUSES
    )


def _clause(tokens: Sequence[Token], place: int) -> str:
    """Return the word that begins the part of the query in which a token stands."""
    depth = 0
    for token in reversed(tokens[:place]):
        depth += (token.token_type == TokenType.R_PAREN) - (token.token_type == TokenType.L_PAREN)
        if depth < 0:
            return "("
        word = token.text.upper().partition(" ")[0]
        if not depth and word in {*_CLAUSES, *_CONDITIONS} - {"DISTINCT", "BETWEEN"}:
            return word
    return ""


def token_fault(sql: str) -> Fault:
    """Return the fault of a query with a quote or comment that no other one closes."""
    rest = outside_quotes(sql)
    opened = re.search(r"['\"`]|/\*", rest)
    if opened is None:
        return Fault(1, "syntax error: the query cannot be read.")
    line = rest.count("\n", 0, opened.start()) + 1
    where = "" if opened[0] == "/*" else " on its line"
    return Fault(line, f"syntax error: {opened[0]} is opened and not closed{where}.")
