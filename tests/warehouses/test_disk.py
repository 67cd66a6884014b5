"""A disk that takes no more, and files that are no warehouse: what is said, and that nothing is lost."""

from __future__ import annotations

import hashlib
import resource
import sqlite3
from contextlib import contextmanager

import duckdb
import pytest

from flows.commands.progress import Quiet
from flows.engine.request import Request
from flows.model.errors import WarehouseError
from flows.warehouses.duckdb.warehouse import DuckDB
from flows.wiring import run_alone

FILE = """\
description: Things.
owner: shop@example.com
schedule: "5 * * * *"
window: {size: 1 day, start: 2026-01-01, end: 2026-01-03}
source: {kind: files, path: things.csv, cursor: at}
strategy: merge
key: [id]
columns: [{name: id, type: INT64}, {name: v, type: STRING}, {name: at, type: TIMESTAMP}]
"""


@contextmanager
def full_beyond(size):
    """Let no file of this process grow further than that."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project of one core table whose rows no compression makes small."""
    (tmp_path / "tables/core").mkdir(parents=True)
    (tmp_path / "tables/core/things.yaml").write_text(FILE)
    lines = (
        f"{n},{hashlib.shake_128(str(n).encode()).hexdigest(400)},2026-01-0{1 + n % 2} 00:00:00" for n in range(6000)
    )
    (tmp_path / "things.csv").write_text("\n".join(["id,v,at", *lines]))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ingest():
    """Copy things; return why windows failed."""
    outcome = run_alone("ingest", Request("core.things"), Quiet())
    return [str(failure.error) for failure in outcome.failures]


def test_a_commit_for_which_there_is_no_room(project):
    """Says where the disk is full and what is free, and leaves a file that goes on once there is room."""
    with full_beyond(2 * 10**6):
        [said] = ingest()
    folder = project / ".derived"
    assert said.startswith("core.things 2026-01-01..2026-01-03: the disk of the warehouse is full: File too large; ")
    assert f" MB are free in {folder}. What was being written is not there, and what was committed before is." in said
    assert ingest() == []
    with duckdb.connect(str(folder / "warehouse.duckdb"), read_only=True) as session:
        assert session.execute("SELECT count(*), count(DISTINCT v) FROM core.things").fetchall() == [(6000, 6000)]


def test_a_stage_for_which_there_is_no_room(project, monkeypatch):
    """Is named, and the window is not taken for one with bad rows."""
    monkeypatch.setenv("DERIVED_STAGE", str(project / "stage"))
    with full_beyond(2 * 10**6):
        [said] = ingest()
    assert said.startswith(f"The stage {project}/stage cannot be used: {project}/stage")
    assert said.endswith("File too large. Make room there, or set DERIVED_STAGE to a folder in which you may write.")
    assert ingest() == []


def _newer(path):
    duckdb.connect(str(path)).close()
    content = bytearray(path.read_bytes())
    content[12:20] = (2000).to_bytes(8, "little")
    checksum = 5381
    for place in range(8, 4096, 8):
        checksum ^= int.from_bytes(content[place : place + 8], "little") * 0xBF58476D1CE4E5B9 % 2**64
    content[:8] = checksum.to_bytes(8, "little")
    path.write_bytes(content)


def _damaged(path):
    duckdb.connect(str(path)).close()
    content = bytearray(path.read_bytes())
    content[100] ^= 0xFF
    path.write_bytes(content)


def _cut(path):
    duckdb.connect(str(path)).close()
    path.write_bytes(path.read_bytes()[:5000])


def _sqlite(path):
    with sqlite3.connect(path) as session:
        session.execute("CREATE TABLE things (id INT)")
    session.close()


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (
            _newer,
            f"a newer version of DuckDB than this one, {duckdb.__version__}, has written it. Install that one here.",
        ),
        (_damaged, "Put a copy of it in its place; or move it away, and the next runs make all tables anew."),
        (_cut, "Put a copy of it in its place; or move it away, and the next runs make all tables anew."),
        (
            _sqlite,
            "it is no database of DuckDB. Set DERIVED_HOME to a folder in which you may write. Or move that file",
        ),
        (lambda path: path.touch(), "it is no database of DuckDB."),
    ],
)
def test_a_file_that_cannot_be_opened(tmp_path, make, said):
    """Stays as it is; the message says what it is and what to do."""
    path = tmp_path / "warehouse.duckdb"
    make(path)
    before = path.read_bytes()
    with pytest.raises(WarehouseError) as caught:
        DuckDB(path)
    assert str(caught.value).startswith(f"The warehouse {path} cannot be opened: ")
    assert said in str(caught.value)
    assert path.read_bytes() == before
