"""A folder of tables: what is loaded, and that one bad file stops no other."""

import pytest

from flows.model.errors import TableFileError, UsageError
from flows.project.project import load_project
from tests.project.projects import derived, faults, only_fault


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
