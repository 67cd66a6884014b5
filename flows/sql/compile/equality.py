"""Whether two values are equal: TRUE, FALSE, or NULL where a part that is NULL decides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.sql import types as t
from flows.sql.intervals import length
from flows.sql.once import once, once_each

if TYPE_CHECKING:
    from flows.model.types import Type
    from flows.sql.compile.value import Value


def lengths(value: Value) -> Value:
    """Return what of a value tells it apart: of INTERVALs, which are equal where they are as long, their length."""
    return value._replace(type=t.INT64, sql=length(value.sql)) if value.type == t.INTERVAL else value


def equal(one: str, two: str, type_: Type) -> str:
    """Return whether two values of one type are equal; NaN equals nothing."""
    if type_ == t.FLOAT64:
        return f"CASE WHEN CAST(isnan({one}) AS INTEGER) + CAST(isnan({two}) AS INTEGER) > 0 THEN FALSE ELSE {one} = {two} END"
    if type_.name == "STRUCT":
        return once_each([one, two], lambda names: _equal_structs(names[0], names[1], type_))
    if type_.element is not None:
        element = type_.element
        return once_each([one, two], lambda names: _equal_arrays(names[0], names[1], element))
    return f"({length(one)} = {length(two)})" if type_ == t.INTERVAL else f"({one} = {two})"


def _equal_structs(one: str, two: str, type_: Type) -> str:
    parts = (
        equal(f"struct_extract_at({one}, {place})", f"struct_extract_at({two}, {place})", field)
        for place, (_, field) in enumerate(type_.fields, 1)
    )
    return f"({' AND '.join(parts) or 'TRUE'})"


def _equal_arrays(one: str, two: str, element: Type) -> str:
    pair = equal("struct_extract_at(xpair, 1)", "struct_extract_at(xpair, 2)", element)
    found = f"list_transform(list_zip({one}, {two}), lambda xpair: {pair})"
    every = once(
        found,
        lambda all_: (
            f"CASE WHEN list_contains({all_}, FALSE) THEN FALSE WHEN list_count({all_}) = len({all_}) THEN TRUE END"
        ),
    )
    return (
        f"CASE WHEN {one} IS NULL OR {two} IS NULL THEN NULL WHEN len({one}) <> len({two}) THEN FALSE ELSE {every} END"
    )


def among(one: str, array: str, type_: Type) -> str:
    """Return whether a value is an element of an ARRAY."""
    found = once_each(
        [one, array], lambda names: f"list_transform({names[1]}, lambda xone: {equal(names[0], 'xone', type_)})"
    )
    return once(
        found,
        lambda all_: (
            f"CASE WHEN list_contains({all_}, TRUE) THEN TRUE WHEN list_count({all_}) < len({all_}) THEN NULL ELSE FALSE END"
        ),
    )
