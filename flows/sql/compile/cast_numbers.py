"""CAST of numbers to STRING with FORMAT: digits, a point, separators of groups, a sign and `$`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from flows.sql import types as t
from flows.sql.once import bound, once
from flows.sql.types import quote_text

if TYPE_CHECKING:
    from flows.model.types import Type

_FORM = re.compile(
    r"(?P<sign>S?)(?P<dollar>\$?)(?P<whole>[09][09,G]*)(?:[.D](?P<places>[09]+))?(?P<behind>MI|S|)", re.IGNORECASE
)
_MOST_DIGITS, _MOST_PLACES = 30, 9
"""DuckDB writes so many digits of a FLOAT64 as they are, and holds so many places of a NUMERIC."""


def written(form: str, value: str, type_: Type) -> str | None:
    """Return a number as a format writes it; None for a format or a type that is not known here."""
    found = _FORM.fullmatch(form)
    if found is None or type_ not in (t.INT64, t.NUMERIC, t.FLOAT64) or (found["sign"] and found["behind"]):
        return None
    groups, places = re.split("[,Gg]", found["whole"]), found["places"] or ""
    if sum(map(len, groups)) > _MOST_DIGITS or len(places) > _MOST_PLACES:
        return None

    def build(number: str) -> str:
        sign = f"CASE WHEN {number} < 0 THEN '-' ELSE '{_plus(found)}' END"
        digits = once(
            _digits(number, type_, len(places)), lambda text: _framed(found, sign, _laid_out(found, groups, text))
        )
        if type_ != t.FLOAT64:
            return digits
        nan, infinite = _framed(found, "' '", _named(found, "NAN")), _framed(found, sign, _named(found, "INF"))
        return f"CASE WHEN isfinite({number}) THEN {digits} WHEN isnan({number}) THEN {nan} WHEN {number} IS NOT NULL THEN {infinite} END"

    return bound([value], lambda names: build(names[0]))


def _digits(number: str, type_: Type, places: int) -> str:
    """Return the digits of a number without its sign, rounded to places: those of decimals with halves away from zero."""
    if type_ == t.FLOAT64:
        return f"printf('%.{places}f', abs({number}))"
    size = f"CAST({number} AS HUGEINT)" if type_ == t.INT64 else number
    return f"CAST(abs(CAST({size} AS DECIMAL(38, {places}))) AS VARCHAR)"


def _laid_out(form: re.Match[str], groups: list[str], text: str) -> str:
    """Return digits as a format has them, or as many `#` where it has too few places."""
    every, places = "".join(groups), form["places"] or ""
    whole = f"ltrim(split_part({text}, '.', 1), '0')"
    # From the first zero on all digits are written, and the last one where there is no other.
    least = len(every) - every.index("0") if "0" in every else 0 if places else 1
    shown = f"lpad({whole}, CAST(greatest(length({whole}), {least}) AS INTEGER), '0')"
    spread, place = f"lpad({shown}, {len(every)}, ' ')", 1
    parts: list[str] = []
    for group in groups:
        if parts:
            parts.append(f"CASE WHEN length({shown}) > {len(every) - place + 1} THEN ',' ELSE ' ' END")
        parts.append(f"substr({spread}, {place}, {len(group)})")
        place += len(group)
    point = f" || '.' || split_part({text}, '.', 2)" if places else ""
    known = f"ltrim({' || '.join(parts)}){point}"
    return f"CASE WHEN length({whole}) > {len(every)} THEN {quote_text(_hidden(form))} ELSE {known} END"


def _named(form: re.Match[str], name: str) -> str:
    """Return NaN or infinity as a format has them, with blanks for what would stand behind the point."""
    hidden, whole = _hidden(form), form["whole"]
    return quote_text(hidden if len(whole) < len(name) else name + " " * (len(hidden) - len(whole)))


def _hidden(form: re.Match[str]) -> str:
    """Return what stands for a number that has more digits than a format."""
    whole = re.sub("[Gg]", ",", re.sub("[09]", "#", form["whole"]))
    return f"{whole}.{'#' * len(form['places'])}" if form["places"] else whole


def _plus(form: re.Match[str]) -> str:
    return "+" if "S" in (form["sign"] + form["behind"]).upper() else " "


def _framed(form: re.Match[str], sign: str, body: str) -> str:
    """Return what is written of a number with its sign and `$`, and blanks before them."""
    before, behind = ("", f" || {sign}") if form["behind"] else (f"{sign} || ", "")
    # A sign that is none stands before the blanks as well as behind them.
    width = len(_hidden(form)) + len(form["dollar"]) + (0 if form["behind"] else 1)
    return f"(lpad({before}'{form['dollar']}' || {body}, {width}, ' '){behind})"
