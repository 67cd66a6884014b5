"""Every MySQL type at its extremes, compared with what was written and with what the server itself returns."""

from __future__ import annotations

import datetime as dt
import json
import math
import struct
from decimal import Decimal, getcontext
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.model.types import Type, parse_type
from flows.sources.interface import RAW
from flows.sources.mysql.reader import MysqlReader
from flows.sources.mysql.types import SourceColumn, convert
from tests.sources.core_table import core_table, read

if TYPE_CHECKING:
    from tests.servers.mysql import MysqlServer

EMOJI = "Grüße 🚀 東京"
moment = dt.datetime.fromisoformat
D65 = "12345678901234567890123456789012345.123456789012345678901234567890"

# MySQL's type, GoogleSQL's type, [(literal as it is inserted, value that must arrive; Ellipsis: to quarantine)]
GOOD: list[tuple[str, str, list[tuple[str, Any]]]] = [
    ("TINYINT", "INT64", [("-128", -128), ("127", 127)]),
    ("TINYINT(1)", "BOOL", [("0", False), ("1", True), ("2", ...), ("-1", ...)]),
    ("SMALLINT UNSIGNED", "INT64", [("65535", 65535)]),
    ("MEDIUMINT", "INT64", [("-8388608", -8388608)]),
    ("INT UNSIGNED", "INT64", [("4294967295", 4294967295), ("0", 0)]),
    ("INT(8) ZEROFILL", "INT64", [("42", 42)]),
    ("INT(8) ZEROFILL", "STRING", [("42", "00000042")]),
    ("INT", "FLOAT64", [("-2147483648", -2147483648.0)]),
    ("BIGINT", "INT64", [("-9223372036854775808", -(2**63)), ("9223372036854775807", 2**63 - 1)]),
    ("BIGINT UNSIGNED", "INT64", [("9223372036854775807", 2**63 - 1), ("18446744073709551615", ...)]),
    ("BIGINT UNSIGNED", "NUMERIC", [("18446744073709551615", Decimal(2**64 - 1)), ("0", Decimal(0))]),
    ("BIGINT UNSIGNED", "STRING", [("18446744073709551615", "18446744073709551615")]),
    ("DECIMAL(18,4)", "NUMERIC(18, 4)", [("-12345678901234.5678", Decimal("-12345678901234.5678"))]),
    ("DECIMAL(18,4)", "NUMERIC", [("0.0001", Decimal("0.0001")), ("-0.5", Decimal("-0.5"))]),
    ("DECIMAL(18,4)", "NUMERIC(6, 2)", [("1234.5600", Decimal("1234.56")), ("0.001", ...), ("12345", ...)]),
    ("DECIMAL(20,0)", "INT64", [("-42", -42), ("99999999999999999999", ...)]),
    ("DECIMAL(65,30)", "STRING", [(D65, D65), ("-" + D65, "-" + D65)]),
    (
        "DECIMAL(65,30)",
        "BIGNUMERIC",
        [
            ("1.5", Decimal("1.5")),
            ("-98765432109876543210.123456789012345678", Decimal("-98765432109876543210.123456789012345678")),
        ],
    ),
    (
        "DECIMAL(65,0)",
        "NUMERIC",
        [("9" * 29, Decimal("9" * 29)), ("9" * 39, ...), ("9" * 65, ...), ("-" + "9" * 39, ...)],
    ),
    ("FLOAT", "FLOAT64", [("16777217", 16777216.0), ("0.1", struct.unpack("f", struct.pack("f", 0.1))[0])]),
    ("FLOAT", "FLOAT64", [("3.4028234e38", struct.unpack("f", struct.pack("f", 3.4028234e38))[0])]),
    ("DOUBLE", "FLOAT64", [("0.1", 0.1), ("1.7976931348623157e308", 1.7976931348623157e308), ("-4.9e-324", -5e-324)]),
    ("DOUBLE", "FLOAT64", [("-2.2250738585072014e-308", -2.2250738585072014e-308), ("9007199254740993", 2.0**53)]),
    ("BIT(1)", "BOOL", [("b'1'", True), ("b'0'", False)]),
    ("BIT(12)", "INT64", [("b'101010101010'", 0b101010101010)]),
    ("BIT(64)", "INT64", [("1", 1), ("0xFFFFFFFFFFFFFFFF", ...)]),
    ("BIT(64)", "NUMERIC", [("0xFFFFFFFFFFFFFFFF", Decimal(2**64 - 1))]),
    ("BIT(12)", "BYTES", [("b'101010101010'", b"\x0a\xaa")]),
    ("YEAR", "INT64", [("1901", 1901), ("2155", 2155), ("0", 0)]),
    ("DATE", "DATE", [("'1000-01-01'", dt.date(1000, 1, 1)), ("'9999-12-31'", dt.date(9999, 12, 31))]),
    ("DATE", "DATE", [("'0000-00-00'", ...), ("'2024-00-10'", ...), ("'2024-02-00'", ...)]),
    ("DATE", "STRING", [("'0000-00-00'", "0000-00-00")]),
    ("DATETIME(6)", "DATETIME", [("'9999-12-31 23:59:59.999999'", moment("9999-12-31T23:59:59.999999"))]),
    ("DATETIME(6)", "DATETIME", [("'1969-12-31 23:59:59.999999'", moment("1969-12-31T23:59:59.999999"))]),
    ("DATETIME", "TIMESTAMP", [("'1000-01-01'", moment("1000-01-01T00:00:00Z")), ("'0000-00-00'", ...)]),
    ("DATETIME(3)", "TIMESTAMP", [("'2024-03-31 02:30:00.5'", moment("2024-03-31T02:30:00.500000Z"))]),
    ("TIMESTAMP(6)", "TIMESTAMP", [("'1970-01-01 00:00:01.000001'", moment("1970-01-01T00:00:01.000001Z"))]),
    (
        "TIMESTAMP(6)",
        "TIMESTAMP",
        [("'2038-01-19 03:14:07.999999'", moment("2038-01-19T03:14:07.999999Z"))],
    ),
    ("TIMESTAMP", "TIMESTAMP", [("0", ...)]),
    (
        "TIME(6)",
        "TIME",
        [("'23:59:59.999999'", dt.time(23, 59, 59, 999999)), ("'24:00:00'", ...), ("'-00:00:01'", ...)],
    ),
    ("TIME", "TIME", [("'838:59:59'", ...), ("'00:00:00'", dt.time(0))]),
    ("TIME(6)", "STRING", [("'838:59:59'", "838:59:59.000000"), ("'-838:59:59'", "-838:59:59.000000")]),
    ("ENUM('new','größer','it''s, ok')", "STRING", [("'größer'", "größer"), ("'it''s, ok'", "it's, ok")]),
    ("SET('a','b','c')", "STRING", [("'a,c'", "a,c"), ("''", "")]),
    ("JSON", "JSON", [("""'{"a": [1, "🚀", null]}'""", '{"a": [1, "🚀", null]}'), ("'null'", "null")]),
    ("TEXT", "JSON", [("'[1.50]'", "[1.50]"), ("'{oops'", ...)]),
    ("CHAR(5)", "STRING", [("'ab '", "ab"), ("''", "")]),
    ("VARCHAR(200) CHARACTER SET latin1", "STRING", [("'Zürich'", "Zürich")]),
    ("LONGTEXT CHARACTER SET utf8mb4", "STRING", [(f"'{EMOJI}'", EMOJI), ("REPEAT('x', 251)", "x" * 251)]),
    ("LONGTEXT CHARACTER SET utf8mb4", "STRING", [("REPEAT('ü', 40000)", "ü" * 40000), ("'a\\0b'", "a\0b")]),
    ("BINARY(4)", "BYTES", [("'ab'", b"ab\0\0"), ("X'ff00fe01'", b"\xff\x00\xfe\x01")]),
    ("VARBINARY(255)", "STRING", [("'ok'", "ok"), ("X'ff'", ...)]),
    (
        "LONGBLOB",
        "BYTES",
        [("X''", b""), ("REPEAT(X'fb', 250)", b"\xfb" * 250), ("REPEAT(X'fe', 65536)", b"\xfe" * 65536)],
    ),
    ("BIGINT GENERATED ALWAYS AS (id * 1000) STORED", "INT64", [("DEFAULT", 0)]),
]


def _flat() -> list[tuple[str, str, str, Any]]:
    return [(mine, theirs, literal, value) for mine, theirs, values in GOOD for literal, value in values]


def test_every_type_arrives_as_it_was_written(mysql_server: MysqlServer, database: str) -> None:
    """Each value of each type arrives equal, NULL stays NULL, and what does not fit goes to quarantine."""
    for number, (declared, type_, values) in enumerate(GOOD):
        null = "" if "GENERATED" in declared else " NULL"
        mysql_server.execute(
            f"CREATE TABLE t{number} (id BIGINT PRIMARY KEY, v {declared}{null})",
            f"INSERT INTO t{number} VALUES "
            + ", ".join(f"({row}, {literal})" for row, (literal, _) in enumerate(values))
            + ("" if "GENERATED" in declared else f", ({len(values)}, NULL)"),
            database=database,
        )
        table = core_table(f"t{number}", {"id": "INT64", "v": type_}, cursor=None)
        rows, bad = read(MysqlReader(mysql_server.settings(database)), table)
        expected = {row: value for row, (_, value) in enumerate(values) if value is not ...}
        if "GENERATED" not in declared:
            expected[len(values)] = None
        assert {row["id"]: row["v"] for row in rows} == expected, (declared, type_)
        assert {item.place for item in bad} == {f"id={row}" for row, (_, value) in enumerate(values) if value is ...}
        assert all(item.reason.startswith("v: ") for item in bad)


def test_the_servers_own_values_are_those_that_arrive(mysql_server: MysqlServer, database: str) -> None:
    """The driver's plain rows, of a table with many random values, equal ours."""
    columns = {
        "id": ("BIGINT UNSIGNED", "INT64"),
        "whole": ("BIGINT", "INT64"),
        "amount": ("DECIMAL(38,9)", "NUMERIC"),
        "ratio": ("DOUBLE", "FLOAT64"),
        "at": ("DATETIME(6)", "DATETIME"),
        "day": ("DATE", "DATE"),
        "word": ("VARCHAR(300)", "STRING"),
        "uid": ("BINARY(16)", "BYTES"),
        "doc": ("JSON", "JSON"),
    }
    declared = ", ".join(f"`{name}` {type_}" for name, (type_, _) in columns.items())
    mysql_server.execute(
        f"CREATE TABLE many ({declared}, PRIMARY KEY (id))",
        "CREATE TABLE digits (d INT)",
        "INSERT INTO digits VALUES (0),(1),(2),(3),(4),(5),(6),(7),(8),(9)",
        "INSERT INTO many SELECT n, (RAND(n) - 0.5) * 1.8e19,"
        " CAST(CONCAT(FLOOR(RAND(n + 1) * 1e15), '.', LPAD(FLOOR(RAND(n + 2) * 1e9), 9, '0')) AS DECIMAL(38,9)),"
        " (RAND(n + 3) - 0.5) * POW(10, FLOOR(RAND(n + 4) * 600) - 300),"
        " '1000-01-01' + INTERVAL FLOOR(RAND(n + 5) * 2.5e11) SECOND + INTERVAL FLOOR(RAND(n + 6) * 1e6) MICROSECOND,"
        " '1000-01-01' + INTERVAL FLOOR(RAND(n + 7) * 3000000) DAY,"
        " IF(n % 7 = 0, NULL, REPEAT('ß🚀', n % 75)), UNHEX(MD5(n)), JSON_OBJECT('n', n)"
        " FROM (SELECT a.d + 10 * b.d + 100 * c.d + 1000 * e.d AS n FROM digits a, digits b, digits c, digits e) AS q",
        database=database,
    )
    table = core_table("many", {name: type_ for name, (_, type_) in columns.items()}, cursor=None)
    rows, bad = read(MysqlReader(mysql_server.settings(database)), table)
    theirs = mysql_server.execute("SELECT * FROM many ORDER BY id", database=database)
    assert not bad
    assert [tuple(row.values()) for row in sorted(rows, key=lambda row: row["id"])] == list(theirs)


def test_a_row_larger_than_a_packet_arrives(mysql_server: MysqlServer, database: str) -> None:
    """Rows of 16 MiB and more span several packets; those around them are not disturbed."""
    size = 0xFFFFFF
    mysql_server.execute(
        "CREATE TABLE large (id INT PRIMARY KEY, a LONGBLOB, b LONGBLOB, c INT)",
        f"INSERT INTO large VALUES (1, 'x', 'y', 1), (2, REPEAT('a', {size - 20}), 'b', 2), (3, 'x', NULL, 3)",
        f"INSERT INTO large VALUES (4, REPEAT('c', {size - 11}), 'd', 4), (5, 'x', REPEAT('e', {2 * size + 7}), 5)",
        database=database,
    )
    table = core_table("large", {"id": "INT64", "a": "BYTES", "b": "BYTES", "c": "INT64"}, cursor=None)
    rows, _ = read(MysqlReader(mysql_server.settings(database)), table)
    assert [(row["id"], len(row["a"]), row["b"] and len(row["b"]), row["c"]) for row in rows] == [
        (1, 1, 1, 1),
        (2, size - 20, 1, 2),
        (3, 1, None, 3),
        (4, size - 11, 1, 4),
        (5, 1, 2 * size + 7, 5),
    ]
    assert set(rows[3]["a"]) == {ord("c")}
    assert set(rows[4]["b"]) == {ord("e")}


def test_a_bad_row_is_kept_as_text(mysql_server: MysqlServer, database: str) -> None:
    """Its key is the place, the reason names column and value, the raw row is JSON with bytes in hexadecimal."""
    mysql_server.execute(
        "CREATE TABLE odd (a INT, b CHAR(2), at DATETIME, raw BLOB, PRIMARY KEY (a, b))",
        "INSERT INTO odd VALUES (1, 'x', '0000-00-00', X'ff'), (2, 'y', '2024-01-01', X'00')",
        database=database,
    )
    table = core_table(
        "odd", {"a": "INT64", "b": "STRING", "at": "TIMESTAMP", "raw": "BYTES"}, key=("a", "b"), cursor=None
    )
    rows, [bad] = read(MysqlReader(mysql_server.settings(database)), table)
    assert [row["a"] for row in rows] == [2]
    assert (bad.place, bad.reason) == ("a=1, b=x", "at: '0000-00-00 00:00:00' is a zero date")
    assert json.loads(bad.raw) == {"a": "1", "b": "x", "at": "0000-00-00 00:00:00", "raw": "0xff"}


def test_of_a_large_bad_row_the_beginning_is_kept(mysql_server: MysqlServer, database: str) -> None:
    """Bad rows are held in memory together, so each is cut."""
    mysql_server.execute(
        "CREATE TABLE things (id BIGINT PRIMARY KEY, v LONGBLOB, d DATE)",
        "INSERT INTO things VALUES (1, REPEAT('v', 8000000), '0000-00-00')",
        database=database,
    )
    table = core_table("things", {"id": "INT64", "v": "BYTES", "d": "DATE"}, cursor=None)
    (bad,) = read(MysqlReader(mysql_server.settings(database)), table)[1]
    assert bad.raw.startswith('{"id": "1", "v": "vvv')
    assert len(bad.raw) == RAW


def test_json_is_looked_at_where_the_database_lets_other_text_in(mysql_server: MysqlServer, database: str) -> None:
    """A check that takes JSON or something else does not say that a value is JSON."""
    mysql_server.execute(
        "CREATE TABLE things (id BIGINT PRIMARY KEY, v TEXT CHECK (json_valid(`v`) OR v = ''))",
        "INSERT INTO things VALUES (1, ''), (2, '{}')",
        database=database,
    )
    table = core_table("things", {"id": "INT64", "v": "JSON"}, cursor=None)
    rows, bad = read(MysqlReader(mysql_server.settings(database)), table)
    assert [row["id"] for row in rows] == [2]
    assert [row.reason for row in bad] == ["v: '' is not JSON"]


def test_a_row_without_its_key_is_bad(mysql_server: MysqlServer, database: str) -> None:
    """A table merged by a column that may be NULL at the source puts such rows aside."""
    mysql_server.execute("CREATE TABLE k (id INT, v INT)", "INSERT INTO k VALUES (1, 1), (NULL, 2)", database=database)
    rows, [bad] = read(
        MysqlReader(mysql_server.settings(database)), core_table("k", {"id": "INT64", "v": "INT64"}, cursor=None)
    )
    assert rows == [{"id": 1, "v": 1}]
    assert bad.reason == "id is NULL, and part of the key"


@st.composite
def decimals(draw: st.DrawFn) -> tuple[int, int, list[str]]:
    """A MySQL DECIMAL's precision and scale, and values as the server prints them."""
    precision = draw(st.integers(1, 65))
    scale = draw(st.integers(0, min(30, precision)))
    numbers = draw(st.lists(st.integers(-(10**precision) + 1, 10**precision - 1), min_size=1, max_size=20))
    return precision, scale, [f"{Decimal(number).scaleb(-scale):.{scale}f}" for number in numbers]


@pytest.fixture(autouse=True, scope="module")
def _wide_decimals() -> None:
    """Python's decimals keep 100 digits here."""
    getcontext().prec = 100


DECIMALS = [
    *map(parse_type, ["NUMERIC", "BIGNUMERIC", "NUMERIC(10, 2)", "NUMERIC(2, 2)", "BIGNUMERIC(38, 38)"]),
    Type("BIGNUMERIC", decimal=(76, 38)),  # as it is read for a warehouse that has all its digits
]


@given(decimals(), st.sampled_from(DECIMALS))
def test_a_decimal_is_exact_or_quarantined(source: tuple[int, int, list[str]], type_: Type) -> None:
    """No DECIMAL of any precision becomes another number; it is put aside only where it does not fit."""
    precision, scale, texts = source
    column = SourceColumn("v", "decimal", f"decimal({precision},{scale})", True, precision, scale, "", False)
    values, bad = convert(column, type_, pa.array([text.encode() for text in texts], pa.binary()))
    digits, places = type_.precision_and_scale
    for row, (text, value) in enumerate(zip(texts, values.to_pylist(), strict=True)):
        number = Decimal(text)
        fits = abs(number) < Decimal(10) ** (digits - places) and number == round(number, places)
        assert (row not in bad) == fits
        assert value == (number if fits else None)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=20))
def test_a_double_is_the_same_double(numbers: list[float]) -> None:
    """The shortest text of a DOUBLE gives its very bits."""
    column = SourceColumn("v", "double", "double", True, 22, None, "", False)
    values, bad = convert(
        column, parse_type("FLOAT64"), pa.array([repr(number).encode() for number in numbers], pa.binary())
    )
    assert not bad
    assert values.to_pylist() == numbers
    assert [math.copysign(1, value) for value in values.to_pylist()] == [math.copysign(1, number) for number in numbers]
