"""FORMAT_DATE and its like: a literal format as DuckDB's SQL for the text of a value."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from flows.sql import types as t
from flows.sql.once import once
from flows.sql.types import quote_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flows.model.types import Type

ELEMENT = re.compile(r"%(E[0-9*]S|E4Y|[EO]?(.))|%", re.DOTALL)
"""One element of a format: all after its `%`, and its letter alone."""
WHOLE = {
    "c": "%a %b %e %H:%M:%S %Y",
    "D": "%m/%d/%y",
    "F": "%Y-%m-%d",
    "R": "%H:%M",
    "r": "%I:%M:%S %p",
    "T": "%H:%M:%S",
    "X": "%H:%M:%S",
    "x": "%m/%d/%y",
}
"""Elements that stand for several others."""
OF_DAYS, OF_CLOCK, OF_ZONES = set("AaBbhCdeGgjmQUuVWwYy"), set("HIklMPpS"), set("Zz")
_SIGNS = {"n": "\n", "t": "\t", "%": "%"}
# What DuckDB's strftime writes as GoogleSQL does.
_ALIKE = set("AaBbdHIjMmpSUuVWwy")
_NUMBERS = {
    "C": "CAST({year} // 100 AS VARCHAR)",
    "e": "lpad(CAST(date_part('day', {v}) AS VARCHAR), 2, ' ')",
    "G": "CAST(date_part('isoyear', {v}) AS VARCHAR)",
    "g": "lpad(CAST(date_part('isoyear', {v}) % 100 AS VARCHAR), 2, '0')",
    "h": "strftime({v}, '%b')",
    "k": "lpad(CAST(date_part('hour', {v}) AS VARCHAR), 2, ' ')",
    "l": "lpad(CAST((date_part('hour', {v}) + 11) % 12 + 1 AS VARCHAR), 2, ' ')",
    "P": "lower(strftime({v}, '%p'))",
    "Q": "CAST(date_part('quarter', {v}) AS VARCHAR)",
    "s": "CAST((epoch_us({v}) - {minutes} * 60000000 - (epoch_us({v}) % 1000000 + 1000000) % 1000000) // 1000000 AS VARCHAR)",
    "Y": "CAST({year} AS VARCHAR)",
    "E4Y": "lpad(CAST({year} AS VARCHAR), 4, '0')",
    "E*S": "(strftime({v}, '%S') || rtrim(rtrim(printf('.%06d', {micros}), '0'), '.'))",
}


def elements(text: str) -> Iterator[tuple[str, str]]:
    """Give the parts of a format: an element without its `%` and an empty text, or an empty one and a literal text."""
    place = 0
    for match in ELEMENT.finditer(text):
        if match.start() > place:
            yield "", text[place : match.start()]
        place = match.end()
        what, letter = match[1] or "", match[2] or match[1] or ""
        if letter in WHOLE:
            yield from elements(WHOLE[letter])
        elif letter in _SIGNS:
            yield "", _SIGNS[letter]
        else:
            yield (what if what in {"Ez", "E*S", "E4Y"} or re.fullmatch("E[0-9]S", what) else letter), ""
    if place < len(text):
        yield "", text[place:]


def allowed(element: str, type_: Type) -> bool:
    """Say whether a type has what an element stands for."""
    letter = element[-1:]
    if letter == "s":
        return type_ in (t.DATETIME, t.TIMESTAMP)
    of = {t.DATE: OF_DAYS, t.TIME: OF_CLOCK, t.DATETIME: OF_DAYS | OF_CLOCK}.get(type_, OF_DAYS | OF_CLOCK | OF_ZONES)
    return letter in of


def unknown(text: str, type_: Type) -> str | None:
    """Return the first element of a format that a type lacks."""
    return next((f"%{one}" for one, plain in elements(text) if not plain and not allowed(one, type_)), None)


def formatted(text: str, value: str, type_: Type, utc: str | None = None) -> str:
    """Return the text of a value by a format whose elements are all known.

    `value` is the local date and time of a TIMESTAMP; `utc` the same moment in UTC where its zone is another one.
    """
    if type_ == t.TIME:
        value = f"(DATE '1970-01-01' + {value})"
    minutes = f"((epoch_us({value}) - epoch_us({utc})) // 60000000)" if utc is not None else "0"

    def build(local: str) -> str:
        pieces = list(_pieces(text, local, minutes))
        if all(piece.startswith("'") for piece in pieces):
            return f"CASE WHEN {local} IS NOT NULL THEN {' || '.join(pieces) or quote_text('')} END"
        return f"({' || '.join(pieces)})"

    return once(value, build)


def _pieces(text: str, value: str, minutes: str) -> Iterator[str]:
    alike = ""
    for element, plain in elements(text):
        if plain or element in _ALIKE:
            alike += plain.replace("%", "%%") or f"%{element}"
            continue
        if alike:
            yield _strftime(value, alike)
        alike = ""
        yield _piece(element, value, minutes)
    if alike:
        yield _strftime(value, alike)


def _strftime(value: str, pattern: str) -> str:
    return (
        f"strftime({value}, {quote_text(pattern)})"
        if re.search("%[^%]", pattern.replace("%%", ""))
        else quote_text(pattern.replace("%%", "%"))
    )


def _piece(element: str, value: str, minutes: str) -> str:
    if element in {"z", "Ez", "Z"}:
        return _zone(element, minutes)
    micros = f"(date_part('microsecond', {value}) % 1000000)"
    digits = re.fullmatch("E([0-9])S", element)
    if digits is not None:
        count = int(digits[1])
        fraction = f" || left(printf('.%06d000', {micros}), {count + 1})" if count else ""
        return f"(strftime({value}, '%S'){fraction})"
    year = f"date_part('year', {value})"
    return (
        _NUMBERS[element]
        .replace("{v}", value)
        .replace("{year}", year)
        .replace("{micros}", micros)
        .replace("{minutes}", minutes)
    )


def _zone(element: str, minutes: str) -> str:
    if minutes == "0":
        return {"z": "'+0000'", "Ez": "'+00:00'", "Z": "'UTC'"}[element]
    sign = "CASE WHEN {m} < 0 THEN '-' ELSE '+' END"
    if element == "Z":
        shown = (
            f"CASE WHEN {{m}} = 0 THEN 'UTC' WHEN {{m}} % 60 = 0 THEN 'UTC' || {sign} || CAST(abs({{m}}) // 60 AS VARCHAR) "
            f"ELSE 'UTC' || {sign} || printf('%02d%02d', abs({{m}}) // 60, abs({{m}}) % 60) END"
        )
    else:
        colon = ":" if element == "Ez" else ""
        shown = f"({sign} || printf('%02d{colon}%02d', abs({{m}}) // 60, abs({{m}}) % 60))"
    return once(minutes, lambda bound: shown.replace("{m}", bound))
