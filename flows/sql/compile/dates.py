"""GoogleSQL's arithmetic of dates and times as DuckDB expressions. Every function returns None for what it does not know."""

from __future__ import annotations

from flows.model.types import Type
from flows.sql import types as t
from flows.sql.times import aware, naive

MICROSECONDS = {
    "MICROSECOND": 1,
    "MILLISECOND": 1_000,
    "SECOND": 1_000_000,
    "MINUTE": 60_000_000,
    "HOUR": 3_600_000_000,
    "DAY": 86_400_000_000,
}
_WEEKDAYS = ("SUNDAY", "MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY")
WEEKS = {"WEEK": 0, "ISOWEEK": 1, **{f"WEEK({day})": number for number, day in enumerate(_WEEKDAYS)}}
"""The weekday on which each kind of week begins, from Sunday = 0."""
_MONTHS = {"MONTH": 1, "QUARTER": 3, "YEAR": 12}
PARTS = (*MICROSECONDS, *WEEKS, *_MONTHS, "ISOYEAR", "DAYOFWEEK", "DAYOFYEAR", "DATE", "TIME", "DATETIME")
KINDS = (t.DATE, t.DATETIME, t.TIMESTAMP, t.TIME)
"""The types of dates and times."""
_EXTRACTS = {"YEAR", "MONTH", "DAY", "QUARTER", "HOUR", "MINUTE", "SECOND", "ISOYEAR", "DAYOFYEAR"}


def _week_start(day: str, first: int) -> str:
    """Return the first day of a DATE's week."""
    return f"({day} - CAST((dayofweek({day}) + {(7 - first) % 7}) % 7 AS INTEGER))"


def _of_clock(part: str) -> int | None:
    """Return how many microseconds a part of a TIME has."""
    return MICROSECONDS.get(part) if part != "DAY" else None


def truncate(value: str, type_: Type, part: str, zone: str | None = None) -> str | None:
    """Return the beginning of the part in which a value lies, in the value's own type."""
    if type_ == t.TIMESTAMP:
        local = f"timezone({zone}, {value})" if zone else naive(value)
        begun = truncate(local, t.DATETIME, part)
        return begun and (f"timezone({zone}, {begun})" if zone else aware(begun))
    if part in WEEKS:
        begun = _week_start(value if type_ == t.DATE else f"CAST({value} AS DATE)", WEEKS[part])
        return begun if type_ == t.DATE else f"CAST({begun} AS TIMESTAMP)"
    if type_ == t.TIME:
        length = _of_clock(part)
        return f"(TIME '00:00:00' + to_microseconds(epoch_us({value}) // {length} * {length}))" if length else None
    if type_ == t.DATE:
        if part == "DAY":
            return value
        return f"CAST(date_trunc('{part.lower()}', {value}) AS DATE)" if part in _MONTHS else None
    return f"date_trunc('{part.lower()}', {value})" if part in _MONTHS or part in MICROSECONDS else None


def add(value: str, type_: Type, amount: str, part: str) -> str | None:
    """Return a value moved by `amount` parts, in the value's own type."""
    if type_ == t.TIMESTAMP:
        length = MICROSECONDS.get(part)
        return f"make_timestamptz(epoch_us({value}) + {amount} * {length})" if length else None
    if type_ == t.TIME:
        length = _of_clock(part)
        return f"({value} + to_microseconds({amount} % {86_400_000_000 // length} * {length}))" if length else None
    days = {"DAY": 1, "WEEK": 7}.get(part)
    months = _MONTHS.get(part)
    if type_ == t.DATE:
        if days:
            return f"({value} + CAST({amount} * {days} AS INTEGER))"
        return f"CAST({value} + to_months(CAST({amount} * {months} AS INTEGER)) AS DATE)" if months else None
    if type_ != t.DATETIME:
        return None
    if months:
        return f"({value} + to_months(CAST({amount} * {months} AS INTEGER)))"
    length = MICROSECONDS.get(part) or (days and days * MICROSECONDS["DAY"])
    return f"({value} + to_microseconds({amount} * {length}))" if length else None


def difference(left: str, right: str, type_: Type, part: str) -> str | None:
    """Return how many parts lie from `right` to `left`: elapsed for TIMESTAMP, boundaries crossed for the others."""
    if type_ == t.TIMESTAMP:
        length = MICROSECONDS.get(part)
        return f"((epoch_us({left}) - epoch_us({right})) // {length})" if length else None
    if type_ == t.TIME:
        length = _of_clock(part)
        return f"(epoch_us({left}) // {length} - epoch_us({right}) // {length})" if length else None
    if part in WEEKS:
        later, sooner = (f"CAST({side} AS DATE)" if type_ == t.DATETIME else side for side in (left, right))
        return f"(({_week_start(later, WEEKS[part])} - {_week_start(sooner, WEEKS[part])}) // 7)"
    if part in _MONTHS or part == "DAY" or (type_ == t.DATETIME and part in MICROSECONDS):
        return f"date_diff('{part.lower()}', {right}, {left})"
    return None


def extract(value: str, type_: Type, part: str, zone: str | None = None) -> tuple[str, Type] | None:
    """Return one part of a value, with its type."""
    if type_ == t.TIMESTAMP:
        value, type_ = (f"timezone({zone}, {value})" if zone else naive(value)), t.DATETIME
    elif zone:
        return None
    has_date, has_time = type_ in (t.DATE, t.DATETIME), type_ in (t.TIME, t.DATETIME)
    if part in {"DATE", "TIME", "DATETIME"} and type_ == t.DATETIME:
        wanted = Type(part)
        return f"CAST({value} AS {t.duckdb_type(wanted)})", wanted
    if not (has_time if part in MICROSECONDS and part != "DAY" else has_date):
        return None
    if part in {"MILLISECOND", "MICROSECOND"}:
        number = f"(date_part('microsecond', {value}) % 1000000 // {MICROSECONDS[part]})"
    elif part == "DAYOFWEEK":
        number = f"(dayofweek({value}) + 1)"
    elif part == "ISOWEEK":
        number = f"date_part('week', {value})"
    elif part in WEEKS:
        number = f"((date_part('dayofyear', {value}) + 6 - (dayofweek({value}) + {(7 - WEEKS[part]) % 7}) % 7) // 7)"
    elif part in _EXTRACTS:
        number = f"date_part('{part.lower()}', {value})"
    else:
        return None
    return f"CAST({number} AS BIGINT)", t.INT64


def last_day(value: str, part: str) -> str | None:
    """Return the last day of the part in which a DATE lies."""
    if part in WEEKS:
        return f"({_week_start(value, WEEKS[part])} + 6)"
    if part not in _MONTHS:
        return None
    begun = truncate(value, t.DATE, part)
    return f"(CAST({begun} + to_months({_MONTHS[part]}) AS DATE) - 1)"
