"""Columns of documents and of text into the Arrow arrays of their GoogleSQL types, and the rows that do not fit.

Each way in has a quick path that converts a whole column at once, and takes it only where that gives what
`flows.sources.values.exact` gives value by value; the other columns go that way, where each bad value gets its reason.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from dataclasses import dataclass, field
from itertools import accumulate, chain
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from flows.model.paths import steps
from flows.sources.interface import arrow_type
from flows.sources.values.extended_json import json_text, unwrapped
from flows.sources.values.numbers import exact
from flows.sources.values.texts import DAY, FIRST_MOMENT, LAST_MOMENT, BadValue, Number, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from flows.model.types import Type

WHOLE = "$"
"""The path of the whole document."""
DIGITS_OF_A_DECIMAL = 38
"""What Arrow's decimals hold."""
EXACT_INTEGERS = 2**53 - 1
"""Up to here every whole number is a FLOAT64, and none is the nearest to another."""
LARGE = 2.0**63
"""From here on a JSON parser gives whole numbers as the nearest double."""
_FRACTION = re.compile(rb"[0-9][.eE]")


@dataclass(frozen=True, slots=True)
class ColumnValues:
    """A column's values, and the reasons of those that are none."""

    values: pa.Array
    bad: dict[int, str] = field(default_factory=dict)
    """By row. There the value is NULL."""


class DigitsLostError(Exception):
    """The documents hold numbers whose digits matter, and were parsed without them: parse them with `parse_exactly`."""


def parse_exactly(line: str | bytes) -> Any:  # noqa: ANN401 - any JSON
    """Parse JSON with all digits of its numbers. Raises ValueError."""
    try:
        return json.loads(line, parse_float=Number)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


@dataclass(frozen=True, slots=True)
class Documents:
    """Reads columns out of parsed JSON documents."""

    rows: Sequence[dict[str, Any]]
    digits: bool
    """Whether they were parsed with all digits (`parse_exactly`); a quicker parser gives doubles."""

    def column(self, path: str, type_: Type) -> ColumnValues:
        """Return the column that stands at a path such as `address.city`; what is missing is NULL.

        The path `$` is the whole document.

        Raises:
            DigitsLostError: the type needs digits that these documents were parsed without.
        """
        if path == WHOLE:
            return self.nested(list(self.rows), type_, path)
        first, *inner = steps(path)
        values = _field(self.rows, first)
        bad = {}
        for step in inner:
            if not _kinds(values) <= {dict}:
                for index, value in enumerate(values):
                    if _no(dict, value):
                        bad[index] = f"{path} {shown(value)} is no document with a field {step}"
            values = _field([value if type(value) is dict else {} for value in values], step)
        column = self.nested(values, type_, path)
        return ColumnValues(column.values, bad | column.bad)

    def nested(self, values: list[Any], type_: Type, path: str) -> ColumnValues:
        """Return a column of values that stand somewhere in documents; the path is for reasons only."""
        if type_.element is not None:
            return self._list(values, type_.element, path)
        if type_.name == "STRUCT":
            return self._struct(values, type_, path)
        if type_.name == "JSON":
            return each(values, type_, path, self._json)
        quick = _quick(values, type_)
        if quick is not None:
            return ColumnValues(quick)
        if not self.digits and any(_needs_digits(value, type_) for value in values):
            raise DigitsLostError
        return each(values, type_, path)

    def _list(self, values: list[Any], element: Type, path: str) -> ColumnValues:
        bad = {}
        if not _kinds(values) <= {list}:
            bad = {
                index: f"{path} {shown(value)} is no array" for index, value in enumerate(values) if _no(list, value)
            }
        lists = [value if type(value) is list else () for value in values]
        flat = list(chain.from_iterable(lists))
        inner = self.nested(flat, element, path)
        offsets = [0, *accumulate(map(len, lists))]
        return nest(inner, offsets, [type(value) is not list for value in values], bad, _nulls(flat), path)

    def _struct(self, values: list[Any], type_: Type, path: str) -> ColumnValues:
        bad = {}
        if not _kinds(values) <= {dict}:
            bad = {
                index: f"{path} {shown(value)} is no document" for index, value in enumerate(values) if _no(dict, value)
            }
        documents = [value if type(value) is dict else {} for value in values]
        if 1 in set(map(len, documents)):
            # A number or date of Extended JSON is an object too; as a document it would be one without any value.
            wrapped = [index for index, value in enumerate(documents) if _unwrapped_quietly(value) is not value]
            bad |= {index: f"{path} {shown(documents[index])} is no document" for index in wrapped}
        missing = [type(value) is not dict for value in values]
        columns = []
        for name, inner_type in type_.fields:
            inner = self.nested(_field(documents, name), inner_type, f"{path}.{name}")
            columns.append(inner.values)
            bad = inner.bad | bad
        return ColumnValues(struct(columns, type_, missing), bad)

    def _json(self, value: Any) -> str:  # noqa: ANN401
        try:
            text = orjson.dumps(value)
        except TypeError:
            return json_text(value)
        if not self.digits and _FRACTION.search(text):
            raise DigitsLostError
        return json_text(value) if b'"$' in text else text.decode()


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
    quick = _quick_text(values, type_)
    return ColumnValues(quick) if quick is not None else each(values.to_pylist(), type_, path)


def _unwrapped_quietly(value: dict[str, Any]) -> Any:  # noqa: ANN401
    """Return what Extended JSON wraps, or None where that is broken."""
    try:
        return unwrapped(value)
    except BadValue:
        return None


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


def _checked_json(text: str) -> str:
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        raise BadValue(f"{shown(text)} is no JSON") from None
    return text


def _no(kind: type, value: object) -> bool:
    return value is not None and type(value) is not kind


def _field(documents: Sequence[dict[str, Any]], name: str) -> list[Any]:
    try:
        return list(map(itemgetter(name), documents))
    except KeyError:
        return [document.get(name) for document in documents]


def _kinds(values: Iterable[Any]) -> set[type]:
    """Return the types of what is not null."""
    return set(map(type, values)) - {type(None)}


def _nulls(values: Sequence[Any]) -> list[int]:
    if type(None) not in set(map(type, values)):
        return []
    return [index for index, value in enumerate(values) if value is None]


def _needs_digits(value: object, type_: Type) -> bool:
    if type(value) is not float:
        return False
    return type_.name in {"INT64", "NUMERIC", "BIGNUMERIC"} or (type_.name == "FLOAT64" and abs(value) >= LARGE)


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


def _quick(values: list[Any], type_: Type) -> pa.Array | None:
    """Convert values of JSON at once, or return None."""
    kinds = _kinds(values)
    if kinds == {dict}:
        return _quick_wrapped(values, type_)
    if not kinds:
        return pa.nulls(len(values), arrow_type(type_))
    try:
        if kinds == {str}:
            return _quick_text(pa.array(values, pa.string()), type_)
        if kinds == {Number} and type_.name in {"NUMERIC", "BIGNUMERIC"}:
            texts = [None if value is None else str(value) for value in values]
            return _quick_text(pa.array(texts, pa.string()), type_)
        if kinds == {int} and type_.name in {"INT64", "NUMERIC", "BIGNUMERIC"}:
            return pa.array(values, pa.int64()).cast(arrow_type(type_))
        if kinds == {bool} and type_.name == "BOOL":
            return pa.array(values, pa.bool_())
        if kinds <= {int, float} and type_.name == "FLOAT64":
            numbers = pa.array(values, pa.float64())
            return numbers if _lies_within(numbers, -LARGE, LARGE) else None
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
    kinds = _kinds(inner)
    if kinds == {str}:
        return _quick_text(pa.array(inner, pa.string()), type_)
    if kinds == {dict} and wrapper == "$date":
        numbers = _inside(inner, "$numberLong")
        if _kinds(numbers) == {str}:
            return _moments(_quick_integers(pa.array(numbers, pa.string())), type_)
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
    if milliseconds is None or not _lies_within(milliseconds, FIRST_MOMENT // 1000, LAST_MOMENT // 1000):
        return None
    return pc.multiply(milliseconds, 1000).cast(arrow_type(type_))


def _quick_text(values: pa.Array, type_: Type) -> pa.Array | None:
    """Convert text at once, or return None."""
    try:
        match type_.name:
            case "STRING":
                return values
            case "INT64":
                return _quick_integers(values)
            case "FLOAT64":
                numbers = values.cast(pa.float64())
                return numbers if _lies_within(numbers, -EXACT_INTEGERS, EXACT_INTEGERS) else None
            case "NUMERIC" | "BIGNUMERIC":
                return _quick_decimals(values, type_)
            case "BOOL":
                return values.cast(pa.bool_())
            case "TIMESTAMP":
                return _quick_timestamps(values, type_)
            case "DATETIME":
                return in_calendar(values.cast(arrow_type(type_)))
            case "DATE":
                return in_calendar(values.cast(pa.date32()))
    except pa.ArrowInvalid:
        pass
    return None


def _quick_integers(values: pa.Array) -> pa.Array | None:
    # Arrow takes hexadecimal numbers too.
    if not _all_match(values, "^-?[0-9]+$"):
        return None
    try:
        return values.cast(pa.int64())
    except pa.ArrowInvalid:
        return None


def _quick_decimals(values: pa.Array, type_: Type) -> pa.Array | None:
    precision, scale = type_.precision_and_scale
    # Where a text has an exponent or more digits than its own numbers, Arrow gives another number without a word.
    plain = rf"^-?[0-9]{{1,{max(precision - scale, 1)}}}(\.[0-9]*)?$"
    longest = pc.max(pc.binary_length(values)).as_py() or 0
    if longest > DIGITS_OF_A_DECIMAL or not _all_match(values, plain):
        return None
    return values.cast(arrow_type(type_))


def _all_match(values: pa.Array, pattern: str) -> bool:
    return bool(pc.all(pc.match_substring_regex(values, pattern), min_count=0).as_py())


def _quick_timestamps(values: pa.Array, type_: Type) -> pa.Array | None:
    try:
        return in_calendar(values.cast(arrow_type(type_)))
    except pa.ArrowInvalid:
        # None of them may have a zone then; what is mixed raises again.
        return in_calendar(values.cast(pa.timestamp("us")).cast(pa.int64()).cast(arrow_type(type_)))


def in_calendar(values: pa.Array) -> pa.Array | None:
    """Return the dates or times of microseconds if all lie in the years 1 to 9999."""
    if pa.types.is_date32(values.type):
        inside = _lies_within(values.cast(pa.int32()), FIRST_MOMENT // DAY, LAST_MOMENT // DAY)
    else:
        inside = _lies_within(values.cast(pa.int64()), FIRST_MOMENT, LAST_MOMENT)
    return values if inside else None


def _lies_within(values: pa.Array, least: float, most: float) -> bool:
    bounds = pc.min_max(values).as_py()
    if bounds["min"] is None:
        return True
    finite = not pa.types.is_floating(values.type) or pc.all(pc.is_finite(values), min_count=0).as_py()
    return bool(finite and least <= bounds["min"] and bounds["max"] <= most)
