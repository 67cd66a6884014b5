"""Which parts of dates and times each function takes for each type, and what DuckDB computes: one line for each kind of part.

A line reads `FUNCTION(types, parts) = DuckDB`; TRUNC stands for DATE_TRUNC, DATETIME_TRUNC and so on. `$1` is the value, for ADD
`$2` the number of parts, for DIFF the earlier value; for SERIES the last value, and `$3` the step. A TIMESTAMP is given as
date and time in its zone where the function takes one. `$part` is the part in small letters, `$length` how many
microseconds it has, `$days` and `$months` how many of these, `$ahead` how many days lie from its first weekday to a Sunday.
Behind `--` stand marks: what counts `by day` gets a value's date, what is `in years` may lie beyond the years 1 to 9999.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from flows.model.types import Type

CLOCK = {"MICROSECOND": 1, "MILLISECOND": 1_000, "SECOND": 1_000_000, "MINUTE": 60_000_000, "HOUR": 3_600_000_000}
"""Parts of a clock, with their lengths in microseconds."""
_A_DAY = 86_400_000_000
_DAYS = {"DAY": 1, "WEEK": 7}
_MONTHS = {"MONTH": 1, "QUARTER": 3, "YEAR": 12}
_WEEKDAYS = ("SUNDAY", "MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY")
_WEEKS = {"WEEK": 0, "ISOWEEK": 1, **{f"WEEK({day})": number for number, day in enumerate(_WEEKDAYS)}}
"""The weekday on which each kind of week begins, from Sunday = 0."""
PARTS = (*CLOCK, "DAY", *_WEEKS, *_MONTHS, "ISOYEAR", "DAYOFWEEK", "DAYOFYEAR", "DATE", "TIME", "DATETIME")
_GROUPS = {"CLOCK": tuple(CLOCK), "WEEKS": tuple(_WEEKS), "MONTHS": tuple(_MONTHS)}
_LONGEST, _MOST_MONTHS = 320_000_000_000_000_000, 120_000
"""More microseconds, and more months, than lie between any two moments."""


def _week(day: str, ahead: str = "$ahead") -> str:
    """Return the first day of a DATE's week."""
    return f"({day} - CAST((dayofweek({day}) + {ahead}) % 7 AS INTEGER))"


def _iso_year(day: str, later: int) -> str:
    """Return the first day of a DATE's ISO year, or of one that many years later: of the week that holds January 4."""
    return _week(f"make_date(CAST(date_part('isoyear', {day}) AS BIGINT) + {later}, 1, 4)", "6")


_EACH = "list_transform(generate_series(0, xcount), lambda x: "
# Each is a step after the one before it: after a short month all days are as early as its last one.
_DAY_OF_MONTH = (
    "list_min(list_transform(generate_series(0, x), lambda y: day($1 + to_months(CAST(y * $3 * $months AS INTEGER)))))"
)
_IN_MONTH = f"CAST(date_trunc('month', $1) + to_months(CAST(x * $3 * $months AS INTEGER)) + to_days({_DAY_OF_MONTH} - 1) AS DATE)"

_LINES = f"""
TRUNC(DATE, DAY) = $1
TRUNC(DATE, MONTHS) = CAST(date_trunc('$part', $1) AS DATE)
TRUNC(DATE, WEEKS) = {_week("$1")} -- in years
TRUNC(DATE, ISOYEAR) = {_iso_year("$1", 0)} -- in years
TRUNC(DATETIME TIMESTAMP, CLOCK DAY MONTHS) = date_trunc('$part', $1)
TRUNC(DATETIME TIMESTAMP, WEEKS) = CAST({_week("$1")} AS TIMESTAMP) -- by day; in years
TRUNC(DATETIME TIMESTAMP, ISOYEAR) = CAST({_iso_year("$1", 0)} AS TIMESTAMP) -- by day; in years
TRUNC(TIME, CLOCK) = (TIME '00:00:00' + to_microseconds(epoch_us($1) // $length * $length))
LAST_DAY(DATE DATETIME, WEEKS) = ({_week("$1")} + 6) -- by day; in years
LAST_DAY(DATE DATETIME, MONTHS) = (CAST(CAST(date_trunc('$part', $1) AS DATE) + to_months($months) AS DATE) - 1) -- by day
LAST_DAY(DATE DATETIME, ISOYEAR) = ({_iso_year("$1", 1)} - 1) -- by day; in years
EXTRACT(DATE DATETIME TIMESTAMP, DAY MONTHS ISOYEAR DAYOFYEAR) = date_part('$part', $1)
EXTRACT(DATE DATETIME TIMESTAMP, DAYOFWEEK) = (dayofweek($1) + 1)
EXTRACT(DATE DATETIME TIMESTAMP, WEEKS) = ((date_part('dayofyear', $1) + 6 - (dayofweek($1) + $ahead) % 7) // 7)
EXTRACT(DATE DATETIME TIMESTAMP, ISOWEEK) = date_part('week', $1)
EXTRACT(TIME DATETIME TIMESTAMP, HOUR MINUTE SECOND) = date_part('$part', $1)
EXTRACT(TIME DATETIME TIMESTAMP, MILLISECOND MICROSECOND) = (date_part('microsecond', $1) % 1000000 // $length)
EXTRACT(DATETIME TIMESTAMP, DATE TIME) = CAST($1 AS $part)
EXTRACT(TIMESTAMP, DATETIME) = CAST($1 AS TIMESTAMP)
EXTRACT(INTERVAL, YEAR) = (struct_extract($1, 'm') // 12)
EXTRACT(INTERVAL, MONTH) = (struct_extract($1, 'm') % 12)
EXTRACT(INTERVAL, DAY) = struct_extract($1, 'd')
EXTRACT(INTERVAL, HOUR) = (struct_extract($1, 'u') // 3600000000)
EXTRACT(INTERVAL, MINUTE) = (struct_extract($1, 'u') % 3600000000 // 60000000)
EXTRACT(INTERVAL, SECOND) = (struct_extract($1, 'u') % 60000000 // 1000000)
EXTRACT(INTERVAL, MILLISECOND MICROSECOND) = (struct_extract($1, 'u') % 1000000 // $length)
ADD(DATE, DAY WEEK) = ($1 + CAST($2 * $days AS INTEGER))
ADD(DATE, MONTHS) = CAST($1 + to_months(CAST($2 * $months AS INTEGER)) AS DATE)
ADD(DATETIME, CLOCK DAY WEEK) = ($1 + to_microseconds($2 * $length))
ADD(DATETIME, MONTHS) = ($1 + to_months(CAST($2 * $months AS INTEGER)))
ADD(TIMESTAMP, CLOCK DAY WEEK) = make_timestamptz(epoch_us($1) + $2 * $length)
ADD(TIME, CLOCK) = ($1 + to_microseconds($2 % ({_A_DAY} // $length) * $length))
DIFF(DATE DATETIME, DAY MONTHS ISOYEAR) = date_diff('$part', $2, $1)
DIFF(DATE DATETIME, WEEKS) = (({_week("$1")} - {_week("$2")}) // 7) -- by day
DIFF(DATETIME, CLOCK) = date_diff('$part', $2, $1)
DIFF(TIMESTAMP, CLOCK DAY) = ((epoch_us($1) - epoch_us($2)) // $length)
DIFF(TIME, CLOCK) = (epoch_us($1) // $length - epoch_us($2) // $length)
STEPS(DATE, DAY WEEK) = ($2 - $1) // ($3 * $days)
STEPS(DATE, MONTHS) = date_diff('month', $1, $2) // ($3 * $months)
STEPS(TIMESTAMP, CLOCK DAY) = (epoch_us($2) - epoch_us($1)) // ($3 * $length)
SERIES(DATE, DAY WEEK) = {_EACH}$1 + CAST(x * $3 * $days AS INTEGER))
SERIES(DATE, MONTHS) = list_filter({_EACH}{_IN_MONTH}), lambda x: CASE WHEN $3 > 0 THEN x <= $2 ELSE x >= $2 END)
SERIES(TIMESTAMP, CLOCK DAY) = {_EACH}make_timestamptz(epoch_us($1) + x * $3 * $length))
"""


class Taken(NamedTuple):
    """How a function takes a part of a type."""

    template: str
    by_day: bool
    """Whether it gets a value's date."""
    in_years: bool
    """Whether what it gives may lie beyond the years 1 to 9999."""
    most: int
    """The greatest number of such parts that lies between two moments."""


@lru_cache(maxsize=1)
def _table() -> dict[tuple[str, Type, str], Taken]:
    found = {}
    for line in _LINES.strip().splitlines():
        call, _, rest = line.partition(" = ")
        template, _, marks = rest.partition(" -- ")
        function, _, given = call.removesuffix(")").partition("(")
        types, _, words = given.partition(", ")
        for part in (one for word in words.split() for one in _GROUPS.get(word, (word,))):
            written = _filled(template, part)
            for type_ in types.split():
                by_day = "by day" in marks and type_ != "DATE"
                found[function, Type(type_), part] = Taken(written, by_day, "in years" in marks, _most(part))
    return found


def _filled(template: str, part: str) -> str:
    facts = {
        "$length": CLOCK.get(part, _A_DAY * _DAYS.get(part, 0)),
        "$days": _DAYS.get(part),
        "$months": _MONTHS.get(part),
        "$ahead": (7 - _WEEKS.get(part, 0)) % 7,
        "$part": part.lower() if "'$part'" in template else part,
    }
    for mark, fact in facts.items():
        template = template.replace(mark, str(fact))
    return template


def _most(part: str) -> int:
    if part in _MONTHS:
        return _MOST_MONTHS // _MONTHS[part]
    return _LONGEST // (CLOCK.get(part) or _A_DAY * _DAYS.get(part, 1))


def taken(function: str, type_: Type, part: str) -> Taken | None:
    """Return how a function takes a part of a type; None where it does not."""
    return _table().get((function, type_, part))


def parts_of(function: str, type_: Type) -> list[str]:
    """Return the parts that a function takes of a type."""
    return [part for name, of, part in _table() if (name, of) == (function, type_)]
