"""What turns into what: one line for each type, and those that it is cast to in one way.

A line reads `TYPE -> types = DuckDB`. With `=>` a value turns into them by itself, with `~>` one that is written down does; with
`->` CAST alone turns it. `$1` is the value and `$type` the other type as DuckDB has it, `$utc1` a TIMESTAMP as date and time in
UTC, `$moment1` the TIMESTAMP that a text means, `$interval` the INTERVAL. Behind `--` stand marks: what `fails` may end in an error of GoogleSQL, which is NULL
with SAFE_CAST, as is a text that is not `of` a form, a regular expression; `in years` is what may lie beyond the years 1 to 9999.
In place of its template a cast is `refused`, with what to write instead. STRUCTs turn field by field, ARRAYs element by element.
"""

from __future__ import annotations

from typing import NamedTuple

from flows.model.types import Type

DAY = r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}"
CLOCK = r"(?:[01]?[0-9]|2[0-3]):[0-9]{1,2}:[0-9]{1,2}(?:\.[0-9]{1,6})?"
LEAP_SECOND = r":60(\.[0-9]+)?$"
"""How a clock ends that shows a second of its own; its fraction counts in a TIMESTAMP alone."""
_AROUND = r"[\s\x0b]*"
DECIMAL = rf"{_AROUND}[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?{_AROUND}"
"""The forms of texts. How GoogleSQL reads them is how DuckDB does once they are known: none is read in two ways."""
_SIGN, _NUMBER = "[-+]?", "[0-9]{1,19}"
_SECONDS = rf"{_NUMBER}(?:\.[0-9]{{1,9}})?"
_OF_CLOCK = rf"(?:-?{_NUMBER}[HM]|-?{_NUMBER}(?:[.,][0-9]{{1,9}})?S)*"
_INTERVAL = (
    rf"{_SIGN}{_NUMBER}-{_NUMBER}(?: {_SIGN}{_NUMBER}(?: {_SIGN}{_NUMBER}(?::{_NUMBER}(?::{_SECONDS})?)?)?)?"
    rf"|{_SIGN}{_NUMBER} {_SIGN}{_NUMBER} {_SIGN}{_NUMBER}(?::{_NUMBER}(?::{_SECONDS})?)?"
    rf"|{_SIGN}{_NUMBER} {_SIGN}{_NUMBER}:{_NUMBER}(?::{_SECONDS})?|{_SIGN}{_NUMBER}:{_NUMBER}:{_SECONDS}"
    rf"|P(?:-?{_NUMBER}[YMWD])+(?:T{_OF_CLOCK})?|PT{_OF_CLOCK}"
)
_ZONE = r"([Zz]|[+-][0-9]{1,2}(:?[0-9]{1,2})?| W-SU| [A-Z][A-Za-z0-9]+([/_+:-][A-Za-z0-9]+)*)"
FINE = r"[.][0-9]{18}[0-9]*[1-9]|[eE]-0*(?:1[0-9]|[2-9][0-9]|[0-9]{3})|[.][0-9]{9}[0-9]*[1-9][0-9]*[eE]-"
"""A text of a number that needs more than 18 places behind the point, or may."""
_HEXADECIMAL = "CAST(CAST(regexp_extract($1, '0[xX][0-9a-fA-F]+') AS UBIGINT) AS HUGEINT)"
# Of the first 16 digits, rounded as all of them are, and their place.
_OF_DIGITS = "CAST(CAST('0x' || coalesce(nullif(left(xhex, 16), ''), '0') AS UBIGINT) | CAST({} AS UBIGINT) AS DOUBLE) * {}".format(
    "CASE WHEN ltrim(substr(xhex, 17), '0') = '' THEN 0 ELSE 1 END", "power(16.0, length(substr(xhex, 17)))"
)
_HEXADECIMAL_FLOAT = (
    "list_extract(list_transform([ltrim(regexp_extract($1, '0[xX]([0-9a-fA-F]+)', 1), '0')], "
    f"lambda xhex: CASE WHEN contains($1, '-') THEN 0 - {_OF_DIGITS} ELSE {_OF_DIGITS} END), 1)"
)
_MICROS = "(date_part('microsecond', {}) % 1000000)"
_FRACTION = f"CASE WHEN {_MICROS} = 0 THEN '' WHEN {_MICROS} % 1000 = 0 THEN printf('.%03d', {_MICROS} // 1000) ELSE printf('.%06d', {_MICROS}) END"


def _fraction(value: str) -> str:
    """Return the text of what a time has behind its seconds: `.123` or `.123456`, or nothing."""
    return _FRACTION.replace("{}", value)


def _with_leap_second(read: str) -> str:
    """Return the template that reads a text with a clock; a second 60 is the first one of the next minute."""
    before = f"regexp_replace($1, '{LEAP_SECOND}', ':59')"
    later = f"{read.replace('{}', before)} + INTERVAL 1 SECOND"
    return f"CASE WHEN regexp_matches($1, '{LEAP_SECOND}') THEN {later} ELSE {read.replace('{}', '$1')} END"


_OF_INTERVAL = {name: f"struct_extract($1, '{name}')" for name in "mdu"}
_INTERVAL_TEXT = (
    "(CASE WHEN {m} < 0 THEN '-' ELSE '' END || (abs({m}) // 12) || '-' || (abs({m}) % 12) || ' ' || {d} || ' ' || CASE WHEN {u} < 0 THEN '-' ELSE '' END "
    "|| (abs({u}) // 3600000000) || ':' || (abs({u}) % 3600000000 // 60000000) || ':' || (abs({u}) % 60000000 // 1000000) || "
    "CASE WHEN {u} % 1000000 = 0 THEN '' WHEN {u} % 1000 = 0 THEN printf('.%03d', abs({u}) % 1000000 // 1000) ELSE printf('.%06d', abs({u}) % 1000000) END)"
).format(**_OF_INTERVAL)

CASTS = rf"""
INT64 => NUMERIC BIGNUMERIC FLOAT64 = CAST($1 AS $type)
INT64 -> BOOL = ($1 <> 0)
INT64 -> STRING = CAST($1 AS VARCHAR)
NUMERIC => BIGNUMERIC FLOAT64 = CAST($1 AS $type)
NUMERIC -> INT64 = CAST($1 AS $type) -- fails
NUMERIC -> STRING = rtrim(rtrim(CAST($1 AS VARCHAR), '0'), '.')
BIGNUMERIC => FLOAT64 = CAST($1 AS $type)
BIGNUMERIC -> INT64 = CAST($1 AS $type) -- fails
BIGNUMERIC -> NUMERIC = CAST($1 AS $type)
BIGNUMERIC -> STRING = rtrim(rtrim(CAST($1 AS VARCHAR), '0'), '.')
FLOAT64 ~> NUMERIC = CAST(printf('%.40f', $1) AS $type) -- fails
FLOAT64 ~> BIGNUMERIC = refused: FLOAT64 to BIGNUMERIC needs more digits than the embedded warehouse holds. Write NUMERIC.
FLOAT64 -> INT64 = CAST(round($1) AS BIGINT) -- fails
FLOAT64 -> STRING = CASE WHEN isnan($1) THEN 'nan' WHEN CAST(printf('%.15g', $1) AS DOUBLE) = $1 THEN regexp_replace(printf('%.15g', $1), '^-0$', '0') ELSE printf('%.17g', $1) END
BOOL -> INT64 = CAST($1 AS BIGINT)
BOOL -> STRING = CAST($1 AS VARCHAR)
BYTES -> STRING = decode($1) -- fails
STRING ~> BYTES = encode($1)
STRING -> INT64 = CASE WHEN regexp_matches($1, '[xX]') THEN CAST(CAST(CASE WHEN contains($1, '-') THEN 0 - {_HEXADECIMAL} ELSE {_HEXADECIMAL} END AS VARCHAR) AS BIGINT) ELSE CAST($1 AS BIGINT) END -- fails; of (?:{_AROUND}[+-]?[0-9]+| *[+-]?0[xX][0-9a-fA-F]+){_AROUND}
STRING -> FLOAT64 = CASE WHEN contains(lower($1), '0x') THEN {_HEXADECIMAL_FLOAT} ELSE CAST($1 AS $type) END -- fails; of {DECIMAL}|{_AROUND}[+-]?0[xX][0-9a-fA-F]+{_AROUND}|{_AROUND}[+-]?(?i:inf|infinity|nan){_AROUND}
STRING -> NUMERIC = CAST($1 AS $type) -- fails; of {DECIMAL}
STRING -> BIGNUMERIC = CASE WHEN regexp_matches($1, '{FINE}') THEN error('Could not cast a text to BIGNUMERIC: it needs more than 18 places, which the embedded warehouse does not hold') ELSE CAST($1 AS $type) END -- of {DECIMAL}
STRING -> BOOL = CAST($1 AS $type) -- of (?i:true|false)
STRING ~> DATE = CAST($1 AS $type) -- fails; in years; of {DAY}
STRING ~> DATETIME = {_with_leap_second("CAST(upper({}) AS $type)")} -- fails; in years; of {DAY}([ Tt]{CLOCK})?
STRING ~> TIMESTAMP = $moment1 -- fails; in years; of {DAY}([ Tt]{CLOCK}{_ZONE}?)?
STRING ~> TIME = {_with_leap_second("CAST({} AS $type)")} -- fails; of {CLOCK}
STRING -> INTERVAL = $interval -- fails; of {_INTERVAL}
DATE => DATETIME = CAST($1 AS $type)
DATE -> TIMESTAMP = make_timestamptz(epoch_us(CAST($1 AS TIMESTAMP)))
DATE -> STRING = strftime($1, '%Y-%m-%d')
DATETIME -> DATE TIME = CAST($1 AS $type)
DATETIME -> TIMESTAMP = make_timestamptz(epoch_us(CAST($1 AS TIMESTAMP)))
DATETIME -> STRING = (strftime($1, '%Y-%m-%d %H:%M:%S') || {_fraction("$1")})
TIMESTAMP -> DATE DATETIME TIME = CAST($utc1 AS $type)
TIMESTAMP -> STRING = ((strftime($utc1, '%Y-%m-%d %H:%M:%S') || {_fraction("$utc1")}) || '+00')
INTERVAL -> STRING = {_INTERVAL_TEXT}
TIME -> STRING = (left(CAST($1 AS VARCHAR), 8) || {_fraction("$1")})
"""


class Cast(NamedTuple):
    """How a value of one type becomes one of another."""

    arrow: str
    """`=>` where it does so by itself, `~>` where one that is written down does, `->` where CAST alone does it."""
    template: str
    fails: bool = False
    """Whether GoogleSQL's own may end in an error, beside that of a text without the form."""
    form: str | None = None
    """The regular expression of texts that can be read; None where it reads none."""
    in_years: bool = False
    """Whether it is looked at whether it lies in the years 1 to 9999."""

    @property
    def may_fail(self) -> bool:
        """Whether it may end in an error, a text without the form included."""
        return self.fails or self.form is not None

    @property
    def refused(self) -> str | None:
        """Why there is none, and what to write instead; None where there is one."""
        kind, _, said = self.template.partition(": ")
        return said if kind == "refused" else None


def _casts(text: str) -> dict[tuple[Type, Type], Cast]:
    found: dict[tuple[Type, Type], Cast] = {}
    for line in text.strip().splitlines():
        types, _, rest = line.partition(" = ")
        template, _, marks = rest.partition(" -- ")
        kinds, _, form = marks.partition("of ")
        have, arrow, *wanted = types.split(" ")
        cast = Cast(arrow, template, fails="fails" in marks, form=form or None, in_years="in years" in kinds)
        found |= {(Type(have), Type(want)): cast for want in wanted}
    return found


BETWEEN = _casts(CASTS)
"""How each type becomes each other one; what is not here is no cast."""
