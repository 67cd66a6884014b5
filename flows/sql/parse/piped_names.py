"""What the alias of a row says behind operators of pipes that have changed the row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot.tokenizer_core import TokenType

from flows.sql.parse.brackets import listed
from flows.sql.parse.reserved import NAMES_NOTHING, instead_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from flows.sql.parse.brackets import Word, Words


_JOINED = {TokenType.DOT, TokenType.ALIAS}
_NAMES = {TokenType.VAR, TokenType.IDENTIFIER}
_BEFORE_STAR = {"ALL", "AS STRUCT", "DISTINCT", "STRUCT"}
BEFORE = "__before"
"""The column in which the rows carry what their alias still has."""
CARRY = {"SET", "DROP", "RENAME", "EXTEND", "WHERE", "ORDER BY", "SELECT", "AGGREGATE"}
"""Operators behind which the alias of the row can be read as before; the last two end that."""
_OF_SCALARS = {"GENERATE_ARRAY", "GENERATE_DATE_ARRAY", "GENERATE_TIMESTAMP_ARRAY", "SPLIT"}
_LITERALS = {TokenType.NUMBER, TokenType.STRING, TokenType.RAW_STRING, TokenType.TRUE, TokenType.FALSE, TokenType.NULL, TokenType.DASH, TokenType.DATE}  # fmt: skip


def of_scalars(items: Sequence[Word]) -> bool:
    """Say whether FROM has the rows of an ARRAY whose elements are plainly no STRUCTs, so that its alias is a column."""
    if len(items) < 4 or items[0].upper != "UNNEST":  # noqa: PLR2004 - UNNEST, its bracket and what stands in it
        return False
    return items[2].upper in _OF_SCALARS or (items[2].kind == TokenType.L_BRACKET and items[3].kind in _LITERALS)


class Changes:
    """Columns that an alias has not, or as they were before, each with the operator that has made them."""

    def __init__(self) -> None:
        self._by_name: dict[str, str] = {}
        self._row = ""
        self.carried: list[str] = []
        """The columns of the row before its changes that it carries with it."""

    def wanted(self, alias: Words | None, later: list[Words]) -> list[str]:
        """Return the columns that operators to come read by the alias of the row; none where it carries some, or cannot."""
        row, found = alias[0].text.lower() if alias else "", []
        for step in later if row and not self.carried else ():
            name = " ".join(step[0].upper.split()) if step else ""
            if name not in CARRY:
                break
            if any(word.upper == "SELECT" for word in step[1:]) or (name == "SELECT" and _has_changed_star(step)):
                return []
            found += [
                path.text
                for before, at in zip(step, range(1, len(step) - 2), strict=False)
                if before.kind not in _JOINED and step[at].text.lower() == row and step[at + 1].kind == TokenType.DOT
                for path in step[at + 2 : at + 3]
                if path.kind in _NAMES and path.text.lower() not in self._by_name
            ]
            if name in {"SELECT", "AGGREGATE"}:
                break
        return list({name.lower(): name for name in found}.values())

    def read(self, words: Words) -> Words:
        """Return words in which what the row carries is read from there."""
        found = list(words)
        for at in range(len(words) - 2 if self.carried else 0):
            joined = at > 0 and words[at - 1].kind in _JOINED
            name = words[at + 2].text.lower()
            is_path = words[at].text.lower() == self._row and words[at + 1].kind == TokenType.DOT and not joined
            if is_path and name in self._by_name and name in {one.lower() for one in self.carried}:
                found[at] = words[at]._replace(kind=TokenType.IDENTIFIER, text=BEFORE, written=f"`{BEFORE}`")
        return found

    def rename(self, alias: Words | None) -> None:
        """Begin anew where a row gets another alias."""
        name = alias[0].text.lower() if alias else ""
        if not name or name != self._row:
            self._by_name, self._row, self.carried = {}, name, []

    def forget(self) -> None:
        """Let the alias stand for the row as it is now."""
        self._by_name, self.carried = {}, []

    def note(self, alias: Words, operator: str, names: Iterable[Word]) -> None:
        """Note columns that an operator has changed."""
        self._row = alias[0].text.lower()
        self._by_name |= {name.text.lower(): operator for name in names}

    def fault(self, words: Words) -> str:
        """Say what names the row by its alias as it was before; nothing where nothing does."""
        for before, at in zip([None, *words], range(len(words)), strict=False):
            joined = before is not None and before.kind in _JOINED
            if not self._by_name or joined or words[at].text.lower() != self._row:
                continue
            alias, behind = words[at].written, words[at + 1 : at + 3]
            path = len(behind) > 1 and behind[0].kind == TokenType.DOT
            name = behind[1].written if path else ""
            if name in {"", "*"}:
                changed = next(iter(self._by_name.values()))
                return f"'{alias}' is the row as it was before |> {changed}. Write the names of the columns without it."
            if changed := self._by_name.get(behind[1].text.lower(), ""):
                instead = "Read it before that" if changed in {"DROP", "RENAME"} else f"Write {name} for what it is now"
                return f"'{alias}.{name}' is of the row as it was before |> {changed}. {instead}."
        return ""


def name_fault(words: Words, read: Sequence[Word]) -> str:
    """Say what is wrong with the name that |> AS gives to rows of which `read` is all of FROM; nothing where nothing is."""
    if len(words) > 1:
        return "|> AS takes one name."
    if of_scalars(read):
        return f"what UNNEST gives has its name behind it. Write FROM UNNEST(...) AS {words[0].written}."
    return instead_of(words[0].text) if words[0].upper in NAMES_NOTHING else ""


def _has_changed_star(step: Words) -> bool:
    """Say whether |> SELECT has a star beside which something stands: DISTINCT, AS STRUCT, EXCEPT, REPLACE."""
    return any(
        word.kind == TokenType.STAR and len(item) > 1 and (not at or item[at - 1].upper in _BEFORE_STAR)
        for item in listed(step[1:])
        for at, word in enumerate(item)
    )
