"""CAST of numbers to STRING with FORMAT: digits, a point, separators of groups, an exponent, a sign and a currency, hexadecimal digits."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flows.sql import types as t
from flows.sql.once import bound, once
from flows.sql.types import quote_text

if TYPE_CHECKING:
    from flows.model.types import Type

_PART = re.compile(r"FM|MI|PR|EEEE|[BS$CL]|[09X]|[,G]|[.DV]", re.IGNORECASE)
_MONEY = {"$": "$", "L": "$", "C": "USD"}
_ZERO = quote_text("0")
_MOST_DIGITS, _MOST_PLACES = 30, 9
"""DuckDB writes so many digits of a FLOAT64 as they are, and holds so many places of a NUMERIC."""
_MOST_HEXADECIMAL = 16
_HUGE = "1e30"
"""A FLOAT64 that has more hexadecimal digits than there may be, and is a HUGEINT still."""


@dataclass(slots=True)
class _Form:
    """A format, taken apart."""

    whole: str = ""
    """What stands before the point: digits, and separators of groups as commas."""
    point: str = ""
    """What parts the places: a point, or V, which is not written."""
    places: str = ""
    power: bool = False
    """Whether it has an exponent."""
    money: str = ""
    sign: str = ""
    """How the sign is written: S, MI or PR."""
    behind: bool = False
    """Whether it stands behind the digits."""
    blank: bool = False
    """Whether a whole part of zero makes all of it blanks."""
    hexadecimal: str = ""
    """X or x, by the case of its digits, where it has hexadecimal ones."""
    filled: bool = True
    """Whether blanks and zeros fill it up: not with FM."""

    @property
    def hidden(self) -> str:
        """What stands for a number that has more digits."""
        return re.sub("[09X]", "#", self.whole) + self.shown_point + "#" * len(self.places)

    @property
    def shown_point(self) -> str:
        """The point as it is written."""
        return self.point.replace("V", "")

    @property
    def width(self) -> int:
        """How many signs it has, but for those of a large exponent; none where nothing fills it up."""
        number = len(f"9{self.shown_point}{self.places}E+00" if self.power else self.hidden)
        return (number + len(self.money) + (2 if self.sign == "PR" else 1)) * self.filled

    def framed(self, number: str | None, body: str) -> str:
        """Return a text with the sign of a number, the currency and blanks; without a sign where there is no number."""
        before, behind = (_ends(self, number, at) for at in (0, 1))
        text = f"{before} || '{self.money}' || {body} || {behind}"
        return f"lpad({text}, CAST(greatest({self.width}, length({text})) AS INTEGER), ' ')"


def _ends(form: _Form, number: str | None, place: int) -> str:
    """Return the SQL of what stands for the sign before a number, or behind it."""
    none, plus = " " if form.filled else "", "+" if form.sign == "S" else " " if form.filled else ""
    if form.sign == "PR":
        plus, minus = none, "<>"[place]
    elif form.behind == bool(place):
        minus = "-"
    else:
        return "''"
    return quote_text(none) if number is None else f"CASE WHEN {number} < 0 THEN '{minus}' ELSE '{plus}' END"


def _form(text: str) -> _Form | None:
    """Take a format apart; None for one that is not known here."""
    form, place = _Form(), 0
    for found in _PART.finditer(text):
        part = found[0].upper().replace("G", ",").replace("D", ".")
        if part == "X":
            form.hexadecimal = form.hexadecimal or found[0]
            if form.hexadecimal != found[0]:
                return None
        if found.start() != place or not (_adds_digit if part in "09X,.V" else _adds_mark)(form, part):
            return None
        place = found.end()
    digits = form.whole.replace(",", "")
    fits = len(digits) <= _MOST_DIGITS and len(form.places) <= _MOST_PLACES
    if form.hexadecimal:
        # The digit in the place of a 0 is a capital one.
        alone = set(form.whole) <= set("0X" if form.hexadecimal == "X" else "X") and not (
            form.point or form.money or form.power or form.blank
        )
        return form if place == len(text) and alone and len(form.whole) <= _MOST_HEXADECIMAL else None
    of_power = form.whole == digits != "" and (form.places or not form.point)
    return form if place == len(text) and fits and (of_power if form.power else digits or form.places) else None


def _adds_digit(form: _Form, part: str) -> bool:
    """Add a digit, a point or a separator to a form; say whether it has a place there."""
    if form.power or form.behind or (part == "," and (form.point or not form.whole)) or (part in ".V" and form.point):
        return False
    if part in ".V":
        form.point = part
    elif form.point:
        form.places += part
    else:
        form.whole += part
    return True


def _adds_mark(form: _Form, part: str) -> bool:
    """Add a mark to a form; say whether it has a place there."""
    begun = bool(form.whole or form.point)
    if part == "FM":
        free, form.filled = form == _Form(), False
    elif part in _MONEY:
        free, form.money = not form.money, _MONEY[part]
    elif part == "B":
        free, form.blank = not form.blank, True
    elif part == "EEEE":
        free, form.power = begun and not (form.power or form.behind), True
    else:
        free = not form.sign and (begun or part == "S")
        form.sign, form.behind = part, begun
    return free


def written(text: str, value: str, type_: Type) -> str | None:
    """Return a number as a format writes it; None for a format or a type that is not known here."""
    form = _form(text)
    if form is None or type_ not in (t.INT64, t.NUMERIC, t.FLOAT64) or (form.power and type_ != t.FLOAT64):
        return None
    blanks = quote_text(" " * form.width)

    def shown(number: str, digits: str) -> str:
        framed = form.framed(number, _with_power(form, digits) if form.power else _laid_out(form, digits))
        nothing = f"{number} = 0" if form.power else f"regexp_matches({digits}, '^0*([.]|$)')"
        return f"CASE WHEN {nothing} THEN {blanks} ELSE {framed} END" if form.blank else framed

    def build(number: str) -> str:
        finite = once(_digits(number, type_, form), lambda digits: shown(number, digits))
        if type_ != t.FLOAT64:
            return finite
        nan, infinite = form.framed(None, _named(form, "NAN")), form.framed(number, _named(form, "INF"))
        return f"CASE WHEN isfinite({number}) THEN {finite} WHEN isnan({number}) THEN {nan} WHEN {number} IS NOT NULL THEN {infinite} END"

    return bound([value], lambda names: build(names[0]))


def _digits(number: str, type_: Type, form: _Form) -> str:
    """Return the digits of a number without its sign, rounded to places: those of decimals with halves away from zero."""
    places = len(form.places)
    if form.hexadecimal:
        size = (
            f"least(abs({number}), {_HUGE})"
            if type_ == t.FLOAT64
            else f"abs(CAST({number} AS {'HUGEINT' if type_ == t.INT64 else 'DECIMAL(38, 9)'}))"
        )
        found = f"hex(CAST(round({size}) AS HUGEINT))"
        return f"lower({found})" if form.hexadecimal == "x" else found
    if type_ == t.FLOAT64:
        return f"printf('%.{places}{'e' if form.power else 'f'}', abs({number}))"
    size = f"CAST({number} AS HUGEINT)" if type_ == t.INT64 else number
    return f"CAST(abs(CAST({size} AS DECIMAL(38, {places}))) AS VARCHAR)"


def _with_power(form: _Form, text: str) -> str:
    """Return digits with an exponent as a format has them."""
    text = f"replace({text}, '.', '')" if form.point == "V" else text
    return f"upper({text})" if form.filled or not form.places else f"upper(regexp_replace({text}, '0+e', 'e'))"


def _laid_out(form: _Form, text: str) -> str:
    """Return digits as a format has them, or as many `#` where it has too few places."""
    groups, whole = form.whole.split(","), f"ltrim(split_part({text}, '.', 1), '0')"
    every = "".join(groups)
    behind = f"split_part({text}, '.', 2)"
    behind = behind if form.filled else f"rtrim({behind}, {_ZERO})"
    # From the first zero on all digits are written, and the last one where there is no other.
    least = str(len(every) - every.index("0") if "0" in every else 0 if form.places else 1)
    if least == "0" and every and not form.filled:
        least = f"CASE WHEN {behind} = '' THEN 1 ELSE 0 END"
    shown = f"lpad({whole}, CAST(greatest(length({whole}), {least}) AS INTEGER), '0')"
    spread, place = f"lpad({shown}, {len(every)}, ' ')", 1
    parts: list[str] = []
    for group in groups:
        if parts:
            parts.append(f"CASE WHEN length({shown}) > {len(every) - place + 1} THEN ',' ELSE ' ' END")
        parts.append(f"substr({spread}, {place}, {len(group)})")
        place += len(group)
    point = f" || '{form.shown_point}' || {behind}" if form.point else ""
    known = f"ltrim({' || '.join(parts)}){point}"
    return f"CASE WHEN length({whole}) > {len(every)} THEN {quote_text(form.hidden)} ELSE {known} END"


def _named(form: _Form, name: str) -> str:
    """Return NaN or infinity as a format has them, with blanks for what would stand behind the point."""
    if form.hexadecimal:
        return quote_text(form.hidden)
    if form.power or (not form.filled and len(form.whole) >= len(name)):
        return quote_text(name)
    return quote_text(form.hidden if len(form.whole) < len(name) else name + " " * (len(form.hidden) - len(form.whole)))
