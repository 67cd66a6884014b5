"""INTERVALs as DuckDB holds them, and as they are written down.

One is a STRUCT of months `m`, days `d` and microseconds `u`, which GoogleSQL keeps apart, and of all of it in microseconds, `k`,
with 30 days a month and 24 hours a day: by that alone it compares them. DuckDB's own INTERVAL compares others as equal, and has no limits.
"""

from __future__ import annotations

import re
from typing import NamedTuple

DAY = 86_400_000_000
"""How many microseconds a day has."""
PARTS = {
    "YEAR": ("m", 12),
    "QUARTER": ("m", 3),
    "MONTH": ("m", 1),
    "WEEK": ("d", 7),
    "DAY": ("d", 1),
    "HOUR": ("u", 3_600_000_000),
    "MINUTE": ("u", 60_000_000),
    "SECOND": ("u", 1_000_000),
    "MILLISECOND": ("u", 1_000),
    "MICROSECOND": ("u", 1),
}
"""Of what each part of an INTERVAL consists, and how many."""
MONTHS, DAYS, MICROS = 120_000, 3_660_000, 316_224_000_000_000_000
"""The most that one has of each, with either sign."""
BEYOND = "an INTERVAL of more than 120,000 months, 3,660,000 days or 87,840,000 hours"
_NUMBER = r"\d{1,19}"
_BETWEEN = {("YEAR", "MONTH"): "-", ("HOUR", "MINUTE"): ":", ("MINUTE", "SECOND"): ":"}
_ORDER = ("YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND")
_FORMS = {
    (2, 2, 1): ("YEAR", "SECOND"),
    (2, 1, 1): ("YEAR", "MINUTE"),
    (2, 0, 1): ("YEAR", "HOUR"),
    (1, 0, 1): ("YEAR", "DAY"),
    (0, 0, 1): ("YEAR", "MONTH"),
    (2, 0, 0): ("MONTH", "HOUR"),
    (2, 1, 0): ("MONTH", "MINUTE"),
    (2, 2, 0): ("MONTH", "SECOND"),
    (1, 1, 0): ("DAY", "MINUTE"),
    (1, 2, 0): ("DAY", "SECOND"),
    (0, 2, 0): ("HOUR", "SECOND"),
}
"""Which parts a text has, by its spaces, its colons and its dashes behind a digit."""


class Interval(NamedTuple):
    """An INTERVAL that is written down."""

    months: int
    days: int
    micros: int

    @property
    def in_limits(self) -> bool:
        """Whether there is such a one."""
        return abs(self.months) <= MONTHS and abs(self.days) <= DAYS and abs(self.micros) <= MICROS

    def sql(self) -> str:
        """Return it for DuckDB."""
        numbers = (f"CAST({number} AS BIGINT)" for number in self)
        return packed(*numbers, length=f"CAST({(self.months * 30 + self.days) * DAY + self.micros} AS BIGINT)")


def length(interval: str) -> str:
    """Return the SQL of that by which INTERVALs are compared."""
    return f"struct_extract({interval}, 'k')"


def packed(months: str, days: str, micros: str, *, length: str) -> str:
    """Return the SQL of an INTERVAL, of parts that are BIGINT and within its limits."""
    return f"{{'k': {length}, 'm': {months}, 'd': {days}, 'u': {micros}}}"


def made(months: str, days: str, micros: str, beyond: str) -> str:
    """Return the SQL of an INTERVAL of parts of any size, with the error `beyond` where one is more than it can be; NULL where one is NULL."""
    given = {"m": (months, MONTHS), "d": (days, DAYS), "u": (micros, MICROS)}
    fields = ", ".join(f"'{name}': {part}" for name, (part, _) in given.items())
    parts = {name: f"struct_extract(xparts, '{name}')" for name in given}
    unknown = " OR ".join(f"{part} IS NULL" for part in parts.values())
    outside = " OR ".join(f"{parts[name]} NOT BETWEEN -{most} AND {most}" for name, (_, most) in given.items())
    whole = {name: f"CAST({part} AS BIGINT)" for name, part in parts.items()}
    built = packed(*whole.values(), length=f"({whole['m']} * 30 + {whole['d']}) * {DAY} + {whole['u']}")
    cases = f"CASE WHEN {unknown} THEN NULL WHEN {outside} THEN {beyond} ELSE {built} END"
    return f"list_extract(list_transform([{{{fields}}}], lambda xparts: {cases}), 1)"


def iso_text(interval: str) -> str:
    """Return the SQL of an INTERVAL's text in the form of ISO 8601, as JSON has it; each of its parts has a sign of its own."""
    months, days, micros = (f"struct_extract({interval}, '{name}')" for name in "mdu")

    def shown(number: str, letter: str) -> str:
        return f"CASE WHEN {number} <> 0 THEN {number} || '{letter}' ELSE '' END"

    whole, places = f"{micros} % 60000000 // 1000000", f"rtrim(printf('%06d', abs({micros}) % 1000000), '0')"
    fraction = f"CASE WHEN {whole} = 0 AND {micros} < 0 THEN '-' ELSE '' END || ({whole}) || '.' || {places} || 'S'"
    parts = (
        shown(f"({months} // 12)", "Y"),
        shown(f"({months} % 12)", "M"),
        shown(days, "D"),
        f"CASE WHEN {micros} <> 0 THEN 'T' ELSE '' END",
        shown(f"({micros} // {PARTS['HOUR'][1]})", "H"),
        shown(f"({micros} % {PARTS['HOUR'][1]} // {PARTS['MINUTE'][1]})", "M"),
        f"CASE WHEN {micros} % 1000000 = 0 THEN {shown(f'({whole})', 'S')} ELSE {fraction} END",
    )
    nothing = f"{months} = 0 AND {days} = 0 AND {micros} = 0"
    return f"CASE WHEN {nothing} THEN 'P0Y' ELSE 'P' || {' || '.join(parts)} END"


def of_part(text: str, part: str) -> Interval | None:
    """Return what INTERVAL 'text' PART means; None for nothing."""
    kind, each = PARTS[part]
    form = r"([-+]?)(\d{0,19}\.\d{1,9})" if part == "SECOND" and "." in text else r"([-+]?)(\d{1,19})"
    found = re.fullmatch(form, text, re.ASCII)
    count = found and _counted(found[2], each)
    if found is None or count is None:
        return None
    count = -count if found[1] == "-" else count
    return Interval(*(count if kind == name else 0 for name in "mdu"))


def of_parts(text: str, first: str, last: str) -> Interval | None:
    """Return what INTERVAL 'text' FIRST TO LAST means; None for nothing."""
    if first not in _ORDER or last not in _ORDER or _ORDER.index(first) >= _ORDER.index(last):
        return None
    names = _ORDER[_ORDER.index(first) : _ORDER.index(last) + 1]
    form = ""
    for place, name in enumerate(names):
        before = names[place - 1] if place else None
        form += _BETWEEN.get((before or "", name), " ") if before else ""
        own = rf"{_NUMBER}(?:\.\d{{1,9}})?" if name == "SECOND" else _NUMBER
        begins = not before or name in {"DAY", "HOUR"}
        form += rf"(?P<{name}_sign>[-+]?)(?P<{name}>{own})" if begins else f"(?P<{name}>{own})"
    found = re.fullmatch(form, text, re.ASCII)
    if found is None:
        return None
    total = {"m": 0, "d": 0, "u": 0}
    signs: dict[str, int] = {}
    for name, written in found.groupdict().items():
        if name.endswith("_sign"):
            signs.setdefault(PARTS[name.removesuffix("_sign")][0], -1 if written == "-" else 1)
            continue
        kind, each = PARTS[name]
        count = _counted(written, each)
        if count is None:
            return None
        total[kind] += signs[kind] * count
    return Interval(total["m"], total["d"], total["u"])


def of_text(text: str) -> Interval | None:
    """Return what CAST('text' AS INTERVAL) means, in the form of a literal or of ISO 8601; None for nothing."""
    if text.startswith("P"):
        return _of_iso(text)
    dashes = len(re.findall(r"(?<=\d)-", text))
    form = _FORMS.get((text.count(" "), text.count(":"), dashes))
    return of_parts(text, *form) if form else None


def _of_iso(text: str) -> Interval | None:
    number = rf"-?{_NUMBER}(?:[.,]\d{{1,9}})?"
    found = re.fullmatch(rf"P((?:-?{_NUMBER}[YMWD])*)(T(?:-?{_NUMBER}[HM]|{number}S)*)?", text, re.ASCII)
    if found is None or text == "P":
        return None
    total = {"m": 0, "d": 0, "u": 0}
    names = {"Y": "YEAR", "W": "WEEK", "D": "DAY", "H": "HOUR", "S": "SECOND"}
    for written, of_clock in ((found[1], False), (found[2] or "", True)):
        for sign, digits, letter in re.findall(r"(-?)([\d.,]+)([A-Z])", written):
            kind, each = PARTS[names.get(letter) or ("MINUTE" if of_clock else "MONTH")]
            count = _counted(digits.replace(",", "."), each)
            if count is None:
                return None
            total[kind] += -count if sign else count
    return Interval(total["m"], total["d"], total["u"])


def _counted(digits: str, each: int) -> int | None:
    """Return a number times what it counts; None where parts of microseconds are left."""
    whole, _, places = digits.partition(".")
    if places.rstrip("0")[6:]:
        return None
    return int(whole or "0") * each + int(f"{places:0<6}"[:6])
