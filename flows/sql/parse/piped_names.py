"""What the alias of a row says behind operators of pipes that have changed the row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot.tokenizer_core import TokenType

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flows.sql.parse.brackets import Word, Words


class Changes:
    """Columns that an alias has not, or as they were before, each with the operator that has made them."""

    def __init__(self) -> None:
        self._by_name: dict[str, str] = {}
        self._row = ""

    def rename(self, alias: Words | None) -> None:
        """Begin anew where a row gets another alias."""
        name = alias[0].text.lower() if alias else ""
        if not name or name != self._row:
            self._by_name, self._row = {}, name

    def forget(self) -> None:
        """Let the alias stand for the row as it is now."""
        self._by_name = {}

    def note(self, alias: Words, operator: str, names: Iterable[Word]) -> None:
        """Note columns that an operator has changed."""
        self._row = alias[0].text.lower()
        self._by_name |= {name.text.lower(): operator for name in names}

    def fault(self, words: Words) -> str:
        """Say what names the row by its alias as it was before; nothing where nothing does."""
        for before, at in zip([None, *words], range(len(words)), strict=False):
            joined = before is not None and before.kind in {TokenType.DOT, TokenType.ALIAS}
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
