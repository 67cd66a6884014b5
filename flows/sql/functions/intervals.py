"""Functions, aggregates and operators of INTERVALs; `signatures` says how a line reads, `flows.sql.intervals` what one is."""

from __future__ import annotations

from flows.sql.intervals import BEYOND, DAY, length, made, packed
from flows.sql.once import failure
from flows.sql.times import within
from flows.sql.types import DATETIME, TIMESTAMP

_M, _D, _U = ("struct_extract($1, 'm')", "struct_extract($1, 'd')", "struct_extract($1, 'u')")
_M2, _D2, _U2 = (part.replace("$1", "$2") for part in (_M, _D, _U))
_NO_MONTHS = "a TIMESTAMP moved by months or years, whose length varies"


def _wide(number: str) -> str:
    return f"CAST({number} AS HUGEINT)"


def _known(interval: str) -> str:
    """Return the template of an INTERVAL within its limits of what is NULL where an argument is."""
    return f"CASE WHEN $null THEN NULL ELSE {interval} END"


def _limited(name: str, months: str, days: str, micros: str) -> str:
    """Return the template of an INTERVAL of any parts; an error does not show one as DuckDB has it."""
    return f"{made(months, days, micros, failure(f'{name}: {BEYOND}'))} -- fails: {BEYOND}"


def _sum(sign: str) -> str:
    return _limited(f"'{sign}'", *(f"{one} {sign} {two}" for one, two in ((_M, _M2), (_D, _D2), (_U, _U2))))


def _times(number: str, interval: str) -> str:
    parts = (part.replace("$1", interval) for part in (_M, _D, _U))
    return _limited("'*'", *(f"{_wide(part)} * {number}" for part in parts))


def _shares(months: str, days: str, micros: str, count: str) -> tuple[str, str, str]:
    """Return the templates of parts divided by a count: what is left of months counts as days, and of those as microseconds."""
    left = f"({days} + {months} % {count} * 30)"
    return f"{months} // {count}", f"{left} // {count}", f"({micros} + {left} % {count} * {DAY}) // {count}"


def _quotient() -> str:
    by_zero = failure("'/': division by zero")
    parts = _shares(_wide(_M), _wide(_D), _wide(_U), "$2")
    found = made(*parts, failure(f"'/': {BEYOND}"))
    return f"CASE WHEN $null THEN NULL WHEN $2 = 0 THEN {by_zero} ELSE {found} END -- fails: division by zero"


def _moved(sign: str, moment: str, interval: str) -> str:
    """Return the template of a date and time moved by months, then by days and then by the rest, none of which may leave the years."""
    months, days, micros = (part.replace("$1", interval) for part in (_M, _D, _U))
    by_months = within(f"CAST({moment} AS TIMESTAMP) {sign} to_months(CAST({months} AS INTEGER))", DATETIME)
    by_days = within(f"{by_months} {sign} to_microseconds({days} * {DAY})", DATETIME)
    moved = within(f"{by_days} {sign} to_microseconds({micros})", DATETIME)
    return f"{moved} -- fails: a DATETIME beyond the years 1 to 9999"


def _instant(sign: str, moment: str, interval: str) -> str:
    """Return the template of a TIMESTAMP moved by days and the rest at once."""
    months, days, micros = (part.replace("$1", interval) for part in (_M, _D, _U))
    moved = f"make_timestamptz(epoch_us({moment}) {sign} ({days} * {DAY} + {micros}))"
    refused = failure(f"'{sign}': {_NO_MONTHS}")
    return f"CASE WHEN $null THEN NULL WHEN {months} <> 0 THEN {refused} ELSE {within(moved, TIMESTAMP)} END -- fails: {_NO_MONTHS}"


def _between(days: str, micros: str) -> str:
    return _known(packed("CAST(0 AS BIGINT)", days, micros, length=f"({days}) * {DAY} + {micros}"))


_APART = "(epoch_us($1) - epoch_us($2))"
# DISTINCT is refused before: of INTERVALs that are equal any one may be left.
_TOTALS = (f"sum($d{_M})$o", f"sum($d{_D})$o", f"sum($d{_U})$o")
_NONE = "CAST(0 AS BIGINT)"

SCALARS = f"""
MAKE_INTERVAL(INT64, INT64, INT64, INT64, INT64, INT64) -> INTERVAL = {_limited("MAKE_INTERVAL", f"{_wide('$1')} * 12 + $2", "$3", f"{_wide('$4')} * 3600000000 + {_wide('$5')} * 60000000 + {_wide('$6')} * 1000000")}
JUSTIFY_DAYS(INTERVAL) -> INTERVAL = {_limited("JUSTIFY_DAYS", f"({_M} * 30 + {_D}) // 30", f"({_M} * 30 + {_D}) % 30", _U)}
JUSTIFY_HOURS(INTERVAL) -> INTERVAL = {_limited("JUSTIFY_HOURS", _M, f"({_D} * {DAY} + {_U}) // {DAY}", f"({_D} * {DAY} + {_U}) % {DAY}")}
JUSTIFY_INTERVAL(INTERVAL) -> INTERVAL = {_limited("JUSTIFY_INTERVAL", f"{length('$1')} // {30 * DAY}", f"{length('$1')} % {30 * DAY} // {DAY}", f"{length('$1')} % {DAY}")}
"""

AGGREGATES = f"""
SUM(INTERVAL) -> INTERVAL = {_limited("SUM", *_TOTALS)}
AVG(INTERVAL) -> INTERVAL = {_limited("AVG", *_shares(*_TOTALS, "count($1)$o"))}
"""

OPERATORS = f"""
+(DATE, INTERVAL) -> DATETIME = {_moved("+", "$1", "$2")}
+(DATETIME, INTERVAL) -> DATETIME = {_moved("+", "$1", "$2")}
+(TIMESTAMP, INTERVAL) -> TIMESTAMP = {_instant("+", "$1", "$2")}
+(INTERVAL, DATE) -> DATETIME = {_moved("+", "$2", "$1")}
+(INTERVAL, DATETIME) -> DATETIME = {_moved("+", "$2", "$1")}
+(INTERVAL, TIMESTAMP) -> TIMESTAMP = {_instant("+", "$2", "$1")}
+(INTERVAL, INTERVAL) -> INTERVAL = {_sum("+")}
-(DATE, DATE) -> INTERVAL = {_between("$1 - $2", _NONE)}
-(DATETIME, DATETIME) -> INTERVAL = {_between(f"{_APART} // {DAY}", f"{_APART} % {DAY}")}
-(TIMESTAMP, TIMESTAMP) -> INTERVAL = {_between(_NONE, _APART)}
-(TIME, TIME) -> INTERVAL = {_between(_NONE, _APART)}
-(DATE, INTERVAL) -> DATETIME = {_moved("-", "$1", "$2")}
-(DATETIME, INTERVAL) -> DATETIME = {_moved("-", "$1", "$2")}
-(TIMESTAMP, INTERVAL) -> TIMESTAMP = {_instant("-", "$1", "$2")}
-(INTERVAL, INTERVAL) -> INTERVAL = {_sum("-")}
-(INTERVAL) -> INTERVAL = {_known(packed(f"-{_M}", f"-{_D}", f"-{_U}", length=f"-{length('$1')}"))}
*(INTERVAL, INT64) -> INTERVAL = {_times("$2", "$1")}
*(INT64, INTERVAL) -> INTERVAL = {_times("$1", "$2")}
/(INTERVAL, INT64) -> INTERVAL = {_quotient()}
"""
