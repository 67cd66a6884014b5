"""PARSE_DATE and its like: a literal format as a regular expression, and what it finds as DuckDB's SQL for a value."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from flows.sql import types as t
from flows.sql.compile.time_formats import elements
from flows.sql.compile.zones import UTC, Zone
from flows.sql.functions.elements import ELEMENTS, element, has
from flows.sql.once import once
from flows.sql.times import within
from flows.sql.types import quote_text

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from flows.model.types import Type

_SPACE = r"[\t-\r ]"
_PADDED = {"e", "k", "l"}
_WHOLE_SECONDS = {"S", "E0S"}
_APART = ({"month", "doy"}, {"day", "doy"})


def unknown(text: str, type_: Type) -> str | None:
    """Return the first element of a format that cannot be read for a type; None where all can."""
    for name, plain in elements(text):
        found = element(name)
        if not plain and (found is None or not (found.reads or found.part) or not has(type_, found)):
            return f"%{name}"
    return None


def clashes(text: str) -> bool:
    """Say whether a format says nothing of a value, or one part of it in two ways."""
    parts = set(_groups(text))
    return not parts or any(both <= parts for both in _APART) or ("unix" in parts and len(parts) > 1)


def parsed(text: str, value: str, type_: Type, zone: Zone, failure: str) -> str:
    """Return what a value's text stands for by a format whose elements are all known, or `failure`."""
    groups = _groups(text)
    places = sorted({place for place, _ in groups.values()})
    names = ", ".join(quote_text(f"g{place}") for place in places)
    wanted = quote_text(pattern(text, places))

    def build(found: str) -> str:
        parts = {
            part: Part(element, f"struct_extract({found}, 'g{place}')") for part, (place, element) in groups.items()
        }
        read, valid = _read(parts, type_, zone, failure)
        first = f"struct_extract({found}, 'g{places[0]}')"
        bad = f"{first} = ''" + "".join(f" OR NOT ({one})" for one in valid)
        # Not all that is read makes a part of the value: %p alone does not.
        return f"CASE WHEN {bad} THEN {failure} WHEN {first} IS NOT NULL THEN {read} END"

    return once(f"regexp_extract({value}, {wanted}, [{names}])", build)


def _groups(text: str) -> dict[str, tuple[int, str]]:
    """Return the place and the element that says each part of a value."""
    found: dict[str, tuple[int, str]] = {}
    # Where two elements say the same part of a value, the later one does.
    for place, (name, _) in enumerate(elements(text)):
        known = element(name)
        if known is not None and known.part is not None:
            found[known.part] = place, name
            if known.part == "second" and name not in _WHOLE_SECONDS:
                found[f"fraction {place}"] = place, name
    return found


def pattern(text: str, kept: Collection[int] = (), blank: str = "*") -> str:
    """Return the regular expression of a format, with a group for each element at one of the places that are kept.

    `blank` says how many blanks stand for one.
    """
    pieces = [*elements(text), ("", "")]
    result = ""
    for place, (name, plain) in enumerate(pieces[:-1]):
        following, text_after = pieces[place + 1]
        if plain:
            # A number takes all digits that it can, so that blanks alone are what parts it from the next one.
            apart = not plain.strip() and place and _is_number(pieces[place - 1][0]) and _is_number(following)
            blanks = f"{_SPACE}+" if apart else f"{_SPACE}{blank}"
            words = re.split(f"({_SPACE}+)", plain)
            result += "".join(blanks if word and not word.strip() else re.escape(word) for word in words)
            continue
        digit = _is_number(following) or following.endswith("S") or text_after[:1].isdigit()
        result += f"{_SPACE}*" if name in _PADDED else ""
        result += f"({_reads(name, digit)})" if place in kept else f"(?:{_reads(name, digit)})"
    return f"^{_SPACE}*{result}{_SPACE}*$"


def _is_number(name: str) -> bool:
    found = element(name)
    return found is not None and found.is_number


def _reads(name: str, digit: bool) -> str:
    """Return what an element reads; `digit` says whether one follows."""
    found = element(name)
    if found is not None and found.reads:
        return found.reads[digit and found.is_number]
    # Seconds with places behind their point.
    count = "+" if name[1] == "*" else f"{{1,{name[1]}}}"
    return f"(?:{ELEMENTS['S'].reads[0]})" + (rf"(?:\.[0-9]{count})?" if name[1] != "0" else "")


class Part(NamedTuple):
    """What a format found of one part of a value."""

    element: str
    sql: str
    """Its text."""

    @property
    def number(self) -> str:
        """Its number."""
        return f"CAST({self.sql} AS BIGINT)"


def _read(parts: Mapping[str, Part], type_: Type, zone: Zone, failure: str) -> tuple[str, list[str]]:
    """Return the SQL for the value, and what must hold for it to be one."""
    if "unix" in parts:
        valid = [f"try_cast({parts['unix'].sql} AS BIGINT) BETWEEN -62135596800 AND 253402300799"]
        make = "make_timestamptz" if type_ == t.TIMESTAMP else "make_timestamp"
        return f"{make}({parts['unix'].number} * 1000000)", valid
    date, valid = _date(parts)
    if type_ == t.DATE:
        return date, valid
    moment = f"(CAST({date} AS TIMESTAMP) + {_clock(parts)})"
    if type_ == t.TIME:
        return f"CAST({moment} AS TIME)", valid
    if type_ == t.DATETIME:
        return moment, valid
    if "zone" not in parts:
        instant = zone.instant(moment)
        return (instant if zone == UTC else within(instant, type_)), valid
    digits = f"replace({parts['zone'].sql}, ':', '')"
    minutes = (
        f"CASE WHEN {digits} = 'Z' THEN 0 ELSE (CAST(substr({digits}, 2, 2) AS BIGINT) * 60 + "
        f"CAST(left(substr({digits}, 4, 2) || '00', 2) AS BIGINT)) * CASE WHEN {digits} LIKE '-%' THEN -1 ELSE 1 END END"
    )
    micros = once(
        f"epoch_us({moment}) - {minutes} * 60000000",
        lambda value: (
            f"CASE WHEN {value} NOT BETWEEN -62135596800000000 AND 253402300799999999 THEN {failure} ELSE {value} END"
        ),
    )
    return f"make_timestamptz({micros})", valid


def _date(parts: Mapping[str, Part]) -> tuple[str, list[str]]:
    valid, year, month = [], "1970", "1"
    if "year" in parts and parts["year"].element == "y":
        year = f"({parts['year'].number} + CASE WHEN {parts['year'].number} < 69 THEN 2000 ELSE 1900 END)"
    elif "year" in parts:
        year = parts["year"].number
        valid.append(f"try_cast({parts['year'].sql} AS BIGINT) BETWEEN 1 AND 9999")
    if "doy" in parts:
        date = f"(make_date({year}, 1, 1) + CAST({parts['doy'].sql} AS INTEGER) - 1)"
        valid.append(f"try_cast({parts['doy'].sql} AS BIGINT) < 366 OR date_part('year', {date}) = {year}")
        return date, valid
    if "month" in parts:
        written = parts["month"]
        month = written.number
        if written.element == "Q":
            month = f"({month} * 3 - 2)"
        elif written.element != "m":
            month = f"((strpos('janfebmaraprmayjunjulaugsepoctnovdec', lower(left({written.sql}, 3))) + 2) // 3)"
    day = parts["day"].number if "day" in parts else "1"
    return f"make_date({year}, {month}, {day})", valid


def _clock(parts: Mapping[str, Part]) -> str:
    hour, minute, seconds, micros = "0", "0", "0", "0"
    if "hour" in parts:
        hour = parts["hour"].number
        if parts["hour"].element in {"I", "l"}:
            later = f" + CASE WHEN lower({parts['half'].sql}) = 'pm' THEN 12 ELSE 0 END" if "half" in parts else ""
            hour = f"({hour} % 12{later})"
    if "minute" in parts:
        minute = parts["minute"].number
    if "second" in parts:
        written = parts["second"].sql
        seconds = f"CAST(split_part({written}, '.', 1) AS BIGINT)"
        fractions = [
            f"nullif(split_part({parts[part].sql}, '.', 2), '')" for part in parts if part.startswith("fraction")
        ]
        if fractions:
            # Seconds without places leave those of others before them.
            fraction = f"CAST(left(concat(coalesce({', '.join(reversed(fractions))}), '000000'), 6) AS BIGINT)"
            micros = f"CASE WHEN {seconds} = 60 THEN 0 ELSE {fraction} END"
    return f"to_microseconds((({hour} * 60 + {minute}) * 60 + {seconds}) * 1000000 + {micros})"
