"""Every fault of a table file is told at once, with its line, and what to write instead."""

import json

import pytest

from tests.check.files import GOOD, check

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
