"""Values come back as they went in, by way of a source and by way of SQL."""

from datetime import UTC, date, datetime, time
from decimal import Decimal

import pyarrow as pa
import pytest

from flows.model.errors import SourceError, WarehouseError
from flows.sources.files.reader import FilesReader
from flows.sources.interface import Batch, arrow_schema
from flows.warehouses.duckdb.warehouse import DuckDB
from tests.engine.builders import Rows, csv, do, reading, rows, table

COLUMNS = {
    "id": ("INT64", 2**63 - 1, -(2**63)),
    "truth": ("BOOL", True, False),
    "real": ("FLOAT64", 0.1, -1.5e300),
    "price": ("NUMERIC", Decimal("12345678901234567890123456789.123456789"), Decimal("-0.000000001")),
    "wide": ("BIGNUMERIC", Decimal("12345678901234567890.123456789012345678"), Decimal("-0.000000000000000001")),
    "text": ("STRING", "ein 'Text' mit \"Zeichen\" \\ und 雪\n", ""),
    "raw": ("BYTES", b"\x00\xff'\\", b""),
    "day": ("DATE", date(1, 1, 1), date(9999, 12, 31)),
    "moment": (
        "TIMESTAMP",
        datetime(1, 1, 1, 0, 0, 0, 1, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    ),
    "local": ("DATETIME", datetime(1, 1, 1, 0, 0, 0, 1), datetime(9999, 12, 31, 23, 59, 59, 999999)),  # noqa: DTZ001
    "clock": ("TIME", time(23, 59, 59, 999999), time(0, 0)),
    "items": (
        "ARRAY<STRUCT<sku STRING, price NUMERIC, tags ARRAY<STRING>>>",
        [{"sku": "a", "price": Decimal("1.50"), "tags": ["x", "y"]}, {"sku": None, "price": None, "tags": []}],
        [],
    ),
    "doc": ("JSON", '{"a":[1.5,"ü",null]}', "2"),
    "docs": (
        "ARRAY<STRUCT<j JSON, deep ARRAY<STRUCT<at TIMESTAMP, js ARRAY<JSON>>>>>",
        [
            {"j": '{"a":1}', "deep": [{"at": datetime(2026, 1, 1, tzinfo=UTC), "js": ["1", '{"b":[]}']}]},
            {"j": None, "deep": [{"at": None, "js": []}]},
        ],
        [],
    ),
    "place": (
        "STRUCT<city STRING, geo STRUCT<x FLOAT64, y FLOAT64>>",
        {"city": "Köln", "geo": {"x": 1.5, "y": 2.5}},
        None,
    ),
}
COPY = table(
    "core.typed",
    [{"name": name, "type": type_} for name, (type_, _, _) in COLUMNS.items()],
    strategy="replace",
    **csv(),
)
# Of JSON in a table that a statement made BigQuery's emulator tells as of STRING.
DERIVED = table(
    "derived.typed",
    [{"name": name, "type": type_} for name, (type_, _, _) in COLUMNS.items() if "JSON" not in type_],
    strategy="replace",
    sql="SELECT * EXCEPT (doc, docs) FROM core.typed",
)
GIVEN = [{name: values[place] for name, values in COLUMNS.items()} for place in (1, 2)]


class Whole(Rows):
    """A source without a cursor."""

    def read(self, subject, span):
        """Give all rows."""
        assert span is None
        yield Batch(pa.RecordBatch.from_pylist(self.rows, arrow_schema(subject)), ())


def test_every_type_survives_a_load_and_a_query(warehouse):
    """The least and the greatest, quotes and other scripts, and what is nested."""
    do(warehouse, COPY, None, Whole(GIVEN))
    found = sorted(rows(warehouse, COPY), key=lambda row: row["id"], reverse=True)
    for row, given in zip(found, GIVEN, strict=True):
        assert row == given
    do(warehouse, DERIVED, None, schema={"core.typed": COPY.types})
    made = sorted(rows(warehouse, DERIVED), key=lambda row: row["id"], reverse=True)
    assert made == [{name: row[name] for name in DERIVED.types} for row in found]
    assert do(warehouse, DERIVED, None, schema={"core.typed": COPY.types}).touched == ()


def test_null_is_null(warehouse):
    """In every column but an array, which BigQuery keeps as an empty one."""
    do(warehouse, COPY, None, Whole([dict.fromkeys(COLUMNS)]))
    (row,) = rows(warehouse, COPY)
    assert {name for name, value in row.items() if value is not None} <= {"items", "docs"}
    assert not row["items"]
    assert not row["docs"]
    assert reading(warehouse, COPY).state.version == 1


@pytest.mark.bigquery_gap("the emulator forgets how many digits a NUMERIC(10, 2) has", AssertionError)
def test_the_digits_of_decimals_are_kept(warehouse):
    """A table whose file has not changed is not altered."""
    priced = table("core.priced", [{"name": "cents", "type": "NUMERIC(10, 2)"}], strategy="replace", **csv())
    do(warehouse, priced, None, Whole([{"cents": Decimal("12345678.12")}]))
    assert not warehouse.column_changes(priced).retyped


LISTS = table("core.lists", "id INT64, tags ARRAY<STRING>", strategy="replace", **csv())


def test_null_in_an_array_is_kept_or_refused(warehouse):
    """BigQuery has none: it is told of which column, and nothing is written."""
    given = [{"id": 1, "tags": ["a", None]}]
    if isinstance(warehouse, DuckDB):
        do(warehouse, LISTS, None, Whole(given))
        assert rows(warehouse, LISTS) == given
        return
    with pytest.raises(SourceError, match="a value of tags is an array with NULL in it"):
        do(warehouse, LISTS, None, Whole(given))
    assert rows(warehouse, LISTS) == []


MOST = "9" * 38 + "." + "9" * 38
LEAST = "0." + "0" * 37 + "1"
DIGITS = [
    *(f"{sign}{digits}" for sign in ("", "-") for digits in (MOST, LEAST)),
    "12345678901234567890123456789012345678.12345678901234567890123456789012345678",
    "0.5",
]
WIDE = table(
    "core.wide",
    [
        {"name": "id", "type": "INT64"},
        {"name": "v", "type": "BIGNUMERIC"},
        {"name": "many", "type": "ARRAY<STRUCT<x BIGNUMERIC>>"},
    ],
    strategy="replace",
    source={"kind": "files", "path": "wide.jsonl", "max_bad_rows": 5},
)
NEGATED = table("derived.wide", "id INT64, v BIGNUMERIC", strategy="replace", sql="SELECT id, -v AS v FROM core.wide")


@pytest.mark.bigquery_gap("the emulator keeps 38 digits of a BIGNUMERIC", WarehouseError)
def test_a_bignumeric_has_all_digits_that_the_warehouse_holds(warehouse, tmp_path):
    """All 76 of BigQuery's, whatever their sign and place; DuckDB puts aside a row that needs more than 38."""
    lines = [f'{{"id": {place}, "v": "{v}", "many": [{{"x": "{v}"}}]}}\n' for place, v in enumerate(DIGITS)]
    (tmp_path / "wide.jsonl").write_text("".join(lines))
    do(warehouse, WIDE, None, FilesReader(tmp_path))
    do(warehouse, NEGATED, None, schema={"core.wide": WIDE.types})
    held = [5] if isinstance(warehouse, DuckDB) else range(len(DIGITS))
    exact = [Decimal(DIGITS[place]) for place in held]
    assert rows(warehouse, WIDE) == [{"id": i, "v": v, "many": [{"x": v}]} for i, v in zip(held, exact, strict=True)]
    assert rows(warehouse, NEGATED) == [{"id": i, "v": v.copy_negate()} for i, v in zip(held, exact, strict=True)]
    aside = warehouse.query("SELECT reason FROM platform.quarantine", {})
    assert len(aside) == len(DIGITS) - len(held)
    assert all("has more than 18 digits after the point" in row["reason"] for row in aside)
