"""A folder of tables and its graph: what shows only beside other files."""

import re
import shutil
from datetime import UTC, datetime, timedelta
from graphlib import TopologicalSorter
from pathlib import Path
from textwrap import indent

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.model.errors import TableFileError, UsageError
from flows.project.project import load_project
from tests.shop import REPOSITORY

NAMES = ["a", "b", "c", "d", "e"]


@pytest.fixture
def root(tmp_path) -> Path:
    """A project with the example core tables."""
    shutil.copytree(REPOSITORY / "tables/core", tmp_path / "tables/core")
    return tmp_path


def derived(root: Path, name: str, sql: str, columns: str = "{name: order_id, type: INT64}", more: str = "") -> Path:
    """Write a table that is replaced as a whole."""
    path = root / f"tables/derived/{name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = "".join(f"  - {column}\n" for column in columns.split("; "))
    text = "description: A table.\nowner: data@example.com\nschedule: '0 * * * *'\nstrategy: replace\n"
    path.write_text(f"{text}columns:\n{columns}{more}sql: |\n{indent(sql, '  ')}\n")
    return path


def faults(root: Path) -> list[str]:
    """Return all faults of a project as a person sees them."""
    return [str(fault) for fault in load_project(root).faults]


def only_fault(root: Path) -> str:
    """Return the fault of a project that has one."""
    (message,) = faults(root)
    return message


def test_examples_make_a_graph():
    """Each table comes after what it reads."""
    project = load_project(REPOSITORY)
    assert project.faults == ()
    order = list(TopologicalSorter(project.after).static_order())
    assert sorted(order) == list(project.tables)
    for name in order:
        for dependency in project.upstreams(name):
            assert order.index(dependency.table) < order.index(name)
    assert [item.table for item in project.upstreams("derived.revenue_by_item")] == ["core.orders", "core.payments"]
    assert project.upstreams("core.orders") == ()


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
        (
            "tables/derived/a.yaml:11: sql: the SQL gives a column 'number' that `columns` does not list. "
            "Add {name: number, type: STRING} to `columns`, or remove it from the SQL."
        ),
    ]


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


def test_a_circle_is_shown_as_a_path(root):
    """Every table on it says so on the line that closes it; tables beside it are still in order."""
    for name, upstream in (("a", "b"), ("b", "c"), ("c", "a"), ("d", "c"), ("e", "e")):
        derived(root, name, f"SELECT order_id\nFROM derived.{upstream}")
    derived(root, "f", "SELECT order_id FROM core.orders")
    circle = "Take one of these out of the circle."
    assert faults(root) == [
        f"tables/derived/a.yaml:9: sql: reads itself: derived.a -> derived.b -> derived.c -> derived.a. {circle}",
        f"tables/derived/b.yaml:9: sql: reads itself: derived.b -> derived.c -> derived.a -> derived.b. {circle}",
        f"tables/derived/c.yaml:9: sql: reads itself: derived.c -> derived.a -> derived.b -> derived.c. {circle}",
        f"tables/derived/e.yaml:9: sql: reads itself: derived.e -> derived.e. {circle}",
    ]
    assert load_project(root).after["derived.f"] == ("core.orders",)


def test_a_named_table_is_told_of_its_circle(root):
    """However long it is; what only leads into one is not on it, and words that lead back name no table by themselves."""
    for name, upstream in (("a", "b"), ("b", "c"), ("c", "a"), ("d", "c")):
        derived(root, name, f"SELECT order_id\nFROM derived.{upstream}")
    derived(root, "order_id", "SELECT order_id\nFROM derived.number")
    derived(
        root,
        "number",
        "SELECT order_id, 1 AS number\nFROM core.orders",
        "{name: order_id, type: INT64}; {name: number, type: INT64}",
    )
    path = derived(root, "x", "SELECT order_id\nFROM derived.y")
    derived(root, "y", "SELECT order_id\nFROM derived.x")
    text = path.with_name("y.yaml").read_text()
    path.with_name("y.yaml").write_text(text.split("sql:")[0] + 'sql: "SELECT order_id FROM derived.\\x78"\n')
    whole = load_project(root)
    for name in ("a", "b", "c", "d", "order_id", "number", "x", "y"):
        identity = f"derived.{name}"
        assert load_project(root, [identity]).validate(identity) == whole.validate(identity)
        assert bool(whole.validate(identity)) == (name in "abcxy")


def test_a_table_that_reads_itself_has_one_fault(root):
    """The columns that it looks for belong to the table that was meant."""
    derived(root, "a", "SELECT o.order_id\nFROM derived.a AS o\nWHERE o.created_at > '2026-01-01' AND o.city = 'x'")
    assert only_fault(root).startswith("tables/derived/a.yaml:9: sql: reads itself: derived.a -> derived.a.")


def test_one_bad_file_stops_no_other_table(root):
    """Only itself and, with one fault that points there, what reads it."""
    (root / "tables/derived").mkdir()
    (root / "tables/derived/bad.yaml").write_text("description: Bad\nowner: nobody\n")
    derived(root, "good", "SELECT order_id FROM core.orders")
    derived(root, "reader", "SELECT order_id, nothing\nFROM derived.bad JOIN core.orders USING (order_id)")
    derived(root, "far", "SELECT order_id FROM derived.reader")
    project = load_project(root)
    assert project.invalid == {"derived.bad", "derived.reader"}
    assert "derived.good" in project.after
    (fault,) = project.validate("derived.reader")
    assert str(fault) == (
        "tables/derived/reader.yaml:9: sql: reads derived.bad, whose own file has faults. "
        "Mend that first: tables/derived/bad.yaml:1."
    )
    with pytest.raises(TableFileError, match=r"bad\.yaml:2: owner: 'nobody'"):
        project.table("derived.bad")
    with pytest.raises(TableFileError, match="Mend that first"):
        project.upstreams("derived.reader")
    assert project.validate("derived.far") == ()


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


def test_a_check_is_a_query_over_its_own_table_and_others(root):
    """Its tables and columns exist; its fault names the check's line."""
    more = "checks:\n  - sql: |\n      SELECT a.order_id FROM derived.a AS a\n      JOIN core.orders AS o USING (order_id)\n"
    path = derived(root, "a", "SELECT order_id FROM core.orders", more=more)
    assert faults(root) == []
    path.write_text(path.read_text().replace("USING (order_id)", "ON o.order_id = a.id"))
    assert only_fault(root) == "tables/derived/a.yaml:10: checks.sql: 'id' is not a column of 'a'."


def test_what_stands_in_a_wrong_place_is_said(root):
    """Nothing under tables/ is left out silently."""
    derived(root, "a", "SELECT order_id FROM core.orders")
    tables = root / "tables"
    text = (tables / "derived/a.yaml").read_text()
    for place in ("a.yml", "b.yml", "C.YAML", ".hidden.yaml", "notes.md", "deep/er/x.yaml", "A.yaml"):
        (tables / "derived" / place).parent.mkdir(parents=True, exist_ok=True)
        (tables / "derived" / place).write_text(text)
    (tables / "loose.yaml").write_text(text)
    same = ": warehouses do not tell upper from lower case. Rename one of them."
    assert faults(root) == [
        f"tables/derived/A.yaml:1: is the same table as derived.a{same}",
        "tables/derived/C.YAML:1: ends in .YAML and is not read: rename it to C.yaml.",
        f"tables/derived/a.yaml:1: is the same table as derived.A{same}",
        "tables/derived/a.yml:1: ends in .yml and is not read: a.yaml stands beside it: remove one of them.",
        "tables/derived/b.yml:1: ends in .yml and is not read: rename it to b.yaml.",
        "tables/derived/deep:1: 'deep' is a folder below the dataset 'derived'. Move its files up: tables/derived/<name>.yaml.",
        "tables/loose.yaml:1: stands in no dataset. Move it into a folder: tables/<dataset>/<name>.yaml.",
    ]
    with pytest.raises(UsageError, match=r"Its file is b\.yml: rename it to b\.yaml"):
        load_project(root, ["derived.b"]).table("derived.b")


def test_a_name_that_is_none_has_a_suggestion(root):
    """Also where only some tables are loaded."""
    for project in (load_project(root), load_project(root, ["core.ordrs"])):
        with pytest.raises(UsageError, match=r"There is no table 'core.ordrs'. Did you mean 'core.orders'\?"):
            project.table("core.ordrs")
        with pytest.raises(UsageError, match=r"It would stand in tables/qqq/zzz\.yaml"):
            project.table("qqq.zzz")
    for name in ("", ".", "..", "a.b.c", "../x", "core/orders", "core.", "ordrs", "\0", "core.orders\n"):
        with pytest.raises(UsageError):
            load_project(root, [name]).table(name)


def test_no_folder_of_tables_is_said(tmp_path):
    """Nobody runs in the wrong folder and believes that all is well."""
    with pytest.raises(UsageError, match="There is no folder tables/ here"):
        load_project(tmp_path)


def test_named_tables_load_with_what_they_name_and_nothing_else(root):
    """Thousands of other files cost nothing, and their faults are theirs."""
    reference = "{name: user_id, type: INT64, checks: [{references: core.users.user_id}]}"
    derived(root, "a", "SELECT user_id FROM core.orders", reference)
    derived(root, "b", "SELECT user_id FROM derived.a", "{name: user_id, type: INT64}")
    (root / "tables/derived/bad.yaml").write_text("- \n")
    project = load_project(root, ["derived.a"])
    assert list(project.tables) == ["core.orders", "core.users", "derived.a"]
    assert project.faults == ()
    whole = load_project(root)
    assert project.upstreams("derived.a") == whole.upstreams("derived.a")
    assert list(load_project(root, ["derived.b"]).tables) == ["derived.a", "derived.b"]
    project.require_valid("derived.a")
    with pytest.raises(TableFileError):
        whole.require_valid("derived.bad")


@given(st.sets(st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)), max_size=8))
@settings(max_examples=40)
def test_tables_that_checks_name_come_first_where_that_makes_no_circle(tmp_path_factory, edges):
    """A check of a circle orders nothing; all others do."""
    root = tmp_path_factory.getbasetemp() / "checks"
    for name in NAMES:
        ups = sorted(up for down, up in edges if down == name)
        checks = ", ".join(f"{{references: derived.{up}.order_id}}" for up in ups)
        derived(root, name, "SELECT 'x' AS order_id", f"{{name: order_id, type: STRING, checks: [{checks}]}}")
    project = load_project(root)
    assert list(TopologicalSorter(project.after).static_order())
    reach = set(edges)
    for middle in NAMES:
        reach |= {(a, b) for a in NAMES for b in NAMES if (a, middle) in reach and (middle, b) in reach}
    for name in NAMES:
        if not any((name, other) in reach and (other, other) in reach for other in NAMES):
            ups = {f"derived.{up}" for down, up in edges if down == name}
            assert set(project.after[f"derived.{name}"]) == ups


EDGES = st.sets(st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)), max_size=8)


@given(EDGES)
@settings(max_examples=40, deadline=None)
def test_every_graph_is_ordered_or_has_its_circle_named(tmp_path_factory, edges):
    """A table has a fault if and only if it can reach itself; the others come after what they read."""
    root = tmp_path_factory.getbasetemp() / "graph"
    for name in NAMES:
        ups = sorted(up for down, up in edges if down == name)
        derived(
            root, name, " UNION ALL ".join(f"SELECT order_id FROM derived.{up}" for up in ups) or "SELECT 1 AS order_id"
        )
    reach = set(edges)
    for middle in NAMES:
        reach |= {(a, b) for a in NAMES for b in NAMES if (a, middle) in reach and (middle, b) in reach}
    project = load_project(root)
    assert project.invalid == {f"derived.{name}" for name in NAMES if (name, name) in reach}
    assert set(project.after) == set(project.tables) - project.invalid
    for name, ups in project.after.items():
        assert set(ups) == {f"derived.{up}" for down, up in edges if f"derived.{down}" == name}


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
    """Whole days in both ends of a range are a day twice in windows of days that nothing bounds again, not in hours."""
    sql = "SELECT order_id\nFROM core.orders\nWHERE DATE(created_at) BETWEEN DATE(@window_start) AND DATE(@window_end)"
    within = f"SELECT order_id FROM ({sql.replace('order_id', 'order_id, created_at')}) WHERE created_at < @window_end"
    for name, size, query in (("days", "1 day", sql), ("hours", "1 hour", sql), ("within", "1 day", within)):
        path = derived(root, name, query)
        window = f"window: {{size: {size}, start: 2026-01-01}}\nstrategy: append\npartition: {{column: at, by: day}}"
        columns = "  - {name: order_id, type: INT64}\n  - {name: at, type: TIMESTAMP}"
        text = (
            path.read_text()
            .replace("strategy: replace", window)
            .replace("SELECT order_id", "SELECT order_id, created_at AS at")
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
