"""Every fault of a table file is told at once, with its line, and what to write instead."""

import json

import pytest

from tests.shop import new_project

TEN_FAULTS = """\
description: no
owner: somebody
schedule: * * * * *
window: {size: 1 dya, start: 2026-01-01}
strategy: appendd
partition: {column: dya, by: day}
colums: []
columns:
  - {name: day, type: DAET}
  - {name: item_id, type: STRING, checks: [not_nul]}
sql: |
  SELECT DATE(p.captured_at) AS day, p.method AS item_id
  FROM core.payments AS p
  WHERE p.captured_at >= @window_strat
"""
TEN_MESSAGES = """\
tables/derived/bad.yaml:1: description: YAML reads no without quotes as false, not as text. Write "no" in quotes.
tables/derived/bad.yaml:2: owner: 'somebody' is not an e-mail address. Write one that reaches the team, such as data-team@example.com.
tables/derived/bad.yaml:3: schedule: '* * * * *' needs quotes, as does every text that begins with *. Write schedule: "* * * * *"
tables/derived/bad.yaml:4: window.size: '1 dya' is not a size. Did you mean '1 day'?
tables/derived/bad.yaml:5: strategy: 'appendd' is not one of append, merge, replace. Did you mean 'append'?
tables/derived/bad.yaml:6: partition.column: 'dya' is not a column of this table. Did you mean 'day'?
tables/derived/bad.yaml:7: colums: 'colums' is not a field that exists here. Did you mean 'columns'?
tables/derived/bad.yaml:9: columns.day.type: 'DAET' is not a type. Did you mean 'DATE'?
"""
GOOD = """\
description: Payments per day.
owner: team@example.com
schedule: "10 * * * *"
window: {size: 1 day, start: 2026-01-01}
strategy: append
partition: {column: day, by: day}
columns:
  - {name: day, type: DATE}
  - {name: paid, type: NUMERIC}
sql: |
  SELECT DATE(p.captured_at) AS day, SUM(p.amount) AS paid
  FROM core.payments AS p
  WHERE p.captured_at >= @window_start AND p.captured_at < @window_end
  GROUP BY day
"""


@pytest.fixture
def project(tmp_path):
    """A project with the example tables."""
    return new_project(tmp_path)


def check(project, text, name="bad"):
    """Return what check prints for a table with this text."""
    data = text if isinstance(text, bytes) else text.encode()
    (project.root / f"tables/derived/{name}.yaml").write_bytes(data)
    done = project.command("check")
    assert "Traceback" not in done.stdout + done.stderr
    return done


def test_an_append_without_an_end_is_refused(project):
    """Its windows would hold rows of later ones; the message has the condition that is missing."""
    done = check(project, GOOD.replace(" AND p.captured_at < @window_end", "")).stdout
    assert "tables/derived/bad.yaml:11: sql: nothing bounds day from above" in done
    assert "Add AND captured_at < @window_end, so" in done


def test_a_table_of_one_window_needs_no_parameters(project):
    """There is no later window whose rows it could hold; a constant end is enough, and with two windows it is not."""
    constant = GOOD.replace(">= @window_start", ">= '2026-01-01'").replace("< @window_end", "< '2026-02-01'")
    window = GOOD[GOOD.index("window: ") :].partition("\n")[0]
    for size, end, refused in [("1 month", "02-01", False), ("1 month", "03-01", True), ("1 day", "02-01", True)]:
        text = constant.replace(window, f"window: {{size: {size}, start: 2026-01-01, end: 2026-{end}}}")
        assert ("from above" in check(project, text).stdout) is refused


def test_the_examples_have_no_faults(project):
    """The shipped tables are good, and so is the one that the other cases start from."""
    done = check(project, GOOD)
    assert (done.returncode, done.stdout) == (0, "9 tables: no faults.\n")


def test_ten_faults_give_ten_messages(project):
    """All at once, in the order of their lines, none of them in the words of a library."""
    done = check(project, TEN_FAULTS)
    assert done.returncode == 1
    assert done.stdout.startswith(TEN_MESSAGES)
    assert "'not_nul' is not a check. Did you mean 'not_null'?" in done.stdout
    assert "bad.yaml:14: sql: " in done.stdout
    assert "Did you mean '@window_start'?" in done.stdout
    assert "10 faults in 1 file of 9 tables." in done.stdout


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            ("core.payments AS p", "core.paymets AS p"),
            "bad.yaml:12: sql: 'core.paymets' is not a table. Did you mean 'core.payments'?",
        ),
        (
            ("core.payments AS p", "payments AS p"),
            "bad.yaml:12: sql: 'payments' has no dataset. Write it as dataset.name. Did you mean 'core.payments'?",
        ),
        (
            ("SUM(p.amount) AS paid\n", "SUM(p.amount) AS paid,\n    COUNT(*) AS more\n"),
            "bad.yaml:12: sql: the SQL gives a column 'more' that `columns` does not list.",
        ),
        (
            ("p.captured_at >= @window_start", "p.captured_at >= {{ window_start }}"),
            "bad.yaml:13: sql: '{{ window_start }}' is filled in by nobody here. Write @window_start.",
        ),
        (("SUM(p.amount)", "SUM(p.amuont)"), "bad.yaml:11: sql: "),
        (("SUM(p.amount)", "SUM(p.amuont)"), "Did you mean 'amount'?"),
        (("AS paid", "AS payed"), "the SQL gives no column 'paid'. Did you mean 'payed'?"),
        (("AS paid", "AS paid, 1 AS more"), "a column 'more' that `columns` does not list"),
        (("{name: paid, type: NUMERIC}", "{name: paid, type: INT64}"), "the SQL gives NUMERIC, the file says INT64"),
        (("{size: 1 day,", "{size: 1 hour,"), "a window of 1 hour is shorter than a day, and 'day' is a DATE"),
        (("{column: day, by", "{column: paid, by"), "'paid' is NUMERIC"),
        (("GROUP BY day", "GROUP BY day; DROP TABLE x"), "exactly one SELECT"),
        (("SELECT DATE", "DELETE FROM core.payments WHERE DATE"), "SELECT"),
        (("owner: team@example.com", "owner: team@example.com\nowner: b@example.com"), "is written twice"),
        (("strategy: append", "strategy: append\n\tkey: [day]"), "indented with a tab"),
        (
            ("strategy: append", "strategy: merge\nkey: [paid]\nmerge: {day: sum}"),
            "'day' is DATE, which cannot be added up",
        ),
        (("strategy: append", "strategy: append\ncluster: &a [*a, *a]"), "alias"),
        (("FROM core.payments AS p", "FROM derived.bad AS p"), "derived.bad -> derived.bad"),
        (("DATE(p.captured_at) AS day", "CURRENT_DATE() AS day"), "CURRENT_DATE"),
    ],
)
def test_a_fault_names_its_line_and_the_way_out(project, change, says):
    """One change to a good file, one message."""
    assert change[0] in GOOD
    done = check(project, GOOD.replace(*change))
    assert done.returncode == 1
    assert says in done.stdout


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (GOOD.encode("utf-16"), "is not UTF-8"),
        (GOOD.replace("Payments", "Zahlungen f\u00fcr").encode("latin-1"), "is not UTF-8 text"),
        (b"- a\n- b\n", "not the fields of a table"),
        (b"description: x\n---\ndescription: y\n", "a second document begins here"),
        (b"description: !!python/object/apply:os.system [ls]\n", "is a tag"),
    ],
)
def test_what_is_no_table_file_is_told(project, content, says):
    """YAML's own traps."""
    done = check(project, content)
    assert done.returncode == 1
    assert says in done.stdout


def test_where_files_stand_is_checked(project):
    """`.yml` beside `.yaml`, a folder below the dataset, a file in no dataset, one identity twice."""
    tables = project.root / "tables"
    (tables / "derived/top_items.yml").write_text(GOOD)
    (tables / "derived/deep").mkdir()
    (tables / "alone.yaml").write_text(GOOD)
    (tables / "derived/Top_Items.yaml").write_text(GOOD)
    done = project.command("check")
    assert done.returncode == 1
    assert "tables/derived/top_items.yml:1: ends in .yml and is not read" in done.stdout
    assert "tables/derived/deep:1: 'deep' is a folder below the dataset 'derived'" in done.stdout
    assert "tables/alone.yaml:1: stands in no dataset" in done.stdout
    assert "is the same table as" in done.stdout


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


def test_a_cycle_is_printed_as_a_path(project):
    """Each table of the circle says how it comes back to itself."""
    one = GOOD.replace("core.payments AS p", "derived.two AS p").replace("p.captured_at", "TIMESTAMP(p.day)")
    two = GOOD.replace("core.payments AS p", "derived.one AS p").replace("p.captured_at", "TIMESTAMP(p.day)")
    (project.root / "tables/derived/two.yaml").write_text(two.replace("p.amount", "p.paid"))
    done = check(project, one.replace("p.amount", "p.paid"), "one")
    assert "derived.one -> derived.two -> derived.one" in done.stdout
    assert "derived.two -> derived.one -> derived.two" in done.stdout


def test_one_named_table_says_what_it_reads(project):
    """Windowed reads with their reach, snapshots with what would bound them."""
    done = project.command("check", "derived.revenue_by_country")
    assert done.returncode == 0
    assert "core.orders  reads created_at from 7 days before the window's start" in done.stdout
    assert "core.users  snapshot" in done.stdout
    found = json.loads(project.command("check", "derived.revenue_by_country", "--json").stdout)
    assert {item["table"]: item["windowed"] for item in found["tables"]["derived.revenue_by_country"]} == {
        "core.orders": True,
        "core.payments": True,
        "core.users": False,
    }


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
