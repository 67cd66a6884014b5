"""A call of other types than its function takes is told with the CAST that mends it."""

import re

import pytest

from flows.model.errors import SqlError
from flows.sql import analyze

SCHEMA = {
    "core.t": {
        "id": "INT64",
        "s": "STRING",
        "d": "DATE",
        "f": "FLOAT64",
        "j": "JSON",
        "a": "ARRAY<INT64>",
        "ok": "BOOL",
        "ts": "TIMESTAMP",
    }
}


@pytest.mark.parametrize(
    ("call", "instead"),
    [
        ("UPPER(id)", "UPPER(CAST(id AS STRING))"),
        ("SUBSTR(s, f)", "SUBSTR(s, CAST(f AS INT64))"),
        ("ABS(s)", "ABS(CAST(s AS NUMERIC))"),
        ("SUM(s)", "SUM(CAST(s AS NUMERIC))"),
        ("MOD(f, 2)", "MOD(CAST(f AS NUMERIC), 2)"),
        ("LOWER(j)", "LOWER(JSON_VALUE(j))"),
        ("IFNULL(id, 'none')", "IFNULL(CAST(id AS STRING), 'none')"),
        ("IF(ok, s, id)", "IF(ok, s, CAST(id AS STRING))"),
        ("ARRAY_TO_STRING(a, ',')", "ARRAY_TO_STRING(CAST(a AS ARRAY<STRING>), ',')"),
        ("EXTRACT(HOUR FROM s)", "CAST(s AS TIMESTAMP)"),
        ("DATE_TRUNC(s, MONTH)", "CAST(s AS DATE)"),
        ("id LIKE '1%'", "CAST(id AS STRING)"),
    ],
)
def test_what_is_written_instead_is_taken(call, instead):
    """The fault says what to write, and that has no fault."""
    with pytest.raises(SqlError) as refused:
        analyze(f"SELECT {call} AS x FROM core.t", SCHEMA)
    (fault,) = refused.value.faults
    assert fault.message.endswith(f" Write {instead}.")
    mended = instead if "(" in call and instead.startswith(call.split("(")[0]) else re.sub(r"\b(s|id)\b", instead, call)
    analyze(f"SELECT {mended} AS x FROM core.t", SCHEMA)


@pytest.mark.parametrize("call", ["AVG(d)", "UPPER(s, s)"])
def test_where_no_cast_helps_none_is_told(call):
    """Neither another type nor another number of arguments is a matter of CAST."""
    with pytest.raises(SqlError, match=r"It knows [^.]*[.]$"):
        analyze(f"SELECT {call} AS x FROM core.t", SCHEMA)


@pytest.mark.parametrize(
    ("condition", "instead"),
    [
        ("s = id", "CAST(id AS STRING)"),
        ("id < s", "CAST(s AS INT64)"),
        ("d >= s", "CAST(s AS DATE)"),
        ("id = ok", "CAST(ok AS INT64)"),
        ("id >= d", "PARSE_DATE('%Y%m%d', CAST(id AS STRING)) where it is such a day"),
        ("id >= ts", "TIMESTAMP_SECONDS(id), TIMESTAMP_MILLIS(id) or TIMESTAMP_MICROS(id)"),
        ("id BETWEEN ts AND ts", "TIMESTAMP_SECONDS(...), TIMESTAMP_MILLIS(...) or TIMESTAMP_MICROS(...)"),
        ("j = s", "JSON_VALUE(j)"),
        ("j.n = 1", "LAX_INT64(j.n)"),
        ("id IN ('1', '2')", "CAST(... AS STRING)"),
        ("CASE id WHEN '1' THEN TRUE END", "CAST(id AS STRING)"),
    ],
)
def test_a_comparison_of_two_types_is_told_with_what_makes_them_one(condition, instead):
    """It says which side to turn, and into what, where something turns it."""
    with pytest.raises(SqlError) as refused:
        analyze(f"SELECT id FROM core.t WHERE {condition}", SCHEMA)
    (fault,) = refused.value.faults
    assert fault.message.endswith(f" Write {instead}.")


def test_a_day_is_compared_with_a_day_and_not_with_its_text():
    """A text of another form than %F would not turn into a day."""
    with pytest.raises(SqlError, match=r"Compare with DATE_SUB\(d, INTERVAL 7 DAY\), without FORMAT_DATE\.$"):
        analyze("SELECT id FROM core.t WHERE d >= FORMAT_DATE('%Y%m%d', DATE_SUB(d, INTERVAL 7 DAY))", SCHEMA)


def test_where_nothing_makes_two_types_one_nothing_is_told():
    """An ARRAY is no STRUCT."""
    with pytest.raises(SqlError, match=r"cannot be compared in 'a = STRUCT\(1 AS x\)'\.$"):
        analyze("SELECT id FROM core.t WHERE a = STRUCT(1 AS x)", SCHEMA)
