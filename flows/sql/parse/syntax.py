"""Text that is no GoogleSQL: what other dialects write, and what is wrong where no tree can be made of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlglot.tokenizer_core import Token, TokenType

from flows.model.errors import Fault, SqlError, did_you_mean
from flows.model.types import parse_type
from flows.sql.parse.templates import outside_quotes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlglot.errors import ParseError

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
_CLOSES = {"(": ")", "[": "]"}
_TEXTS = {TokenType.STRING, TokenType.RAW_STRING, TokenType.BYTE_STRING, TokenType.IDENTIFIER}
_AFTER_GROUPS = {")", "HAVING", "QUALIFY", "WINDOW", "ORDER BY", "LIMIT", "UNION", "EXCEPT", "INTERSECT", ";"}
_MAYBE_FOREIGN = re.compile(
    r"<=>|\bNOTNULL\b|\bISNULL\b|\*\s*EXCLUDE\b|\bLIMIT\s[^()]*,"
    r"|,\s*(?:--[^\n]*\s*)*(?:[);]|HAVING\b|QUALIFY\b|WINDOW\b|ORDER\b|LIMIT\b|UNION\b|EXCEPT\b|INTERSECT\b|\Z)"
)
_CONDITIONS = {"WHERE", "HAVING", "QUALIFY", "ON"}
_FOREIGN_WORDS = {
    "TOP": "ORDER BY and LIMIT at the end",
    "FILTER": "COUNTIF(condition), or SUM(IF(condition, value, NULL))",
    "RLIKE": "REGEXP_CONTAINS(text, r'pattern')",
    "REGEXP": "REGEXP_CONTAINS(text, r'pattern')",
}
_JOINERS = {
    "FROM": "JOIN, WHERE or a comma",
    "JOIN": "ON, USING or WHERE",
    **dict.fromkeys(_CONDITIONS, "AND or OR"),
}
_ENDS_VALUE = {
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
_PLURALS = {
    f"{part}S" for part in ("MICROSECOND", "SECOND", "MINUTE", "HOUR", "DAY", "WEEK", "MONTH", "QUARTER", "YEAR")
}


def refuse_foreign(sql: str, tokens: Sequence[Token]) -> None:
    """Refuse what is no single SELECT, and what the parser would quietly take for GoogleSQL. Raises SqlError."""
    _refuse_start(tokens)
    # Most queries hold nothing that looks like any of these, which a look at the text says before one at each word.
    words = sql.upper()
    if any(sign in words for sign in ("FETCH", "|>", "?")):
        _refuse_statement(tokens)
    faults = [
        *(_foreign_types(tokens) if "CAST" in words or "ARRAY" in words else ()),
        *(_foreign_operators(sql, tokens) if any(sign in sql for sign in ("==", "::", "~")) else ()),
        *(_foreign_intervals(tokens) if "INTERVAL" in words else ()),
        *(_foreign_words(tokens) if _MAYBE_FOREIGN.search(words) else ()),
    ]
    if faults:
        raise SqlError(faults)


def _refuse_start(tokens: Sequence[Token]) -> None:
    first = next((token for token in tokens if token.token_type != TokenType.L_PAREN), tokens[0])
    if first.text.upper() not in {"SELECT", "WITH"}:
        raise SqlError([Fault(first.line, f"'{first.text}' starts no SELECT. Write exactly one SELECT.")])


def _refuse_statement(tokens: Sequence[Token]) -> None:
    for before, token in zip([tokens[0], *tokens], tokens, strict=False):
        if token.token_type == TokenType.FETCH and before.token_type != TokenType.DOT:
            raise SqlError([Fault(token.line, "GoogleSQL has no FETCH. Write LIMIT.")])
        if token.text == "|>":
            raise SqlError([Fault(token.line, "pipe syntax (|>) is not supported. Write a SELECT.")])
        if token.token_type == TokenType.PLACEHOLDER:
            message = "a positional parameter (?) has no value here. Write @window_start or @window_end."
            raise SqlError([Fault(token.line, message)])


def _foreign_words(tokens: Sequence[Token]) -> Iterator[Fault]:
    """Give a fault for each word and comma that the parser takes without leaving a trace of it in the tree."""
    depth, clause = 0, ""
    for place, token in enumerate(tokens):
        word = "" if token.token_type in _TEXTS else token.text.upper()
        before = tokens[place - 1] if place else token
        after = tokens[place + 1] if place + 1 < len(tokens) else None
        if word == "<=>":
            yield Fault(token.line, "GoogleSQL has no '<=>'. Write IS NOT DISTINCT FROM.")
        elif word in {"NOTNULL", "ISNULL"} and before.token_type in _ENDS_VALUE:
            instead = "IS NOT NULL" if word == "NOTNULL" else "IS NULL"
            yield Fault(token.line, f"GoogleSQL has no {word}. Write {instead}.")
        elif word == "EXCLUDE" and before.token_type == TokenType.STAR:
            yield Fault(token.line, "GoogleSQL has no * EXCLUDE. Write * EXCEPT (columns).")
        elif word == "(":
            depth += 1
        elif word == ")":
            depth -= 1
            clause = "" if depth < 0 or not clause.startswith(f"{depth}:") else clause
        if word == "LIMIT":
            clause = f"{depth}:LIMIT"
        elif word in {"GROUP BY", "OFFSET"}:
            clause = f"{depth}:{word}"
        elif word == "," and clause == f"{depth}:LIMIT":
            yield Fault(token.line, "GoogleSQL has no LIMIT with two numbers. Write LIMIT count OFFSET skipped.")
            clause = ""
        elif word == "," and clause == f"{depth}:GROUP BY" and (after is None or after.text.upper() in _AFTER_GROUPS):
            yield Fault(token.line, "the query ends after a comma in GROUP BY. Name what follows, or remove it.")


def _foreign_types(tokens: Sequence[Token]) -> Iterator[Fault]:
    casts: list[bool] = []
    for before, token, after in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if token.token_type == TokenType.L_PAREN:
            casts.append(before.text.upper() in {"CAST", "SAFE_CAST"})
        elif token.token_type == TokenType.R_PAREN and casts:
            casts.pop()
        in_cast = token.token_type == TokenType.ALIAS and casts and casts[-1]
        in_array = token.token_type == TokenType.LT and before.text.upper() == "ARRAY"
        if (in_cast or in_array) and after.text.upper() not in {"ARRAY", "STRUCT"}:
            fault = _type_fault(after.text)
            if fault:
                yield Fault(after.line, fault)


def _type_fault(name: str) -> str | None:
    try:
        parse_type(name)
    except ValueError as error:
        return str(error)
    return None


def _foreign_operators(sql: str, tokens: Sequence[Token]) -> Iterator[Fault]:
    for place, token in enumerate(tokens):
        if token.token_type == TokenType.EQ and token.text == "==":
            yield Fault(token.line, "GoogleSQL has no '=='. Write =.")
        elif token.token_type == TokenType.DCOLON:
            cast = tokens[place + 1].text.upper() if place + 1 < len(tokens) else "DATE"
            near = re.search(r"Did you mean '(.*)'", _type_fault(cast) or "")
            value = _before(sql, tokens, place)
            yield Fault(token.line, f"GoogleSQL has no '::'. Write CAST({value} AS {near[1] if near else cast}).")
        elif token.text in {"~", "~*", "!~"} and place and tokens[place - 1].token_type in _ENDS_VALUE:
            value = _before(sql, tokens, place)
            message = f"GoogleSQL has no '{token.text}'. Write REGEXP_CONTAINS({value}, r'...')."
            yield Fault(token.line, message)


def _foreign_intervals(tokens: Sequence[Token]) -> Iterator[Fault]:
    for token, amount, unit in zip(tokens, tokens[1:], [*tokens[2:], None], strict=False):
        if token.token_type != TokenType.INTERVAL:
            continue
        text = amount.text
        if amount.token_type == TokenType.NUMBER and unit is not None:
            text += f" {unit.text}"
        match = re.fullmatch(r"\s*(-?\d+)\s*([A-Za-z]+)\s*", text)
        if match and (amount.token_type == TokenType.STRING or match[2].upper() in _PLURALS):
            written = f"'{amount.text}'" if amount.token_type == TokenType.STRING else text
            part = match[2].upper().removesuffix("S")
            yield Fault(token.line, f"'INTERVAL {written}' is not GoogleSQL. Write INTERVAL {match[1]} {part}.")


def _before(sql: str, tokens: Sequence[Token], place: int) -> str:
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
    return _clip(sql[tokens[first].start : tokens[place - 1].end + 1]) if place else "..."


def _clip(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 60 else f"{text[:57]}..."  # noqa: PLR2004 - what fits a line


def syntax_fault(sql: str, tokens: Sequence[Token], error: ParseError) -> Fault:
    """Say what an analyst may have meant where the parser stopped; `tokens` are as the query spells them."""
    detail = error.errors[0] if error.errors else {}
    spot = detail.get("line"), detail.get("col")
    place = next((at for at, token in enumerate(tokens) if (token.line, token.col) == spot), len(tokens) - 1)
    problem = str(detail.get("description") or error)
    for line, message in (
        *_brackets(sql, tokens),
        *_keywords(sql, tokens, place),
        *_ends(sql, tokens, place, problem),
        *_neighbours(sql, tokens, place),
    ):
        return Fault(line, f"syntax error: {message}")
    shown = _clip(_text(sql, tokens[place]))
    hint = "A word before it may be misspelt or missing, such as a comma, AS or AND."
    return Fault(tokens[place].line, f"syntax error: the query cannot be read at '{shown}'. {hint}")


def _text(sql: str, token: Token) -> str:
    return sql[token.start : token.end + 1]


def _brackets(sql: str, tokens: Sequence[Token]) -> Iterator[tuple[int, str]]:
    opened: list[int] = []
    for place, token in enumerate(tokens):
        if token.text in _CLOSES and token.token_type not in _TEXTS:
            opened.append(place)
        elif token.text in _CLOSES.values() and token.token_type not in _TEXTS:
            if not opened or _CLOSES[tokens[opened[-1]].text] != token.text:
                yield token.line, f"this '{token.text}' closes nothing. Remove it, or write what opens it."
                return
            opened.pop()
    if opened:
        token = tokens[opened[-1]]
        after = f" after {_text(sql, tokens[opened[-1] - 1])}" if opened[-1] else ""
        yield token.line, f"the '{token.text}'{after} is not closed. Write its '{_CLOSES[token.text]}'."


def _keywords(sql: str, tokens: Sequence[Token], place: int) -> Iterator[tuple[int, str]]:
    sides = {"LEFT", "RIGHT", "FULL", "INNER", "CROSS", "OUTER"}
    last = place + 2 if tokens[place].text.upper() in sides else place
    for at in range(max(place - 1, 0), min(last, len(tokens) - 1) + 1):
        token = tokens[at]
        word, after = _text(sql, token), tokens[at + 1] if at + 1 < len(tokens) else None
        if word.upper() in _FOREIGN_WORDS and not _qualified(tokens, at):
            yield token.line, f"GoogleSQL has no {word.upper()}. Write {_FOREIGN_WORDS[word.upper()]}."
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
    token, word = tokens[place], _clip(_text(sql, tokens[place]))
    if "END after CASE" in problem:
        yield token.line, "a CASE has no END. Write END after its last THEN or ELSE."
    elif place == len(tokens) - 1 and token.token_type not in _ENDS_VALUE:
        yield token.line, f"the query ends after '{word}'. Write what follows it, or remove it."
    elif place and tokens[place - 1].token_type in {TokenType.ALIAS, TokenType.DOT} and word.isidentifier():
        yield token.line, f"'{word}' is a word of SQL itself. Choose another name, or write it as `{word}`."


def _neighbours(sql: str, tokens: Sequence[Token], place: int) -> Iterator[tuple[int, str]]:
    """Find two values that stand side by side, with nothing between them that joins them."""
    begins = place - 1 if tokens[place].token_type in {TokenType.DOT, TokenType.L_PAREN} else place
    second, first = tokens[max(begins, 0)], tokens[max(begins - 1, 0)]
    if begins < 1 or first.token_type not in _ENDS_VALUE or not _begins_value(second):
        return
    if first.token_type == second.token_type == TokenType.STRING and first.end + 1 == second.start:
        yield second.line, "a quote inside a text is written \\' (two quotes end one text and begin another)."
        return
    left, right = _before(sql, tokens, begins), _clip(_text(sql, second))
    after = tokens[begins + 1 : begins + 3]
    if len(after) > 1 and after[0].token_type == TokenType.DOT:
        right = f"{right}.{_text(sql, after[1])}"
    elif after and after[0].token_type == TokenType.L_PAREN:
        right = f"{right}(...)"
    missing = _JOINERS.get(_clause(tokens, begins), "a comma")
    yield second.line, f"between '{left}' and '{right}' {missing} is missing."


def _begins_value(token: Token) -> bool:
    return token.token_type in _ENDS_VALUE - {TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.END} or (
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
    return Fault(line, f"syntax error: {opened[0]} is opened and not closed on its line.")
