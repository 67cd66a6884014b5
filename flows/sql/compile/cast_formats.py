"""CAST with FORMAT: dates, times and BYTES as texts by a format that is written down, and back."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from flows.sql import types as t
from flows.sql.compile import time_formats, time_parsers
from flows.sql.functions.elements import ELEMENTS
from flows.sql.once import once
from flows.sql.types import quote_text

if TYPE_CHECKING:
    from flows.model.types import Type
    from flows.sql.compile.zones import Zone

_ELEMENT = re.compile(
    r"""Y,YYY|YYYY|YYY|YY|Y|RRRR|RR|MONTH|MON|MM|MI|DDD|DD|DAY|DY|D|HH24|HH12|HH|SSSSS|SS|FF[1-9]|[AP]\.M\.|[AP]M|TZH|TZM"""
    r"""|(?P<plain>"(?P<quoted>(?:[^"\\]|\\["\\])*)"|[-./,';: ])""",
    re.IGNORECASE,
)
_DAYS = {"YYYY", "YYY", "YY", "Y", "RRRR", "RR", "MONTH", "MON", "MM", "DDD", "DD", "DAY", "DY", "D"}
_ZONES = {"TZH", "TZM"}
_ALIKE = {
    "YYYY": "%E4Y",
    "RRRR": "%E4Y",
    "YY": "%y",
    "RR": "%y",
    "MM": "%m",
    "DD": "%d",
    "DDD": "%j",
    "HH": "%I",
    "HH12": "%I",
    "HH24": "%H",
    "MI": "%M",
    "SS": "%S",
    "MONTH": "%B",
    "MON": "%b",
    "DAY": "%A",
    "DY": "%a",
    **dict.fromkeys(("AM", "PM"), "%p"),
}
"""What FORMAT_DATE and the like call an element."""
_NAMES = {"MONTH", "MON", "DAY", "DY", "AM", "PM", "A.M.", "P.M."}
"""What is written in the case of its element."""
_READ = {
    "YYYY": "%Y",
    "MM": "%m",
    "MON": "%b",
    "MONTH": "%B",
    "DD": "%d",
    "HH24": "%H",
    "MI": "%M",
    "SS": "%S",
    **dict.fromkeys(("HH12", "HH"), "%I"),
    **dict.fromkeys(("A.M.", "P.M."), "%p"),
    "TZH": "%z",
}
"""What PARSE_DATE and the like call an element."""
_FRACTION = re.compile(r"(%S)\.(?:%FF([1-9]))")
_DATE = ({"YYYY"}, {"MM", "MON", "MONTH"}, {"DD"})
"""Of which a text has one each that says which day it is: what it lacks would be that of today."""
_HALVES, _HOURS_OF_HALVES, _HOURS = {"A.M.", "P.M."}, {"HH12", "HH"}, {"HH24", "HH12", "HH"}
_NAMES_OF_MONTHS = ELEMENTS["b"].reads[0]
_ZONE = "[+-](?:1[0-4]|0?[0-9])"
_HEX = "lower(hex({0}))"
BYTES_TEXTS = {
    "HEX": _HEX,
    "BASE16": _HEX,
    "BASE64": "to_base64({0})",
    "BASE2": "CASE WHEN octet_length({0}) = 0 THEN '' ELSE CAST(CAST({0} AS BIT) AS VARCHAR) END",
}
"""How BYTES become a text of a format."""
BYTES_READERS = {"HEX": "FROM_HEX", "BASE16": "FROM_HEX", "BASE64": "FROM_BASE64"}
"""Which function reads BYTES from a text of a format."""
AS_THEY_ARE = {"UTF8", "UTF-8"}
"""Formats of BYTES that are those of a cast without one."""


def elements(text: str, type_: Type) -> list[tuple[str, str]] | None:
    """Return the elements of a format as they are written, or an empty text, each with the plain text that it is else.

    None where one is not known, or stands for what values of the type lack.
    """
    found: list[tuple[str, str]] = []
    place = 0
    for match in _ELEMENT.finditer(text):
        if match.start() != place:
            return None
        place = match.end()
        if match["plain"]:
            quoted = match["quoted"]
            found.append(("", match["plain"] if quoted is None else re.sub(r"\\(.)", r"\1", quoted)))
        elif _has(match[0].upper(), type_):
            found.append((match[0], ""))
        else:
            return None
    return found if place == len(text) else None


def _has(element: str, type_: Type) -> bool:
    if element == "Y,YYY":
        return False
    if element in _DAYS:
        return type_ != t.TIME
    return type_ == t.TIMESTAMP if element in _ZONES else type_ != t.DATE


def as_text(parts: list[tuple[str, str]], value: str, type_: Type, utc: str | None) -> str:
    """Return the text of a local date or time; `utc` is the same moment in UTC where its zone is another one."""
    if type_ == t.TIME:
        value = f"(DATE '1970-01-01' + {value})"

    def build(local: str) -> str:
        pieces = " || ".join(quote_text(plain) if plain else _piece(one, local, utc) for one, plain in parts) or "''"
        return f"CASE WHEN {local} IS NOT NULL THEN {pieces} END"

    return once(value, build)


def _piece(written: str, local: str, utc: str | None) -> str:
    element = written.upper()
    year, micros = f"date_part('year', {local})", f"(date_part('microsecond', {local}) % 1000000)"
    if element in {"YYY", "Y"}:
        return f"lpad(CAST({year} % {10 ** len(element)} AS VARCHAR), {len(element)}, '0')"
    if element == "D":
        return f"CAST(date_part('dow', {local}) + 1 AS VARCHAR)"
    if element == "SSSSS":
        return f"printf('%05d', date_part('hour', {local}) * 3600 + date_part('minute', {local}) * 60 + date_part('second', {local}))"
    if element.startswith("FF"):
        return f"left(printf('%06d000', {micros}), {element[2]})"
    if element in _ZONES:
        offset = time_formats.formatted("%Ez", local, t.TIMESTAMP, utc)
        return f"left({offset}, 3)" if element == "TZH" else f"right({offset}, 2)"
    if element in {"A.M.", "P.M."}:
        sql = f"CASE WHEN date_part('hour', {local}) < 12 THEN 'A.M.' ELSE 'P.M.' END"
    else:
        sql = time_formats.formatted(_ALIKE[element], local, t.DATETIME)
    if element not in _NAMES or written[:2].istitle():
        return sql
    return f"lower({sql})" if written[0].islower() else f"upper({sql})"


def reading(parts: list[tuple[str, str]], type_: Type) -> str | None:
    """Return a format as PARSE_DATE and the like take it; None where it says too little, or is read in another way."""
    named = [element.upper() for element, _ in parts if element]
    said = {element for element in named if not element.startswith("FF")}
    whole = type_ == t.TIME or all(len(said & one) == 1 for one in _DATE)
    letters = said & {"MON", "MONTH"} and any(re.search("[A-Za-z]", plain) for _, plain in parts)
    halves = len(said & _HALVES) == bool(said & _HOURS_OF_HALVES) and len(said & _HOURS) <= 1
    if not whole or not said or letters or not halves or parts[0][1].isspace() or len(named) > len(set(named)):
        return None
    form = "".join(
        _READ.get(one.upper(), f"%{one.upper()}") if one else plain.replace("%", "%%") for one, plain in parts
    )
    # Parts of seconds stand behind these, and a zone at the end.
    form = _FRACTION.sub(r"%E\2S", form)
    form = f"{form.removesuffix('%z:%TZM')}%Ez" if form.endswith("%z:%TZM") else form
    known = said - {"TZM"} <= _READ.keys() and "%FF" not in form and "%TZM" not in form
    return form if known and not re.search("%E?z.", form) else None


def parsed(form: str, value: str, type_: Type, zone: Zone, failure: str) -> str:
    """Return what a text stands for by a format of `reading`, of which it has each part as FORMAT has it."""
    written = time_parsers.pattern(form, blank="+")
    months = (
        _NAMES_OF_MONTHS.replace("(?:", "").replace(")?", "")
        if "%B" in form
        else re.sub(r"\(\?:\w+\)\?", "", _NAMES_OF_MONTHS)
    )
    # There is no 60th second, and no zone of one digit, in what the text is read by.
    exact = (
        written.replace("60|", "").replace(_NAMES_OF_MONTHS, months).replace(ELEMENTS["p"].reads[0], r"(?i:[ap]\.m\.)")
    )
    exact = re.sub(r"\(\?:(\\\.\[0-9\]\{1,\d\})\)\?", r"\1", exact)
    exact = exact.replace(ELEMENTS["Ez"].reads[0], f"{_ZONE}:[0-5]?[0-9]").replace(ELEMENTS["z"].reads[0], _ZONE)
    text = value
    if "%p" in form:
        text = f"regexp_replace({text}, '(?i)([ap])\\.m\\.', '\\1m')"
    if form.endswith("z"):
        text = f"regexp_replace(regexp_replace({text}, '([+-])([0-9])((?::[0-9]+)?\\s*)$', '\\10\\2\\3'), ':([0-9]\\s*)$', ':0\\1')"
    sql = time_parsers.parsed(form, text, type_, zone, failure)
    return f"CASE WHEN NOT regexp_matches({value}, {quote_text(exact)}) THEN {failure} ELSE {sql} END"
