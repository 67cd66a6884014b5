"""Values of a table file, and what its SQL reads, as JSON and back."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import orjson

from flows.model import dependency

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

# No text of a table file holds this character where it is good.
_KIND = "\0"
_MOST = 2**63
_AS_IT_IS = {type(None), str, bool}


def dump(value: object) -> bytes:
    """Return what a file gives, or a dependency, as JSON that `load` reads as the same."""
    return orjson.dumps(_plain(value))


def load(content: bytes) -> Any:  # noqa: ANN401 - what a file gives can be anything
    """Return what `dump` was given; lists as tuples. Raises ValueError for what it has not written."""
    try:
        return _value(orjson.loads(content))
    except (AttributeError, TypeError, KeyError, OverflowError) as error:
        raise ValueError(str(error)) from error


def _plain(value: object) -> Any:  # noqa: ANN401 - as JSON has it
    kind: type[object] = type(value)
    if kind in _AS_IT_IS:
        return value
    match value:
        case int():
            return value if -_MOST <= value < _MOST else {_KIND: "int", "value": str(value)}
        case float():
            return {_KIND: "float", "value": value.hex()}
        case Decimal():
            return {_KIND: "Decimal", "value": str(value)}
        case dict():
            return {key: _plain(item) for key, item in value.items()}
        case tuple() | list():
            return [_plain(item) for item in value]
        case date():  # which datetime is too
            return {_KIND: kind.__name__, "value": value.isoformat()}
        case timedelta():
            return {_KIND: "timedelta", "value": value // timedelta(microseconds=1)}
    if is_dataclass(kind):
        given = {name: _plain(one) for name, usual in _fields(kind) if (one := getattr(value, name)) != usual}
        return {_KIND: kind.__name__, "value": given}
    raise TypeError(f"{kind.__name__} is not kept")


@lru_cache
def _fields(kind: type[DataclassInstance]) -> tuple[tuple[str, object], ...]:
    """Return the names of a class's fields, each with the value that goes without saying."""
    return tuple((field.name, field.default) for field in fields(kind))


def _value(given: Any) -> Any:  # noqa: ANN401 - as JSON has it
    if isinstance(given, list):
        return tuple(map(_value, given))
    if not isinstance(given, dict):
        return given
    if _KIND not in given:
        return {key: _value(item) for key, item in given.items()}
    value = given["value"]
    match given[_KIND]:
        case "int":
            return int(value)
        case "float":
            return float.fromhex(value)
        case "Decimal":
            return Decimal(value)
        case "datetime":
            return datetime.fromisoformat(value)
        case "date":
            return date.fromisoformat(value)
        case "timedelta":
            return timedelta(microseconds=value)
        case kind:
            return getattr(dependency, kind)(**_value(value))
