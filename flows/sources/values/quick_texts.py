"""Text into an Arrow array, all at once.

None is given where that might not be what `flows.sources.values.numbers.exact` gives value by value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from flows.sources.interface import DIGITS_OF_128_BITS, arrow_type
from flows.sources.values.texts import DAY, FIRST_MOMENT, LAST_MOMENT

if TYPE_CHECKING:
    from flows.model.types import Type

EXACT_INTEGERS = 2**53 - 1
"""Up to here every whole number is a FLOAT64, and none is the nearest to another."""
_FAR_OFFSET = r"[T ].*[+-](1[5-9]|[2-9][0-9]|14:?(0[1-9]|[1-9])|[0-9]{2}:?[6-9])[0-9:]*$"


def quick_text(values: pa.Array, type_: Type) -> pa.Array | None:
    """Convert text at once, or return None."""
    try:
        match type_.name:
            case "STRING":
                return values
            case "INT64":
                return integers(values)
            case "FLOAT64":
                numbers = values.cast(pa.float64())
                return numbers if lies_within(numbers, -EXACT_INTEGERS, EXACT_INTEGERS) else None
            case "NUMERIC" | "BIGNUMERIC":
                return _decimals(values, type_)
            case "BOOL":
                return values.cast(pa.bool_())
            case "TIMESTAMP":
                return _timestamps(values, type_)
            case "DATETIME":
                return in_calendar(values.cast(arrow_type(type_)))
            case "DATE":
                return in_calendar(values.cast(pa.date32()))
    except pa.ArrowInvalid:
        pass
    return None


def integers(values: pa.Array) -> pa.Array | None:
    """Convert text to whole numbers, or return None."""
    # Arrow takes hexadecimal numbers too.
    if not _all_match(values, "^-?[0-9]+$"):
        return None
    try:
        return values.cast(pa.int64())
    except pa.ArrowInvalid:
        return None


def _decimals(values: pa.Array, type_: Type) -> pa.Array | None:
    precision, scale = type_.precision_and_scale
    # Where a text has an exponent or more digits than its own numbers, Arrow gives another number without a word.
    plain = rf"^-?[0-9]{{1,{max(precision - scale, 1)}}}(\.[0-9]*)?$"
    longest = pc.max(pc.binary_length(values)).as_py() or 0
    if longest > max(precision, DIGITS_OF_128_BITS) or not _all_match(values, plain):
        return None
    return values.cast(arrow_type(type_))


def _all_match(values: pa.Array, pattern: str) -> bool:
    return bool(pc.all(pc.match_substring_regex(values, pattern), min_count=0).as_py())


def _any_match(values: pa.Array, pattern: str) -> bool:
    return bool(pc.any(pc.match_substring_regex(values, pattern), min_count=0).as_py())


def _timestamps(values: pa.Array, type_: Type) -> pa.Array | None:
    # Arrow takes offsets up to a day.
    if not pc.all(pc.ends_with(values, "Z"), min_count=0).as_py() and _any_match(values, _FAR_OFFSET):
        return None
    try:
        return in_calendar(values.cast(arrow_type(type_)))
    except pa.ArrowInvalid:
        # None of them may have a zone then; what is mixed raises again.
        return in_calendar(values.cast(pa.timestamp("us")).cast(pa.int64()).cast(arrow_type(type_)))


def in_calendar(values: pa.Array) -> pa.Array | None:
    """Return the dates or times of microseconds if all lie in the years 1 to 9999."""
    if pa.types.is_date32(values.type):
        inside = lies_within(values.cast(pa.int32()), FIRST_MOMENT // DAY, LAST_MOMENT // DAY)
    else:
        inside = lies_within(values.cast(pa.int64()), FIRST_MOMENT, LAST_MOMENT)
    return values if inside else None


def lies_within(values: pa.Array, least: float, most: float) -> bool:
    """Say whether all numbers are finite and lie between these, both included."""
    bounds = pc.min_max(values).as_py()
    if bounds["min"] is None:
        return True
    finite = not pa.types.is_floating(values.type) or pc.all(pc.is_finite(values), min_count=0).as_py()
    return bool(finite and least <= bounds["min"] and bounds["max"] <= most)
