"""Others have the warehouse in the middle of a run, which then goes on with what they have left to do."""

from contextlib import suppress
from datetime import timedelta
from functools import partial

import pytest

from flows.commands.progress import Quiet
from flows.engine import accept, first_copy
from flows.engine.readings import Readings
from flows.engine.request import Author, Reached, Request
from flows.engine.table_run import Parts, run_table
from flows.model.errors import ConflictError
from flows.project.project import load_project
from flows.report.text import describe_failures, describe_outcome
from tests.contract.test_parts import Ordered
from tests.engine.builders import EVENTS, by_day, csv, day, rows, span, table, window
from tests.engine.test_repair import Clocked, Files
from tests.simulator.house import AFTER, BEFORE, DOUBLED, NAME, TABLE, TOTALS, amounts, living

COLUMNS = "id INT64, at TIMESTAMP, updated TIMESTAMP, amount NUMERIC"
LOG = table("core.events", COLUMNS, strategy="append", key=["id"], **by_day("updated"), **csv(cursor="updated"))
COUNT = 9


class Killed(BaseException):
    """Stands for kill -9."""


class Source(Ordered):
    """A source of a row a day; the process that reads it may be killed when it has given so many."""

    def __init__(self, most=COUNT):
        super().__init__(COUNT)
        self.most, self.reads = most, []

    def copy(self, subject, span, after):
        """Give the rows that come after a position."""
        self.reads.append(span)
        for batch in super().copy(subject, span, after):
            if int(batch.position) > self.most:
                raise Killed
            if span.start <= self.rows[int(batch.position) - 1]["updated"] < span.end:
                yield batch

    def read(self, subject, span):
        """Give the rows of a window."""
        yield from self.copy(subject, span, None)


class Lent(Quiet):
    """Lets others have the warehouse once, when the run has planned."""

    def __init__(self, warehouse, others):
        self.warehouse, self.others = warehouse, others

    def planned(self, *_):
        """Let them have it."""
        self.others()
        self.warehouse.lendings += 1


@pytest.fixture
def copy(warehouse, monkeypatch):
    """Copies a core table from a source, or until it is killed, on 2026-01-10; parts have two rows."""
    monkeypatch.setattr(first_copy, "PART_ROWS", 2)

    def copied(subject, source, others=None, **request):
        project = Files({subject.identity: subject})
        readings = Readings(Clocked(warehouse, day(COUNT)), project.tables)
        parts = Parts(project, readings, Author("tester"), lambda _: Reached(source, None, 0))
        observer = Lent(warehouse, others) if others else Quiet()
        with suppress(Killed):
            return run_table(parts, Request(subject.identity, **request), observer)

    return copied


@pytest.mark.parametrize("subject", [EVENTS, LOG])
@pytest.mark.parametrize("is_emptied", [False, True])
def test_a_first_copy_goes_on_from_where_others_have_brought_it(warehouse, copy, subject, is_emptied):
    """They have gone on with it, or begun it anew: each row is there once."""
    copy(subject, Source(5))

    def others():
        if is_emptied:
            warehouse.empty(subject, 2)
        copy(subject, Source(3 if is_emptied else 7))

    done = copy(subject, Source(), others)
    assert not done.failures
    assert [row["id"] for row in rows(warehouse, subject)] == list(range(COUNT))


def test_what_others_have_done_of_a_range_is_not_done_again(warehouse, copy):
    """Only what they have left of it is read."""
    source = Source()
    done = copy(EVENTS, source, lambda: copy(EVENTS, Source(), bounds=span(2, 8)))
    assert [entry.window for entry in done.entries] == source.reads == [span(0, 2), span(8, COUNT)]
    assert [row["id"] for row in rows(warehouse, EVENTS)] == list(range(COUNT))


def test_what_was_accepted_is_not_accepted_again(warehouse, copy):
    """A run that plans anew once the rows are its file's goes on with what is missing."""
    copy(EVENTS, Source(), bounds=span(0, 4))
    moved = EVENTS.model_copy(update={"source": EVENTS.source.model_copy(update={"path": "others.csv"})})
    done = copy(moved, Source(), lambda: None, accept=True)
    assert ([entry.window for entry in done.entries], done.failures) == ([span(4, COUNT)], [])
    assert [row["id"] for row in rows(warehouse, EVENTS)] == list(range(COUNT))


class LentOnce(Lent):
    """Lets others have the warehouse after the run's first step."""

    def planned(self, *_):
        """Keep it."""

    def step(self, table, step, work):
        """Do a step, and let them have it."""
        done = super().step(table, step, work)
        if self.others:
            others, self.others = self.others, None
            others()
            self.warehouse.lendings += 1
        return done


@pytest.fixture
def house(warehouse, tmp_path):
    """A derived table of four days that is up to date, and whose file has changed since."""
    made = living(tmp_path, warehouse)
    made.write(TABLE, DOUBLED)
    return made


def test_a_run_does_not_conflict_with_itself(warehouse, house):
    """It begins a generation, and plans anew as others have had the warehouse for nothing."""
    done = house.run(TABLE, observer=Lent(warehouse, lambda: None))
    assert (done.failures, len(done.entries), amounts(house)) == ([], 4, AFTER)


def test_rows_are_not_accepted_over_those_that_others_have_made(warehouse, house, monkeypatch):
    """Of a range only what they have left is taken over."""
    monkeypatch.setattr(accept, "LONGEST", timedelta(days=2))
    others = partial(house.run, TABLE, bounds=span(3, 4), force=True)
    done = house.run(TABLE, accept=True, observer=LentOnce(warehouse, others))
    assert [(entry.kind, entry.window) for entry in done.entries] == [("accept", span(0, 2)), ("accept", window(2))]
    assert (done.failures, amounts(house)) == ([], {**BEFORE, 4: AFTER[4]})


def test_what_was_done_is_told_where_the_rest_cannot_be_planned_any_more(warehouse, house, monkeypatch):
    """Others have ended the generation as this run was told to: a conflict, and none of the words that were given."""
    monkeypatch.setattr(accept, "LONGEST", timedelta(days=1))
    done = house.run(TABLE, accept=True, observer=LentOnce(warehouse, partial(house.run, TABLE)))
    assert [(entry.kind, entry.window) for entry in done.entries] == [("accept", span(0, 1))]
    assert [(type(one.error), one.window) for one in done.failures] == [(ConflictError, None)]
    assert [step.window for step in done.untried] == [window(1), window(2), window(3)]
    assert describe_failures(done).startswith(f"{TABLE}: the rest could not be planned, 3 windows not tried\n")
    assert amounts(house) == BEFORE


def test_what_others_have_done_or_let_wait_is_told_as_it_is(warehouse, house):
    """A run that finds nothing left has nothing to do; windows that lost what they read wait for it."""
    house.write(TABLE, TOTALS)
    house.write("derived.more", TOTALS)
    done = house.run("derived.more", observer=Lent(warehouse, partial(house.run, "derived.more")))
    assert describe_outcome(done) == "derived.more: nothing to do, all its windows are committed"
    core = load_project(house.root).table(NAME)
    house.write("derived.most", TOTALS)
    done = house.run("derived.most", observer=LentOnce(warehouse, lambda: warehouse.empty(core, 1)))
    assert [entry.window for entry in done.entries] == [window(0)]
    assert [(one.window, one.wait.kind, one.wait.subjects) for one in done.plan.waiting] == [
        (span(1, 4), "rows", (NAME,))
    ]
