"""GoogleSQL's arithmetic of dates and times as DuckDB expressions. Every function returns None for what it does not know."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.model.types import Type
from flows.sql import types as t
from flows.sql.compile.zones import UTC, Zone
from flows.sql.once import bound, failure, once

if TYPE_CHECKING:
    from collections.abc import Sequence

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
_BY_WEEKS = {*WEEKS, "ISOYEAR"}
_MONTHS = {"MONTH": 1, "QUARTER": 3, "YEAR": 12}
_DAYS = {"DAY": 1, "WEEK": 7}
_LENGTHS = {**MICROSECONDS, "WEEK": 7 * MICROSECONDS["DAY"]}
PARTS = (*MICROSECONDS, *WEEKS, *_MONTHS, "ISOYEAR", "DAYOFWEEK", "DAYOFYEAR", "DATE", "TIME", "DATETIME")
KINDS = (t.DATE, t.DATETIME, t.TIMESTAMP, t.TIME)
"""The types of dates and times."""
_EXTRACTS = {"YEAR", "MONTH", "DAY", "QUARTER", "HOUR", "MINUTE", "SECOND", "ISOYEAR", "DAYOFYEAR"}


def _week_start(day: str, first: int) -> str:
    """Return the first day of a DATE's week."""
    return once(day, lambda one: f"({one} - CAST((dayofweek({one}) + {(7 - first) % 7}) % 7 AS INTEGER))")


def _isoyear_start(day: str, later: int = 0) -> str:
    """Return the first day of a DATE's ISO year, or of one that many years later: the week that holds January 4."""
    return _week_start(f"make_date(CAST(date_part('isoyear', {day}) AS BIGINT) + {later}, 1, 4)", WEEKS["ISOWEEK"])


def _of_clock(part: str) -> int | None:
    """Return how many microseconds a part of a TIME has."""
    return MICROSECONDS.get(part) if part != "DAY" else None


_FIRST_AND_LAST = {
    t.DATE: ("DATE '0001-01-01'", "DATE '9999-12-31'"),
    t.DATETIME: ("TIMESTAMP '0001-01-01 00:00:00'", "TIMESTAMP '9999-12-31 23:59:59.999999'"),
    t.TIMESTAMP: ("TIMESTAMPTZ '0001-01-01 00:00:00+00'", "TIMESTAMPTZ '9999-12-31 23:59:59.999999+00'"),
}


def within(value: str, type_: Type) -> str:
    """Return a value, or an error where it is beyond the years 1 to 9999, which DuckDB goes on counting."""
    if type_ == t.TIME:
        return value
    first, last = _FIRST_AND_LAST[type_]
    beyond = failure(f"a {type_} beyond the years 1 to 9999")

    def looked_at(one: str) -> str:
        return f"CASE WHEN {one} NOT BETWEEN {first} AND {last} THEN {beyond} ELSE {one} END"

    # What reads no column is computed when the query is planned, as long as it stands in no lambda.
    return once(value, looked_at) if '"' in value or len(value) > _LONG else looked_at(value)


def truncate(value: str, type_: Type, part: str, zone: Zone = UTC) -> str | None:
    """Return the beginning of the part in which a value lies, in the value's own type."""
    if type_ == t.TIMESTAMP and part in MICROSECONDS and part != "DAY" and zone != UTC:
        # An hour that comes twice begins twice: cut the second to its own beginning.
        return within(once(value, lambda one: _cut_local(one, zone.local(one), part)), t.TIMESTAMP)
    if type_ == t.TIMESTAMP:
        begun = _truncated(zone.local(value), t.DATETIME, part)
        return begun and (
            within(zone.instant(begun), type_) if zone != UTC or part in _BY_WEEKS else zone.instant(begun)
        )
    begun = _truncated(value, type_, part)
    return within(begun, type_) if begun and part in _BY_WEEKS else begun


def _cut_local(value: str, local: str, part: str) -> str:
    cut = f"epoch_us(date_trunc('{part.lower()}', {local}))"
    return f"make_timestamptz(epoch_us({value}) - (epoch_us({local}) - {cut}))"


def _truncated(value: str, type_: Type, part: str) -> str | None:
    if part in _BY_WEEKS and type_ != t.TIME:
        day = value if type_ == t.DATE else f"CAST({value} AS DATE)"
        begun = _isoyear_start(day) if part == "ISOYEAR" else _week_start(day, WEEKS[part])
        return begun if type_ == t.DATE else f"CAST({begun} AS TIMESTAMP)"
    if type_ == t.TIME:
        length = _of_clock(part)
        return f"(TIME '00:00:00' + to_microseconds(epoch_us({value}) // {length} * {length}))" if length else None
    if type_ == t.DATE:
        if part == "DAY":
            return value
        return f"CAST(date_trunc('{part.lower()}', {value}) AS DATE)" if part in _MONTHS else None
    return f"date_trunc('{part.lower()}', {value})" if part in _MONTHS or part in MICROSECONDS else None


_LONGEST = 320_000_000_000_000_000
"""More microseconds than lie between any two moments."""
_MOST_MONTHS = 120_000
_LONG = 300
"""How long SQL may be that is written twice."""


def add(value: str, type_: Type, amount: str, part: str, constant: int | None = None) -> str | None:
    """Return a value moved by `amount` parts, in the value's own type; `constant` is the amount where it is written."""
    if type_ == t.TIME:
        return _added(value, type_, amount, part)
    months, length = _MONTHS.get(part), _LENGTHS.get(part)
    most = _MOST_MONTHS // months if months else _LONGEST // length if length else 0
    if constant is not None and abs(constant) <= most:
        moved = _added(value, type_, amount, part)
        return moved and within(moved, type_)
    if _added(value, type_, amount, part) is None:
        return None

    def guarded(names: Sequence[str]) -> str:
        one, number = names
        far = failure(f"a {type_} moved beyond the years 1 to 9999")
        return (
            f"CASE WHEN {one} IS NULL OR {number} IS NULL THEN NULL WHEN {number} NOT BETWEEN -{most} AND {most} THEN {far} "
            f"ELSE {within(_added(one, type_, number, part) or '', type_)} END"
        )

    return bound([value, amount], guarded)


def _added(value: str, type_: Type, amount: str, part: str) -> str | None:
    days, months, length = _DAYS.get(part), _MONTHS.get(part), _LENGTHS.get(part)
    if type_ == t.TIMESTAMP:
        return f"make_timestamptz(epoch_us({value}) + {amount} * {length})" if length else None
    if type_ == t.TIME:
        length = _of_clock(part)
        return f"({value} + to_microseconds({amount} % {86_400_000_000 // length} * {length}))" if length else None
    if type_ == t.DATE:
        if days:
            return f"({value} + CAST({amount} * {days} AS INTEGER))"
        return f"CAST({value} + to_months(CAST({amount} * {months} AS INTEGER)) AS DATE)" if months else None
    if type_ != t.DATETIME:
        return None
    if months:
        return f"({value} + to_months(CAST({amount} * {months} AS INTEGER)))"
    return f"({value} + to_microseconds({amount} * {length}))" if length else None


_MOST_ELEMENTS = 16_000
"""How many elements an array of dates or times may have, as in BigQuery."""


def series(type_: Type, first: str, last: str, step: str, part: str) -> str | None:
    """Return the array of DATEs or TIMESTAMPs from a first one to a last one, by steps of `step` parts."""
    months, days, length = _MONTHS.get(part), _DAYS.get(part), MICROSECONDS.get(part)
    if not (length if type_ == t.TIMESTAMP else months or days):
        return None

    def build(names: Sequence[str]) -> str:
        low, high, by = names
        if type_ == t.TIMESTAMP:
            count = f"(epoch_us({high}) - epoch_us({low})) // ({by} * {length})"
            listed = f"list_transform(generate_series(0, xcount), lambda x: make_timestamptz(epoch_us({low}) + x * {by} * {length}))"
        elif days:
            count = f"({high} - {low}) // ({by} * {days})"
            listed = f"list_transform(generate_series(0, xcount), lambda x: {low} + CAST(x * {by} * {days} AS INTEGER))"
        else:
            # Each is a step after the one before it: after a short month all days are as early as its last one.
            count = f"date_diff('month', {low}, {high}) // ({by} * {months})"
            day = f"list_min(list_transform(generate_series(0, x), lambda y: day({low} + to_months(CAST(y * {by} * {months} AS INTEGER)))))"
            begun = f"date_trunc('month', {low}) + to_months(CAST(x * {by} * {months} AS INTEGER))"
            every = f"list_transform(generate_series(0, xcount), lambda x: CAST({begun} + to_days({day} - 1) AS DATE))"
            listed = f"list_filter({every}, lambda x: CASE WHEN {by} > 0 THEN x <= {high} ELSE x >= {high} END)"
        many = failure(f"GENERATE_{type_}_ARRAY: more than {_MOST_ELEMENTS:,} elements")
        counted = f"CASE WHEN xcount < 0 THEN [] WHEN xcount >= {_MOST_ELEMENTS} THEN {many} ELSE {listed} END"
        return (
            f"CASE WHEN {low} IS NULL OR {high} IS NULL OR {by} IS NULL THEN NULL "
            f"WHEN {by} = 0 THEN {failure(f'GENERATE_{type_}_ARRAY: a step of zero')} "
            f"ELSE list_extract(list_transform([{count}], lambda xcount: {counted}), 1) END"
        )

    return bound([first, last, step], build)


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
    if part in _MONTHS or part in {"DAY", "ISOYEAR"} or (type_ == t.DATETIME and part in MICROSECONDS):
        return f"date_diff('{part.lower()}', {right}, {left})"
    return None


def extract(value: str, type_: Type, part: str, zone: Zone = UTC) -> tuple[str, Type] | None:
    """Return one part of a value, with its type."""
    if type_ == t.TIMESTAMP:
        value, type_ = zone.local(value), t.DATETIME
    elif zone != UTC:
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
        ahead = (7 - WEEKS[part]) % 7
        number = once(
            value, lambda one: f"((date_part('dayofyear', {one}) + 6 - (dayofweek({one}) + {ahead}) % 7) // 7)"
        )
    elif part in _EXTRACTS:
        number = f"date_part('{part.lower()}', {value})"
    else:
        return None
    return f"CAST({number} AS BIGINT)", t.INT64


def last_day(value: str, part: str) -> str | None:
    """Return the last day of the part in which a DATE lies."""
    if part in WEEKS:
        return within(f"({_week_start(value, WEEKS[part])} + 6)", t.DATE)
    if part == "ISOYEAR":
        return within(f"({_isoyear_start(value, 1)} - 1)", t.DATE)
    if part not in _MONTHS:
        return None
    begun = truncate(value, t.DATE, part)
    return f"(CAST({begun} + to_months({_MONTHS[part]}) AS DATE) - 1)"
