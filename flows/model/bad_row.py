"""A row that its table cannot hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flows.model.window import Window


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row of the source that the table cannot hold."""

    place: str
    """Where it stands: `orders-01.jsonl.gz:17`, or the source's key."""
    reason: str
    """Why the table cannot hold it, naming the column and the value."""
    raw: str
    """The row as it stands in the source, as text."""
    window: Window | None = None
    """The window of the table that holds its cursor, where that can be read: only this is read to try it again."""
