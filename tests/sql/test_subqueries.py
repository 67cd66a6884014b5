"""Queries inside expressions, with WITH, unknown names and tables with faults: one fault each, and no crash."""

import pytest

from flows.model.errors import SqlError
from flows.sql import analyze, to_duckdb

SCHEMA = {
    "core.events": {"id": "INT64", "ts": "TIMESTAMP", "s": "STRING", "j": "JSON", "parts": "ARRAY<STRING>"},
    "core.days": {"id": "INT64", "day": "DATE"},
}
PARTITIONS = {"core.events": "ts", "core.days": "day"}

FORMS = [
    "SELECT id FROM core.events AS e WHERE NOT EXISTS (SELECT 1 FROM (SELECT e.ts AS x) AS w WHERE w.x < @window_end)",
    "SELECT id, (SELECT COUNT(*) FROM (SELECT e.ts AS x) AS w WHERE w.x < @window_end) AS n FROM core.events AS e",
    "SELECT id FROM core.events AS e WHERE id IN (SELECT w.id FROM (SELECT e.ts AS x, d.id FROM core.days AS d) AS w)",
    "SELECT ARRAY(SELECT x FROM (SELECT e.ts AS x) AS w ORDER BY x) AS n FROM core.events AS e",
    "SELECT id, COUNT(*) OVER () AS n FROM core.events AS e QUALIFY EXISTS (SELECT 1 FROM (SELECT e.ts AS x) AS a JOIN (SELECT e.ts AS x) AS b ON a.x = b.x)",
    "SELECT e.id FROM core.events AS e JOIN core.days AS d ON d.id = e.id AND EXISTS (SELECT 1 FROM (SELECT e.ts AS x) AS w) WHERE e.ts < @window_start",
    "SELECT e.id, COUNT(*) AS n FROM core.events AS e GROUP BY id HAVING EXISTS (SELECT 1 FROM core.days AS d WHERE d.id = e.id)",
]  # fmt: skip


@pytest.mark.parametrize("sql", FORMS)
def test_a_query_in_from_may_name_the_table_around_it(sql):
    """Its partition column is that of the table around it, and bounds there say nothing of it."""
    found = {one.table: one for one in analyze(sql, SCHEMA, PARTITIONS).dependencies}
    assert (found["core.events"].reach is not None) == ("@window_start" in sql)
    assert to_duckdb(sql, SCHEMA)


def test_a_plain_exists_bounds_the_table_around_it():
    """Where it does not hold, the row around it is left out; where its query aggregates, it always holds."""
    outer = "SELECT id FROM core.events AS e WHERE {}"
    inner = "EXISTS (SELECT {} FROM core.days AS d WHERE d.id = e.id AND e.ts < @window_end{})"
    for columns, end, windowed in [
        ("1", "", True),
        ("COUNT(*)", "", False),
        ("d.id", " GROUP BY d.id", True),
        ("1", " UNION ALL SELECT 1", False),
        ("COUNT(*)", " HAVING COUNT(*) = 0", False),
    ]:
        sql = outer.format(inner.format(columns, end))
        (_, events) = analyze(sql, SCHEMA, PARTITIONS).dependencies
        assert (events.reach is not None) is windowed, sql


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT id FROM core.events WHERE nosuch IN (SELECT 1)", "'nosuch' is not a column of the tables in FROM."),
        ("SELECT id FROM core.events WHERE id IN (SELECT nosuch)", "'nosuch' is not a column of the tables in FROM."),
        ("SELECT id FROM core.events WHERE nosuch NOT IN (SELECT s FROM core.events)", "'nosuch' is not a column"),
        ("SELECT id, ts, s, j, x FROM core.events LEFT JOIN UNNEST(SPLIT_ALL(s)) AS x", "SPLIT_ALL is not a function"),
        ("SELECT id, ts, s, day FROM core.events JOIN core.day AS d USING (id)", "'core.day' is not a table."),
        ("SELECT STRING(id) AS x FROM core.events", "STRING does not take INT64. Write CAST(id AS STRING)."),
        ("SELECT STRING(parts) AS x FROM core.events", "STRING does not take ARRAY<STRING>. Write ARRAY_TO_STRING(parts, ', ')."),
        ("SELECT NET.FORMAT_IP(id) AS x FROM core.events", "NET.FORMAT_IP is not supported by the embedded warehouse yet."),
        ("SELECT HLL_COUNT.INIT(s) AS x FROM core.events", "HLL_COUNT.INIT is not supported by the embedded warehouse yet."),
        ("SELECT REGEXP_EXTRACT(s, r'a{100000}') AS x FROM core.events", "'a{100000}' is not a regular expression (RE2)"),
        ("SELECT REGEXP_CONTAINS(s, r'((a{999}){999}){999}') AS x FROM core.events", "'((a{999}){999}){999}' is not a regular expression (RE2)"),
        ("SELECT REGEXP_REPLACE(s, '(', '') AS x FROM core.events", "'(' is not a regular expression (RE2)"),
        ("SELECT REGEXP_EXTRACT(s, '(a)(?P<b>b)') AS x FROM core.events", "REGEXP_EXTRACT takes a pattern with at most one group."),
        ("SELECT id, ts, s FROM core.events, core.events", "'events' names two tables in one FROM."),
        ("SELECT * FROM core.events AS x JOIN core.events AS x USING (id) WHERE s = 'x' AND x.ts > @window_end", "'x' names two tables in one FROM."),
        ("SELECT TIMESTAMP_TRUC(ts, DAY) AS x FROM core.events", "TIMESTAMP_TRUC is not a function of GoogleSQL that is known here. Did you mean 'TIMESTAMP_TRUNC'?"),
        ("SELECT TIMESTAMP_AD(ts, INTERVAL 1 DAY) AS x FROM core.events", "TIMESTAMP_AD is not a function of GoogleSQL that is known here. Did you mean 'TIMESTAMP_ADD'?"),
        ("SELECT NOSUCH(ts, WEEK(MONDAY)) AS x FROM core.events", "NOSUCH is not a function"),
        ("SELECT NOSUCH(id AS a, s AS b) AS x FROM core.events", "NOSUCH is not a function"),
        ("SELECT ARRAY_FILTER(parts, x -> x = 'x') AS x FROM core.events", "ARRAY_FILTER is not supported by the embedded warehouse yet. Write ARRAY(SELECT"),
        ("SELECT 1 AS a, 'x' AS b UNION ALL BY NAME SELECT 'y' AS b, 2 AS c", "UNION BY NAME: 'a' is not a column of both sides."),
        ("WITH w AS (SELECT id, SUM(id) FROM core.events GROUP BY id) SELECT * FROM w", "'*' gives a column without a name. Write AS name where it is computed."),
        ("WITH w AS (SELECT * FROM core.nosuch), v AS (SELECT * EXCEPT (x) FROM w UNION ALL SELECT id, s FROM core.events) SELECT v.id AS a, v.s FROM v JOIN core.days USING (id) WHERE v.s > 'x'", "'core.nosuch' is not a table."),
        ("SELECT id, (SELECT * FROM core.nosuch) AS x FROM core.events WHERE id IN (SELECT n.* FROM core.nosuch AS n)", "'core.nosuch' is not a table."),
        ("WITH `a.b` AS (SELECT 7 AS x) SELECT x FROM `a.b`", "'a.b': names with a dot are not supported. Write a_b."),
        ("SELECT e.x FROM core.events AS e, (SELECT 4 AS `e.id`)", "'e.id': names with a dot are not supported. Write e_id."),
        ("SELECT id FROM core.events, UNNEST(parts) AS `e.s`", "'e.s': names with a dot are not supported. Write e_s."),
        ("SELECT NULLIF([NOSUCH(id)], [1]) AS x FROM core.events", "NOSUCH is not a function of GoogleSQL"),
        ("SELECT s, GROUPING(s) AS x FROM core.events GROUP BY nosuch", "'nosuch' is not a column"),
        ("SELECT DATE_ADD(day, 1 DAY) AS x FROM core.days", "syntax error: an interval is written INTERVAL 1 DAY."),
        ("SELECT id FROM core.events WHERE ts >= window_start", "'window_start' is not a column of the tables in FROM. Write @window_start."),
        ("SELECT COALESCE(id, s, ts) AS x FROM core.events", "COALESCE(INT64, STRING, TIMESTAMP) does not exist, or not in the embedded warehouse yet. It knows COALESCE(T...), with one type for every T."),
        ("SELECT id FROM core.events ORDER BY id LIMIT 99999999999999999999", "'99999999999999999999': LIMIT and OFFSET take a whole number of INT64."),
    ],
)  # fmt: skip
def test_one_thing_wrong_is_one_fault(sql, message):
    """What follows from a fault is not told beside it, and what it advises works."""
    with pytest.raises(SqlError) as refused:
        analyze(sql, SCHEMA, PARTITIONS)
    (fault,) = refused.value.faults
    assert fault.message.startswith(message)


def test_a_with_used_again_and_again_is_a_fault():
    """Thirty lines of which each uses the one before twice read a table a billion times."""
    steps = ", ".join(
        f"w{n} AS (SELECT a.id FROM w{n - 1} AS a JOIN w{n - 1} AS b ON a.id = b.id)" for n in range(1, 40)
    )
    with pytest.raises(SqlError) as refused:
        analyze(f"WITH w0 AS (SELECT id FROM core.events), {steps} SELECT id FROM w39", SCHEMA, PARTITIONS)
    (fault,) = refused.value.faults
    assert fault.message.endswith("the query reads tables at more than 1,000 places. Join less often.")
