"""What is wrong with a table only beside others: names, types, columns and bounds."""

import re
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from flows.project.faults import examine, face_of
from flows.project.files import content, scan
from flows.project.project import load_project
from flows.project.table_file import describe
from flows.sql import forget
from tests.project.projects import derived, faults, only_fault
from tests.shop import REPOSITORY

MOST_CALLS = 3_950
"""What it takes, and a quarter more."""


def test_unknown_table_and_column_name_the_line_and_the_nearest(root):
    """The line of the file on which the word stands."""
    derived(root, "a", "SELECT order_id\nFROM core.ordres")
    derived(root, "b", "SELECT order_id\nFROM core.orders\nWHERE custmer = 1 OR citty = 'x'")
    derived(root, "c", "SELECT o.order_id\nFROM core.orders AS o\nCROSS JOIN o.items AS item\nWHERE item.skuu = 'x'")
    assert faults(root) == [
        "tables/derived/a.yaml:9: sql: 'core.ordres' is not a table. Did you mean 'core.orders'?",
        "tables/derived/b.yaml:10: sql: 'citty' is not a column of the tables in FROM. Did you mean 'city'?",
        "tables/derived/b.yaml:10: sql: 'custmer' is not a column of the tables in FROM.",
        "tables/derived/c.yaml:11: sql: 'skuu' is not a field of the STRUCT. Did you mean 'sku'?",
    ]


def test_a_mistake_is_told_once_where_it_stands(root):
    """A bound of another name is no range without bounds, and a column that is listed twice is of its own type there."""
    derived(root, "a", "SELECT order_id FROM core.orders", "{name: order_id, type: INT64, checks: [{range: {mn: 1}}]}")
    twice = "{name: city, type: STRING}; {name: city, type: INT64, checks: [{range: {min: 1}}]}"
    derived(root, "b", "SELECT city FROM core.orders", twice)
    assert faults(root) == [
        "tables/derived/a.yaml:6: columns.order_id.checks.range.mn: 'mn' is not a field that exists here. Did you mean 'min'?",
        "tables/derived/b.yaml:7: columns.city.name: 'city' is listed twice. Remove one of them, or give each its own name.",
    ]


def test_a_wrong_type_beside_its_range_is_told_once(root):
    """No more than that values of the type have no range."""
    derived(
        root, "a", "SELECT order_id FROM core.orders", "{name: order_id, type: STRING, checks: [{range: {min: 1}}]}"
    )
    (fault,) = faults(root)
    assert fault.startswith(
        "tables/derived/a.yaml:6: columns.order_id.checks.range: values of type STRING have no range."
    )


@pytest.mark.parametrize("first", [True, False])
def test_the_sql_of_a_check_at_the_left_edge_is_told_once(root, first):
    """It is the one behind the list of checks, wherever the table's own stands."""
    path = derived(root, "a", "SELECT order_id FROM core.orders")
    own, check = (
        "sql: |\n  SELECT order_id\n  FROM core.orders\n",
        "checks:\n  - name: few\nsql: SELECT order_id FROM derived.a\n",
    )
    text = path.read_text()
    path.write_text(text[: text.index("sql:")] + (check + own if first else own + check))
    (fault,) = faults(root)
    line = path.read_text().splitlines().index("sql: SELECT order_id FROM derived.a") + 1
    assert fault == (
        f"tables/derived/a.yaml:{line}: sql: is written twice, and check 'few' has none. Begin the line below that name."
    )


def test_a_name_of_a_table_and_of_its_column_means_the_row(root):
    """As in BigQuery; each message says what to write."""
    derived(
        root, "a", "WITH city AS (SELECT city FROM core.orders) SELECT city FROM city", "{name: city, type: STRING}"
    )
    query = "WITH city AS (SELECT city FROM core.orders) SELECT UPPER(city) AS x, city > 'a' AS y, city.city > 'a' AS z FROM city"
    derived(root, "b", query, "{name: x, type: STRING}; {name: y, type: BOOL}; {name: z, type: BOOL}")
    found = faults(root)
    assert len(found) == 3
    assert all(one.endswith("'city' is the whole row of city here. Write city.city.") for one in found)


def test_columns_of_file_and_sql_must_agree(root):
    """A column too few, too many, of another type or spelling is a fault where it stands."""
    derived(
        root,
        "a",
        "SELECT order_id, city AS town, CAST(1 AS NUMERIC) AS n, 1 AS more, 'x' AS number FROM core.orders",
        "{name: order_id, type: INT64}; {name: Town, type: STRING}; {name: n, type: INT64}; {name: nmber, type: STRING}",
    )
    assert faults(root) == [
        "tables/derived/a.yaml:7: columns.Town.name: the SQL spells it 'town'. Write the same in both, such as AS Town.",
        (
            "tables/derived/a.yaml:8: columns.n.type: the SQL gives NUMERIC, the file says INT64. "
            "Write NUMERIC, or CAST it in the SQL."
        ),
        "tables/derived/a.yaml:9: columns.nmber.name: the SQL gives no column 'nmber'. Did you mean 'number'?",
        (
            "tables/derived/a.yaml:11: sql: the SQL gives a column 'more' that `columns` does not list. "
            "Add {name: more, type: INT64} to `columns`, or remove it from the SQL."
        ),
    ]


def test_columns_of_a_star_that_the_file_lacks_are_one_fault(root):
    """And columns of one name are one, whatever the order is; an INT64 moves no TIMESTAMP."""
    derived(root, "a", "SELECT *\nFROM core.orders")
    derived(root, "b", "SELECT order_id, city AS order_id FROM core.orders ORDER BY order_id")
    derived(root, "c", "SELECT order_id FROM core.orders WHERE created_at < created_at + 1")
    star, twice, moved = faults(root)
    assert star.startswith("tables/derived/a.yaml:8: sql: `*` gives ")
    assert "that `columns` does not list: " in star
    assert twice.endswith("two columns are named 'order_id'. Give one of them another name with AS.")
    assert moved.endswith("Write created_at + INTERVAL 1 DAY, or HOUR, MINUTE, SECOND.")


def test_a_column_that_is_listed_twice_has_one_fault(root):
    """Of the two the first is compared with the SQL, whatever the second one says."""
    derived(
        root, "a", "SELECT order_id FROM core.orders", "{name: order_id, type: INT64}; {name: order_id, type: DATE}"
    )
    assert only_fault(root).endswith(
        "a.yaml:7: columns.order_id.name: 'order_id' is listed twice. Remove one of them, or give each its own name."
    )


@pytest.mark.parametrize(
    ("column", "told"),
    [
        ("{name: u, type: TEXT}", "'TEXT' is not a type."),
        ("{name: last one, type: INT64}", "Write 'last_one'."),
        ("{name: 1last, type: INT64}", "Write '_1last'."),
        ("{name: order_id, type: INT64}", "'order_id' is listed twice."),
    ],
)
def test_a_column_with_a_fault_is_told_once(root, column, told):
    """Neither the table's SQL nor a check of its rows is blamed for what the column lacks."""
    check = "checks:\n  - sql: SELECT u FROM derived.a WHERE u IS NULL\n"
    derived(
        root, "a", "SELECT order_id, 'x' AS u FROM core.orders", f"{{name: order_id, type: INT64}}; {column}", check
    )
    assert told in only_fault(root)


def test_a_column_whose_name_is_no_text_has_one_fault(root):
    """The column of the SQL that seems to be missing may be that one."""
    derived(root, "a", "SELECT order_id AS `no` FROM core.orders", "{name: no, type: INT64}; {name: id, type: INT64}")
    assert [fault.split(": ", 2)[1:] for fault in faults(root)] == [
        ["columns.1.name", 'YAML reads no without quotes as false, not as text. Write "no" in quotes.'],
        ["columns.id.name", "the SQL gives no column 'id'. It gives no."],
    ]


WINDOWED = "window: {size: 1 day, start: 2026-01-01, lookback: 3}\npartition: {column: at, by: day}\n"

BOUNDED = "SELECT o.created_at AS at FROM core.orders AS o%s WHERE o.created_at >= @window_start AND o.created_at < @window_end"


def test_lookback_needs_a_table_that_is_read_without_a_window(root):
    """It says so where it would never do anything, and only where the SQL can be read."""
    path = derived(root, "a", BOUNDED % "", "{name: at, type: TIMESTAMP}", WINDOWED)
    path.write_text(path.read_text().replace("strategy: replace", "strategy: append"))
    assert only_fault(root) == (
        "tables/derived/a.yaml:7: window.lookback: the SQL bounds every table that it reads by the window, and changes "
        "in those are repaired anyway. Remove it."
    )
    text = path.read_text()
    path.write_text(text.replace("core.orders AS o", "core.orders AS o JOIN core.users AS u USING (user_id)"))
    assert faults(root) == []
    path.write_text(text.replace("o.created_at AS at", "o.created AS at"))
    assert "'created' is not a column" in only_fault(root)


def test_a_table_that_is_replaced_is_not_told_to_bound_what_it_reads(root):
    """It may not name the window's parameters."""
    derived(root, "a", "SELECT order_id FROM core.orders")
    (dependency,) = load_project(root).upstreams("derived.a")
    assert dependency.reach is None
    assert dependency.snapshot == "made whole"


@pytest.mark.parametrize(
    ("given_type", "file_type"),
    [("INT64", "NUMERIC"), ("INT64", "BIGNUMERIC"), ("INT64", "FLOAT64"), ("NUMERIC", "BIGNUMERIC"),
     ("NUMERIC", "FLOAT64"), ("NUMERIC", '"NUMERIC(10, 2)"'), ("INT64", "INTEGER")],
)  # fmt: skip
def test_types_that_widen_by_themselves_fit(root, given_type, file_type):
    """GoogleSQL coerces these, and so does the file."""
    derived(root, "a", f"SELECT CAST(1 AS {given_type}) AS n", f"{{name: n, type: {file_type}}}")
    assert faults(root) == []


def test_order_of_columns_does_not_matter(root):
    """Rows are stored by name."""
    derived(
        root, "a", "SELECT city, order_id FROM core.orders", "{name: order_id, type: INT64}; {name: city, type: STRING}"
    )
    assert faults(root) == []


def test_faults_of_a_file_and_beside_others_show_together(root):
    """A wrong owner does not hide a wrong column."""
    path = derived(root, "a", "SELECT order_id, nothing FROM core.orders WHERE created_at < @window_strat")
    path.write_text(path.read_text().replace("data@example.com", "data"))
    assert [fault.split(": ", 2)[2].split(" is ")[0] for fault in faults(root)] == [
        "'data'",
        "'@window_strat'",
        "'nothing'",
    ]


def test_references_name_a_column_that_exists(root):
    """Another table's column, of a type that can be equal."""
    checks = "[{references: %s}]"
    columns = "; ".join(
        f"{{name: {name}, type: {type_}, checks: {checks % other}}}"
        for name, type_, other in (
            ("order_id", "INT64", "core.orders.order_id"), ("city", "STRING", "core.order.city"),
            ("coupon", "STRING", "core.orders.coupn"), ("status", "STRING", "core.orders.order_id"),
        )
    )  # fmt: skip
    derived(root, "a", "SELECT order_id, city, coupon, status FROM core.orders", columns)
    assert faults(root) == [
        (
            "tables/derived/a.yaml:7: columns.city.checks.references: there is no table 'core.order'. "
            "Did you mean 'core.orders'?"
        ),
        (
            "tables/derived/a.yaml:8: columns.coupon.checks.references: core.orders has no column 'coupn'. "
            "Did you mean 'coupon'?"
        ),
        (
            "tables/derived/a.yaml:9: columns.status.checks.references: the column is STRING and core.orders.order_id is "
            "INT64: they can never be equal."
        ),
    ]


def test_hours_of_windows_without_an_end_are_counted_to_today(root):
    """What is known of the file from earlier times changes nothing of that."""
    text = (
        "description: A table.\nowner: data@example.com\nschedule: '5 * * * *'\n"
        "window: {size: 1 hour, start: 2025-01-01}\nstrategy: append\npartition: {column: at, by: hour}\n"
        "columns:\n  - {name: at, type: TIMESTAMP}\n"
        "sql: SELECT created_at AS at FROM core.orders WHERE created_at >= @window_start AND created_at < @window_end\n"
    )
    (root / "tables/derived").mkdir()
    (root / "tables/derived/a.yaml").write_text(text)
    last = datetime(2026, 2, 21, 16, 59, tzinfo=UTC)
    assert load_project(root, cache=root / "cache", now=last).faults == ()
    project = load_project(root, cache=root / "cache", now=last + timedelta(minutes=1))
    (message,) = map(str, project.faults)
    assert message == (
        "tables/derived/a.yaml:6: partition.by: from the window's start to today there are 10,001 hours, and BigQuery "
        "keeps 10,000 partitions in a table. Write day."
    )
    assert "derived.a" not in project.after
    by_day = text.replace("by: hour", "by: day")
    (root / "tables/derived/a.yaml").write_text(by_day)
    assert load_project(root, cache=root / "cache").faults == ()
    (root / "tables/derived/a.yaml").write_text(by_day.replace("2025-01-01", "1990-01-01"))
    (message,) = map(str, load_project(root, now=last).faults)
    assert message.endswith("there are 13,200 days, and BigQuery keeps 10,000 partitions in a table. Write month.")


def test_a_range_that_two_windows_share_is_a_fault(root):
    """Whole days in both ends of a range are a day twice in windows of days that nothing bounds again; hours read their day."""
    sql = "SELECT order_id\nFROM core.orders\nWHERE DATE(created_at) BETWEEN DATE(@window_start) AND DATE(@window_end)"
    within = f"SELECT order_id FROM ({sql.replace('order_id', 'order_id, created_at')}) WHERE created_at < @window_end"
    for name, size, query in (("days", "1 day", sql), ("hours", "1 hour", sql), ("within", "1 day", within)):
        path = derived(root, name, query)
        window = f"window: {{size: {size}, start: 2026-01-01}}\nstrategy: append\npartition: {{column: at, by: day}}"
        columns = "  - {name: order_id, type: INT64}\n  - {name: at, type: TIMESTAMP}"
        text = (
            path.read_text()
            .replace("strategy: replace", window)
            .replace(
                "SELECT order_id", f"SELECT order_id, {'@window_start' if name == 'hours' else 'created_at'} AS at"
            )
        )
        path.write_text(text.replace("  - {name: order_id, type: INT64}", columns))
    assert faults(root) == [
        (
            "tables/derived/days.yaml:13: sql: 'DATE(created_at) BETWEEN DATE(@window_start) AND DATE(@window_end)' includes its "
            "end, at which the next window begins: rows of that day would stand in both. "
            "Write DATE(created_at) >= DATE(@window_start) AND DATE(created_at) < DATE(@window_end)."
        )
    ]


def test_a_table_that_requires_a_filter_is_read_by_one(root):
    """A bound by the window or a constant will do, under any name; none, or one beside OR with another column, will not."""
    core = root / "tables/core/orders.yaml"
    text = re.sub(r"partition: \{(.*)\}", r"partition: {\1, require_filter: true}", core.read_text())
    core.write_text(re.sub(r"(?m)^checks:\n(  .*\n|\n)+", "", text))
    good = [
        "created_at >= '2026-01-01'",
        "created_at IS NOT NULL AND order_id = 1",
        "DATE(created_at) IN ('2026-01-01', '2026-01-02')",
        "created_at > '2026-01-01' OR created_at IS NULL",
        "DATE_TRUNC(DATE(created_at), MONTH) = '2026-01-01'",
        "TIMESTAMP_TRUNC(created_at, WEEK(MONDAY)) = '2026-01-05'",
        "DATE_DIFF(DATE '2026-01-05', DATE(created_at), DAY) < 7",
        "EXTRACT(YEAR FROM created_at) = 2026",
        "LAST_DAY(DATE(created_at), QUARTER) = '2026-03-31'",
        "NOT (created_at < '2026-01-01')",
    ]
    bad = [
        "order_id = 1",
        "created_at > '2026-01-01' OR order_id = 1",
        "TRUE",
        "DATE_DIFF(DATE(created_at), DATE(updated_at), DAY) < 7",
    ]
    for number, condition in enumerate(good):
        derived(root, f"good_{number}", f"SELECT order_id FROM core.orders WHERE {condition}")
    derived(
        root,
        "good_renamed",
        "SELECT n AS order_id FROM (SELECT order_id AS n, created_at AS c FROM core.orders) WHERE c > '2026-01-01'",
    )
    for number, condition in enumerate(bad):
        derived(root, f"bad_{number}", f"SELECT order_id\nFROM core.orders\nWHERE {condition}")
    found = [one for one in faults(root) if "require_filter" in one]
    assert [one.partition(": sql: ")[0] for one in found if "/bad_" in one] == [
        f"tables/derived/bad_{number}.yaml:9" for number in range(len(bad))
    ]
    assert not [one for one in found if "/good_" in one]
    assert "core.orders has `require_filter`, and nothing here bounds created_at, so BigQuery refuses" in found[-1]


def test_a_files_examination_costs_few_calls():
    """All that `check` does for a typical table, once it has done it for another; later Pythons count fewer calls."""
    folder = scan(REPOSITORY)
    files = {}
    for name, place in folder.places.items():
        files[name] = describe(place.file, place.dataset, place.name, content(place.path))
    faces = {name: face_of(file) for name, file in files.items()}
    place = folder.places["derived.revenue_by_item"]
    given, calls = content(place.path), Counter()

    def examined() -> None:
        forget()
        _, found = examine(describe(place.file, place.dataset, place.name, given), faces, folder)
        assert not found.faults

    examined()
    around = sys.getprofile()
    sys.setprofile(lambda _frame, event, _given: calls.update([event]))
    try:
        examined()
    finally:
        sys.setprofile(around)
    assert calls["call"] < MOST_CALLS
