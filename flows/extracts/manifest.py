"""What an extract holds: its files, and what there is to know of how it was read."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict

from flows.model.window import Window

KEPT = timedelta(days=7)
"""How long an extract waits to be loaded."""


class ExtractFile(BaseModel):
    """A Parquet file of an extract."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    """Its name in the stage."""
    rows: int
    bytes: int
    md5: str
    """Digest of its content in base64, as buckets know it of their objects."""


class Manifest(BaseModel):
    """What was read of a source for one window, or for one range of adjacent windows, or for a part of a first copy."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    table: str
    """Identity of the table for which it was read."""
    key: str | None
    """What it may be found again by; None where it is the run's alone that made it."""
    folder: str
    """Where in the stage its files are; no other extract is ever there."""
    start: datetime | None
    """The first moment of the window; None where the whole source was read."""
    end: datetime | None
    after: str | None = None
    """Of a part of a first copy: what the copy had come to; None where the part begins with the window."""
    position: str | None = None
    """Where reading goes on; None where nothing more is to come."""
    read_at: datetime
    """When reading began, by the warehouse's clock."""
    seconds: float
    """How long reading took."""
    rows: int
    bytes: int
    """Bytes that the rows had in memory."""
    files: tuple[ExtractFile, ...]
    bad_rows: int
    """Rows that the table cannot hold; they are beside the files."""
    nulled: dict[str, int]
    """How many rows have NULL where the source has what cannot be read, by column."""
    undated: int = 0
    """How many rows belong to no window, as their cursor is NULL."""
    outside: int = 0
    """How many rows lie before the table's start or after its end."""
    null_elements: tuple[str, ...]
    """Columns with an array that has NULL in it, which not every warehouse can hold."""

    @property
    def window(self) -> Window | None:
        """The window, or range of adjacent ones, that was read."""
        return Window(self.start, self.end) if self.start and self.end else None

    @property
    def is_whole(self) -> bool:
        """Whether it is all of its window."""
        return self.after is None and self.position is None

    def as_json(self) -> dict[str, Any]:
        """Return it as values of JSON."""
        return self.model_dump(mode="json")
