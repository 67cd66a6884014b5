"""Columns of text as Arrow arrays of their GoogleSQL types, and the rows that do not fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from flows.sources.values.column_values import ColumnValues, each
from flows.sources.values.documents import Documents, is_beyond, parse_exactly
from flows.sources.values.quick_texts import quick_text
from flows.sources.values.texts import BadValue, shown

if TYPE_CHECKING:
    import pyarrow as pa

    from flows.model.types import Type


def from_text(values: pa.Array, type_: Type, path: str) -> ColumnValues:
    """Return a column from its values as text; arrays, structs and JSON are written as JSON."""
    if type_.element is not None or type_.name == "STRUCT":
        parsed, bad = [], {}
        for index, value in enumerate(values.to_pylist()):
            try:
                parsed.append(None if value is None else parse_exactly(value))
            except ValueError:
                parsed.append(None)
                bad[index] = f"{path} {shown(value)} is no JSON"
        column = Documents((), digits=True).nested(parsed, type_, path)
        return ColumnValues(column.values, bad | column.bad)
    if type_.name == "JSON":
        return each(values.to_pylist(), type_, path, _checked_json)
    at_once = quick_text(values, type_)
    return ColumnValues(at_once) if at_once is not None else each(values.to_pylist(), type_, path)


def _checked_json(text: str) -> str:
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError as error:
        what = "has a number beyond those of JSON, which are those of FLOAT64" if is_beyond(error) else "is no JSON"
        raise BadValue(f"{shown(text)} {what}") from None
    return text
