"""Whatever stands where a table file is expected is that file's fault, within a second, and no other file's."""

import os
import socket
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.project.files import MOST_BYTES, scan
from flows.project.project import load_project
from flows.project.table_file import read_table
from tests.project.test_table_file import GOOD, JARGON, write

COLUMN = "type: STRING,  description: The item sold,            checks: [not_null]"
SQL = GOOD.index("  SELECT")
MOST_SECONDS = 2.0
"""A second, on a machine that does as much beside it."""


def timed(root: Path, path: Path) -> list[str]:
    """Return what is wrong with a file, read in no more of the processor's time than that."""
    started = time.process_time()
    found = [str(fault) for fault in read_table(root, path).faults]
    assert time.process_time() - started < MOST_SECONDS
    return found


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (os.mkfifo, "it is a pipe (FIFO), not a file of text."),
        (lambda path: path.symlink_to("/dev/zero"), "is a symbolic link, which is not followed. Put the file itself here."),
        (lambda path: path.symlink_to(path.name), "is a symbolic link"),
        (lambda path: path.symlink_to("nowhere"), "is a symbolic link"),
        (lambda path: path.mkdir(), "it is a folder, not a file of text."),
        (lambda path: socket.socket(socket.AF_UNIX).bind(str(path)), "cannot be read: "),
        (lambda path: os.truncate(os.open(path, os.O_CREAT | os.O_RDWR), 10**12), "is 1,000,000,000,000 bytes long."),
        (lambda path: path.touch(mode=0), "is empty." if os.geteuid() == 0 else "cannot be read: Permission denied."),
    ],
    ids=["fifo", "device", "circle", "nowhere", "folder", "socket", "huge", "closed"],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_what_is_no_regular_file_is_a_fault(tmp_path, monkeypatch, make, says):
    """Nothing is waited for, followed or read without a bound; the file beside it is read."""
    write(
        tmp_path, GOOD.replace("core.payments", "derived.good").replace("core.orders", "derived.good"), "derived/good"
    )
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "tables/derived/bad.yaml"
    make(path.relative_to(tmp_path))
    (fault,) = timed(tmp_path, path)
    assert fault.startswith("tables/derived/bad.yaml:1: ")
    assert says in fault
    if not path.is_dir():
        project = load_project(tmp_path)
        assert "derived.bad" in project.broken
        assert "derived.good" in project.tables


def test_linked_folders_and_names_of_any_bytes_are_told(tmp_path):
    """A name that is no text is shown as its bytes; folders that begin with a dot are no datasets."""
    write(tmp_path, GOOD)
    (tmp_path / "tables/.git").mkdir()
    (tmp_path / "tables/.git/x.yaml").write_text("x")
    (tmp_path / "tables/linked").symlink_to(tmp_path / "tables/derived")
    Path(os.fsdecode(bytes(tmp_path / "tables/derived") + b"/\xff.yaml")).write_text(GOOD)
    project = load_project(tmp_path)
    found = [str(fault).encode().decode() for fault in project.faults if "core." not in str(fault)]
    assert found == [
        (
            "tables/derived/\\xff.yaml:1: the file '\\xff' cannot name a table: rename it to letters, digits and _, "
            "such as 'xff'."
        ),
        "tables/linked:1: is a symbolic link, which is not followed. Put the folder itself here.",
    ]


def test_folders_that_differ_in_case_alone_are_one_dataset(tmp_path):
    """Whatever their tables are named; those of the folder that most of them stand in are good."""
    for name in ("derived/a", "Derived/b"):
        write(tmp_path, GOOD, name)
    assert set(scan(tmp_path).faults) == {"derived.a", "Derived.b"}
    write(tmp_path, GOOD, "derived/c")
    (name, (fault,)) = scan(tmp_path).faults.popitem()
    assert (name, fault.file) == ("Derived.b", "tables/Derived/b.yaml")
    assert fault.message.startswith("stands in tables/Derived, the same dataset as tables/derived: warehouses do not")


@pytest.mark.parametrize("pair", [("orders", "Orders"), ("k", "\u212a"), ("ss", "\u00df"), ("\u00e9", "\u00c9")])
def test_names_that_differ_in_case_alone_are_faults_of_both(tmp_path, pair):
    """A warehouse would give both one table, whose rows each would overwrite; a run of one is refused as well."""
    for name in pair:
        write(tmp_path, GOOD, f"derived/{name}")
    folder = scan(tmp_path)
    one, other = (f"derived.{name}" for name in pair)
    assert "is the same table as " + other in folder.faults[one][0].message
    assert "is the same table as " + one in folder.faults[other][0].message
    for name in (one, other):
        assert any("same table" in fault.message for fault in load_project(tmp_path, [name]).validate(name))


HOSTILE = {
    "number of 5 KB": (GOOD + f"x: 0x{'f' * 5_000}\n", "is not a number that exists"),
    "base 60": (GOOD + f"x: 1{':59' * 300_000}\n", "is not a number that exists"),
    "base 60 with a point": (GOOD + f"x: 1{':59' * 300_000}.5\n", "is not a number that exists"),
    "float of 900 KB": (GOOD + f"x: 1{'0' * 900_000}.5e+5\n", "is not a number that exists"),
    "great number": (GOOD.replace("01-01}", f"01-01, lookback: {'9' * 90}}}"), "is too large"),
    "no character": ('description: "\\U00110000"\n', "yaml:1: "),
    "half a character": (GOOD.replace("Day of the payment (UTC)", '"\\uD800"'), "yaml:9: "),
    "control character": (GOOD.replace("Day of the payment (UTC)", '"\\0"'), "control character (number 0)"),
    "aliases": ("a: &a [x]\nb: [" + "*a," * 300_000 + "]\n", "60,000 values"),
    "brackets": ("[" * 500_000, "20 deep"),
    "braces": ("a: {" * 100_000, "20 deep"),
    "list": ("- a\n" * 250_000, "60,000 values"),
    "many columns": (GOOD.replace("columns:\n", "columns:\n" + "  - {name: a, type: X}\n" * 15_000), "is not a type"),
    "many unknown names": (
        GOOD.replace("cluster: [item_id]", f"cluster: [{', '.join(f'itm_{i}' for i in range(10_000))}]").replace(
            "columns:\n", "columns:\n" + "".join(f"  - {{name: item_{i}, type: DATE}}\n" for i in range(5_000))
        ),
        "is not a column of this table",
    ),
    "long type": (GOOD.replace("type: STRING", f"type: {'STRUCT' * 100_000}"), "At most 100,000 are read"),
    "type of many fields": (
        GOOD.replace("type: STRING", 'type: "STRUCT<' + ",".join(f"a{i} INT64" for i in range(40_000)) + '>"'),
        "At most 100,000 are read",
    ),
    "long name": (GOOD.replace("name: item_id", f"name: {'a' * 900_000}"), "is not a column of this table"),
    "long schedule": (GOOD.replace("10 * * * *", "1," * 400_000 + "1 * * * *"), "characters. Cron has five fields"),
    "pattern of many repeats": (GOOD.replace(COLUMN, "type: STRING, checks: [{matches: 'a{1000}{1000}'}]"), "RE2"),
    "long pattern": (GOOD.replace(COLUMN, "type: STRING, checks: [{matches: '" + "a{500}" * 100_000 + "'}]"), "600,000"),
    "many checks": (GOOD + "checks:\n" + "  - sql: SELECT 1 AS a FROM derived.x\n" * 10_000, "10,000 checks"),
    "tabs": (GOOD + "\t x\n" * 200_000, "200000 such lines"),
    "documents": ("---\n" * 200_000, "divides the file into two documents"),
    "parentheses": (f"{GOOD[:SQL]}  SELECT {'(' * 10_000}1\n", "nests too deeply"),
    "types in types": (f"{GOOD[:SQL]}  SELECT CAST(NULL AS {'ARRAY<STRUCT<a ' * 3_000}INT64\n", "yaml:13: sql: "),
    "long sum": (f"{GOOD[:SQL]}  SELECT {'1+' * 400_000}1 AS a\n", "characters"),
    "long limit": (f"{GOOD[:SQL]}  SELECT 1 AS a LIMIT {'9' * 5_000}\n", "digits"),
    "no character in SQL": (f"{GOOD[:SQL]}  SELECT '\\U00110000' AS a, b'\\u1234' AS b\n", "yaml:13: sql: "),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_text_is_a_fault_within_a_second(tmp_path, case):
    """Neither the processor nor the memory nor the reader of messages is at the mercy of a file."""
    text, says = HOSTILE[case]
    found = timed(tmp_path, write(tmp_path, text))
    assert any(says in fault for fault in found), found[:3]
    assert all(len(fault) < 2_500 for fault in found)
    assert not any("Derived itself failed" in fault for fault in found), found[:3]


SOURCES = [GOOD.encode(), *(path.read_bytes() for path in sorted(Path("tables").rglob("*.yaml")))]
PIECES = [b"\xff", b"\0", b"\r", b"\x1b[2J", b"\xc2\x85", b"\xe2\x80\xa8", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xef\xbb\xbf",
          b"!!binary ", b"!!python/name:os.system ", b"&a ", b"*a", b"<<: ", b"? ", b"| ", b">-\n", b"---\n", b"%YAML 1.1\n",
          b"0x", b"1:59", b".inf", b".nan", b"1e999", b"9" * 30, b"2026-02-30", b"\\U00110000", b'"\\0"', b"[" * 30, b"(" * 60,
          b"'", b'"', b"`", b"--", b"/*", b"@x", b"$$", b";"]  # fmt: skip
BYTES = st.tuples(
    st.sampled_from(SOURCES),
    st.lists(
        st.tuples(st.floats(0, 1), st.integers(0, 40), st.sampled_from(PIECES) | st.binary(max_size=8)), max_size=8
    ),
)


@given(BYTES)
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_faults_or_a_table(tmp_path_factory, mutated):
    """Within a second, with no words of a library, and never as an error of Derived's own."""
    content, changes = mutated
    for place, length, new in changes:
        start = int(place * len(content))
        content = content[:start] + new + content[start + length :]
    root = tmp_path_factory.getbasetemp() / "fuzzed"
    path = write(root, content)
    found = timed(root, path)
    assert (read_table(root, path).values is None) == bool(found)
    for fault in found:
        assert not JARGON.search(fault), fault
        assert "Derived itself failed" not in fault
    assert load_project(root).broken.keys() <= {"derived.revenue_by_item"}


def test_a_file_may_be_as_long_as_the_bound(tmp_path):
    """A comment of a megabyte harms nobody."""
    assert timed(tmp_path, write(tmp_path, GOOD + "#" * (MOST_BYTES - len(GOOD.encode())))) == []


def test_an_error_of_our_own_is_the_fault_of_its_file_alone(tmp_path, monkeypatch):
    """It says what happened and where, and the other files are read as ever."""

    def fails(_document):
        raise KeyError("nosuch")

    write(tmp_path, GOOD)
    monkeypatch.setattr("flows.project.rules.RULES", (fails,))
    (fault,) = timed(tmp_path, tmp_path / "tables/derived/revenue_by_item.yaml")
    assert "Derived itself failed over this file" in fault
    assert "(KeyError: 'nosuch', flows/project/table_file.py:" in fault


ENDS = """
import os
from flows.project import table_file

describe = table_file.describe
table_file.describe = lambda file, *rest: os._exit(9) if file.endswith("bad.yaml") else describe(file, *rest)
"""


def test_a_process_that_is_lost_costs_its_file_alone(tmp_path, monkeypatch):
    """The other files of its batch are read again; the one that ends each process that reads it has a fault."""
    (tmp_path / "sitecustomize.py").write_text(ENDS)
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in (*(f"t{number}" for number in range(99)), "bad"):
        write(
            tmp_path,
            GOOD.split("sql:")[0] + "sql: SELECT DATE '2026-01-01' AS day, '' AS item_id, 1 AS revenue\n",
            f"d/{name}",
        )
    project = load_project(tmp_path)
    assert list(project.broken) == ["d.bad"]
    (fault,) = project.broken["d.bad"]
    assert "the process that read it ended" in fault.message
    assert len(project.tables) == 99
