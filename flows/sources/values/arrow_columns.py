"""Columns of Parquet into the Arrow arrays of their GoogleSQL types, and the rows that do not fit."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from flows.model.errors import SourceError, did_you_mean
from flows.sources.interface import arrow_type
from flows.sources.values.column_values import ColumnValues, each, nest, struct
from flows.sources.values.extended_json import json_text
from flows.sources.values.quick_texts import in_calendar
from flows.sources.values.text_columns import from_text
from flows.sources.values.texts import DAY, EPOCH, MICROSECOND, Moment

if TYPE_CHECKING:
    from flows.model.types import Type


def from_arrow(values: pa.Array, type_: Type, path: str) -> ColumnValues:
    """Return a column from an Arrow array of any type. Raises SourceError where no value could fit."""
    source = values.type
    if pa.types.is_null(source):
        return ColumnValues(pa.nulls(len(values), arrow_type(type_)))
    if pa.types.is_dictionary(source):
        return from_arrow(values.dictionary_decode(), type_, path)
    if pa.types.is_string(source) or pa.types.is_large_string(source) or pa.types.is_string_view(source):
        return from_text(values.cast(pa.string()), type_, path)
    if type_.name == "JSON":
        return each(_for_json(values), type_, path, json_text)
    if type_.element is not None:
        return _list_of_arrow(values, type_.element, path)
    if type_.name == "STRUCT":
        return _struct_of_arrow(values, type_, path)
    if pa.types.is_nested(source):
        raise SourceError(f"{path} is {source}, which {type_} cannot hold")
    try:
        quick = _quick_arrow(values, type_)
    except pa.ArrowInvalid:
        quick = None
    return ColumnValues(quick) if quick is not None else each(_python(values), type_, path)


def _quick_arrow(values: pa.Array, type_: Type) -> pa.Array | None:
    """Convert an array by a cast that is exact or raises ArrowInvalid; None where there is no such cast."""
    source, target = values.type, arrow_type(type_)
    match type_.name:
        case "INT64" if pa.types.is_integer(source):
            return values.cast(target)
        case "FLOAT64" if pa.types.is_integer(source) or pa.types.is_floating(source):
            return values.cast(target)
        case "NUMERIC" | "BIGNUMERIC" if pa.types.is_integer(source) or pa.types.is_decimal(source):
            return values.cast(target)
        case "BOOL" if pa.types.is_boolean(source):
            return values
        case "BYTES" if (
            pa.types.is_binary(source) or pa.types.is_large_binary(source) or pa.types.is_fixed_size_binary(source)
        ):
            return values.cast(target)
        case "TIMESTAMP" | "DATETIME" if pa.types.is_timestamp(source):
            return in_calendar(values.cast(pa.timestamp("us", tz=source.tz)).cast(pa.int64()).cast(target))
        case "DATE" if pa.types.is_date(source):
            return in_calendar(values.cast(target))
        case "TIME" if pa.types.is_time(source):
            return values.cast(target)
    return None


def _for_json(values: pa.Array) -> list[Any]:
    """Return an array's values as Python has them; what it cannot hold as what no JSON can."""
    try:
        return values.to_pylist()  # type: ignore[no-any-return]
    except (ValueError, OverflowError):
        return [_python_or_not(values.slice(row, 1)) for row in range(len(values))]


def _python_or_not(value: pa.Array) -> Any:  # noqa: ANN401 - any value
    try:
        return value[0].as_py()
    except (ValueError, OverflowError):
        return _Unknown(" ".join(value.to_string().split()))


class _Unknown:
    """A value that Python cannot hold, and no JSON either; no dataclass, of which JSON would be made."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __str__(self) -> str:
        return self._text


def _python(values: pa.Array) -> list[Any]:
    """Return an array's values as Python has them; times that Python cannot hold as `Moment` or with all digits."""
    source = values.type
    if pa.types.is_timestamp(source):
        scale = {"s": 1_000_000, "ms": 1_000, "us": 1}.get(source.unit)
        numbers = values.cast(pa.int64()).to_pylist()
        if scale is not None:
            return [None if number is None else Moment(number * scale) for number in numbers]
        return [None if number is None else _nanoseconds(number) for number in numbers]
    if pa.types.is_date(source):
        days = values.cast(pa.date32()).cast(pa.int32()).to_pylist()
        return [None if day is None else Moment(day * DAY) for day in days]
    if pa.types.is_time64(source) and source.unit == "ns":
        numbers = values.cast(pa.int64()).to_pylist()
        return [None if number is None else _nanoseconds(number)[11:] for number in numbers]
    return values.to_pylist()  # type: ignore[no-any-return]


def _nanoseconds(number: int) -> str:
    microseconds, rest = divmod(number, 1000)
    moment = (EPOCH + microseconds * MICROSECOND).replace(tzinfo=None)
    return f"{moment.isoformat(' ', 'microseconds')}{rest:03}"


def _list_of_arrow(values: pa.Array, element: Type, path: str) -> ColumnValues:
    source = values.type
    if not (pa.types.is_list(source) or pa.types.is_large_list(source) or pa.types.is_fixed_size_list(source)):
        raise SourceError(f"{path} is {source}, which ARRAY<{element}> cannot hold")
    lengths = pc.list_value_length(values)
    flat = values.flatten()
    inner = from_arrow(flat, element, path)
    offsets = [0, *accumulate(length or 0 for length in lengths.to_pylist())]
    nulls = pc.indices_nonzero(flat.is_null()).to_pylist() if flat.null_count else []
    return nest(inner, offsets, values.is_null().to_pylist(), {}, nulls, path)


def _struct_of_arrow(values: pa.Array, type_: Type, path: str) -> ColumnValues:
    if not pa.types.is_struct(values.type):
        raise SourceError(f"{path} is {values.type}, which {type_} cannot hold")
    inner = {field.name: column for field, column in zip(values.type, values.flatten(), strict=True)}
    columns: list[pa.Array] = []
    bad: dict[int, str] = {}
    for name, inner_type in type_.fields:
        if name not in inner:
            raise SourceError(f"{path} has no field '{name}'.{did_you_mean(name, inner)} It has {', '.join(inner)}.")
        column = from_arrow(inner[name], inner_type, f"{path}.{name}")
        columns.append(column.values)
        bad = column.bad | bad
    return ColumnValues(struct(columns, type_, values.is_null().to_pylist()), bad)
