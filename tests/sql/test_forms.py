"""Forms of other dialects that a lenient parser takes: refused by name, with what to write."""

import re

import pytest

from flows.model.errors import SqlError
from flows.sql import analyze

SCHEMA = {"d.t": {"a": "INT64", "b": "INT64", "x": "ARRAY<INT64>"}, "d.u": {"a": "INT64", "c": "INT64"}}


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("SELECT DISTINCT ON (a) b FROM d.t ORDER BY a", "no DISTINCT ON. Write QUALIFY ROW_NUMBER()"),
        ("SELECT a FROM d.t AS s(b, a)", "'s(...)'"),
        ("WITH c(b, a) AS (SELECT a, b FROM d.t) SELECT a FROM c", "'c(...)'"),
        ("SELECT a FROM (SELECT a, b FROM d.t) AS s(b, a)", "'s(...)'"),
        ("SELECT a FROM d.t PARTITION (p0)", "no PARTITION (...). Write WHERE"),
        ("SELECT COUNT(*) AS n FROM d.t GROUP BY", "ends after 'GROUP BY'"),
        ("SELECT a, COUNT(*) AS n FROM d.t GROUP BY a,", "the comma in GROUP BY"),
        ("SELECT a, COUNT(*) AS n FROM d.t GROUP BY a, -- b\nHAVING COUNT(*) > 1", "the comma in GROUP BY"),
        ("SELECT a FROM d.t WHERE a IN (SELECT a FROM d.u GROUP BY a, )", "the comma in GROUP BY"),
        ("SELECT a FROM d.t GROUP BY DISTINCT ROLLUP(a)", "GROUP BY DISTINCT"),
        ("SELECT a FROM d.t EXCEPT ALL SELECT a FROM d.u", "Write EXCEPT DISTINCT"),
        ("SELECT a FROM d.t INTERSECT ALL SELECT a FROM d.u", "Write INTERSECT DISTINCT"),
        ("SELECT a FROM d.t ORDER BY a LIMIT 2, 3", "Write LIMIT count OFFSET skipped"),
        ("SELECT a FROM d.t ORDER BY a LIMIT 1 BY a", "no LIMIT BY"),
        (
            "SELECT SUM(a) OVER (ORDER BY a GROUPS BETWEEN 1 PRECEDING AND CURRENT ROW) AS s FROM d.t",
            "frames by GROUPS",
        ),
        ("WITH c AS NOT MATERIALIZED (SELECT a FROM d.t) SELECT a FROM c", "MATERIALIZED"),
        ("WITH c AS MATERIALIZED (SELECT a FROM d.t) SELECT a FROM c", "MATERIALIZED"),
        ("SELECT SAFE.CASE(a, 1, 2) AS n FROM d.t", "CASE is no function. Write CASE WHEN"),
        ("SELECT a, // the key\nb FROM d.t", "Write DIV(x, 2), or -- before a comment"),
        ("SELECT a, i FROM d.t, x AS i", "'x' has no dataset. Write UNNEST(x) AS i"),
        ("WITH r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 3) SELECT n FROM r", "Write WITH RECURSIVE"),
        ("SELECT a FROM d.t UNION ALL SELECT DATE '2026-01-01'", "Write one type in each place"),
        (
            "SELECT DATE_DIFF(DAY, DATE '2026-01-01', CURRENT_DATE()) AS n",
            "Write DATE_DIFF(CURRENT_DATE(), DATE '2026-01-01', DAY)",
        ),
        ("SELECT EXTRACT(WEEKDAY FROM DATE '2026-01-01') AS n", "Write DAYOFWEEK"),
        ("SELECT TIMESTAMP_DIFF(@window_end, DATE '2026-01-01', DAY) AS n", "'DATE '2026-01-01'' is no TIMESTAMP"),
        ("FROM d.t AS t |> JOIN d.u AS u ON t.a = u.a |> EXTEND t.a + 1 AS b |> SELECT b", "|> EXTEND gives a column"),
        ("FROM d.t |> JOIN UNNEST(x) AS __extended1", "begins as names that stand for pipes"),
        ("SELECT a NOTNULL AS n FROM d.t", "Write a IS NOT NULL"),
        ("SELECT a FROM d.t WHERE a ISNULL", "Write a IS NULL"),
        ("SELECT a <=> 2 AS n FROM d.t", "Write IS NOT DISTINCT FROM"),
        ("SELECT * EXCLUDE (a) FROM d.t", "Write * EXCEPT"),
        ("SELECT a % 2 AS n FROM d.t", "Write MOD(a, 2)"),
        ("SELECT a FROM d.t FOR UPDATE", "no FOR UPDATE"),
        ("SELECT a FROM d.t NATURAL JOIN d.u", "no NATURAL JOIN. Write JOIN ... USING"),
        ("SELECT c FROM d.t ASOF JOIN d.u ON d.t.a >= d.u.a", "no ASOF JOIN"),
        ("SELECT a FROM d.t LATERAL VIEW explode(x) y", "no LATERAL VIEW"),
    ],
)
def test_a_form_that_googlesql_does_not_have_is_refused(sql, told):
    """And nothing of it is dropped in silence, which would give other rows."""
    with pytest.raises(SqlError, match=re.escape(told)):
        analyze(sql, SCHEMA)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT a AS isnull, b AS notnull, 1 AS excluded FROM d.t",
        "SELECT a, b FROM d.t ORDER BY a, b LIMIT 3 OFFSET 2",
        "SELECT (SELECT MAX(c) FROM d.u LIMIT 1) AS m, IF(a > b, a, b) AS n FROM d.t",
        "SELECT ARRAY_AGG(a ORDER BY a, b LIMIT 3) AS l, b FROM d.t GROUP BY b",
        "SELECT a, COUNT(*) AS n FROM d.t GROUP BY a HAVING COUNT(*) > 1 ORDER BY a, n",
        "SELECT a, 'LIMIT 1, 2 NOTNULL, ' AS s FROM d.t",
        "SELECT y FROM d.t, UNNEST(x) AS y",
        "SELECT DISTINCT a FROM d.t EXCEPT DISTINCT SELECT a FROM d.u",
        "SELECT * EXCEPT (x) FROM d.t",
        "SELECT a FROM d.t WHERE a IS NOT DISTINCT FROM b",
    ],
)
def test_forms_of_googlesql_stand(sql):
    """Words of such forms are names and texts elsewhere."""
    assert analyze(sql, SCHEMA).columns
