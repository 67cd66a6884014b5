"""Operators, literals and calls that stand where GoogleSQL has no place for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot.tokenizer_core import TokenType

from flows.sql.parse.reader import RANKS
from flows.sql.parse.spelling import ENDS_VALUE, TEXTS, is_extreme, spelt_before
from flows.sql.parse.words import RESERVED, VALUES

if TYPE_CHECKING:
    from flows.sql.parse.reader import Reader, Rule

_FROM = RANKS["FROM"]
_AFTER = {"CASE": {"WHEN"}, "WHEN": {"THEN"}, "THEN": {"WHEN", "ELSE", "END"}, "ELSE": {"END"}, "END": set[str]()}
_SAME_AS_TEXT = {
    "E": "the text with its escapes, without E: 'a\\n'",
    "N": "the text without N",
    "U": "the text without U, and \\u00e9 for a sign by its number",
    "X": "bytes as b'\\x00\\xff', or FROM_HEX('00ff')",
}
_PLACES = {"NUMERIC": 9, "DECIMAL": 9, "BIGNUMERIC": 38, "BIGDECIMAL": 38}
"""How many digits after the point a number has at most that is written down as one of a type."""


def _over(reader: Reader, at: int) -> str | None:
    after = reader.word(at + 1)
    if after in {"(", "'"} or (reader.tokens[at + 1 :] and after not in RESERVED and after.isidentifier()):
        return None
    return "OVER needs brackets. Write OVER (PARTITION BY ... ORDER BY ...)."


def _in(reader: Reader, at: int) -> str | None:
    after = reader.word(at + 1)
    if after == "(":
        return "IN () has no values. Write at least one." if reader.word(at + 2) == ")" else None
    if after == "UNNEST" or reader.frame.called == "POSITION":
        return None
    if after == "[":
        return "IN takes no array. Write IN UNNEST([...]), or IN (...)."
    return "IN needs brackets. Write IN (values), or IN UNNEST(array)."


def _follows_value(reader: Reader, at: int) -> bool:
    """Say whether the word before may end a value: not the last one of SELECT AS VALUE or of HAVING MAX."""
    if not at or reader.tokens[at - 1].token_type not in ENDS_VALUE or is_extreme(reader.tokens, at - 1):
        return False
    return [reader.word(at - before) for before in (3, 2, 1)] != ["SELECT", "AS", "VALUE"]


def _number(reader: Reader, at: int) -> str | None:
    if _follows_value(reader, at) and reader.word(at - 1) not in RESERVED - VALUES:
        value = spelt_before(reader.sql, reader.tokens, at)
        return f"between '{value}' and '{reader.written(at)}' a comma or an operator is missing."
    if at + 1 >= len(reader.tokens) or reader.word(at - 1) == "-":
        return None
    token, after = reader.tokens[at], reader.tokens[at + 1]
    if (
        token.text.endswith(".")
        or after.start != token.end + 1
        or not after.text[:1].isidentifier()
        or after.token_type in TEXTS
    ):
        return None
    name = f"{token.text}{after.text}"
    return f"'{name}' is neither a number nor a name. Write it as `{name}` where it is a name."


def _text(reader: Reader, at: int) -> str | None:
    token, before, after = reader.tokens[at], reader.word(at - 1), reader.word(at + 1)
    if token.token_type == TokenType.NATIONAL_STRING:
        return f"GoogleSQL has no N'...'. Write {_SAME_AS_TEXT['N']}."
    quotes = reader.written(at).lstrip("bBrR")
    if "\n" in quotes and quotes[:3] != quotes[0] * 3:
        return f"{quotes[0]} is opened and not closed on its line. Write \\n, or {quotes[0] * 3} around several lines."
    if (
        before == "."
        or (after == "." and before != "JSON")
        or (before in {"FROM", "JOIN", ")"} and reader.frame.rank == _FROM and reader.word(at - 2) != "DISTINCT")
        or (before == "<" and reader.word(at - 2) == "STRUCT")
    ):
        if after == "." and reader.word(at + 3) == "(":
            return (
                f"a call stands behind a value in brackets. Write ({reader.written(at)}).{reader.written(at + 2)}(...)."
            )
        return f"{reader.written(at)} is a text, and no name. Write `{token.text}`."
    if not at:
        return None
    places = len(token.text.partition(".")[2].rstrip("0"))
    if places > _PLACES.get(before, places) and "e" not in token.text.lower():
        return (
            f"{before} {reader.written(at)} has more than {_PLACES[before]} digits after its point, which no {before} holds. "
            f"Write CAST({reader.written(at)} AS {before}) to round it."
        )
    left = reader.tokens[at - 1]
    beside = left.end + 1 == token.start
    if left.token_type in TEXTS:
        if beside:
            return "a quote inside a text is written \\' (two quotes end one text and begin another)."
        return (
            f"two texts stand side by side. Write {reader.written(at - 1)} || {reader.written(at)}, or a comma between."
        )
    if beside and left.token_type == TokenType.VAR and (before in _SAME_AS_TEXT or before.startswith("_")):
        return f"GoogleSQL has no {left.text}'...'. Write {_SAME_AS_TEXT.get(before, 'the text alone')}."
    return None


def _is(reader: Reader, at: int) -> str | None:
    words = [reader.word(at + one) for one in (1, 2)]
    negated = words[0] == "NOT"
    what = words[1] if negated else words[0]
    if what in {"NULL", "TRUE", "FALSE", "UNKNOWN", "DISTINCT"}:
        return None
    sign = "<>" if negated else "="
    return f"IS takes NULL, TRUE, FALSE, UNKNOWN or DISTINCT FROM. Write {sign} to compare with a value."


def _not(reader: Reader, at: int) -> str | None:
    if reader.tokens[at].text != "!":
        if not _follows_value(reader, at) or reader.word(at - 1) in RESERVED - VALUES:
            return None
        if reader.word(at + 1) in {"IN", "LIKE", "BETWEEN", "ILIKE"}:
            return None
        return "NOT stands before a condition, or before IN, LIKE and BETWEEN, or behind IS: IS NOT NULL."
    after = {"~": "NOT REGEXP_CONTAINS(text, r'...')", "<": ">=", ">": "<="}.get(
        reader.word(at + 1), "NOT, or <> between values"
    )
    sign = f"!{reader.word(at + 1)}" if reader.word(at + 1) in {"~", "<", ">"} else "!"
    return f"GoogleSQL has no '{sign}'. Write {after}."


def _way(reader: Reader, at: int) -> str | None:
    said = reader.word(at - 1) in {"ASC", "DESC"} or reader.word(at - 2) == "NULLS"
    return f"'{reader.word(at)}' stands behind the order of its value already. Leave it out." if said else None


def _frame_bounds(reader: Reader, at: int) -> str | None:
    if reader.word(at - 2) == "OFFSET" and reader.tokens[at - 1].token_type == TokenType.NUMBER:
        return f"OFFSET takes a number alone. Leave {reader.word(at)} out."
    if reader.word(at + 1) not in {")", "AND"}:
        return None
    word = reader.word(at)
    return f"nothing follows {word}. Write {word} BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW, or leave it out."


def _all(reader: Reader, at: int) -> str | None:
    if reader.word(at - 1) == "GROUP BY" and reader.word(at + 1) == ",":
        return "GROUP BY ALL takes nothing else. Write GROUP BY ALL, or name all that it groups by."
    if reader.word(at - 1) == "(" and reader.frame.called.isidentifier() and reader.frame.called not in RESERVED:
        return f"{reader.frame.called} takes no ALL. Leave it out."
    return None


def _case(reader: Reader, at: int) -> str | None:
    if _follows_value(reader, at) and (reader.word(at - 2), reader.word(at - 1)) != ("TIME", "ZONE"):
        return f"between '{reader.written(at - 1)}' and 'CASE' a comma is missing."
    return None


def _case_word(reader: Reader, at: int) -> str | None:
    frame, word = reader.frame, reader.word(at)
    if frame.opener != "CASE":
        if word == "END":
            return "this END closes no CASE. Remove it, or write it as `end` where it is a name."
        return f"'{word}' belongs to a CASE. Write CASE WHEN condition THEN value ELSE other END."
    if word in _AFTER[frame.state]:
        frame.state = word
        return None
    if word == "END" and frame.state == "CASE":
        return "this CASE has no WHEN. Write CASE WHEN condition THEN value END."
    wanted = "WHEN condition" if frame.state in {"CASE", "ELSE"} else "THEN value"
    return f"'{word}' after {frame.state} lacks its {wanted}. Write CASE WHEN condition THEN value ELSE other END."


VALUE_RULES: dict[TokenType, Rule] = {
    **dict.fromkeys((TokenType.ROWS, TokenType.RANGE), _frame_bounds),
    **dict.fromkeys((TokenType.ASC, TokenType.DESC), _way),
    TokenType.OVER: _over,
    TokenType.IN: _in,
    TokenType.NUMBER: _number,
    **dict.fromkeys(TEXTS, _text),
    TokenType.IS: _is,
    TokenType.NOT: _not,
    TokenType.ALL: _all,
    TokenType.CASE: _case,
    **dict.fromkeys((TokenType.WHEN, TokenType.THEN, TokenType.ELSE, TokenType.END), _case_word),
}
