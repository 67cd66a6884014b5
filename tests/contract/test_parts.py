"""A first copy that is several commits: what may come between two of its parts, and what becomes of its bad rows."""

from contextlib import suppress
from functools import partial

import pyarrow as pa
import pytest

from flows.commands.progress import Quiet
from flows.engine import first_copy
from flows.engine.commit import TableRun, commit_step
from flows.engine.prepare import has_rows
from flows.engine.readings import Readings
from flows.engine.request import Author, Reached, Request
from flows.engine.steps import Reason, Step
from flows.engine.table_run import Parts, run_table
from flows.model.bad_row import BadRow
from flows.model.errors import ConflictError, QuarantineError
from flows.sources.interface import Batch, Inspection, arrow_schema
from tests.engine.builders import EVENTS, day, event, prepare, reading, rows, span, values
from tests.engine.test_repair import Files

DAYS = span(0, 10)


class Ordered:
    """A source that gives a row at a time, each with its position, and some bad ones."""

    def __init__(self, number):
        self.rows = [event(place, place) for place in range(number)]
        self.bad = {}
        self.cut_off_at = None

    def inspect(self, _):
        """Say that there is nothing to say."""
        return Inspection()

    def copy(self, subject, within, after):
        """Give the rows that come after a position."""
        for place in range(int(after or 0), len(self.rows)):
            if place == self.cut_off_at:
                raise KeyboardInterrupt
            if not within.start <= self.rows[place]["updated"] < within.end:
                continue
            batch = pa.RecordBatch.from_pylist(self.rows[place : place + 1], arrow_schema(subject))
            yield Batch(batch, self.bad.get(place, ()), position=str(place + 1))

    def read(self, subject, within):
        """Give the rows of a window."""
        yield from self.copy(subject, within, None)


def bad(*places):
    """Return bad rows that stand there."""
    return tuple(BadRow(f"id={place}", "amount 'a' is no number", "a") for place in places)


def quarantined(warehouse):
    """Return the places of the rows in quarantine."""
    return [row["place"] for row in warehouse.query("SELECT place FROM platform.quarantine ORDER BY place", {})]


@pytest.fixture
def begin(warehouse, monkeypatch):
    """Begins a run of the first copy, whose parts have two rows; returns what commits the next one."""
    monkeypatch.setattr(first_copy, "PART_ROWS", 2)

    def begun(source):
        known = reading(warehouse, EVENTS).state
        prepare(warehouse, EVENTS)
        run = TableRun(EVENTS, "run", "tester", "abc", known.version, {}, {EVENTS.identity: EVENTS.types}, source)
        step = Step(DAYS, "missing", Reason("begun"), is_first=True, copied=known.begun and known.begun.copied)
        copy = first_copy.first_copy(source, EVENTS, step, known.version, partial(has_rows, EVENTS, warehouse))
        return lambda: commit_step(run, step, warehouse, copy=copy).kind

    return begun


def test_a_part_is_not_added_where_those_before_it_have_gone(warehouse, begin):
    """Another run has let them go to begin anew: what comes after them is not all of the copy."""
    source = Ordered(6)
    part = begin(source)
    assert part() == "part"
    warehouse.empty(EVENTS, reading(warehouse, EVENTS).state.version)
    with pytest.raises(ConflictError, match="the table was emptied in the meantime"):
        part()
    assert rows(warehouse, EVENTS) == []
    part = begin(source)
    assert [part(), part(), part()] == ["part", "part", "commit"]
    assert len(rows(warehouse, EVENTS)) == 6


@pytest.mark.parametrize("order", [1, -1])
def test_of_each_key_the_row_stays_that_one_commit_leaves(warehouse, begin, order):
    """A source of files may give a key in many parts: the latest by the cursor counts, of equal ones the greatest."""
    source = Ordered(0)
    latest = [event(1, 3, amount=1), event(2, 2, amount=7), event(3, 2), event(4, 1), event(5, 9)]
    older = [event(1, 1, amount=9), event(2, 2, amount=5), event(3, 2), event(2, 1, amount=8), event(1, 2)]
    source.rows = (latest + older)[::order]
    part = begin(source)
    while part() == "part":
        pass
    assert rows(warehouse, EVENTS) == latest


def test_bad_rows_of_a_part_that_failed_go_when_it_is_read_well(warehouse, begin):
    """Those of parts before it stay; the copy of this table may have one."""
    source = Ordered(6)
    source.bad = {0: bad(100), 2: bad(200, 201)}
    part = begin(source)
    assert part() == "part"
    for _ in range(2):
        with pytest.raises(QuarantineError, match="3 bad rows"):
            part()
        assert quarantined(warehouse) == ["id=100", "id=200", "id=201"]
    source.bad = {}
    part = begin(source)
    while part() == "part":
        pass
    assert quarantined(warehouse) == ["id=100"]
    assert len(rows(warehouse, EVENTS)) == 6


@pytest.mark.parametrize("trims_first", [True, False])
def test_what_parts_hold_of_days_that_the_table_has_no_longer_is_told_and_goes(warehouse, monkeypatch, trims_first):
    """Whether the copy has ended or not, and should the table come to have those days again, so do their rows."""
    monkeypatch.setattr(first_copy, "PART_ROWS", 2)
    source = Ordered(9)

    def run(first, **asked):
        window = EVENTS.window.model_copy(update={"start": day(first), "end": day(9)})
        project = Files({EVENTS.identity: EVENTS.model_copy(update={"window": window})})
        readings = Readings(warehouse, project.tables)
        parts = Parts(project, readings, Author("tester"), lambda _: Reached(source, None, 0))
        return run_table(parts, Request(EVENTS.identity, **asked), Quiet())

    def trim():
        assert [(entry.kind, entry.window) for entry in run(3, trim=True).entries] == [("trim", span(0, 3))]

    source.cut_off_at = 5
    with suppress(KeyboardInterrupt):
        run(0)
    assert values(warehouse, EVENTS, "id") == [0, 1, 2, 3]
    source.cut_off_at = None
    if trims_first:
        trim()
        assert values(warehouse, EVENTS, "id") == [3]
    else:
        done = run(3)
        assert [entry.kind for entry in done.entries] == ["part", "part", "commit"]
        assert done.plan.outside == (span(0, 3),)
        assert run(3).plan.outside == (span(0, 3),)
        trim()
        assert values(warehouse, EVENTS, "id") == [3, 4, 5, 6, 7, 8]
    assert not run(3, trim=True).entries
    run(0)
    assert values(warehouse, EVENTS, "id") == list(range(9))
    assert not run(0).plan.windows
