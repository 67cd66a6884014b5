"""What DuckDB gives for expressions in each row of a table, with an error in the place of a value."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import duckdb

if TYPE_CHECKING:
    from collections.abc import Sequence

ERROR = "error"
FAILURES = (
    *(duckdb.InvalidInputException, duckdb.OutOfRangeException, duckdb.ConversionException),
    duckdb.NotImplementedException,  # a zone that is not known
    UnicodeDecodeError,  # DuckDB cuts the text of an error within a character
)
"""What a value can end in."""


def evaluated(
    connection: duckdb.DuckDBPyConnection, columns: Sequence[str], source: str, rows: Sequence[int] | None = None
) -> list[list[Any]]:
    """Return for each column its values in the rows with these `id`s, in their order; without `rows` in the only one.

    All are asked for at once. Where that fails columns and then rows are halved: ask for what is known to fail with `one_by_one`.
    """
    if not columns or rows == []:
        return [[] for _ in columns]
    listed = ", ".join(f"{{'v': {column}}}" for column in columns)
    where = "" if rows is None else f" WHERE id IN ({', '.join(map(str, rows))}) ORDER BY id"
    try:
        found = connection.execute(f"SELECT {listed}{source}{where}").fetchall()
        return [[value["v"] for value in values] for values in zip(*found, strict=True)]
    except FAILURES:
        pass
    if len(columns) > 1:
        half = len(columns) // 2
        parts = [evaluated(connection, part, source, rows) for part in (columns[:half], columns[half:])]
        return list(itertools.chain(*parts))
    if rows is None or len(rows) == 1:
        return [[ERROR]]
    half = len(rows) // 2
    parts = [evaluated(connection, columns, source, part)[0] for part in (rows[:half], rows[half:])]
    return [list(itertools.chain(*parts))]


def one_by_one(connection: duckdb.DuckDBPyConnection, column: str, source: str, rows: Sequence[int]) -> list[Any]:
    """Return a column's values in the rows with these `id`s, each asked for alone; its SQL is parsed once for all."""
    if not rows:
        return []
    (statement,) = connection.extract_statements(f"SELECT {{'v': {column}}}{source} WHERE id = $id")
    found = []
    for row in rows:
        try:
            [(value,)] = connection.execute(statement, {"id": row}).fetchall()
            found.append(value["v"])
        except FAILURES:
            found.append(ERROR)
    return found
