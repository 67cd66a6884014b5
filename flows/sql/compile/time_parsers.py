"""PARSE_DATE and its like: a literal format as a regular expression, and what it finds as DuckDB's SQL for a value."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from flows.sql import types as t
from flows.sql.compile.time_formats import allowed, elements
from flows.sql.once import once
from flows.sql.times import aware
from flows.sql.types import quote_text

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from flows.model.types import Type

_MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december")  # fmt: skip
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SPACE = r"[\t-\r ]"


def _names(words: tuple[str, ...]) -> str:
    return "(?i:" + "|".join(word[:3] + (f"(?:{word[3:]})?" if word[3:] else "") for word in words) + ")"


# What each element reads, and the same where a digit follows, of which it takes as many as it can.
_MONTH, _DAY, _TWELVE = ("1[0-2]|0?[1-9]", "1[0-2]|0[1-9]"), ("3[01]|[12][0-9]|0?[1-9]", "3[01]|[12][0-9]|0[1-9]"), ("1[0-2]|0?[1-9]", "1[0-2]|0[1-9]")  # fmt: skip
_HOUR, _SIXTY = ("2[0-3]|[01][0-9]|[0-9]", "2[0-3]|[01][0-9]"), ("[0-5]?[0-9]", "[0-5][0-9]")
_SECOND = ("60|[0-5]?[0-9]", "60|[0-5][0-9]")
_PATTERNS = {
    "Y": ("0?[0-9]{1,4}", "[0-9]{4}"),
    "E4Y": ("[0-9]{4}", "[0-9]{4}"),
    "y": ("[0-9]{1,2}", "[0-9]{2}"),
    "m": _MONTH,
    "d": _DAY,
    "e": _DAY,
    "j": (
        "36[0-6]|3[0-5][0-9]|[12][0-9]{2}|0?[1-9][0-9]|0{0,2}[1-9]",
        "36[0-6]|3[0-5][0-9]|[12][0-9]{2}|0[1-9][0-9]|00[1-9]",
    ),
    "Q": ("[1-4]", "[1-4]"),
    "H": _HOUR,
    "k": _HOUR,
    "I": _TWELVE,
    "l": _TWELVE,
    "M": _SIXTY,
    "S": _SECOND,
    "s": ("-?[0-9]{1,12}", "-?[0-9]{1,12}"),
}
_WORDS = {
    **dict.fromkeys("Bbh", _names(_MONTHS)),
    **dict.fromkeys("Aa", _names(_DAYS)),
    **dict.fromkeys("Pp", "(?i:am|pm)"),
    "z": "[+-](?:0[0-9]|1[0-3])(?:[0-5][0-9])?|[+-]14(?:00)?",
    "Ez": "Z|[+-](?:0[0-9]|1[0-3])(?::?[0-5][0-9])?|[+-]14(?::?00)?",
}
_PADDED = {"e", "k", "l"}
# Where two elements say the same part of a value, the later one does.
_PART = {
    **dict.fromkeys(("Y", "E4Y", "y"), "year"),
    **dict.fromkeys("mBbhQ", "month"),
    **dict.fromkeys("de", "day"),
    "j": "doy",
    **dict.fromkeys("HkIl", "hour"),
    **dict.fromkeys("Pp", "half"),
    "M": "minute",
    "s": "unix",
    **dict.fromkeys(("z", "Ez"), "zone"),
}
_APART = ({"month", "doy"}, {"day", "doy"})


def unknown(text: str, type_: Type) -> str | None:
    """Return the first element of a format that cannot be read for a type; None where all can."""
    for element, plain in elements(text):
        known = element in _PATTERNS or element in _WORDS or re.fullmatch("E[0-9*]S", element)
        if not plain and not (known and allowed(element, type_)):
            return f"%{element}"
    return None


def clashes(text: str) -> bool:
    """Say whether a format says nothing of a value, or one part of it in two ways."""
    parts = set(_groups(text))
    return not parts or any(both <= parts for both in _APART) or ("unix" in parts and len(parts) > 1)


def parsed(text: str, value: str, type_: Type, zone: str | None, failure: str) -> str:
    """Return what a value's text stands for by a format whose elements are all known, or `failure`."""
    groups = _groups(text)
    places = sorted(place for place, _ in groups.values())
    names = ", ".join(quote_text(f"g{place}") for place in places)
    wanted = quote_text(pattern(text, places))

    def build(found: str) -> str:
        parts = {
            part: Part(element, f"struct_extract({found}, 'g{place}')") for part, (place, element) in groups.items()
        }
        read, valid = _read(parts, type_, zone, failure)
        bad = f"struct_extract({found}, 'g{places[0]}') = ''" + "".join(f" OR NOT ({one})" for one in valid)
        return f"CASE WHEN {bad} THEN {failure} ELSE {read} END"

    return once(f"regexp_extract({value}, {wanted}, [{names}])", build)


def _groups(text: str) -> dict[str, tuple[int, str]]:
    """Return the place and the element that says each part of a value."""
    found: dict[str, tuple[int, str]] = {}
    for place, (element, _) in enumerate(elements(text)):
        part = "second" if element.endswith("S") else _PART.get(element)
        if part is not None:
            found[part] = place, element
    return found


def pattern(text: str, kept: Collection[int] = ()) -> str:
    """Return the regular expression of a format, with a group for each element at one of the places that are kept."""
    pieces = [*elements(text), ("", "")]
    result = ""
    for place, (element, plain) in enumerate(pieces[:-1]):
        if plain:
            # A number takes all digits that it can, so that blanks alone are what parts it from the next one.
            apart = (
                not plain.strip() and place and pieces[place - 1][0] in _PATTERNS and pieces[place + 1][0] in _PATTERNS
            )
            blank = f"{_SPACE}+" if apart else f"{_SPACE}*"
            words = re.split(f"({_SPACE}+)", plain)
            result += "".join(blank if word and not word.strip() else re.escape(word) for word in words)
            continue
        following, text_after = pieces[place + 1]
        digit = following in _PATTERNS or following.endswith("S") or text_after[:1].isdigit()
        fraction = re.fullmatch(r"E([0-9*])S", element)
        if fraction is not None:
            count = "+" if fraction[1] == "*" else f"{{1,{fraction[1]}}}"
            read = f"(?:{_SECOND[0]})" + (rf"(?:\.[0-9]{count})?" if fraction[1] != "0" else "")
        else:
            read = _PATTERNS[element][digit] if element in _PATTERNS else _WORDS[element]
        result += f"{_SPACE}*" if element in _PADDED else ""
        result += f"({read})" if place in kept else f"(?:{read})"
    return f"^{_SPACE}*{result}{_SPACE}*$"


class Part(NamedTuple):
    """What a format found of one part of a value."""

    element: str
    sql: str
    """Its text."""

    @property
    def number(self) -> str:
        """Its number."""
        return f"CAST({self.sql} AS BIGINT)"


def _read(parts: Mapping[str, Part], type_: Type, zone: str | None, failure: str) -> tuple[str, list[str]]:
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
        return (f"timezone({zone}, {moment})" if zone is not None else aware(moment)), valid
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
        if parts["second"].element != "S":
            fraction = f"CAST(left(split_part({written}, '.', 2) || '000000', 6) AS BIGINT)"
            micros = f"CASE WHEN {seconds} = 60 THEN 0 ELSE {fraction} END"
    return f"to_microseconds((({hour} * 60 + {minute}) * 60 + {seconds}) * 1000000 + {micros})"
