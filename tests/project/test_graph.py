"""What tables read each other: an order, or a circle that is named."""

from graphlib import TopologicalSorter

from hypothesis import given, settings
from hypothesis import strategies as st

from flows.project.project import load_project
from tests.project.projects import derived, faults, only_fault
from tests.shop import REPOSITORY

NAMES = ["a", "b", "c", "d", "e"]


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
