"""What is wrong with a query is said all at once, by line, with what to write instead."""

import gc

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.model.errors import SqlError
from flows.model.types import parse_type
from flows.sql import analyze, canonical, first_rows, forget, parse, tables, to_duckdb

SCHEMA = {
    "core.payments": {
        "payment_id": parse_type("INT64"),
        "order_id": parse_type("STRING"),
        "amount": parse_type("NUMERIC(12, 2)"),
        "captured_at": parse_type("TIMESTAMP"),
    },
    "core.orders": {
        "order_id": parse_type("STRING"),
        "created_at": parse_type("TIMESTAMP"),
        "items": parse_type("ARRAY<STRUCT<sku STRING, price NUMERIC, quantity INT64>>"),
        "address": parse_type("STRUCT<city STRING>"),
    },
}


def faults(sql):
    with pytest.raises(SqlError) as refused:
        analyze(sql, SCHEMA, {})
    return [f"{fault.line}: {fault.message}" for fault in refused.value.faults]


def only(sql):
    (fault,) = faults(sql)
    return fault


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("", "1: there is no query here. Write a SELECT."),
        ("-- nothing", "1: there is no query here. Write a SELECT."),
        ("SELECT 1 AS a;\nSELECT 2 AS a", "1: there is more than one statement. Write exactly one SELECT."),
        ("DELETE FROM core.orders WHERE TRUE", "1: 'DELETE' starts no SELECT. Write exactly one SELECT."),
        ("CREATE TABLE a.b AS SELECT 1 AS x", "1: 'CREATE' starts no SELECT. Write exactly one SELECT."),
        ("CREATE TEMP FUNCTION f(x INT64) AS (x + 1); SELECT f(1) AS y", "1: functions of your own are not supported. Write exactly one SELECT, with what they compute where they are called."),
        ("SELECT fns.clean(order_id) AS a FROM core.orders", "1: fns.CLEAN is no function of GoogleSQL, and functions of your own are not supported. Write what it computes where it is called, or once in a WITH."),
        ("SELECT ARRAY_AGG(order_id IGNORE NULLS LIMIT 1) AS a FROM core.orders", "1: ARRAY_AGG without ORDER BY can give another value on every retry. Write ARRAY_AGG(order_id IGNORE NULLS ORDER BY order_id LIMIT 1), or order by other columns."),
        ("SELECT CURRENT_DATE('Asia/Tokyo') AS a", "1: CURRENT_DATE cannot stand in a table's SQL: it gives other rows on every retry. Write DATE(@window_end, 'Asia/Tokyo')."),
        ("FROM core.orders\n|> TABLESAMPLE SYSTEM (1 PERCENT)", "2: |> TABLESAMPLE is not supported. Write WHERE MOD(id, 10) = 0, which takes the same rows on every retry."),
        ("SELECT order_id\nFROM core.orders\nWHERE order_id = 'a' AND", "3: syntax error: the query ends after 'AND'. Write what follows it"),
        ("SELECT o.order_id\n  o.address FROM core.orders AS o", "2: syntax error: between 'o.order_id' and 'o.address' a comma is missing."),
        ("SELECT order_id COUNT(*) AS n FROM core.orders", "1: syntax error: between 'order_id' and 'COUNT(...)' a comma is missing."),
        ("SELECT UPPER(order_id) 5 FROM core.orders", "1: syntax error: between 'UPPER(order_id)' and '5' a comma or an operator is missing."),
        ("SELECT order_id FROM core.orders WHERE TRUE order_id = 'a'", "1: syntax error: between 'TRUE' and 'order_id' AND or OR is missing."),
        ("SELECT 1 AS a FROM core.orders o\nJOIN core.payments p p.order_id = o.order_id", "2: syntax error: between 'p' and 'p.order_id' ON, USING or WHERE is missing."),
        ("SELECT order_id\nFORM core.orders", "2: syntax error: 'FORM' is no word that can stand here. Did you mean 'FROM'?"),
        ("SELECT COUNT(*) AS n FROM core.orders GROUP order_id", "1: syntax error: 'GROUP' needs BY. Write GROUP BY."),
        ("SELECT CASE WHEN TRUE THEN 1 AS n FROM core.orders", "1: syntax error: a CASE has no END."),
        ("SELECT SUM(amount AS n\nFROM core.payments", "1: syntax error: the '(' after SUM is not closed. Write its ')'."),
        ("SELECT 1) AS n", "1: syntax error: this ')' closes nothing."),
        ("SELECT [1, 2 AS n", "1: syntax error: the '[' after SELECT is not closed. Write its ']'."),
        ("SELECT 'it''s' AS a", "1: syntax error: a quote inside a text is written \\'"),
        ("SELECT 1 AS n FROM core.orders AS o LEFT OUTER JION core.payments AS p ON TRUE", "1: syntax error: 'JION' is no word that can stand here. Did you mean 'JOIN'?"),
        ("SELECT TOP 10 order_id FROM core.orders", "1: GoogleSQL has no TOP. Write ORDER BY and LIMIT at the end."),
        ("SELECT order_id FROM core.orders FETCH FIRST 5 ROWS ONLY", "1: GoogleSQL has no FETCH. Write LIMIT."),
        ("SELECT", "1: SELECT names no columns."),
        ("SELECT order_id AS select FROM core.orders", "1: syntax error: 'select' is a word of SQL itself."),
        ("SELECT 1 = = 1 AS a", "1: syntax error: the query cannot be read at '='."),
        ("SELECT order_id FROM core.orders\nWHERE order_id == 'a'", "2: GoogleSQL has no '=='. Write =."),
        ("SELECT o.order_id::text AS a FROM core.orders o", "1: GoogleSQL has no '::'. Write CAST(o.order_id AS STRING)."),
        ("SELECT MAX(created_at)::DATE AS a FROM core.orders", "1: GoogleSQL has no '::'. Write CAST(MAX(created_at) AS DATE)."),
        ("SELECT 1 AS a FROM core.orders WHERE order_id ~ 'a'", "1: GoogleSQL has no '~'. Write REGEXP_CONTAINS(order_id, r'...')."),
        ("SELECT created_at - INTERVAL '7 days' AS a FROM core.orders", "1: 'INTERVAL '7 days'' is not GoogleSQL. Write INTERVAL 7 DAY."),
        ("SELECT created_at - INTERVAL 7 DAYS AS a FROM core.orders", "1: 'INTERVAL 7 DAYS' is not GoogleSQL. Write INTERVAL 7 DAY."),
        ("SELECT 'abc AS x", "1: syntax error: ' is opened and not closed on its line."),
        ("SELECT 1 AS a,\n'b\nc' AS x", "2: syntax error: ' is opened and not closed on its line. Write \\n, or ''' around several lines."),
        ("SELECT\n? AS x", "2: a positional parameter (?) has no value here. Write @window_start or @window_end."),
        ("SELECT\n@window_stat AS x", "2: '@window_stat' is not a parameter. Did you mean '@window_start'?"),
        ("SELECT @day AS x", "1: '@day' is not a parameter. Write @window_start or @window_end."),
        ("SELECT\n RAND() AS x", "2: RAND cannot stand in a table's SQL: it gives other rows on every retry."),
        ("SELECT CURRENT_TIMESTAMP AS x", "1: CURRENT_TIMESTAMP cannot stand in a table's SQL"),
        ("SELECT CURRENT_DATE() AS x", "1: CURRENT_DATE cannot stand in a table's SQL"),
        ("SELECT order_id\nFROM core.orders\nLIMIT 5", "3: LIMIT without ORDER BY can give other rows on every retry. Write ORDER BY"),
        ("WITH a AS (SELECT order_id FROM core.orders LIMIT 5) SELECT order_id FROM a ORDER BY order_id LIMIT 5", "1: LIMIT without ORDER BY"),
        ("SELECT order_id, COUNT(*) AS n FROM core.orders GROUP BY order_id LIMIT 1", "1: LIMIT without ORDER BY"),
        ("SELECT ROW_NUMBER() OVER w AS n\nFROM core.orders\nWINDOW w AS (PARTITION BY order_id)", "1: ROW_NUMBER without ORDER BY can give other rows"),
        ("SELECT order_id FROM core.order", "1: 'core.order' is not a table. Did you mean 'core.orders'?"),
        ("SELECT order_id\nFROM orders", "2: 'orders' has no dataset. Write it as dataset.name. Did you mean 'core.orders'?"),
        ("SELECT x FROM p.core.orders", "1: 'p.core.orders' names a project. Write the table as dataset.name: 'core.orders'."),
        ("SELECT order_id,\n  create_at\nFROM core.orders", "2: 'create_at' is not a column of the tables in FROM. Did you mean 'created_at'?"),
        ("SELECT o.\n create_at FROM core.orders o", "2: 'create_at' is not a column of 'o'. Did you mean 'created_at'?"),
        ("SELECT z.order_id FROM core.orders o", "1: 'z' is not a table or column here. The query knows o."),
        ("SELECT z.order_id FROM (SELECT order_id FROM core.orders)", "1: 'z' is not a table or column here."),
        ("SELECT o.a, o.b FROM (SELECT amount, order_id FROM core.payments) PIVOT(SUM(amount) FOR order_id IN ('a')) AS o", "1: 'b' is not a column of 'o'."),
        ("SELECT o.a FROM core.payments PIVOT(SUM(amount) FOR order_id IN ('a', 1)) AS o", "1: '1' in PIVOT is INT64, but 'order_id' is STRING."),
        ("SELECT a, b FROM core.payments UNPIVOT(a FOR b IN (amount, order_id))", "1: 'order_id' in UNPIVOT is STRING, but 'amount' NUMERIC. CAST it before."),
        ("SELECT o.order_id, city,\n o.day\nWHERE o.day > '2026-01-01'", "1: the query has no FROM, so that nothing says whose columns it reads. Write FROM dataset.table."),
        ("SELECT address.town FROM core.orders", "1: 'town' is not a field of the STRUCT. It has city."),
        ("SELECT items.price FROM core.orders", "1: 'price' cannot be read: what stands before it is ARRAY<"),
        ("SELECT order_id FROM core.orders, core.payments", "1: 'order_id' is ambiguous. Write orders.order_id or payments.order_id."),
        ("SELECT amount + 1 FROM core.payments", "1: the column 'amount + 1' has no name. Write amount + 1 AS name."),
        ("SELECT 1 AS a,\n 2 AS A", "2: two columns are named 'A'. Give one of them another name with AS."),
        ("SELECT CAST(amount AS\n DECIMALS) AS a FROM core.payments", "2: 'DECIMALS' is not a type. Did you mean 'DECIMAL'?"),
        ("SELECT CAST(amount AS VARCHAR) AS a FROM core.payments", "1: 'VARCHAR' is not a type. Did you mean 'STRING'?"),
        ("SELECT UPER(order_id) AS a FROM core.orders", "1: UPER is not a function of GoogleSQL that is known here. Did you mean 'UPPER'?"),
        ("SELECT ZZZ(order_id) AS a, order_id FROM core.orders GROUP BY order_id", "1: ZZZ is not a function of GoogleSQL that is known here."),
        ("SELECT BAG_OF_WORDS(order_id) AS a, order_id AS n FROM core.orders", "1: BAG_OF_WORDS is not supported by the embedded warehouse yet."),
        ("SELECT SIN(amount) AS a FROM core.payments", "1: SIN of NUMERIC: write CAST(amount AS FLOAT64), as the exact SIN is not supported"),
        ("SELECT APPROX_TOP_SUM(order_id, 1, 3) AS a, COUNT(*) AS n FROM core.orders", "1: APPROX_TOP_SUM is not supported by the embedded warehouse yet. Write SUM(weight) by value"),
        ("SELECT APPROX_TOP_COUNT(order_id, 3) OVER () AS a FROM core.orders", "1: APPROX_TOP_COUNT takes a value and how many of the most frequent ones"),
        ("SELECT PERCENTILE_CONT(amount, NUMERIC '0.5') OVER () AS a FROM core.payments", "1: PERCENTILE_CONT with a share of NUMERIC is not supported by the embedded warehouse. Write 0.5"),
        ("SELECT NOW() AS a", "1: NOW is not a function of GoogleSQL. Write @window_end: the clock would give other rows on every retry."),
        ("SELECT DATE_FORMAT(created_at, '%Y') AS a FROM core.orders", "1: DATE_FORMAT is not a function of GoogleSQL. Write FORMAT_DATE('%Y-%m', day),"),
        ("SELECT STRFTIME('%Y', created_at) AS a FROM core.orders", "1: STRFTIME is not a function of GoogleSQL. Write FORMAT_TIMESTAMP('%Y-%m', ts),"),
        ("SELECT DATEDIFF(day, created_at, created_at) AS a FROM core.orders", "1: DATEDIFF is not a function of GoogleSQL. Write DATE_DIFF(later, earlier, DAY),"),
        ("SELECT CONVERT(INT, order_id) AS a FROM core.orders", "1: CONVERT is not a function of GoogleSQL. Write CAST(value AS TYPE)."),
        ("SELECT 1 AS a FROM core.orders WHERE order_id ILIKE 'DE%'", "1: GoogleSQL has no ILIKE. Write LOWER(order_id) LIKE 'de%'."),
        ("SELECT 1 AS a FROM core.orders WHERE order_id NOT ILIKE address.city", "1: GoogleSQL has no ILIKE. Write LOWER(order_id) NOT LIKE LOWER(address.city)."),
        ("SELECT\n@window_stop AS x", "2: '@window_stop' is not a parameter. Did you mean '@window_end'?"),
        ("SELECT DATE_TRUNC('day', created_at) AS a FROM core.orders", "1: the arguments of DATE_TRUNC are swapped. Write DATE_TRUNC(created_at, DAY)."),
        ("SELECT DATE_TRUNC(created_at, 'day') AS a FROM core.orders", "1: a part of a date or time is no text. Write DAY in place of 'day'."),
        ("SELECT created_at - INTERVAL 2 MONTH AS a FROM core.orders", "1: GoogleSQL cannot move a TIMESTAMP by a MONTH: its length varies. Write TIMESTAMP(DATE_SUB(DATE(...), INTERVAL 2 MONTH))."),
        ("SELECT UPPER(created_at) AS a FROM core.orders", "1: UPPER(TIMESTAMP) does not exist, or not in the embedded warehouse yet. It knows UPPER(STRING) or UPPER(BYTES)."),
        ("SELECT order_id + 1 AS a FROM core.orders", "1: '+' does not take STRING and INT64."),
        ("SELECT order_id FROM core.orders WHERE order_id", "1: WHERE needs a condition, but 'order_id' is STRING."),
        ("SELECT order_id FROM core.orders WHERE created_at > DATE(created_at)", "1: TIMESTAMP and DATE cannot be compared in 'created_at > DATE(created_at)'."),
        ("SELECT amount FROM core.orders JOIN core.payments", "1: JOIN needs ON or USING. Write CROSS JOIN for every pair."),
        ("SELECT amount FROM core.orders o JOIN core.payments p USING (orderid)", "1: 'orderid' in USING must be one column on both sides."),
        ("SELECT order_id, SUM(amount) AS a FROM core.payments", "1: 'order_id' is neither grouped nor aggregated."),
        ("SELECT * EXCEPT (adress) FROM core.orders", "1: 'adress' in EXCEPT is not a column of '*'. Did you mean 'address'?"),
        ("SELECT order_id FROM core.orders ORDER BY 2", "1: ORDER BY 2: the SELECT list has 1 column."),
        ("SELECT DATE_TRUNC(created_at, MONHT) AS a FROM core.orders", "1: 'MONHT' is not a part of a date or time. Did you mean 'MONTH'?"),
        ("SELECT created_at - INTERVAL 1 MONTH AS a FROM core.orders", "1: GoogleSQL cannot move a TIMESTAMP by a MONTH: its length varies."),
        ("SELECT created_at - DATE(created_at) AS a FROM core.orders", "1: '-' does not take TIMESTAMP and DATE. Write DATE(created_at), or TIMESTAMP(DATE(created_at))."),
        ("SELECT created_at - created_at AS a FROM core.orders", "1: 'a' is INTERVAL, which no table of the embedded warehouse can hold. Write CAST(created_at - created_at AS STRING), or"),
        ("SELECT 1 AS a UNION ALL SELECT 1 AS a, 2 AS b", "1: the sides of UNION give 1 and 2 columns."),
        ("SELECT SUM(SUM(amount)) AS a FROM core.payments", "1: SUM stands inside another aggregate."),
        ("SELECT INTERVAL 1 DAY AS a", "1: "),
        ("SELECT 1 != NULL AS a", "1: '1 != NULL' is neither true nor false. Write 1 IS NOT NULL."),
        ("SELECT status.UPPER() AS a FROM core.payments", "1: a call stands behind a value in brackets. Write (status).UPPER(...), or UPPER(status)."),
        ("SELECT 'a'.UPPER() AS a", "1: syntax error: a call stands behind a value in brackets. Write ('a').UPPER(...)."),
        (f"SELECT (status){'.UPPER()' * 60} AS a FROM core.payments", "1: the query nests too deeply (more than 50 levels)"),
        ("FROM core.payments |> EXTEND 1 AS q, 2 AS q |> SELECT q AS a", "1: 'q' is the name of two columns. Give one of them another name with AS."),
    ],
)  # fmt: skip
def test_a_fault_names_the_word_and_what_to_write(sql, message):
    """Each fault stands alone, on the line of the word at fault."""
    assert only(sql).startswith(message)


LONG = """SELECT o.order_id , COUNT(*) AS n FROM core.orders AS o JOIN core.payments p ON p.order_id = o.order_id
WHERE TRUE AND o.created_at >= @window_start - INTERVAL 7 DAY GROUP BY o.order_id ORDER BY n LIMIT 5"""
WORDS = LONG.split()
SLIPS = st.lists(
    st.tuples(st.integers(0, len(WORDS)), st.integers(0, 2), st.sampled_from([*WORDS, *"()[].,:'", "==", "::", "CASE", "x y", "FETCH"])),
    min_size=1, max_size=4,
)  # fmt: skip


@settings(deadline=None, max_examples=200)
@given(SLIPS)
def test_no_slip_ends_in_a_traceback_or_in_words_of_the_parser(slips):
    """A query is good, or every fault has a line and a sentence of ours."""
    words = list(WORDS)
    for place, length, word in slips:
        words[place : place + length] = [word]
    try:
        analyze(" ".join(words), SCHEMA, {})
    except SqlError as error:
        for fault in error.faults:
            assert fault.line == 1
            assert not any(
                word in fault.message for word in ("Expect", "Invalid expression", "Required", "token", "__")
            )


def test_all_faults_are_listed():
    """A query with several faults shows all of them at once, in the order of their lines."""
    sql = """SELECT p.amout, o.crated_at AS day,
      FOO(1) AS x, @window_stat AS w,
      1 + 1
    FROM core.payments AS p
    JOIN core.orders AS o USING (order)
    JOIN core.nothing AS n ON n.anything = p.order_id
    """.replace("USING (order)", "USING (orderr_id)")
    assert [fault.split(":")[0] for fault in faults(sql)] == ["1", "1", "2", "2", "3", "5", "6"]


def test_types_of_what_a_query_gives():
    """Names and types of the output are what BigQuery would give."""
    sql = """
    WITH paid AS (SELECT order_id, amount, DATE(captured_at) AS day FROM core.payments)
    SELECT day, item.sku, SUM(item.price * item.quantity) AS revenue, COUNT(*) AS n, AVG(amount) AS average,
      ARRAY_AGG(item ORDER BY item.price DESC LIMIT 3) AS items, MAX(o.address.city) AS city, NULL AS nothing,
      COALESCE(SUM(amount), 0) / COUNT(*) AS share
    FROM paid JOIN core.orders AS o USING (order_id), o.items AS item
    GROUP BY day, item.sku
    """
    found = {name: str(type_) for name, type_ in analyze(sql, SCHEMA, {}).columns}
    assert found == {
        "day": "DATE",
        "sku": "STRING",
        "revenue": "NUMERIC",
        "n": "INT64",
        "average": "NUMERIC",
        "items": "ARRAY<STRUCT<sku STRING, price NUMERIC, quantity INT64>>",
        "city": "STRING",
        "nothing": "INT64",
        "share": "NUMERIC",
    }


def test_group_by_names_a_qualified_column_of_the_list():
    """`o.order_id` is named `order_id` in GROUP BY, though another table has a column of that name."""
    joined = "core.orders AS o JOIN core.payments AS p ON o.order_id = p.order_id"
    sql = f"SELECT o.order_id, COUNT(*) AS n FROM {joined} GROUP BY order_id"
    assert [name for name, _ in analyze(sql, SCHEMA, {}).columns] == ["order_id", "n"]
    with pytest.raises(SqlError, match="'order_id' is ambiguous"):
        analyze(f"SELECT COUNT(*) AS n FROM {joined} GROUP BY order_id", SCHEMA, {})


def test_a_query_with_varying_functions_still_runs():
    """Only a table's SQL must give the same rows on every retry."""
    with pytest.raises(SqlError):
        parse("SELECT RAND() AS x")
    assert "timezone('Asia/Tokyo', now())" in to_duckdb("SELECT CURRENT_DATE('Asia/Tokyo') AS d", {})
    assert "random()" in to_duckdb("SELECT RAND() AS x, CURRENT_DATE() AS d, CURRENT_DATETIME() AS t", {})


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT COUNT(*) AS n FROM core.orders LIMIT 1",
        "SELECT (SELECT MAX(amount) FROM core.payments LIMIT 1) AS n",
        "SELECT order_id FROM core.orders LIMIT 0",
        "SELECT order_id FROM core.orders ORDER BY order_id LIMIT 3",
        "SELECT order_id FROM core.orders WHERE EXISTS (SELECT 1 FROM core.payments LIMIT 1)",
        "SELECT LAG(order_id) OVER (v) AS o FROM core.orders WINDOW w AS (ORDER BY order_id), v AS (w)",
        "SELECT COUNT(*) OVER () AS n, RANK() OVER (ORDER BY order_id) AS r FROM core.orders",
    ],
)
def test_rows_that_no_order_decides_are_fine(sql):
    """LIMIT of a single row, of none, or below ORDER BY gives the same on every retry."""
    assert parse(sql)
    assert analyze(sql, SCHEMA, {}).columns


def test_tables_are_named_once_without_ctes():
    """The names of WITH are no tables, and a quoted path is one."""
    sql = "WITH orders AS (SELECT 1 AS a) SELECT * FROM orders, `core.orders` o, core.payments, o.items, core.orders"
    assert tables(sql) == ("core.orders", "core.payments")


def test_canonical_ignores_layout():
    """Layout, comments and the case of keywords do not matter; names, literals and order do."""
    sql = "SELECT a, 'X' AS b FROM core.t WHERE c > 1 -- why\n"
    assert canonical(sql) == canonical("select a , 'X' as b /* so */\nfrom core.t\n\nwhere c>1")
    assert canonical(sql) != canonical("SELECT a, 'x' AS b FROM core.t WHERE c > 1")


def test_comments_stand_anywhere():
    """Inside types as well, and before names that are compared."""
    sql = """
        SELECT CAST(1 AS NUMERIC(4, /* digits */ 1)) AS a, STRUCT<x /* why */ INT64, y -- so
          ARRAY<STRING>>(1, []) AS b, EXTRACT(DAY FROM CAST('1-2' AS # a span
          INTERVAL)) AS c
    """
    assert [str(type_) for _, type_ in analyze(sql, {}).columns] == [
        "NUMERIC",
        "STRUCT<x INT64, y ARRAY<STRING>>",
        "INT64",
    ]
    window = (
        "SELECT amount, SUM(amount) OVER () AS s FROM core.payments QUALIFY RANK() OVER (ORDER BY /* sum */\ns) = 1"
    )
    assert "'s' is a function of a window" in faults(window)[0]


def test_canonical_keeps_the_parameters_of_types():
    """Definitions that round otherwise are not the same one."""
    assert canonical("SELECT CAST(a AS NUMERIC(9, 2)) AS b FROM core.t") != canonical(
        "SELECT CAST(a AS NUMERIC) AS b FROM core.t"
    )


@pytest.mark.parametrize("way", ["", " DESC"])
@pytest.mark.parametrize("frame", ["", " ROWS 1 PRECEDING"])
def test_canonical_keeps_where_nulls_stand(way, frame):
    """In every window, also one with a name."""
    for sql in (
        f"SELECT SUM(a) OVER (ORDER BY a{way}{{}}{frame}) AS b FROM core.t",
        f"SELECT SUM(a) OVER w AS b FROM core.t WINDOW w AS (ORDER BY a{way}{{}}{frame})",
    ):
        assert len({canonical(sql.format(nulls)) for nulls in ("", " NULLS FIRST", " NULLS LAST")}) == 2


@settings(deadline=None)
@given(st.sampled_from([" ", "\n", "\t", " /* c */ ", " -- c\n"]), st.integers(0, 9))
def test_canonical_does_not_see_what_stands_between_words(space, place):
    """Wherever blanks and comments stand between words, the normal form is the same."""
    words = ["SELECT", "SUM", "(", "a", ")", "AS", "b", "FROM", "core", ".", "t"]
    moved = " ".join(words[: place + 1]) + space + " ".join(words[place + 1 :])
    assert canonical(moved) == canonical(" ".join(words))


def test_first_rows_are_those_of_another_table():
    """A table becomes another one or a subquery, columns still find it by its name, and a comment ends nothing else."""
    sql = "SELECT orders.a, b'\\xff' AS b FROM core.orders JOIN `core.orders` AS o ON TRUE WHERE 'core.orders' = o.c -- all"
    assert first_rows(sql, 5, "core.orders", "`temp`.`staged-rows`") == (
        "SELECT * FROM (SELECT orders.a, b'\\xff' AS b FROM `temp`.`staged-rows` AS `orders` "
        "JOIN `temp`.`staged-rows` AS `o` ON TRUE WHERE 'core.orders' = o.c) LIMIT 5"
    )
    assert "(SELECT 1 AS a) AS `orders`" in first_rows(sql, 5, "core.orders", "(SELECT 1 AS a)")
    for behind in ("PIVOT(SUM(b) FOR a IN (1))", "JOIN core.items AS i ON TRUE ON TRUE"):
        sql = f"SELECT * FROM core.users AS u JOIN core.orders AS o {behind}"
        assert f"`x` AS `o` {behind}" in first_rows(sql, 5, "core.orders", "`x`")
    assert "FROM (`x` AS `orders` JOIN core.items" in first_rows(
        "SELECT * FROM (core.orders JOIN core.items USING (id))", 5, "core.orders", "`x`"
    )


def test_long_conditions_are_no_deep_ones():
    """A condition of thousands of parts is compiled; one that nests as deeply is refused, not a crash."""
    many = " OR ".join(f"order_id = '{number}'" for number in range(3000))
    assert analyze(f"SELECT order_id FROM core.orders WHERE {many}", SCHEMA, {}).columns
    deep = "(" * 3000 + "1" + ")" * 3000
    assert "nests too deeply" in only(f"SELECT {deep} AS x")
    deep = "ABS(" * 300 + "1" + ")" * 300
    assert "nests too deeply" in only(f"SELECT {deep} AS x")


def test_trees_that_are_forgotten_are_freed_at_once():
    """What thousands of queries are made into needs no search for circles to be freed."""
    sql = "SELECT o.order_id, i.price FROM core.orders AS o, o.items AS i WHERE o.created_at >= @window_start"
    analyze(sql, SCHEMA, {})
    forget()
    gc.collect()
    gc.disable()
    try:
        analyze(sql, SCHEMA, {})
        forget()
        assert gc.collect() < 50
    finally:
        gc.enable()


def test_parameters_stay_parameters():
    """A value never reaches the SQL as text."""
    sql = "SELECT order_id FROM core.orders WHERE created_at >= @window_start AND created_at < @Window_End"
    compiled = to_duckdb(sql, SCHEMA)
    assert "$window_start" in compiled
    assert "$window_end" in compiled
    assert '"core"."orders"' in compiled


def test_a_schema_gives_types_as_values_or_as_text():
    """A table has a dataset or none; its columns' types are values, or GoogleSQL's text for them."""
    schema = {
        "sales": {"k": "INT64", "price": "NUMERIC(10,2)", "items": "ARRAY<STRUCT<a INT64>>"},
        "core.rates": {"k": parse_type("INT64"), "rate": "NUMERIC"},
    }
    sql = "SELECT k, item.a, price * rate AS p FROM sales JOIN core.rates USING (k), sales.items AS item"
    columns = [(name, str(type_)) for name, type_ in analyze(sql, schema).columns]
    assert columns == [("k", "INT64"), ("a", "INT64"), ("p", "NUMERIC")]
    assert 'FROM "sales"' in to_duckdb(sql, schema)
    with pytest.raises(SqlError, match="Did you mean 'sales'"):
        analyze("SELECT k FROM sale", schema)


@pytest.mark.parametrize("name", ["secrets", "\u212aey", "duckdb_secrets", "range", "t0_0", "w0_0_t", 'a"b', "memory"])
def test_no_spelling_reaches_what_is_not_meant(name):
    """Names of WITH and of FROM are the compiler's own, so that none is a table, view or function of DuckDB."""
    with duckdb.connect() as connection:
        for table in ("secrets", "key", "\u212aey", "t0_0", "w0_0", "w0_0_t"):
            connection.execute(f'CREATE TABLE "{table}" AS SELECT 666 AS n')
        sql = f"""
        WITH `{name}` AS (SELECT 1 AS n), b AS (SELECT 2 AS n FROM `{name.upper()}`)
        SELECT x.n + `{name.lower()}`.n + b.n + (SELECT MAX(n) FROM `{name}` AS b) + (SELECT COUNT(*) FROM UNNEST([1]) AS b) AS n
        FROM `{name}`, b, (SELECT n FROM b ORDER BY n LIMIT 1) AS x
        """
        assert connection.execute(to_duckdb(sql, {})).fetchall() == [(7,)]


def test_conditions_on_columns_reach_the_scan():
    """A bound of the window, a list and a pair are compared as they stand: inside a lambda no row would be left unread."""
    sql = to_duckdb(
        "SELECT id FROM core.v WHERE ts >= @window_start - INTERVAL 7 DAY AND d >= DATE_SUB(DATE(@window_start), INTERVAL 7 DAY)"
        " AND ts BETWEEN @window_start AND @window_end - INTERVAL 1 DAY AND d IN (DATE(@window_start), DATE '2026-01-01')"
        " AND (id, d) = (1, DATE(@window_end))",
        {"core.v": {"id": "INT64", "ts": "TIMESTAMP", "d": "DATE"}},
    )
    assert "lambda" not in sql
