"""Run GoogleSQL in DuckDB: the engine's own, and what people wrote."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import sqlglot
from sqlglot import exp

from flows.model.types import Type
from flows.sql import to_duckdb
from flows.sql.types import duckdb_type

if TYPE_CHECKING:
    from collections.abc import Mapping

    import duckdb

    from flows.warehouses.interface import Query


def fetch(connection: duckdb.DuckDBPyConnection, sql: str, parameters: Mapping[str, object]) -> list[dict[str, Any]]:
    """Run the engine's own GoogleSQL; return its rows by column name."""
    translated = _translate(sql)
    return by_name(connection.execute(translated, used(translated, parameters)))


def by_name(cursor: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """Return the rows of a result by column name."""
    names = [item[0] for item in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


@lru_cache(maxsize=64)
def translate_query(query: Query) -> str:
    """Return a query in DuckDB's SQL."""
    return to_duckdb(query.sql, query.schema)


@lru_cache(maxsize=512)
def _translate(sql: str) -> str:
    """Transpile the engine's own SQL, which keeps to what both dialects mean alike but for the decimal types."""
    return sqlglot.parse_one(sql, read="bigquery").transform(_exact_decimals).sql("duckdb")


def _exact_decimals(node: exp.Expr) -> exp.Expr:
    if isinstance(node, exp.DataType) and node.is_type("decimal", "bigdecimal") and not node.expressions:
        return exp.DataType.build(duckdb_type(Type("NUMERIC" if node.is_type("decimal") else "BIGNUMERIC")))
    return node


def used(sql: str, parameters: Mapping[str, object]) -> dict[str, object]:
    """Return the parameters that a statement names: DuckDB refuses others."""
    named = set(re.findall(r"\$([A-Za-z_]\w*)", sql))
    return {name: value for name, value in parameters.items() if name in named}
