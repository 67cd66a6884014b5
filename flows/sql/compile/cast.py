"""How a value of one GoogleSQL type becomes one of another, as DuckDB expressions."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import ROUND_HALF_UP, Context, Decimal
from itertools import starmap
from typing import TYPE_CHECKING

from flows.sql import types as t
from flows.sql.functions.casts import BETWEEN, CLOCK, DAY, DECIMAL, LEAP_SECOND
from flows.sql.functions.template import filled
from flows.sql.times import within
from flows.sql.types import duckdb_type, quote_text
from flows.sql.zone_names import fixed

if TYPE_CHECKING:
    from flows.model.types import Type
    from flows.sql.functions.casts import Cast


def convert(value: str, have: Type, want: Type) -> str:
    """Return a value in a type to which it turns by itself."""
    if t.UNKNOWN in (have, want) or have == want:
        return value
    if have == t.FLOAT64 and want in (t.NUMERIC, t.BIGNUMERIC):  # a literal
        return f"CAST(printf('%.40f', {value}) AS {duckdb_type(want)})"
    if have.name == want.name == "STRUCT":
        return _struct(value, have, want)
    if have.element is not None and want.element is not None and have.element.fields:
        # DuckDB's own CAST goes by the names of the fields.
        return f"list_transform({value}, lambda xelement: {convert('xelement', have.element, want.element)})"
    return f"CAST({value} AS {duckdb_type(want)})"


def _struct(value: str, have: Type, want: Type) -> str:
    fields = (
        (name, convert(f"struct_extract_at({value}, {place})", given, wanted))
        for place, ((_, given), (name, wanted)) in enumerate(zip(have.fields, want.fields, strict=True), 1)
    )
    return f"CASE WHEN {value} IS NULL THEN NULL ELSE {t.packed(fields)} END"


def exists(have: Type, want: Type) -> bool:
    """Say whether GoogleSQL, and this module, casts from one type to another."""
    return _cast("", have, want, "") is not None


def may_fail(have: Type, want: Type) -> bool:
    """Say whether a cast may end in an error of GoogleSQL, beside that of a text without the form that it must have."""
    found = BETWEEN.get((have, want.base))
    return (
        want.decimal is not None or (found is not None and found.fails) or any(starmap(may_fail, _inside(have, want)))
    )


def reads_text_within(have: Type, want: Type) -> bool:
    """Say whether a cast reads texts inside of STRUCTs or ARRAYs."""
    inside = _inside(have, want)
    texts = (found.form for one, two in inside if (found := BETWEEN.get((one, two.base))))
    return any(texts) or any(starmap(reads_text_within, inside))


def _inside(have: Type, want: Type) -> list[tuple[Type, Type]]:
    """Return the types of what is inside, of each before and after."""
    if have.element is not None and want.element is not None:
        return [(have.element, want.element)]
    return [(one, two) for (_, one), (_, two) in zip(have.fields, want.fields, strict=False)]


def cast(value: str, have: Type, want: Type, failure: str) -> str:
    """Return CAST(value AS want), which exists.

    `failure` is the SQL for what a text that cannot be read gives.
    """
    sql = _cast(value, have, want, failure)
    if sql is None:
        raise AssertionError((have, want))
    return sql


def _cast(value: str, have: Type, want: Type, failure: str) -> str | None:
    base = want.base
    found = BETWEEN.get((have, base))
    inside = base if want.decimal is not None else want
    if have in (inside, t.UNKNOWN) or base == t.UNKNOWN:
        plain: str | None = value
    elif have == t.NULL:
        plain = f"CAST({value} AS {duckdb_type(base)})"
    elif found is not None:
        plain = None if found.refused else _by_table(value, found, base, failure)
    else:
        plain = _part_by_part(value, have, inside)
    if plain is not None and want.decimal is not None:
        return f"CAST(CAST({plain} AS {duckdb_type(want)}) AS {duckdb_type(base)})"
    return plain


def _by_table(value: str, by: Cast, want: Type, failure: str) -> str:
    sql = filled(by.template.replace("$type", duckdb_type(want)), [value])
    if by.in_years:
        sql = within(sql, want)
    if by.form is None:
        return sql
    known = f"regexp_full_match({value}, {quote_text(by.form)})"
    return f"CASE WHEN {known} OR {value} IS NULL THEN {sql} ELSE {failure} END"


def _part_by_part(value: str, have: Type, want: Type) -> str | None:
    if t.coerces(have, want) and want == want.base:
        return convert(value, have, want)
    if have.name == want.name == "STRUCT" and len(have.fields) == len(want.fields):
        pairs = zip(have.fields, want.fields, strict=True)
        parts = [
            (name, _cast(f"struct_extract_at({value}, {place})", given, wanted, "error('a field cannot be read')"))
            for place, ((_, given), (name, wanted)) in enumerate(pairs, 1)
        ]
        known = [(name, part) for name, part in parts if part]
        if len(known) == len(parts):
            return f"CASE WHEN {value} IS NULL THEN NULL ELSE {t.packed(known)} END"
    if have.element is not None and want.element is not None:
        element = _cast("x", have.element, want.element, "error('an element cannot be read')")
        return element and f"list_transform({value}, lambda x: {element})"
    return None


def decimal_literal(text: str, want: Type) -> str | None:
    """Return a number as DuckDB's literal of a decimal type, or None where it is none or does not fit."""
    scale = t.DECIMALS[want]
    # A longer exponent is of no number that fits, and of none that is more than zero.
    if re.fullmatch(DECIMAL, text, re.ASCII) is None or re.search("[eE][+-]?[0-9]{5}", text):
        return None
    number = Decimal(text.strip())
    if number.adjusted() > 38 - scale:
        return None
    rounded = number.quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP, Context(prec=80))
    if want == t.BIGNUMERIC and rounded != number:
        return None
    return f"CAST('{rounded:f}' AS {duckdb_type(want)})" if rounded.copy_abs() < Decimal(10) ** (38 - scale) else None


def literal(text: str, want: Type) -> str | None:
    """Return a text literal as DuckDB's literal of another type, or None where it cannot be read."""
    if want == t.BYTES:
        return f"unhex('{text.encode().hex()}')" if text.isascii() else None
    read = BETWEEN.get((t.STRING, want))
    if read is None or re.fullmatch(read.form or "(?!)", text, re.ASCII) is None:
        return None
    try:
        clock = re.match(f"{DAY}(?:[ Tt]{CLOCK})?", text)
        zone = text[clock.end() :].strip() if clock else ""
        spelt = text[: clock.end()] if clock else text
        padded = re.sub(r"(?<![0-9.])([0-9])(?![0-9])", r"0\1", spelt)
        if want == t.DATE:
            return f"DATE '{date.fromisoformat(padded)}'"
        leap = re.search(LEAP_SECOND, padded)
        if leap is not None:
            padded = f"{padded[: leap.start()]}:59{leap[1] or '' if want == t.TIMESTAMP else ''}"
        later = timedelta(seconds=leap is not None)
        if want == t.TIME:
            return f"TIME '{(datetime.combine(date.min, time.fromisoformat(padded)) + later).time()}'"
        moment = datetime.fromisoformat(padded) + later
        ahead = fixed(zone)
        if ahead is not None:
            moment = moment.replace(tzinfo=timezone(timedelta(microseconds=ahead)))
        elif zone.upper() not in {"", "Z"}:
            from zoneinfo import ZoneInfo  # noqa: PLC0415 - few texts name a zone

            moment = moment.replace(tzinfo=ZoneInfo(zone))
    except (ValueError, LookupError, OSError, OverflowError):
        return None
    if want == t.DATETIME:
        return f"TIMESTAMP '{moment.isoformat(' ')}'"
    try:
        utc = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:
        return None
    return f"TIMESTAMPTZ '{utc.isoformat(' ')}'"


def plain_literal(text: str, want: Type) -> str | None:
    """Return a text literal as DuckDB's literal of a BOOL or a number, or None where it is none or does not fit."""
    read = BETWEEN.get((t.STRING, want))
    if want not in (t.BOOL, t.INT64, t.FLOAT64) or not read or not re.fullmatch(read.form or "", text, re.ASCII):
        return None
    told = text.strip().lower()
    if want == t.BOOL:
        return told.upper()
    try:
        if want == t.FLOAT64:
            return f"CAST('{float.fromhex(told) if 'x' in told else float(told)}' AS DOUBLE)"
        whole = int(told, 16 if "x" in told else 10)
    except (OverflowError, ValueError):  # hexadecimal digits beyond all FLOAT64s, or more digits than Python reads
        return None
    return f"CAST({whole} AS BIGINT)" if -(2**63) <= whole < 2**63 else None
