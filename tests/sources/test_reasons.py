"""Bad rows of one kind of fault have one name for it, whatever their values."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flows.model.types import parse_type
from flows.sources.mysql.types import SourceColumn, reason
from flows.sources.reasons import fault_of
from tests.sources.exports import bad, table, write

FOUR = ("INT64", "TIMESTAMP", "NUMERIC(12, 2)", "ARRAY<INT64>")


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ("id 'x' is no number; v 5 is no text", "id … is no number; v … is no text"),
        ('v "it\'s; is no" is no number', "v … is no number"),
        (f"v '{'x' * 99}... is no number; w 'y' is no number", "v … is no number; w … is no number"),
        ("v 123456.5 has more than 2 digits after the point", "v … has more than 2 digits after the point"),
        ("v -9 microseconds since 1970 lies outside the years 1 to 9999", "v … lies outside the years 1 to 9999"),
        ('a.b {"c": [1, "x is y"]} is no array', "a.b … is no array"),
        ('a.b [{"c": "d"}, {"e": 1... is no document', "a.b … is no document"),
        ("v true is no number", "v … is no number"),
        (
            "v: '2^64' does not fit NUMERIC(12, 2); w: [1] is no text",
            "v: … does not fit NUMERIC(12, 2); w: … is no text",
        ),
        ("id is NULL, and part of the key", "id is NULL, and part of the key"),
        ("it is no JSON: unexpected character: line 1 column 9 (char 8)", "it is no JSON: unexpected character"),
        ("v ObjectId('65e6f1d0aaaaaaaaaaaaaaaa') is no number", "v … is no number"),
    ],
)
def test_values_are_left_out(said: str, fault: str) -> None:
    """The columns, the faults and the types stay."""
    assert fault_of(said) == fault


JSON = st.recursive(
    st.text() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(value=st.text(st.characters(exclude_categories=("Cs",)), max_size=300))
@example("' is no number; v '")
@example('"' + "x" * 98)
def test_texts_that_are_no_number_have_one_fault(tmp_path_factory, value: str) -> None:
    """Whatever the text holds, also our own words."""
    folder = tmp_path_factory.mktemp("exports")
    write(folder / "a.jsonl", json.dumps({"v": f"x{value}"}) + "\n")
    [row] = bad(folder, table("a.jsonl", {"v": "INT64"}))
    assert fault_of(row.reason) == "v … is no number"


@given(values=st.tuples(JSON, JSON))
def test_there_are_few_faults_of_any_values(tmp_path_factory, values) -> None:
    """No value that a column refuses is found in the fault."""
    folder = tmp_path_factory.mktemp("exports")
    write(folder / "a.jsonl", json.dumps({"v": list(values)}) + "\n")
    for row in bad(folder, table("a.jsonl", {"v": "BOOL"})):
        assert fault_of(row.reason) == "v … is neither true nor false"


@given(value=st.binary(max_size=200))
def test_what_mysql_holds_has_one_fault(value: bytes) -> None:
    """The same for values as a server sends them."""
    column = SourceColumn("v", "decimal", "decimal(65,0)", True, 65, 0, "", False)
    for type_ in FOUR:
        said = reason(column, parse_type(type_), value)
        assert fault_of(said) == f"v: … does not fit {type_}"
