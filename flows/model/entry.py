"""What the ledger remembers of one commit or one failure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from flows.model.window import Window


@dataclass(frozen=True, slots=True)
class Touched:
    """A range of a table's partition column that a commit changed."""

    range: Window
    changed: bool
    """Whether rows were changed or removed there; False where rows were only added."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the ledger; lines are only ever added."""

    table: str
    """Identity of the table."""
    kind: Literal["commit", "failure", "reset"]
    """A reset says that the table was gone: commits before it hold no longer, and all its rows were touched."""
    window: Window | None
    """The range of adjacent windows; None where the whole table was replaced."""
    run_id: str
    run_by: str
    """Who or what started the run."""
    code_version: str
    """`definition.code_version` of the file that the run used."""
    git_commit: str
    """The project's commit; empty where it is not known."""
    began: datetime
    """When the run began to read for this window."""
    upstreams: Mapping[str, int]
    """The version of each upstream table that was read, by identity."""
    version: int = 0
    """Counts the table's commits and resets from 1; the warehouse gives it. 0 for a failure."""
    rows: int = 0
    """Rows that the window holds."""
    bytes: int | None = None
    """Bytes that were read, where the source or the warehouse says."""
    seconds: float = 0.0
    touched: tuple[Touched, ...] = ()
    warnings: tuple[str, ...] = field(default=())
    """Checks of severity `warn` that failed, and what there is to say of the source."""
    error: str | None = None
    """Why the window failed."""
