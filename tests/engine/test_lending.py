"""Others have the warehouse in the middle of a run, which then goes on with what they have left to do."""

from contextlib import suppress

import pytest

from flows.commands.progress import Quiet
from flows.engine import first_copy
from flows.engine.readings import Readings
from flows.engine.request import Author, Reached, Request
from flows.engine.table_run import Parts, run_table
from tests.contract.test_parts import Ordered
from tests.engine.builders import EVENTS, by_day, csv, day, rows, span, table
from tests.engine.test_repair import Clocked, Files

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
