"""Moments as DuckDB expressions: TIMESTAMP and DATETIME as each other, in UTC or a zone, and within the years that there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.sql import types as t
from flows.sql.functions.casts import CLOCK, DAY, LEAP_SECOND
from flows.sql.once import bound, failure, once
from flows.sql.types import quote_text
from flows.sql.zone_names import named

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flows.model.types import Type

_FIRST_AND_LAST = {
    t.DATE: ("DATE '0001-01-01'", "DATE '9999-12-31'"),
    t.DATETIME: ("TIMESTAMP '0001-01-01 00:00:00'", "TIMESTAMP '9999-12-31 23:59:59.999999'"),
    t.TIMESTAMP: ("TIMESTAMPTZ '0001-01-01 00:00:00+00'", "TIMESTAMPTZ '9999-12-31 23:59:59.999999+00'"),
}
_LONG = 300
"""How long SQL may be that is written twice."""


def naive(timestamp: str) -> str:
    """Return the UTC date and time of a TIMESTAMP, whatever zone DuckDB's session has."""
    return f"make_timestamp(epoch_us({timestamp}))"


def as_shown(local: str, utc: str) -> str:
    """Return a local date and time as texts have it: a whole number of minutes from UTC.

    Until about 1900 clocks had seconds of their own, of which an offset says nothing.
    """
    return f"({local} - to_microseconds((epoch_us({local}) - epoch_us({utc})) % 60000000))"


def aware(datetime: str) -> str:
    """Return the TIMESTAMP of a date and time in UTC."""
    return f"make_timestamptz(epoch_us({datetime}))"


def first_of(zone: str, local: str) -> str:
    """Return the TIMESTAMP of a local time in a zone whose clock may be set back: DuckDB takes the second of two."""

    def first(late: str, local: str) -> str:
        before = f"({late} - to_days(1))"
        ahead = f"epoch_us(timezone({zone}, {before})) - epoch_us({before})"
        early = f"(epoch_us({local}) - ({ahead}))"
        return once(
            early,
            lambda one: (
                f"CASE WHEN {one} < epoch_us({late}) AND timezone({zone}, make_timestamptz({one})) = {local} "
                f"THEN make_timestamptz({one}) ELSE {late} END"
            ),
        )

    return once(local, lambda one: bound([f"timezone({zone}, {one})"], lambda late: first(late[0], one)))


def moment(text: str) -> str:
    """Return the TIMESTAMP that a text of a known form means; what stands behind its clock is a zone."""
    clock = quote_text(f"^{DAY}([ Tt]{CLOCK})?")
    split = f"trim(regexp_replace({text}, {clock}, ''))"
    shown = f"regexp_extract({text}, {clock})"
    leap = f"CASE WHEN regexp_matches({shown}, '{LEAP_SECOND}') THEN INTERVAL 1 SECOND ELSE INTERVAL 0 SECOND END"
    local = f"CAST(upper(regexp_replace({shown}, '{LEAP_SECOND}', ':59\\1')) AS TIMESTAMP) + {leap}"

    def read(names: Sequence[str]) -> str:
        zone, time = names
        return f"CASE WHEN upper({zone}) IN ('', 'Z') OR {zone} = 'UTC' THEN {aware(time)} ELSE {first_of(named(zone), time)} END"

    return bound([split, local], read)


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
