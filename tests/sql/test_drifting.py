"""Sums of FLOAT64 that a person sees as another type, or that decide about rows, are the same on every retry."""

import duckdb
import pytest

from flows.sql import drifting, to_duckdb

SCHEMA = {"core.events": {"id": "INT64", "s": "STRING", "f": "FLOAT64"}}
DRIFTS = [
    "SELECT SUM(f) AS x FROM core.events",
    "SELECT s, AVG(f) + 1 AS x FROM core.events GROUP BY s",
    "SELECT SUM(f) OVER (PARTITION BY s) AS x FROM core.events",
    "SELECT SUM(f) AS x FROM core.events GROUP BY s ORDER BY x",
]
STEADY = [
    "SELECT CAST(SUM(f) AS STRING) AS x FROM core.events",
    "SELECT CAST(SUM(f) AS NUMERIC) AS x FROM core.events",
    "SELECT [SUM(f)] AS x FROM core.events",
    "SELECT STRUCT(AVG(f) AS a) AS x FROM core.events",
    "SELECT s, SUM(f) AS x, RANK() OVER (ORDER BY SUM(f)) AS place FROM core.events GROUP BY s",
    "SELECT s, SUM(f) AS x FROM core.events GROUP BY s ORDER BY x DESC LIMIT 50",
    "SELECT s, SUM(f) AS x FROM core.events GROUP BY s QUALIFY ROW_NUMBER() OVER (ORDER BY SUM(f)) < 50",
    "SELECT s, SUM(f) AS x FROM core.events GROUP BY s HAVING SUM(f) > 5000",
    "SELECT DISTINCT a FROM (SELECT s, STDDEV(f) AS a FROM core.events GROUP BY s)",
    "SELECT COUNTIF(a > 0) AS x FROM (SELECT SUM(f) AS a FROM core.events GROUP BY s)",
    "SELECT STRING_AGG(s, ',' ORDER BY a, s) AS x FROM (SELECT s, SUM(f) AS a FROM core.events GROUP BY s)",
    "SELECT id, CAST(SUM(f) OVER (PARTITION BY s) AS STRING) AS x FROM core.events",
    "SELECT s, CAST(SUM(DISTINCT f / 3) AS STRING) AS x, [AVG(DISTINCT f * 2)] AS y FROM core.events GROUP BY s",
    "SELECT [STDDEV(DISTINCT f / 3)] AS x, [VAR_POP(DISTINCT id + 1)] AS y FROM core.events",
]


@pytest.fixture(scope="module")
def connection():
    with duckdb.connect() as connection:
        connection.execute("SET threads = 4; CREATE SCHEMA core; SELECT setseed(0.5)")
        rows = "SELECT i AS id, CAST(i % 100 AS VARCHAR) AS s, random() * 1000 AS f FROM range(200000) AS t(i)"
        connection.execute(f"CREATE TABLE core.events AS {rows}")
        yield connection


@pytest.mark.parametrize("sql", DRIFTS)
def test_a_float_of_its_own_may_drift(sql):
    """Its last digits are told from the rest, so that they can be compared loosely; the sum costs no more."""
    assert drifting(sql, SCHEMA) == {"x"}
    assert 'ORDER BY "t0_0_events"."f")' not in to_duckdb(sql, SCHEMA)


@pytest.mark.parametrize("sql", STEADY)
def test_what_cannot_be_compared_loosely_does_not_drift(connection, sql):
    """Rows in another order give the same digits."""
    assert not drifting(sql, SCHEMA)
    compiled = to_duckdb(sql, SCHEMA)
    first = sorted(map(repr, connection.execute(compiled).fetchall()))
    shuffled = compiled.replace('"core"."events"', '(SELECT * FROM "core"."events" ORDER BY hash(id))')
    assert sorted(map(repr, connection.execute(shuffled).fetchall())) == first
