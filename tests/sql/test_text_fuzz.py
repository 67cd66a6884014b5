"""Whatever text stands where SQL should: an answer or faults, within a second; never another error.

DERIVED_FUZZ is how many texts are tried, DERIVED_FUZZ_SEED which; a failure names the seed of its text.
"""

import os
import re
import time
from random import Random

import pytest

from flows.model.errors import SqlError
from flows.sql import analyze, canonical, tables, to_duckdb
from tests.sql.judged_queries import load

TEXTS = int(os.environ.get("DERIVED_FUZZ", "2000"))
SEED = int(os.environ.get("DERIVED_FUZZ_SEED", "1"))
PARTS = 4
SCHEMA = {
    "core.events": {
        "id": "INT64", "n": "NUMERIC", "f": "FLOAT64", "s": "STRING", "b": "BYTES", "ts": "TIMESTAMP", "dt": "DATETIME",
        "day": "DATE", "j": "JSON", "ok": "BOOL", "parts": "ARRAY<STRING>",
        "items": "ARRAY<STRUCT<sku STRING, price NUMERIC>>", "address": "STRUCT<city STRING>",
    },
    "core.days": {"id": "INT64", "day": "DATE"},
}  # fmt: skip
QUERIES = [
    "SELECT e.id, SUM(n) AS total, ARRAY_AGG(s ORDER BY ts DESC LIMIT 3) AS last FROM core.events AS e LEFT JOIN core.days AS d USING (id) WHERE e.ts >= @window_start - INTERVAL 7 DAY AND e.ts < @window_end GROUP BY 1 HAVING COUNT(*) > 1 ORDER BY 2 LIMIT 5",
    "WITH w AS (SELECT DATE(ts) AS day, item.sku, item.price FROM core.events, UNNEST(items) AS item WITH OFFSET AS place) SELECT * EXCEPT (day), CASE WHEN price > 1.5 THEN 'a' ELSE sku END AS c FROM w QUALIFY ROW_NUMBER() OVER (PARTITION BY sku ORDER BY price) = 1",
    "SELECT id FROM core.events AS e WHERE NOT EXISTS (SELECT 1 FROM core.days AS d WHERE d.id = e.id AND d.day BETWEEN DATE(e.ts) AND DATE(@window_end)) UNION ALL SELECT id FROM core.days WHERE id IN (1, 2, 3) OR id IN UNNEST([4, 5])",
    "SELECT SAFE_CAST(s AS INT64) AS i, CAST(n AS STRING) AS t, SAFE.SUBSTR(s, -1) AS u, s LIKE '%a\\\\_' AS l, REGEXP_EXTRACT(s, r'(\\d+)') AS r, JSON_VALUE(j, '$.a.b') AS v, b'\\xff' AS b, STRUCT(1 AS a, 'x' AS b) AS st, [1, NULL] AS arr, parts[SAFE_OFFSET(0)] AS p FROM core.events",
    "SELECT DATE_TRUNC(day, WEEK(MONDAY)) AS w, TIMESTAMP_DIFF(ts, @window_start, HOUR) AS h, EXTRACT(YEAR FROM ts AT TIME ZONE 'UTC') AS y, FORMAT_DATE('%Y-%m', day) AS f, DATE '2026-01-31' + 1 AS d, GENERATE_DATE_ARRAY(day, day, INTERVAL 1 MONTH) AS g, NUMERIC '1.5' * f AS m, 0xFF & id AS x, -id / 7.0 AS q FROM core.events",
    "SELECT LAG(s, 1, '') OVER w AS l, SUM(n) OVER (PARTITION BY id ORDER BY ts ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) AS r, COUNTIF(ok) OVER () AS c, ANY_VALUE(s HAVING MAX ts) OVER (PARTITION BY id) AS a FROM core.events WINDOW w AS (PARTITION BY id ORDER BY ts, s)",
    "SELECT address.city, (SELECT MAX(day) FROM core.days) AS last, ARRAY(SELECT AS STRUCT x.sku FROM UNNEST(items) AS x ORDER BY x.sku) AS xs, IF(ok IS TRUE, IFNULL(n, 0), COALESCE(NULL, f)) AS i FROM core.events",
]  # fmt: skip
TABLES, CASES, _ = load()
JUDGED = [case.sql() for case in CASES]
SCHEMA |= {name: {column: str(type_) for column, type_ in analyze(sql, {}).columns} for name, sql in TABLES.items()}
WORDS = ["SELECT", "FROM", "WHERE", "GROUP", "BY", "ORDER", "HAVING", "QUALIFY", "WINDOW", "LIMIT", "OFFSET", "UNION", "ALL", "DISTINCT", "EXCEPT", "INTERSECT", "WITH", "RECURSIVE", "AS", "ON", "USING", "JOIN", "LEFT", "RIGHT", "FULL", "CROSS", "INNER", "UNNEST", "STRUCT", "ARRAY", "CASE", "WHEN", "THEN", "ELSE", "END", "CAST", "SAFE_CAST", "EXTRACT", "INTERVAL", "DATE", "TIMESTAMP", "NUMERIC", "BIGNUMERIC", "JSON", "RANGE", "TIME", "DATETIME", "NULL", "TRUE", "FALSE", "NOT", "AND", "OR", "IN", "IS", "LIKE", "BETWEEN", "EXISTS", "OVER", "PARTITION", "ROWS", "RANGE", "PRECEDING", "FOLLOWING", "UNBOUNDED", "CURRENT", "ROW", "NULLS", "FIRST", "LAST", "IGNORE", "RESPECT", "PIVOT", "UNPIVOT", "TABLESAMPLE", "LATERAL", "FOR", "SYSTEM_TIME", "OF", "COLLATE", "AT", "ZONE", "VALUES", "INSERT", "DROP", "ASC", "DESC", "ROLLUP", "CUBE", "GROUPING", "SETS", "ANY", "SOME", "TO", "ESCAPE", "RESPECT", "MATCH_RECOGNIZE", "DECLARE", "BEGIN", "SET", "EXECUTE", "IMMEDIATE", "CALL", "EXPORT", "LOAD", "ASSERT", "MERGE", "UPDATE", "DELETE", "(", ")", "[", "]", "{", "}", "<", ">", ",", ".", ";", ":", "::", "*", "+", "-", "/", "%", "&", "|", "^", "~", "!", "=", "==", "!=", "<>", "<=", ">=", "<<", ">>", "||", "|>", "->", "=>", "@", "@@", "?", "??", "$", "#", "--", "/*", "*/", "`", "'", '"', "\\", "'''", '"""', "\x00", "é", "漢", "😀", "1", "0", "-1", "1.5", "1e9", "1e999", ".5", "5.", "0x", "0xFF", "1_000", "99999999999999999999", "9223372036854775808", "'a'", '"b"', "`c`", "r'\\d'", "b'x'", "rb'y'", "'\\U00110000'", "b'\\u1234'", "'\\x'", "@window_start", "@window_end", "@x", "@@y", "id", "n", "f", "s", "b", "ts", "dt", "day", "j", "ok", "parts", "items", "address", "core.events", "core.days", "e", "d", "w", "nosuch", "core.nosuch", "e.nosuch", "events", "COUNT(*)", "SUM(n)", "MAX(ts)", "ARRAY_AGG(s)", "STRING_AGG(s)", "COUNT(DISTINCT", "id)", "NET.HOST(s)", "HLL_COUNT.INIT(s)", "SAFE.LOWER(s)", "FOO(1)", "foo.bar(2)", "REGEXP_CONTAINS(s,r'a{99999}')", "CURRENT_DATE", "CURRENT_TIMESTAMP()", "RAND()", "GENERATE_UUID()", "IF(ok,1,'a')", "DATE(ts)", "DATE_TRUNC(day,MONTH)", "TIMESTAMP_ADD(ts,INTERVAL", "99999999999", "DAY)", "LAST_DAY(day)", "DATE_SUB(day,INTERVAL", "9", "YEAR)", "FORMAT('%d',id)", "PARSE_DATE('%Q',s)", "STRUCT<a", "INT64>(1)", "ARRAY<INT64>[]", "[1,'a']", "(SELECT", "1)", "(SELECT*FROM", "core.days)", "ROW_NUMBER()", "OVER()", "NUMERIC'1e99999'", "DATE'99999-01-01'", "TIMESTAMP'x'", "INTERVAL'1-2'YEAR", "TO", "MONTH", "JSON'{'", "CAST(s", "AS", "ARRAY<STRUCT<a", "INT64>>)", "TO_JSON_STRING(j)", "STRING(j)", "LEFT(s,2)", "items.price"]  # fmt: skip
VALUES = re.compile(r"(?:e\.)?(?:id|n|f|s|b|ts|dt|day|j|ok|parts|items|price|sku)|[0-9.]+|'.*'|@window_\w+|NULL")
EXPRESSIONS = r"""
id; n; f; s; b; ts; dt; day; j; ok; parts; items; address; e.nosuch; NULL; 1; -1; 1.5; 1e999; 'a'; b'x'; TRUE; @window_start; 99999999999999999999; 0xFF
(SELECT 1); (SELECT MAX(id) FROM core.days); (SELECT id FROM core.days); (SELECT nosuch); EXISTS (SELECT 1); ARRAY(SELECT id FROM core.days); ARRAY(SELECT 1, 2)
(SELECT MAX(x) FROM (SELECT ts AS x) AS w); [1, NULL]; []; [1, 'a']; [[1]]; STRUCT(1, 'a'); STRUCT(NULL); STRUCT<a INT64>(1); (1, 2); CAST(NULL AS ARRAY<INT64>)
CAST(s AS NUMERIC); CAST(items AS STRING); SAFE_CAST(j AS INT64); CAST([1] AS ARRAY<STRING>); CAST(STRUCT(1) AS STRUCT<a STRING>); CAST(s AS BIGNUMERIC(60, 38)); CAST(ts AS DATE FORMAT 'X')
COUNT(*); SUM(n); MAX(items); ARRAY_AGG(s); STRING_AGG(s ORDER BY s); COUNT(DISTINCT items); SUM(SUM(n)); AVG(s); COUNTIF(1); MIN(j); SUM(n) OVER (); ROW_NUMBER() OVER (ORDER BY ts); RANK() OVER w
ANY_VALUE(items); ARRAY_CONCAT(parts, [s]); ARRAY_LENGTH(NULL); parts[OFFSET(n)]; items[0]; items[0].price; address.city; address.nosuch; id[0]; s.a; ARRAY_TO_STRING(parts, NULL)
nosuch IN (SELECT 1); id IN (SELECT s FROM core.events); id IN UNNEST(parts); items IN (1); STRUCT(1) = STRUCT(1); id BETWEEN 'a' AND NULL; s LIKE 1; s LIKE '%\\'; NULL = NULL; f = NULL; ok IS 1
DATE(s); DATE(ts, 'x'); DATE('x'); TIMESTAMP(NULL); DATE_TRUNC(ts, NOSUCH); DATE_TRUNC(day, HOUR); TIMESTAMP_TRUNC(ts, WEEK(NODAY)); DATE_ADD(day, INTERVAL s DAY); ts + INTERVAL '1' DAY; ts + 1; day - day
DATE_ADD(day, INTERVAL 999999999999 YEAR); INTERVAL 1 DAY; INTERVAL '1-2' YEAR TO MONTH; EXTRACT(NOSUCH FROM ts); EXTRACT(DAY FROM id); LAST_DAY(day, HOUR); FORMAT_DATE('%Q', day); PARSE_DATE('%Y', s)
GENERATE_ARRAY(1, 9, 0); GENERATE_DATE_ARRAY(day, NULL, INTERVAL s DAY); JSON_VALUE(j, s); JSON_VALUE(j); JSON_QUERY(s, '$'); JSON_VALUE(); STRING(j); IF(ok); IF(1, 2, 3); IF(ok, 1, 'a'); COALESCE(); NULLIF(1, 'a')
CASE WHEN 1 THEN 2 END; CASE id WHEN 'a' THEN 1 ELSE 'b' END; IFNULL(n, s); GREATEST(1, 'a'); GREATEST(); SAFE.PARSE_DATE('%F', s); SAFE.SUM(n); SAFE_DIVIDE(1, 0); n / 0; 1 / NULL; MOD(f, 2); -s; NOT id; - - id
NET.HOST(s); HLL_COUNT.INIT(s); foo.bar(1); FOO(); RAND(); CURRENT_DATE; REGEXP_CONTAINS(s, '('); REGEXP_EXTRACT(s, s); REGEXP_REPLACE(s, 'a', '\\9'); LEFT(s, -1); SUBSTR(s); CONCAT(); CONCAT(1, b); s || 1; SPLIT(b); e; w; core; e.*; *
NUMERIC '1e99999'; NUMERIC 'x'; DATE '2026-13-01'; TIMESTAMP '99999-01-01'; JSON '{'; JSON '{}'; RANGE(NULL, day); BIGNUMERIC '1'; TIME '25:00:00'; DATETIME 'x'; "a" "b"; r'\d'; '\U00110000'; `id`; @@x; ?; x -> x + 1
""".replace("\n", ";").split(";")  # fmt: skip
TOKEN = re.compile(r"@?\w+(?:\.\w+)*|[rb]?'[^']*'|\s+|.", re.DOTALL)


def mutated(random):
    """A query of which values are changed for others, or words are taken out, put elsewhere, written again."""
    words = TOKEN.findall(random.choice(random.choice([QUERIES, JUDGED])))
    return valued(random, words) if random.random() < 0.7 else shuffled(random, words)


def valued(random, words):
    """The words with other values in the place of some."""
    places = [place for place, word in enumerate(words) if VALUES.fullmatch(word)]
    for place in random.sample(places, min(random.choice([1, 1, 1, 2, 4]), len(places))):
        words[place] = random.choice(EXPRESSIONS).strip()
    return "".join(words)


def shuffled(random, words):
    """The words with some taken out, put elsewhere, or written again."""
    for _ in range(random.choice([1, 1, 2, 3, 5, 9])):
        place, other = random.randrange(len(words) + 1), random.randrange(len(words) + 1)
        match random.randrange(7):
            case 0:
                del words[place : place + random.randint(1, 3)]
            case 1 | 2:
                words[place : place + 1] = [f" {random.choice(WORDS)} "]
            case 3:
                words.insert(place, f" {random.choice(WORDS)} ")
            case 4:
                low, high = sorted((place, other))
                words[low:high] = words[low:high] * random.choice([2, 2, 3, 40])
            case 5:
                low, high = sorted((place, other))
                words[low:high] = ["(", *words[low:high], ")"]
            case 6:
                donor = TOKEN.findall(random.choice(random.choice([QUERIES, JUDGED])))
                low = random.randrange(len(donor))
                words[place:place] = donor[low : low + random.randint(1, 12)]
        words = words[:3000] or ["SELECT"]
    text = "".join(words)
    if random.random() < 0.1:
        place = random.randrange(len(text) + 1)
        text = (
            text[:place] + chr(random.choice([0, 9, 10, 34, 39, 92, 96, 0xA0, 0xD7FF, 0xFFFD, 0x1F600])) + text[place:]
        )
    return text[: random.randrange(len(text) + 1)] if random.random() < 0.05 else text


@pytest.mark.parametrize("part", range(PARTS))
def test_any_text_gives_an_answer_or_faults(part):
    """A text with anything in it is a query or has faults with lines of its own; it takes no longer than a second."""
    good = 0
    for seed in range(SEED * 1_000_000 + part, SEED * 1_000_000 + TEXTS, PARTS):
        sql = mutated(Random(seed))  # noqa: S311 - no secret
        try:
            answers, lines, seconds = read(sql)
        except Exception as error:
            raise AssertionError(f"seed {seed}: {error!r}\n{sql}") from error
        good += answers
        assert lines <= set(range(1, sql.count("\n") + 2)), f"seed {seed}: {sql}"
        # Once in a while all garbage of the process is collected meanwhile, and takes longer.
        assert seconds < 1 or read(sql)[2] < 1, f"seed {seed}: {sql}"
    assert good


def read(sql):
    """How many of its readings give an answer, the lines of the faults of the others, and their seconds of CPU."""
    good, lines, started = 0, set(), time.process_time()
    for reading in (analyzed, compiled, canonical, tables):
        try:
            reading(sql)
            good += 1
        except SqlError as error:
            lines.update(fault.line for fault in error.faults)
    return good, lines, time.process_time() - started


def analyzed(sql):
    analyze(sql, SCHEMA, {"core.events": "ts", "core.days": "day"})


def compiled(sql):
    to_duckdb(sql, SCHEMA)
