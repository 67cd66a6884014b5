"""A schedule as a person says it."""

from __future__ import annotations

import re

_DAYS = ("Sundays", "Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays")
_WORDS = (
    (r"\* \* \* \* \*", "every minute"),
    (r"\*/(?P<every>[2-6]|10|12|15|20|30) \* \* \* \*", "every {every} minutes"),
    (r"(?P<minute>\d+) \* \* \* \*", "hourly at :{minute}"),
    (r"(?P<minute>\d+) \*/(?P<every>[2-46]|8|12) \* \* \*", "every {every} hours at :{minute}"),
    (r"(?P<minute>\d+) (?P<hour>\d+) \* \* \*", "daily at {hour}:{minute}"),
    (r"(?P<minute>\d+) (?P<hour>\d+) \* \* 1-5", "Mondays to Fridays at {hour}:{minute}"),
    (r"(?P<minute>\d+) (?P<hour>\d+) \* \* (?P<day>[0-7])", "{day} at {hour}:{minute}"),
    (r"(?P<minute>\d+) (?P<hour>\d+) (?P<date>\d+) \* \*", "monthly on day {date} at {hour}:{minute}"),
)


def describe_schedule(cron: str) -> str:
    """Return `hourly at :10`, `daily at 06:30` and the like; for what has no such words, the cron itself.

    >>> describe_schedule("30 6 * * 1")
    'Mondays at 06:30'
    """
    plain = " ".join(cron.split())
    for pattern, words in _WORDS:
        if found := re.fullmatch(pattern, plain):
            parts = found.groupdict()
            two = {name: f"{int(value):02}" for name, value in parts.items() if name in {"minute", "hour"}}
            day = {"day": _DAYS[int(parts["day"])]} if "day" in parts else {}
            return words.format(**parts | two | day)
    return f"cron {plain}"
