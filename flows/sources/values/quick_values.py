"""Parsed values of JSON and Extended JSON into an Arrow array, all at once.

None is given where that might not be what `flows.sources.values.numbers.exact` gives value by value.
"""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from flows.sources.interface import arrow_type
from flows.sources.values.quick_texts import integers, lies_within, quick_text
from flows.sources.values.texts import FIRST_MOMENT, LAST_MOMENT, Number

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from flows.model.types import Type

LARGE = 2.0**63
"""From here on a JSON parser gives whole numbers as the nearest double."""


def kinds_of(values: Iterable[Any]) -> set[type]:
    """Return the types of what is not null."""
    return set(map(type, values)) - {type(None)}


def quick(values: list[Any], type_: Type) -> pa.Array | None:
    """Convert values of JSON at once, or return None."""
    kinds = kinds_of(values)
    if kinds == {dict}:
        return _quick_wrapped(values, type_)
    if not kinds:
        return pa.nulls(len(values), arrow_type(type_))
    try:
        if kinds == {str}:
            return quick_text(pa.array(values, pa.string()), type_)
        if kinds == {Number} and type_.name in {"NUMERIC", "BIGNUMERIC"}:
            texts = [None if value is None else str(value) for value in values]
            return quick_text(pa.array(texts, pa.string()), type_)
        if kinds == {int} and type_.name in {"INT64", "NUMERIC", "BIGNUMERIC"}:
            return pa.array(values, pa.int64()).cast(arrow_type(type_))
        if kinds == {bool} and type_.name == "BOOL":
            return pa.array(values, pa.bool_())
        if kinds <= {int, float} and type_.name == "FLOAT64":
            numbers = pa.array(values, pa.float64())
            return numbers if lies_within(numbers, -LARGE, LARGE) else None
    except (pa.ArrowInvalid, OverflowError, UnicodeEncodeError):
        pass
    return None


def _quick_wrapped(values: list[dict[str, Any] | None], type_: Type) -> pa.Array | None:
    """Convert values of Extended JSON that are all wrapped in the same way, or return None."""
    first = next(value for value in values if value is not None)
    wrapper = next(iter(first), "")
    if (wrapper, type_.name) not in _QUICK_WRAPPERS:
        return None
    inner = _inside(values, wrapper)
    kinds = kinds_of(inner)
    if kinds == {str}:
        return quick_text(pa.array(inner, pa.string()), type_)
    if kinds == {dict} and wrapper == "$date":
        numbers = _inside(inner, "$numberLong")
        if kinds_of(numbers) == {str}:
            return _moments(integers(pa.array(numbers, pa.string())), type_)
    return None


_QUICK_WRAPPERS = {
    ("$oid", "STRING"),
    ("$date", "TIMESTAMP"),
    ("$numberInt", "INT64"),
    ("$numberLong", "INT64"),
    ("$numberDouble", "FLOAT64"),
    ("$numberDecimal", "NUMERIC"),
    ("$numberDecimal", "BIGNUMERIC"),
}


def _inside(values: Sequence[dict[str, Any] | None], wrapper: str) -> list[Any]:
    """Return what stands in the wrapper of each value; nothing where one of them is something else."""
    present = [value for value in values if value is not None]
    try:
        inner = list(map(itemgetter(wrapper), present))
    except KeyError:
        return []
    if set(map(len, present)) != {1}:
        return []
    if len(present) == len(values):
        return inner
    found = iter(inner)
    return [None if value is None else next(found) for value in values]


def _moments(milliseconds: pa.Array | None, type_: Type) -> pa.Array | None:
    if milliseconds is None or not lies_within(milliseconds, FIRST_MOMENT // 1000, LAST_MOMENT // 1000):
        return None
    return pc.multiply(milliseconds, 1000).cast(arrow_type(type_))
