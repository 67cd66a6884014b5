"""What other tools would fill in is refused, with the parameter to write."""

import pytest

from flows.model.errors import SqlError
from flows.sql import analyze

SCHEMA = {}


@pytest.mark.parametrize(
    ("written", "instead"),
    [
        ("{{ window_start }}", "@window_start"),
        ("{{window_end}}", "@window_end"),
        ("{window_start}", "@window_start"),
        ("${window_end}", "@window_end"),
        ("$window_start", "@window_start"),
        (":window_end", "@window_end"),
        ("%(start)s", "@window_start"),
        ("{{ ds }}", "@window_start"),
        ("{{ next_ds }}", "@window_end"),
        ("{{ data_interval_start | ts }}", "@window_start"),
        ("{{ data_interval_end }}", "@window_end"),
        ("{{ var('start_date') }}", "@window_start"),
        ("{{ params.region }}", "@window_start or @window_end"),
        ("$1", "@window_start or @window_end"),
    ],
)
def test_a_template_is_answered_with_the_parameter(written, instead):
    """However another tool spells the window, the fault names it and what to write."""
    with pytest.raises(SqlError) as refused:
        analyze(f"SELECT\n  {written} AS x", SCHEMA, {})
    (fault,) = refused.value.faults
    assert (fault.line, fault.message) == (2, f"'{written}' is filled in by nobody here. Write {instead}.")


def test_templates_of_tables_and_loops():
    """Tables and loops of templates have answers of their own."""
    with pytest.raises(SqlError) as refused:
        analyze("SELECT x FROM {{ ref('orders') }}\n{% if incremental %}", SCHEMA, {})
    assert [str(fault.message) for fault in refused.value.faults] == [
        "'{{ ref('orders') }}' is a template, which nobody fills in here. Write the table as dataset.name.",
        "'{% if incremental %}' is a template, which nobody fills in here. Write the SELECT itself.",
    ]


def test_what_is_quoted_is_a_text():
    """Braces and dollars in texts and comments mean nothing."""
    sql = "SELECT '{{ ds }} $window_start' AS a, ':x' AS b, TIME '10:00:00' AS c -- {{ ds }}"
    assert [name for name, _ in analyze(sql, SCHEMA, {}).columns] == ["a", "b", "c"]
    for text in ("'''a\"'''", "r'''\"s\"'''", '"""\'s\'"""'):
        assert dict(analyze(f"SELECT {text} AS a, '$' AS b", SCHEMA, {}).columns).keys() == {"a", "b"}


@pytest.mark.parametrize(
    ("condition", "says"),
    [
        ("ts >= '{{ window_start }}'", " It is filled in by nobody here. Write @window_start, without quotes."),
        ("DATE(ts) < '{{ next_ds }}'", " It is filled in by nobody here. Write @window_end, without quotes."),
        ("ts >= TIMESTAMP '{{ ds }}'", " It is filled in by nobody here. Write @window_start, without quotes."),
        ("ts < CAST('${end}' AS TIMESTAMP)", " It is filled in by nobody here. Write @window_end, without quotes."),
        ("ts < '@window_end'", " Write @window_end, without quotes."),
        ("ts < 'yesterday'", "'yesterday' is not a TIMESTAMP."),
    ],
)
def test_a_quoted_template_where_a_time_is_meant_is_answered_too(condition, says):
    """As a text it would be one; as a time it is none."""
    with pytest.raises(SqlError) as refused:
        analyze(f"SELECT ts FROM core.events WHERE {condition}", {"core.events": {"ts": "TIMESTAMP"}}, {})
    assert refused.value.faults[0].message.endswith(says)


def test_a_text_in_three_quotes_that_nothing_ends_is_read_once():
    """It was read in all ways in which its backslashes can be: with 40 of them longer than anybody waits."""
    with pytest.raises(SqlError):
        analyze(r"SELECT '''" + r"\d" * 200 + " AS a, {{ ds }}", SCHEMA, {})
