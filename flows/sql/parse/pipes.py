"""Pipe syntax (`FROM t |> WHERE ... |> AGGREGATE ... GROUP BY ...`), put into SELECTs that mean the same, word by word.

Each operator either adds to the SELECT at hand (WHERE, JOIN, ORDER BY, LIMIT) or ends it and becomes what the next one
reads. Words keep their lines, of which faults speak.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot.tokenizer_core import Token, TokenType

from flows.model.errors import Fault, SqlError
from flows.sql.parse.brackets import Word, after_with, closing, in_no_brackets, split
from flows.sql.parse.piped import Piped
from flows.sql.parse.piped_columns import EXTENDED, settled
from flows.sql.parse.piped_names import BEFORE
from flows.sql.parse.piped_operators import OF_ROWS, SETS
from flows.sql.parse.spelling import behind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flows.sql.parse.brackets import Words


_NAMES = {TokenType.VAR, TokenType.IDENTIFIER}
_BEHIND_FROM = {
    "WHERE",
    "SELECT",
    "GROUP BY",
    "HAVING",
    "QUALIFY",
    "WINDOW",
    "ORDER BY",
    "LIMIT",
    *SETS,
}
"""What stands behind |> where FROM begins a query."""
_BEHIND_QUERY = {"AS", "UNION", "INTERSECT", "EXCEPT", "LEFT", "FULL", "INNER", "OUTER", "ORDER BY", "LIMIT"}
"""What may stand behind a query in brackets that begins another one."""


def without_pipes(
    sql: str, tokens: Sequence[Token], tokenize: Callable[[str], Sequence[Token]]
) -> tuple[str, list[Token]]:
    """Return a query and its words with SELECTs in place of pipes. Raises SqlError."""
    words = [
        Word(one.token_type, one.text, sql[one.start : one.end + 1], one.line, at > 0 and tokens[at - 1].end + 1 == one.start)
        for at, one in enumerate(tokens)
    ]  # fmt: skip
    for word in words:
        if word.kind in _NAMES and word.text.lower().startswith((BEFORE, EXTENDED)):
            message = f"'{word.text}' begins as names that stand for pipes. Write another name."
            raise SqlError([Fault(word.line, message)])
    text, found = "", []
    for word in _lowered(words, tokenize):
        text = behind(text, word.written, glued=word.glued)
        found.append(Token(word.kind, word.text, word.line, len(text), len(text) - len(word.written), len(text) - 1))
    return text, found


def _limited_first(steps: list[Words]) -> list[Words]:
    """Return operators with each LIMIT before those that only make other columns of a row, where their order is lost."""
    found: list[Words] = []
    for step in steps:
        at = len(found)
        while step and step[0].upper == "LIMIT" and at and _is_of_one_row(found[at - 1]):
            at -= 1
        found.insert(at, step)
    return found


def _is_of_one_row(step: Words) -> bool:
    return (
        bool(step)
        and step[0].upper in OF_ROWS - {"WHERE"}
        and not any(word.upper in {"OVER", "DISTINCT", "WINDOW"} for word in step)
    )


def _lowered(words: Words, tokenize: Callable[[str], Sequence[Token]], reader: str = "") -> Words:
    """Return the words of one level, and of all within, without pipes.

    `reader` says what reads the level, if ARRAY, EXISTS, FROM or WITH does.
    """
    inside: Words = []
    at = 0
    while at < len(words):
        end = closing(words, at) if words[at].kind == TokenType.L_PAREN else at
        inside.append(words[at])
        if end > at:
            inside += [*_lowered(words[at + 1 : end], tokenize, _reader(words, at, end, reader)), words[end]]
        at = end + 1
    begins = after_with(inside)
    ends = len(inside) - (bool(inside) and inside[-1].kind == TokenType.SEMICOLON)
    first, *steps = split(inside[begins:ends], TokenType.PIPE_GT)
    if not steps and (not first or first[0].kind != TokenType.FROM):
        return settled(inside)
    _refuse_clauses(first)
    pipe = Piped(first, inside[begins] if begins < len(inside) else words[0], tokenize)
    steps = _limited_first(steps)
    for at, step in enumerate(steps, 1):
        pipe.apply(step, steps[at:])
    if reader == "ARRAY":
        pipe.refuse_lost("ARRAY")
    query = [*_naming(inside[:begins], pipe.named, words[0]), *pipe.result(reader), *inside[ends:]]
    return settled(query) if reader == "EXISTS" else query


def _reader(words: Words, at: int, end: int, around: str) -> str:
    """Return what reads the query in a bracket; `around` reads all of the words."""
    if not at:
        return around if end == len(words) - 1 else ""
    if {word.upper for word in words[end + 1 : end + 2]} & SETS:
        return ""
    before = words[at - 1]
    if before.kind == TokenType.ALIAS:
        return "WITH"
    if before.upper in {"FROM", "JOIN"} or before.kind == TokenType.COMMA:
        return "FROM"
    return before.upper if before.upper in {"ARRAY", "EXISTS"} else ""


def _refuse_clauses(first: Words) -> None:
    """Refuse clauses without |> behind a FROM that begins a query, and what begins none."""
    if first and first[0].kind == TokenType.L_PAREN:
        after = closing(first, 0) + 1
        if after < len(first) and first[after].upper not in _BEHIND_QUERY:
            message = f"'{first[after].written}' stands behind a query in brackets. Write FROM before the query."
            raise SqlError([Fault(first[after].line, f"syntax error: {message}")])
    elif first and first[0].kind not in {TokenType.FROM, TokenType.SELECT}:
        message = f"'{first[0].written}' begins no query. Write FROM before it."
        raise SqlError([Fault(first[0].line, f"syntax error: {message}")])
    if first and first[0].kind == TokenType.FROM:
        for word in (first[place] for place in in_no_brackets(first)):
            clause = " ".join(word.upper.split())
            if clause in _BEHIND_FROM:
                message = f"{clause} stands behind a FROM that begins the query. Write |> {clause}."
                raise SqlError([Fault(word.line, message)])


def _naming(before: Words, named: Words, at: Word) -> Words:
    """Return a WITH, which may be none, with further names."""
    if not named:
        return before
    joint = (
        Word(TokenType.COMMA, ",", ",", at.line, glued=True)
        if before
        else Word(TokenType.WITH, "WITH", "WITH", at.line, glued=False)
    )
    return [*before, joint, *named]
