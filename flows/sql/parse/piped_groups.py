"""What |> AGGREGATE groups by: columns and expressions, and ROLLUP, CUBE and GROUPING SETS of columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sqlglot.tokenizer_core import TokenType

from flows.sql.functions.date_parts import PARTS
from flows.sql.parse.brackets import is_literal, outside_aggregates

if TYPE_CHECKING:
    from flows.sql.parse.brackets import Words

_SETS = {"ROLLUP", "CUBE", "GROUPING SETS"}
_NAMES = {TokenType.VAR, TokenType.IDENTIFIER}
_NOTHING = [TokenType.L_PAREN, TokenType.R_PAREN]
_ENDS = {TokenType.R_PAREN, TokenType.COMMA}
_SIGNS = {TokenType.L_PAREN, *_ENDS}


class Grouping(NamedTuple):
    """The columns that a query gives of its groups."""

    columns: list[Words]
    clause: str
    """Its GROUP BY, which has them by their places; nothing where all rows are one group."""
    in_sets: bool


def grouping(keys: list[Words]) -> Grouping | None:
    """Return what the items behind GROUP BY stand for; None where one of them is none."""
    in_sets = any(map(_is_set, keys))
    if len(keys) > 1 and any(map(_is_nothing, keys)):
        return None
    columns: list[Words] = []
    written = []
    for key in keys:
        if _is_set(key):
            text = _set(key, columns)
            if text is None:
                return None
            written.append(text)
        elif not key or key[0].upper == "ALL" or is_literal(key):
            return None
        elif in_sets:
            place = _place(key, columns) if _has_name(key) else None
            if place is None:
                return None
            written.append(str(place))
        else:
            columns.append(key)
            written.append(str(len(columns)))
    return Grouping(columns, f"GROUP BY {', '.join(written)}" if written else "", in_sets)


def loose(value: Words, keys: list[Words]) -> str:
    """Return a column by which a query groups, and which a value names outside of its aggregates; nothing where none is."""
    rest = outside_aggregates(value)
    paths = [_spelt(key) for key in keys if _has_name(key) and not _is_set(key)]
    for at, word in enumerate(rest):
        before = rest[at - 1].kind if at else None
        if word.kind not in _NAMES or before in {TokenType.DOT, TokenType.ALIAS} or word.upper in PARTS:
            continue
        names = [one.text.lower() for one in rest[at:]]
        for path in paths:
            behind = rest[at + len(path)].kind if at + len(path) < len(rest) else None
            if names[: len(path)] == path and behind != TokenType.L_PAREN:
                return "".join(path)
    return ""


def _is_set(key: Words) -> bool:
    if not key:
        return False
    return " ".join(key[0].upper.split()) in _SETS or _is_nothing(key)


def _is_nothing(key: Words) -> bool:
    return [word.kind for word in key] == _NOTHING


def _has_name(key: Words) -> bool:
    return TokenType.ALIAS in {word.kind for word in key} or all(
        word.kind == TokenType.DOT if place % 2 else word.kind in _NAMES for place, word in enumerate(key)
    )


def _set(key: Words, columns: list[Words]) -> str | None:
    """Return sets of groups with the places of their columns, which may be new ones; None where one is an expression, or named in two ways."""
    text, at = "", 0
    while at < len(key):
        if key[at].kind in _SIGNS or " ".join(key[at].upper.split()) in _SETS:
            text += f" {key[at].written}"
            at += 1
            continue
        end = at + 1
        while end + 1 < len(key) and key[end].kind == TokenType.DOT:
            end += 2
        if key[at].kind not in _NAMES or key[end].kind not in _ENDS:
            return None
        place = _place(key[at:end], columns)
        if place is None:
            return None
        text += f" {place}"
        at = end
    return text


def _place(column: Words, columns: list[Words]) -> int | None:
    """Return the place of a column among others, from 1, to which it is added where it is a new one.

    None where another one may be the same, with and without the name of its table.
    """
    spelt = _spelt(column)
    for place, one in enumerate(map(_spelt, columns), 1):
        if one == spelt:
            return place
        if one[-1] == spelt[-1] and 1 in (len(one), len(spelt)):
            return None
    columns.append(column)
    return len(columns)


def _spelt(column: Words) -> list[str]:
    kinds = [word.kind for word in column]
    named = column[: kinds.index(TokenType.ALIAS)] if TokenType.ALIAS in kinds else column
    return [word.text.lower() for word in named]
