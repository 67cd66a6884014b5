"""Values of JSON and CSV become those of GoogleSQL's types, or bad rows with the reason."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.sources.exports import MOMENT, OID, batches, rows, table, write

JSON_VALUES = [
    ("STRING", '"Zoë\\u0000"', "Zoë\0"),
    ("STRING", '""', ""),
    ("STRING", f'{{"$oid": "{OID}"}}', OID),
    ("STRING", '{"$uuid": "c8edabc3-f738-4ca3-b68d-ab92a91478a3"}', "c8edabc3-f738-4ca3-b68d-ab92a91478a3"),
    (
        "STRING",
        '{"$binary": {"base64": "yO2rw/c4TKO2jauSqRR4ow==", "subType": "04"}}',
        "c8edabc3-f738-4ca3-b68d-ab92a91478a3",
    ),
    ("BYTES", '{"$binary": {"base64": "AP8=", "subType": "00"}}', b"\x00\xff"),
    ("BYTES", '{"$binary": "AP8=", "$type": "00"}', b"\x00\xff"),
    ("BYTES", '"AP8="', b"\x00\xff"),
    ("BYTES", '"0x00ff"', b"\x00\xff"),
    ("INT64", "9223372036854775807", 2**63 - 1),
    ("INT64", "-9223372036854775808", -(2**63)),
    ("INT64", '{"$numberLong": "-9223372036854775808"}', -(2**63)),
    ("INT64", '{"$numberInt": "7"}', 7),
    ("INT64", '"9223372036854775807"', 2**63 - 1),
    ("INT64", "5.0", 5),
    ("INT64", '{"$numberDouble": "5.0"}', 5),
    ("INT64", '{"$numberDecimal": "5E+3"}', 5000),
    ("FLOAT64", "0.1", 0.1),
    ("FLOAT64", "7", 7.0),
    ("FLOAT64", "9007199254740992", 2.0**53),
    ("FLOAT64", "1e300", 1e300),
    ("FLOAT64", "10000000000000000000000", 1e22),
    ("FLOAT64", '{"$numberDouble": "-0.0"}', -0.0),
    ("FLOAT64", '{"$numberDouble": "Infinity"}', math.inf),
    ("FLOAT64", '{"$numberDecimal": "0.1"}', 0.1),
    ("BOOL", "true", True),
    ("BOOL", "0", False),
    ("BOOL", '"1"', True),
    ("NUMERIC", "0.1", Decimal("0.1")),
    ("NUMERIC", "12345678901234567.123456789", Decimal("12345678901234567.123456789")),
    ("NUMERIC", '{"$numberDecimal": "-0.000000001"}', Decimal("-0.000000001")),
    ("NUMERIC", '{"$numberDecimal": "99999999999999999999999999999.999999999"}', Decimal("9" * 29 + "." + "9" * 9)),
    ("NUMERIC", '{"$numberDecimal": "1.50000000000000000000"}', Decimal("1.5")),
    ("NUMERIC", '{"$numberDecimal": "1E+3"}', Decimal(1000)),
    ("NUMERIC", '{"$numberDouble": "0.1"}', Decimal("0.1")),
    ("NUMERIC", "18446744073709551616", Decimal(2**64)),
    ("NUMERIC(12, 2)", '{"$numberLong": "9999999999"}', Decimal(9999999999)),
    ("BIGNUMERIC", '"0.123456789012345678"', Decimal("0.123456789012345678")),
    ("TIMESTAMP", '{"$date": "2026-01-31T13:05:00.123Z"}', MOMENT.replace(microsecond=123000)),
    ("TIMESTAMP", '{"$date": {"$numberLong": "-1"}}', datetime(1969, 12, 31, 23, 59, 59, 999000, tzinfo=UTC)),
    ("TIMESTAMP", '{"$date": {"$numberLong": "-62135596800000"}}', datetime(1, 1, 1, tzinfo=UTC)),
    (
        "TIMESTAMP",
        '{"$date": {"$numberLong": "253402300799999"}}',
        datetime(9999, 12, 31, 23, 59, 59, 999000, tzinfo=UTC),
    ),
    ("TIMESTAMP", '{"$date": 1000}', datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)),
    ("TIMESTAMP", '{"$timestamp": {"t": 1, "i": 9}}', datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)),
    ("TIMESTAMP", '"2026-01-31T13:05:00.123456Z"', MOMENT),
    ("TIMESTAMP", '"2026-01-31 15:05:00.123456000+02:00"', MOMENT),
    ("TIMESTAMP", '"2026-01-31 13:05:00.123456"', MOMENT),
    ("TIMESTAMP", '"2026-01-31"', datetime(2026, 1, 31, tzinfo=UTC)),
    ("DATETIME", '"2026-01-31T13:05:00.123456"', MOMENT.replace(tzinfo=None)),
    ("DATETIME", '{"$date": "2026-01-31T13:05:00Z"}', datetime(2026, 1, 31, 13, 5)),  # noqa: DTZ001 - DATETIME has none
    ("DATE", '"0001-01-01"', date(1, 1, 1)),
    ("DATE", '{"$date": "2026-01-31T00:00:00Z"}', date(2026, 1, 31)),
    ("TIME", '"23:59:59.999999"', time(23, 59, 59, 999999)),
    ("JSON", '{"b": 1, "a": [1.50, null, "x"]}', '{"b":1,"a":[1.50,null,"x"]}'),
    (
        "JSON",
        '{"n": {"$numberLong": "5"}, "d": {"$date": {"$numberLong": "0"}}}',
        '{"n":5,"d":{"$date":"1970-01-01T00:00:00Z"}}',
    ),
    ("JSON", '{"d": {"$date": {"$numberLong": "-1"}}}', '{"d":{"$date":{"$numberLong":"-1"}}}'),
    ("JSON", "123456789012345678901234567890", "123456789012345678901234567890"),
    ("JSON", '"1.5 apples"', '"1.5 apples"'),
    (
        "JSON",
        "[1e3, 1E+3, -1.50e-07, 1e-400, 1.7976931348623158e308]",
        "[1e3,1E+3,-1.50e-07,1e-400,1.7976931348623158e308]",
    ),
    ("ARRAY<STRING>", "[]", []),
    ("ARRAY<INT64>", '[1, {"$numberLong": "2"}]', [1, 2]),
    (
        "ARRAY<STRUCT<sku STRING, price NUMERIC, tags ARRAY<STRING>>>",
        '[{"price": {"$numberDecimal": "1.10"}, "sku": "a", "more": 1, "tags": ["x"]}, {"sku": null}]',
        [{"sku": "a", "price": Decimal("1.1"), "tags": ["x"]}, {"sku": None, "price": None, "tags": None}],
    ),
    ("STRUCT<a STRUCT<b INT64>>", '{"a": {"b": 1}}', {"a": {"b": 1}}),
    ("STRUCT<a INT64>", "{}", {"a": None}),
    *[(type_, "null", None) for type_ in ("STRING", "NUMERIC", "TIMESTAMP", "JSON", "ARRAY<INT64>", "STRUCT<a INT64>")],
]

JSON_FAULTS = [
    ("JSON", '{"a": [1e400]}', "v 1e400 is beyond the numbers of JSON, which are those of FLOAT64"),
    ("JSON", f"-1{'0' * 400}", f"v -1{'0' * 98}... is beyond the numbers of JSON, which are those of FLOAT64"),
    ("NUMERIC", "1e400", "v 1e400 has more than 29 digits before the point"),
    ("FLOAT64", "1e400", "v 1e400 lies outside the range of FLOAT64"),
    ("STRING", "5", "v 5 is no text"),
    ("STRING", "true", "v true is no text"),
    ("STRING", '{"a": 1}', 'v {"a": 1} is no text'),
    ("BYTES", '"*"', "v '*' is neither base64 nor hexadecimal after 0x"),
    ("INT64", "9223372036854775808", "v 9223372036854775808 lies outside the range of INT64"),
    ("INT64", "18446744073709551616", "v 18446744073709551616 lies outside the range of INT64"),
    ("INT64", "1.5", "v 1.5 is no whole number"),
    ("INT64", "9223372036854775806.5", "v 9223372036854775806.5 is no whole number"),
    ("INT64", '"abc"', "v 'abc' is no number"),
    ("INT64", '"0x1F"', "v '0x1F' is no number"),
    ("INT64", "true", "v true is no number"),
    ("INT64", '{"$numberDecimal": "1E+999999"}', "v 1E+999999 lies outside the range of INT64"),
    ("INT64", '{"$numberLong": "1_0"}', 'v {"$numberLong": "1_0"} is no Extended JSON'),
    ("FLOAT64", "9007199254740993", "v 9007199254740993 has more digits than FLOAT64 keeps"),
    ("FLOAT64", "10000000000000000000001", "v 10000000000000000000001 has more digits than FLOAT64 keeps"),
    (
        "FLOAT64",
        '{"$numberDecimal": "1.000000000000000000000000000000001"}',
        "v 1.000000000000000000000000000000001 has more digits than FLOAT64 keeps",
    ),
    ("FLOAT64", '{"$numberDecimal": "1E+400"}', "v 1E+400 lies outside the range of FLOAT64"),
    ("BOOL", "2", "v 2 is neither true nor false"),
    ("NUMERIC", "0.1234567891", "v 0.1234567891 has more than 9 digits after the point"),
    ("NUMERIC", "0.10000000000000000001", "v 0.10000000000000000001 has more than 9 digits after the point"),
    ("NUMERIC", '{"$numberDecimal": "1E+29"}', "v 1E+29 has more than 29 digits before the point"),
    ("NUMERIC", '{"$numberDecimal": "NaN"}', "v NaN cannot be held by NUMERIC"),
    ("NUMERIC", '{"$numberDecimal": "-Infinity"}', "v -Infinity cannot be held by NUMERIC"),
    ("NUMERIC", '{"$numberDouble": "NaN"}', "v NaN cannot be held by NUMERIC"),
    ("NUMERIC(4, 2)", '"123.45"', "v '123.45' has more than 2 digits before the point"),
    (
        "TIMESTAMP",
        '{"$date": {"$numberLong": "253402300800000"}}',
        "v 253402300800000000 microseconds since 1970 lies outside the years 1 to 9999",
    ),
    ("TIMESTAMP", '"2026-01-31T13:05:00.1234567Z"', "v '2026-01-31T13:05:00.1234567Z' is finer than microseconds"),
    ("TIMESTAMP", '"0000-00-00 00:00:00"', "v '0000-00-00 00:00:00' is a zero date"),
    ("TIMESTAMP", '"0000-01-01 00:00:00"', "v '0000-01-01 00:00:00' is no day of the calendar"),
    ("TIMESTAMP", '"2026-02-30"', "v '2026-02-30' is no day of the calendar"),
    ("TIMESTAMP", '"9999-12-31T23:59:59-01:00"', "v '9999-12-31T23:59:59-01:00' lies outside the years 1 to 9999"),
    ("TIMESTAMP", "17000000", "v 17000000 is no time"),
    (
        "TIMESTAMP",
        "1700000000000",
        (
            "v 1700000000000 is no time, but counts milliseconds since 1970 by the look of it: export it as a time "
            "(or write type: INT64 where it is no cursor)"
        ),
    ),
    (
        "DATETIME",
        '"2026-01-31T13:05:00Z"',
        "v '2026-01-31T13:05:00Z' has a time zone, which DATETIME has not; write TIMESTAMP",
    ),
    ("DATE", '"2026-01-31 13:05:00"', "v '2026-01-31 13:05:00' is a time of day, not a date"),
    ("TIME", '"838:59:59"', "v '838:59:59' is no time of day such as 13:05:00"),
    ("TIME", '"24:00:00"', "v '24:00:00' is no time of day"),
    ("ARRAY<INT64>", '{"0": 1}', 'v {"0": 1} is no array'),
    ("ARRAY<INT64>", "[1, null]", "v holds null, which an ARRAY cannot"),
    ("ARRAY<INT64>", '[1, "x"]', "v 'x' is no number"),
    ("ARRAY<STRUCT<price NUMERIC>>", '[{"price": "1"}, {"price": "one"}]', "v.price 'one' is no number"),
    ("STRUCT<a INT64>", "5", "v 5 is no document"),
    ("STRUCT<a INT64>", '{"$numberLong": "5"}', 'v {"$numberLong": "5"} is no document'),
]


@pytest.mark.parametrize(("type_", "text", "expected"), JSON_VALUES)
def test_a_value_of_json_keeps_its_meaning(tmp_path, type_, text, expected):
    """Documents give the value, alone in its column and beside a value that is bad."""
    write(tmp_path / "a.jsonl", f'{{"v": {text}}}\n')
    [row] = rows(tmp_path, table("a.jsonl", {"v": type_}))
    assert row == {"v": expected}
    assert type(row["v"]) is type(expected)
    write(tmp_path / "a.jsonl", f'{{"v": {text}}}\n{{"v": {_fault(type_)}}}\n{{"v": {text}}}')
    [batch] = batches(tmp_path, table("a.jsonl", {"v": type_}))
    assert batch.rows.to_pylist() == ([row, row] if type_ != "JSON" else [row, {"v": '{"w":1}'}, row])


def _fault(type_):
    """Return something that no column can hold; a JSON column can hold anything."""
    return '{"w": 1}' if type_ == "JSON" else "[[1]]" if not type_.startswith("ARRAY") else "1"


@pytest.mark.parametrize(("type_", "text", "reason"), JSON_FAULTS)
def test_what_a_type_cannot_hold_is_bad_with_the_reason(tmp_path, type_, text, reason):
    """The reason names the column and the value; the rows around are there."""
    line = f'{{"v": {text}}}'
    write(tmp_path / "a.jsonl", f'{{"v": null}}\n{line}\n{{}}\n')
    [batch] = batches(tmp_path, table("a.jsonl", {"v": type_}))
    assert batch.rows.to_pylist() == [{"v": None}, {"v": None}]
    [fault] = batch.bad
    assert (fault.place, fault.reason, fault.raw) == ("a.jsonl:2", reason, line)


@pytest.mark.parametrize(
    ("type_", "text", "expected"),
    [
        ("STRING", '""', ""),
        ("STRING", '"NULL"', "NULL"),
        ("STRING", '"\\N"', "\\N"),
        ("STRING", '"say ""hi"",\r\nthen go"', 'say "hi",\r\nthen go'),
        ("STRING", "C:\\dir\\", "C:\\dir\\"),
        ("STRING", '5" pipe', '5" pipe'),
        ("STRING", " a ", " a "),
        ("INT64", "-9223372036854775808", -(2**63)),
        ("INT64", "+007", 7),
        ("FLOAT64", "0.1", 0.1),
        ("FLOAT64", "-1.7976931348623157e308", -1.7976931348623157e308),
        ("FLOAT64", "9007199254740994", 9007199254740994.0),
        ("FLOAT64", "-inf", -math.inf),
        ("BOOL", "t", True),
        ("BOOL", "FALSE", False),
        ("BOOL", "1", True),
        ("NUMERIC", "-99999999999999999999999999999.999999999", Decimal("-" + "9" * 29 + "." + "9" * 9)),
        ("NUMERIC", ".5", Decimal("0.5")),
        ("NUMERIC", "0" * 50 + "1.5" + "0" * 50, Decimal("1.5")),
        ("BYTES", "0xDEADbeef", b"\xde\xad\xbe\xef"),
        ("BYTES", "3q2+7w==", b"\xde\xad\xbe\xef"),
        ("BYTES", '""', b""),
        ("TIMESTAMP", "1969-12-31 23:59:59.999999", datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)),
        ("TIMESTAMP", "2026-01-31 13:05:00.123456 UTC", MOMENT),
        ("DATETIME", "9999-12-31 23:59:59.999999", datetime.max),  # noqa: DTZ901 - DATETIME has none
        ("DATE", "1600-02-29", date(1600, 2, 29)),
        ("TIME", "00:00:00", time(0, 0)),
        ("JSON", '"{""a"": 1.50}"', '{"a": 1.50}'),
        ("ARRAY<STRUCT<a NUMERIC>>", '"[{""a"": 0.10000}]"', [{"a": Decimal("0.1")}]),
        *[("STRING", text, None) for text in ("", "NULL", "\\N")],
        *[("INT64", text, None) for text in ("", "NULL", "\\N")],
    ],
)
def test_a_value_of_csv_keeps_its_meaning(tmp_path, type_, text, expected):
    """Records give the value, alone in its column and beside a value that is bad."""
    things = table("a.csv", {"n": "INT64", "v": type_})
    write(tmp_path / "a.csv", f"n,v\n1,{text}\n")
    [row] = rows(tmp_path, things)
    assert row == {"n": 1, "v": expected}
    assert type(row["v"]) is type(expected)
    write(tmp_path / "a.csv", f"n,v\nx,{text}\n1,{text}\n1,*\n")
    kept = [row, {"n": 1, "v": "*"}] if type_ == "STRING" else [row]
    assert [found for batch in batches(tmp_path, things) for found in batch.rows.to_pylist()] == kept


@pytest.mark.parametrize(
    ("type_", "text", "reason"),
    [
        ("INT64", '""', "v '' is no number"),
        ("INT64", "1e3", "v '1e3' is no whole number"),
        ("INT64", "1.5", "v '1.5' is no whole number"),
        ("INT64", "18446744073709551615", "v '18446744073709551615' lies outside the range of INT64"),
        ("FLOAT64", "1e400", "v '1e400' lies outside the range of FLOAT64"),
        ("FLOAT64", "9007199254740993", "v '9007199254740993' has more digits than FLOAT64 keeps"),
        ("BOOL", "yes", "v 'yes' is neither true nor false"),
        ("NUMERIC", "NaN", "v 'NaN' cannot be held by NUMERIC"),
        ("NUMERIC", "1.0000000001", "v '1.0000000001' has more than 9 digits after the point"),
        ("NUMERIC", "9" * 60, f"v '{'9' * 60}' has more than 29 digits before the point"),
        ("NUMERIC", '"1,5"', "v '1,5' is no number"),
        ("TIMESTAMP", "0000-00-00 00:00:00", "v '0000-00-00 00:00:00' is a zero date"),
        ("DATE", "2025-02-29", "v '2025-02-29' is no day of the calendar"),
        ("DATE", "31.01.2026", "v '31.01.2026' is no date or time such as 2026-01-31 13:05:00"),
        ("BYTES", "0xABC", "v '0xABC' is neither base64 nor hexadecimal after 0x"),
        ("JSON", "{a: 1}", "v '{a: 1}' is no JSON"),
        ("JSON", "1e400", "v '1e400' has a number beyond those of JSON, which are those of FLOAT64"),
        ("ARRAY<INT64>", "(1)", "v '(1)' is no JSON"),
    ],
)
def test_what_csv_writes_wrong_is_bad_with_the_reason(tmp_path, type_, text, reason):
    """The reason names the column and the value; the rows around are there."""
    write(tmp_path / "a.csv", f"n,v\n1,\n2,{text}\n3,\n")
    [batch] = batches(tmp_path, table("a.csv", {"n": "INT64", "v": type_}))
    assert batch.rows.to_pylist() == [{"n": 1, "v": None}, {"n": 3, "v": None}]
    [fault] = batch.bad
    assert (fault.place, fault.reason, fault.raw) == ("a.csv:3", reason, f"2,{text}")


def test_a_path_leads_into_a_document(tmp_path):
    """What is missing on the way is NULL; what is no document there is bad."""
    write(tmp_path / "a.jsonl", '{"a": {"b": {"c": 1}}}\n{"a": {"b": null}}\n{}\n{"a": {"b": 5}}\n')
    [batch] = batches(tmp_path, table("a.jsonl", {"c": ("INT64", "a.b.c")}))
    assert batch.rows.to_pylist() == [{"c": 1}, {"c": None}, {"c": None}]
    assert [row.reason for row in batch.bad] == ["a.b.c 5 is no document with a field c"]
    pq.write_table(pa.table({"a": [{"b": 1}, None]}), tmp_path / "a.parquet")
    assert rows(tmp_path, table("a.parquet", {"c": ("INT64", "a.b")})) == [{"c": 1}, {"c": None}]
    write(tmp_path / "a.csv", "a.b\n1\n")
    assert rows(tmp_path, table("a.csv", {"c": ("INT64", "a.b")})) == [{"c": 1}]


def test_microseconds_are_kept_for_every_day_of_the_calendar(tmp_path):
    """From the year 1 to 9999, in steps of some years."""
    moments = [datetime(1, 1, 1, tzinfo=UTC) + timedelta(days=1461 * step, microseconds=step) for step in range(2499)]
    write(tmp_path / "a.csv", "t\n" + "".join(f"{moment.replace(tzinfo=None)}\n" for moment in moments))
    assert [row["t"] for row in rows(tmp_path, table("a.csv", {"t": "TIMESTAMP"}))] == moments


def test_a_number_that_no_column_reads_keeps_no_row_away(tmp_path):
    """However large it is."""
    write(tmp_path / "a.jsonl", '{"v": 1.50, "other": 1e400}\n')
    assert rows(tmp_path, table("a.jsonl", {"v": "NUMERIC"})) == [{"v": Decimal("1.50")}]
