"""Documents of BSON into the rows of a table, many at once, where that gives what `exact_batch` gives one by one."""

from __future__ import annotations

from dataclasses import dataclass, field
from struct import Struct
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from flows.model.paths import steps
from flows.sources.interface import Batch, arrow_schema, arrow_type
from flows.sources.mongodb.bson_rows import exact_batch
from flows.sources.mongodb.bson_scalars import is_null, simple
from flows.sources.mongodb.bson_values import document
from flows.sources.mongodb.bson_walk import ARRAY, DOCUMENT, MISSING, Buffer, Elements, Walker, items
from flows.sources.values.documents import WHOLE, Documents
from flows.sources.values.texts import BadValue

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flows.model.table import Table
    from flows.model.types import Type
    from flows.sources.mongodb.bson_walk import Flags, Numbers

_LENGTH = Struct("<i")


@dataclass
class _Node:
    """What the columns read at one path."""

    columns: list[int] = field(default_factory=list)
    """Which columns stand here."""
    below: dict[str, _Node] = field(default_factory=dict)


class Converter:
    """Converts the documents of one collection; what it learns of their shape makes the next batch quick."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._walker = Walker()
        self._tree = _Node()
        for index, column in enumerate(table.columns):
            node, path = self._tree, column.source_path or column.name
            for step in () if path == WHOLE else steps(path):
                node = node.below.setdefault(step, _Node())
            node.columns.append(index)

    def batch(self, data: bytes, bounds: Sequence[int]) -> Batch:
        """Return the rows of documents, and what is no row.

        Args:
            data: the documents, one after the other.
            bounds: where each begins, and where the last ends.
        """
        work = _Work(self._table, Buffer(data), self._walker, np.array(bounds[:-1], np.int64))
        work.read(self._tree)
        rows = pa.RecordBatch.from_arrays(work.arrays, schema=arrow_schema(self._table))
        if not work.strange.any():
            return Batch(rows)
        left = [data[bounds[row] : bounds[row + 1]] for row in np.flatnonzero(work.strange).tolist()]
        others = exact_batch(self._table, left)
        good = rows.filter(pa.array(~work.strange))
        return Batch(pa.concat_batches([good, others.rows]), others.bad, others.nulled)


class _Work:
    """The conversion of some documents."""

    def __init__(self, table: Table, buffer: Buffer, walker: Walker, places: Numbers) -> None:
        self.table, self.buffer, self.walker, self.places = table, buffer, walker, places
        self.strange: Flags = np.zeros(len(places), np.bool_)
        self.arrays: list[pa.Array] = [pa.nulls(len(places), arrow_type(column.type)) for column in table.columns]

    def read(self, tree: _Node) -> None:
        """Fill the arrays, and say which documents are strange."""
        rows = np.arange(len(self.places))
        if tree.columns:
            whole = Elements(np.full(len(rows), DOCUMENT, np.uint8), self.places)
            self._fill(tree, whole)
        self._descend(tree, rows, self.places, "")
        for column, array in zip(self.table.columns, self.arrays, strict=True):
            if column.name in self.table.key and array.null_count:
                self.strange |= np.asarray(array.is_null())

    def _descend(self, node: _Node, rows: Numbers, places: Numbers, level: str) -> None:
        """Read what stands below a path: the rows that have documents there, and where those begin."""
        if not node.below:
            return
        found, strange = self.walker.elements(self.buffer, level, places, node.below)
        self.strange[rows[strange]] = True
        for name, below in node.below.items():
            elements = found[name]
            if len(rows) < len(self.places):
                elements = _spread(elements, rows, len(self.places))
            self._fill(below, elements)
            if below.below:
                documents = elements.types == DOCUMENT
                self.strange |= ~(documents | is_null(elements.types))
                inside = np.flatnonzero(documents & ~self.strange)
                self._descend(below, inside, elements.places[inside], f"{level}.{name}")

    def _fill(self, node: _Node, elements: Elements) -> None:
        for index in node.columns:
            column = self.table.columns[index]
            path = column.source_path or column.name
            self.arrays[index], strange = self._column(elements, column.type, f"{path}:")
            self.strange |= strange

    def _column(self, elements: Elements, type_: Type, level: str) -> tuple[pa.Array, Flags]:
        """Return an array of elements in the order of the buffer, and which of them are strange."""
        if type_.element is not None:
            return self._list(elements, type_.element, level)
        if type_.name == "STRUCT":
            return self._struct(elements, type_, level)
        if type_.name == "JSON":
            return self._json(elements, type_)
        return simple(self.buffer, elements, type_)

    def _list(self, elements: Elements, element: Type, level: str) -> tuple[pa.Array, Flags]:
        arrays = elements.types == ARRAY
        rows = np.flatnonzero(arrays)
        strange = ~(arrays | is_null(elements.types))
        inner, found, odd = items(self.buffer, elements.places[rows])
        strange[rows[odd]] = True
        counts = np.zeros(len(arrays), np.int64)
        counts[rows] = found
        values, odd = self._column(inner, element, level)
        # An ARRAY holds no null.
        odd = odd | is_null(inner.types)
        if odd.any():
            strange[np.repeat(np.arange(len(arrays)), counts)[odd]] = True
        offsets = np.zeros(len(arrays) + 1, np.int32)
        np.cumsum(counts, out=offsets[1:])
        mask = None if len(rows) == len(arrays) else pa.array(~arrays)
        return pa.ListArray.from_arrays(pa.array(offsets), values, mask=mask), strange

    def _struct(self, elements: Elements, type_: Type, level: str) -> tuple[pa.Array, Flags]:
        documents = elements.types == DOCUMENT
        rows = np.flatnonzero(documents)
        strange = ~(documents | is_null(elements.types))
        names = [name for name, _ in type_.fields]
        found, odd = self.walker.elements(self.buffer, level, elements.places[rows], names)
        strange[rows[odd]] = True
        columns, fields = [], []
        for name, inner in type_.fields:
            below = found[name] if len(rows) == len(documents) else _spread(found[name], rows, len(documents))
            array, odd = self._column(below, inner, f"{level}.{name}")
            strange |= odd
            columns.append(array)
            fields.append(pa.field(name, array.type))
        mask = None if len(rows) == len(documents) else pa.array(~documents)
        return pa.StructArray.from_arrays(columns, fields=fields, mask=mask), strange

    def _json(self, elements: Elements, type_: Type) -> tuple[pa.Array, Flags]:
        """Convert one by one; only documents and arrays, which are what such a column is for."""
        nested = (elements.types == DOCUMENT) | (elements.types == ARRAY)
        strange = ~(nested | is_null(elements.types))
        values: list[object] = [None] * len(nested)
        data = self.buffer.data
        for row in np.flatnonzero(nested).tolist():
            place = int(elements.places[row])
            text = data[place : place + _LENGTH.unpack_from(data, place)[0]]
            try:
                value = document(text)
            except BadValue:
                strange[row] = True
            else:
                values[row] = value if elements.types[row] == DOCUMENT else list(value.values())
        column = Documents((), digits=True).nested(values, type_, "")
        strange[list(column.bad)] = True
        return column.values, strange


def _spread(elements: Elements, rows: Numbers, count: int) -> Elements:
    """Return the elements of some rows as those of all; the others have none."""
    types, places = np.full(count, MISSING, np.uint8), np.zeros(count, np.int64)
    types[rows], places[rows] = elements.types, elements.places
    return Elements(types, places)
