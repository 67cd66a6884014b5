"""Time zones: the local time of a TIMESTAMP, the TIMESTAMP of a local time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flows.sql.once import once
from flows.sql.times import aware, first_of, naive

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Zone:
    """A time zone."""

    name: str
    """The SQL of its name; of UTC where it has none."""
    offset: int | None
    """How many microseconds it is ahead of UTC; None where that changes over the year, or nobody knows yet."""

    def local(self, timestamp: str) -> str:
        """Return the local time of a TIMESTAMP, as a DATETIME."""
        if self.offset is None:
            return self._of_some(timestamp, lambda one: f"timezone({self.name}, {one})")
        return naive(timestamp) if not self.offset else f"make_timestamp(epoch_us({timestamp}) + {self.offset})"

    def instant(self, local: str) -> str:
        """Return the TIMESTAMP of a local time; of one that exists twice the first."""
        if self.offset is None:
            return self._of_some(local, lambda one: first_of(self.name, one))
        return aware(local) if not self.offset else f"make_timestamptz(epoch_us({local}) - {self.offset})"

    def _of_some(self, value: str, moved: Callable[[str], str]) -> str:
        """Return what `moved` makes of a value; of none NULL, also where rows name the zone and there is no such one."""
        if self.name.startswith("'"):
            return moved(value)
        return once(value, lambda one: f"CASE WHEN {one} IS NOT NULL THEN {moved(one)} END")


UTC = Zone("'UTC'", 0)
