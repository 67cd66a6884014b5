"""What gives other rows on a retry is refused; what any order of rows gives alike is fine."""

import duckdb
import pytest

from flows.model.errors import SqlError
from flows.model.types import parse_type
from flows.sql import analyze, to_duckdb

SCHEMA = {
    "core.events": {
        "id": parse_type("INT64"),
        "s": parse_type("STRING"),
        "ts": parse_type("TIMESTAMP"),
        "parts": parse_type("ARRAY<STRING>"),
    }
}

REFUSED = {
    "SELECT ARRAY_AGG(s LIMIT 1) AS x FROM core.events": "ARRAY_AGG without ORDER BY",
    "SELECT ARRAY_AGG(s) AS x FROM core.events": "Write ARRAY_AGG(s ORDER BY s)",
    "SELECT ARRAY_AGG(s IGNORE NULLS LIMIT 3) AS x FROM core.events": "Write ARRAY_AGG(s IGNORE NULLS ORDER BY s LIMIT 3)",
    "SELECT ARRAY_AGG(DISTINCT s) AS x FROM core.events": "Write ARRAY_AGG(DISTINCT s ORDER BY s)",
    "SELECT ARRAY_AGG(STRUCT(s, id)) AS x FROM core.events": "Write ARRAY_AGG(STRUCT(s, id) ORDER BY s)",
    "SELECT ARRAY_CONCAT_AGG(parts) AS x FROM core.events": "ARRAY_CONCAT_AGG without ORDER BY",
    "SELECT STRING_AGG(s) AS x FROM core.events": "STRING_AGG without ORDER BY",
    "SELECT STRING_AGG(s, ';') AS x FROM core.events": "STRING_AGG without ORDER BY",
    "SELECT STRING_AGG(s, ';' ORDER BY 1) AS x FROM core.events": "STRING_AGG in the order of '1', which is the same for all rows",
    "SELECT ARRAY_AGG(s ORDER BY DATE(@window_start)) AS x FROM core.events": "which is the same for all rows",
    "SELECT IF(id > 1, STRING_AGG(s), '') AS x FROM core.events GROUP BY id": "STRING_AGG without ORDER BY",
    "SELECT STRING_AGG(s) OVER (PARTITION BY id) AS x FROM core.events": "STRING_AGG without ORDER BY",
    "SELECT id FROM core.events LIMIT 3 OFFSET 2": "LIMIT without ORDER BY",
    "SELECT id FROM core.events ORDER BY 1 + 1 LIMIT 3": "LIMIT in the order of '1 + 1'",
    "SELECT 5 AS five, id FROM core.events ORDER BY 1 LIMIT 3": "LIMIT in the order of '5'",
    "SELECT 5 AS five, id FROM core.events ORDER BY five LIMIT 3": "LIMIT in the order of 'five'",
    "SELECT id FROM (SELECT id FROM core.events ORDER BY id) LIMIT 3": "LIMIT without ORDER BY",
    "SELECT p FROM core.events AS e, UNNEST(e.parts) AS p LIMIT 3": "LIMIT without ORDER BY",
    "SELECT id, (SELECT DISTINCT p FROM UNNEST(e.parts) AS p LIMIT 1) AS x FROM core.events AS e": "LIMIT without ORDER BY",
    "SELECT (SELECT RANK() OVER (ORDER BY p) FROM UNNEST(e.parts) AS p LIMIT 1) AS x FROM core.events AS e": "LIMIT without ORDER BY",
    "SELECT id FROM core.events ORDER BY id OFFSET 3": "OFFSET 3 has no LIMIT before it. Write LIMIT count OFFSET 3.",
    "SELECT ROW_NUMBER() OVER (ORDER BY 1) AS x FROM core.events": "ROW_NUMBER in the order of '1'",
    "SELECT ROW_NUMBER() OVER (PARTITION BY id ORDER BY id) AS x FROM core.events": "ROW_NUMBER in the order of 'id'",
    "SELECT FIRST_VALUE(s) OVER (PARTITION BY id) AS x FROM core.events": "FIRST_VALUE without ORDER BY",
    "SELECT LAST_VALUE(s IGNORE NULLS) OVER w AS x FROM core.events WINDOW w AS (ORDER BY 'a')": "LAST_VALUE in the order of",
    "SELECT RANK() OVER () AS x FROM core.events": "RANK without ORDER BY",
    "SELECT NTILE(4) OVER (PARTITION BY id) AS x FROM core.events": "NTILE without ORDER BY",
    "SELECT SUM(id) OVER (ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS x FROM core.events": "SUM without ORDER BY",
    "SELECT SUM(id) OVER (ORDER BY 1 ROWS UNBOUNDED PRECEDING) AS x FROM core.events": "SUM in the order of '1'",
    "SELECT id FROM core.events QUALIFY ROW_NUMBER() OVER (PARTITION BY s) = 1": "ROW_NUMBER without ORDER BY",
    "SELECT STRING_AGG(s, '; ') AS x FROM core.events": "Write STRING_AGG(s, '; ' ORDER BY s)",
    "SELECT ROW_NUMBER() OVER (ORDER BY (SELECT 1)) AS x FROM core.events": "which is the same for all rows",
    "SELECT id FROM core.events ORDER BY (SELECT 1) LIMIT 3": "which is the same for all rows",
    "SELECT ROW_NUMBER() OVER (PARTITION BY e.id ORDER BY id) AS x FROM core.events AS e": "ROW_NUMBER in the order of 'id'",
    "SELECT ROW_NUMBER() OVER (PARTITION BY (id) ORDER BY ID) AS x FROM core.events": "which is the same for all rows",
    "SELECT id FROM core.events ORDER BY COUNT(*) OVER () LIMIT 3": "LIMIT in the order of 'COUNT(*) OVER ()'",
    "SELECT id FROM core.events ORDER BY (SELECT MAX(id) FROM core.events) LIMIT 3": "which is the same for all rows",
    "SELECT ROW_NUMBER() OVER (ORDER BY IF(FALSE, id, 1)) AS x FROM core.events": "which is the same for all rows",
    "SELECT ROW_NUMBER() OVER (ORDER BY CASE WHEN FALSE THEN id ELSE 1 END) AS x FROM core.events": "the same for all rows",
    "SELECT ROW_NUMBER() OVER (ORDER BY COALESCE(@window_start, ts)) AS x FROM core.events": "which is the same for all rows",
    "WITH w AS (SELECT id, 1 AS one FROM core.events) SELECT id FROM w ORDER BY one LIMIT 3": "in the order of 'one'",
    "SELECT id FROM (SELECT id, 'a' AS one FROM core.events) AS w ORDER BY UPPER(w.one) LIMIT 3": "which is the same for all rows",
    "SELECT id FROM (SELECT *, 1 AS k FROM core.events) QUALIFY ROW_NUMBER() OVER (PARTITION BY s ORDER BY k) = 1": "order of 'k'",
    "SELECT e.id FROM core.events AS e CROSS JOIN (SELECT MAX(ts) AS m FROM core.events) AS a ORDER BY a.m LIMIT 3": "of 'a.m'",
    "SELECT ROW_NUMBER() OVER (PARTITION BY id ORDER BY id + 0) AS x FROM core.events": "ROW_NUMBER in the order of 'id + 0'",
    "SELECT ROW_NUMBER() OVER (PARTITION BY DATE(ts), s ORDER BY UPPER(s), EXTRACT(YEAR FROM DATE(ts))) AS x FROM core.events": "the same",
    "SELECT ARRAY_AGG(s ORDER BY id) AS x FROM core.events GROUP BY id": "ARRAY_AGG in the order of 'id', which is the same",
    "SELECT MAX_BY(s, 1) AS x FROM core.events": "MAX_BY by '1', which is the same for all rows, can give another value",
    "SELECT MIN_BY(s, id + 1) AS x FROM core.events GROUP BY id": "MIN_BY by 'id + 1'",
    "SELECT ANY_VALUE(s HAVING MAX 1) AS x FROM core.events": "ANY_VALUE by '1'",
}  # fmt: skip

FINE = [
    "SELECT id FROM core.events ORDER BY COUNT(*) OVER (PARTITION BY s), id LIMIT 3",
    "SELECT id FROM core.events ORDER BY IF(s = 'a', id, 1) LIMIT 3",
    "SELECT id FROM core.events ORDER BY IF(TRUE, id, 1), COALESCE(NULL, id) LIMIT 3",
    "SELECT e.id FROM core.events AS e ORDER BY (SELECT COUNT(*) FROM UNNEST(e.parts)) LIMIT 3",
    "SELECT id, (SELECT p FROM UNNEST(e.parts) AS p WHERE p IS NOT NULL LIMIT 1) AS x FROM core.events AS e",
    "SELECT id, ARRAY(SELECT p FROM e.parts AS p LIMIT 2 OFFSET 1) AS x FROM core.events AS e",
    "SELECT e.id FROM core.events AS e LEFT JOIN (SELECT id, 1 AS k FROM core.events) AS w ON w.id = e.id + 1 ORDER BY w.k LIMIT 3",
    "SELECT a FROM (SELECT 1 AS a FROM core.events UNION ALL SELECT 2 FROM core.events) ORDER BY a LIMIT 3",
    "SELECT MAX(id) AS x FROM core.events LIMIT 1",
    "SELECT MAX_BY(s, ts) AS x, ANY_VALUE(s HAVING MIN ts) AS y FROM core.events GROUP BY id",
    "SELECT ROW_NUMBER() OVER (PARTITION BY DATE(ts) ORDER BY ts) AS x FROM core.events",
    "SELECT s, ROW_NUMBER() OVER (ORDER BY COUNT(*)) AS x FROM core.events GROUP BY s",
    "SELECT ROW_NUMBER() OVER (PARTITION BY a.id ORDER BY b.id) AS x FROM core.events AS a JOIN core.events AS b ON a.s = b.s",
    "SELECT COUNT(*) AS x FROM core.events GROUP BY s ORDER BY COUNT(*), s LIMIT 3",
    "SELECT ARRAY_AGG(s ORDER BY ts DESC LIMIT 1) AS x FROM core.events",
    "SELECT ARRAY_AGG(s IGNORE NULLS ORDER BY s) AS x FROM core.events",
    "SELECT STRING_AGG(DISTINCT s, ';' ORDER BY s) AS x FROM core.events",
    "SELECT STRING_AGG(s, ';' ORDER BY LOWER('x'), s) AS x FROM core.events",
    "SELECT ARRAY(SELECT UPPER(p) FROM UNNEST(parts) AS p WHERE p != '') AS x FROM core.events",
    "SELECT ARRAY(SELECT s FROM core.events ORDER BY s) AS x",
    "SELECT ARRAY(SELECT MAX(s) FROM core.events) AS x",
    "SELECT id, s FROM core.events ORDER BY 2, 1 LIMIT 3",
    "SELECT * FROM core.events ORDER BY 1 LIMIT 3",
    "SELECT 5 AS five, id FROM core.events ORDER BY 1, 2 LIMIT 3 OFFSET 2",
    "SELECT id FROM core.events UNION ALL SELECT 1 ORDER BY 1 LIMIT 3",
    "SELECT id, COUNT(*) AS n FROM core.events GROUP BY id ORDER BY COUNT(*), 1 LIMIT 3",
    "SELECT SUM(id) OVER () AS x FROM core.events",
    "SELECT SUM(id) OVER (ORDER BY 1) AS x FROM core.events",
    "SELECT SUM(id) OVER (ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS x FROM core.events",
    "SELECT ROW_NUMBER() OVER (PARTITION BY id ORDER BY id, ts) AS x FROM core.events",
    "SELECT LAG(s) OVER (w) AS x FROM core.events WINDOW w AS (PARTITION BY id ORDER BY ts)",
]


@pytest.mark.parametrize("sql", REFUSED)
def test_what_an_order_decides_needs_one(sql):
    """Without an order, or in that of a constant, the fault says what to write."""
    with pytest.raises(SqlError) as refused:
        analyze(sql, SCHEMA, {})
    (fault,) = refused.value.faults
    assert REFUSED[sql] in fault.message


@pytest.mark.parametrize("sql", FINE)
def test_what_has_an_order_or_needs_none_is_fine(sql):
    """An ordinal of the query's own ORDER BY names a column, and sums need no order."""
    assert analyze(sql, SCHEMA, {}).columns


def test_an_array_of_a_query_without_an_order_is_ordered():
    """However the rows of a table lie, the elements stand in the same order; an array keeps that of its own."""
    sql = "SELECT ARRAY(SELECT s FROM core.events) AS x, ARRAY(SELECT p FROM UNNEST(['b', 'a']) AS p) AS y"
    with duckdb.connect() as connection:
        connection.execute("CREATE SCHEMA core; CREATE TABLE core.events (id BIGINT, s VARCHAR)")
        connection.execute("INSERT INTO core.events VALUES (1, 'c'), (2, 'a'), (3, NULL), (4, 'b')")
        ((found, kept),) = connection.execute(to_duckdb(sql, SCHEMA)).fetchall()
    assert (found, kept) == ([None, "a", "b", "c"], ["b", "a"])
