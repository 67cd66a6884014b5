"""One value of a document or a text into a GoogleSQL type: exactly, or not at all.

`exact(value, type)` says what each type takes. Nothing is rounded, cut or guessed: what a type cannot hold raises
BadValue with the reason. `quick_values` and `quick_texts` do the same for whole columns at once, where they can.
"""

from __future__ import annotations

import base64
import binascii
import math
import uuid
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from flows.sources.values.extended_json import json_text, unwrapped
from flows.sources.values.texts import (
    DAY,
    EPOCH,
    FIRST_MOMENT,
    INTEGER,
    LAST_MOMENT,
    MICROSECOND,
    NOT_FINITE,
    NUMBER,
    SHOWN,
    TIME,
    BadValue,
    Moment,
    Number,
    counted,
    parse_clock,
    parse_moment,
    shown,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from flows.model.types import Type

INT64 = (-(2**63), 2**63 - 1)
DIGITS_OF_INT64 = 19
DIGITS_OF_A_DOUBLE = 17
_BOOLS = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}


def exact(value: Any, type_: Type) -> Any:  # noqa: ANN401 - any value of a document
    """Return the value as Arrow takes it for the type, None for NULL.

    Takes what JSON and Extended JSON hold, text as CSV holds it, and Python's own dates, decimals and bytes. Gives
    microseconds since 1970 for TIMESTAMP and DATETIME (and since midnight for TIME), days since 1970 for DATE.

    Raises:
        BadValue: the type cannot hold it.
    """
    if type_.name != "JSON":
        value = unwrapped(value)
    return None if value is None else _READERS[type_.name](value, type_)


def _string(value: object, _: Type) -> str:
    match value:
        case str() if value.isascii():
            return value
        case str():
            try:
                value.encode()
            except UnicodeEncodeError:
                raise BadValue(f"{shown(value)} is no UTF-8 text") from None
            return value
        case uuid.UUID():
            return str(value)
        case bytes():
            try:
                return value.decode()
            except UnicodeDecodeError:
                raise BadValue(f"{shown(value)} is no UTF-8 text") from None
    raise BadValue(f"{shown(value)} is no text")


def _bytes(value: object, _: Type) -> bytes:
    match value:
        case bytes():
            return value
        case uuid.UUID():
            return value.bytes
        case str():
            try:
                if value[:2] in {"0x", "0X"}:
                    return binascii.unhexlify(value[2:])
                return base64.b64decode(value, validate=True)
            except ValueError:
                raise BadValue(f"{shown(value)} is neither base64 nor hexadecimal after 0x") from None
    raise BadValue(f"{shown(value)} is no bytes")


def _integer(value: object, _: Type) -> int:
    match value:
        case bool():
            raise BadValue(f"{shown(value)} is no number")
        case int():
            number = value
        case float() if value.is_integer():
            number = int(value)
        case Decimal() if value.is_finite() and value.adjusted() > DIGITS_OF_INT64:
            # It may have a billion digits, which int() would write out.
            raise BadValue(f"{shown(value)} lies outside the range of INT64")
        case Decimal() if value.is_finite() and value == int(value):
            number = int(value)
        case float() | Decimal():
            raise BadValue(f"{shown(value)} is no whole number")
        case str() if INTEGER.fullmatch(value):
            number = int(value[:SHOWN])
        case str() if NUMBER.fullmatch(value):
            raise BadValue(f"{shown(value)} is no whole number")
        case _:
            raise BadValue(f"{shown(value)} is no number")
    if not INT64[0] <= number <= INT64[1]:
        raise BadValue(f"{shown(value)} lies outside the range of INT64")
    return number


def _float(value: object, _: Type) -> float:
    match value:
        case bool():
            pass
        case float():
            return value
        case int():
            return _float_of_int(value, value)
        case Decimal():
            return _float_of_decimal(value)
        case str() if INTEGER.fullmatch(value):
            return _float_of_int(Decimal(value), value)
        case str() if NUMBER.fullmatch(value):
            return _finite(float(value), value)
        case str() if NOT_FINITE.fullmatch(value):
            return float(value)
    raise BadValue(f"{shown(value)} is no number")


def _float_of_int(number: int | Decimal, value: object) -> float:
    try:
        nearest = float(number)
    except OverflowError:
        nearest = math.inf
    if _finite(nearest, value) != number:
        raise BadValue(f"{shown(value)} has more digits than FLOAT64 keeps")
    return nearest


def _float_of_decimal(value: Decimal) -> float:
    nearest = float(value)
    if not value.is_finite():
        return nearest
    digits = "".join(map(str, value.as_tuple().digits)).strip("0")
    if not isinstance(value, Number) and len(digits) > DIGITS_OF_A_DOUBLE and Decimal(nearest) != value:
        raise BadValue(f"{shown(value)} has more digits than FLOAT64 keeps")
    return _finite(nearest, value)


def _finite(nearest: float, value: object) -> float:
    if math.isinf(nearest):
        raise BadValue(f"{shown(value)} lies outside the range of FLOAT64")
    return nearest


def _decimal(value: object, type_: Type) -> Decimal:
    match value:
        case bool():
            raise BadValue(f"{shown(value)} is no number")
        case int() | Decimal():
            number = Decimal(value)
        case float():
            number = Decimal(repr(value))
        case str() if NUMBER.fullmatch(value):
            number = Decimal(value)
        case str() if NOT_FINITE.fullmatch(value):
            raise BadValue(f"{shown(value)} cannot be held by {type_.name}")
        case _:
            raise BadValue(f"{shown(value)} is no number")
    if not number.is_finite():
        raise BadValue(f"{shown(value)} cannot be held by {type_.name}")
    precision, scale = type_.precision_and_scale
    sign, digits, exponent = number.as_tuple()
    # Zeros at the end are no digits that could be lost.
    text = "".join(map(str, digits)).rstrip("0")
    places = int(exponent) + len(digits) - len(text)
    if not text:
        return Decimal(0)
    if -places > scale:
        raise BadValue(f"{shown(value)} has more than {scale} digits after the point")
    if len(text.lstrip("0")) + places > precision - scale:
        raise BadValue(f"{shown(value)} has more than {precision - scale} digits before the point")
    return Decimal((sign, tuple(map(int, text)), places))


def _bool(value: object, _: Type) -> bool:
    match value:
        case bool():
            return value
        case int() | float() | Decimal() if value in {0, 1}:
            return bool(value)
        case str() if value.lower() in _BOOLS:
            return _BOOLS[value.lower()]
    raise BadValue(f"{shown(value)} is neither true nor false")


def _timestamp(value: object, _: Type) -> int:
    match value:
        case Moment():
            microseconds = value.microseconds
        case datetime():
            aware = value.replace(tzinfo=UTC) if value.tzinfo is None else value
            microseconds = (aware - EPOCH) // MICROSECOND
        case date():
            return (value - EPOCH.date()).days * DAY
        case str():
            microseconds, _zone = parse_moment(value)
        case int() | float():
            raise BadValue(f"{shown(value)} is no time{counted(value)}")
        case _:
            raise BadValue(f"{shown(value)} is no time")
    if not FIRST_MOMENT <= microseconds <= LAST_MOMENT:
        raise BadValue(f"{shown(value)} lies outside the years 1 to 9999")
    return microseconds


def _datetime(value: object, type_: Type) -> int:
    if isinstance(value, str) and parse_moment(value)[1]:
        raise BadValue(f"{shown(value)} has a time zone, which DATETIME has not; write TIMESTAMP")
    return _timestamp(value, type_)


def _date(value: object, type_: Type) -> int:
    days, rest = divmod(_datetime(value, type_), DAY)
    if rest:
        raise BadValue(f"{shown(value)} is a time of day, not a date")
    return days


def _time(value: object, _: Type) -> int:
    if isinstance(value, time):
        return ((value.hour * 60 + value.minute) * 60 + value.second) * 1_000_000 + value.microsecond
    match = TIME.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise BadValue(f"{shown(value)} is no time of day such as 13:05:00")
    return parse_clock(match, value)


def _json(value: object, _: Type) -> str:
    return json_text(value)


_READERS: dict[str, Callable[[Any, Type], Any]] = {
    "STRING": _string,
    "BYTES": _bytes,
    "INT64": _integer,
    "FLOAT64": _float,
    "BOOL": _bool,
    "NUMERIC": _decimal,
    "BIGNUMERIC": _decimal,
    "TIMESTAMP": _timestamp,
    "DATETIME": _datetime,
    "DATE": _date,
    "TIME": _time,
    "JSON": _json,
}
