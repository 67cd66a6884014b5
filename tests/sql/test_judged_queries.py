"""Queries give the types and rows of GoogleSQL's own reference implementation, or are refused by name."""

from datetime import UTC, datetime

import duckdb
import pytest

from flows.model.errors import SqlError
from flows.sql import analyze, output, to_duckdb
from flows.sql.compile.compiler import compiled
from flows.sql.parse.parser import parse_any
from tests.sql.judged_queries import ROWS, load, rendered, same

TABLES, CASES, _ = load()
WINDOW = {"window_start": datetime(2026, 1, 1, tzinfo=UTC), "window_end": datetime(2026, 1, 2, tzinfo=UTC)}


@pytest.fixture(scope="module")
def warehouse():
    """A connection with the tables of the file, and their schema."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'; CREATE SCHEMA core")
        schema = {}
        for name, sql in TABLES.items():
            schema[name] = dict(analyze(sql, {}, {}).columns)
            connection.execute(f"CREATE TABLE {name} AS {to_duckdb(sql, {})}")
        yield connection, schema


def rows_of(connection, sql, types):
    """Return the rows of DuckDB's SQL, or None where it ends in an error that a value can end in."""
    listed = ", ".join(rendered(f"c{place}", type_) for place, type_ in enumerate(types))
    names = ", ".join(f"c{place}" for place in range(len(types)))
    window = {name: value for name, value in WINDOW.items() if f"${name}" in sql}
    try:
        return connection.execute(f"SELECT {listed} FROM ({sql}) AS q({names})", window or None).fetchall()
    except (duckdb.InvalidInputException, duckdb.OutOfRangeException, duckdb.ConversionException):
        return None


def ours(sql, schema):
    """Return the types of a query's columns and DuckDB's SQL; columns need no names here."""
    relation, context = compiled(parse_any(sql), schema, {})
    if context.faults:
        raise SqlError(context.faults)
    return [output(value.type) for _, value in relation.columns], relation.sql


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.written[:80])
def test_a_query_gives_what_googlesql_gives(warehouse, case):
    """Types, values and errors are GoogleSQL's own."""
    connection, schema = warehouse
    if case.refusal is not None:
        with pytest.raises(SqlError) as refused:
            to_duckdb(case.sql(), schema)
        assert case.refusal in str(refused.value)
        return
    wanted_types, wanted = case.given()
    if not wanted_types:
        try:
            types, compiled_sql = ours(case.sql(), schema)
        except SqlError:
            return
        assert rows_of(connection, compiled_sql, types) is None
        return
    types, compiled_sql = ours(case.sql(), schema)
    assert ", ".join(map(str, types)) == wanted_types
    found = rows_of(connection, compiled_sql, types)
    if case.by_row and found is None:
        each = [rows_of(connection, ours(case.sql(row), schema)[1], types) for row in ROWS]
        found = [one[0] if one is not None else ("!",) for one in each]
    assert found is not None
    ordered = case.by_row or "ORDER BY" in case.sql().rsplit(")", 1)[-1]
    waiting = [list(row) for row in found]
    assert len(waiting) == len(wanted)
    for row in wanted:
        at = next(
            (at for at, one in enumerate(waiting[:1] if ordered else waiting) if all(map(equal, one, row, types))), None
        )
        assert at is not None, (waiting, row)
        del waiting[at]


def equal(found, wanted, type_):
    return found == wanted == "!" or (found != "!" and wanted != "!" and same(found, wanted, type_))
