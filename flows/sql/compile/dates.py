"""GoogleSQL's arithmetic of dates and times as DuckDB expressions. Every function returns None for what it does not know."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.model.types import Type
from flows.sql import types as t
from flows.sql.compile.zones import UTC, Zone
from flows.sql.functions.date_parts import CLOCK, taken
from flows.sql.functions.template import filled
from flows.sql.once import bound, failure, once, once_each
from flows.sql.times import within

if TYPE_CHECKING:
    from collections.abc import Sequence

KINDS = (t.DATE, t.DATETIME, t.TIMESTAMP, t.TIME)
"""The types of dates and times."""
_MOST_ELEMENTS = 16_000
"""How many elements an array of dates or times may have, as in BigQuery."""


def _made(function: str, type_: Type, part: str, *values: str) -> str | None:
    """Return what a function gives by the table of parts."""
    by = taken(function, type_, part)
    if by is None:
        return None
    given = [f"CAST({value} AS DATE)" if by.by_day else value for value in values]
    if all(by.template.count(f"${place}") == 1 for place in range(1, len(given) + 1)):
        return filled(by.template, given)
    return once_each(given, lambda names: filled(by.template, names))


def truncate(value: str, type_: Type, part: str, zone: Zone = UTC) -> str | None:
    """Return the beginning of the part in which a value lies, in the value's own type."""
    by = taken("TRUNC", type_, part)
    if by is None:
        return None
    if type_ != t.TIMESTAMP:
        begun = _made("TRUNC", type_, part, value) or ""
        return within(begun, type_) if by.in_years else begun
    if part in CLOCK and zone != UTC:
        # An hour that comes twice begins twice: cut the second to its own beginning.
        return within(once(value, lambda one: _cut_local(one, zone.local(one), part)), type_)
    begun = zone.instant(_made("TRUNC", type_, part, zone.local(value)) or "")
    return within(begun, type_) if zone != UTC or by.in_years else begun


def _cut_local(value: str, local: str, part: str) -> str:
    cut = f"epoch_us(date_trunc('{part.lower()}', {local}))"
    return f"make_timestamptz(epoch_us({value}) - (epoch_us({local}) - {cut}))"


def add(value: str, type_: Type, amount: str, part: str, constant: int | None = None) -> str | None:
    """Return a value moved by `amount` parts, in the value's own type; `constant` is the amount where it is written."""
    by = taken("ADD", type_, part)
    if by is None or type_ == t.TIME:
        return by and filled(by.template, [value, amount])
    if constant is not None and abs(constant) <= by.most:
        return within(filled(by.template, [value, amount]), type_)

    far = failure(f"a {type_} moved beyond the years 1 to 9999")
    if constant is not None:
        # DuckDB would compute it beforehand, in what is never reached too.
        return f"CAST(CASE WHEN {value} IS NOT NULL THEN {far} END AS {t.duckdb_type(type_)})"

    def guarded(names: Sequence[str]) -> str:
        one, number = names
        return (
            f"CASE WHEN {one} IS NULL OR {number} IS NULL THEN NULL WHEN {number} NOT BETWEEN -{by.most} AND {by.most} "
            f"THEN {far} ELSE {within(filled(by.template, names), type_)} END"
        )

    return bound([value, amount], guarded)


def series(type_: Type, first: str, last: str, step: str, part: str) -> str | None:
    """Return the array of DATEs or TIMESTAMPs from a first one to a last one, by steps of `step` parts."""
    steps, listed = taken("STEPS", type_, part), taken("SERIES", type_, part)
    if steps is None or listed is None:
        return None

    def build(names: Sequence[str]) -> str:
        low, high, by = names
        count, each = filled(steps.template, names), filled(listed.template, names)
        many = failure(f"GENERATE_{type_}_ARRAY: more than {_MOST_ELEMENTS:,} elements")
        counted = f"CASE WHEN xcount >= {_MOST_ELEMENTS} THEN {many} ELSE {each} END"
        return (
            f"CASE WHEN {low} IS NULL OR {high} IS NULL OR {by} IS NULL THEN NULL "
            f"WHEN {by} = 0 THEN {failure(f'GENERATE_{type_}_ARRAY: a step of zero')} "
            f"WHEN CASE WHEN {by} > 0 THEN {low} > {high} ELSE {low} < {high} END THEN [] "
            f"ELSE list_extract(list_transform([{count}], lambda xcount: {counted}), 1) END"
        )

    return bound([first, last, step], build)


def difference(left: str, right: str, type_: Type, part: str) -> str | None:
    """Return how many parts lie from `right` to `left`: elapsed for TIMESTAMP, boundaries crossed for the others."""
    return _made("DIFF", type_, part, left, right)


def extract(value: str, type_: Type, part: str, zone: Zone = UTC) -> tuple[str, Type] | None:
    """Return one part of a value, with its type."""
    if zone != UTC and type_ != t.TIMESTAMP:
        return None
    found = _made("EXTRACT", type_, part, zone.local(value) if type_ == t.TIMESTAMP else value)
    if found is None:
        return None
    if part not in {"DATE", "TIME", "DATETIME"}:
        return f"CAST({found} AS BIGINT)", t.INT64
    return found if zone == UTC else within(found, Type(part)), Type(part)


def last_day(value: str, type_: Type, part: str) -> str | None:
    """Return the last day of the part in which a DATE or DATETIME lies."""
    by, last = taken("LAST_DAY", type_, part), _made("LAST_DAY", type_, part, value)
    return within(last, t.DATE) if by and last and by.in_years else last
