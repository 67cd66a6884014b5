"""Run GoogleSQL in DuckDB: the engine's own, and what people wrote."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import sqlglot
from sqlglot import exp

from flows.model.types import Type
from flows.sql import to_duckdb
from flows.sql.types import duckdb_type
from flows.warehouses.interface import PAGE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import duckdb

    from flows.warehouses.interface import Query


def fetch(connection: duckdb.DuckDBPyConnection, sql: str, parameters: Mapping[str, object]) -> list[dict[str, Any]]:
    """Run the engine's own GoogleSQL; return its rows by column name."""
    return by_name(execute(connection, _translate(sql), parameters))


def fetch_pages(
    connection: duckdb.DuckDBPyConnection, sql: str, parameters: Mapping[str, object]
) -> Iterator[list[dict[str, Any]]]:
    """Run the engine's own GoogleSQL; give its rows, some at a time."""
    found = execute(connection, _translate(sql), parameters)
    names = [item[0] for item in found.description or ()]
    while rows := found.fetchmany(PAGE):
        yield [dict(zip(names, row, strict=True)) for row in rows]


def execute(
    connection: duckdb.DuckDBPyConnection, sql: str, parameters: Mapping[str, object]
) -> duckdb.DuckDBPyConnection:
    """Run a statement of DuckDB's with those of the parameters that it names: DuckDB refuses others.

    DuckDB itself says which, for what looks like one may stand in a text or a quoted name.
    """
    (statement,) = connection.extract_statements(sql)
    return connection.execute(statement, {name: parameters[name] for name in statement.named_parameters})


def by_name(cursor: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """Return the rows of a result by column name."""
    names = [item[0] for item in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


@lru_cache(maxsize=64)
def translate_query(query: Query) -> str:
    """Return a query in DuckDB's SQL."""
    return to_duckdb(query.sql, query.schema, query.keys)


@lru_cache(maxsize=512)
def _translate(sql: str) -> str:
    """Transpile the engine's own SQL, which keeps to what both dialects mean alike but for the decimal types."""
    return sqlglot.parse_one(sql, read="bigquery").transform(_exact_decimals).sql("duckdb")


def _exact_decimals(node: exp.Expr) -> exp.Expr:
    if isinstance(node, exp.DataType) and node.is_type("decimal", "bigdecimal") and not node.expressions:
        return exp.DataType.build(duckdb_type(Type("NUMERIC" if node.is_type("decimal") else "BIGNUMERIC")))
    return node
