"""Ties: an order that leaves rows side by side has one answer, which is one of those that it may have as it is written."""

from collections import defaultdict
from functools import cache
from operator import itemgetter

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.model.errors import SqlError
from flows.sql import analyze, to_bigquery, to_duckdb

SCHEMA = {
    "core.t": {
        "id": "INT64", "u": "INT64", "k": "INT64", "ts": "TIMESTAMP", "s": "STRING", "f": "FLOAT64",
        "st": "STRUCT<a INT64, b STRING>", "list": "ARRAY<INT64>", "js": "JSON", "n": "NUMERIC",
    },
    "core.o": {"u": "INT64", "rowid": "STRING"},
}  # fmt: skip
TABLES = """
CREATE SCHEMA core;
CREATE TABLE core.t (id BIGINT, u BIGINT, k BIGINT, ts TIMESTAMPTZ, s VARCHAR, f DOUBLE, st STRUCT(a BIGINT, b VARCHAR), list BIGINT[], js JSON, n DECIMAL(38, 9));
CREATE TABLE core.o (u BIGINT, rowid VARCHAR);
INSERT INTO core.o VALUES (1, 'b'), (0, 'a'), (2, 'b'), (2, 'c');
"""  # fmt: skip

QUERIES = [
    "SELECT DATE(ts) AS d, id, s FROM core.t ORDER BY 1 LIMIT 3",
    "SELECT id, js, list FROM core.t ORDER BY MOD(id, 2) LIMIT 7 OFFSET 2",
    "SELECT * FROM core.t ORDER BY u LIMIT 4",
    "SELECT DISTINCT f, s FROM core.t ORDER BY f DESC LIMIT 3",
    "SELECT u, COUNT(*) AS c FROM core.t GROUP BY u ORDER BY COUNT(*) LIMIT 2",
    "SELECT s, SUM(f) AS total FROM core.t GROUP BY u, s ORDER BY DATE(MIN(ts)) LIMIT 2",
    "SELECT s FROM core.t UNION ALL SELECT rowid FROM core.o ORDER BY LENGTH(s) LIMIT 4",
    "(SELECT s, u FROM core.t) ORDER BY u LIMIT 4",
    "SELECT id FROM core.t WHERE s IN (SELECT s FROM core.t ORDER BY k LIMIT 2)",
    "SELECT u, e FROM core.t CROSS JOIN UNNEST(list) AS e WITH OFFSET AS o ORDER BY o LIMIT 5",
    "SELECT u, (SELECT s FROM core.t AS i WHERE i.u = o.u ORDER BY k LIMIT 1) AS a FROM core.o AS o",
    "SELECT ARRAY(SELECT s FROM core.t AS i WHERE i.u = o.u ORDER BY k) AS a FROM core.o AS o",
    "SELECT ARRAY(SELECT AS STRUCT s, id FROM core.t ORDER BY k LIMIT 4) AS a",
    "SELECT ARRAY(SELECT ROW_NUMBER() OVER (ORDER BY e DESC) FROM UNNEST(list) AS e) AS a FROM core.t",
    "SELECT * FROM core.t QUALIFY ROW_NUMBER() OVER (PARTITION BY u ORDER BY DATE(ts)) = 1",
    "SELECT id, s, ROW_NUMBER() OVER w AS p FROM core.t QUALIFY ROW_NUMBER() OVER w <= 2 WINDOW w AS (PARTITION BY u ORDER BY f)",
    "SELECT s FROM (SELECT s, ROW_NUMBER() OVER (PARTITION BY u ORDER BY k) AS p FROM core.t) WHERE p = 1",
    "WITH w AS (SELECT *, ROW_NUMBER() OVER (PARTITION BY u ORDER BY k DESC) AS p FROM core.t) SELECT * FROM w WHERE p <= 2",
    "SELECT u, MAX_BY(s, k) AS a, MIN_BY(list, k) AS b, MAX_BY(f, f) AS c FROM core.t GROUP BY u",
    "SELECT ANY_VALUE(s HAVING MAX k) AS a, ANY_VALUE(id HAVING MIN DATE(ts)) AS b, ANY_VALUE(st) AS c FROM core.t",
    "SELECT u, MAX_BY(list, f) AS a, MIN_BY(st, f) AS b, ANY_VALUE(list) AS c, ANY_VALUE(js) AS d, ANY_VALUE(f) AS e FROM core.t GROUP BY u",
    "SELECT u, MIN_BY(s, f) AS a, MAX_BY(s, k) AS b FROM core.t AS t GROUP BY u HAVING MAX_BY(id, k) > 2",
    "SELECT id, ANY_VALUE(s) OVER (PARTITION BY u ORDER BY k ROWS 1 PRECEDING) AS a, ANY_VALUE(n) OVER (PARTITION BY u) AS b FROM core.t",
    "SELECT id, LAST_VALUE(s) OVER (ORDER BY f) AS a, NTH_VALUE(s, 2 IGNORE NULLS) OVER (PARTITION BY u ORDER BY f DESC) AS b FROM core.t",
    "SELECT id, LAST_VALUE(s) OVER w AS a, FIRST_VALUE(s IGNORE NULLS) OVER w AS b, MAX(id) OVER w AS c FROM core.t WINDOW w AS (PARTITION BY u ORDER BY DATE(ts), k DESC)",
    "SELECT u, ARRAY_AGG(s ORDER BY k LIMIT 3) AS a, ARRAY_AGG(STRUCT(id, s) ORDER BY k DESC) AS b FROM core.t GROUP BY u",
    "SELECT u, ARRAY_AGG(js ORDER BY ts) AS a, STRING_AGG(s, '-' ORDER BY k) AS b, ARRAY_CONCAT_AGG(list ORDER BY k) AS c FROM core.t GROUP BY u",
    "SELECT id, FIRST_VALUE(s) OVER w AS a, LAST_VALUE(s) OVER w AS b, NTH_VALUE(s, 2) OVER w AS c FROM core.t WINDOW w AS (PARTITION BY u ORDER BY k)",
    "SELECT id, FIRST_VALUE(s IGNORE NULLS) OVER (ORDER BY k) AS a, LAST_VALUE(s) OVER (ORDER BY k RANGE BETWEEN 1 PRECEDING AND 1 FOLLOWING) AS b FROM core.t",
    "SELECT id, RANK() OVER (PARTITION BY u ORDER BY u) AS a, CUME_DIST() OVER (PARTITION BY k, u ORDER BY u DESC) AS b FROM core.t",
    "SELECT id, LAG(s) OVER w AS a, LEAD(s, 2, 'x') OVER w AS b, NTILE(3) OVER w AS c, RANK() OVER w AS d FROM core.t WINDOW w AS (PARTITION BY u ORDER BY k)",
    "SELECT u, k, ROW_NUMBER() OVER (PARTITION BY u ORDER BY k) AS a, ROW_NUMBER() OVER (ORDER BY k DESC) AS b FROM core.t",
    "SELECT t.u, e, o.rowid AS r, LAG(e) OVER (PARTITION BY t.u ORDER BY e) AS a, NTILE(3) OVER (ORDER BY o.rowid) AS b FROM (SELECT u, list FROM core.t) AS t CROSS JOIN UNNEST(list) AS e JOIN core.o AS o ON o.u = t.u",
    "SELECT id, SUM(n) OVER (PARTITION BY u ORDER BY k ROWS 1 PRECEDING) AS a, COUNT(s) OVER (ORDER BY k ROWS UNBOUNDED PRECEDING) AS b FROM core.t",
    "SELECT id, SUM(f) OVER (PARTITION BY u ORDER BY k ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS a FROM core.t",
    "SELECT STRING_AGG(s) OVER (PARTITION BY u ORDER BY k) AS a, ARRAY_AGG(s) OVER (ORDER BY k ROWS UNBOUNDED PRECEDING) AS b FROM core.t",
    "SELECT u, s, ROW_NUMBER() OVER (ORDER BY COUNT(*)) AS a FROM core.t GROUP BY ROLLUP(u, s)",
    "SELECT u, k, ARRAY_AGG(u ORDER BY s LIMIT 2) AS a, MAX_BY(k, s) AS b, ANY_VALUE(u) AS c FROM core.t GROUP BY CUBE(u, k)",
    "SELECT s, LAG(COUNT(*)) OVER (ORDER BY COUNT(*) DESC) AS a, ROW_NUMBER() OVER (ORDER BY MAX(k)) AS b FROM core.t GROUP BY u, s",
    "SELECT ROW_NUMBER() OVER (ORDER BY u) AS a, s FROM (SELECT u, s, SUM(f) AS total FROM core.t GROUP BY u, s) QUALIFY total >= 0",
    "SELECT TO_JSON_STRING(t) AS j, ROW_NUMBER() OVER (ORDER BY k) AS a FROM (SELECT id, k, s FROM core.t) AS t",
    "SELECT id, (SELECT COUNT(*) FROM core.o AS o WHERE o.u = t.u) AS c, ROW_NUMBER() OVER (ORDER BY k) AS a FROM core.t AS t",
]  # fmt: skip


_ARROW = {
    **dict.fromkeys(("ts", "s", "js"), pa.string()),
    "f": pa.float64(),
    "st": pa.struct({"a": pa.int64(), "b": pa.string()}),
    "list": pa.list_(pa.int64()),
}


def _maybe(values):
    return st.none() | values


_ROW = st.tuples(
    st.integers(1, 9),
    _maybe(st.integers(0, 2)),
    _maybe(st.integers(0, 2)),
    st.sampled_from(["2026-01-01 00:00:00+00", "2026-01-01 05:00:00+00"]),
    _maybe(st.sampled_from("abc")),
    _maybe(st.sampled_from([0.1, 0.2, 0.3, 1.0])),
    _maybe(st.fixed_dictionaries({"a": st.integers(0, 1), "b": st.just("x")})),
    _maybe(st.lists(st.integers(0, 1), max_size=2)),
    _maybe(st.sampled_from(['{"a":1}', "2"])),
    _maybe(st.integers(0, 5)),
)


@pytest.fixture(scope="module")
def connection():
    """Give DuckDB with the tables."""
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute(f"SET TimeZone = 'UTC'; {TABLES}")
        yield connection


def _answers(connection, rows, queries):
    names = SCHEMA["core.t"]
    listed = pa.table(
        {name: pa.array([row[place] for row in rows], _ARROW.get(name, pa.int64())) for place, name in enumerate(names)}
    )
    connection.execute("DELETE FROM core.t")
    connection.register("listed", listed).execute("INSERT INTO core.t FROM listed")
    return [connection.execute(_translated(sql)).fetchall() for sql in queries]


@cache
def _translated(sql):
    return to_duckdb(sql, SCHEMA)


def _listed(answer):
    return sorted(repr([round(value, 9) if isinstance(value, float) else value for value in row]) for row in answer)


@settings(max_examples=8)
@given(st.lists(_ROW, max_size=12), st.randoms(use_true_random=False))
def test_however_rows_lie_a_query_gives_the_same(connection, rows, random):
    """Rows that an order leaves side by side stand in one order, also where they are equal in all that is named."""
    shuffled = random.sample(rows, len(rows))
    answers, others = (_answers(connection, one, QUERIES) for one in (rows, shuffled))
    for sql, one, other in zip(QUERIES, answers, others, strict=True):
        assert _listed(one) == _listed(other), sql


def test_any_number_of_threads_gives_the_same():
    """Also over more rows than one thread takes at once, in another order each time."""
    queries = [
        sql for sql in QUERIES if any(word in sql for word in ("OFFSET 2", "NTILE", "MAX_BY(s, k) AS", "QUALIFY"))
    ]
    found = defaultdict(set)
    for threads in (1, 4):
        with duckdb.connect(config={"threads": threads}) as connection:
            connection.execute(f"SET TimeZone = 'UTC'; {TABLES}")
            connection.execute(
                "INSERT INTO core.t SELECT i - i % 3, hash(i) % 3000, hash(i + 7) % 5, TIMESTAMPTZ '2026-01-01 00:00:00+00', "
                "'s' || hash(i + 5) % 6, (i % 7) / 8, {'a': i % 3, 'b': 'x'}, [i % 3, i % 2], '1', i % 9 "
                f"FROM range(130000) AS r(i) ORDER BY hash(i * {threads})"
            )
            for sql in queries:
                hashed = f"SELECT sum(CAST(hash(q) AS HUGEINT)), count(*) FROM ({to_duckdb(sql, SCHEMA)}) AS q"
                found[sql].add(connection.execute(hashed).fetchone())
    assert {sql for sql, answers in found.items() if len(answers) > 1} == set()


@settings(max_examples=15)
@given(st.lists(_ROW, max_size=10))
def test_ties_are_broken_by_what_the_query_names_from_left_to_right(connection, rows):
    """The answer is that of the same query with the columns written out; what counts rows by value alone stays as it is."""
    written_out = {
        "SELECT id, LAG(s) OVER (ORDER BY k) AS a FROM core.t": "SELECT id, LAG(s) OVER (ORDER BY k, id, s) AS a FROM core.t",
        "SELECT s, id, NTILE(2) OVER (ORDER BY k DESC) AS a FROM core.t": "SELECT s, id, NTILE(2) OVER (ORDER BY k DESC, s, id) AS a FROM core.t",
        "SELECT s, id FROM core.t QUALIFY ROW_NUMBER() OVER (PARTITION BY u ORDER BY k) = 1": "SELECT s, id FROM core.t QUALIFY ROW_NUMBER() OVER (PARTITION BY u ORDER BY k, s, id) = 1",
        "SELECT s, id FROM core.t ORDER BY k DESC LIMIT 3": "SELECT s, id FROM core.t ORDER BY k DESC, s, id LIMIT 3",
        "SELECT ARRAY_AGG(id ORDER BY k) AS a, ARRAY_AGG(s ORDER BY k) AS b FROM core.t": "SELECT ARRAY_AGG(id ORDER BY k, id, s) AS a, ARRAY_AGG(s ORDER BY k, id, s) AS b FROM core.t",
        "SELECT MIN_BY(id, k) AS a, MIN_BY(s, k) AS b FROM core.t": "SELECT ARRAY_AGG(id ORDER BY k NULLS LAST, id, s LIMIT 1)[SAFE_OFFSET(0)] AS a, ARRAY_AGG(s ORDER BY k NULLS LAST, id, s LIMIT 1)[SAFE_OFFSET(0)] AS b FROM core.t WHERE k IS NOT NULL",
        "SELECT MAX_BY(f, k) AS a, MAX_BY(n, k) AS b, MIN_BY(ts, k) AS c FROM core.t": "SELECT ARRAY_AGG(f ORDER BY k DESC, f DESC, n DESC, ts DESC LIMIT 1)[SAFE_OFFSET(0)] AS a, ARRAY_AGG(n ORDER BY k DESC, f DESC, n DESC, ts DESC LIMIT 1)[SAFE_OFFSET(0)] AS b, ARRAY_AGG(ts ORDER BY k, f, n, ts LIMIT 1)[SAFE_OFFSET(0)] AS c FROM core.t WHERE k IS NOT NULL",
        "SELECT COUNT(*) AS c, ROW_NUMBER() OVER (ORDER BY COUNT(*)) AS a FROM core.t GROUP BY s, u": "SELECT COUNT(*) AS c, ROW_NUMBER() OVER (ORDER BY COUNT(*), s, u) AS a FROM core.t GROUP BY s, u",
    }  # fmt: skip
    for sql, answer in zip(written_out, _answers(connection, rows, written_out), strict=True):
        (expected,) = _answers(connection, rows, [written_out[sql]])
        assert _listed(answer) == _listed(expected), sql


@settings(max_examples=15)
@given(st.lists(_ROW, min_size=1, max_size=10))
def test_rows_that_are_equal_in_an_order_stay_so_for_its_ranks_and_frames(connection, rows):
    """RANK, sums and counts by RANGE take equal rows together; LAST_VALUE gives all of them the same value of one of them."""
    sql = (
        "SELECT k, s, id, RANK() OVER w AS r, COUNT(*) OVER w AS c, SUM(id) OVER w AS total, LAST_VALUE(s) OVER w AS last,"
        " FIRST_VALUE(s) OVER w AS first, ROW_NUMBER() OVER w AS p, NTH_VALUE(id, 2 IGNORE NULLS) OVER w AS second"
        " FROM core.t WINDOW w AS (ORDER BY k)"
    )
    ((*answer,),) = _answers(connection, rows, [sql])
    kept = [(-1 if row[2] is None else row[2], row[4], row[0]) for row in rows]
    assert sorted(row[8] for row in answer) == list(range(1, len(rows) + 1))
    for found, s, _, rank, count, total, last, first, place, second in answer:
        k = -1 if found is None else found
        before, peers = [row for row in kept if row[0] < k], [row for row in kept if row[0] == k]
        assert (rank, count) == (len(before) + 1, len(before) + len(peers))
        assert total == sum(row[2] for row in (*before, *peers))
        assert last in {row[1] for row in peers}
        assert len({row[6] for row in answer if row[0] == found}) == 1
        assert first in {row[1] for row in kept if row[0] == min(kept, key=itemgetter(0))[0]}
        assert rank <= place <= count
        assert second in {row[2] for row in (*before, *peers)} if count > 1 else second is None
        assert s in {row[1] for row in peers}


@pytest.mark.parametrize(
    ("sql", "keys"),
    [
        ("SELECT u, COUNT(*) AS c, SUM(f) AS x FROM core.t GROUP BY u ORDER BY c, u LIMIT 3", 'ORDER BY count(*) ASC NULLS FIRST, "t0_0_t"."u" ASC NULLS FIRST LIMIT'),
        ("SELECT u, k FROM core.t ORDER BY k, u LIMIT 3", 'ORDER BY "t0_0_t"."k" ASC NULLS FIRST, "t0_0_t"."u" ASC NULLS FIRST LIMIT'),
        ("SELECT u, k, LAG(k) OVER (PARTITION BY u ORDER BY k) AS x FROM core.t", '"t0_0_t"."u" ORDER BY "t0_0_t"."k" ASC NULLS FIRST)'),
        ("SELECT u, ARRAY_AGG(k ORDER BY k DESC) AS x FROM core.t GROUP BY u", 'array_agg("t0_0_t"."k" ORDER BY "t0_0_t"."k" DESC NULLS LAST)'),
        ("SELECT u, SUM(k) OVER (ORDER BY k) AS x FROM core.t", 'OVER (ORDER BY "t0_0_t"."k" ASC NULLS FIRST)'),
        ("SELECT u, s FROM core.t ORDER BY k", 'ORDER BY "t0_0_t"."k" ASC NULLS FIRST'),
        ("SELECT MAX_BY(k, k) AS x FROM core.t", 'arg_max_null("t0_0_t"."k", "t0_0_t"."k")'),
    ],
)  # fmt: skip
def test_an_order_that_leaves_nothing_open_gets_no_more_keys(sql, keys):
    """It costs nothing where rows that are equal in it cannot be told apart in the result, or do not matter."""
    assert keys in to_duckdb(sql, SCHEMA)


BIGQUERY = {
    "SELECT DATE(ts) AS d, id, js FROM core.t ORDER BY 1 -- first\nLIMIT 3": "SELECT DATE(ts) AS d, id, js FROM core.t ORDER BY 1, 2, TO_JSON_STRING(`js`) -- first\nLIMIT 3",
    "SELECT u, COUNT(*) AS c, MAX(id) AS m FROM core.t GROUP BY u ORDER BY c DESC LIMIT 2": "SELECT u, COUNT(*) AS c, MAX(id) AS m FROM core.t GROUP BY u ORDER BY c DESC, 1 LIMIT 2",
    "SELECT s FROM core.t AS x QUALIFY ROW_NUMBER() OVER (PARTITION BY u ORDER BY MOD(k, 2) DESC) = 1": "SELECT s FROM core.t AS x QUALIFY ROW_NUMBER() OVER (PARTITION BY u ORDER BY MOD(k, 2) DESC, `x`.`s`, `x`.`k`) = 1",
    "SELECT * EXCEPT(f, st, list, js, n) FROM core.t AS x QUALIFY 1 = ROW_NUMBER() OVER (ORDER BY k)": "SELECT * EXCEPT(f, st, list, js, n) FROM core.t AS x QUALIFY 1 = ROW_NUMBER() OVER (ORDER BY k, `x`.`id`, `x`.`u`, `x`.`ts`, `x`.`s`)",
    "SELECT SUM(n) OVER (ORDER BY k ROWS 1 PRECEDING) AS a FROM core.t": "SELECT SUM(n) OVER (ORDER BY k, `t`.`n` ROWS 1 PRECEDING) AS a FROM core.t",
    "SELECT ARRAY_AGG(STRUCT(s, id) ORDER BY k LIMIT 3) AS a FROM core.t": "SELECT ARRAY_AGG(STRUCT(s, id) ORDER BY k, `t`.`s`, `t`.`id` LIMIT 3) AS a FROM core.t",
    "SELECT LAG(s) OVER w AS a, NTILE(2) OVER w AS b FROM core.t WINDOW w AS (ORDER BY k)": "SELECT LAG(s) OVER w AS a, NTILE(2) OVER w AS b FROM core.t WINDOW w AS (ORDER BY k, `t`.`s`)",
    "SELECT DATE(ts) AS d, LAG(MAX(id)) OVER (ORDER BY COUNT(*)) AS a FROM core.t GROUP BY d, s": "SELECT DATE(ts) AS d, LAG(MAX(id)) OVER (ORDER BY COUNT(*), ANY_VALUE((DATE(ts))), `t`.`s`) AS a FROM core.t GROUP BY d, s",
    "SELECT st, STRUCT(u) AS w, ROW_NUMBER() OVER (ORDER BY COUNT(*)) AS a FROM core.t GROUP BY st, w": "SELECT st, STRUCT(u) AS w, ROW_NUMBER() OVER (ORDER BY COUNT(*), TO_JSON_STRING(`t`.`st`), TO_JSON_STRING(ANY_VALUE((STRUCT(u))))) AS a FROM core.t GROUP BY st, w",
    # A name that is an alias as well is that of the table's column.
    "SELECT SUM(id) OVER () AS id, k FROM core.t QUALIFY ROW_NUMBER() OVER (PARTITION BY u ORDER BY k) = 1": "SELECT SUM(id) OVER () AS id, k FROM core.t QUALIFY ROW_NUMBER() OVER (PARTITION BY u ORDER BY k, `t`.`id`) = 1",
    "SELECT SUM(id) OVER () AS t, k FROM core.t QUALIFY ROW_NUMBER() OVER (PARTITION BY u ORDER BY k) = 1": "SELECT SUM(id) OVER () AS t, k FROM core.t QUALIFY ROW_NUMBER() OVER (PARTITION BY u ORDER BY k, `id`) = 1",
    "SELECT SUM(id) AS u, LAG(MAX(id)) OVER (ORDER BY COUNT(*)) AS a FROM core.t GROUP BY t.u": "SELECT SUM(id) AS u, LAG(MAX(id)) OVER (ORDER BY COUNT(*), `t`.`u`) AS a FROM core.t GROUP BY t.u",
    "SELECT s, x.range FROM (SELECT s, 1 AS `range`, k FROM core.t) AS x ORDER BY x.range, MOD(k, 2) LIMIT 1": "SELECT s, x.range FROM (SELECT s, 1 AS `range`, k FROM core.t) AS x ORDER BY x.range, MOD(k, 2), 1 LIMIT 1",
    "SELECT s FROM core.t ORDER BY [k][SAFE_OFFSET(0)] LIMIT 1": "SELECT s FROM core.t ORDER BY [k][SAFE_OFFSET(0)], 1 LIMIT 1",
    # What takes equal rows together keeps its order, and others get a window of their own.
    "SELECT LAG(s) OVER w AS a, RANK() OVER w AS b FROM core.t WINDOW w AS (ORDER BY k)": "SELECT LAG(s) OVER (ORDER BY k, `t`.`s`) AS a, RANK() OVER w AS b FROM core.t WINDOW w AS (ORDER BY k)",
    "SELECT LAG(s)\n  OVER (v), RANK() OVER v AS b FROM core.t WINDOW w AS (PARTITION BY u), v AS (w ORDER BY k DESC NULLS FIRST)": "SELECT LAG(s) OVER (PARTITION BY u ORDER BY k DESC NULLS FIRST, `t`.`s`)\n, RANK() OVER v AS b FROM core.t WINDOW w AS (PARTITION BY u), v AS (w ORDER BY k DESC NULLS FIRST)",
    "SELECT LAST_VALUE(s) OVER (ORDER BY k) AS a, SUM(id) OVER (ORDER BY k) AS b FROM core.t": "SELECT LAST_VALUE(s) OVER (PARTITION BY k ORDER BY `t`.`s` ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS a, SUM(id) OVER (ORDER BY k) AS b FROM core.t",
    "SELECT NTH_VALUE(s, 2) OVER (ORDER BY k) AS a FROM core.t": "SELECT IF(COUNT(*) OVER (ORDER BY k) >= 2, NTH_VALUE(s, 2) OVER (ORDER BY k, `t`.`s` ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING), NULL) AS a FROM core.t",
    # MAX_BY and ANY_VALUE have no ORDER BY: what says the same has one.
    "SELECT MAX_BY(s, k) AS a, ANY_VALUE(u) AS b FROM core.t": "SELECT ARRAY_AGG(IF(k IS NULL, NULL, s) ORDER BY k DESC, `t`.`s` DESC LIMIT 1)[SAFE_OFFSET(0)] AS a, MIN(u) AS b FROM core.t",
    "SELECT MAX_BY(CAST(id AS STRING FORMAT '099'), k) AS a, MIN_BY(WITH(n AS id, n + 1), k) AS b FROM core.t": "SELECT ARRAY_AGG(IF(k IS NULL, NULL, (CAST(id AS STRING FORMAT '099'))) ORDER BY k DESC, `t`.`id` DESC LIMIT 1)[SAFE_OFFSET(0)] AS a, ARRAY_AGG(IF(k IS NULL, NULL, WITH(n AS id, n + 1)) ORDER BY k IS NULL, k, `t`.`id` LIMIT 1)[SAFE_OFFSET(0)] AS b FROM core.t",
    "SELECT u, ANY_VALUE(u) AS a, MAX_BY(u, k) AS b, MAX_BY(k, k) AS c FROM core.t GROUP BY u": "SELECT u, ANY_VALUE(u) AS a, MAX_BY(u, k) AS b, MAX_BY(k, k) AS c FROM core.t GROUP BY u",
    "SELECT * FROM (SELECT u, k, s FROM core.t) PIVOT(ANY_VALUE(s) FOR k IN (1, 2))": "SELECT * FROM (SELECT u, k, s FROM core.t) PIVOT(MIN(s) FOR k IN (1, 2))",
    "SELECT ANY_VALUE(ARRAY(SELECT rowid FROM core.o WHERE o.u = t.u ORDER BY LENGTH(rowid))) AS b FROM core.t": "SELECT ARRAY_AGG(IF((ARRAY(SELECT rowid FROM core.o WHERE o.u = t.u ORDER BY LENGTH(rowid), 1)) IS NULL, NULL, STRUCT((ARRAY(SELECT rowid FROM core.o WHERE o.u = t.u ORDER BY LENGTH(rowid), 1)) AS v)) IGNORE NULLS ORDER BY TO_JSON_STRING((ARRAY(SELECT rowid FROM core.o WHERE o.u = t.u ORDER BY LENGTH(rowid), 1))) LIMIT 1)[SAFE_OFFSET(0)].v AS b FROM core.t",
    "SELECT s, ROW_NUMBER() OVER (ORDER BY COUNT(*)) AS a FROM core.t GROUP BY ROLLUP(u, s)": "SELECT s, ROW_NUMBER() OVER (ORDER BY COUNT(*), `t`.`u`, `t`.`s`, GROUPING(`t`.`u`), GROUPING(`t`.`s`)) AS a FROM core.t GROUP BY ROLLUP(u, s)",
    "FROM core.t AS p\n|> WHERE k > 1 -- some\n|> ORDER BY k |> LIMIT 3 |> SELECT s": "SELECT s FROM ( SELECT * FROM core.t AS p WHERE ( k > 1 ) ORDER BY k, 1, 2, 4, 5, 6, TO_JSON_STRING(`st`), TO_JSON_STRING(`list`), TO_JSON_STRING(`js`), 10 LIMIT 3 ) AS p",
    "FROM core.t\n|> SELECT u AS `a b`, k, s |> RENAME k AS u, s AS k |> WHERE u > 1": "SELECT * FROM ( SELECT `a b` AS `a b`, `k` AS `u`, `s` AS `k` FROM ( SELECT u AS `a b`, k, s FROM core.t ) ) WHERE ( u > 1 )",
    "FROM core.t |> AGGREGATE STRING_AGG(s ORDER BY k) AS a GROUP BY ROLLUP(u,id)": "SELECT u ,id , STRING_AGG(s ORDER BY k, `t`.`s`) AS a FROM core.t GROUP BY ROLLUP ( 1 , 2 )",
    # A call stands before its first argument, and what follows it on its line.
    "SELECT (s)\n.MAX_BY(k) AS a, (st).ANY_VALUE().b.UPPER() AS b -- some\nFROM core.t": "SELECT ARRAY_AGG(IF(k IS NULL, NULL, ((s))) ORDER BY k DESC, `t`.`s` DESC LIMIT 1)[SAFE_OFFSET(0)]\n AS a,UPPER(ARRAY_AGG(((st)) IGNORE NULLS ORDER BY TO_JSON_STRING(((st))) LIMIT 1)[SAFE_OFFSET(0)].b) AS b -- some\nFROM core.t",
    "SELECT (s).(SAFE.LEFT)(3) -- some\n.TRIM( ) AS a,\n(u).COUNT(DISTINCT) AS b FROM core.t GROUP BY s": "SELECT TRIM(SAFE.LEFT( (s),3) \n) AS a,COUNT(DISTINCT\n(u)) AS b FROM core.t GROUP BY s",
    "SELECT '|>' AS a, s FROM core.t ORDER BY k -- |>": None,
    "SELECT ' ORDER BY k LIMIT 3' AS a, s FROM core.t ORDER BY k": None,
}  # fmt: skip


@pytest.mark.parametrize("sql", BIGQUERY)
def test_bigquery_gets_the_same_keys_in_the_text_as_its_author_wrote_it(sql):
    """They stand at the end of an ORDER BY, in forms that GoogleSQL can order; all else stays as it is, comments too."""
    assert to_bigquery(sql, SCHEMA) == (BIGQUERY[sql] or sql)


@settings(max_examples=5)
@given(st.lists(_ROW, max_size=12))
def test_what_bigquery_gets_gives_what_duckdb_gives(connection, rows):
    """The further keys are those by which DuckDB breaks the same ties."""
    queries = [sql for sql in QUERIES if not any(name in sql for name in ("list", "js", "*", "AS STRUCT"))]
    written = [to_bigquery(sql, SCHEMA) for sql in queries]
    assert written != queries
    answers, others = (_answers(connection, rows, texts) for texts in (queries, written))
    for sql, one, other in zip(written, answers, others, strict=True):
        assert _listed(one) == _listed(other), sql


def test_many_calls_that_take_the_same_row_look_for_it_once(connection):
    """Each gives its value as it is: -0.0, NaN, NULL, and rows without a key are none."""
    calls = "MAX_BY(f, k) AS a, MAX_BY(s, k) AS b, ANY_VALUE(id HAVING MAX k) AS c"
    sql = to_duckdb(f"SELECT u, {calls} FROM core.t GROUP BY u", SCHEMA)
    connection.execute("DELETE FROM core.t")
    connection.execute("INSERT INTO core.t (u, k, f, s, id) VALUES (1, 2, '-0.0', NULL, 7), (1, 1, 1, 'a', 8)")
    connection.execute("INSERT INTO core.t (u, k, f, s, id) VALUES (2, 0, 'nan', 'b', 9), (3, NULL, 1, 'c', 10)")
    rows = sorted(map(str, connection.execute(sql).fetchall()))
    assert rows == ["(1, -0.0, None, 7)", "(2, nan, 'b', 9)", "(3, None, None, None)"]
    assert str(connection.execute(f"EXPLAIN {sql}").fetchall()[0][1]).count("max(") == 1


KEYED = {
    "SELECT s, k, ROW_NUMBER() OVER (PARTITION BY u ORDER BY k, id) AS a FROM core.t": None,
    "SELECT s, ROW_NUMBER() OVER (PARTITION BY id, u ORDER BY k) AS a FROM core.t": None,
    "SELECT s, id, k, f, ROW_NUMBER() OVER (ORDER BY u) AS a FROM core.t": "SELECT s, id, k, f, ROW_NUMBER() OVER (ORDER BY u, `t`.`s`, `t`.`id`) AS a FROM core.t",
    "SELECT s, u FROM core.t ORDER BY id LIMIT 3": None,
    "SELECT s, id, u FROM core.t ORDER BY k LIMIT 3": "SELECT s, id, u FROM core.t ORDER BY k, 1, 2 LIMIT 3",
    "SELECT DISTINCT s, u FROM core.t ORDER BY s LIMIT 3": "SELECT DISTINCT s, u FROM core.t ORDER BY s, 2 LIMIT 3",
    "SELECT u, ARRAY_AGG(s ORDER BY id) AS a, MAX_BY(s, id) AS b FROM core.t GROUP BY u": None,
    "SELECT u, LAST_VALUE(s) OVER (ORDER BY id) AS a, ARRAY_AGG(s) OVER (ORDER BY id) AS b FROM core.t": None,
    "WITH w AS (SELECT u, id, s FROM core.t WHERE k > 1) SELECT s, u FROM w ORDER BY id LIMIT 3": None,
    "SELECT x.s, x.n, y.rowid FROM core.t AS x JOIN core.o AS y USING (u) ORDER BY x.id LIMIT 3": "SELECT x.s, x.n, y.rowid FROM core.t AS x JOIN core.o AS y USING (u) ORDER BY x.id, 1, 2, 3 LIMIT 3",
    "SELECT s, e FROM core.t, UNNEST(list) AS e WITH OFFSET AS o ORDER BY id, o LIMIT 3": None,
    "SELECT s, e FROM core.t, UNNEST(list) AS e ORDER BY id LIMIT 3": "SELECT s, e FROM core.t, UNNEST(list) AS e ORDER BY id, 1, 2 LIMIT 3",
    "SELECT a, b FROM (SELECT u AS a, SUM(f) AS b FROM core.t GROUP BY u) ORDER BY a LIMIT 3": None,
    "SELECT a, b FROM (SELECT id AS a, s AS b FROM core.t UNION ALL SELECT id, s FROM core.t) ORDER BY a LIMIT 3": "SELECT a, b FROM (SELECT id AS a, s AS b FROM core.t UNION ALL SELECT id, s FROM core.t) ORDER BY a, 2 LIMIT 3",
    # Rows that no column of theirs tells apart stand alike in both windows by the key.
    "SELECT s, ROW_NUMBER() OVER (PARTITION BY u ORDER BY k) AS a, LAG(s) OVER (ORDER BY k) AS b FROM core.t": "SELECT s, ROW_NUMBER() OVER (PARTITION BY u ORDER BY k, `t`.`s`, `t`.`id`) AS a, LAG(s) OVER (ORDER BY k, `t`.`s`, `t`.`u`, `t`.`id`) AS b FROM core.t",
}  # fmt: skip


@pytest.mark.parametrize("sql", KEYED)
def test_the_key_of_a_table_tells_its_rows_apart(sql):
    """Where an order holds it nothing is left open, be it in a query inside; where none does, it takes no more than up to it."""
    assert to_bigquery(sql, SCHEMA, {"core.t": ("id",)}) == (KEYED[sql] or sql)
    assert analyze(sql, SCHEMA, {}, keys={"core.t": ("id",)}).ties == ()


@settings(max_examples=5)
@given(st.lists(_ROW, max_size=12, unique_by=itemgetter(0)))
def test_keys_of_tables_change_no_answer(connection, rows):
    """What a key tells apart is what other columns tell apart as well."""
    _answers(connection, rows, [])
    for sql in KEYED:
        one, other = (connection.execute(to_duckdb(sql, SCHEMA, keys)).fetchall() for keys in ({}, {"core.t": ("id",)}))
        assert _listed(one) == _listed(other), sql


TIED = {
    "SELECT ARRAY(SELECT s FROM core.t) AS a, ARRAY_LENGTH(ARRAY(SELECT s FROM core.t)) AS n, ARRAY(SELECT MAX(s) FROM core.t) AS m": ["ARRAY(SELECT s FROM core.t)"],
    "SELECT ARRAY(SELECT e FROM UNNEST(list) AS e) AS a, ARRAY(SELECT DISTINCT e FROM UNNEST(list) AS e) AS b FROM core.t": ["ARRAY(SELECT DISTINCT e FROM UNNEST(list) AS e)"],
    "SELECT ARRAY_AGG(s) OVER (PARTITION BY u ORDER BY k) AS a, id FROM core.t": ["ARRAY_AGG(s) OVER (PARTITION BY u ORDER BY k)"],
    "SELECT LAST_VALUE(s IGNORE NULLS) OVER (ORDER BY k) AS a FROM core.t": ["LAST_VALUE(s IGNORE NULLS) OVER (ORDER BY k)"],
    "SELECT FIRST_VALUE(s) OVER (ORDER BY k RANGE BETWEEN 1 PRECEDING AND 1 FOLLOWING) AS a FROM core.t": ["FIRST_VALUE(s) OVER (ORDER BY k RANGE BETWEEN 1 PRECEDING AND 1 FOLLOWING)"],
    "SELECT ANY_VALUE(st) OVER (PARTITION BY u) AS a FROM core.t": ["ANY_VALUE(st) OVER (PARTITION BY u)"],
    "SELECT * FROM (SELECT u, k, s FROM core.t) PIVOT(ARRAY_AGG(s IGNORE NULLS ORDER BY LENGTH(s)) AS a FOR k IN (1))": ["ARRAY_AGG(IF(k IS NOT DISTINCT FROM 1, s, NULL) IGNORE NULLS ORDER BY LENGTH(s))"],
    "SELECT ROW_NUMBER() OVER (ORDER BY COUNT(*)) AS a FROM core.t GROUP BY ROLLUP(MOD(k, 2))": ["ROW_NUMBER() OVER (ORDER BY COUNT(*))"],
    "SELECT LAG(s) OVER (ORDER BY k) AS a, LEAD(s) OVER (ORDER BY u) AS b FROM core.t": ["LAG(s) OVER (ORDER BY k)"],
    "SELECT MAX_BY(s, k) AS a, ARRAY_AGG(s ORDER BY k LIMIT 1) AS b, STRING_AGG(s ORDER BY k) AS c, ANY_VALUE(st) AS d FROM core.t": [],
    "SELECT LAG(s) OVER w AS a, RANK() OVER w AS b, ROW_NUMBER() OVER w AS c, LAST_VALUE(s) OVER w AS d FROM core.t WINDOW w AS (ORDER BY k)": [],
    "SELECT s FROM core.t QUALIFY ROW_NUMBER() OVER (PARTITION BY u ORDER BY k) = 1 ORDER BY u LIMIT 5": [],
}  # fmt: skip


@pytest.mark.parametrize("sql", TIED)
def test_a_tie_for_which_bigquery_has_no_place_is_told(sql):
    """Nothing else is: what is broken in the text that it gets needs no word."""
    assert [one.text for one in analyze(sql, SCHEMA, {}).ties] == TIED[sql]


REFUSED = {
    "SELECT MIN_BY(s, k) OVER (PARTITION BY u) AS x FROM core.t": "MIN_BY takes no OVER. Write FIRST_VALUE(s) OVER (PARTITION BY ... ORDER BY k)",
    "SELECT ANY_VALUE(s HAVING MAX k) OVER () AS x FROM core.t": "ANY_VALUE takes no OVER. Write FIRST_VALUE(s) OVER (PARTITION BY ... ORDER BY k DESC)",
    "SELECT MAX_BY(s, (SELECT MAX(u) FROM core.o)) AS x FROM core.t": "a query inside MAX_BY is not supported",
    "SELECT SUM(f HAVING MAX k) AS x FROM core.t": "SUM of FLOAT64 with HAVING MAX or MIN",
    "SELECT STRING_AGG(DISTINCT s, ',' ORDER BY k) AS x FROM core.t": "can be ordered by its first argument alone. Write ORDER BY s",
    "SELECT SUM(DISTINCT id) OVER (ORDER BY k) AS x FROM core.t": "SUM(DISTINCT ...) takes no ORDER BY and no frame in OVER",
    "SELECT LAG(s IGNORE NULLS) OVER (ORDER BY k) AS x FROM core.t": "LAG takes no IGNORE NULLS or RESPECT NULLS",
}


@pytest.mark.parametrize("sql", REFUSED)
def test_words_in_a_call_that_would_change_its_order_or_rows_are_refused(sql):
    """Nothing that stands in a call is left out of what it gives."""
    with pytest.raises(SqlError) as refused:
        analyze(sql, SCHEMA, {})
    assert REFUSED[sql] in str(refused.value)
