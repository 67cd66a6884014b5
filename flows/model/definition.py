"""A table's definition as the ledger keeps it, and what one changes of another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from flows.model.types import parse_type

if TYPE_CHECKING:
    from datetime import datetime

DEFINITIONS = "platform.definitions"
"""The table in which they are kept."""
DEFINITION_COLUMNS = {
    "table_name": parse_type("STRING"),
    "code_version": parse_type("STRING"),
    "text": parse_type("STRING"),
    "run_by": parse_type("STRING"),
    "git_commit": parse_type("STRING"),
    "brought_at": parse_type("TIMESTAMP"),
}


@dataclass(frozen=True, slots=True)
class Definition:
    """What decided a table's rows when a run first brought it."""

    table_name: str
    """Identity of the table."""
    code_version: str
    """By what the ledger's entries name it."""
    text: str
    """What of the table's file decides its rows, as JSON."""
    run_by: str
    """Who or what started the run that brought it."""
    git_commit: str
    """The project's commit then; empty where it is not known."""
    brought_at: datetime


@dataclass(frozen=True, slots=True)
class Change:
    """One thing in which a definition differs from an earlier one; `flows.report` has the words for it."""

    kind: Literal[
        "sql",
        "source",
        "cursor",
        "type",
        "from",
        "on_error",
        "added",
        "removed",
        "strategy",
        "key",
        "merge",
        "partition",
        "window size",
        "unknown",
    ]
    """`unknown`: the earlier definition's text was not kept."""
    subject: str = ""
    """The column, where it is about one."""

    @property
    def name(self) -> str:
        """What it is called for people: `sql`, `type of n`."""
        said = {"added": "new column", "removed": "without column", "merge": "merge rules"}.get(self.kind, self.kind)
        between = " of " if self.kind in {"type", "from", "on_error"} else " "
        return f"{said}{between}{self.subject}" if self.subject else said

    @property
    def alters_rows(self) -> bool:
        """Whether rows that are there would be others: not by a new column, nor by what a table can convert itself.

        What `on_error` is about are rows that are not there.
        """
        return self.kind not in {"added", "type", "on_error"}
