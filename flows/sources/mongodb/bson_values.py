"""A document of BSON as MongoDB's Extended JSON, in which every other module knows its types."""

from __future__ import annotations

import base64
import json
import math
from typing import TYPE_CHECKING, Any

import bson
from bson.binary import Binary, UuidRepresentation
from bson.code import Code
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.datetime_ms import DatetimeMS
from bson.dbref import DBRef
from bson.decimal128 import Decimal128
from bson.errors import BSONError, InvalidBSON
from bson.int64 import Int64
from bson.max_key import MaxKey
from bson.min_key import MinKey
from bson.objectid import ObjectId
from bson.regex import Regex
from bson.timestamp import Timestamp

from flows.sources.values.texts import SHOWN, BadValue, shown

if TYPE_CHECKING:
    from collections.abc import Callable

_OPTIONS: CodecOptions[dict[str, Any]] = CodecOptions(
    document_class=dict,
    uuid_representation=UuidRepresentation.UNSPECIFIED,
    # What is no UTF-8 is found where a column reads it, and harms no other.
    unicode_decode_error_handler="surrogateescape",
    datetime_conversion=DatetimeConversion.DATETIME_MS,
)


class _TwiceError(InvalidBSON):
    """A document has a name twice: which of the values is meant, only its writer knows."""


class _Once(dict[str, Any]):
    """A document that takes each name once."""

    __slots__ = ()

    def __setitem__(self, name: str, value: Any) -> None:  # noqa: ANN401 - any value of BSON
        count = len(self)
        self.setdefault(name, value)
        if len(self) == count:
            raise _TwiceError(name)


_EACH_ONCE = _OPTIONS.with_options(document_class=_Once)
_LETTERS = "ilmsux"
"""The options of a regular expression; their order is that of the bits of `Regex.flags`."""
_FLAGS = (2, 4, 8, 16, 32, 64)
_INT32 = range(-(2**31), 2**31)


def document(data: bytes) -> dict[str, Any]:
    """Return a document of BSON as parsed Extended JSON whose whole numbers and doubles are Python's.

    A text that is no UTF-8 has surrogates.

    Raises:
        BadValue: it is no BSON, or has a name twice.
    """
    try:
        return {name: plain(value) for name, value in bson.decode(data, _EACH_ONCE).items()}
    except _TwiceError as error:
        raise BadValue(f"a document has the name {shown(_readable(str(error)))} twice") from None
    except (BSONError, ValueError, RecursionError) as error:
        raise BadValue(f"it is no BSON: {error}") from None


def plain(value: Any) -> Any:  # noqa: ANN401 - any value of BSON
    """Return a value that the driver gave as parsed Extended JSON whose whole numbers and doubles are Python's."""
    write = _PLAIN.get(type(value))
    return value if write is None else write(value)


def canonical(data: bytes) -> str:
    """Return a document as Extended JSON in its canonical mode, for people; what is no BSON in hexadecimal."""
    try:
        values = _canonical(bson.decode(data, _OPTIONS))
    except (BSONError, ValueError, RecursionError):
        return f"0x{data.hex()}"
    return _readable(json.dumps(values, ensure_ascii=False))


def place(data: bytes) -> str:
    """Return a document's `_id` as the place of a bad row: `_id=65a4...`."""
    try:
        value = plain(bson.decode(data, _OPTIONS).get("_id"))
    except (BSONError, ValueError, RecursionError):
        return "a document that is no BSON"
    if isinstance(value, dict) and set(value) == {"$oid"}:
        value = value["$oid"]
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"_id={_readable(text[:SHOWN])}"


def _readable(text: str) -> str:
    return text.encode(errors="surrogateescape").decode(errors="replace")


def _canonical(value: Any) -> Any:  # noqa: ANN401
    match value:
        case DBRef():
            return _canonical(value.as_doc().to_dict())
        case dict():
            return {name: _canonical(item) for name, item in value.items()}
        case list():
            return [_canonical(item) for item in value]
        case Code() if value.scope is not None:
            return {"$code": str(value), "$scope": _canonical(value.scope)}
        case Int64():
            return {"$numberLong": str(int(value))}
        case bool() | str() | None:
            return plain(value)
        case int():
            return {"$numberInt" if value in _INT32 else "$numberLong": str(value)}
        case float():
            return {"$numberDouble": _double(value)}
    return plain(value)


def _double(value: float) -> str:
    if math.isfinite(value):
        return repr(value)
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _binary(value: bytes, subtype: int) -> dict[str, Any]:
    return {"$binary": {"base64": base64.b64encode(value).decode(), "subType": f"{subtype:02x}"}}


def _code(value: Code) -> dict[str, Any]:
    scope = {} if value.scope is None else {"$scope": plain(dict(value.scope))}
    return {"$code": str(value)} | scope


def _regex(value: Regex[Any]) -> dict[str, Any]:
    pattern = value.pattern if isinstance(value.pattern, str) else value.pattern.decode(errors="surrogateescape")
    options = "".join(letter for letter, flag in zip(_LETTERS, _FLAGS, strict=True) if value.flags & flag)
    return {"$regularExpression": {"pattern": pattern, "options": options}}


_PLAIN: dict[type, Callable[[Any], Any]] = {
    dict: lambda value: {name: plain(item) for name, item in value.items()},
    _Once: lambda value: {name: plain(item) for name, item in value.items()},
    list: lambda value: list(map(plain, value)),
    float: lambda value: value if math.isfinite(value) else {"$numberDouble": _double(value)},
    Int64: int,
    ObjectId: lambda value: {"$oid": str(value)},
    DatetimeMS: lambda value: {"$date": {"$numberLong": str(int(value))}},
    Decimal128: lambda value: {"$numberDecimal": str(value)},
    bytes: lambda value: _binary(value, 0),
    Binary: lambda value: _binary(bytes(value), value.subtype),
    Regex: _regex,
    Timestamp: lambda value: {"$timestamp": {"t": value.time, "i": value.inc}},
    Code: _code,
    DBRef: lambda value: plain(value.as_doc().to_dict()),
    MinKey: lambda _: {"$minKey": 1},
    MaxKey: lambda _: {"$maxKey": 1},
}
