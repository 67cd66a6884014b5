"""What of a table's file decides its rows, and what one file changes of another."""

import pytest

from flows.model.definition import Change
from flows.project.definition import as_defined, changes, definition_text
from tests.engine.builders import EVENTS, TOTALS, USERS, by_day, csv, table

NUMBERS = "day DATE, n NUMERIC"
SQL = "SELECT DATE(`at`) AS day, CAST(amount AS {}) AS n FROM core.events WHERE `at` >= @window_start"

NUMERIC = SQL.format("NUMERIC(10,2)")


def _numbers(columns=NUMBERS, sql=NUMERIC, **fields):
    return table("derived.numbers", columns, **{"strategy": "append", **by_day("day"), "sql": sql, **fields})


NUMBER = _numbers()


@pytest.mark.parametrize(
    ("other", "kinds"),
    [
        (_numbers(sql=SQL.format("NUMERIC(10,0)")), ["sql"]),
        (_numbers(sql=SQL.format("STRUCT<a NUMERIC(10,2)>")), ["sql"]),
        (_numbers(sql=SQL.format("numeric(10, 2)").replace("SELECT", "-- a\n  select")), []),
        (_numbers("n NUMERIC, day DATE"), []),
        (
            _numbers(
                "Day DATE, N NUMERIC", sql=NUMERIC.replace("AS day", "AS Day").replace("AS n", "AS N"), **by_day("Day")
            ),
            [],
        ),
        (
            _numbers(sql=NUMERIC.replace("amount", "CAST(JSON_VALUE(TO_JSON(STRUCT(amount AS A)), '$.A') AS NUMERIC)")),
            ["sql"],
        ),
        (_numbers("day DATE, n INT64"), ["type n"]),
        ([{"name": "day", "type": "DATE"}, {"name": "n", "type": "NUMERIC(10,2)"}], ["type n"]),
        (_numbers("day DATE, m NUMERIC"), ["added m", "removed n"]),
        (_numbers(partition={"column": "day", "by": "month"}), ["partition"]),
        (_numbers(strategy="merge", key=["day"]), ["strategy", "key"]),
        (_numbers(window={"size": "1 month", "start": "2026-01-01"}), ["window size"]),
        (_numbers(window={"size": "1 day", "start": "2026-02-01", "delay": "1 hour", "lookback": 3}), []),
        (_numbers(description="Another.", owner="x@example.com", schedule="1 * * * *", cluster=["n"]), []),
        (_numbers(sql=None, **csv(cursor="day")), ["source"]),
    ],
)
def test_what_a_derived_table_changes(other, kinds):
    """Type parameters count; layout, comments, order, words about it and when it runs do not."""
    other = _numbers(other) if isinstance(other, list) else other
    assert [f"{change.kind} {change.subject}".strip() for change in changes(NUMBER, other)] == kinds


@pytest.mark.parametrize(
    ("other", "kinds"),
    [
        ({"source": {"kind": "files", "path": "y.csv", "cursor": "updated"}}, [Change("source")]),
        ({"source": {"kind": "files", "path": "x.csv", "cursor": "at"}}, [Change("cursor")]),
        ({"source": {"kind": "files", "path": "x.csv", "cursor": "updated", "max_bad_rows": 9}}, []),
        ({"window": {"size": "1 hour", "start": "2026-01-01"}}, []),
    ],
)
def test_what_a_core_table_changes(other, kinds):
    """Where rows come from counts, and by which clock; how much is read at once does not."""
    given = {**EVENTS.model_dump(by_alias=True, exclude_defaults=True), **other}
    assert list(changes(EVENTS, EVENTS.model_validate(given, strict=False))) == kinds


@pytest.mark.parametrize("name", ["from", "on_error"])
def test_a_column_that_is_read_otherwise_changes(name):
    """Both say what a value is."""
    columns = [column.model_dump(by_alias=True) for column in EVENTS.columns]
    columns[3][name] = "null" if name == "on_error" else "price"
    given = {**EVENTS.model_dump(by_alias=True, exclude_defaults=True), "columns": columns}
    assert changes(EVENTS, EVENTS.model_validate(given, strict=False)) == (Change(name, "amount"),)


@pytest.mark.parametrize("subject", [EVENTS, TOTALS, USERS, NUMBER], ids=lambda subject: subject.name)
def test_a_kept_text_gives_the_same_definition(subject):
    """What is read of it differs in nothing, whatever the file says by now."""
    again = as_defined(definition_text(subject), NUMBER.model_copy(update={"name": subject.name}))
    assert changes(again, subject) == ()
    assert definition_text(again) == definition_text(subject)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("SELECT a AS B FROM d.t GROUP BY A ORDER BY B", "SELECT a AS b FROM d.t GROUP BY a ORDER BY b", True),
        ("SELECT A FROM d.t UNION ALL SELECT 1", "SELECT a FROM d.t UNION ALL SELECT 1", True),
        ("SELECT TO_JSON_STRING(STRUCT(1 AS A)) AS x", "SELECT TO_JSON_STRING(STRUCT(1 AS a)) AS x", False),
        (
            "SELECT TO_JSON_STRING(s) AS x FROM (SELECT 1 AS A) AS s",
            "SELECT TO_JSON_STRING(s) AS x FROM (SELECT 1 AS a) AS s",
            False,
        ),
        ("SELECT 'A' AS x", "SELECT 'a' AS x", False),
    ],
)
def test_the_case_of_a_column_changes_nothing_but_where_it_is_a_value(one, other, same):
    """A table's columns are the same in any case; the names of a STRUCT's fields are what its JSON holds."""
    assert (not changes(_numbers(sql=one), _numbers(sql=other))) is same
