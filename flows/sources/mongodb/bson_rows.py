"""Documents of BSON into the rows of a table, one by one: what decides which row a document is, and which is bad."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from flows.model.bad_row import BadRow
from flows.sources.interface import RAW, Batch, arrow_schema, window_of
from flows.sources.mongodb.bson_values import canonical, document, place
from flows.sources.values.columns import Documents
from flows.sources.values.texts import BadValue

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flows.model.table import Table


def exact_batch(table: Table, data: Sequence[bytes]) -> Batch:
    """Return the rows of documents, and what is no row.

    A document is read as a line of its canonical Extended JSON would be, so that a collection and its export give
    equal rows.
    """
    documents: list[dict[str, Any]] = []
    reasons: dict[int, list[str]] = {}
    for row, text in enumerate(data):
        try:
            documents.append(document(text))
        except BadValue as error:
            documents.append({})
            reasons[row] = [str(error)]
    reader = Documents(documents, digits=True)
    columns = []
    for column in table.columns:
        read = reader.column(column.source_path or column.name, column.type)
        columns.append(read.values)
        for row, reason in read.bad.items():
            reasons.setdefault(row, []).append(reason)
        if column.name in table.key and read.values.null_count:
            for row in pc.indices_nonzero(read.values.is_null()).to_pylist():
                if row not in reasons:
                    reasons[row] = [f"{column.name} is NULL, and it is part of the key"]
    rows = pa.RecordBatch.from_arrays(columns, schema=arrow_schema(table))
    if not reasons:
        return Batch(rows)
    cursor = table.source.cursor if table.source else None
    moments = rows.column(cursor) if cursor else None
    bad = tuple(
        BadRow(
            place(data[row]),
            "; ".join(reasons[row]),
            canonical(data[row])[:RAW],
            window_of(table, moments[row].as_py()) if moments else None,
        )
        for row in sorted(reasons)
    )
    return Batch(rows.filter(pa.array([row not in reasons for row in range(len(data))])), bad)
