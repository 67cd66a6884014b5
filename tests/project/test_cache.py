"""What files gave is kept by their content: the same faults, order and edges, whatever is known already."""

import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.project.cache import opened, version
from flows.project.project import load_project
from tests.prefect_api import clean_environment
from tests.project.projects import derived
from tests.shop import REPOSITORY


@pytest.fixture
def root(tmp_path) -> Path:
    """A project with good tables, bad ones, a circle, one that reads a broken one, and one with a bound in vain."""
    shutil.copytree(REPOSITORY / "tables", tmp_path / "tables")
    item = (tmp_path / "tables/derived/revenue_by_item.yaml").read_text()
    in_vain = item.replace("AND p.captured_at < @window_end", "AND GREATEST(p.captured_at, @window_end) = @window_end")
    (tmp_path / "tables/derived/in_vain.yaml").write_text(in_vain)
    for name, upstream in (
        ("a", "b"),
        ("b", "a"),
        ("c", "a"),
        ("d", "missing"),
        ("e", "top_items"),
        ("f", "broken"),
        ("g", "half"),
    ):
        derived(tmp_path, name, f"SELECT item_id FROM derived.{upstream}", "{name: item_id, type: STRING}")
    (tmp_path / "tables/derived/broken.yaml").write_text("owner: x\n")
    derived(tmp_path, "half", "SELECT item_id FROM WHERE", "{name: item_id, type: STRING}")
    return tmp_path


def seen(root: Path, cache: Path | None, names: list[str] | None = None) -> list[object]:
    """Return all that a project says of itself."""
    project = load_project(root, names, cache=cache)
    good = sorted(project.tables.keys() - project.invalid)
    return [
        project.faults,
        project.after,
        [(name, project.tables[name]) for name in project.tables],
        [(name, project.upstreams(name), project.schema(name)) for name in good if names is None],
        {name: told for name in good if names is None and (told := project.odd(name))},
    ]  # fmt: skip


def test_what_is_known_is_the_same_as_what_is_read(root):
    """With nothing kept, with all kept, and of a few tables."""
    fresh = seen(root, None)
    assert len(fresh[0]) > 4
    assert list(fresh[-1]) == ["derived.in_vain"]
    for _ in range(2):
        assert seen(root, root / "cache") == fresh
    assert seen(root, root / "cache", ["derived.e"]) == seen(root, None, ["derived.e"])


EDITS = [
    ("derived/e.yaml", "item_id FROM", "item_id, 1 AS more FROM"),
    ("derived/top_items.yaml", "item_id", "thing_id"),
    ("derived/half.yaml", "FROM WHERE", "FROM derived.top_items"),
    ("derived/b.yaml", "FROM derived.a", "FROM derived.top_items"),
    ("core/orders.yaml", "name: user_id,    type: INT64", "name: user_id,    type: STRING"),
    ("core/orders.yaml", "partition: {column: created_at, by: day}\n", ""),
    ("derived/broken.yaml", "owner: x\n", "owner: x\n\n"),
    ("core/users.yaml", "owner: ", "owner: not an address, "),
    ("derived/missing.yaml", "", "owner: x\n"),
    ("derived/e.yaml", None, ""),
]


FRESH = {}
"""What projects say of themselves with nothing kept, by the texts of their files."""


@given(st.lists(st.sampled_from(EDITS), min_size=1, max_size=4))
@settings(max_examples=25, deadline=None)
def test_a_change_is_seen_by_all_who_read_it(tmp_path_factory, edits):
    """A file's faults follow its own content, and the types, the partition and the faults of those that it names."""
    root = tmp_path_factory.mktemp("edited")
    shutil.copytree(REPOSITORY / "tables", root / "tables")
    derived(root, "e", "SELECT item_id FROM derived.top_items", "{name: item_id, type: STRING}")
    derived(root, "g", "SELECT item_id FROM derived.half", "{name: item_id, type: STRING}")
    derived(root, "half", "SELECT item_id FROM WHERE", "{name: item_id, type: STRING}")
    derived(root, "b", "SELECT item_id FROM derived.a", "{name: item_id, type: STRING}")
    seen(root, root / "cache")
    for file, old, new in edits:
        path = root / "tables" / file
        if old is None:
            path.unlink(missing_ok=True)
        else:
            path.write_text((path.read_text() if path.exists() else "").replace(old, new, 1) or new)
        texts = tuple(sorted((one.relative_to(root), one.read_bytes()) for one in (root / "tables").rglob("*.yaml")))
        if texts not in FRESH:
            FRESH[texts] = seen(root, None)
        assert seen(root, root / "cache") == FRESH[texts]


def test_it_is_for_its_owner_alone(root):
    """Nobody else can read it or change it, and no other version finds it."""
    old = root / "home/cache/0123.sqlite"
    old.parent.mkdir(parents=True)
    old.write_text("of another version")
    seen(root, root / "home/cache")
    (file,) = (root / "home/cache").iterdir()
    assert file.name == f"{version()}.sqlite"
    assert file.stat().st_mode & 0o777 == 0o600
    seen(root, root / "new/cache")
    assert (root / "new/cache").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("content", [b"", b"no database", b"SQLite format 3\0" + b"x" * 5_000])
def test_a_damaged_one_is_made_anew(root, content):
    """It holds nothing that cannot be found again."""
    fresh = seen(root, root / "cache")
    path = root / "cache" / f"{version()}.sqlite"
    path.write_bytes(content)
    assert seen(root, root / "cache") == fresh
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT COUNT(*) FROM files").fetchone()[0] > 4


def test_rows_that_nobody_can_read_are_as_none(root):
    """What another program wrote into it is no table's."""
    fresh = seen(root, root / "cache")
    with sqlite3.connect(root / "cache" / f"{version()}.sqlite") as connection:
        connection.execute("UPDATE files SET given = '[1, 2]' WHERE identity LIKE 'core.%'")
        connection.execute("UPDATE files SET given = '{', table_values = NULL WHERE identity LIKE 'derived.e%'")
        connection.execute("UPDATE findings SET given = 'null'")
    connection.close()
    assert seen(root, root / "cache") == fresh


def test_a_folder_that_cannot_be_written_changes_nothing(root):
    """A file in the folder's place, or another process that writes all the time."""
    (root / "file").write_text("")
    fresh = seen(root, None)
    assert seen(root, root / "file/cache") == fresh
    with opened(root / "cache"):
        connection = sqlite3.connect(root / "cache" / f"{version()}.sqlite", isolation_level=None)
        connection.execute("BEGIN EXCLUSIVE")
        assert seen(root, root / "cache") == fresh
        connection.close()


def test_processes_share_it(root):
    """Several at once, each with the same answer; what is emptied meanwhile is read again."""
    command = [sys.executable, "-m", "flows.check"]
    environment = clean_environment(HOME=str(root), PYTHONPATH=str(REPOSITORY))
    running = [
        subprocess.Popen(command, cwd=root, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    answers = [one.communicate() for one in running]
    assert {error for _, error in answers} == {""}
    assert len({answer for answer, _ in answers}) == 1
    project = load_project(root, cache=root / ".derived/cache")
    shutil.rmtree(root / ".derived/cache")
    assert project.tables["core.orders"].identity == "core.orders"


def test_many_files_are_read_by_several_processes(tmp_path):
    """The same as one by one, and none is left when the project is read."""
    shutil.copytree(REPOSITORY / "tables", tmp_path / "tables")
    for number in range(100):
        upstream = "core.orders" if number < 2 else f"derived.t{number - 2}"
        wrong = ", 1 AS wrong" if number % 10 == 3 else ""
        derived(tmp_path, f"t{number}", f"SELECT order_id{wrong} FROM {upstream}{' WHERE' * (number == 50)}")
    names = sorted(path.stem for path in (tmp_path / "tables/derived").iterdir())
    whole = load_project(tmp_path)
    for name in (f"derived.{one}" for one in names):
        assert whole.validate(name) == load_project(tmp_path, [name]).validate(name)
    assert {name for name in whole.invalid if "t5" in name} == {"derived.t50", "derived.t52", "derived.t53"}
    mine = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children")
    children = mine.read_text().split() if mine.exists() else []
    assert not any("flows.project.workers" in Path(f"/proc/{child}/cmdline").read_text() for child in children)
