"""Where one stands in a query while going through its words: which brackets are open, which clause has begun."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from sqlglot.tokenizer_core import Token, TokenType

from flows.sql.parse.spelling import TEXTS

if TYPE_CHECKING:
    from collections.abc import Sequence

QUOTED = {*TEXTS, TokenType.IDENTIFIER}
"""What is no word of SQL, whatever it holds."""
STAR_REPLACE = "* REPLACE"
"""What is called with the brackets behind the REPLACE of a star, which is no function."""
CLAUSES = ("SELECT", "FROM", "WHERE", "GROUP BY", "HAVING", "QUALIFY", "WINDOW", "ORDER BY", "LIMIT")
"""The clauses of a SELECT in their order."""
RANKS = {word: rank for rank, word in enumerate(CLAUSES, 1)}
"""Their places in it, from 1."""


@dataclass(slots=True)
class Frame:
    """What stands between two brackets, or between CASE and END."""

    opener: str
    called: str = ""
    """What is called with these brackets."""
    rank: int = 0
    """The last clause of a SELECT that began, from 1; 0 before any."""
    joined: bool = False
    """Whether UNION and the like wait for their SELECT."""
    joins_by: str = ""
    """By what its SELECTs are joined."""
    with_: bool = False
    """Whether the names of WITH come before the SELECT."""
    state: str = ""
    """The last word of a CASE."""
    listed: bool = False
    """Whether its FROM lists tables with commas."""
    joins: int = 0
    """How many JOINs behind the last comma of its FROM wait for ON or USING."""
    conditions: int = 0
    """How many ON and USING stand behind one another after the last JOIN of its FROM."""
    ordered: bool = False
    """Whether ORDER BY stands behind queries in brackets, or in those of a call."""
    nested: bool = False
    """Whether its FROM has an ON or USING right behind the condition of another one."""


class Reader:
    """A query's words, with what is open around the one at hand."""

    def __init__(self, sql: str, tokens: Sequence[Token]) -> None:
        self.sql, self.tokens = sql, tokens
        self.frames = [Frame("")]

    @property
    def frame(self) -> Frame:
        """Return what is open around the word at hand."""
        return self.frames[-1]

    def word(self, at: int) -> str:
        """Return a word in capitals, nothing for a name in backticks or a text, or where the query has ended."""
        if not 0 <= at < len(self.tokens):
            return "" if at > 0 else "'"
        token = self.tokens[at]
        if token.token_type in QUOTED:
            return "'"
        return _in_capitals(token.text)

    def written(self, at: int) -> str:
        """Return a word as the query spells it."""
        token = self.tokens[at]
        return self.sql[token.start : token.end + 1]

    def open(self, at: int) -> None:
        """Begin a frame."""
        called = self.tokens[at - 1] if at else None
        name = called.text.upper() if called is not None and called.token_type not in TEXTS else ""
        name = "" if name == "FROM" and self.word(at - 2) == "DISTINCT" else name  # IS DISTINCT FROM
        if name == "REPLACE" and at > 1 and self.tokens[at - 2].token_type in {TokenType.STAR, TokenType.R_PAREN}:
            name = STAR_REPLACE
        self.frames.append(Frame(self.word(at), name, state="CASE"))

    def close(self) -> None:
        """End a frame."""
        if len(self.frames) > 1:
            self.frames.pop()


@lru_cache(maxsize=4096)
def _in_capitals(word: str) -> str:
    """Return a word in capitals; two words of one token stand apart as they were written."""
    return " ".join(word.upper().split())


Rule = Callable[[Reader, int], "str | None"]
"""Says what is wrong with a word at its place, and what to write instead; None where nothing is."""
