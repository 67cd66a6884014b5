"""Text that is no GoogleSQL: one fault each, in words of ours, and nothing of it taken in silence."""

import re
from pathlib import Path

import pytest

from flows.model.errors import SqlError
from flows.sql import analyze

SCHEMA = {
    "d.t": {"a": "INT64", "b": "INT64", "x": "ARRAY<INT64>", "ts": "TIMESTAMP", "s": "STRING", "j": "JSON", "ok": "BOOL"},
    "d.u": {"a": "INT64", "c": "INT64"},
}  # fmt: skip
CASES = [
    (query, answer.strip())
    for query, answer in re.findall(
        r"^(\S.*)\n  (.*)$", Path(__file__).with_name("foreign_cases.txt").read_text(), re.MULTILINE
    )
]
PARSERS_WORDS = re.compile(r"Expected|Required keyword|Invalid expression|Failed to parse|sqlglot|<class")


def faults(sql):
    """The messages of a query's faults."""
    try:
        analyze(sql, SCHEMA)
    except SqlError as error:
        return [fault.message for fault in error.faults]
    return []


def test_one_mistake_has_one_fault_that_says_what_to_write():
    """Whatever PostgreSQL, MySQL, Snowflake, T-SQL, Oracle, DuckDB, ClickHouse and hurry write."""
    assert len(CASES) > 300
    assert [(query, found) for query, answer in CASES if (found := faults(query)) != [answer]] == []
    assert not any(PARSERS_WORDS.search(answer) for _, answer in CASES)


@pytest.mark.parametrize(
    "sql",
    """\
SELECT a,, b FROM d.t
SELECT a FROM d.t GROUP BY a WHERE a > 1
SELECT a FROM d.t WHERE a > 1 WHERE b > 1
SELECT a FROM d.t LIMIT 5 ORDER BY a
SELECT a FROM d.t ORDER BY a UNION ALL SELECT a FROM d.u
SELECT a FROM d.t WHERE a > 1 JOIN d.u USING (a)
SELECT a FROM d.t UNION ALL SELECT a FROM d.u EXCEPT DISTINCT SELECT 3 AS a
SELECT a FROM d.t UNION ALL SELECT a FROM d.u UNBOUNDED
SELECT a NULL FROM d.t
SELECT a SET FROM d.t
SELECT a AS order FROM d.t
SELECT a AS <= FROM d.t
SELECT SUM(a) OVER AS n FROM d.t
SELECT SUM(a) OVER (PARTITION BY ORDER BY a) AS n FROM d.t
SELECT SUM(a) OVER (ORDER BY a ROWS) AS n FROM d.t
SELECT SUM(a) OVER (ORDER BY a ROWS 2) AS n FROM d.t
SELECT SUM(a) OVER (ORDER BY a ROWS 1 PRECEDING AND CURRENT ROW) AS n FROM d.t
SELECT SUM(ALL a) AS n FROM d.t
SELECT COUNT(*, a) AS n FROM d.t
SELECT EXTRACT(DAY, ts) AS n FROM d.t
SELECT CASE WHEN a > 1 2 END AS n FROM d.t
SELECT a NOT IS NULL AS n FROM d.t
SELECT a BETWEEN 1 2 AS n FROM d.t
SELECT ARRAY<INT64>[1, 2 AS n FROM d.t
SELECT STRUCT<p INT64>(1 AS n FROM d.t
SELECT a FROM d.t QUALIFY a > 1
WITH c (SELECT 1 AS a) SELECT a FROM c
SELECT 1a FROM d.t""".splitlines(),
)
def test_what_a_lenient_parser_takes_is_refused(sql):
    """It would run here, and fail on BigQuery."""
    assert len(faults(sql)) == 1


def test_words_of_other_dialects_are_names_elsewhere():
    """They are not reserved: columns, tables and aliases may be called so, and texts and comments may hold anything."""
    words = "top prewhere overlap filter div mod minus sample similar ties final option settings pivot separator placing only"
    sql = ", ".join(f"t.{word}, {word} + 1 AS {word}_1" for word in words.split())
    schema = {"d.t": dict.fromkeys(words.split(), "INT64")}
    text = "'WITH TOTALS ** BETWEEN SYMMETRIC' AS x -- a // b, TOP 10"
    assert analyze(f"SELECT {sql}, {text}\nFROM d.t AS t", schema).columns
    assert analyze("SELECT mod.a AS div, `select`, `a b` FROM d.t AS mod", {"d.t": {"a": "INT64", "select": "DATE", "a b": "DATE"}}).columns  # fmt: skip


def test_a_table_that_nobody_knows_has_one_fault():
    """What cannot be known of its columns is no fault."""
    assert len(faults("SELECT y, o FROM d.nosuch, UNNEST(x) AS y WITH OFFSET AS o")) == 1
    assert len(faults("SELECT * EXCEPT (a) REPLACE (1 AS b) FROM d.nosuch")) == 1
    assert len(faults("SELECT a, COUNT(*) AS n FROM d.t GROUP BY nosuch")) == 1
    assert len(faults("SELECT y, o FROM d.t LEFT JOIN UNNEST(FOO(s)) AS y WITH OFFSET AS o")) == 1
