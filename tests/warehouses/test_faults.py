"""What values do to a run: the message names the value, the function in GoogleSQL, where it stands and what to write."""

import duckdb
import pytest

from flows.model.errors import WarehouseError
from flows.sql import to_duckdb
from flows.warehouses.duckdb.connection import translated
from flows.warehouses.interface import Query, Written

SCHEMA = {
    "core.t": {
        "t": "STRING", "n": "INT64", "z": "INT64", "big": "INT64", "f": "FLOAT64", "d": "NUMERIC",
        "ts": "TIMESTAMP", "b": "BYTES", "arr": "ARRAY<INT64>",
    }
}  # fmt: skip
TABLE = """
CREATE SCHEMA core;
CREATE TABLE core.t (t VARCHAR, n BIGINT, z BIGINT, big BIGINT, f DOUBLE, d DECIMAL(38, 9), ts TIMESTAMPTZ, b BLOB, arr BIGINT[]);
INSERT INTO core.t VALUES ('twelve', 3, 0, 9223372036854775807, 1e300, 99999999999999999999999999999, '2026-01-01 00:00:00+00', '\\xff', [1]);
"""

FAULTS = {
    "CAST(t AS INT64)": "Could not cast STRING to INT64: 'twelve' ('CAST(t AS INT64)' in line 2 of the SQL). Write SAFE_CAST(... AS INT64) to have NULL there.",
    "CAST(CONCAT('0x8', REPEAT('0', n * 5)) AS INT64)": "Could not cast STRING to INT64: '9223372036854775808' ('CAST(CONCAT('0x8', REPEAT('0', n * 5)) AS INT64)' in line 2",
    "CAST(REPEAT('9', n * 10) AS INT64)": "Could not cast STRING to INT64: '999999999999999999999999999999' ('CAST(REPEAT('9', n * 10) AS INT64)' in line 2",
    "CAST(t AS NUMERIC)": "Could not cast STRING to NUMERIC: 'twelve' ('CAST(t AS NUMERIC)' in line 2 of the SQL). Write SAFE_CAST(... AS NUMERIC)",
    "CAST(t AS DATE)": "Could not cast STRING to DATE: 'twelve' ('CAST(t AS DATE)' in line 2 of the SQL). Write SAFE_CAST(... AS DATE)",
    "CAST(t AS TIMESTAMP)": "Could not cast STRING to TIMESTAMP: 'twelve'",
    "CAST(t AS BOOL)": "Could not cast STRING to BOOL: 'twelve'",
    "CAST(CONCAT(t, '!') AS FLOAT64)": "Could not cast STRING to FLOAT64: 'twelve!'",
    "CAST(f AS INT64)": "Could not cast FLOAT64 to INT64: '1e+300' ('CAST(f AS INT64)' in line 2 of the SQL). Write SAFE_CAST(... AS INT64)",
    "CAST(d AS INT64)": "Could not cast NUMERIC to INT64: '99999999999999999999999999999' ('CAST(d AS INT64)' in line 2 of the SQL). Write SAFE_CAST(... AS INT64)",
    "CAST(b AS STRING)": "Could not cast BYTES to STRING: the bytes are no text in UTF-8",
    "DATETIME(t)": "DATETIME: the text is none: 'twelve' ('DATETIME(t)' in line 2 of the SQL). Write SAFE.DATETIME(...)",
    "PARSE_DATE('%Y-%m-%d', t)": "PARSE_DATE: the text does not have the format %Y-%m-%d: 'twelve' ('PARSE_DATE('%Y-%m-%d', t)' in line 2 of the SQL). Write SAFE.PARSE_DATE(...) to have NULL there.",
    "PARSE_TIMESTAMP('%F %T', LOWER(t))": "PARSE_TIMESTAMP: the text does not have the format %F %T: 'twelve'",
    "n / z": "'/': division by zero: '3', '0' ('n / z' in line 2 of the SQL). Write SAFE_DIVIDE(x, y) to have NULL there.",
    "d / z": "'/': division by zero: '99999999999999999999999999999.000000000', '0.000000000' ('d / z' in line 2",
    "DIV(n, z)": "DIV: division by zero: '3', '0' ('DIV(n, z)' in line 2 of the SQL). Write SAFE.DIV(...) to have NULL there.",
    "MOD(n, z)": "MOD: division by zero: '3', '0'",
    "big + n": "'+': overflow beyond INT64: '9223372036854775807' + '3' ('big + n' in line 2 of the SQL). Write SAFE_ADD(x, y)",
    "-big - n": "'-': overflow beyond INT64: '-9223372036854775807' - '3'",
    "big * n": "'*': overflow beyond INT64: '9223372036854775807' * '3' ('big * n' in line 2 of the SQL). Write SAFE_MULTIPLY(x, y)",
    "f * f": "'*': FLOAT64 overflows: '1e+300' ('f * f' in line 2",
    "d * 10": "'*': overflow beyond NUMERIC or BIGNUMERIC ('d * 10' in line 2",
    "ABS(-big - 1)": "ABS: overflow beyond INT64: '-9223372036854775808' ('ABS(-big - 1)' in line 2",
    "(SELECT SUM(x) FROM UNNEST([big, big]) AS x)": "SUM: overflow beyond INT64: '18446744073709551614' ('SUM(x)' in line 2 of the SQL). Write SUM(CAST(... AS NUMERIC))",
    "(SELECT SUM(x) FROM UNNEST([d, d, d]) AS x)": "SUM or AVG: overflow beyond NUMERIC or BIGNUMERIC ('SUM(x)' in line 2 of the SQL). Write CAST(... AS FLOAT64) inside of it",
    "(SELECT AVG(x) FROM UNNEST([d, 1]) AS x)": "SUM or AVG: overflow beyond NUMERIC or BIGNUMERIC ('AVG(x)' in line 2 of the SQL). Write CAST(... AS FLOAT64) inside of it",
    "(SELECT VAR_POP(x) FROM UNNEST([d, -d, d]) AS x)": "VARIANCE or STDDEV: overflow beyond NUMERIC or BIGNUMERIC ('VAR_POP(x)' in line 2 of the SQL). Write CAST(... AS FLOAT64) inside of it",
    "(SELECT MAX(y) FROM (SELECT SUM(x) OVER (ORDER BY x) AS y FROM UNNEST([big, big]) AS x))": "SUM: overflow beyond INT64: '18446744073709551614' ('SUM(x)' in line 2 of the SQL). Write SUM(CAST(... AS NUMERIC))",
    "TIME(n, z - 1, z)": "TIME: there is no time '3:-1:0.0' ('TIME(n, z - 1, z)' in line 2 of the SQL). Write SAFE.TIME(...)",
    "(SELECT x FROM UNNEST([n, z]) AS x)": "'SELECT': a subquery in place of one value gives more than one row ('(SELECT x FROM UNNEST([n, z]) AS x)' in line 2 of the SQL). Write MAX(...)",
    "arr[OFFSET(3)]": "'[]': Array index is out of bounds: '3' ('arr[OFFSET(3)]' in line 2 of the SQL). Write SAFE_OFFSET or SAFE_ORDINAL",
    "SPLIT(t, '-')[ORDINAL(n)]": "'[]': Array index is out of bounds: '3'",
    "IF(z = 0, ERROR(CONCAT('no such ', t)), 1)": "ERROR: no such twelve ('ERROR(CONCAT('no such ', t))' in line 2 of the SQL)",
    "SUBSTR(t, 1, z - 1)": "SUBSTR with a negative length: 'twelve', '1', '-1' ('SUBSTR(t, 1, z - 1)' in line 2",
    "REPEAT(t, z - 1)": "REPEAT with a negative count: 'twelve', '-1'",
    "LN(z)": "LN of a number that is not positive: '0' ('LN(z)' in line 2 of the SQL). Write SAFE.LN(...)",
    "SQRT(-n)": "SQRT of a negative number: '-3'",
    "POW(10, big)": "POW: FLOAT64 overflows: '10', '9223372036854775807'",
    "PARSE_JSON(t)": "PARSE_JSON of a text that is none: 'twelve' ('PARSE_JSON(t)' in line 2 of the SQL). Write SAFE.PARSE_JSON(...)",
    "INT64(PARSE_JSON(CONCAT('\"', t, '\"')))": "INT64: the JSON is no INT64",
    "FROM_HEX(t)": "FROM_HEX: the text is not of that form: 'twelve' ('FROM_HEX(t)' in line 2 of the SQL). Write SAFE.FROM_HEX(...)",
    "DATE(2026, 13, n)": "DATE: there is no day '2026-13-3' ('DATE(2026, 13, n)' in line 2",
    "TIMESTAMP_SECONDS(big)": "TIMESTAMP_SECONDS: a TIMESTAMP beyond the years 1 to 9999: '9223372036854775807' ('TIMESTAMP_SECONDS(big)' in line 2",
    "DATE_ADD(DATE(ts), INTERVAL big DAY)": "a DATE moved beyond the years 1 to 9999",
    "CHR(big)": "CHR of what is no character: '9223372036854775807'",
    "REGEXP_CONTAINS(t, t || '(')": "REGEXP: 'twelve(' is no regular expression (missing )) ('REGEXP_CONTAINS(t, t || '(')' in line 2 of the SQL). Write SAFE. before the function",
    "GENERATE_ARRAY(1, n, z)": "GENERATE_ARRAY with a step of zero: '1', '3', '0'",
    "DATE(ts, t)": "'twelve' is not a time zone. Write its name, such as Europe/Berlin, or +05:30",
    "CAST(1e40 * n AS NUMERIC)": "Could not cast FLOAT64 to NUMERIC: '30000000000000002120283904895640175378432' ('CAST(1e40 * n AS NUMERIC)' in line 2 of the SQL). Write SAFE_CAST(... AS NUMERIC)",
    "CAST(REPEAT('9', n * 10) AS NUMERIC)": "Could not cast STRING to NUMERIC: '999999999999999999999999999999' (",
    "CAST(REPEAT('9', n * 10) AS BIGNUMERIC)": "a BIGNUMERIC of more than 20 digits before the point, which the embedded warehouse does not hold: '999999999999999999999999999999'",
    "CAST(CAST(d AS BIGNUMERIC) * 2 AS STRING)": "a BIGNUMERIC of more than 20 digits before the point, which the embedded warehouse does not hold: '99999999999999999999999999999'",
    "CAST(CAST(big AS BIGNUMERIC) * 10 + big AS STRING)": "'+': overflow beyond NUMERIC or BIGNUMERIC",
    "-d - d": "'-': overflow beyond NUMERIC or BIGNUMERIC (line 2 of the SQL). Write SAFE_SUBTRACT(x, y)",
    "CAST(CAST(big AS BIGNUMERIC) / NUMERIC '0.01' AS STRING)": "'/': overflow beyond NUMERIC or BIGNUMERIC ('CAST(big AS BIGNUMERIC) / CAST('0.01' AS NUMERIC)' in line 2",
    # What stands several times is told by its lines, and what is not at fault is not told.
    "CAST(t AS INT64) AS x,\n  CAST(CONCAT(t, t) AS INT64)": "Could not cast STRING to INT64: 'twelve' (line 2 of the SQL or line 3 of the SQL). Write",
    "SAFE.PARSE_DATE('%F', t) AS x, n / n AS y,\n  PARSE_DATE('%F', t)": "PARSE_DATE: the text does not have the format %F: 'twelve' ('PARSE_DATE('%F', t)' in line 3 of the SQL)",
}  # fmt: skip


@pytest.fixture(scope="module")
def connection():
    """Give DuckDB with a table."""
    with duckdb.connect() as connection:
        connection.execute(f"SET TimeZone = 'UTC'; {TABLE}")
        yield connection


@pytest.mark.parametrize("expression", FAULTS)
def test_what_a_value_does_to_a_run_is_told_in_words_of_googlesql(connection, expression):
    """It names the value, the function as it is written, its line, and how to have NULL instead."""
    query = Query(f"SELECT\n  {expression} AS v\nFROM core.t AS r", SCHEMA)
    with pytest.raises(WarehouseError) as failed, translated("d.t", query):
        connection.execute(to_duckdb(query.sql, query.schema)).fetchall()
    assert str(failed.value).startswith(f"d.t: {FAULTS[expression]}")


@pytest.mark.parametrize(
    ("expression", "column", "value", "where"),
    [
        ("d", "the column v", "99999999999999999999999999999", " (line 1 of the SQL)"),
        ("CAST(98765.25 AS NUMERIC)", "a column", "98765.25", ""),
        ("big", "the column v", "9223372036854775807", " (line 1 of the SQL)"),
        ("98765", "a column", "98765", ""),
    ],
)
def test_a_number_with_more_digits_than_its_column_is_told_by_the_column(connection, expression, column, value, where):
    """It names the column where it is known, the value and how many digits there may be."""
    connection.execute("CREATE OR REPLACE TEMP TABLE short (v DECIMAL(5, 2))")
    query = Query(f"SELECT {expression} AS v FROM core.t AS r", SCHEMA)
    with pytest.raises(WarehouseError) as failed, translated("d.t", query):
        connection.execute(f"INSERT INTO short {to_duckdb(query.sql, query.schema)}")
    said = f"d.t: {column}: '{value}' needs more than 5 digits, 2 of them after the point{where}. Write a type with more digits"
    assert str(failed.value).startswith(said)


def test_the_line_is_that_of_the_file(connection):
    """Where it is known in which file the query stands, and from which line on."""
    sql = "SELECT\n  n,\n  CAST(t AS INT64) AS v\nFROM core.t AS r"
    query = Query(sql, SCHEMA, written=Written(sql, lambda line: f"tables/d/t.yaml:{line + 10}"))
    with pytest.raises(WarehouseError) as failed, translated("d.t", query):
        connection.execute(to_duckdb(query.sql, query.schema)).fetchall()
    assert "'twelve' ('CAST(t AS INT64)' in tables/d/t.yaml:13). Write SAFE_CAST" in str(failed.value)


def test_failures_by_other_values_are_of_one_kind(connection):
    """So that a run gives up after several of them, whichever values they have."""
    kinds = set()
    for value in ("a", "b'c", "12 x"):
        query = Query(f'SELECT CAST(CONCAT("{value}", t) AS INT64) AS v FROM core.t AS r', SCHEMA)
        with pytest.raises(WarehouseError) as failed, translated("d.t", query):
            connection.execute(to_duckdb(query.sql, query.schema)).fetchall()
        kinds.add(failed.value.kind)
    assert len(kinds) == 1
