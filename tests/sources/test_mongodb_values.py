"""What each type of BSON becomes, at its extremes; and that reading many documents at once changes nothing."""

from __future__ import annotations

import re
import struct
import uuid
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import bson
import pytest
from bson import Binary, Code, DBRef, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp, json_util
from bson.codec_options import DatetimeConversion
from bson.datetime_ms import DatetimeMS
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.model.types import Type, parse_type
from flows.sources.mongodb.bson_columns import Converter
from flows.sources.mongodb.bson_rows import exact_batch
from flows.sources.mongodb.reader import MongodbReader
from tests.sources import exports
from tests.sources.mongo import core_table, read

if TYPE_CHECKING:
    from pathlib import Path

    from pymongo.collection import Collection

    from flows.sources.interface import Batch
    from tests.servers.mongodb import MongodbServer

TYPES = [
    "STRING",
    "BYTES",
    "INT64",
    "FLOAT64",
    "BOOL",
    "NUMERIC",
    "BIGNUMERIC",
    "TIMESTAMP",
    "DATETIME",
    "DATE",
    "TIME",
    "JSON",
    "NUMERIC(5, 2)",
    "ARRAY<INT64>",
    "ARRAY<STRING>",
    "STRUCT<a INT64, b STRING>",
    "ARRAY<STRUCT<a NUMERIC, b ARRAY<STRING>>>",
]
UUID = uuid.UUID("12345678-9abc-def0-1234-56789abcdef0")
LEAST, MOST = -(2**63), 2**63 - 1
FIRST_DATE, LAST_DATE = -62135596800000, 253402300799999

EXACT: dict[str, list[tuple[Any, Any]]] = {
    "STRING": [
        ("", ""),
        ("Zürich 🚀\0é", "Zürich 🚀\0é"),
        ("x" * 70_000, "x" * 70_000),
        (ObjectId("00" * 12), "00" * 12),
        (ObjectId("ff" * 12), "ff" * 12),
        (Binary.from_uuid(UUID), str(UUID)),
    ],
    "BYTES": [
        (b"", b""),
        (bytes(range(256)), bytes(range(256))),
        (Binary.from_uuid(UUID), UUID.bytes),
        (Binary(UUID.bytes, 3), UUID.bytes),
    ],
    "INT64": [
        (0, 0),
        (-1, -1),
        (2**31 - 1, 2**31 - 1),
        (-(2**31), -(2**31)),
        (Int64(LEAST), LEAST),
        (Int64(MOST), MOST),
        (Int64(1), 1),
        (2.0, 2),
        (Decimal128("1E+3"), 1000),
    ],
    "FLOAT64": [
        (0.1, 0.1),
        (5e-324, 5e-324),
        (1.7976931348623157e308, 1.7976931348623157e308),
        (float("inf"), float("inf")),
        (float("-inf"), float("-inf")),
        (7, 7.0),
        (Int64(2**53), 2.0**53),
        (Int64(-(2**53)), -(2.0**53)),
        (Int64(2**60), 2.0**60),
    ],
    "BOOL": [(True, True), (False, False), (1, True), (0.0, False)],
    "NUMERIC": [
        (Decimal128("12.34"), Decimal("12.34")),
        (Decimal128("-0.000000001"), Decimal("-0.000000001")),
        (Decimal128("99999999999999999999999999999.999"), Decimal("99999999999999999999999999999.999")),
        (Decimal128("-18446744073709551615"), Decimal(-18446744073709551615)),
        (Decimal128("18446744073709551616.5"), Decimal("18446744073709551616.5")),
        (Decimal128("1.5000000000000000000000"), Decimal("1.5")),
        (Decimal128("1E+28"), Decimal("1E+28")),
        (Decimal128("0E+6111"), Decimal(0)),
        (Decimal128("-0"), Decimal(0)),
        (Int64(LEAST), Decimal(LEAST)),
        (-7, Decimal(-7)),
        (0.1, Decimal("0.1")),
    ],
    "BIGNUMERIC": [(Decimal128("0.000000000000000001"), Decimal("1E-18")), (Decimal128("1234.56"), Decimal("1234.56"))],
    "TIMESTAMP": [
        (DatetimeMS(0), datetime(1970, 1, 1, tzinfo=UTC)),
        (DatetimeMS(-1), datetime(1969, 12, 31, 23, 59, 59, 999000, tzinfo=UTC)),
        (DatetimeMS(FIRST_DATE), datetime(1, 1, 1, tzinfo=UTC)),
        (DatetimeMS(LAST_DATE), datetime(9999, 12, 31, 23, 59, 59, 999000, tzinfo=UTC)),
        (datetime(2500, 1, 1, tzinfo=UTC), datetime(2500, 1, 1, tzinfo=UTC)),
    ],
    "DATETIME": [(DatetimeMS(1), datetime(1970, 1, 1, 0, 0, 0, 1000))],  # noqa: DTZ001 - DATETIME has no zone
    "DATE": [(datetime(1960, 2, 29, tzinfo=UTC), date(1960, 2, 29)), (DatetimeMS(FIRST_DATE), date(1, 1, 1))],
    "JSON": [
        ({"b": [1, None, {"c": 2.5}]}, '{"b":[1,null,{"c":2.5}]}'),
        ([Int64(MOST), "é"], f'[{MOST},"é"]'),
        (
            {"d": Decimal128("1.10"), "o": ObjectId("ab" * 12)},
            f'{{"d":{{"$numberDecimal":"1.10"}},"o":{{"$oid":"{"ab" * 12}"}}}}',
        ),
        ({"at": datetime(2024, 1, 2, tzinfo=UTC)}, '{"at":{"$date":"2024-01-02T00:00:00Z"}}'),
        ({"n": float("inf")}, '{"n":{"$numberDouble":"Infinity"}}'),
        ("text", '"text"'),
        (Regex("^a", "i"), '{"$regularExpression":{"pattern":"^a","options":"i"}}'),
        ({"a.b": 1, "$x": {}, "": 2}, '{"a.b":1,"$x":{},"":2}'),
    ],
    "ARRAY<INT64>": [([], []), ([1, Int64(2), 3.0], [1, 2, 3]), (list(range(300)), list(range(300)))],
    "STRUCT<a INT64, b STRING>": [
        ({}, {"a": None, "b": None}),
        ({"b": "x", "c": 1, "a": 7}, {"a": 7, "b": "x"}),
        ({"a": None}, {"a": None, "b": None}),
    ],
}
REFUSED: dict[str, list[tuple[Any, str]]] = {
    "STRING": [
        (1, "1 is no text"),
        ({"a": 1}, "is no text"),
        (b"\xff", "is no UTF-8 text"),
        (DatetimeMS(0), "is no text"),
    ],
    "BYTES": [(1, "1 is no bytes"), (Timestamp(1, 2), "is no bytes")],
    "INT64": [
        (2.5, "2.5 is no whole number"),
        (True, "true is no number"),
        (Decimal128("NaN"), "is no whole number"),
        (Decimal128("9223372036854775808"), "lies outside the range of INT64"),
        ("x", "'x' is no number"),
        (2.0**63, "lies outside the range of INT64"),
        ([1], "is no number"),
    ],
    "FLOAT64": [(Int64(2**53 + 1), "has more digits than FLOAT64 keeps"), (False, "is no number")],
    "BOOL": [(2, "2 is neither true nor false")],
    "NUMERIC": [
        (Decimal128("NaN"), "cannot be held by NUMERIC"),
        (Decimal128("-Infinity"), "cannot be held by NUMERIC"),
        (Decimal128("sNaN"), "NUMERIC"),
        (Decimal128("0.0000000001"), "has more than 9 digits after the point"),
        (Decimal128("1E+29"), "has more than 29 digits before the point"),
        (Decimal128("9.999999999999999999999999999999999E+6144"), "digits before the point"),
    ],
    "TIMESTAMP": [
        (DatetimeMS(FIRST_DATE - 1), "lies outside the years 1 to 9999"),
        (1, "1 is no time"),
        (DatetimeMS(LAST_DATE + 1), "lies outside the years 1 to 9999"),
        (DatetimeMS(LEAST), "lies outside"),
        (DatetimeMS(MOST), "lies outside"),
        (MinKey(), "is no time"),
    ],
    "DATE": [(DatetimeMS(1), "is a time of day, not a date")],
    "ARRAY<INT64>": [
        ([1, None], "holds null, which an ARRAY cannot"),
        ([1, "x"], "'x' is no number"),
        (1, "is no array"),
    ],
    "STRUCT<a INT64, b STRING>": [
        ({"a": "x"}, "'x' is no number"),
        ([1], "is no document"),
        (ObjectId(), "is no document"),
    ],
}
NULLS = [None, ...]
"""`...` stands for a field that is missing."""


OPTIONS = json_util.CANONICAL_JSON_OPTIONS.with_options(datetime_conversion=DatetimeConversion.DATETIME_MS)


def test_every_type_at_its_extremes_arrives_equal(mongodb_server: MongodbServer, collection: Collection) -> None:
    """Each value of a torture collection is exact; null and missing are NULL."""
    reader = MongodbReader(mongodb_server.settings("shop_test"))
    for type_, cases in EXACT.items():
        collection.drop()
        tried = [*cases, *((null, None) for null in NULLS)]
        collection.insert_many([{"_id": n} | ({} if v is ... else {"v": v}) for n, (v, _) in enumerate(tried)])
        rows, bad = read(reader, core_table({"id=_id": "INT64", "v": type_}))
        assert bad == []
        found = {row["id"]: row["v"] for row in rows}
        assert [found[n] for n in range(len(tried))] == [expected for _, expected in tried], type_


def test_what_a_type_cannot_hold_goes_to_quarantine(mongodb_server: MongodbServer, collection: Collection) -> None:
    """With its `_id`, the field, the value and the whole document; the others arrive."""
    reader = MongodbReader(mongodb_server.settings("shop_test"))
    for type_, cases in REFUSED.items():
        collection.drop()
        documents = [{"_id": ObjectId(), "v": v, "other": Int64(5)} for v, _ in cases]
        collection.insert_many([*documents, {"_id": ObjectId()}])
        rows, bad = read(reader, core_table({"id=_id": "STRING", "v": type_}))
        assert len(rows) == 1
        found = {row.place: row for row in bad}
        for document, (_, reason) in zip(documents, cases, strict=True):
            row = found[f"_id={document['_id']}"]
            assert row.reason.startswith("v"), row
            assert reason in row.reason, (type_, row)
            assert '"other": {"$numberLong": "5"}' in row.raw
            assert isinstance(json_util.loads(row.raw, json_options=OPTIONS), dict)


def test_a_collection_and_its_export_give_equal_rows(
    mongodb_server: MongodbServer, collection: Collection, tmp_path: Path
) -> None:
    """What `files` reads of canonical Extended JSON is what is read from the server: rows, and reasons of bad ones."""
    values = [v for cases in EXACT.values() for v, _ in cases] + [v for cases in REFUSED.values() for v, _ in cases]
    documents = [{"_id": n, "v": v} for n, v in enumerate(values)]
    collection.insert_many(documents)
    lines = [json_util.dumps(document, json_options=json_util.CANONICAL_JSON_OPTIONS) for document in documents]
    exports.write(tmp_path / "things.jsonl", "\n".join(lines))
    reader = MongodbReader(mongodb_server.settings("shop_test"))
    for type_ in TYPES:
        of = exports.table("things.jsonl", {"id": ("INT64", "_id"), "v": type_})
        batches = exports.batches(tmp_path, of)
        expected = [row for batch in batches for row in batch.rows.to_pylist()]
        reasons = [row.reason for batch in batches for row in batch.bad]
        rows, bad = read(reader, core_table({"id=_id": "INT64", "v": type_}))
        assert sorted(map(repr, rows)) == sorted(map(repr, expected)), type_
        assert len(bad) == len(reasons)


def test_paths_lead_into_documents(mongodb_server: MongodbServer, collection: Collection) -> None:
    """A step into what is no document is bad, one into nothing is NULL; `$` is the whole document."""
    documents: list[dict[str, Any]] = [
        {"_id": 1, "a": {"b": {"c": 5}, "x": "y"}},
        {"_id": 2, "a": {"b": None}},
        {"_id": 3, "a": None},
        {"_id": 4},
        {"_id": 5, "a": {"b": 7}},
        {"_id": 6, "a": [{"b": {"c": 5}}]},
    ]
    collection.insert_many(documents)
    table = core_table({"id=_id": "INT64", "c=a.b.c": "INT64", "b=a.b": "JSON", "all=$": "JSON"})
    rows, bad = read(MongodbReader(mongodb_server.settings("shop_test")), table)
    assert [(row["id"], row["c"], row["b"]) for row in rows] == [
        (1, 5, '{"c":5}'),
        (2, None, None),
        (3, None, None),
        (4, None, None),
    ]
    assert rows[0]["all"] == '{"_id":1,"a":{"b":{"c":5},"x":"y"}}'
    assert [row.place for row in bad] == ["_id=5", "_id=6"]
    assert "a.b.c 7 is no document with a field c" in bad[0].reason


def test_a_key_that_is_null_is_bad(mongodb_server: MongodbServer, collection: Collection) -> None:
    """Missing or null, it cannot name a row."""
    collection.insert_many([{"_id": 1, "k": 1}, {"_id": 2, "k": None}, {"_id": 3}])
    rows, bad = read(MongodbReader(mongodb_server.settings("shop_test")), core_table({"k": "INT64"}))
    assert rows == [{"k": 1}]
    assert [(row.place, row.reason) for row in bad] == [
        ("_id=2", "k is NULL, and it is part of the key"),
        ("_id=3", "k is NULL, and it is part of the key"),
    ]


def element(type_: int, name: bytes, value: bytes) -> bytes:
    return bytes([type_]) + name + b"\0" + value


def raw(*elements: bytes) -> bytes:
    """Return a document of elements that a driver would not write."""
    inside = b"".join(elements)
    return struct.pack("<i", len(inside) + 5) + inside + b"\0"


ID = element(16, b"_id", struct.pack("<i", 1))
ODD = {
    "invalid UTF-8 in a column": (raw(ID, element(2, b"v", b"\2\0\0\0\xff\0")), "is no UTF-8 text"),
    "invalid UTF-8 elsewhere": (raw(ID, element(2, b"w", b"\2\0\0\0\xff\0"), element(2, b"v", b"\2\0\0\0x\0")), "x"),
    "a name twice": (raw(ID, element(2, b"v", b"\2\0\0\0x\0"), element(2, b"v", b"\2\0\0\0y\0")), "the name 'v' twice"),
    "a name that is no UTF-8": (raw(ID, element(10, b"\xff", b""), element(2, b"v", b"\2\0\0\0x\0")), "x"),
    "undefined": (raw(ID, element(6, b"v", b"")), None),
    "a symbol": (raw(ID, element(14, b"v", b"\2\0\0\0x\0")), "x"),
    "a regular expression before it": (raw(ID, element(11, b"r", b"a\0i\0"), element(2, b"v", b"\2\0\0\0x\0")), "x"),
    "a text without its end": (raw(ID, element(2, b"v", b"\2\0\0\0xx")), "is no BSON"),
    "a text that is too long": (raw(ID, element(2, b"v", b"\xff\0\0\0x\0")), "is no BSON"),
    "a negative length": (raw(ID, element(2, b"v", b"\xff\xff\xff\xffx\0")), "is no BSON"),
    "an unknown type": (raw(ID, element(99, b"v", b"")), "is no BSON"),
    "old binary data": (raw(ID, element(5, b"v", b"\5\0\0\0\2\1\0\0\0x")), "x"),
}


@pytest.mark.parametrize("case", ODD)
def test_odd_bytes_harm_no_other_document(case: str) -> None:
    """What no driver writes is read where it is clear, or is a bad row; the documents beside it are read."""
    data, expected = ODD[case]
    good = raw(element(16, b"_id", struct.pack("<i", 2)), element(2, b"v", b"\2\0\0\0z\0"))
    batch = converted([good, data, good], core_table({"id=_id": "INT64", "v": "STRING"}))
    values = {row["id"]: row["v"] for row in batch.rows.to_pylist()}
    assert values[2] == "z"
    if batch.bad:
        assert len(batch.rows) == 2
        assert expected in batch.bad[0].reason
        batch.bad[0].raw.encode()
    else:
        assert values[1] == expected


@pytest.mark.parametrize("place", ["v", "a.b", "s.x", "j.x"])
def test_a_name_that_a_document_has_twice(place: str) -> None:
    """Which value is meant only its writer knows, wherever one of a column stands: the document is a bad row."""
    twice = [element(2, place[-1].encode(), b"\2\0\0\0x\0"), element(2, place[-1].encode(), b"\2\0\0\0y\0")]
    inside = twice if "." not in place else [element(3, place[:1].encode(), raw(*twice))]
    columns = {"id=_id": "INT64", "v": "STRING", "b=a.b": "STRING", "s": "STRUCT<x STRING>", "j": "JSON"}
    batch = converted([raw(ID, *inside), raw(ID)], core_table(columns))
    assert [row.reason for row in batch.bad] == [f"a document has the name '{place[-1]}' twice"]
    assert len(batch.rows) == 1


def converted(documents: list[bytes], table: Any) -> Batch:
    """Return what the quick way makes of documents."""
    batch = Converter(table).batch(b"".join(documents), [0, *accumulate(map(len, documents))])
    batch.rows.validate(full=True)
    return batch


NAMES = st.sampled_from(["v", "a", "b", "_id", "", "a.b", "$x", "$oid", "customer_id", "customer_identification", "ü"])
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.text(max_size=5),
    st.sampled_from(["1", "2024-01-02", "zürich"]),
    st.binary(max_size=5),
    st.builds(Binary, st.binary(max_size=16), st.sampled_from([0, 2, 3, 5, 0x80])),
    st.uuids().map(Binary.from_uuid),
    st.integers(-(2**31), 2**31 - 1),
    st.integers(LEAST, MOST).map(Int64),
    st.floats(),
    st.sampled_from([2.0, 0.1, 2.0**53, 1e22]),
    st.integers(LEAST, MOST).map(DatetimeMS),
    st.integers(FIRST_DATE - 1, LAST_DATE + 1).map(DatetimeMS),
    st.integers(-30_000, 30_000).map(lambda days: DatetimeMS(days * 86_400_000)),
    st.binary(min_size=16, max_size=16).map(Decimal128.from_bid),
    st.decimals(-(10**30), 10**30, places=3).map(lambda number: Decimal128(str(number)[:34])),
    st.builds(lambda c, e: Decimal128(f"{c}E{e}"), st.integers(-(10**20), 10**20), st.integers(-40, 40)),
    st.binary(min_size=12, max_size=12).map(ObjectId),
    st.builds(Regex, st.sampled_from(["^a", "b"]), st.sampled_from([0, re.IGNORECASE])),
    st.builds(Timestamp, st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1)),
    st.sampled_from([MinKey(), MaxKey(), Code("f()"), Code("f()", {"x": 1}), DBRef("c", 1)]),
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=8
)
DOCUMENTS = st.lists(st.dictionaries(NAMES, VALUES, max_size=5), min_size=1, max_size=12)


@settings(max_examples=160)
@given(DOCUMENTS, st.lists(st.sampled_from(TYPES), min_size=3, max_size=3))
def test_many_at_once_are_what_they_are_one_by_one(documents: list[dict[str, Any]], types: list[str]) -> None:
    """For any documents and columns the rows, the bad rows and their reasons are the same."""
    columns = dict(zip(("v", "a", "w=a.b"), types, strict=True)) | {"all=$": "JSON"}
    same(documents, columns)


WIDE = Type("BIGNUMERIC", decimal=(76, 38))
"""As it is read for a warehouse that has all its digits."""


@settings(max_examples=100)
@given(st.sampled_from([*(parse_type(type_) for type_ in TYPES if "<" not in type_), WIDE]), st.data())
def test_each_type_at_once_is_what_it_is_one_by_one(type_: Type, data: st.DataObject) -> None:
    """The same for many values of one type, of which all but a few fit."""
    values = data.draw(st.lists(SCALARS, max_size=20))
    fitting = [v for v, _ in EXACT.get(type_.name, [])]
    same([{"v": v} for v in [*values, *fitting]], {"v": type_, "w": "ARRAY<INT64>"})


def same(documents: list[dict[str, Any]], columns: dict[str, Any]) -> None:
    texts = [bson.encode(document) for document in documents]
    table = core_table(columns).model_copy(update={"key": ()})
    quick, exact = converted(texts, table), exact_batch(table, texts)
    assert sorted(map(repr, quick.rows.to_pylist())) == sorted(map(repr, exact.rows.to_pylist()))
    assert quick.bad == exact.bad
