"""Columns of parsed JSON documents as Arrow arrays of their GoogleSQL types, and the rows that do not fit."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from itertools import accumulate, chain
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import orjson

from flows.model.paths import steps
from flows.sources.values.column_values import ColumnValues, each, nest, struct
from flows.sources.values.extended_json import json_text, unwrapped
from flows.sources.values.quick_values import LARGE, kinds_of, quick
from flows.sources.values.texts import BadValue, Number, shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flows.model.types import Type

WHOLE = "$"
"""The path of the whole document."""
_FRACTION = re.compile(rb"[0-9][.eE]")


class DigitsLostError(Exception):
    """The documents hold numbers whose digits matter, and were parsed without them: parse them with `parse_exactly`."""


def is_beyond(error: orjson.JSONDecodeError) -> bool:
    """Say whether what is wrong with a JSON text is a number that is greater than doubles are."""
    return "infinity" in str(error)


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
            if not kinds_of(values) <= {dict}:
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
        at_once = quick(values, type_)
        if at_once is not None:
            return ColumnValues(at_once)
        if not self.digits and any(_needs_digits(value, type_) for value in values):
            raise DigitsLostError
        return each(values, type_, path)

    def _list(self, values: list[Any], element: Type, path: str) -> ColumnValues:
        bad = {}
        if not kinds_of(values) <= {list}:
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
        if not kinds_of(values) <= {dict}:
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


def _unwrapped_quietly(value: dict[str, Any]) -> Any:  # noqa: ANN401
    """Return what Extended JSON wraps, or None where that is broken."""
    try:
        return unwrapped(value)
    except BadValue:
        return None


def _no(kind: type, value: object) -> bool:
    return value is not None and type(value) is not kind


def _field(documents: Sequence[dict[str, Any]], name: str) -> list[Any]:
    try:
        return list(map(itemgetter(name), documents))
    except KeyError:
        return [document.get(name) for document in documents]


def _nulls(values: Sequence[Any]) -> list[int]:
    if type(None) not in set(map(type, values)):
        return []
    return [index for index, value in enumerate(values) if value is None]


def _needs_digits(value: object, type_: Type) -> bool:
    if type(value) is not float:
        return False
    return type_.name in {"INT64", "NUMERIC", "BIGNUMERIC"} or (type_.name == "FLOAT64" and abs(value) >= LARGE)
