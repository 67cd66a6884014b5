"""From the text in which MySQL sends a value to the Arrow type of a column: exactly, or not at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from flows.sources.interface import arrow_type
from flows.sources.values.texts import shown_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

    from flows.model.types import Type

Parse: TypeAlias = "Callable[[pa.Array], pa.Array]"

_DECIMALS = frozenset({"NUMERIC", "BIGNUMERIC"})
_TEXT = frozenset({"char", "varchar", "tinytext", "text", "mediumtext", "longtext"})
_BINARY = frozenset({"binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"})
_SHAPES = frozenset(
    {
        *("geometry", "point", "linestring", "polygon", "geometrycollection", "geomcollection"),
        *("multipoint", "multilinestring", "multipolygon"),
    }
)
_YEAR_ONE = -719162
"""0001-01-01 in days since 1970, where GoogleSQL's dates begin."""
_MICROSECONDS_A_DAY = 86_400_000_000

FITS: dict[str, frozenset[str]] = {
    "tinyint": frozenset({"INT64", "BOOL", "FLOAT64", "STRING", *_DECIMALS}),
    "smallint": frozenset({"INT64", "FLOAT64", "STRING", *_DECIMALS}),
    "mediumint": frozenset({"INT64", "FLOAT64", "STRING", *_DECIMALS}),
    "int": frozenset({"INT64", "FLOAT64", "STRING", *_DECIMALS}),
    "bigint": frozenset({"INT64", "STRING", *_DECIMALS}),
    "decimal": frozenset({"INT64", "STRING", *_DECIMALS}),
    "float": frozenset({"FLOAT64", "STRING"}),
    "double": frozenset({"FLOAT64", "STRING"}),
    "bit": frozenset({"INT64", "BOOL", "BYTES", *_DECIMALS}),
    "year": frozenset({"INT64", "STRING"}),
    "date": frozenset({"DATE", "STRING"}),
    "datetime": frozenset({"DATETIME", "TIMESTAMP", "STRING"}),
    "timestamp": frozenset({"TIMESTAMP", "DATETIME", "STRING"}),
    "time": frozenset({"TIME", "STRING"}),
    "enum": frozenset({"STRING"}),
    "set": frozenset({"STRING"}),
    "json": frozenset({"JSON", "STRING"}),
    "uuid": frozenset({"STRING"}),
    "inet4": frozenset({"STRING"}),
    "inet6": frozenset({"STRING"}),
    "vector": frozenset({"BYTES"}),
    **dict.fromkeys(_TEXT, frozenset({"STRING", "JSON"})),
    **dict.fromkeys(_BINARY, frozenset({"BYTES", "STRING"})),
    **dict.fromkeys(_SHAPES, frozenset({"BYTES"})),
}
"""GoogleSQL types that hold a MySQL type's values, by `information_schema.columns.data_type`. A value that a column's
type cannot hold all the same (2^64 - 1 in INT64) goes to quarantine."""

_SUGGESTED = ("INT64", "NUMERIC", "FLOAT64", "TIMESTAMP", "DATETIME", "DATE", "TIME", "JSON", "STRING", "BYTES")
"""Types that a message names; the best first."""


@dataclass(frozen=True, slots=True)
class SourceColumn:
    """A column as the database describes it."""

    name: str
    data_type: str
    """In lower case, without length: `decimal`."""
    column_type: str
    """As it is declared: `decimal(18,4) unsigned`."""
    nullable: bool
    precision: int | None
    """Digits in all of a number, bits of a BIT."""
    scale: int | None
    """Digits after the point."""
    comment: str
    is_json: bool
    """Whether the database itself sees to it that every value is JSON."""
    updates_itself: bool = False
    """Whether the database sets it at every change of its row (ON UPDATE CURRENT_TIMESTAMP)."""


def misfit(source: SourceColumn, target: Type) -> str | None:
    """Say why a column's values cannot be held by a GoogleSQL type, and which to write; None where they can."""
    fitting = FITS.get(source.data_type)
    if fitting is None:
        return f"{source.column_type}, a type that is not known here. Leave the column out."
    if source.data_type == "decimal" and source.scale:
        fitting -= {"INT64"}
    if source.data_type == "bit" and source.precision != 1:
        fitting -= {"BOOL"}
    if target.name in fitting:
        return None
    names = [name for name in _SUGGESTED if name in fitting]
    return f"{source.column_type}, which does not fit {target}. Write {' or '.join(names)}."


def expression(source: SourceColumn, quoted: str, target: Type) -> str:
    """Return what to select so that the server sends a column's values exactly.

    A FLOAT is sent with six digits only, unless it is made a DOUBLE; a BIT as bytes, unless it is made a number.
    """
    if source.data_type == "float":
        return f"{quoted} + 0e0"
    if source.data_type == "bit" and target.name != "BYTES":
        return f"CAST({quoted} AS UNSIGNED)"
    return quoted


def convert(source: SourceColumn, target: Type, raw: pa.Array) -> tuple[pa.Array, list[int]]:
    """Convert what the server sent for `expression` to `arrow_type(target)`.

    Returns the values, and the places of those that the type cannot hold exactly, which are NULL among the values.
    """
    parse = _parser(source, target)
    try:
        return parse(raw), []
    except pa.ArrowInvalid:
        # What is bad is often the same in many rows, such as a zero date.
        different = pc.unique(raw)
        bad: list[int] = []
        _search(parse, different, 0, bad)
        wrong = pc.is_in(raw, value_set=different.take(pa.array(bad, pa.int64())))
        good = pc.if_else(wrong, pa.scalar(None, raw.type), raw)
        return parse(good), pc.indices_nonzero(wrong).to_pylist()


def reason(source: SourceColumn, target: Type, value: bytes) -> str:
    """Say why a type cannot hold a value."""
    shown = shown_bytes(value)
    if source.data_type in {"date", "datetime", "timestamp"} and target.name != "STRING":
        what = "a zero date" if value.startswith(b"0000-00-00") else "a date that does not exist"
        return f"{source.name}: {shown} is {what}"
    if target.name == "STRING":
        return f"{source.name}: {shown} is not UTF-8 text"
    if target.name == "JSON":
        return f"{source.name}: {shown} is not JSON"
    return f"{source.name}: {shown} does not fit {target}"


def _search(parse: Parse, raw: pa.Array, offset: int, bad: list[int]) -> None:
    """Find the values that cannot be parsed, by halves."""
    try:
        parse(raw)
    except pa.ArrowInvalid:
        if len(raw) == 1:
            bad.append(offset)
            return
        half = len(raw) // 2
        _search(parse, raw.slice(0, half), offset, bad)
        _search(parse, raw.slice(half), offset + half, bad)


def _parser(source: SourceColumn, target: Type) -> Parse:
    """Return what converts raw bytes to a target, or raises ArrowInvalid."""
    match target.name:
        case "JSON" if not source.is_json:
            return _json
        case "NUMERIC" | "BIGNUMERIC":
            return _decimal(source, target)
        case "TIMESTAMP" | "DATETIME":
            return lambda raw: _moment(raw).cast(arrow_type(target))
    return _PARSERS.get(target.name) or (lambda raw: _ascii(raw).cast(arrow_type(target)))


def _ascii(raw: pa.Array) -> pa.Array:
    """Take what is known to be ASCII for text without looking at it."""
    return raw.view(pa.string())


def _json(raw: pa.Array) -> pa.Array:
    import orjson  # noqa: PLC0415 - only for text that the database does not know to be JSON

    text = raw.cast(pa.string())
    for value in text.to_pylist():
        if value is not None:
            try:
                orjson.loads(value)
            except orjson.JSONDecodeError as error:
                raise pa.ArrowInvalid(str(error)) from None
    return text


def _moment(raw: pa.Array) -> pa.Array:
    moments = _ascii(raw).cast(pa.timestamp("us"))
    _since_year_one(moments.cast(pa.int64()), _YEAR_ONE * _MICROSECONDS_A_DAY)
    return moments


def _date(raw: pa.Array) -> pa.Array:
    days = _ascii(raw).cast(pa.date32())
    _since_year_one(days.cast(pa.int32()), _YEAR_ONE)
    return days


def _since_year_one(numbers: pa.Array, first: int) -> None:
    """MySQL has a year 0, GoogleSQL has not."""
    least = pc.min(numbers).as_py()
    if least is not None and least < first:
        raise pa.ArrowInvalid("before the year 1")


def _time(raw: pa.Array) -> pa.Array:
    """A time of day; MySQL's TIME is also a span, from -838:59:59 to 838:59:59."""
    moments = pc.binary_join_element_wise("1970-01-01", _ascii(raw), " ")
    return moments.cast(pa.timestamp("us")).cast(pa.time64("us"))


def _decimal(source: SourceColumn, target: Type) -> Parse:
    type_, (precision, scale) = arrow_type(target), target.precision_and_scale
    whole = precision - scale
    if (source.precision or 0) - (source.scale or 0) <= whole and (source.scale or 0) <= scale:
        return lambda raw: _ascii(raw).cast(type_)
    # Arrow's cast wraps around in silence beyond its bits, so that digits are counted first.
    fits = f"^-?0*[0-9]{{0,{whole}}}(\\.[0-9]{{0,{scale}}}0*)?$"

    def parse(raw: pa.Array) -> pa.Array:
        text = _ascii(raw)
        if pc.all(pc.match_substring_regex(text, fits)).as_py() is False:  # None where all are NULL
            raise pa.ArrowInvalid("too many digits")
        if (source.scale or 0) > scale:
            text = pc.ascii_rtrim(pc.ascii_rtrim(text, "0"), ".")
        return text.cast(type_)

    return parse


_PARSERS: dict[str, Parse] = {
    "BYTES": lambda raw: raw,
    "STRING": lambda raw: raw.cast(pa.string()),
    "JSON": lambda raw: raw.cast(pa.string()),
    "DATE": _date,
    "TIME": _time,
}
