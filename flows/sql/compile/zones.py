"""Time zones: names and offsets, the local time of a TIMESTAMP, the TIMESTAMP of a local time."""

from __future__ import annotations

import re
from dataclasses import dataclass

from flows.sql.once import failure, once
from flows.sql.times import aware, first_of, naive

_OFFSET = re.compile(r"([+-])([0-9]{1,2})(?::?([0-9]{2}))?")
_MINUTE = 60_000_000
_FARTHEST = 14 * 60
"""How many minutes a zone may be ahead of UTC, or behind."""


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
            return f"timezone({self.name}, {timestamp})"
        return naive(timestamp) if not self.offset else f"make_timestamp(epoch_us({timestamp}) + {self.offset})"

    def instant(self, local: str) -> str:
        """Return the TIMESTAMP of a local time; of one that exists twice the first."""
        if self.offset is None:
            return first_of(self.name, local)
        return aware(local) if not self.offset else f"make_timestamptz(epoch_us({local}) - {self.offset})"


UTC = Zone("'UTC'", 0)


def fixed(name: str) -> int | None:
    """Return how many microseconds a zone named by its offset is ahead of UTC; None where it is no offset."""
    offset = _OFFSET.fullmatch(name)
    if offset is None:
        return 0 if name == "UTC" else None
    minutes = int(offset[2]) * 60 + int(offset[3] or 0)
    if minutes > _FARTHEST or int(offset[3] or 0) >= 60:  # noqa: PLR2004 - an hour
        return None
    return (-minutes if offset[1] == "-" else minutes) * _MINUTE


def named(text: str) -> str:
    """Return the name that DuckDB has for a zone which a text names; an error where it says how far one is that there is not."""

    def looked_at(one: str) -> str:
        hours, minutes = (f"regexp_extract({one}, '{_OFFSET.pattern}', {place})" for place in (2, 3))
        minutes = f"coalesce(TRY_CAST({minutes} AS INTEGER), 0)"
        is_none = f"{minutes} > 59 OR CAST({hours} AS INTEGER) * 60 + {minutes} > {_FARTHEST}"
        wrong = failure("TIMESTAMP: no zone", one)
        ahead = f"CASE WHEN {is_none} THEN {wrong} ELSE 'GMT' || {one} END"
        return f"CASE WHEN regexp_full_match({one}, '{_OFFSET.pattern}') THEN {ahead} ELSE {one} END"

    return once(text, looked_at)


def known(name: str) -> bool:
    """Say whether there is a zone of that name."""
    from zoneinfo import ZoneInfo  # noqa: PLC0415 - few queries name a zone

    try:
        ZoneInfo(name)
    except (OSError, ValueError, LookupError):
        return False
    return True
