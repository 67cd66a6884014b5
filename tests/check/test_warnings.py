"""What `check` warns of, and what it notes of the two warehouses: nothing that keeps a table from running."""

import json

import pytest

from tests.check.files import GOOD, check

RANGE = "p.captured_at >= @window_start AND p.captured_at < @window_end"


@pytest.mark.parametrize(
    "written",
    [
        "p.captured_at >= @window_end AND p.captured_at < @window_start",
        "p.captured_at < @window_end AND p.captured_at >= @window_end",
        "DATE(p.captured_at) >= DATE_ADD(DATE(@window_start), INTERVAL 1 MONTH) AND p.captured_at < @window_end",
        "p.captured_at BETWEEN TIMESTAMP_TRUNC(@window_end, MONTH) + INTERVAL 31 DAY AND @window_start",
    ],
)
def test_a_range_that_no_row_can_be_in_is_a_fault(project, written):
    done = check(project, GOOD.replace(RANGE, written))
    assert done.returncode == 1
    assert done.stdout.count("tables/derived/bad.yaml:") == 1
    assert (
        "tables/derived/bad.yaml:12: sql: what bounds captured_at of core.payments ends before it begins, so that no "
        "window reads a row. Write captured_at >= @window_start AND captured_at < @window_end."
    ) in done.stdout


@pytest.mark.parametrize(
    "written",
    [
        "p.captured_at >= TIMESTAMP_ADD(@window_start, INTERVAL 23 HOUR) AND p.captured_at < @window_end",
        "p.captured_at >= TIMESTAMP_TRUNC(@window_end, MONTH) AND p.captured_at < @window_end",
        "p.captured_at >= @window_start - INTERVAL 7 DAY AND p.captured_at < @window_start",
    ],
)
def test_a_range_that_some_windows_have_rows_in_is_none(project, written):
    assert "ends before it begins" not in check(project, GOOD.replace(RANGE, written)).stdout


BY_ANOTHER_COLUMN = GOOD.replace("p.captured_at", "p.paid_at")


def test_a_bound_on_another_column_is_warned_of(project):
    """What does not divide a table by the window makes a snapshot of it; the warning says so, and what to write."""
    core = (project.root / "tables/core/payments.yaml").read_text()
    columns = "columns:\n  - {name: paid_at, type: TIMESTAMP, description: When it was paid}\n"
    (project.root / "tables/core/payments.yaml").write_text(core.replace("columns:\n", columns, 1))
    done = check(project, BY_ANOTHER_COLUMN)
    assert done.returncode == 0
    warning = (
        "tables/derived/bad.yaml:13: sql: warning: the SQL bounds paid_at by the window, but the rows of core.payments "
        "are divided by captured_at: it is read whole, and what changes in it later does not make older windows again. "
        "Write `partition: {column: paid_at, by: day}` in tables/core/payments.yaml, or bound captured_at as well: "
        "AND captured_at >= @window_start AND captured_at < @window_end."
    )
    assert done.stdout.splitlines() == [warning, "9 tables: no faults."]
    (told,) = json.loads(project.command("check", "derived.bad", "--json").stdout)["warnings"]
    assert (told["file"], told["line"]) == ("tables/derived/bad.yaml", 13)


def test_a_window_that_bounds_nothing_is_warned_of(project):
    """Where the window stands beside the column that divides a table, and yet the table is read whole."""
    done = check(
        project,
        GOOD.replace("p.captured_at < @window_end", "id < 3").replace(
            "p.captured_at >= @window_start AND id", "IF(p.captured_at < @window_end, 1, 2)"
        ),
    )
    assert done.returncode == 0
    warning = (
        "tables/derived/bad.yaml:13: sql: warning: 'IF(p.captured_at < @window_end, 1, 2) < 3' names the window beside "
        "captured_at of core.payments, and no bound on what is read comes of it: the table is read whole, and what "
        "changes in it later does not make older windows again. "
        "Write AND captured_at >= @window_start AND captured_at < @window_end in the WHERE of the query that reads it."
    )
    assert done.stdout.splitlines() == [warning, "9 tables: no faults."]


SUMMED = """\
description: Payments per method.
owner: team@example.com
schedule: "10 * * * *"
window: {size: 1 day, start: 2026-01-01}
strategy: merge
key: [method]
merge: {n: sum}
columns:
  - {name: method, type: STRING}
  - {name: n, type: INT64}
sql: |
  SELECT p.method, COUNT(*) AS n
  FROM core.payments AS p
  WHERE p.captured_at >= @window_start AND p.captured_at < @window_end
  GROUP BY method
"""
LOOKED_UP = "JOIN core.orders AS o ON o.order_id = p.order_id AND o.created_at >= @window_start - INTERVAL 7 DAY AND o.created_at < @window_end"
SINCE, UNTIL = "p.captured_at >= @window_start", "p.captured_at < @window_end"


def test_a_sum_over_more_than_the_window_is_warned_of(project):
    """Its rows count in several windows, which may be meant of no sum; the warning says which, and what to write."""
    done = check(project, SUMMED.replace(SINCE, f"{SINCE} - INTERVAL 1 DAY"))
    assert done.returncode == 0
    warning = (
        "tables/derived/bad.yaml:13: sql: warning: n has the rule sum, and one window reads captured_at from 1 day "
        "before the window's start to the window's end: rows of core.payments before the window's start are summed in "
        "two windows or more. Write captured_at >= @window_start AND captured_at < @window_end, or remove the rule of "
        "n, to keep what the newest window gives."
    )
    assert done.stdout.splitlines() == [warning, "9 tables: no faults."]
    (told,) = json.loads(project.command("check", "derived.bad", "--json").stdout)["warnings"]
    assert (told["file"], told["line"]) == ("tables/derived/bad.yaml", 13)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (SUMMED.replace(UNTIL, f"{UNTIL} + INTERVAL 1 HOUR"), "core.payments after the window's end are summed"),
        (
            SUMMED.replace(SINCE, f"{SINCE} - INTERVAL 1 DAY")
            .replace("  - {name: n,", "  - {name: day, type: DATE}\n  - {name: n,")
            .replace("SELECT p.method,", "SELECT p.method, DATE(@window_start) AS day,"),
            "core.payments before the window's start are summed",
        ),
        (SUMMED.replace(f"{SINCE} AND ", ""), "from the beginning to the window's end"),
        (SUMMED.replace(f"{SINCE} AND {UNTIL}", "p.amount > 0"), "the SQL names no window: every row of core.payments"),
        (SUMMED.replace("size: 1 day", "size: 12 hours").replace(f"{SINCE} ", "DATE(p.captured_at) >= DATE(@window_start) "), "the day of the window's start"),
        (SUMMED, None),
        (SUMMED.replace("n: sum", "n: max").replace(SINCE, f"{SINCE} - INTERVAL 1 DAY"), None),
        # One window has no other to share rows with.
        (SUMMED.replace("01}", "01, end: 2026-01-02}").replace(SINCE, f"{SINCE} - INTERVAL 1 DAY"), None),
        # What is read further is looked up for rows that are read once.
        (SUMMED.replace("  WHERE", f"  {LOOKED_UP}\n  WHERE"), None),
        # The window chooses among the rows that it reads.
        (SUMMED.replace("COUNT(*)", f"COUNTIF({SINCE})").replace(f"  WHERE {SINCE}", f"  WHERE {SINCE} - INTERVAL 1 DAY"), None),
        # Days of a time zone are longer or shorter by an hour, and follow one another.
        (SUMMED.replace(f"{SINCE} AND {UNTIL}", "DATE(p.captured_at, 'Europe/Berlin') = DATE(@window_start)"), None),
    ],
)  # fmt: skip
def test_a_sum_is_warned_of_where_windows_share_its_rows(project, text, told):
    """Whatever lies before or behind the window; not where each row still counts once."""
    done = check(project, text)
    assert done.returncode == 0, done.stdout
    assert (told in done.stdout) if told else ("warning" not in done.stdout), done.stdout


DIFFERS = """\
description: Sums of items.
owner: team@example.com
schedule: "10 * * * *"
strategy: replace
columns:
  - {name: big, type: BIGNUMERIC}
  - {name: same, type: "BIGNUMERIC(38, 9)"}
  - {name: deep, type: "ARRAY<STRUCT<n BIGNUMERIC, j JSON>>"}
sql: |
  SELECT BIGNUMERIC '1' AS big, BIGNUMERIC '1' AS same, [STRUCT(BIGNUMERIC '1' AS n, PARSE_JSON('{}') AS j)] AS deep
"""


def test_what_differs_between_the_warehouses_is_told(project):
    """By columns, wherever the type stands; of a table that is not named only what its runs may fail by."""
    done = check(project, DIFFERS)
    digits = [line for line in done.stdout.splitlines() if "note: BIGNUMERIC has 76 digits in BigQuery" in line]
    assert done.returncode == 0
    assert [line.split(" note: ")[0] for line in digits] == [
        "tables/derived/bad.yaml:6: columns.big.type:",
        "tables/derived/bad.yaml:8: columns.deep.type:",
    ]
    assert "BigQuery has no NULL array" not in done.stdout
    told = json.loads(project.command("check", "derived.bad", "--json").stdout)["notes"]
    assert [(one["line"], one["message"].split(" ", 1)[0]) for one in told] == [
        (6, "BIGNUMERIC"),
        (8, "BigQuery"),
        (8, "BIGNUMERIC"),
        (8, "BigQuery"),
    ]
    named = project.command("check", "derived.bad").stdout
    assert "tables/derived/bad.yaml:8: columns.deep.type: note: BigQuery has no NULL array" in named
    assert "tables/derived/bad.yaml:8: columns.deep.type: note: BigQuery keeps JSON" in named


COMPUTES = """\
description: Sums of payments.
owner: team@example.com
schedule: "10 * * * *"
strategy: replace
columns:
  - {name: many, type: INT64}
  - {name: total, type: FLOAT64}
  - {name: is_big, type: BOOL}
sql: |
  SELECT
    APPROX_COUNT_DISTINCT(payment_id) AS many,
    SUM(CAST(amount AS FLOAT64)) AS total,
    MAX(CAST(amount AS BIGNUMERIC)) > 1 AS is_big
  FROM core.payments
"""


def test_what_the_sql_computes_otherwise_in_a_warehouse_is_told_by_its_line(project):
    """The rest of what docs/sql.md has as different: estimates, sums of FLOAT64, and digits that no column shows."""
    (project.root / "tables/derived/bad.yaml").write_text(COMPUTES)
    told = project.command("check", "derived.bad").stdout
    for line, said in (
        (11, "APPROX_COUNT_DISTINCT and"),
        (12, "each warehouse adds up FLOAT64"),
        (13, "BIGNUMERIC has"),
    ):
        assert f"tables/derived/bad.yaml:{line}: sql: note: {said}" in told
