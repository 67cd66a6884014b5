"""The operators of pipes by what they do to rows, and those that are none here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.model.errors import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Collection

JOINS = {"JOIN", "LEFT", "RIGHT", "FULL", "INNER", "CROSS"}
SETS = {"UNION", "INTERSECT", "EXCEPT"}
OF_COLUMNS = {"RENAME", "SET", "DROP", "DISTINCT", "PIVOT", "UNPIVOT"}
"""Operators that a row has no columns for where it is one value."""
OF_ROWS = {"WHERE", "SELECT", "EXTEND", "SET", "DROP", "RENAME", "AS"}
"""Operators that leave the rows in the order that they had."""
_OTHERS = {
    "TABLESAMPLE": "WHERE MOD(id, 10) = 0, which takes the same rows on every retry",
    "WINDOW": "EXTEND with the same call and OVER",
    "CALL": "what the function does, as further operators",
    "ASSERT": "a check in the table's file",
}
"""Operators that are refused, with what to write."""


def unknown(word: str, known: Collection[str]) -> str:
    """Say what to write in place of an operator that is none of those that are known."""
    if word in _OTHERS:
        return f"|> {word} is not supported. Write {_OTHERS[word]}."
    near = did_you_mean(word, [*known, *_OTHERS])
    listed = ", ".join(sorted({*known, "WITH"} - JOINS - SETS))
    return f"|> {word} is no operator of pipes.{near or f' They are {listed}, JOIN, UNION ALL and the like.'}"
