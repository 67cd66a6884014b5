"""A core table whose file changes what its rows were copied by waits for a person."""

import time

import pytest

from flows.commands.progress import Quiet
from flows.engine import ledger
from flows.engine.readings import Readings
from flows.engine.request import Author, Reached, Request
from flows.engine.table_run import Parts, run_table
from flows.model.errors import DefinitionError, UsageError
from flows.model.window import EVER, Window, utc
from flows.project.project import load_project
from flows.report.plan_text import describe_plan
from flows.report.text import remarks
from flows.sources.files.reader import FilesReader

NAME = "core.visits"
FILE = """
description: Visits.
owner: data@example.com
schedule: "0 * * * *"
window: {{size: 1 day, start: 2026-01-01, end: 2026-01-04}}
strategy: {strategy}
key: [id]
partition: {{column: day, by: day}}
source: {{kind: files, path: {path}, cursor: day{limit}}}
columns:
  - {{name: id, type: INT64}}
  - {{name: day, type: DATE}}
  - {{name: n, type: {type}{origin}}}
"""
GIVEN = {"path": "a.csv", "type": "NUMERIC", "origin": "", "strategy": "merge", "limit": ""}


class Told(Quiet):
    """Keeps what the newest run said before it did anything."""

    lines: tuple[str, ...] = ()

    def planned(self, table, plan):
        """Keep what is said."""
        Told.lines = tuple(describe_plan(table, plan))


@pytest.fixture
def run(warehouse, tmp_path):
    """Write the table's file, and copy it."""
    (tmp_path / "tables/core").mkdir(parents=True)
    (tmp_path / "a.csv").write_text("id,day,n,m\n1,2026-01-01,1.5,10\n2,2026-01-02,2.5,20\n")
    (tmp_path / "bad.csv").write_text("id,day,n,m\n1,2026-01-01,seven,70\n")
    (tmp_path / "b.csv").write_text("id,day,n,m\n1,2026-01-01,7,70\n")

    def run(*, more="", request=None, **changed):
        (tmp_path / "tables/core/visits.yaml").write_text(FILE.format(**GIVEN | changed) + more)
        project = load_project(tmp_path)
        source = Reached(FilesReader(tmp_path), None, time.monotonic())
        parts = Parts(project, Readings(warehouse, project.tables), Author("tester"), lambda _: source)
        outcome = run_table(parts, Request(NAME, **request or {}), Told())
        assert not outcome.failures
        assert not any("has changed" in line for line in remarks(outcome))
        reading = ledger.read(warehouse, [project.tables[NAME]])[NAME]
        assert not reading.state.changes
        return reading

    return run


def _rows(warehouse, column="n"):
    found = warehouse.query(f"SELECT id, {column} AS v FROM core.visits ORDER BY id", {})
    return [(row["id"], None if row["v"] is None else float(row["v"])) for row in found]


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"path": "b.csv"}, "source"),
        ({"origin": ", from: m"}, "from of n"),
        ({"path": "b.csv", "origin": ", from: m"}, "source, from of n"),
    ],
)
def test_rows_that_were_copied_otherwise_wait_for_an_answer(run, warehouse, changed, what):
    """Each run fails and says what copying again costs; once accepted they stay, and changed back it is another change."""
    run()
    for _ in range(2):
        with pytest.raises(DefinitionError, match=f"{what}[.] Nothing was copied[.] .*--rebuild.*2 rows in .*--accept"):
            run(**changed)
        assert Told.lines == (f"{NAME}: nothing is copied before a person has said what becomes of its rows",)
    before = warehouse.query("SELECT COUNT(*) AS n FROM platform.ledger WHERE kind = 'commit'", {})
    run(**changed, request={"accept": True})
    run(**changed)
    assert _rows(warehouse) == [(1, 1.5), (2, 2.5)]
    assert warehouse.query("SELECT COUNT(*) AS n FROM platform.ledger WHERE kind = 'commit'", {}) == before
    assert {row["state"] for row in warehouse.query("SELECT state FROM platform.windows", {})} == {"committed"}
    with pytest.raises(DefinitionError):
        run()
    with pytest.raises(UsageError, match="nothing to accept"):
        run(**changed, request={"accept": True})


def test_a_rebuild_copies_all_again(run, warehouse):
    """Rows that the new source does not give are gone; those that are there stay until the new ones are."""
    run()
    with pytest.raises(AssertionError):
        run(path="bad.csv", request={"rebuild": True})
    assert _rows(warehouse) == [(1, 1.5), (2, 2.5)]
    run(path="b.csv", request={"rebuild": True})
    assert _rows(warehouse) == [(1, 7.0)]
    with pytest.raises(DefinitionError) as refused:
        run(path="b.csv", strategy="append")
    assert "--accept" not in str(refused.value)
    with pytest.raises(UsageError, match="strategy"):
        run(path="b.csv", strategy="append", request={"accept": True})
    run(strategy="append", request={"rebuild": True})
    assert _rows(warehouse) == [(1, 1.5), (2, 2.5)]


def _write(path, *rows):
    path.write_text("".join(f"{row}\n" for row in ("id,day,n,m", *rows)))


def _days(first, last):
    return Window(utc(f"2026-01-0{first}"), utc(f"2026-01-0{last}"))


def test_what_a_rebuild_copies_takes_the_place_of_rows_that_are_there_when_all_of_it_is(run, warehouse, tmp_path):
    """Meanwhile these stay, and stay fresh by their own definition; any run goes on, and does not copy a window twice."""
    run(request={"bounds": _days(1, 3)})
    _write(tmp_path / "a.csv", "1,2026-01-01,1.5,10", "2,2026-01-02,2.5,20", "3,2026-01-03,3.5,30")
    _write(tmp_path / "b.csv", "1,2026-01-01,7,70", "2,2026-01-02,eight,80", "3,2026-01-03,9,90")
    with pytest.raises(AssertionError):
        run(path="b.csv", request={"rebuild": True})
    assert "generation 1 has 0 of 3 windows" in Told.lines[1]
    assert _rows(warehouse) == [(1, 1.5), (2, 2.5), (3, 3.5)]
    _write(tmp_path / "b.csv", "1,2026-01-01,0,0", "2,2026-01-02,8,80", "3,2026-01-03,0,0")
    reading = run(path="b.csv")
    assert "generation 1 has 2 of 3 windows" in Told.lines[1]
    assert _rows(warehouse) == [(1, 7), (2, 8), (3, 9)]
    assert (reading.generation, reading.begun, reading.retired) == (1, None, (0,))
    assert run(path="b.csv").state.version == reading.state.version


def test_a_rebuild_touches_where_rows_differ_and_is_taken_back(run, warehouse, tmp_path):
    """Rows that the source has no longer go with it, and come back with --rollback; --abandon drops what is begun."""
    before = run().state.version
    _write(tmp_path / "a.csv", "1,2026-01-01,1.5,10")
    assert _rows(warehouse) == [(1, 1.5), (2, 2.5)]
    reading = run(request={"rebuild": True})
    assert _rows(warehouse) == [(1, 1.5)]
    touches = reading.upstream.touches
    assert [touches.within(_days(day, day + 1)) > before for day in (1, 2, 3)] == [False, True, False]
    assert run(request={"rollback": True}).generation == 0
    assert _rows(warehouse) == [(1, 1.5), (2, 2.5)]
    _write(tmp_path / "a.csv", "1,2026-01-01,one,10")
    with pytest.raises(AssertionError):
        run(request={"rebuild": True})
    reading = run(request={"abandon": True})
    assert (reading.begun, warehouse.present([f"{NAME}-g2"])) == (None, set())
    assert run().state.version == reading.state.version
    assert _rows(warehouse) == [(1, 1.5), (2, 2.5)]


def test_bad_rows_go_with_the_rows_of_their_generation(run, warehouse, tmp_path):
    """Those of one that is made are kept apart, so that none is left when it is dropped; a rollback brings others back."""

    def quarantined():
        found = warehouse.query("SELECT table_name, raw FROM platform.quarantine ORDER BY raw", {})
        return [(row["table_name"], row["raw"].count("one"), row["raw"].count("two")) for row in found]

    _write(tmp_path / "a.csv", "1,2026-01-01,one,10", "2,2026-01-02,2.5,20")
    run(limit=", max_bad_rows: 1")
    assert quarantined() == [(NAME, 1, 0)]
    _write(tmp_path / "a.csv", "1,2026-01-01,one,10", "2,2026-01-01,two,20")
    with pytest.raises(AssertionError):
        run(limit=", max_bad_rows: 1", request={"rebuild": True})
    assert sorted(quarantined()) == [(NAME, 1, 0), (f"{NAME}-g1", 0, 1), (f"{NAME}-g1", 1, 0)]
    run(limit=", max_bad_rows: 1", request={"abandon": True})
    assert quarantined() == [(NAME, 1, 0)]
    _write(tmp_path / "a.csv", "1,2026-01-01,1.5,10", "2,2026-01-02,two,20")
    run(limit=", max_bad_rows: 1", request={"rebuild": True})
    assert sorted(quarantined()) == [(NAME, 0, 1), (f"{NAME}-g0", 1, 0)]
    run(limit=", max_bad_rows: 1", request={"rollback": True})
    assert sorted(quarantined()) == [(NAME, 1, 0), (f"{NAME}-g2", 0, 1)]


def test_a_definition_that_changes_in_the_middle_of_a_rebuild_begins_another(run, warehouse, tmp_path):
    """Nobody has to say it twice; changed back, nothing is left of it, and so where the rows may stay."""
    run()
    _write(tmp_path / "b.csv", "1,2026-01-01,7,x")
    for _ in range(2):
        with pytest.raises(AssertionError):
            run(path="b.csv", more="  - {name: m, type: INT64}\n", request={"rebuild": True})
    assert run().begun is None
    with pytest.raises(AssertionError):
        run(path="b.csv", more="  - {name: m, type: INT64}\n", request={"rebuild": True})
    run(path="b.csv")
    assert _rows(warehouse) == [(1, 7)]
    with pytest.raises(AssertionError):
        run(path="b.csv", more="  - {name: m, type: INT64}\n", request={"rebuild": True})
    assert run(path="a.csv", request={"accept": True}).begun is None
    assert _rows(warehouse) == [(1, 7)]
    run(path="a.csv", request={"rebuild": True})
    run(path="b.csv", request={"accept": True})
    assert run(path="b.csv").generation
    assert _rows(warehouse) == [(1, 1.5), (2, 2.5)]


def test_a_new_column_and_another_type_need_no_answer(run, warehouse):
    """Old rows hold NULL, or are converted, and what is converted is touched everywhere."""
    reading = run()
    newest = reading.state.version
    reading = run(type="BIGNUMERIC", more="  - {name: m, type: INT64}\n")
    assert _rows(warehouse, "m") == [(1, None), (2, None)]
    assert _rows(warehouse) == [(1, 1.5), (2, 2.5)]
    assert reading.upstream.touches.within(EVER) > newest
    newest = reading.state.version
    assert run(type="BIGNUMERIC", more="  - {name: m, type: INT64}\n").state.version == newest


def test_a_column_that_is_taken_out_waits_and_comes_back_empty(run, warehouse):
    """It holds nothing that was true once."""
    more = "  - {name: m, type: INT64}\n"
    run(more=more)
    with pytest.raises(DefinitionError, match="without column m"):
        run()
    run(request={"accept": True})
    assert _rows(warehouse) == [(1, 1.5), (2, 2.5)]
    run(more=more)
    assert _rows(warehouse, "m") == [(1, None), (2, None)]
