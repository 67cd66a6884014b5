"""docs/sql.md says what the compiler knows, and what it says is refused is refused."""

from pathlib import Path
from typing import get_args

import pytest

from docs.generate_sql import page
from flows.model.differences import Kind
from flows.model.errors import SqlError
from flows.sql import to_duckdb

SCHEMA = {"core.t": {"a": "INT64", "s": "STRING"}}


def test_the_page_is_that_of_the_table():
    """`make docs` has been run since the table of functions changed."""
    assert Path("docs/sql.md").read_text() == page()


def test_few_things_are_different():
    """At most five things are told as different."""
    assert len(get_args(Kind)) <= 5


@pytest.mark.parametrize(
    ("sql", "instead"),
    [
        ("SELECT HLL_COUNT.INIT(a) AS x FROM core.t", "COUNT(DISTINCT"),
        ("SELECT ML.PREDICT(a) AS x FROM core.t", "a core table"),
        ("SELECT ST_GEOGPOINT(1.0, 2.0) AS x FROM core.t", "longitude and latitude"),
        ("SELECT NET.IP_IN_NET(s, s) AS x FROM core.t", "NET.IP_TRUNC"),
        ("SELECT FORMAT('%p', a) AS x FROM core.t", "It knows %d"),
        ("SELECT a FROM core.t WHERE _TABLE_SUFFIX = '1'", "@window_start"),
        ("SELECT a FROM core.t WHERE _PARTITIONTIME >= @window_start", "partition column"),
        ("SELECT a FROM `core.events_*`", "@window_start"),
        ("SELECT * FROM EXTERNAL_QUERY('c', 'SELECT 1')", "source:"),
        ("SELECT 1 AS a UNION ALL BY NAME SELECT 2 AS b", "INNER UNION"),
    ],
)
def test_a_refusal_names_what_to_write_instead(sql, instead):
    """What Derived does not do is refused with what it does in its place."""
    with pytest.raises(SqlError) as refused:
        to_duckdb(sql, SCHEMA)
    assert instead in str(refused.value)
