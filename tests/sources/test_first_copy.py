"""The first copy of a large MySQL table: several commits, and a run that is cut off goes on where it was."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress
from datetime import timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flows.commands.progress import Quiet
from flows.engine import first_copy
from flows.engine.request import Request
from flows.model.window import utc
from flows.report.warning_text import warning_lines
from flows.sources.mysql import statements, wire
from flows.wiring import run_alone

START = utc("2026-01-01")
ROWS = 12_000
FILE = """\
description: Things.
owner: shop@example.com
schedule: "5 * * * *"
window: {{size: 1 day, start: 2026-01-01, end: {end}}}
source: {{kind: mysql, connection: shop, table: things, cursor: at, max_bad_rows: 5}}
strategy: merge
key: [{key}]
partition: {{column: made_at, by: day}}
columns:
{columns}  - {{name: v, type: STRING}}
  - {{name: n, type: INT64}}
  - {{name: made_at, type: TIMESTAMP}}
  - {{name: at, type: TIMESTAMP, checks: [not_null]}}
"""
DERIVED = """\
description: Things by day.
owner: shop@example.com
schedule: "5 * * * *"
window: {size: 1 day, start: 2026-01-01, end: 2026-01-21}
strategy: append
partition: {column: day, by: day}
columns: [{name: day, type: DATE}, {name: n, type: INT64}]
sql: |
  SELECT DATE(made_at) AS day, COUNT(*) AS n FROM core.things
  WHERE made_at >= @window_start AND made_at < @window_end GROUP BY 1
"""
SMALL = """
import os, runpy, signal, sys
from flows.engine import first_copy
from flows.sources.mysql import statements, wire
first_copy.PART_ROWS, wire.BATCH_BYTES, statements.SPLIT_ROWS = 2_000, 160_000, int(sys.argv[1])
left, published = int(sys.argv[2]), first_copy.FirstCopy.published
def counted(self, entry):
    global left
    published(self, entry)
    left -= 1
    if left == 0 and entry.kind == "part":
        os.kill(os.getpid(), signal.SIGKILL)
first_copy.FirstCopy.published = counted
sys.argv[:] = ["ingest", *sys.argv[3:]]
runpy.run_module("flows.ingest", run_name="__main__")
"""
"""`flows.ingest` with small parts, which kills itself behind one of them; and the rows from which on it reads ranges."""
KEYS = {
    "integer": ("id BIGINT", "id", {"id": "INT64"}, lambda n: (n * 7,)),
    "text": ("name VARCHAR(30)", "name", {"name": "STRING"}, lambda n: (f"é{n * 7919 % ROWS}'\\ z",)),
    "several": (
        "shop BINARY(2), day DATETIME(6), id INT UNSIGNED",
        "shop, day, id",
        {"shop": "BYTES", "day": "DATETIME", "id": "INT64"},
        lambda n: (bytes([n % 5, 0x27]), START.replace(tzinfo=None) + timedelta(days=n % 7), 4_000_000_000 + n),
    ),
}


class Things:
    """A table of things at the source, and its copy."""

    def __init__(self, mirror, kind):
        self.mirror = mirror
        columns, self.key, self.types, self.key_of = KEYS[kind]
        mirror.execute(
            f"CREATE TABLE things ({columns}, v TEXT, n INT, made_at DATETIME(6), at DATETIME(6),"
            f" PRIMARY KEY ({self.key}), KEY (at)) CHARACTER SET utf8mb4"
        )
        self.names = [*self.types, "v", "n", "made_at", "at"]
        self.put(range(ROWS), day=0)
        mirror.execute("ANALYZE TABLE things")

    def put(self, numbers, day, v="first"):
        """Write things that change on that day or in the nine after it."""
        with self.mirror.server.connect(self.mirror.database) as session, session.cursor() as cursor:
            moment = START.replace(tzinfo=None)
            cursor.executemany(
                f"INSERT INTO things ({', '.join(self.names)}) VALUES ({', '.join(['%s'] * len(self.names))})"
                " ON DUPLICATE KEY UPDATE v = VALUES(v), at = VALUES(at)",
                [
                    (
                        *self.key_of(n),
                        f"{v} {n} {'x' * 80}",
                        n,
                        moment + timedelta(days=n % 10),
                        moment + timedelta(days=day + n % 10),
                    )
                    for n in numbers
                ],
            )

    def write_file(self, end):
        """Write the table's file, whose windows end there."""
        columns = "".join(f"  - {{name: {name}, type: {type_}}}\n" for name, type_ in self.types.items())
        self.mirror.write("things", FILE.format(end=end, key=self.key, columns=columns))

    def ingest(self, kill_after=0, split=10**9, code=0):
        """Run `flows.ingest` with small parts."""
        done = subprocess.run(
            [sys.executable, "-c", SMALL, str(split), str(kill_after), "core.things"],
            cwd=self.mirror.root,
            env=self.mirror.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done

    def entries(self):
        """Return the kinds, rows and runs of the ledger."""
        return self.mirror.rows(
            "SELECT kind, \"rows\", run_id FROM platform.ledger WHERE table_name = 'core.things' ORDER BY version"
        )

    def same(self):
        """Say whether the copy holds what the source does."""
        moment = "strftime(\"{}\"::TIMESTAMP, '%Y-%m-%d %H:%M:%S.%f')"
        shown = [
            {"made_at": moment.format("made_at"), "at": moment.format("at")}.get(name, name) for name in self.names
        ]
        copied = self.mirror.rows(f"SELECT {', '.join(shown)} FROM core.things")
        moments = [
            f"DATE_FORMAT({name}, '%%Y-%%m-%%d %%H:%%i:%%s.%%f')" if name in {"made_at", "at"} else name
            for name in self.names
        ]
        there = self.mirror.execute(f"SELECT {', '.join(moments).replace('%%', '%')} FROM things")
        return sorted(map(repr, copied)) == sorted(map(repr, there))


def read_at_source(mirror, run):
    """Return how many rows the server read in the order of an index while a run went."""

    def count():
        return int(mirror.execute("SHOW GLOBAL STATUS LIKE 'Handler_read_next'")[0][1])

    before = count()
    run()
    return count() - before


@pytest.mark.parametrize(
    ("kind", "split"), [("integer", 10**9), ("integer", 1_000), ("text", 1_000), ("several", 1_000)]
)
def test_a_copy_that_is_killed_goes_on(mirror, kind, split):
    """Whatever the key: parts that are committed are not read again, what changed meanwhile comes with later windows."""
    things = Things(mirror, kind)
    things.write_file("2026-01-11")
    things.ingest(kill_after=2, split=split, code=-signal.SIGKILL)
    assert [entry[0] for entry in things.entries()] == ["part", "part"]
    copied = mirror.rows("SELECT count(*) FROM core.things")[0][0]
    assert copied == sum(entry[1] for entry in things.entries()) < ROWS
    things.put(range(0, ROWS, 3), day=10, v="changed")
    things.put(range(ROWS, ROWS + 50), day=10)
    things.ingest(kill_after=1, split=split, code=-signal.SIGKILL)
    things.put(range(0, ROWS, 5), day=11, v="again")
    left = ROWS - mirror.rows("SELECT count(*) FROM core.things")[0][0]
    # Those after the table's end are counted by the cursor's index.
    [(outside,)] = mirror.execute("SELECT COUNT(*) FROM things WHERE at >= '2026-01-11'")
    read = read_at_source(mirror, lambda: things.ingest(split=split))
    assert read < left + outside + 1_500
    kinds = [entry[0] for entry in things.entries()]
    assert kinds.count("commit") == 1
    assert kinds[-1] == "commit"
    assert things.entries()[-1][1] == mirror.rows("SELECT count(*) FROM core.things")[0][0]
    things.write_file("2026-01-22")
    things.ingest()
    assert things.same()


@contextmanager
def in_this_process(mirror):
    """Let runs of this process be those of the project, with parts of forty rows."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(mirror.root)
        patch.setenv("DERIVED_CONNECTION_SHOP", mirror.url)
        patch.setattr(first_copy, "PART_ROWS", 40)
        patch.setattr(wire, "BATCH_BYTES", 80_000)
        yield patch


def run(table):
    """Bring a table up to date."""
    return run_alone("derive" if table.startswith("derived") else "ingest", Request(table), Quiet())


def run_and_stop(table):
    """Do the same, but stop behind the first part."""
    published = first_copy.FirstCopy.published

    def stopped(self, entry):
        published(self, entry)
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch, suppress(KeyboardInterrupt):
        patch.setattr(first_copy.FirstCopy, "published", stopped)
        run(table)


def fill(mirror, rows):
    """Write so many things, of which every fourth has a zero date."""
    mirror.execute(
        "CREATE TABLE things (id INT PRIMARY KEY, v TEXT, n INT, made_at DATETIME, at DATETIME, zero DATETIME, KEY (at))",
        f"INSERT INTO things SELECT seq, '{'x' * 2_000}', seq, '2026-01-01' + INTERVAL seq % 9 DAY,"
        f" '2026-01-01' + INTERVAL seq % 10 DAY, IF(seq % 4, '2026-01-01', 0) FROM seq_1_to_{rows}",
        "ANALYZE TABLE things",
    )


def test_a_definition_that_changes_between_parts(mirror):
    """The copy begins again, so that no row is of the old one; whoever reads the table waits until all of it is there."""
    fill(mirror, 200)
    text = FILE.format(end="2026-01-11", key="id", columns="  - {name: id, type: INT64}\n")
    mirror.write("things", text)
    path = mirror.root / "tables/derived/by_day.yaml"
    path.parent.mkdir()
    path.write_text(DERIVED.replace("01-21", "01-11"))
    with in_this_process(mirror):
        run_and_stop("core.things")
        waits = run("derived.by_day")
        assert (waits.entries, {one.wait.subjects for one in waits.plan.waiting}) == ([], {("core.things",)})
        mirror.write("things", text.replace("name: n, type: INT64", "name: n, from: id, type: STRING"))
        assert run("derived.by_day").entries == []
        run_and_stop("core.things")
        assert run("derived.by_day").entries == []
        run("core.things")
        assert sum(entry.rows for entry in run("derived.by_day").entries) == 9
    kinds = [kind for (kind,) in mirror.rows("SELECT kind FROM platform.ledger WHERE table_name = 'core.things'")]
    assert ("reset" in kinds, kinds.count("commit")) == (True, 1)
    assert mirror.rows("SELECT count(*), count(DISTINCT id), sum((n <> id::VARCHAR)::INT) FROM core.things") == [
        (200, 200, 0)
    ]
    assert mirror.rows("SELECT sum(n) FROM derived.by_day") == [(200,)]


def test_parts_of_an_append_table_and_what_is_null_in_them(mirror):
    """Rows of a part lie in any window of the copy; what cannot be read is counted over the parts of a run."""
    fill(mirror, 200)
    text = FILE.format(end="2026-01-11", key="id", columns="  - {name: id, type: INT64}\n")
    text = text.replace("strategy: merge", "strategy: append").replace("{column: made_at", "{column: at")
    text += '  - {name: zero, type: TIMESTAMP, on_error: "null"}\n'
    mirror.write("things", text)
    with in_this_process(mirror):
        run_and_stop("core.things")
        [(copied, nulled)] = mirror.rows("SELECT count(*), count(*) - count(zero) FROM core.things")
        assert 0 < copied < 200
        outcome = run("core.things")
        assert [entry.kind for entry in outcome.entries][-2:] == ["part", "commit"]
        [told] = [line for line in warning_lines(outcome.entries) if "on_error" in line]
        assert told.endswith(f"are NULL (on_error): zero {50 - nulled}")
        mirror.execute("INSERT INTO things VALUES (201, '', 201, '2026-01-11', '2026-01-11', NULL)")
        mirror.write("things", text.replace("end: 2026-01-11", "end: 2026-01-12"))
        run("core.things")
    assert mirror.rows("SELECT count(*), count(DISTINCT id), count(zero) FROM core.things") == [(201, 201, 150)]
    assert mirror.rows(
        "SELECT sum(replace(warning.detail, ',', '')::INT) FROM (SELECT unnest(warnings) AS warning FROM platform.ledger)"
        " WHERE warning.kind = 'nulled'"
    ) == [(50,)]


IDS = st.integers(0, 400)
CHANGES = st.lists(st.tuples(st.sampled_from(["put", "put", "delete"]), IDS), max_size=25)


@settings(max_examples=3, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, derandomize=True)
@given(
    between=st.lists(CHANGES, min_size=3, max_size=8),
    cuts=st.sets(st.integers(1, 6), min_size=1),
    split=st.sampled_from([10**9, 50]),
)
def test_whatever_happens_between_parts(mirror, between, cuts, split):
    """Rows are written, inserted and deleted behind each part, and runs are cut off: the copy is what one commit gives.

    A row that the source has is copied as it is; one that it has deleted may be there, as no cursor tells of that.
    """
    shutil.rmtree(mirror.root / ".derived", ignore_errors=True)
    mirror.execute(
        "DROP TABLE IF EXISTS things",
        "CREATE TABLE things (id INT PRIMARY KEY, v TEXT, n INT, made_at DATETIME(6), at DATETIME(6), KEY (at))",
    )
    mirror.write("things", FILE.format(end="2026-01-11", key="id", columns="  - {name: id, type: INT64}\n"))
    seen = count(1)

    def put(number, moment):
        mirror.execute(
            f"REPLACE INTO things VALUES ({number}, '{next(seen)} {'x' * 2_000}', {number}, '2026-01-0{1 + number % 9}',"
            f" '2026-01-01' + INTERVAL {moment} MINUTE)"
        )

    mirror.execute(
        "INSERT INTO things WITH RECURSIVE r(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM r WHERE n < 399)"
        f" SELECT n, '0 {'x' * 2_000}', n, '2026-01-01' + INTERVAL n % 9 DAY, '2026-01-01' + INTERVAL n % 10 DAY"
        " FROM r WHERE n % 3",
        "ANALYZE TABLE things",
    )
    changes, parts = iter(between), count(1)
    published = first_copy.FirstCopy.published

    def changed(self, entry):
        published(self, entry)
        if entry.kind == "part":
            for kind, number in next(changes, ()):
                if kind == "put":
                    put(number, 10 * 24 * 60 + next(seen))
                else:
                    mirror.execute(f"DELETE FROM things WHERE id = {number}")
            if next(parts) in cuts:
                raise KeyboardInterrupt

    with in_this_process(mirror) as patch:
        patch.setattr(statements, "SPLIT_ROWS", split)
        patch.setattr(first_copy.FirstCopy, "published", changed)
        ended = False
        while not ended:
            with suppress(KeyboardInterrupt):
                run_alone("ingest", Request("core.things"), Quiet())
                ended = True
        assert next(parts) > 3
        mirror.write("things", FILE.format(end="2026-01-21", key="id", columns="  - {name: id, type: INT64}\n"))
        run_alone("ingest", Request("core.things"), Quiet())
    copied = dict(mirror.rows("SELECT id, v FROM core.things"))
    there = dict(mirror.execute("SELECT id, v FROM things"))
    deleted = {number for some in between for kind, number in some if kind == "delete"}
    assert mirror.rows("SELECT count(*) FROM core.things") == [(len(copied),)]
    assert {number: copied.get(number) for number in there} == there
    assert copied.keys() - there.keys() <= deleted
