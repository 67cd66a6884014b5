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
