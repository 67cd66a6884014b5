"""MongoDB's Extended JSON, in its canonical and its relaxed mode."""

from __future__ import annotations

import base64
import math
import uuid
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

import orjson

from flows.sources.values.texts import (
    EPOCH,
    INTEGER,
    LAST_MOMENT,
    NOT_FINITE,
    NUMBER,
    BadValue,
    Moment,
    parse_moment,
    shown,
)

if TYPE_CHECKING:
    from collections.abc import Callable


def unwrapped(value: Any) -> Any:  # noqa: ANN401
    """Return what MongoDB's Extended JSON wraps: `{"$numberLong": "5"}` is 5. Other values come back as they are."""
    if not isinstance(value, dict):
        return value
    wrapper = next(iter(value), "")
    # Binary data of the form before version 2 of Extended JSON has its type beside it, every other wrapper is alone.
    if wrapper not in _WRAPPERS or (len(value) > 1 and wrapper != "$binary"):
        return value
    try:
        return _WRAPPERS[wrapper](value)
    except (ValueError, TypeError, KeyError, InvalidOperation, OverflowError):
        raise BadValue(f"{shown(value)} is no Extended JSON") from None


def json_text(value: Any) -> str:  # noqa: ANN401 - a table of cases
    """Return a value as JSON, in the relaxed mode of Extended JSON, with all digits of its numbers."""
    match value:
        case dict():
            plain = _relaxed(value)
            if plain is not value:
                return json_text(plain)
            if len(value) == 1 and "$date" in value:
                # The relaxed mode too has no other way to write a date outside the years 1970 to 9999.
                return orjson.dumps(value).decode()
            return "{" + ",".join(f"{json_text(name)}:{json_text(item)}" for name, item in value.items()) + "}"
        case list():
            return "[" + ",".join(map(json_text, value)) + "]"
        case (Decimal() | int()) as number if not isinstance(value, bool):
            if not _is_held(number):
                raise BadValue(f"{shown(value)} is beyond the numbers of JSON, which are those of FLOAT64")
            return str(value)
        case float() if not math.isfinite(value):
            return json_text({"$numberDouble": {"inf": "Infinity", "-inf": "-Infinity"}.get(str(value), "NaN")})
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        raise BadValue(f"{shown(value)} cannot be written as JSON") from None


def _is_held(number: Decimal | int) -> bool:
    """Say whether a number lies within the range of FLOAT64."""
    try:
        return math.isfinite(float(number))
    except OverflowError:
        return False


def _relaxed(value: dict[str, Any]) -> Any:  # noqa: ANN401
    """Return what the relaxed mode writes for a wrapper of the canonical mode, or the value itself."""
    if len(value) != 1:
        return value
    (wrapper,) = value
    if wrapper in {"$numberInt", "$numberLong"}:
        return unwrapped(value)
    if wrapper == "$numberDouble":
        number = unwrapped(value)
        return number if math.isfinite(number) else value
    if wrapper == "$date" and isinstance(value[wrapper], dict):
        moment = unwrapped(value)
        if 0 <= moment.microseconds <= LAST_MOMENT:
            text = (EPOCH + timedelta(microseconds=moment.microseconds)).replace(tzinfo=None)
            return {wrapper: text.isoformat(timespec="milliseconds" if text.microsecond else "seconds") + "Z"}
    return value


def _date_wrapper(value: dict[str, Any]) -> Moment:
    inner = value["$date"]
    if isinstance(inner, str):
        return Moment(parse_moment(inner)[0])
    return Moment(_whole(inner["$numberLong"] if isinstance(inner, dict) else inner) * 1000)


def _whole(number: str | int) -> int:
    if isinstance(number, bool) or not INTEGER.fullmatch(str(number)):
        raise ValueError(number)
    return int(number)


def _double(value: dict[str, Any]) -> float:
    text = str(value["$numberDouble"])
    if not (NUMBER.fullmatch(text) or NOT_FINITE.fullmatch(text)):
        raise ValueError(text)
    return float(text)


def _decimal128(value: dict[str, Any]) -> Decimal:
    text = str(value["$numberDecimal"])
    if not (NUMBER.fullmatch(text) or NOT_FINITE.fullmatch(text)):
        raise ValueError(text)
    return Decimal(text)


def _binary(value: dict[str, Any]) -> bytes | uuid.UUID:
    inner = value["$binary"]
    text, subtype = (inner, value["$type"]) if isinstance(inner, str) else (inner["base64"], inner["subType"])
    data = base64.b64decode(text, validate=True)
    return uuid.UUID(bytes=data) if int(str(subtype), 16) == 4 else data  # noqa: PLR2004 - BSON's subtype of a UUID


_WRAPPERS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "$oid": lambda value: str(value["$oid"]),
    "$date": _date_wrapper,
    "$numberInt": lambda value: _whole(value["$numberInt"]),
    "$numberLong": lambda value: _whole(value["$numberLong"]),
    "$numberDouble": _double,
    "$numberDecimal": _decimal128,
    "$binary": _binary,
    "$uuid": lambda value: uuid.UUID(value["$uuid"]),
    "$timestamp": lambda value: Moment(_whole(value["$timestamp"]["t"]) * 1_000_000),
    "$symbol": lambda value: str(value["$symbol"]),
    "$undefined": lambda _: None,
}
