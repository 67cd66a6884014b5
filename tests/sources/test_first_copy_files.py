"""The first copy of files: several commits, and a run that is cut off goes on at the line where it was."""

from __future__ import annotations

import csv
import io
import json
import os
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import count

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flows.commands.progress import Quiet
from flows.engine import first_copy
from flows.engine.request import Request
from flows.model.errors import QuarantineError, WarehouseUnavailableError
from flows.sources.files import json_lines, lines, parquet, reader
from flows.warehouses.duckdb.staging import StagedRows
from flows.wiring import run_alone
from tests.sources.exports import write

START = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = 10
FILE = f"""\
description: Things.
owner: shop@example.com
schedule: "5 * * * *"
window: {{size: 1 day, start: 2026-01-01, end: {START + timedelta(DAYS):%Y-%m-%d}}}
source: {{kind: files, path: exports, cursor: at, max_bad_rows: 1000}}
strategy: merge
key: [id]
columns:
  - {{name: id, type: INT64}}
  - {{name: NAME, from: v, type: STRING}}
  - {{name: n, type: INT64}}
  - {{name: at, type: TIMESTAMP}}
"""


class Exports:
    """A project of one table over a folder of exports, in this process, with parts of five rows."""

    def __init__(self, root, ending, name="v"):
        self.root, self.ending, self.files = root, ending, {}
        write(root / "tables/core/things.yaml", FILE.replace("NAME", name))

    def put(self, name, rows):
        """Write a file; a row is a key, a text, a number, and a day, of which -1 is none."""
        self.files[name] = rows
        told = [{"id": key, "v": v, "n": n, "at": self._at(day)} for key, v, n, day in rows]
        path = self.root / f"exports/{name}{self.ending}"
        if self.ending == ".parquet":
            path.parent.mkdir(exist_ok=True)
            types = pa.schema([("id", pa.int64()), ("v", pa.string()), ("n", pa.string()), ("at", pa.string())])
            pq.write_table(pa.Table.from_pylist(told, types), path, row_group_size=4)
        elif self.ending.startswith(".csv"):
            text = io.StringIO()
            writer = csv.DictWriter(text, ["id", "v", "n", "at"])
            writer.writeheader()
            writer.writerows(told)
            write(path, text.getvalue())
        else:
            write(path, "".join(json.dumps(row) + "\n" for row in told))

    @staticmethod
    def _at(day):
        return None if day < 0 else f"{START + timedelta(day):%Y-%m-%dT%H:%M:%SZ}"

    def run(self, *, stop=False, rebuild=False, observer=None):
        """Bring the table up to date; `stop` cuts the run off behind a part. Return the outcome, or None."""
        published = first_copy.FirstCopy.published

        def stopped(copy, entry):
            published(copy, entry)
            if stop and entry.kind == "part":
                raise KeyboardInterrupt

        with pytest.MonkeyPatch.context() as patch, suppress(KeyboardInterrupt):
            patch.chdir(self.root)
            if self.ending == ".csv":
                patch.setenv("DERIVED_STAGE", str(self.root / "stage"))
            patch.setattr(first_copy, "PART_ROWS", 5)
            patch.setattr(lines, "BLOCK", 90)
            patch.setattr(reader, "BLOCK", 1)
            patch.setattr(json_lines, "DOCUMENTS", 2)
            patch.setattr(parquet, "ROWS", 3)
            patch.setattr(first_copy.FirstCopy, "published", stopped)
            return run_alone("ingest", Request("core.things", rebuild=rebuild), observer or Quiet())
        return None

    def query(self, sql):
        """Read the warehouse."""
        with duckdb.connect(str(self.root / ".derived/warehouse.duckdb"), read_only=True) as session:
            return session.execute(sql).fetchall()

    def kinds(self):
        """Return the kinds of the ledger's entries."""
        return [kind for (kind,) in self.query("SELECT kind FROM platform.ledger ORDER BY version")]

    def copied(self):
        """Return the rows of the table."""
        name = "v" if self.query("SELECT 1 FROM duckdb_columns() WHERE column_name = 'v'") else '"rowid"'
        return set(
            self.query(f"SELECT id, {name}, n, date_diff('day', TIMESTAMPTZ '{START}', \"at\") FROM core.things")
        )

    def expected(self):
        """Return what the files say: of each key the latest row, of equal ones the greatest."""
        latest = {}
        for row in (row for rows in self.files.values() for row in rows if row[2] != "x" and 0 <= row[3] < DAYS):
            found = (row[0], row[1], int(row[2]), row[3])
            latest[row[0]] = max(latest.get(row[0], found), found, key=lambda one: (one[3], one[1] is not None, one))
        return set(latest.values())

    def count(self, wanted):
        """Return how many rows of the files there are that are so."""
        return sum(wanted(row) for rows in self.files.values() for row in rows)


TEXTS = st.sampled_from(["a", 'b,\n"c"'])
ROWS = st.lists(
    st.tuples(st.integers(0, 15), TEXTS, st.sampled_from(["1", "2", "x"]), st.integers(-1, DAYS)), max_size=14
)


@pytest.mark.parametrize("kind", [".jsonl", ".csv.gz", ".parquet", ".jsonl with rowid"])
@settings(max_examples=4, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, derandomize=True)
@given(files=st.lists(ROWS, min_size=2, max_size=4), stops=st.integers(0, 4))
def test_parts_make_the_table_that_one_commit_makes(tmp_path_factory, kind, files, stops):
    """A key may stand in many files, in any order: the latest counts. Bad rows and those left out are counted once."""
    ending, _, name = kind.partition(" with ")
    exports = Exports(tmp_path_factory.mktemp("exports"), ending, name or "v")
    for place, rows in enumerate(files):
        exports.put(f"{place}", rows)
    outcome = next(filter(None, (exports.run(stop=place < stops) for place in count())))
    assert not outcome.failures
    assert exports.copied() == exports.expected()
    assert exports.query("SELECT count(*), count(DISTINCT id) FROM core.things") == [(len(exports.copied()),) * 2]
    [(entry_rows,)] = exports.query("SELECT \"rows\" FROM platform.ledger WHERE kind = 'commit'")
    assert entry_rows == len(exports.copied())
    bad = exports.count(lambda row: row[2] == "x" and 0 <= row[3] < DAYS)
    assert exports.query("SELECT count(*) FROM platform.quarantine") == [(bad,)]
    counted = (
        "SELECT coalesce(sum(replace(w.detail, ',', '')::INT), 0) FROM (SELECT unnest(warnings) AS w FROM"
        " platform.ledger) WHERE w.kind = '{}'"
    )
    assert exports.query(counted.format("undated")) == [(exports.count(lambda row: row[3] < 0),)]
    assert exports.query(counted.format("outside")) == [(exports.count(lambda row: row[3] == DAYS),)]


@pytest.mark.parametrize(
    ("ending", "rebuild"),
    [(".jsonl.gz", False), (".csv", False), (".parquet", False), (".jsonl", True), (".csv", True)],
)
def test_a_copy_goes_on_at_its_line_where_what_was_read_is_as_it_was(tmp_path, ending, rebuild):
    """What comes behind is read; where a file that was read is another, is gone or has one before it, all begins anew.

    With a stage (here for CSV) and without; and so where all is copied again beside the rows that are there.
    """
    exports = Exports(tmp_path, ending)

    def rows(*keys, n="1"):
        return [(key, "a", n, 1) for key in keys]

    exports.put("b", rows(*range(4)))
    if rebuild:
        assert not exports.run().failures
    exports.put("c", rows(*range(4, 30)))
    assert exports.run(stop=True, rebuild=rebuild) is None
    exports.put("d", rows(30))
    assert exports.run(stop=True) is None
    before = ["commit", "begin"] if rebuild else []
    assert exports.kinds() == [*before, "part", "part"]
    assert exports.query("SELECT count(*) < 15 FROM core.things") == [(True,)]
    exports.put("c", rows(*range(4, 30), n="2"))
    assert exports.run(stop=True) is None
    exports.put("a", rows(31))
    assert exports.run(stop=True) is None
    exports.put("b", [])
    (tmp_path / f"exports/a{ending}").unlink()
    del exports.files["a"]
    outcome = exports.run()
    assert not outcome.failures
    kinds, after = exports.kinds()[len(before) :], ["swap"] if rebuild else []
    assert (kinds[:3], kinds.count("trim"), kinds.count("commit")) == (["part", "part", "trim"], 3, 1)
    assert kinds[-1 - len(after) :] == ["commit", *after]
    assert exports.copied() == exports.expected()


def test_what_a_run_has_copied_itself_keeps_it_from_nothing_where_it_begins_anew(tmp_path, monkeypatch):
    """So it is where the warehouse fails behind a part, and other files are there when that is tried again."""
    exports = Exports(tmp_path, ".jsonl")
    exports.put("a", [(key, "a", "1", 1) for key in range(40)])
    publish, published = StagedRows.publish, []

    def publish_all_but_the_third(staged, *arguments):
        published.append(staged)
        if len(published) == 3:
            raise WarehouseUnavailableError("it does not answer")
        return publish(staged, *arguments)

    class TriesAgain(Quiet):
        def step(self, table, step, work):
            try:
                return super().step(table, step, work)
            except WarehouseUnavailableError:
                exports.put("a", [(key, "a", "2", 1) for key in range(50)])
                return super().step(table, step, work)

    monkeypatch.setattr(StagedRows, "publish", publish_all_but_the_third)
    assert not exports.run(observer=TriesAgain()).failures
    assert exports.copied() == exports.expected()


@pytest.mark.parametrize("rebuild", [False, True])
def test_a_copy_that_begins_anew_leaves_other_windows_and_is_divided_as_any(tmp_path, rebuild):
    """What the run has committed of them before stays, and windows with too many bad rows keep no others away."""
    exports = Exports(tmp_path, ".jsonl")
    exports.put("a", [(key, "a", "1", key % DAYS) for key in range(20)])
    assert not rebuild or not exports.run().failures
    assert exports.run(stop=True, rebuild=rebuild) is None
    earlier = FILE.replace("start: 2026-01-01", "start: 2025-12-31").replace("1000", "0")
    write(tmp_path / "tables/core/things.yaml", earlier.replace("NAME", "v"))
    exports.put("a", [(key, "a", "x" if key == 3 else "2", key % DAYS) for key in range(20)])
    [failure] = exports.run().failures
    assert (failure.window.start, failure.error.kind[0]) == (START + timedelta(3), QuarantineError)
    exports.put("a", [(key, "a", "2", key % DAYS) for key in range(20)])
    assert not exports.run().failures
    assert exports.copied() == exports.expected()


def test_whoever_stops_a_copy_has_not_read_what_was_committed_again(tmp_path):
    """Lines of parts that are committed are not taken apart again: a fault that has come to stand there is not met."""
    exports = Exports(tmp_path, ".jsonl")
    exports.put("a", [(key, "a", "1", 1) for key in range(40)])
    assert exports.run(stop=True) is None
    path = tmp_path / "exports/a.jsonl"
    before = path.stat()
    path.write_text(path.read_text().replace('"id": 0', '"id": x'))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert not exports.run().failures
    assert exports.query("SELECT count(*) FROM platform.quarantine") == [(0,)]
    assert exports.copied() == exports.expected()
