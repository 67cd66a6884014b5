"""Names of time zones: those of the tz database, with their capitals, and how far one is from UTC, like +05:30."""

from __future__ import annotations

import re

from flows.sql.once import once
from flows.sql.types import quote_text

OFFSET = r"(?:UTC)?([+-])([0-9]{1,2})(?::?([0-9]{1,2}))?"
"""Sign, hours and minutes of a zone that is named by how far it is from UTC."""
_PART = "[A-Z][A-Za-z0-9]*(?:[_+-][A-Za-z0-9]+)*"
_NAMES = (
    "(?:Africa|America|Antarctica|Arctic|Asia|Atlantic|Australia|Brazil|Canada|Chile|Etc|Europe|Indian|Mexico|Pacific|US)"
    f"(?:/{_PART})+|UTC|GMT[+-]?0?|UCT|CET|EET|EST|EST5EDT|CST6CDT|MST|MST7MDT|PST8PDT|HST|MET|WET|GB|GB-Eire|NZ|NZ-CHAT|PRC|ROC|ROK|W-SU|"
    "Cuba|Egypt|Eire|Greenwich|Hongkong|Iceland|Iran|Israel|Jamaica|Japan|Kwajalein|Libya|Navajo|Poland|Portugal|Singapore|Turkey|Universal|Zulu|Factory"
)
"""What a zone's name looks like: DuckDB knows others too, and any of these in small letters."""
_OTHERS = "'Canada/East-Saskatchewan', 'Etc/Unknown', 'US/Pacific-New'"
"""What looks like one, and is one for DuckDB alone."""
_MINUTE = 60_000_000
_FARTHEST = 14 * 60
"""How many minutes a zone may be ahead of UTC, or behind."""


def fixed(name: str) -> int | None:
    """Return how many microseconds a zone named by its offset is ahead of UTC; None where it is no offset."""
    offset = re.fullmatch(OFFSET, name, re.ASCII)
    if offset is None:
        return 0 if name == "UTC" else None
    minutes = int(offset[2]) * 60 + int(offset[3] or 0)
    if minutes > _FARTHEST or int(offset[3] or 0) >= 60:  # noqa: PLR2004 - an hour
        return None
    return (-minutes if offset[1] == "-" else minutes) * _MINUTE


def named(text: str) -> str:
    """Return the SQL of the name that DuckDB has for a zone which a text names; an error where there is no such zone."""

    def looked_at(one: str) -> str:
        sign, hours, minutes = (f"regexp_extract({one}, '{OFFSET}', {place})" for place in (1, 2, 3))
        late = f"coalesce(TRY_CAST({minutes} AS INTEGER), 0)"
        # Of a constant DuckDB computes all branches.
        is_none = f"{late} > 59 OR TRY_CAST({hours} AS INTEGER) * 60 + {late} > {_FARTHEST}"
        shown = f"'Unknown TimeZone ' || chr(39) || substr({one}, 1, 80) || chr(39)"  # as DuckDB itself says it
        wrong = f"error({shown})"
        ahead = f"'GMT' || {sign} || lpad({hours}, 2, '0') || ':' || lpad({minutes}, 2, '0')"
        looks_like_one = f"regexp_full_match({one}, {quote_text(_NAMES)}) AND {one} NOT IN ({_OTHERS})"
        # A zone that is none ends DuckDB's computation, past any TRY, but for this.
        is_one = f"{looks_like_one} AND TRY_CAST('2000-01-01 00:00:00 ' || {one} AS TIMESTAMPTZ) IS NOT NULL"
        return (
            f"CASE WHEN regexp_full_match({one}, '{OFFSET}') THEN CASE WHEN {is_none} THEN {wrong} ELSE {ahead} END "
            f"WHEN {one} IS NULL OR ({is_one}) THEN {one} ELSE {wrong} END"
        )

    return once(text, looked_at)


def known(name: str) -> bool:
    """Say whether there is a zone of that name."""
    from zoneinfo import ZoneInfo  # noqa: PLC0415 - few queries name a zone

    # What the machine has beside them differs from machine to machine: localtime, posixrules.
    if re.fullmatch(_NAMES, name) is None:
        return False
    try:
        ZoneInfo(name)
    except (OSError, ValueError, LookupError):
        return False
    return True
