"""Joins of which DuckDB alone takes something for proven that is not: what is compiled for them gives the right rows."""

import duckdb
import pytest

from flows.sql import to_duckdb


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT l.n, r.n AS m FROM core.l AS l FULL JOIN core.l AS r ON l.id = r.id ORDER BY l.n, m LIMIT 2",
        "WITH w AS (SELECT l.n, r.n AS m FROM core.l AS l FULL JOIN core.l AS r USING (id)) SELECT n, m FROM w ORDER BY 1, 2 LIMIT 2",
        "SELECT n, n AS m FROM UNNEST([0, 1, 2]) AS n UNION ALL SELECT l.n, r.n FROM core.l AS l FULL JOIN core.l AS r USING (id) WHERE l.n > 9 ORDER BY n LIMIT 2",
    ],
)
def test_the_first_rows_of_a_full_join_are_first_after_it(sql):
    """DuckDB alone looks for them before it joins, and gives NULL in the place of what it has left out."""
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute(
            "CREATE SCHEMA core; CREATE TABLE core.l AS SELECT range AS id, range AS n FROM range(130000)"
        )
        compiled = to_duckdb(sql, {"core.l": {"id": "INT64", "n": "INT64"}})
        assert connection.execute(compiled).fetchall() == [(0, 0), (1, 1)]


@pytest.mark.parametrize(
    "joined",
    [
        "core.l AS l LEFT JOIN core.l AS r ON r.n < -5",
        "core.l AS l LEFT JOIN core.l AS r ON l.id = r.id AND r.n < -5",
        "core.l AS r RIGHT JOIN core.l AS l ON r.n < -5",
        "core.l AS l FULL JOIN (SELECT id FROM core.l WHERE n < -5) AS r USING (id)",
        "((core.l AS l LEFT JOIN core.l AS r ON r.n < -5) LEFT JOIN core.l AS s ON s.id = r.n)",
        "core.l AS l LEFT JOIN (SELECT MAX(n) AS n FROM core.l WHERE n < -5) AS r ON TRUE",
    ],
)
def test_what_statistics_prove_of_one_side_of_a_join_is_not_held_of_the_join(joined):
    """DuckDB alone takes the join to have no rows: LIMIT lets all through, EXISTS is false, SUM overflows in silence."""
    with duckdb.connect() as connection:
        connection.execute(
            "CREATE SCHEMA core; CREATE TABLE core.l AS SELECT range AS id, 2**62::BIGINT AS n FROM range(6)"
        )

        def given(sql):
            return connection.execute(to_duckdb(sql, {"core.l": {"id": "INT64", "n": "INT64"}})).fetchall()

        assert len(given(f"SELECT l.n FROM {joined} LIMIT 2")) == 2
        assert given(f"SELECT 1 AS x FROM (SELECT 1) WHERE EXISTS (SELECT l.n FROM {joined})") == [(1,)]
        with pytest.raises(duckdb.ConversionException, match="out of range"):
            given(f"SELECT SUM(l.n) AS x FROM {joined}")
