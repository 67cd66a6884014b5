"""Values of Parquet become those of GoogleSQL's types, or bad rows with the reason."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, time
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flows.model.errors import SourceError
from flows.model.window import utc
from tests.sources.exports import MOMENT, bad, rows, table

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
            "v 1E-10 has more than 9 digits after the point",
        ),
        ("NUMERIC", pa.array([math.nan]), "v NaN cannot be held by NUMERIC"),
        ("STRING", pa.array([b"\xff"]), "v 0xff is no UTF-8 text"),
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
        ("JSON", pa.array([1], NANOSECONDS), 'v "[ 1970-01-01 00:00:00.000000001 ]" cannot be written as JSON'),
        (
            "NUMERIC",
            pa.array([Decimal("1E+30")], pa.decimal256(70, 0)),
            f"v 1{'0' * 30} has more than 29 digits before the point",
        ),
    ],
)
def test_what_parquet_holds_beyond_the_type_is_bad(tmp_path, type_, values, reason):
    """Nothing is rounded, wrapped or cut."""
    pq.write_table(pa.table({"v": values}), tmp_path / "a.parquet")
    [fault] = bad(tmp_path, table("a.parquet", {"v": type_}))
    assert (fault.place, fault.reason) == ("a.parquet:1", reason)


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
