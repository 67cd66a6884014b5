"""Clauses, lists and names that stand where GoogleSQL has no place for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot.tokenizer_core import TokenType

from flows.sql.parse.reader import CLAUSES, RANKS, STAR_REPLACE
from flows.sql.parse.spelling import TEXTS
from flows.sql.parse.words import RESERVED

if TYPE_CHECKING:
    from flows.sql.parse.reader import Frame, Reader, Rule

_FROM, _LAST_OF_SELECT = RANKS["FROM"], RANKS["WINDOW"]
_BEGINS_LIST = {
    "(",
    "[",
    ",",
    "SELECT",
    "DISTINCT",
    "ALL",
    "BY",
    "GROUP BY",
    "ORDER BY",
    "PARTITION BY",
    "WITH",
    "FROM",
    "USING",
}
_ENDS_LIST = {")", "]", ",", ";", "", "WHERE", "GROUP BY", "HAVING", "QUALIFY", "WINDOW", "ORDER BY", "LIMIT", "UNION", "INTERSECT", "EXCEPT", "ROWS", "RANGE", "ON", "JOIN"}  # fmt: skip
_NESTED = "FROM has a comma beside an ON that stands right behind another one. Write CROSS JOIN in place of the comma."
_WITH_COMMAS = {"SUBSTR": "SUBSTR(text, 2, 3)", "SUBSTRING": "SUBSTRING(text, 2, 3)", "TRIM": "TRIM(text, 'x'), LTRIM or RTRIM", "OVERLAY": "CONCAT(LEFT(text, 1), 'x', SUBSTR(text, 3))"}  # fmt: skip


def _comma(reader: Reader, at: int) -> str | None:
    before, after, frame = reader.word(at - 1), reader.word(at + 1), reader.frame
    if before in _BEGINS_LIST and not (before == "ALL" and reader.word(at - 2) != "SELECT"):
        return f"nothing stands between '{before}' and the comma. Write what is missing, or remove the comma."
    if frame.called == "EXTRACT" and not frame.rank and frame.opener == "(":
        return f"EXTRACT takes no comma. Write EXTRACT({before} FROM {reader.written(at + 1) if after else 'ts'})."
    if frame.rank == _FROM:
        frame.listed, frame.joins = True, 0
    if frame.nested and frame.rank == _FROM and after not in _ENDS_LIST:
        return _NESTED
    if frame.rank == RANKS["LIMIT"] or (reader.word(at - 2) == "LIMIT" and reader.word(at - 3) != "."):
        return "GoogleSQL has no LIMIT with two numbers. Write LIMIT count OFFSET skipped."
    if before == "*" and frame.called == "COUNT":
        return "COUNT(*) takes nothing else. Write COUNT(*), or COUNT(value)."
    if frame.rank == 1 and after in {")", "FROM", "", ";"}:
        return None
    if after in _ENDS_LIST:
        where = CLAUSES[frame.rank - 1] if frame.rank else "a list"
        return f"nothing follows the comma in {where}. Write what is missing, or remove the comma."
    if frame.rank == 0 and frame.with_ and not frame.joined:
        return _with_name(reader, at + 1)
    of_join = frame.called in {"FROM", "JOIN", ","} and reader.frames[-2].rank == _FROM
    if of_join and frame.rank == 0 and not frame.ordered:
        return "a join in brackets takes no comma. Write CROSS JOIN."
    return None


def _with_name(reader: Reader, at: int) -> str | None:
    name, after = reader.word(at), reader.word(at + 1)
    if name in {"SELECT", ""}:
        return f"nothing follows the comma before '{name}'. Remove it." if name else None
    if after == "(" and reader.word(at + 2) not in {"SELECT", "WITH", "("}:
        return None
    if after != "AS":
        return f"'{reader.written(at)}' in WITH needs AS. Write WITH {reader.written(at)} AS (SELECT ...)."
    return None


def _with(reader: Reader, at: int) -> str | None:
    frame = reader.frame
    if frame.rank or frame.joined or frame.with_ or (at and reader.word(at - 1) != "("):
        return None
    begins = at + 1 + (reader.word(at + 1) == "RECURSIVE")
    if reader.word(begins) == "(":
        return None
    frame.with_ = True
    return _with_name(reader, begins)


def _select(reader: Reader, at: int) -> str | None:
    frame, before = reader.frame, reader.word(at - 1)
    if frame.opener == "CASE":
        return "a query inside a CASE stands in brackets: (SELECT ...)."
    if not frame.joined and (frame.rank or (at and not (before == "(" or (frame.with_ and before == ")")))):
        return f"the query after '{reader.written(at - 1)}' stands in brackets. Write (SELECT ...)."
    named = at + 1 + (reader.word(at + 1) in {"DISTINCT", "ALL"})
    if reader.word(named) == "AS" and reader.word(named + 1) not in {"STRUCT", "VALUE"}:
        return "SELECT AS needs STRUCT or VALUE. Write SELECT AS STRUCT columns, or leave AS out."
    frame.rank, frame.joined, frame.listed, frame.joins, frame.conditions, frame.nested = 1, False, False, 0, 0, False
    return None


def _format(reader: Reader, at: int) -> str | None:
    is_last = reader.frame.called in {"CAST", "SAFE_CAST"} and not reader.frame.rank and reader.word(at + 1) == ")"
    return "FORMAT needs a text after it: FORMAT 'YYYY-MM-DD'. Write one, or leave it out." if is_last else None


def _from(reader: Reader, at: int) -> str | None:
    frame = reader.frame
    if reader.word(at - 1) == "DISTINCT" and reader.word(at - 2) in {"IS", "NOT"}:
        return None
    if frame.rank == 0:
        called = frame.called
        if called in {"SUBSTRING", "SUBSTR", "TRIM", "OVERLAY"}:
            return f"{called} takes no FROM. Write its arguments with commas, as in {_WITH_COMMAS[called]}."
        return None if frame.opener else "'FROM' stands before any SELECT. Write SELECT columns FROM table."
    return _clause(reader, at)


def _clause(reader: Reader, at: int) -> str | None:
    frame, word = reader.frame, reader.word(at)
    if word == "WINDOW" and reader.word(at + 2) != "AS":
        return "WINDOW needs AS. Write WINDOW name AS (PARTITION BY ... ORDER BY ...)."
    if reader.word(at + 1) in _ENDS_LIST - {"", ";"}:
        return f"nothing follows {word}. Write what belongs there, or leave it out."
    if word == "LIMIT" and reader.word(at - 2) == "OFFSET" and reader.tokens[at - 1].token_type == TokenType.NUMBER:
        return "OFFSET stands before LIMIT. Write LIMIT count OFFSET skipped."
    if frame.rank == 0 or word == "PARTITION BY":
        frame.ordered |= word == "ORDER BY"
        return None
    rank = RANKS[word]
    if rank == frame.rank:
        how = "Join its conditions with AND." if word in {"WHERE", "HAVING", "QUALIFY"} else "Write it once."
        return f"{word} stands twice in one SELECT. {how}"
    if rank < frame.rank:
        return f"{word} stands after {CLAUSES[frame.rank - 1]}. The order is {', '.join(CLAUSES)}."
    frame.rank = rank
    return None


def _star(reader: Reader, at: int) -> str | None:
    after = reader.word(at + 1)
    if at and reader.tokens[at - 1].end + 1 == reader.tokens[at].start:
        return None  # of tables by a part of their names: t_*
    if reader.frame.rank == _FROM and after in {*_ENDS_LIST, "LEFT", "RIGHT", "FULL", "INNER", "CROSS"}:
        return f"nothing follows '*' before '{after}'. Leave it out." if after else "nothing follows '*'. Leave it out."
    return None


def _join(reader: Reader, _: int) -> str | None:
    rank = reader.frame.rank
    reader.frame.conditions = 0
    reader.frame.joins += 1
    return f"JOIN stands after {CLAUSES[rank - 1]}. The order is FROM, JOIN, WHERE, GROUP BY." if rank > _FROM else None


def _on(reader: Reader, at: int) -> str | None:
    if reader.word(at - 1) == "NAME" and reader.word(at + 1) == "(" and reader.word(at + 2) == ")":
        return "ON () names no column. Name those that both sides have, or leave it out."
    if reader.frame.rank == _FROM and reader.word(at + 1) in _ENDS_LIST:
        return "nothing follows ON. Write the condition, or CROSS JOIN in place of JOIN."
    return _condition(reader.frame)


def _condition(frame: Frame) -> str | None:
    """Note ON or USING; return the fault of one that has no JOIN, or stands right behind another one, beside commas."""
    if frame.rank != _FROM:
        return None
    if not frame.joins and frame.listed:
        return "no JOIN behind the last comma waits for this condition. Write it before the comma, or write WHERE."
    frame.joins -= 1
    frame.conditions += 1
    frame.nested |= frame.conditions > 1
    return _NESTED if frame.nested and frame.listed else None


def _set_operation(reader: Reader, at: int) -> str | None:
    frame, word, after = reader.frame, reader.word(at), reader.word(at + 1)
    if at and reader.tokens[at - 1].token_type == TokenType.STAR:
        named = after == "(" and reader.word(at + 2) != ")"
        return _qualified(reader, at) if named else "* EXCEPT needs columns in brackets. Write * EXCEPT (columns)."
    if after not in {"ALL", "DISTINCT"}:
        kinds = "UNION ALL, or UNION DISTINCT to drop rows that stand twice" if word == "UNION" else f"{word} DISTINCT"
        return f"{word} says nothing of rows that stand twice. Write {kinds}."
    if frame.rank > _LAST_OF_SELECT:
        last = CLAUSES[frame.rank - 1]
        return f"{last} stands before {word}. Write it after the last SELECT, or put its SELECT in brackets."
    outer = reader.word(at - 1) == "OUTER"
    side = reader.word(at - 1 - outer)
    if side == "RIGHT":
        return f"GoogleSQL has no RIGHT {word}. Write LEFT {word} with its sides the other way round, or FULL {word}."
    side = side if side in {"LEFT", "FULL", "INNER"} else "FULL" * outer
    follows = reader.word(at + 2)
    joins_by = f"{side} {word} {after}{_matched_by(reader, at + 2)}".lstrip()
    if frame.joins_by not in {"", joins_by}:
        return f"{frame.joins_by} and {joins_by} stand side by side. Put brackets around what belongs together."
    frame.rank, frame.joined, frame.joins_by = 0, True, joins_by
    if side and follows not in {"BY", "CORRESPONDING"}:
        return f"{joins_by} joins columns by their names. Write {joins_by} BY NAME."
    if follows == "":
        return f"the query ends after '{word} {after}'. Write what follows it, or remove it."
    if follows == "WITH":
        return f"a query with WITH behind {word} {after} stands in brackets. Write (WITH ...)."
    if follows not in {"SELECT", "(", "BY", "CORRESPONDING", "STRICT"}:
        return f"{word} {after} joins SELECTs. Write {word} {after} SELECT ... FROM {reader.written(at + 2)}."
    return None


def _matched_by(reader: Reader, at: int) -> str:
    """Return how a set operation matches columns by their names, as it stands at a place; nothing where it does not."""
    strict = "STRICT " * (reader.word(at) == "STRICT")
    at += bool(strict)
    if reader.word(at) not in {"BY", "CORRESPONDING"}:
        return ""
    how, listed = (" BY NAME", "ON") if reader.word(at) == "BY" else (f" {strict}CORRESPONDING", "BY")
    at += 2 if listed == "ON" else 1
    if reader.word(at) != listed:
        return how
    names = []
    while reader.word(at + 1) not in {")", ""}:
        at += 1
        names.append(reader.written(at).strip("`").lower())
    return f"{how} {listed} {''.join(names)})".replace(",", ", ")


def _side(reader: Reader, at: int) -> str | None:
    word, after = reader.word(at), reader.word(at + 1)
    if reader.frame.listed and reader.frame.rank == _FROM and word in {"RIGHT", "FULL"} and after in {"JOIN", "OUTER"}:
        return f"{word} JOIN stands after a comma in FROM. Write CROSS JOIN in place of the comma."
    if reader.frame.rank != _FROM or after in {
        "JOIN",
        "OUTER",
        "(",
        "UNION",
        "EXCEPT",
        "INTERSECT",
        "SEMI",
        "ANTI",
        "HASH",
        "",
    }:
        return None
    return f"'{word}' needs JOIN. Write {word} JOIN."


def _bracket(reader: Reader, at: int) -> str | None:
    named = reader.tokens[at - 1] if at else None
    if named is not None and named.token_type == TokenType.IDENTIFIER and named.text.upper() == "ARRAY":
        # The parser takes it for the word, whatever stands before it.
        return "`array` before [ begins an ARRAY. Write ['array'] for a field of JSON, or give it another name in FROM."
    if reader.word(at - 1) not in {"FROM", "JOIN", "."} or reader.word(at + 2) != "]" or reader.frame.rank != _FROM:
        return None
    if reader.word(at - 2) == "DISTINCT":
        return None
    name = reader.tokens[at + 1].text
    return f"'[{name}]' is no name. Write it as `{name}`."


def _as(reader: Reader, at: int) -> str | None:
    after, called = reader.word(at + 1), reader.frame.called
    is_cast = called in {"CAST", "SAFE_CAST"} and not reader.frame.rank
    if called == "IN" and not reader.frame.rank and (after == "'" or after.isdigit()):
        return None  # of UNPIVOT
    if called == "WITH" and not reader.frame.rank:
        return f"nothing follows AS before '{after}'. Write a value." if after in {")", ",", ""} else None
    if after in {")", ",", "", "FROM"}:
        return f"AS needs {'a type' if is_cast else 'a name'} after it."
    if not after.isidentifier() and after not in {"'", "("}:
        return f"AS needs {'a type' if is_cast else 'a name'} before '{after}'."
    if after == "'" and reader.tokens[at + 1].token_type in TEXTS:
        name = reader.tokens[at + 1].text
        return f"a name is no text. Write AS {name if name.isidentifier() else f'`{name}`'}."
    # `at` is what many call a time; it stands in backticks in what BigQuery is sent.
    if is_cast or after not in RESERVED or after in {"STRUCT", "NOT", "AT"}:
        return None
    if (after == "OF" and reader.word(at - 1) == "SYSTEM_TIME") or (after == "SELECT" and not reader.frame.rank):
        return None
    name = reader.written(at + 1)
    return f"'{name}' is a word of SQL itself. Choose another name, or write it as `{name}`."


def _closing(reader: Reader, at: int) -> str | None:
    if reader.frame.opener == "CASE":
        return "a CASE has no END. Write END after its last THEN or ELSE."
    if reader.frame.called == STAR_REPLACE and reader.word(at - 2) != "AS":
        return (
            f"REPLACE needs AS and the name of a column before '{reader.written(at)}'. Write * REPLACE (value AS name)."
        )
    if reader.word(at - 1) == "ALL" and reader.word(at - 2) == ",":
        return "nothing follows ALL. Write a value behind it, or leave it out."
    around = reader.frames[-2] if len(reader.frames) > 1 else None
    if around is None or not around.with_ or around.rank or around.joined or reader.frame.called != "AS":
        return None
    after = reader.word(at + 1)
    if after in {"", ";"}:
        return "the query ends after WITH. Write the SELECT that reads it."
    if after in {",", "SELECT", "AS", "(", ")", "WITH"}:
        return None
    return f"before '{reader.written(at + 1)}' a comma is missing between the queries of WITH, or their SELECT."


def _using(reader: Reader, at: int) -> str | None:
    name = reader.written(at + 1) if reader.word(at + 1) else "column"
    if reader.frame.rank != _FROM:
        return None
    if reader.word(at + 1) != "(":
        return f"USING needs brackets. Write USING ({name})."
    if reader.word(at + 2) == ")":
        return "USING () names no column. Name those that both sides have, or write CROSS JOIN."
    return _qualified(reader, at) or _condition(reader.frame)


def _qualified(reader: Reader, at: int) -> str | None:
    """Return the fault of a name with a dot in the brackets behind a word that takes bare names of columns."""
    place = at + 2
    while reader.word(place) not in {")", ""}:
        if reader.word(place) == "." and reader.word(place + 1):
            word, what = (
                ("USING", "columns that both sides have") if reader.word(at) == "USING" else ("* EXCEPT", "columns")
            )
            return f"{word} takes names of {what}. Write {word} ({reader.written(place + 1)})."
        place += 1
    return None


def _arrow(reader: Reader, at: int) -> str | None:
    if reader.frame.called != "WITH" or reader.frame.rank:
        return None
    name = reader.written(at - 1)
    return f"WITH(...) gives names to values with AS. Write WITH({name} AS value, ...)."


CLAUSE_RULES: dict[TokenType, Rule] = {
    TokenType.COMMA: _comma,
    TokenType.WITH: _with,
    TokenType.SELECT: _select,
    TokenType.FROM: _from,
    TokenType.FORMAT: _format,
    **dict.fromkeys(
        (TokenType.WHERE, TokenType.GROUP_BY, TokenType.HAVING, TokenType.QUALIFY, TokenType.WINDOW), _clause
    ),
    **dict.fromkeys((TokenType.ORDER_BY, TokenType.LIMIT, TokenType.PARTITION_BY), _clause),
    TokenType.STAR: _star,
    TokenType.JOIN: _join,
    TokenType.ON: _on,
    **dict.fromkeys((TokenType.LEFT, TokenType.RIGHT, TokenType.FULL, TokenType.INNER), _side),
    **dict.fromkeys((TokenType.UNION, TokenType.EXCEPT, TokenType.INTERSECT), _set_operation),
    TokenType.L_BRACKET: _bracket,
    TokenType.ALIAS: _as,
    TokenType.USING: _using,
    TokenType.FARROW: _arrow,
    **dict.fromkeys((TokenType.R_PAREN, TokenType.R_BRACKET), _closing),
}
