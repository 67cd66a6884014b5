"""Every expression of the table has GoogleSQL's type and value when DuckDB computes it."""

import math
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from flows.model.errors import SqlError
from flows.sql import analyze, to_duckdb
from flows.sql.parse.parser import parse_any
from flows.sql.parse.write import text_of

FOUR = "WITH four AS (SELECT x, CAST(x AS NUMERIC) AS n FROM UNNEST([1, 2, 2, NULL]) AS x) "
NAMES = {
    "Decimal": Decimal,
    "date": date,
    "datetime": datetime,
    "time": time,
    "utc": lambda *parts: datetime(*parts, tzinfo=UTC),
    "nan": math.nan,
    "inf": math.inf,
}


def cases():
    lines = Path(__file__).with_name("googlesql_cases.txt").read_text().splitlines()
    for line in lines:
        if line and not line.startswith("#"):
            expression, type_, value = line.rsplit(" | ", 2)
            yield pytest.param(expression, type_, value, id=expression)


@pytest.fixture(scope="module")
def connection():
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        yield connection


def query(expression):
    if expression.startswith(("SELECT", "WITH")):
        return FOUR + expression if "four" in expression else expression
    return f"SELECT {expression} AS r"


def run(connection, sql):
    compiled = to_duckdb(sql, {})
    parameters = {"window_start": datetime(2026, 1, 1, tzinfo=UTC)} if "$window_start" in compiled else None
    return connection.execute(compiled, parameters).fetchall()


def same(left, right):
    if isinstance(left, float) and math.isnan(left):
        return isinstance(right, float) and math.isnan(right)
    return left == right and type(left) is type(right)


@pytest.mark.parametrize(("expression", "type_", "value"), list(cases()))
def test_duckdb_gives_what_googlesql_documents(connection, expression, type_, value):
    """A value and its type are GoogleSQL's, or the refusal names what is refused."""
    sql = query(expression)
    if type_ == "refused":
        with pytest.raises(SqlError) as refused:
            to_duckdb(sql, {})
        assert value in str(refused.value)
        return
    if type_ == "error":
        with pytest.raises(duckdb.Error) as failed:
            run(connection, sql)
        assert value in str(failed.value)
        return
    ((_, found),) = analyze(sql, {}, {}).columns
    assert str(found) == type_
    ((row,), *rest) = run(connection, sql)
    assert not rest
    assert same(row, eval(value, NAMES)), row  # noqa: S307 - the table is ours


@pytest.mark.parametrize(("expression", "type_", "value"), list(cases()))
def test_a_tree_is_written_as_what_it_was_read_from(expression, type_, value):
    """What a tree is written as compiles to the same SQL."""
    del value
    if type_ != "refused":
        sql = query(expression)
        assert to_duckdb(text_of(parse_any(sql)), {}) == to_duckdb(sql, {})
