"""The warehouse's file: whose it is, and what is said where there can be none."""

import errno
import os
import re
import subprocess
import sys
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Timer

import duckdb
import pytest

from flows.model.errors import SourceUnavailableError, WarehouseBusyError, WarehouseError
from flows.warehouses.duckdb.connection import transaction, translated
from flows.warehouses.duckdb.queue import Queue
from flows.warehouses.duckdb.warehouse import DuckDB
from tests.engine.builders import EVENTS, Rows, do, event, prepare, window

SPILL = """
import duckdb, pathlib, sys
from flows.warehouses.duckdb import connection
connection._FENCE["memory_limit"] = "40MB"
from flows.warehouses.duckdb.warehouse import DuckDB
path = pathlib.Path(sys.argv[1])
warehouse = DuckDB(path)
warehouse.session.execute("CREATE TABLE t AS SELECT 1 AS a")
cursor = warehouse.session.cursor()
sorted_ = cursor.execute("SELECT md5(i::VARCHAR) AS m FROM range(2000000) AS r(i) ORDER BY m").fetchone()
for found in [path.parent, *path.parent.rglob("*")]:
    print(oct(found.stat().st_mode & 0o777), found.relative_to(path.parent), found.is_dir())
"""


@contextmanager
def umask(rights):
    """Let the process give these rights away."""
    before = os.umask(rights)
    try:
        yield
    finally:
        os.umask(before)


def test_all_files_are_their_owners_alone(tmp_path):
    """The folder is 0700; the file, its log and what is spilled are 0600 from the first moment, whatever the umask."""
    path = tmp_path / "a" / ".derived" / "warehouse.duckdb"
    done = subprocess.run(
        [sys.executable, "-c", SPILL, str(path)], capture_output=True, text=True, check=True, umask=0o002
    )
    found = [line.split(" ") for line in done.stdout.splitlines()]
    assert {name.partition("/")[0] for _, name, _ in found} == {
        ".",
        "warehouse.duckdb",
        "warehouse.duckdb.wal",
        "warehouse.duckdb.tmp",
        "warehouse.duckdb.working",
    }
    assert len(found) > 4  # something was spilled
    assert {(rights, is_folder) for rights, _, is_folder in found} == {("0o700", "True"), ("0o600", "False")}


def test_a_file_that_others_could_read_is_closed_to_them(tmp_path):
    """One of an earlier version; its folder, which may be shared, stays as it is."""
    path = tmp_path / "shared" / "warehouse.duckdb"
    with umask(0o022):
        path.parent.mkdir()
        duckdb.connect(str(path)).close()
        with closing(DuckDB(path)):
            assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent.stat().st_mode & 0o777 == 0o755


def _below_a_file(folder: Path) -> Path:
    (folder / "file").write_text("")
    return folder / "file" / "home"


def _a_file(folder: Path) -> Path:
    (folder / "file").write_text("")
    return folder / "file"


def _a_folder_in_its_place(folder: Path) -> Path:
    (folder / "warehouse.duckdb").mkdir()
    return folder


def _no_warehouse(folder: Path) -> Path:
    (folder / "warehouse.duckdb").write_text("something else")
    return folder


def _not_on_disk(_: Path) -> Path:
    return Path("/proc/derived")


def _a_dangling_link(folder: Path) -> Path:
    (folder / "home").symlink_to(folder / "nowhere" / "else")
    return folder / "home"


def _too_long(folder: Path) -> Path:
    return folder / ("x" * 300)


@pytest.mark.parametrize(
    "home",
    [_below_a_file, _a_file, _a_folder_in_its_place, _no_warehouse, _not_on_disk, _a_dangling_link, _too_long],
)
def test_a_home_that_cannot_be_made_is_named(tmp_path, home):
    """With what to do, and no traceback."""
    path = home(tmp_path) / "warehouse.duckdb"
    with pytest.raises(WarehouseError, match="Set DERIVED_HOME to a folder") as caught:
        DuckDB(path)
    assert str(path) in str(caught.value)
    assert not re.search(r"[!?.]\.", str(caught.value))


def test_a_command_says_so_without_a_traceback(tmp_path):
    """And ends with 1."""
    home = _below_a_file(tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "flows.derive", "derived.revenue_by_item"],
        env={**os.environ, "DERIVED_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert "Set DERIVED_HOME to a folder" in done.stderr


def test_another_process_is_waited_for(tmp_path, monkeypatch):
    """And named, once; after the patience it is an error that may pass. Who gave the file away waits without end."""
    monkeypatch.setattr("flows.warehouses.duckdb.warehouse.SILENCE", 0.1)
    path = tmp_path / "warehouse.duckdb"
    code = "import duckdb, sys; held = duckdb.connect(sys.argv[1]); print('ready', flush=True); sys.stdin.read()"
    told, giver = [], []
    with closing(DuckDB(path, report=giver.append)) as warehouse:
        warehouse.release()
        holder = subprocess.Popen([sys.executable, "-c", code, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            assert holder.stdout.readline() == b"ready\n"
            with pytest.raises(WarehouseBusyError, match=str(holder.pid)):
                DuckDB(path, patience=0.3, report=told.append)
            Timer(0.5, holder.stdin.close).start()
            assert warehouse.query("SELECT 1 AS a", {}) == [{"a": 1}]
        finally:
            holder.kill()
            holder.wait()
            holder.stdout.close()
    assert told == [f"process {holder.pid} holds the warehouse {path}; waiting up to 0 seconds for it"]
    assert giver == [f"process {holder.pid} holds the warehouse {path}; waiting for it"]


WORKS = """
import pathlib, sys
from flows.warehouses.duckdb.warehouse import DuckDB
held = DuckDB(pathlib.Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.read()
"""


def test_who_works_on_the_file_is_waited_for_as_long_as_it_does(tmp_path):
    """Longer than the patience that others get; who waits is told since when it does."""
    path, told = tmp_path / "warehouse.duckdb", []
    with subprocess.Popen([sys.executable, "-c", WORKS, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"ready\n"
        Timer(0.5, holder.kill).start()
        with closing(DuckDB(path, patience=0.1, report=told.append)) as warehouse:
            assert warehouse.query("SELECT 1 AS a", {}) == [{"a": 1}]
    (line,) = told
    since = re.fullmatch(
        rf"process {holder.pid} has worked since (.+) UTC on the warehouse {path}; waiting for it", line
    )
    assert abs(datetime.fromisoformat(f"{since[1]}Z") - datetime.now(UTC)) < timedelta(minutes=1)


def test_where_there_are_no_locks_nobody_waits(tmp_path, monkeypatch):
    """What a window has committed has not failed on a filesystem that has none."""

    def unlocked(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", unlocked)
    monkeypatch.setattr("flows.warehouses.duckdb.warehouse.AT_LEAST", 0)
    path = tmp_path / "warehouse.duckdb"
    with closing(DuckDB(path)) as warehouse, Queue(path).joined():
        assert do(warehouse, EVENTS, window(0), Rows([event(1, 0)])).rows == 1
        assert warehouse.lendings == 0


def test_a_transaction_leaves_no_trace_without_its_commit(tmp_path):
    """Whether it ends well or not, the connection can begin another."""
    with closing(duckdb.connect(str(tmp_path / "x.duckdb"))) as connection:
        connection.execute("CREATE TABLE t (a INTEGER)")
        with transaction(connection):
            connection.execute("INSERT INTO t VALUES (1)")
        with pytest.raises(duckdb.Error), transaction(connection):
            connection.execute("INSERT INTO t VALUES (2), ('x')")
        with transaction(connection) as work:
            connection.execute("INSERT INTO t VALUES (3)")
            work.commit()
        assert connection.execute("FROM t").fetchall() == [(3,)]


def test_what_the_demo_leaves_is_its_owners_alone(finished_shop):
    """All that stands in the project's folder of Derived: warehouse, exports and what is kept of the files."""
    found = [finished_shop.root / ".derived", *(finished_shop.root / ".derived").rglob("*")]
    assert {(oct(path.stat().st_mode & 0o777), path.is_dir()) for path in found} == {("0o700", True), ("0o600", False)}


def test_one_process_may_open_the_file_twice(tmp_path):
    """The fence that stands already is not put up again."""
    path = tmp_path / "warehouse.duckdb"
    with closing(DuckDB(path)) as one, closing(DuckDB(path)) as two:
        assert one.query("SELECT 1 AS x", {}) == two.query("SELECT 1 AS x", {}) == [{"x": 1}]


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELECT unhex('a' || repeat('ä', 300))", "hex digit"),
        ("SELECT CAST('{a' || repeat('ä', 300) AS JSON)", "Malformed JSON"),
        ("SELECT timezone(zone, TIMESTAMP '2026-01-01') FROM (VALUES ('Nö/where')) AS r(zone)", "is not a time zone"),
    ],
)
def test_what_the_engine_says_is_told_whole(warehouse, sql, said):
    """Also where it cuts a text within a character, which Python cannot read."""
    with pytest.raises(WarehouseError, match=said), translated("core.x"):
        warehouse.session.execute(sql).fetchall()


OTHER = "import duckdb, sys; duckdb.connect(sys.argv[1]).execute('CREATE TABLE other AS SELECT 1 AS a')"


def test_a_window_that_is_tried_again_lets_others_have_the_file_meanwhile(tmp_path):
    """After a fault that may pass the file is another process's; the next try asks for it again."""

    class Busy(Rows):
        def read(self, subject, span):
            if self.rows:
                return super().read(subject, span)
            raise SourceUnavailableError("busy")

    path = tmp_path / "warehouse.duckdb"
    with closing(DuckDB(path)) as warehouse:
        with pytest.raises(SourceUnavailableError):
            do(warehouse, EVENTS, window(0), Busy([]))
        subprocess.run([sys.executable, "-c", OTHER, str(path)], check=True)
        assert do(warehouse, EVENTS, window(0), Busy([event(1, 0)])).rows == 1
        assert warehouse.query("SELECT a FROM other", {}) == [{"a": 1}]


def test_a_file_that_is_worked_on_is_not_let_go(tmp_path):
    """Tables of one run are worked on side by side, and one of them may wait."""
    with closing(DuckDB(tmp_path / "warehouse.duckdb")) as warehouse:
        prepare(warehouse, EVENTS)
        with warehouse.stage(
            EVENTS, window(0), (rows.rows for rows in Rows([event(1, 0)]).read(EVENTS, window(0)))
        ) as staged:
            warehouse.release()
            assert staged.rows == 1
