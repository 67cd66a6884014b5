"""The first copy of a large MySQL table: several commits, and a run that is cut off goes on where it was."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from datetime import timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flows.commands.progress import Quiet
from flows.engine import first_copy
from flows.engine.table_run import Request
from flows.model.window import utc
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
    read = read_at_source(mirror, lambda: things.ingest(split=split))
    assert read < left + 1_500
    kinds = [entry[0] for entry in things.entries()]
    assert kinds.count("commit") == 1
    assert kinds[-1] == "commit"
    assert things.entries()[-1][1] == mirror.rows("SELECT count(*) FROM core.things")[0][0]
    things.write_file("2026-01-22")
    things.ingest()
    assert things.same()


IDS = st.integers(0, 400)
CHANGES = st.lists(st.tuples(st.sampled_from(["put", "put", "delete"]), IDS), max_size=25)


@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, derandomize=True)
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

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(mirror.root)
        patch.setenv("DERIVED_CONNECTION_SHOP", mirror.url)
        patch.setattr(first_copy, "PART_ROWS", 40)
        patch.setattr(wire, "BATCH_BYTES", 80_000)
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
