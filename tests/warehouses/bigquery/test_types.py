"""GoogleSQL's types and values, as BigQuery's API has them."""

import json
import tempfile
from datetime import UTC, datetime
from decimal import Decimal
from itertools import product
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from google.cloud import bigquery
from hypothesis import given
from hypothesis import strategies as st

from flows.extracts.parquet import has_null_element, written
from flows.model.types import SCALARS, Type, parse_type
from flows.sources.files.reader import FilesReader
from flows.sql import to_bigquery
from flows.warehouses.bigquery.jobs import label
from flows.warehouses.bigquery.loading import parsed
from flows.warehouses.bigquery.tables import _is_wider
from flows.warehouses.bigquery.types import as_read, parameter, rows_by_name, schema_field, spelled, type_of
from flows.warehouses.bigquery.units import difference
from tests.engine.builders import by_day, csv, table

NAMES = st.sampled_from(["a", "b", "order", "sku"])
SCALAR_TYPES = st.sampled_from([*map(Type, SCALARS), parse_type("NUMERIC(10, 2)"), parse_type("BIGNUMERIC(30, 0)")])


def structs(inner):
    """Return structs of some types."""
    return st.dictionaries(NAMES, inner, min_size=1).map(lambda fields: Type("STRUCT", fields=tuple(fields.items())))


TYPES = st.recursive(
    SCALAR_TYPES,
    lambda inner: structs(inner | inner.filter(lambda type_: type_.element is None).map(lambda t: Type("ARRAY", t))),
    max_leaves=8,
)


@given(TYPES | TYPES.map(lambda type_: Type("ARRAY", element=type_)))
def test_the_api_gives_back_the_type_that_it_was_told(type_):
    """Nested, repeated, and with the digits of decimals."""
    field = schema_field("x", type_)
    assert type_of(field) == type_
    assert type_of(type(field).from_api_repr(field.to_api_repr())) == type_
    assert parse_type(spelled(type_)) == type_


def test_the_older_names_of_types_are_known():
    """The API answers with them."""
    told = {"INTEGER": "INT64", "FLOAT": "FLOAT64", "BOOLEAN": "BOOL"}
    for old, name in told.items():
        assert type_of(schema_field("x", Type(name)).from_api_repr({"name": "x", "type": old})) == Type(name)


@pytest.mark.parametrize(
    ("type_", "sql"),
    [
        ("STRING", "`x`"),
        ("JSON", "PARSE_JSON(`x`, wide_number_mode => 'round')"),
        (
            "STRUCT<a INT64, j JSON>",
            "IF(`x` IS NULL, NULL, STRUCT(`x`.`a` AS `a`, PARSE_JSON(`x`.`j`, wide_number_mode => 'round') AS `j`))",
        ),
        (
            "ARRAY<JSON>",
            (
                "ARRAY(SELECT PARSE_JSON(`item-0`, wide_number_mode => 'round')"
                " FROM UNNEST(`x`) AS `item-0` WITH OFFSET AS `place-0` ORDER BY `place-0`)"
            ),
        ),
    ],
)
def test_json_is_parsed_wherever_it_stands(type_, sql):
    """It is loaded as text."""
    assert parsed(parse_type(type_), "`x`") == sql


@pytest.mark.parametrize(
    ("values", "type_", "found"),
    [
        ([[1, None]], pa.list_(pa.int64()), True),
        ([[1], None, []], pa.list_(pa.int64()), False),
        ([{"a": [{"b": None}]}], pa.struct([("a", pa.list_(pa.struct([("b", pa.int64())])))]), False),
        ([{"a": [None]}], pa.struct([("a", pa.list_(pa.struct([("b", pa.int64())])))]), True),
        ([[{"a": [None]}]], pa.list_(pa.struct([("a", pa.list_(pa.string()))])), True),
        ([None, 1], pa.int64(), False),
    ],
)
def test_null_in_an_array_is_found_wherever_it_stands(values, type_, found):
    """An array that is NULL has none."""
    assert has_null_element(pa.array(values, type_)) is found


@pytest.mark.parametrize(
    ("present", "wanted", "wider"),
    [
        ("INT64", "NUMERIC", True),
        ("INT64", "FLOAT64", True),
        ("NUMERIC", "BIGNUMERIC", True),
        ("NUMERIC(10, 2)", "NUMERIC", True),
        ("NUMERIC(10, 2)", "NUMERIC(12, 4)", True),
        ("NUMERIC(10, 2)", "NUMERIC(10, 4)", False),
        ("NUMERIC", "NUMERIC(10, 2)", False),
        ("NUMERIC", "INT64", False),
        ("STRING", "INT64", False),
        ("ARRAY<INT64>", "ARRAY<NUMERIC>", False),
        ("DATE", "DATETIME", True),
    ],
)
def test_a_column_becomes_a_wider_type_only(present, wanted, wider):
    """No value is lost."""
    assert _is_wider(parse_type(present), parse_type(wanted)) is wider


def test_json_comes_back_as_text_wherever_it_stands():
    """The client parses it."""
    fields = {"j": "JSON", "many": "ARRAY<JSON>", "deep": "ARRAY<STRUCT<n INT64, in STRUCT<j JSON, js ARRAY<JSON>>>>"}
    schema = [schema_field(name, parse_type(type_)) for name, type_ in fields.items()]
    told = '{"a": [1.5, "ü", null]}'
    inner = {"v": {"f": [{"v": told}, {"v": [{"v": told}, {"v": "1"}]}]}}
    nothing = {"v": {"f": [{"v": None}, {"v": []}]}}
    items = {"v": [inner_row({"v": "1"}, inner), inner_row({"v": None}, nothing)]}
    page = {"rows": [{"f": [{"v": told}, {"v": [{"v": '"x"'}]}, items]}, {"f": [{"v": None}, {"v": []}, {"v": []}]}]}
    rows = bigquery.table.RowIterator(None, None, None, schema, first_page_response=page)
    text = '{"a":[1.5,"ü",null]}'
    assert rows_by_name(rows, rows.schema) == [
        {
            "j": text,
            "many": ['"x"'],
            "deep": [{"n": 1, "in": {"j": text, "js": [text, "1"]}}, {"n": None, "in": {"j": None, "js": []}}],
        },
        {"j": None, "many": [], "deep": []},
    ]


def inner_row(*cells):
    """Return a STRUCT as an item of an ARRAY as the API gives it."""
    return {"v": {"f": list(cells)}}


@given(st.text())
def test_a_label_is_one_that_bigquery_takes(text):
    """Small letters, digits, `_` and `-`, at most 63."""
    made = label(text)
    assert len(made) <= 63
    assert set(made) <= set("abcdefghijklmnopqrstuvwxyz0123456789_-")


def test_moments_before_1000_are_parameters():
    """Their years have four digits."""
    told = parameter("x", datetime(1, 1, 1, tzinfo=UTC)).to_api_repr()
    assert told["parameterValue"]["value"].startswith("0001-01-01")


TYPES_OF_WIDE = {"v": "BIGNUMERIC", "few": "BIGNUMERIC(38, 9)", "many": "ARRAY<STRUCT<x BIGNUMERIC, j JSON>>"}
WIDE = table(
    "core.wide",
    [{"name": name, "type": type_} for name, type_ in TYPES_OF_WIDE.items()],
    strategy="replace",
    **csv(path="x.jsonl"),
)
MOST, LEAST = f"{10**38 - 1}.{10**38 - 1}", f"0.{1:038}"
BIGNUMERICS = st.decimals(-(10**38) + 1, 10**38 - 1, places=38)


@given(st.lists(BIGNUMERICS, min_size=1, max_size=5))
def test_a_file_that_is_loaded_has_all_digits_of_a_bignumeric(numbers):
    """As BigQuery takes it, a decimal of 76 digits, also in what is nested; one whose digits the file gives has those."""
    subject = as_read(WIDE)
    with tempfile.TemporaryDirectory() as folder:
        lines = [json.dumps({"v": f"{v:f}", "few": "1.5", "many": [{"x": f"{v:f}"}]}) for v in numbers]
        (Path(folder) / "x.jsonl").write_text("\n".join(lines))
        batches = FilesReader(Path(folder)).read(subject, None)
        (file,) = [pq.read_table(one.path) for one in written(Path(folder), (batch.rows for batch in batches))]
    assert file.schema.field("v").type == pa.decimal256(76, 38)
    assert file.schema.field("few").type == pa.decimal128(38, 9)
    assert file["v"].to_pylist() == numbers
    assert [item["x"] for items in file["many"].to_pylist() for item in items] == numbers


def test_a_result_has_all_digits_of_a_bignumeric():
    """The client is told them as text."""
    schema = [schema_field("v", Type("BIGNUMERIC"))]
    page = {"rows": [{"f": [{"v": text}]} for text in (MOST, LEAST)]}
    rows = bigquery.table.RowIterator(None, None, None, schema, first_page_response=page)
    assert [row["v"] for row in rows_by_name(rows, rows.schema)] == [Decimal(MOST), Decimal(LEAST)]


def test_rows_that_differ_in_the_last_digit_of_a_bignumeric_differ(judge):
    """For a swap and for a commit, in a column and in what is nested; of SQL the text goes to BigQuery as it is."""
    columns = [
        {"name": "day", "type": "DATE"},
        *({"name": name, "type": TYPES_OF_WIDE[name]} for name in ("v", "many")),
    ]
    subject = table("core.wide", columns, strategy="append", **by_day("day"), **csv(cursor="day"))
    row = "SELECT DATE '2026-01-01' AS day, BIGNUMERIC '{}' AS v, [STRUCT(BIGNUMERIC '{}' AS x, JSON '1' AS j)] AS many"
    rows = [
        row.format(*pair) for pair in [(MOST, MOST), (MOST, MOST[:-1] + "8"), (MOST[:-1] + "8", MOST), (MOST, "0.50")]
    ]
    compared = f"SELECT ARRAY_LENGTH(ARRAY({difference(subject, 'old', 'new')}))"
    for old, new in product(rows, rows):
        written = {"old": to_bigquery(old, {}), "new": to_bigquery(new, {})}
        assert judge.rows(compared, written) == [[str(int(old != new))]]
