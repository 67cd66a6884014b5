"""Values keep their meaning in every format, or are bad with a reason."""

from __future__ import annotations

import csv
import io
import json
import math
import tempfile
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import chain
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from bson import Binary, Decimal128, Int64, ObjectId, json_util
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.model.errors import SourceError
from flows.model.types import Type
from flows.model.window import utc
from tests.sources.exports import bad, batches, rows, table, write

OID = "697e98b25ee0c0ffee008077"
MOMENT = datetime(2026, 1, 31, 13, 5, 0, 123456, tzinfo=UTC)

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
        "[1e3, 1E+3, -1.50e-07, 1e-400, 1.7976931348623157e308]",
        "[1e3,1E+3,-1.50e-07,1e-400,1.7976931348623157e308]",
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
    ("JSON", '{"a": [1e400]}', "v '1e400' is beyond the numbers of JSON, which are those of FLOAT64"),
    ("JSON", f"-1{'0' * 400}", f"v -1{'0' * 98}... is beyond the numbers of JSON, which are those of FLOAT64"),
    ("NUMERIC", "1e400", "v '1e400' has more than 29 digits before the point"),
    ("FLOAT64", "1e400", "v '1e400' lies outside the range of FLOAT64"),
    ("STRING", "5", "v 5 is no text"),
    ("STRING", "true", "v True is no text"),
    ("STRING", '{"a": 1}', "v {'a': 1} is no text"),
    ("BYTES", '"*"', "v '*' is neither base64 nor hexadecimal after 0x"),
    ("INT64", "9223372036854775808", "v 9223372036854775808 lies outside the range of INT64"),
    ("INT64", "18446744073709551616", "v 18446744073709551616 lies outside the range of INT64"),
    ("INT64", "1.5", "v '1.5' is no whole number"),
    ("INT64", "9223372036854775806.5", "v '9223372036854775806.5' is no whole number"),
    ("INT64", '"abc"', "v 'abc' is no number"),
    ("INT64", '"0x1F"', "v '0x1F' is no number"),
    ("INT64", "true", "v True is no number"),
    ("INT64", '{"$numberDecimal": "1E+999999"}', "v '1E+999999' lies outside the range of INT64"),
    ("INT64", '{"$numberLong": "1_0"}', "v {'$numberLong': '1_0'} is no Extended JSON"),
    ("FLOAT64", "9007199254740993", "v 9007199254740993 has more digits than FLOAT64 keeps"),
    ("FLOAT64", "10000000000000000000001", "v 10000000000000000000001 has more digits than FLOAT64 keeps"),
    (
        "FLOAT64",
        '{"$numberDecimal": "1.000000000000000000000000000000001"}',
        "v '1.000000000000000000000000000000001' has more digits than FLOAT64 keeps",
    ),
    ("FLOAT64", '{"$numberDecimal": "1E+400"}', "v '1E+400' lies outside the range of FLOAT64"),
    ("BOOL", "2", "v 2 is neither true nor false"),
    ("NUMERIC", "0.1234567891", "v '0.1234567891' has more than 9 digits after the point"),
    ("NUMERIC", "0.10000000000000000001", "v '0.10000000000000000001' has more than 9 digits after the point"),
    ("NUMERIC", '{"$numberDecimal": "1E+29"}', "v '1E+29' has more than 29 digits before the point"),
    ("NUMERIC", '{"$numberDecimal": "NaN"}', "v 'NaN' cannot be held by NUMERIC"),
    ("NUMERIC", '{"$numberDecimal": "-Infinity"}', "v '-Infinity' cannot be held by NUMERIC"),
    ("NUMERIC", '{"$numberDouble": "NaN"}', "v nan cannot be held by NUMERIC"),
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
    ("ARRAY<INT64>", '{"0": 1}', "v {'0': 1} is no array"),
    ("ARRAY<INT64>", "[1, null]", "v holds null, which an ARRAY cannot"),
    ("ARRAY<INT64>", '[1, "x"]', "v 'x' is no number"),
    ("ARRAY<STRUCT<price NUMERIC>>", '[{"price": "1"}, {"price": "one"}]', "v.price 'one' is no number"),
    ("STRUCT<a INT64>", "5", "v 5 is no document"),
    ("STRUCT<a INT64>", '{"$numberLong": "5"}', "v {'$numberLong': '5'} is no document"),
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


NANOSECONDS = pa.timestamp("ns")


@pytest.mark.parametrize(
    ("type_", "values", "expected"),
    [
        ("INT64", pa.array([7, None], pa.uint64()), 7),
        ("INT64", pa.array([Decimal(7), None], pa.decimal128(5, 2)), 7),
        ("INT64", pa.array(["7", None], pa.dictionary(pa.int8(), pa.string())), 7),
        ("FLOAT64", pa.array([0.5, None], pa.float32()), 0.5),
        ("FLOAT64", pa.array([2**53, None], pa.int64()), 2.0**53),
        ("NUMERIC", pa.array([Decimal("1.500"), None], pa.decimal256(60, 30)), Decimal("1.5")),
        ("NUMERIC", pa.array([0.1, None], pa.float64()), Decimal("0.1")),
        ("STRING", pa.array(["Zoë", None], pa.large_string()), "Zoë"),
        ("STRING", pa.array(["Zoë".encode(), None], pa.binary()), "Zoë"),
        ("BYTES", pa.array([b"\xff\x00", None], pa.binary(2)), b"\xff\x00"),
        ("BOOL", pa.array([1, None], pa.int8()), True),
        ("TIMESTAMP", pa.array([MOMENT, None], pa.timestamp("us", "Europe/Berlin")), MOMENT),
        ("TIMESTAMP", pa.array([MOMENT.replace(tzinfo=None), None], NANOSECONDS), MOMENT),
        ("TIMESTAMP", pa.array([date(2026, 1, 31), None], pa.date32()), datetime(2026, 1, 31, tzinfo=UTC)),
        ("DATETIME", pa.array([MOMENT, None], pa.timestamp("us", "Europe/Berlin")), MOMENT.replace(tzinfo=None)),
        ("DATE", pa.array([date(1, 1, 1), None], pa.date32()), date(1, 1, 1)),
        ("TIME", pa.array([time(23, 59, 59), None], pa.time32("s")), time(23, 59, 59)),
        ("JSON", pa.array([{"a": 1}, None]), '{"a":1}'),
        ("JSON", pa.array(["[1.50]", None]), "[1.50]"),
        ("ARRAY<NUMERIC>", pa.array([["1.10", "2"], None]), [Decimal("1.1"), Decimal(2)]),
        ("ARRAY<INT64>", pa.array([[], None], pa.large_list(pa.int32())), []),
        ("STRUCT<b INT64, a STRING>", pa.array([{"a": "x", "b": 1}, None]), {"b": 1, "a": "x"}),
        ("STRING", pa.nulls(2), None),
        ("ARRAY<STRUCT<a INT64>>", pa.nulls(2), None),
        ("NUMERIC", pa.array([2**64 - 1, None], pa.uint64()), Decimal(2**64 - 1)),
        ("STRING", pa.array(["x", None]).dictionary_encode(), "x"),
        ("ARRAY<STRING>", pa.array([["x"], None], pa.list_(pa.dictionary(pa.int8(), pa.string()))), ["x"]),
        ("JSON", pa.array([{"at": MOMENT.replace(tzinfo=None)}, None]), '{"at":"2026-01-31T13:05:00.123456"}'),
    ],
)
def test_a_value_of_parquet_keeps_its_meaning(tmp_path, type_, values, expected):
    """Any type of Parquet gives the value where the column can hold it."""
    pq.write_table(pa.table({"v": values}), tmp_path / "a.parquet")
    assert rows(tmp_path, table("a.parquet", {"v": type_})) == [{"v": expected}, {"v": None}]


@pytest.mark.parametrize(
    ("type_", "values", "reason"),
    [
        ("INT64", pa.array([2**63], pa.uint64()), "v 9223372036854775808 lies outside the range of INT64"),
        ("INT64", pa.array([0.5]), "v 0.5 is no whole number"),
        ("FLOAT64", pa.array([2**53 + 1]), "v 9007199254740993 has more digits than FLOAT64 keeps"),
        (
            "NUMERIC",
            pa.array([Decimal("1E-10")], pa.decimal128(38, 10)),
            "v '1E-10' has more than 9 digits after the point",
        ),
        ("NUMERIC", pa.array([math.nan]), "v nan cannot be held by NUMERIC"),
        ("STRING", pa.array([b"\xff"]), "v b'\\xff' is no UTF-8 text"),
        ("TIMESTAMP", pa.array([1], NANOSECONDS), "v '1970-01-01 00:00:00.000000001' is finer than microseconds"),
        (
            "TIMESTAMP",
            pa.array([2**62], pa.timestamp("us")),
            f"v {2**62} microseconds since 1970 lies outside the years 1 to 9999",
        ),
        ("TIME", pa.array([1], pa.time64("ns")), "v '00:00:00.000000001' is finer than microseconds"),
        (
            "DATE",
            pa.array([2**30], pa.date32()),
            f"v {2**30 * 86_400_000_000} microseconds since 1970 lies outside the years 1 to 9999",
        ),
        ("ARRAY<INT64>", pa.array([[1, None]]), "v holds null, which an ARRAY cannot"),
        ("JSON", pa.array([1], NANOSECONDS), "v [ 1970-01-01 00:00:00.000000001 ] cannot be written as JSON"),
        (
            "NUMERIC",
            pa.array([Decimal("1E+30")], pa.decimal256(70, 0)),
            f"v '1{'0' * 30}' has more than 29 digits before the point",
        ),
    ],
)
def test_what_parquet_holds_beyond_the_type_is_bad(tmp_path, type_, values, reason):
    """Nothing is rounded, wrapped or cut."""
    pq.write_table(pa.table({"v": values}), tmp_path / "a.parquet")
    [fault] = bad(tmp_path, table("a.parquet", {"v": type_}))
    assert (fault.place, fault.reason) == ("a.parquet:1", reason)


MOMENTS = st.datetimes(timezones=st.just(UTC))
VALUES = {
    "s": st.text(st.characters(codec="utf-8", exclude_characters="\ue000")),
    "i": st.integers(-(2**63), 2**63 - 1),
    "f": st.floats(allow_nan=False),
    "b": st.booleans(),
    "n": st.decimals(-(10**20), 10**20, places=9),
    "t": MOMENTS,
    "y": st.binary(),
    "d": st.dates(),
}
TYPES = {"s": "STRING", "i": "INT64", "f": "FLOAT64", "b": "BOOL", "n": "NUMERIC", "t": "TIMESTAMP"}
TYPES |= {"y": "BYTES", "d": "DATE"}
RECORD = st.fixed_dictionaries({name: st.none() | values for name, values in VALUES.items()})


@settings(deadline=None, max_examples=60)
@given(
    st.lists(RECORD, max_size=8), st.sampled_from([json_util.CANONICAL_JSON_OPTIONS, json_util.RELAXED_JSON_OPTIONS])
)
def test_extended_json_round_trips(records, options):
    """What the MongoDB driver writes in either mode is read again, nested or not."""
    documents = []
    for record in records:
        record["t"] = record["t"] and record["t"].replace(microsecond=record["t"].microsecond // 1000 * 1000)
        wrap = {"i": Int64, "n": Decimal128, "y": Binary, "d": str}
        document = record | {name: kind(record[name]) for name, kind in wrap.items() if record[name] is not None}
        documents.append({"_id": ObjectId(OID), "one": document, "many": [document, document], **document})
    text = "\n".join(json_util.dumps(document, json_options=options) for document in documents)
    struct = f"STRUCT<{', '.join(f'{name} {type_}' for name, type_ in TYPES.items())}>"
    things = table("a.json", TYPES | {"one": struct, "many": f"ARRAY<{struct}>", "id": ("STRING", "_id")})
    assert _written("a.json", text, things) == [
        record | {"one": record, "many": [record, record], "id": OID} for record in records
    ]


@settings(deadline=None, max_examples=60)
@given(st.lists(RECORD, max_size=8), st.booleans())
def test_csv_round_trips(records, crlf):
    """What a program writes by RFC 4180 is read again, whatever stands in its texts."""
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\r\n" if crlf else "\n")
    writer.writerow(TYPES)
    for record in records:
        shown = record | {"y": None if record["y"] is None else "0x" + record["y"].hex()}
        writer.writerow(["\ue000" if shown[name] is None else str(shown[name]) for name in TYPES])
    # CSV writers in Python cannot tell NULL from text; what stands for it here does not occur in the texts.
    written = text.getvalue().replace('"\ue000"', "\\N")
    assert _written("a.csv", written, table("a.csv", TYPES)) == records


@settings(deadline=None, max_examples=60)
@given(st.lists(RECORD, min_size=1, max_size=8))
def test_parquet_round_trips(records):
    """What Arrow writes is read again, nested or not."""
    with tempfile.TemporaryDirectory() as folder:
        schema = pa.schema(
            {
                "s": pa.string(), "i": pa.int64(), "f": pa.float64(), "b": pa.bool_(), "n": pa.decimal128(38, 9),
                "t": pa.timestamp("us", "UTC"), "y": pa.binary(), "d": pa.date32(),
            }
        )  # fmt: skip
        nested = [record | {"many": [record, record]} for record in records]
        schema = schema.append(pa.field("many", pa.list_(pa.struct(list(schema)))))
        pq.write_table(pa.Table.from_pylist(nested, schema), Path(folder) / "a.parquet")
        struct = f"STRUCT<{', '.join(f'{name} {type_}' for name, type_ in TYPES.items())}>"
        assert rows(Path(folder), table("a.parquet", TYPES | {"many": f"ARRAY<{struct}>"})) == nested


NUMBERS = st.from_regex(r"-?(0|[1-9][0-9]{0,40})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,2})?", fullmatch=True)
CLOCKS = r"[0-2][0-9](:[0-5][0-9](:[0-6][0-9](\.[0-9]{1,9})?)?)?"
ZONES = r"(Z|[+-][01][0-9](:?[0-5][0-9])?)?"
MOMENT_TEXTS = st.from_regex(f"[0-9]{{4}}-[01][0-9]-[0-3][0-9]([T ]{CLOCKS}{ZONES})?", fullmatch=True)


@settings(deadline=None, max_examples=40)
@given(st.lists(NUMBERS, min_size=1, max_size=4), st.lists(MOMENT_TEXTS, min_size=1, max_size=4))
def test_a_whole_column_and_value_by_value_give_the_same(numbers, moments):
    """Each value has the same meaning alone and in any company, as a number of JSON and as text."""
    wide = Type("BIGNUMERIC", decimal=(76, 38))  # as it is read for a warehouse that has all its digits
    types = ("INT64", "FLOAT64", "NUMERIC", wide, "TIMESTAMP", "DATETIME", "DATE", "BOOL")
    for type_ in types:
        texts = numbers if type_ in types[:4] else [*moments, *numbers]
        alone = [_read(type_, [json.dumps(text)]) for text in texts]
        assert _read(type_, [json.dumps(text) for text in texts]) == list(chain.from_iterable(alone))
        if type_ in types[:4]:
            alone = [_read(type_, [text]) for text in texts]
            assert _read(type_, texts) == list(chain.from_iterable(alone))
            for text, values in zip(texts, alone, strict=True):
                if values and type_ != "FLOAT64":
                    assert values == [Decimal(text)]


def _read(type_, texts):
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder) / "a.jsonl", "".join(f'{{"v": {text}}}\n' for text in texts))
        found = batches(Path(folder), table("a.jsonl", {"v": type_}))
        return [row["v"] for batch in found for row in batch.rows.to_pylist()]


def _written(name, text, things):
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder) / name, text)
        return rows(Path(folder), things)


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


@pytest.mark.parametrize("moment", ["0001-01-01", "1677-01-01", "2262-04-12", "9999-12-31T23:59:59.999999"])
@pytest.mark.parametrize("type_", ["TIMESTAMP", "ARRAY<TIMESTAMP>", "STRUCT<a TIMESTAMP>"])
def test_old_times_of_parquet_reach_over_the_whole_calendar(tmp_path, type_, moment):
    """INT96 holds years that 64 bits of nanoseconds do not."""
    at = utc(moment)
    wrap = {"T": lambda value: value, "A": lambda value: [value], "S": lambda value: {"a": value}}[type_[0]]
    values = pa.array([wrap(at.replace(tzinfo=None))])
    pq.write_table(pa.table({"v": values}), tmp_path / "a.parquet", use_deprecated_int96_timestamps=True)
    assert rows(tmp_path, table("a.parquet", {"v": type_})) == [{"v": wrap(at)}]


def test_old_times_of_parquet_are_not_cut(tmp_path):
    """What is finer than microseconds is bad, in every row group and inside of arrays, and only that."""
    times = pa.array([1000 * number + (number in {7, 25_000}) for number in range(30_000)], pa.int64()).cast(
        NANOSECONDS
    )
    lists = pa.ListArray.from_arrays(pa.array([0, 0, *range(2, 30_001)], pa.int32()), times)
    things = pa.table({"v": times, "w": lists, "x": pa.array(range(30_000))})
    pq.write_table(things, tmp_path / "a.parquet", use_deprecated_int96_timestamps=True, row_group_size=7_000)
    for columns in ({"v": "TIMESTAMP"}, {"w": "ARRAY<TIMESTAMP>"}):
        [name] = columns
        assert [(row.place, row.reason) for row in bad(tmp_path, table("a.parquet", columns))] == [
            (f"a.parquet:{line}", f"{name} has digits that are finer than microseconds") for line in (8, 25_001)
        ]
    assert len(rows(tmp_path, table("a.parquet", {"x": "INT64"}))) == 30_000


def test_two_columns_of_one_name_are_refused(tmp_path):
    """Which one is meant cannot be known."""
    things = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["v", "v"])
    pq.write_table(things, tmp_path / "a.parquet")
    with pytest.raises(SourceError, match="it has two columns 'v'"):
        rows(tmp_path, table("a.parquet", {"v": "INT64"}))


def test_a_number_that_no_column_reads_keeps_no_row_away(tmp_path):
    """However large it is."""
    write(tmp_path / "a.jsonl", '{"v": 1.50, "other": 1e400}\n')
    assert rows(tmp_path, table("a.jsonl", {"v": "NUMERIC"})) == [{"v": Decimal("1.50")}]
