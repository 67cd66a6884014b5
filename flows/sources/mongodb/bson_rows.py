"""Documents of BSON into the rows of a table, one by one: what decides which row a document is, and which is bad."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from flows.model.bad_row import BadRow
from flows.sources.interface import RAW, Batch, arrow_schema, window_of
from flows.sources.mongodb.bson_values import canonical, document, place
from flows.sources.values.documents import Documents
from flows.sources.values.rejected import Rejected
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
    rejected = Rejected()
    for row, text in enumerate(data):
        try:
            documents.append(document(text))
        except BadValue as error:
            documents.append({})
            rejected.reasons[row] = [str(error)]
    reader = Documents(documents, digits=True)
    columns = []
    for column in table.columns:
        read = reader.column(column.source_path or column.name, column.type)
        columns.append(rejected.column(column, read.values, read.bad))
        if column.name in table.key:
            rejected.require(read.values, f"{column.name} is NULL, and it is part of the key", unless=rejected.reasons)
    rows = pa.RecordBatch.from_arrays(columns, schema=arrow_schema(table))
    cursor = table.source.cursor if table.source else None
    moments = rows.column(cursor) if cursor else None
    bad = tuple(
        BadRow(
            place(data[row]),
            "; ".join(reasons),
            canonical(data[row])[:RAW],
            window_of(table, moments[row].as_py()) if moments else None,
        )
        for row, reasons in sorted(rejected.reasons.items())
    )
    return Batch(rejected.kept(rows), bad, rejected.nulled)
