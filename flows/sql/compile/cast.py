"""How a value of one GoogleSQL type becomes one of another, as DuckDB expressions."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import TYPE_CHECKING

from flows.sql import types as t
from flows.sql.compile.dates import within
from flows.sql.compile.zones import first_of
from flows.sql.once import bound, once
from flows.sql.times import aware, naive
from flows.sql.types import duckdb_type, quote, quote_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flows.model.types import Type

_DIGITS = r"\s*[+-]?([0-9]+|0[xX][0-9a-fA-F]+)\s*"
_DECIMAL = r"\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\s*"
_FLOAT = _DECIMAL + r"|\s*[+-]?0[xX][0-9a-fA-F]+\s*|\s*[+-]?(?i:inf|infinity|nan)\s*"
_DAY = r"[0-9]{1,4}-[0-9]{1,2}-[0-9]{1,2}"
_CLOCK = r"(?:[01]?[0-9]|2[0-3]):[0-9]{1,2}:[0-9]{1,2}(?:\.[0-9]{0,6})?"
_ZONE = r"([Zz]|[+-][0-9]{1,2}(:?[0-9]{2})?| [A-Za-z]+([/_+-][A-Za-z0-9]+)*)"
_FORMS = {
    t.INT64: _DIGITS,
    t.FLOAT64: _FLOAT,
    t.NUMERIC: _DECIMAL,
    t.BIGNUMERIC: _DECIMAL,
    t.BOOL: "(?i:true|false)",
    t.DATE: _DAY,
    t.DATETIME: rf"{_DAY}([ Tt]{_CLOCK})?",
    t.TIMESTAMP: rf"{_DAY}([ Tt]{_CLOCK}{_ZONE}?)?",
    t.TIME: _CLOCK,
}
# How GoogleSQL reads the text is how DuckDB does once its form is known: no form here is read in two ways.


def convert(value: str, have: Type, want: Type) -> str:
    """Return a value in a type to which it turns by itself."""
    if t.UNKNOWN in (have, want) or have == want:
        return value
    if have == t.FLOAT64 and want in (t.NUMERIC, t.BIGNUMERIC):  # a literal
        return f"CAST({value} AS {duckdb_type(want)})"
    if have.name == want.name == "STRUCT":
        return _struct(value, have, want)
    if have.element is not None and want.element is not None and have.element.fields:
        # DuckDB's own CAST goes by the names of the fields.
        return f"list_transform({value}, lambda xelement: {convert('xelement', have.element, want.element)})"
    return f"CAST({value} AS {duckdb_type(want)})"


def _struct(value: str, have: Type, want: Type) -> str:
    fields = (
        f"{quote(name or f'_{place}')} := {convert(f'struct_extract_at({value}, {place})', given, wanted)}"
        for place, ((_, given), (name, wanted)) in enumerate(zip(have.fields, want.fields, strict=True), 1)
    )
    return f"CASE WHEN {value} IS NULL THEN NULL ELSE struct_pack({', '.join(fields)}) END"


def exists(have: Type, want: Type) -> bool:
    """Say whether GoogleSQL, and this module, casts from one type to another."""
    return _cast("", have, want, "") is not None


def reads_text_within(have: Type, want: Type) -> bool:
    """Say whether a cast reads texts inside of STRUCTs or ARRAYs."""
    if have.element is not None and want.element is not None:
        inside = [(have.element, want.element)]
    else:
        inside = [(one, two) for (_, one), (_, two) in zip(have.fields, want.fields, strict=False)]
    return any((one == t.STRING and two.base in _FORMS) or reads_text_within(one, two) for one, two in inside)


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
    if have in (base, t.UNKNOWN) or base == t.UNKNOWN:
        plain: str | None = value
    elif have == t.NULL:
        plain = f"CAST({value} AS {duckdb_type(base)})"
    elif have == t.STRING:
        plain = _from_text(value, base, failure)
    elif base == t.STRING:
        plain = _to_text(value, have)
    else:
        plain = _between(value, have, base)
    if plain is not None and want.decimal is not None:
        return f"CAST(CAST({plain} AS {duckdb_type(want)}) AS {duckdb_type(base)})"
    return plain


def _from_text(value: str, want: Type, failure: str) -> str | None:
    if want == t.BYTES:
        return f"encode({value})"
    form = _FORMS.get(want)
    if form is None:
        return None
    if want == t.TIMESTAMP:
        read = _moment(value)
    elif want == t.INT64:
        hexadecimal = f"CAST(regexp_replace(trim({value}), '^[+-]', '') AS BIGINT)"
        negative = f"CASE WHEN contains({value}, '-') THEN 0 - {hexadecimal} ELSE {hexadecimal} END"
        read = f"CASE WHEN regexp_matches({value}, '[xX]') THEN {negative} ELSE CAST({value} AS BIGINT) END"
    elif want == t.FLOAT64:
        read = f"CASE WHEN contains(lower({value}), '0x') THEN {_hexadecimal(value)} ELSE CAST({value} AS DOUBLE) END"
    else:
        read = f"CAST({value} AS {duckdb_type(want)})"
    if want in (t.DATE, t.DATETIME, t.TIMESTAMP):
        read = within(read, want)
    known = f"regexp_full_match({value}, {quote_text(form)})"
    return f"CASE WHEN {known} OR {value} IS NULL THEN {read} ELSE {failure} END"


def _hexadecimal(value: str) -> str:
    """Return the FLOAT64 of a text of hexadecimal digits: of the first 16, rounded as all of them are, and their place."""

    def read(digits: str) -> str:
        first, others = f"coalesce(nullif(left({digits}, 16), ''), '0')", f"substr({digits}, 17)"
        more = f"CASE WHEN ltrim({others}, '0') = '' THEN 0 ELSE 1 END"
        whole = f"CAST(CAST('0x' || {first} AS UBIGINT) | CAST({more} AS UBIGINT) AS DOUBLE)"
        size = f"{whole} * power(16.0, length({others}))"
        return f"CASE WHEN contains({value}, '-') THEN 0 - {size} ELSE {size} END"

    return once(f"ltrim(regexp_extract({value}, '0[xX]([0-9a-fA-F]+)', 1), '0')", read)


def _moment(value: str) -> str:
    """Return the TIMESTAMP that a text of a known form means; what stands behind its clock is a zone."""
    split = f"regexp_replace({value}, {quote_text(f'^{_DAY}([ Tt]{_CLOCK})?')}, '')"
    local = f"CAST(regexp_extract({value}, {quote_text(f'^{_DAY}([ Tt]{_CLOCK})?')}) AS TIMESTAMP)"

    def read(names: Sequence[str]) -> str:
        zone, time = names
        hours, minutes = (f"regexp_extract({zone}, '^[+-]([0-9]{{1,2}}):?([0-9]{{2}})?$', {place})" for place in (1, 2))
        minutes = f"CAST({hours} AS BIGINT) * 60 + coalesce(TRY_CAST({minutes} AS BIGINT), 0)"
        sign = f"CASE WHEN starts_with({zone}, '-') THEN 1 ELSE -1 END"
        moved = f"make_timestamptz(epoch_us({time}) + {sign} * ({minutes}) * 60000000)"
        return (
            f"CASE WHEN {zone} IN ('', 'Z', 'z', ' UTC') THEN {aware(time)} "
            f"WHEN regexp_matches({zone}, '^[+-]') THEN {moved} ELSE {first_of(f'trim({zone})', time)} END"
        )

    return bound([split, local], read)


def _to_text(value: str, have: Type) -> str | None:
    if have in (t.INT64, t.BOOL):
        return f"CAST({value} AS VARCHAR)"
    if have == t.DATE:
        return f"strftime({value}, '%Y-%m-%d')"
    if have in (t.NUMERIC, t.BIGNUMERIC):
        return f"rtrim(rtrim(CAST({value} AS VARCHAR), '0'), '.')"
    if have == t.FLOAT64:
        short = f"printf('%.15g', {value})"
        exact = f"printf('%.17g', {value})"
        return f"CASE WHEN isnan({value}) THEN 'nan' WHEN CAST({short} AS DOUBLE) = {value} THEN regexp_replace({short}, '^-0$', '0') ELSE {exact} END"
    if have == t.BYTES:
        return f"decode({value})"
    if have == t.TIMESTAMP:
        return f"({_to_text(naive(value), t.DATETIME)} || '+00')"
    if have == t.DATETIME:
        return f"(strftime({value}, '%Y-%m-%d %H:%M:%S') || {_fraction(value)})"
    if have == t.TIME:
        return f"(left(CAST({value} AS VARCHAR), 8) || {_fraction(value)})"
    return None


def _fraction(value: str) -> str:
    """Return `.123` or `.123456`, or nothing for whole seconds."""
    micros = f"(date_part('microsecond', {value}) % 1000000)"
    return (
        f"CASE WHEN {micros} = 0 THEN '' WHEN {micros} % 1000 = 0 THEN printf('.%03d', {micros} // 1000) "
        f"ELSE printf('.%06d', {micros}) END"
    )


def _between(value: str, have: Type, want: Type) -> str | None:
    exact, numbers = (t.NUMERIC, t.BIGNUMERIC), t.NUMBERS
    if have == t.FLOAT64 and want == t.INT64:
        return f"CAST(round({value}) AS BIGINT)"
    if have == t.FLOAT64 and want in exact:
        return f"CAST(printf('%.40f', {value}) AS {duckdb_type(want)})"
    if (have in numbers and want in numbers) or (have == t.BOOL and want == t.INT64):
        return f"CAST({value} AS {duckdb_type(want)})"
    if have == t.INT64 and want == t.BOOL:
        return f"({value} <> 0)"
    if have == t.TIMESTAMP and want in (t.DATE, t.DATETIME, t.TIME):
        return f"CAST({naive(value)} AS {duckdb_type(want)})"
    if have in (t.DATE, t.DATETIME) and want == t.TIMESTAMP:
        return aware(f"CAST({value} AS TIMESTAMP)")
    if (have, want) in {(t.DATE, t.DATETIME), (t.DATETIME, t.DATE), (t.DATETIME, t.TIME)}:
        return f"CAST({value} AS {duckdb_type(want)})"
    if t.coerces(have, want):
        return convert(value, have, want)
    if have.name == want.name == "STRUCT" and len(have.fields) == len(want.fields):
        pairs = zip(have.fields, want.fields, strict=True)
        parts = [
            (name, _cast(f"struct_extract_at({value}, {place})", given, wanted, "error('a field cannot be read')"))
            for place, ((_, given), (name, wanted)) in enumerate(pairs, 1)
        ]
        if all(part for _, part in parts):
            fields = ", ".join(f"{quote(name or f'_{place}')} := {part}" for place, (name, part) in enumerate(parts, 1))
            return f"CASE WHEN {value} IS NULL THEN NULL ELSE struct_pack({fields}) END"
    if have.element is not None and want.element is not None:
        element = _cast("x", have.element, want.element, "error('an element cannot be read')")
        return element and f"list_transform({value}, lambda x: {element})"
    return None


def decimal_literal(text: str, want: Type) -> str | None:
    """Return a number as DuckDB's literal of a decimal type, or None where it is none or does not fit."""
    scale = t.DECIMALS[want]
    # A longer exponent is of no number that fits, and of none that is more than zero.
    if re.fullmatch(_DECIMAL, text) is None or re.search("[eE][+-]?[0-9]{5}", text):
        return None
    number = Decimal(text.strip())
    if number.adjusted() > 38 - scale:
        return None
    rounded = number.quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP, Context(prec=80))
    return f"CAST('{rounded:f}' AS {duckdb_type(want)})" if rounded.copy_abs() < Decimal(10) ** (38 - scale) else None


def literal(text: str, want: Type) -> str | None:
    """Return a text literal as DuckDB's literal of another type, or None where it cannot be read."""
    if re.fullmatch(_FORMS.get(want, "(?!)"), text) is None:
        return None
    try:
        zone = re.search(r" ([A-Za-z]\S+)$", text)
        spelt = text.removesuffix(zone[0]) if zone else text.replace("UTC", "+00:00")
        padded = re.sub(r"(?<![0-9.])([0-9])(?![0-9])", r"0\1", spelt)
        if want == t.DATE:
            return f"DATE '{date.fromisoformat(padded)}'"
        if want == t.TIME:
            return f"TIME '{time.fromisoformat(padded)}'"
        moment = datetime.fromisoformat(padded.replace("Z", "+00:00").replace("z", "+00:00"))
        if zone and zone[1] != "UTC":
            from zoneinfo import ZoneInfo  # noqa: PLC0415 - few texts name a zone

            moment = moment.replace(tzinfo=ZoneInfo(zone[1]))
    except (ValueError, LookupError, OSError):
        return None
    if want == t.DATETIME:
        return f"TIMESTAMP '{moment.isoformat(' ')}'"
    try:
        utc = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:
        return None
    return f"TIMESTAMPTZ '{utc.isoformat(' ')}'"
