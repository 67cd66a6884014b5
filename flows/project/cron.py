"""Cron with five fields: minute, hour, day, month, weekday."""

from __future__ import annotations

import re
from functools import lru_cache

from flows.project.text import clip

LONGEST = 500
FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day", 1, 31), ("month", 1, 12), ("weekday", 0, 7))
MONTH_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
NICKNAMES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_PART = re.compile(r"(?:\*|(\d{1,2})(?:-(\d{1,2}))?)(?:/(\d{1,2}))?")
_PLAIN = re.compile(r"[-0-9*,/ ]+")


@lru_cache(maxsize=1024)
def cron_fault(cron: str) -> str | None:
    """Say what is wrong with a schedule, or return None where it is right."""
    if cron.strip() in NICKNAMES:
        return f"'{cron}' is not cron with five fields. Write \"{NICKNAMES[cron.strip()]}\"."
    if len(cron) > LONGEST:
        return f"'{clip(cron)}' has {len(cron):,} characters. Cron has five fields: minute hour day month weekday."
    words = cron.split()
    if len(words) != len(FIELDS):
        return (
            f"'{cron}' has {len(words)} field{'s' if len(words) != 1 else ''}. Cron has five: minute hour day month "
            'weekday. "10 * * * *" is ten minutes past every hour.'
        )
    if not _PLAIN.fullmatch(cron):
        return _by_library(cron)
    values = []
    for word, (name, least, most) in zip(words, FIELDS, strict=True):
        parsed = _values(word, least, most)
        if parsed is None:
            return f"'{word}' is not a {name} in cron '{cron}'. Write {least} to {most}, *, a range 1-5, a list 1,3 or */15."
        values.append(parsed)
    if words[4] == "*" and min(values[2]) > max(MONTH_DAYS[month - 1] for month in values[3]):
        return f"'{cron}' never comes: no such month has a day {min(values[2])}."
    return None


def _values(word: str, least: int, most: int) -> set[int] | None:
    found: set[int] = set()
    for part in word.split(","):
        match = _PART.fullmatch(part)
        if match is None or match[3] in {"0", "00"} or (match[3] and match[1] and not match[2]):
            return None
        first = int(match[1]) if match[1] else least
        last = int(match[2] or match[1]) if match[1] else most
        if not least <= first <= last <= most:
            return None
        found.update(range(first, last + 1, int(match[3] or 1)))
    return found


def _by_library(cron: str) -> str | None:
    """Check names of days and months, L and # with the library that the scheduler uses."""
    from croniter import croniter  # noqa: PLC0415 - slow to import, and few schedules need it

    if croniter.is_valid(cron):
        return None
    return f'\'{cron}\' is not cron. "10 * * * *" is ten minutes past every hour; "30 6 * * 1-5" is 6:30 on weekdays.'
