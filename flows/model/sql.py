"""GoogleSQL: parse, validate, find what a query reads and gives, and transpile it for DuckDB."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import sqlglot
from sqlglot import exp
from sqlglot.errors import ErrorLevel, OptimizeError, ParseError, SqlglotError, TokenError, UnsupportedError
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import traverse_scope
from sqlglot.schema import MappingSchema

from flows.model.dependency import Analysis, Dependency, Edge
from flows.model.duckdb_sql import rewrite
from flows.model.errors import SqlError, SqlFault, did_you_mean
from flows.model.reach import dependencies
from flows.model.types import Type, parse_type

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Analysis", "Dependency", "Edge", "analyze", "canonical", "parse", "replace_table", "tables", "to_duckdb"]

PARAMETERS = ("window_start", "window_end")
VARYING = {
    "RAND": "a value of the row, such as FARM_FINGERPRINT(id)",
    "GENERATE_UUID": "a key made of the row's columns",
    "CURRENT_TIMESTAMP": "@window_end",
    "CURRENT_DATE": "DATE(@window_end)",
    "CURRENT_DATETIME": "DATETIME(@window_end)",
    "CURRENT_TIME": "TIME(@window_end)",
    "SESSION_USER": "a literal",
}
"""Functions that give another value each time, and what to write instead."""
_VARYING_NODES = {
    exp.Rand: "RAND",
    exp.Uuid: "GENERATE_UUID",
    exp.CurrentTimestamp: "CURRENT_TIMESTAMP",
    exp.CurrentDate: "CURRENT_DATE",
    exp.CurrentDatetime: "CURRENT_DATETIME",
    exp.CurrentTime: "CURRENT_TIME",
    exp.SessionUser: "SESSION_USER",
}


def parse(sql: str) -> exp.Query:
    """Parse a table's SQL: exactly one SELECT, the same result at every run.

    Raises:
        SqlError: with everything that is wrong.
    """
    query = _one_select(sql)
    faults = [*_parameter_faults(query, sql), *_varying_faults(query)]
    for table in query.find_all(exp.Table):
        if not table.db and table.name and table.name not in _names_of_ctes(query):
            message = f"'{table.name}' has no dataset. Write dataset.{table.name}."
            faults.append(SqlFault(_line(table), message))
    if faults:
        raise SqlError(faults)
    return query


def canonical(sql: str) -> str:
    """Return the SQL in one layout without comments: what it means, not how it is written."""
    return _one_select(sql).sql("bigquery", comments=False, normalize_functions="upper")


def tables(sql: str) -> tuple[str, ...]:
    """Return the identities of the tables that a query reads, by name."""
    query = _one_select(sql)
    return tuple(sorted({f"{table.db}.{table.name}" for table in query.find_all(exp.Table) if table.db}))


def replace_table(sql: str, identity: str, relation: str) -> str:
    """Return a SELECT in GoogleSQL in which a table is another one, or a subquery in parentheses."""

    def swap(node: exp.Expr) -> exp.Expr:
        if not (isinstance(node, exp.Table) and f"{node.db}.{node.name}" == identity):
            return node
        replacement = exp.maybe_parse(relation, into=exp.Table, dialect="bigquery") if relation[0] != "(" else None
        other = replacement or exp.Subquery(this=sqlglot.parse_one(relation[1:-1], read="bigquery"))
        other.set("alias", exp.TableAlias(this=exp.to_identifier(node.alias or node.name)))
        return other

    return _one_select(sql).transform(swap).sql("bigquery")


def analyze(sql: str, schema: Mapping[str, Mapping[str, Type]], partitions: Mapping[str, str]) -> Analysis:
    """Find what a query reads and gives.

    Args:
        sql: one SELECT in GoogleSQL.
        schema: types by column, of each table by identity.
        partitions: the partition column of each table that has one.

    Raises:
        SqlError: with everything that is wrong.
    """
    query = parse(sql)
    unknown = [
        SqlFault(
            _line(table),
            f"there is no table '{table.db}.{table.name}'.{did_you_mean(f'{table.db}.{table.name}', schema)}",
        )
        for table in query.find_all(exp.Table)
        if table.db and f"{table.db}.{table.name}" not in schema
    ]
    if unknown:
        raise SqlError(unknown)
    typed = _typed(query, schema)
    dates = frozenset(name for name, column in partitions.items() if schema[name][column].name == "DATE")
    return Analysis(dependencies(typed, partitions, dates), tuple(_outputs(typed)))


def to_duckdb(sql: str, schema: Mapping[str, Mapping[str, Type]], *, pretty: bool = False) -> str:
    """Return a query in DuckDB's SQL that means the same; query parameters stay parameters ($name).

    Args:
        sql: one SELECT in GoogleSQL.
        schema: types by column, of each table by identity; a query over others than these stays untyped.
        pretty: whether to lay it out for people.

    Raises:
        SqlError: a construct that the embedded warehouse does not have, by name.
    """
    query = _one_select(sql)
    known = all(f"{table.db}.{table.name}" in schema for table in query.find_all(exp.Table) if table.db)
    if known and schema:
        query = _typed(query, schema)
    rewritten = rewrite(query)
    try:
        return rewritten.sql("duckdb", unsupported_level=ErrorLevel.RAISE, pretty=pretty)
    except UnsupportedError as error:
        raise SqlError([SqlFault(1, f"{error}; the embedded warehouse cannot do it")]) from None


def _one_select(sql: str) -> exp.Query:
    try:
        statements = [statement for statement in sqlglot.parse(sql, read="bigquery") if statement is not None]
    except ParseError as error:
        first = error.errors[0]
        near = str(first["highlight"]).strip()
        raise SqlError([SqlFault(int(str(first["line"])), f"{first['description']} near '{near}'")]) from None
    except (TokenError, SqlglotError) as error:
        raise SqlError([SqlFault(1, str(error).split("\n", 1)[0])]) from None
    if len(statements) != 1:
        raise SqlError([SqlFault(1, f"a table's SQL is exactly one SELECT; here are {len(statements)} statements.")])
    query = statements[0].unnest()
    if not isinstance(query, exp.Query):
        raise SqlError([SqlFault(1, f"a table's SQL is exactly one SELECT; this is {query.key.upper()}.")])
    return query


def _parameter_faults(query: exp.Query, sql: str) -> Iterator[SqlFault]:
    lines = sql.splitlines()
    for parameter in query.find_all(exp.Parameter, exp.Placeholder):
        name = parameter.name
        if isinstance(parameter, exp.Parameter) and name.lower() in PARAMETERS:
            continue
        line = next((i for i, text in enumerate(lines, 1) if re.search(rf"@{re.escape(name)}\b", text)), 1)
        hint = did_you_mean(name, PARAMETERS).replace("'window", "'@window")
        yield SqlFault(line, f"there is no parameter '@{name}'.{hint or ' There are @window_start and @window_end.'}")


def _varying_faults(query: exp.Query) -> Iterator[SqlFault]:
    for node in query.find_all(*_VARYING_NODES):
        name = _VARYING_NODES[type(node)]
        yield SqlFault(_line(node), f"{name} gives another value at every run. Write {VARYING[name]}.")


def _names_of_ctes(query: exp.Query) -> set[str]:
    return {cte.alias for cte in query.find_all(exp.CTE)}


def _typed(query: exp.Query, schema: Mapping[str, Mapping[str, Type]]) -> exp.Query:
    """Return a copy with qualified columns and types. Raises SqlError for columns that do not exist."""
    datasets: dict[str, dict[str, dict[str, str]]] = {}
    for identity, columns in schema.items():
        dataset, name = identity.split(".", 1)
        datasets.setdefault(dataset, {})[name] = {column: str(type_.base) for column, type_ in columns.items()}
    mapping = MappingSchema(dict(datasets), dialect="bigquery")
    try:
        qualified = qualify(
            query.copy(), schema=mapping, dialect="bigquery", validate_qualify_columns=False, quote_identifiers=False
        )
    except OptimizeError as error:
        raise SqlError([SqlFault(1, str(error))]) from None
    faults = list(_column_faults(qualified))
    if faults:
        raise SqlError(faults)
    return annotate_types(qualified, schema=mapping, dialect="bigquery")


def _column_faults(query: exp.Expr) -> Iterator[SqlFault]:
    for scope in traverse_scope(query):
        known = {
            column
            for source in scope.sources.values()
            if not isinstance(source, exp.Table)
            for column in getattr(source.expression, "named_selects", ())
        }
        for column in scope.unqualified_columns:
            yield SqlFault(_line(column), f"there is no column '{column.name}'.{did_you_mean(column.name, known)}")


def _outputs(query: exp.Query) -> Iterator[tuple[str, Type]]:
    for number, column in enumerate(query.selects, 1):
        name = column.alias_or_name
        if not name or name == f"_col_{number - 1}":
            raise SqlError([SqlFault(_line(column), f"column {number} has no name. Write ... AS name.")])
        kind = column.type.sql("bigquery") if column.type else "UNKNOWN"
        try:
            yield name, parse_type(kind).base
        except ValueError:
            message = f"the type of '{name}' cannot be told. Write CAST(... AS TYPE) AS {name}."
            raise SqlError([SqlFault(_line(column), message)]) from None


def _line(node: exp.Expr) -> int:
    for part in node.walk():
        if "line" in part.meta:
            return int(part.meta["line"])
    return 1
