"""What other programs write of any values is read again as it was."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from datetime import UTC
from decimal import Decimal
from itertools import chain
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from bson import Binary, Decimal128, Int64, ObjectId, json_util
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.model.types import Type
from tests.sources.exports import OID, batches, rows, table, write

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


@settings(deadline=None, max_examples=30)
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


@settings(deadline=None, max_examples=30)
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


@settings(deadline=None, max_examples=30)
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


@settings(deadline=None, max_examples=25)
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
