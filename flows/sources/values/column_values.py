"""The values of one column, put together value by value or from those of its fields and elements."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from flows.sources.interface import arrow_type
from flows.sources.values.numbers import exact
from flows.sources.values.texts import BadValue

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flows.model.types import Type


@dataclass(frozen=True, slots=True)
class ColumnValues:
    """A column's values, and the reasons of those that are none."""

    values: pa.Array
    bad: dict[int, str] = field(default_factory=dict)
    """By row. There the value is NULL."""


def each(values: Iterable[Any], type_: Type, path: str, read: Any = None) -> ColumnValues:  # noqa: ANN401
    """Convert value by value, which finds the reason of each that is bad."""
    kept, bad = [], {}
    for index, value in enumerate(values):
        try:
            if read is None:
                kept.append(exact(value, type_))
            else:
                kept.append(None if value is None else read(value))
        except BadValue as error:
            kept.append(None)
            bad[index] = f"{path} {error}"
    target = arrow_type(type_)
    if type_.name in {"TIMESTAMP", "DATETIME", "TIME"}:
        return ColumnValues(pa.array(kept, pa.int64()).cast(target), bad)
    if type_.name == "DATE":
        return ColumnValues(pa.array(kept, pa.int32()).cast(target), bad)
    return ColumnValues(pa.array(kept, target), bad)


def nest(  # noqa: PLR0913, PLR0917 - the parts of a list array, and what is wrong with them
    inner: ColumnValues, offsets: list[int], missing: list[bool], bad: dict[int, str], nulls: list[int], path: str
) -> ColumnValues:
    """Return arrays from their elements: where each begins, which are NULL, and which elements are null."""
    reasons = dict.fromkeys(nulls, f"{path} holds null, which an ARRAY cannot") | inner.bad
    for index, reason in reasons.items():
        bad.setdefault(bisect_right(offsets, index) - 1, reason)
    mask = pa.array(missing) if any(missing) else None
    return ColumnValues(pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), inner.values, mask=mask), bad)


def struct(columns: list[pa.Array], type_: Type, missing: list[bool]) -> pa.Array:
    """Return structs from their fields' values and which of them are NULL."""
    fields = [pa.field(name, column.type) for (name, _), column in zip(type_.fields, columns, strict=True)]
    return pa.StructArray.from_arrays(columns, fields=fields, mask=pa.array(missing) if any(missing) else None)
