"""Elements of BSON into the Arrow arrays of GoogleSQL's simple types, many at once.

What comes out is what `flows.sources.values.exact` gives value by value. An element that is not sure to be so is
strange: it is left to that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from flows.sources.interface import DIGITS_OF_128_BITS, arrow_type
from flows.sources.mongodb.bson_walk import (
    BINARY,
    BOOL,
    DATE,
    DECIMAL128,
    DOUBLE,
    INT32,
    INT64,
    MISSING,
    NULL,
    OBJECT_ID,
    STRING,
    UNDEFINED,
)
from flows.sources.values.texts import FIRST_MOMENT, LAST_MOMENT

if TYPE_CHECKING:
    from collections.abc import Callable

    from flows.model.types import Type
    from flows.sources.mongodb.bson_walk import Buffer, Bytes, Elements, Flags, Numbers, Words

_DAY = 86_400_000
_EXACT = 2**53
"""Up to here every whole number is a double."""
_HALF = np.uint64(32)
_LOW = np.uint64(2**32 - 1)
_UUID, _OLD_UUID, _OLD_BINARY = 4, 3, 2
_UUID_BYTES, _OBJECT_ID_BYTES = 16, 12
_BIAS = 6176
"""What is added to the exponent of a Decimal128."""
_MOST_PLACES = 19
"""The powers of ten up to this one are words."""
_POWERS: Words = np.array([10**places for places in range(_MOST_PLACES + 1)], np.uint64)
_HEX: np.ndarray[Any, np.dtype[np.uint16]] = np.frombuffer(
    "".join(f"{byte:02x}" for byte in range(256)).encode(), np.uint16
)
_UUID_PARTS = ((0, 8), (9, 13), (14, 18), (19, 23), (24, 36))
"""Where the digits of a UUID stand in its text; between them are dashes."""


def simple(buffer: Buffer, elements: Elements, type_: Type) -> tuple[pa.Array, Flags]:
    """Return an array of a simple type from elements in the order of the buffer, and which of them are strange.

    What is missing, null or strange is NULL.
    """
    good = _ACCEPTED[type_.name][elements.types]
    strange = ~(good | is_null(elements.types))
    convert = _CONVERTERS.get(type_.name)
    if convert is None or not good.any():
        return pa.nulls(len(good), arrow_type(type_)), strange
    array, good_ones = convert(buffer, elements, good, type_)
    return array, strange | (good & ~good_ones)


def is_null(types: Bytes) -> Flags:
    """Say which elements are missing, null or undefined."""
    return _NULLS[types]


def array_of(values: np.ndarray[Any, Any], good: Flags, type_: pa.DataType) -> pa.Array:
    """Return an array from numbers as Arrow keeps them; NULL where they are not good."""
    validity = None if good.all() else pa.py_buffer(np.packbits(good, bitorder="little"))
    return pa.Array.from_buffers(type_, len(good), [validity, pa.py_buffer(np.ascontiguousarray(values))])


def _integers(buffer: Buffer, elements: Elements, good: Flags, _: Type) -> tuple[pa.Array, Flags]:
    return array_of(_whole(buffer, elements), good, pa.int64()), good


def _whole(buffer: Buffer, elements: Elements) -> Numbers:
    """Return what stands at each place as a whole number."""
    small = elements.types == INT32
    if small.all():
        return buffer.ints[elements.places].astype(np.int64)
    large = buffer.longs[elements.places]
    return np.where(small, buffer.ints[elements.places], large) if small.any() else large


def _floats(buffer: Buffer, elements: Elements, good: Flags, _: Type) -> tuple[pa.Array, Flags]:
    values = buffer.doubles[elements.places]
    other = elements.types != DOUBLE
    if other.any():
        whole = _whole(buffer, elements)
        good = good & (~other | ((whole <= _EXACT) & (whole >= -_EXACT)))
        values = np.where(other, whole.astype(np.float64), values)
    return array_of(values, good, pa.float64()), good


def _bools(buffer: Buffer, elements: Elements, good: Flags, _: Type) -> tuple[pa.Array, Flags]:
    values = buffer.bytes[elements.places]
    good = good & (values <= 1)
    return array_of(values == 1, good, pa.uint8()).cast(pa.bool_()), good


def _moments(buffer: Buffer, elements: Elements, good: Flags, type_: Type) -> tuple[pa.Array, Flags]:
    values = buffer.longs[elements.places]
    good = good & (values >= FIRST_MOMENT // 1000) & (values <= LAST_MOMENT // 1000)
    return array_of(np.where(good, values, 0) * 1000, good, arrow_type(type_)), good


def _dates(buffer: Buffer, elements: Elements, good: Flags, _: Type) -> tuple[pa.Array, Flags]:
    days, rest = np.divmod(buffer.longs[elements.places], _DAY)
    good = good & (rest == 0) & (days >= FIRST_MOMENT // (_DAY * 1000)) & (days <= LAST_MOMENT // (_DAY * 1000))
    return array_of(days.astype(np.int32), good, pa.date32()), good


def _strings(buffer: Buffer, elements: Elements, good: Flags, _: Type) -> tuple[pa.Array, Flags]:
    texts = good & (elements.types == STRING)
    if texts.any():
        # Of other kinds there are few then, and they are left to who reads them one by one.
        return _texts(buffer, elements.places, texts)
    ids = good & (elements.types == OBJECT_ID)
    if ids.any():
        digits = _digits(buffer, elements.places, _OBJECT_ID_BYTES)
        return _fixed_texts(digits, ids), ids
    good = good & (buffer.bytes[elements.places + 4] == _UUID) & (buffer.ints[elements.places] == _UUID_BYTES)
    digits = _digits(buffer, elements.places + 5, _UUID_BYTES)
    dashed = np.full((len(good), _UUID_PARTS[-1][1]), ord("-"), np.uint8)
    for dashes, (start, end) in enumerate(_UUID_PARTS):
        dashed[:, start:end] = digits[:, start - dashes : end - dashes]
    return _fixed_texts(dashed, good), good


def _digits(buffer: Buffer, places: Numbers, width: int) -> Bytes:
    """Return the hexadecimal digits of so many bytes from each place on, a row for each."""
    most = len(buffer.bytes) - width
    data = buffer.bytes[np.minimum(places, most)[:, None] + np.arange(width)]
    return _HEX[data].view(np.uint8)


def _fixed_texts(texts: Bytes, good: Flags) -> pa.Array:
    offsets = np.arange(len(good) + 1, dtype=np.int32) * texts.shape[1]
    validity = None if good.all() else pa.py_buffer(np.packbits(good, bitorder="little"))
    return pa.Array.from_buffers(pa.string(), len(good), [validity, pa.py_buffer(offsets), pa.py_buffer(texts)])


def _texts(buffer: Buffer, places: Numbers, good: Flags) -> tuple[pa.Array, Flags]:
    lengths = buffer.ints[places]
    good = good & (lengths >= 1)
    ends = np.where(good, places + 3 + lengths, 0)
    good &= buffer.bytes[np.minimum(ends, buffer.size)] == 0
    values = _cut(buffer, places + 4, lengths - 1, good)
    try:
        return values.cast(pa.string()), good
    except pa.ArrowInvalid:
        valid = np.array([_is_utf8(value) for value in values.to_pylist()])
        return _cut(buffer, places + 4, lengths - 1, good & valid).cast(pa.string()), good & valid


def _is_utf8(value: bytes | None) -> bool:
    try:
        (value or b"").decode()
    except UnicodeDecodeError:
        return False
    return True


def _binaries(buffer: Buffer, elements: Elements, good: Flags, _: Type) -> tuple[pa.Array, Flags]:
    lengths, kinds = buffer.ints[elements.places], buffer.bytes[elements.places + 4]
    good = good & (lengths >= 0) & (kinds != _OLD_BINARY) & ((kinds != _UUID) | (lengths == _UUID_BYTES))
    return _cut(buffer, elements.places + 5, lengths, good), good


def _cut(buffer: Buffer, starts: Numbers, lengths: np.ndarray[Any, Any], good: Flags) -> pa.Array:
    """Return the bytes of these lengths that begin there, in the order of the buffer; NULL where they are not good."""
    count = int(good.sum())
    if not count:
        return pa.nulls(len(good), pa.binary())
    offsets = np.empty(2 * count, np.int32)
    offsets[0::2] = starts[good]
    offsets[1::2] = offsets[0::2] + lengths[good]
    # Every other one is what lies between two values.
    data = [None, pa.py_buffer(offsets), pa.py_buffer(buffer.data)]
    spread = pa.Array.from_buffers(pa.binary(), 2 * count - 1, data)
    if count == len(good):
        return spread.take(pa.array(np.arange(0, 2 * count, 2)))
    return spread.take(pa.array(2 * (np.cumsum(good) - 1), mask=~good))


def _decimals(buffer: Buffer, elements: Elements, good: Flags, type_: Type) -> tuple[pa.Array, Flags]:
    precision, scale = type_.precision_and_scale
    if precision > DIGITS_OF_128_BITS:  # most numbers have no more digits than that
        array, good = _decimals(buffer, elements, good, type_.base)
        return array.cast(arrow_type(type_)), good
    low, high = buffer.words[elements.places], buffer.words[np.minimum(elements.places + 8, buffer.size)]
    negative = high >> np.uint64(63) == 1
    exponents = ((high >> np.uint64(49)) & np.uint64(0x3FFF)).astype(np.int64) - _BIAS
    # NaN, infinity and the longest coefficients have other bits here.
    plain = ((high >> np.uint64(61)) & np.uint64(3) != 3) & (high & np.uint64(2**49 - 1) == 0)  # noqa: PLR2004
    other = elements.types != DECIMAL128
    if other.any():
        whole = _whole(buffer, elements)
        negative = np.where(other, whole < 0, negative)
        low = np.where(other, np.abs(whole).view(np.uint64), low)
        exponents = np.where(other, 0, exponents)
        plain |= other
    places = np.where(low == 0, 0, exponents + scale)
    good = good & plain & (places <= _MOST_PLACES) & (places >= -_MOST_PLACES)
    places = np.where(good, places, 0)
    if (places < 0).any():
        divisor = _POWERS[np.maximum(-places, 0)]
        low, rest = np.divmod(low, divisor)
        good = good & (rest == 0)
    low, high = _product(low, _POWERS[np.maximum(places, 0)])
    most = 10**precision
    most_low, most_high = np.uint64(most & (2**64 - 1)), np.uint64(most >> 64)
    good = good & ((high < most_high) | ((high == most_high) & (low < most_low)))
    low = np.where(negative, ~low + np.uint64(1), low)
    high = np.where(negative, ~high + (low == 0), high)
    return array_of(np.stack((low, high), axis=1), good, arrow_type(type_)), good


def _product(one: Words, other: Words) -> tuple[Words, Words]:
    """Return the products of words, as their low and their high word."""
    a, b, c, d = one >> _HALF, one & _LOW, other >> _HALF, other & _LOW
    low, left, right = b * d, a * d, b * c
    middle = (low >> _HALF) + (left & _LOW) + (right & _LOW)
    high = a * c + (left >> _HALF) + (right >> _HALF) + (middle >> _HALF)
    return (low & _LOW) | (middle << _HALF), high


def _flags(*types: int) -> Flags:
    flags = np.zeros(256, np.bool_)
    flags[list(types)] = True
    return flags


_NULLS = _flags(MISSING, NULL, UNDEFINED)
_ACCEPTED = {
    "STRING": _flags(STRING, OBJECT_ID, BINARY),
    "BYTES": _flags(BINARY),
    "INT64": _flags(INT32, INT64),
    "FLOAT64": _flags(DOUBLE, INT32, INT64),
    "BOOL": _flags(BOOL),
    "NUMERIC": _flags(DECIMAL128, INT32, INT64),
    "BIGNUMERIC": _flags(DECIMAL128, INT32, INT64),
    "TIMESTAMP": _flags(DATE),
    "DATETIME": _flags(DATE),
    "DATE": _flags(DATE),
    "TIME": _flags(),
}
_CONVERTERS: dict[str, Callable[[Buffer, Elements, Flags, Type], tuple[pa.Array, Flags]]] = {
    "STRING": _strings,
    "BYTES": _binaries,
    "INT64": _integers,
    "FLOAT64": _floats,
    "BOOL": _bools,
    "NUMERIC": _decimals,
    "BIGNUMERIC": _decimals,
    "TIMESTAMP": _moments,
    "DATETIME": _moments,
    "DATE": _dates,
}
