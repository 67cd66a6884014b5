"""A first copy that is several commits: what may come between two of its parts, and what becomes of its bad rows."""

from functools import partial

import pyarrow as pa
import pytest

from flows.engine import first_copy
from flows.engine.commit import TableRun, commit_step
from flows.engine.prepare import has_rows
from flows.engine.steps import Reason, Step
from flows.model.bad_row import BadRow
from flows.model.errors import ConflictError, QuarantineError
from flows.sources.interface import Batch, Inspection, arrow_schema
from tests.engine.builders import EVENTS, event, prepare, reading, rows, span

DAYS = span(0, 10)


class Ordered:
    """A source that gives a row at a time, each with its position, and some bad ones."""

    def __init__(self, number):
        self.rows = [event(place, place) for place in range(number)]
        self.bad = {}

    def inspect(self, _):
        """Say that there is nothing to say."""
        return Inspection()

    def copy(self, subject, _, after):
        """Give the rows that come after a position."""
        for place in range(int(after or 0), len(self.rows)):
            batch = pa.RecordBatch.from_pylist(self.rows[place : place + 1], arrow_schema(subject))
            yield Batch(batch, self.bad.get(place, ()), position=str(place + 1))


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
