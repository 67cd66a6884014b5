"""A query too large to read is its file's fault, at once: nothing hangs, and nothing ends the process."""

import time

import duckdb
import pytest

from flows.model.errors import SqlError
from flows.model.types import Type
from flows.sql import analyze, canonical, tables, to_duckdb

SCHEMA = {"core.events": {"id": Type("INT64"), "s": Type("STRING"), "ts": Type("TIMESTAMP")}}
NESTED = {
    "parentheses": lambda n: f"SELECT {'(' * n}1{')' * n} AS x",
    "open parentheses": lambda n: f"SELECT {'(' * n}",
    "arrays": lambda n: f"SELECT {'[' * n}1{']' * n} AS x",
    "calls": lambda n: f"SELECT {'ABS(' * n}1{')' * n} AS x",
    "subqueries": lambda n: f"SELECT {'(SELECT ' * n}1{')' * n} AS x",
    "FROM": lambda n: f"SELECT id FROM {'(SELECT id FROM ' * n}core.events{')' * n}",
    "comparisons": lambda n: f"SELECT {'(1 > ' * n}1{')' * n} AS x",
    "CASE": lambda n: f"SELECT {'CASE WHEN TRUE THEN ' * n}1{' END' * n} AS x",
    "types": lambda n: f"SELECT CAST(NULL AS {'ARRAY<STRUCT<a ' * n}INT64{'>>' * n}) AS x",
    "open types": lambda n: f"SELECT CAST(NULL AS {'ARRAY<STRUCT<' * n}",
    "other types": lambda n: f"SELECT CAST(NULL AS {'MAP<' * n}",
    "NOT": lambda n: f"SELECT {'NOT ' * n}TRUE AS x",
    "signs": lambda n: f"SELECT {'- ' * n}1 AS x",
    "SELECT": lambda n: "SELECT " * n,
    "EXISTS": lambda n: (
        f"SELECT id FROM core.events WHERE {'EXISTS (SELECT 1 FROM core.events WHERE ' * n}TRUE{')' * n}"
    ),
}
CHAINED = {
    "sums": lambda n: f"SELECT 1{' + 1' * n} AS x",
    "paths": lambda n: f"SELECT a{'.b' * n} AS x FROM core.events AS a",
    "offsets": lambda n: f"SELECT a{'[0]' * n} AS x FROM core.events AS a",
    "IS": lambda n: f"SELECT 1{' IS NULL' * n} AS x",
    "texts": lambda n: f"SELECT {' || '.join(['id'] * n)} AS x FROM core.events",
    "UNION": lambda n: " UNION ALL ".join(["SELECT 1 AS x"] * n),
    "conditions": lambda n: f"SELECT id FROM core.events WHERE {' AND '.join(['id = 1'] * n)}",
    "moves": lambda n: f"SELECT id FROM core.events WHERE ts < @window_end{' + INTERVAL 1 DAY' * n}",
    "joins": lambda n: "SELECT 1 AS x FROM core.events AS e" + "".join(f" JOIN core.events AS e{i} ON TRUE" for i in range(n)),
    "lists": lambda n: f"SELECT id FROM core.events WHERE id IN ({', '.join(map(str, range(n)))})",
    "COLLATE": lambda n: f"SELECT id FROM core.events WHERE {'id COLLATE ' * n}id",
    "words": lambda n: "SELECT " + "LIST " * n,
}  # fmt: skip


def refusals(sql):
    """Each way of reading a query, and what it says; any error but SqlError is a failure."""
    said = []
    for read in (lambda: analyze(sql, SCHEMA, {"core.events": "ts"}), lambda: to_duckdb(sql, SCHEMA)):
        try:
            read()
        except SqlError as error:
            said.append(str(error))
    for read in (canonical, tables):
        try:
            read(sql)
        except SqlError as error:
            said.append(str(error))
    return said


@pytest.mark.parametrize("count", [60, 300, 600, 8_000, 10_000])
@pytest.mark.parametrize("form", NESTED)
def test_what_nests_too_deeply_is_a_fault_at_once(form, count):
    """However deep the parts of a query stand in one another, it is refused before it is parsed."""
    started = time.process_time()
    said = refusals(NESTED[form](count))
    assert len(said) == 4
    assert all("nests too deeply" in one or "At most" in one for one in said), said
    assert time.process_time() - started < 2


@pytest.mark.parametrize("count", [300, 3_000, 100_000])
@pytest.mark.parametrize("form", CHAINED)
def test_long_chains_end_in_a_fault_or_in_an_answer(form, count):
    """However long a chain of operators is, it never ends in a traceback."""
    started = time.process_time()
    refusals(CHAINED[form](count))
    assert time.process_time() - started < 4


def test_what_is_too_long_is_a_fault_at_once():
    """A text of 900 KB is not read."""
    sql = "SELECT " + "1:59" * 225_000
    started = time.process_time()
    assert all(one.startswith("line 1: the query has 900,007 characters. At most") for one in refusals(sql))
    assert time.process_time() - started < 0.1


@pytest.mark.parametrize("number", ["9" * 5_000, "0x" + "f" * 5_000, "1" * 5_000 + ".5", "1e" + "9" * 5_000])
@pytest.mark.parametrize("place", ["SELECT {} AS x", "SELECT 1 AS x LIMIT {}", "SELECT [1][OFFSET({})] AS x"])
def test_endless_numbers_are_faults(number, place):
    """A number of thousands of digits is a fault wherever it stands."""
    said = refusals(place.format(number))
    assert len(said) == 4
    assert all("digits. At most 400 are read." in one for one in said)


def test_brackets_in_texts_do_not_nest():
    """Only brackets that the query itself opens count."""
    sql = f"SELECT '{'(' * 200}' AS a, [{'NULL, ' * 100}1] AS b, {'(1), ' * 60}".rstrip(", ")
    columns = ", ".join(f"(1 < 2) AS c{number}" for number in range(60))
    assert analyze(f"{sql.split(', (1)')[0]}, {columns}", SCHEMA, {}).columns[0] == ("a", Type("STRING"))


@pytest.mark.parametrize("count", [16, 40, 4_000])
@pytest.mark.parametrize("join", ["JOIN", "LEFT JOIN", "FULL OUTER JOIN"])
def test_joins_that_wait_for_their_condition_are_bounded(join, count):
    """Each one more gives the parser twice as many ways to read them."""
    started = time.process_time()
    said = refusals(f"SELECT 1 AS x FROM core.events {join} " + f"core.events {join} " * count + "core.events")
    assert said
    assert all("joins wait for their ON" in one or "At most" in one for one in said), said
    assert time.process_time() - started < 4


def test_joins_with_their_conditions_are_many():
    """Conditions may stand after all tables that they join."""
    each = "".join(f" JOIN core.events AS e{i} ON e{i}.id = e.id" for i in range(40))
    assert analyze(f"SELECT e.id AS x FROM core.events AS e{each}", SCHEMA).columns
    crossed = "".join(f" CROSS JOIN core.events AS e{i}" for i in range(40))
    assert analyze(f"SELECT e.id AS x FROM core.events AS e{crossed}", SCHEMA).columns


def test_many_queries_with_limits_are_read_in_no_time():
    """What each of them asks of the whole query is looked for once."""
    each = ", ".join(f"w{i} AS (SELECT id FROM core.events ORDER BY id LIMIT {i + 1})" for i in range(600))
    started = time.process_time()
    assert analyze(f"WITH {each} SELECT w0.id AS x FROM w0", SCHEMA).columns
    assert time.process_time() - started < 3


def test_columns_that_double_are_bounded():
    """A query of a few hundred characters can name more columns than any memory holds."""
    doubled = "".join(f", a{i} AS (SELECT * FROM a{i - 1}, a{i - 1} AS b)" for i in range(1, 30))
    started = time.process_time()
    said = refusals(f"WITH a0 AS (SELECT 1 AS x){doubled} SELECT 1 AS y FROM a29")
    assert any("more than 10,000 columns" in one for one in said), said
    assert time.process_time() - started < 4


def test_calls_count_once():
    """A function whose name is a word of SQL nests as deep as any other."""
    closing = ", 'b', 'c')"
    nested = f"SELECT {'REPLACE(' * 45}'a'{closing * 45} AS x"
    assert canonical(nested).count("REPLACE") == 45


@pytest.mark.parametrize("operator", ["s || ", "id + ", "id * ", "id & ", "id + 1 - "])
def test_a_chain_of_operators_nests_in_nothing(operator):
    """Hundreds of terms of one operator stand side by side, not in one another."""
    count = 249 if operator == "id + 1 - " else 499
    sql = f"SELECT {operator * count}{operator.split()[0]} AS x FROM core.events"
    assert analyze(sql, SCHEMA).columns
    assert canonical(sql)
    with duckdb.connect() as connection:
        connection.execute("CREATE SCHEMA core; CREATE TABLE core.events (id BIGINT, s VARCHAR, ts TIMESTAMPTZ)")
        assert connection.execute(to_duckdb(sql, SCHEMA)).fetchall() == []


@pytest.mark.parametrize("number", ["1e5000", "1e-99999", "1e29", "-1e29", "99999999999999999999999999999.9999999999"])
def test_what_does_not_fit_numeric_is_a_fault(number):
    """A number that a literal cannot hold is none for SAFE_CAST either."""
    for written in (f"NUMERIC '{number}'", f"CAST('{number}' AS NUMERIC)", f"CAST({number} AS NUMERIC)"):
        with pytest.raises(SqlError):
            to_duckdb(f"SELECT {written} AS x", {})
    assert "CAST(NULL AS DECIMAL(38, 9))" in to_duckdb(f"SELECT SAFE_CAST('{number}' AS NUMERIC) AS x", {})


@pytest.mark.parametrize("end", [";", "; -- so", ";\n/* so */ ;", " -- so\n;"])
def test_a_comment_after_the_end_is_no_statement(end):
    """What stands after the semicolon says nothing."""
    assert canonical(f"SELECT 1 AS x{end}") == canonical("SELECT 1 AS x")


def test_what_fits_numeric_just_so_is_exact():
    """The last number of each type is one."""
    for type_, last in (("NUMERIC", "9" * 29 + "." + "9" * 9), ("BIGNUMERIC", "9" * 20 + "." + "9" * 18)):
        assert f"'-{last}'" in to_duckdb(f"SELECT {type_} '-{last}' AS x", {})


@pytest.mark.parametrize(
    "nest",
    [
        lambda inner: f"({inner}) * n",
        lambda inner: f"CAST(CAST({inner} AS STRING) AS NUMERIC)",
        lambda inner: f"({inner}) / n",
        lambda inner: f"ROUND({inner}, 2)",
        lambda inner: f"GREATEST({inner}, n)",
        lambda inner: f"SAFE_DIVIDE({inner}, n)",
    ],
)
def test_sql_grows_no_faster_than_the_query(nest):
    """Each level adds as much as the one before it: an argument is written once, however often it is used."""
    schema, lengths, written = {"core.numbers": {"n": Type("NUMERIC")}}, [], "n"
    for _ in range(12):
        written = nest(written)
        lengths.append(len(to_duckdb(f"SELECT {written} AS x FROM core.numbers", schema)))
    assert lengths[11] - lengths[8] <= 1.1 * (lengths[8] - lengths[5])
