"""FORMAT_DATE and its like: a literal format as DuckDB's SQL for the text of a value."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from flows.sql import types as t
from flows.sql.functions.elements import WHOLE, element, has
from flows.sql.once import once
from flows.sql.types import quote_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flows.model.types import Type

ELEMENT = re.compile(r"%(E[0-9*]S|E4Y|[EO]?(.))|%", re.DOTALL)
"""One element of a format: all after its `%`, and its letter alone."""
_SIGNS = {"n": "\n", "t": "\t", "%": "%"}
ALONE = {f"E{letter}" for letter in "abdeghjklmwABDFGHIMQSTUVW"} | {f"O{letter}" for letter in "acxADFQXY"}
"""Elements that mean nothing with an E or O: GoogleSQL writes them as they are, and reads nothing by them."""


def elements(text: str) -> Iterator[tuple[str, str]]:
    """Give the parts of a format: an element without its `%` and an empty text, or an empty one and a literal text."""
    place = 0
    for match in ELEMENT.finditer(text):
        if match.start() > place:
            yield "", text[place : match.start()]
        place = match.end()
        what, letter = match[1] or "", match[2] or match[1] or ""
        if what in ALONE:
            yield what, ""
        elif letter in WHOLE:
            yield from elements(WHOLE[letter])
        elif letter in _SIGNS:
            yield "", _SIGNS[letter]
        else:
            yield (what if what in {"Ez", "E*S", "E4Y"} or re.fullmatch("E[0-9]S", what) else letter), ""
    if place < len(text):
        yield "", text[place:]


def unknown(text: str, type_: Type) -> str | None:
    """Return the first element of a format that a type lacks."""
    for name, plain in elements(text):
        found = element(name)
        if not plain and (found is None or not has(type_, found)):
            return f"%{name}"
    return None


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
    for name, plain in elements(text):
        written = "" if plain else _writes(name)
        if plain or written.startswith("%"):
            alike += plain.replace("%", "%%") or written
            continue
        if alike:
            yield _strftime(value, alike)
        alike = ""
        yield _piece(name, written, value, minutes)
    if alike:
        yield _strftime(value, alike)


def _writes(name: str) -> str:
    found = element(name)
    return found.writes if found is not None else ""


def _strftime(value: str, pattern: str) -> str:
    return (
        f"strftime({value}, {quote_text(pattern)})"
        if re.search("%[^%]", pattern.replace("%%", ""))
        else quote_text(pattern.replace("%%", "%"))
    )


def _piece(name: str, written: str, value: str, minutes: str) -> str:
    if name in {"z", "Ez", "Z"}:
        return _zone(name, minutes)
    micros = f"(date_part('microsecond', {value}) % 1000000)"
    digits = re.fullmatch("E([0-9])S", name)
    if digits is not None:
        count = int(digits[1])
        fraction = f" || left(printf('.%06d000', {micros}), {count + 1})" if count else ""
        return f"(strftime({value}, '%S'){fraction})"
    facts = {"{v}": value, "{year}": f"date_part('year', {value})", "{micros}": micros, "{minutes}": minutes}
    return re.sub("{[a-z]+}", lambda mark: facts[mark[0]], written)


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
