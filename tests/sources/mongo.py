"""Core tables over a collection in a line, for the tests of MongoDB."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flows.model.table import Table
from flows.sources.interface import arrow_schema

if TYPE_CHECKING:
    from flows.model.bad_row import BadRow
    from flows.model.window import Window
    from flows.sources.mongodb.reader import MongodbReader


def core_table(columns: dict[str, str], *, cursor: str | None = None, **fields: Any) -> Table:
    """Return a core table over the collection `things`; its key is the first column, its windows are days.

    A column is written `name` or `name=path`.
    """
    parts = [(*name.split("=", 1), type_) if "=" in name else (name, None, type_) for name, type_ in columns.items()]
    overlap = {"overlap": fields.pop("overlap")} if "overlap" in fields else {}
    source = {"kind": "mongodb", "connection": "shop", "collection": fields.pop("collection", "things")}
    return Table.model_validate(
        {
            "dataset": "core",
            "name": "things",
            "description": "A thing of the shop.",
            "owner": "shop@example.com",
            "schedule": "0 * * * *",
            "strategy": "merge" if cursor else "replace",
            "window": {"size": "1 day", "start": "2024-01-01"} if cursor else None,
            "key": (parts[0][0],),
            "columns": tuple(
                {"name": name, "type": type_} | ({"from": there} if there else {}) for name, there, type_ in parts
            ),
            "source": source | {"cursor": cursor} | overlap,
        }
        | fields
    )


def read(
    reader: MongodbReader, table: Table, window: Window | None = None
) -> tuple[list[dict[str, Any]], list[BadRow]]:
    """Return all rows and all bad rows, after a look at their schema."""
    batches = list(reader.read(table, window))
    for batch in batches:
        batch.rows.validate(full=True)
        assert batch.rows.schema == arrow_schema(table)
    return [row for batch in batches for row in batch.rows.to_pylist()], [row for batch in batches for row in batch.bad]
