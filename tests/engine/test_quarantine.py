"""The quarantine holds the bad rows of the newest reading of each window, each row once."""

from contextlib import closing
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.model.bad_row import BadRow
from flows.model.errors import QuarantineError
from flows.sources.interface import Batch, arrow_schema, window_of
from flows.warehouses.duckdb.warehouse import DuckDB
from tests.engine.builders import EVENTS, csv, day, do, span, table, window

DAYS = 6
OVERLAP = timedelta(hours=12)
MANY = EVENTS.model_copy(update={"source": EVENTS.source.model_copy(update={"max_bad_rows": 100})})
WHOLE = table("core.countries", "id INT64", strategy="replace", **csv(max_bad_rows=100))


class Broken:
    """A source with one row at the end of each day, of which some are bad; it reads again what overlaps.

    The cursor of some bad rows can be read, which tells their window.
    """

    def __init__(self, *bad, placed=()):
        self.bad = set(bad)
        self.placed = placed

    def read(self, subject, span):
        """Give the bad rows of the window and of what lies before it."""
        bad = [
            BadRow(
                f"id={number}",
                f"v '{number}' is no number",
                str(number),
                window_of(subject, day(number)) if number in self.placed else None,
            )
            for number in sorted(self.bad)
            if span is None or span.start - OVERLAP <= day(number) + timedelta(hours=20) < span.end
        ]
        yield Batch(pa.RecordBatch.from_pylist([], arrow_schema(subject)), tuple(bad))


def listed(warehouse):
    """Return the rows in quarantine with their windows, as days."""
    found = warehouse.query("SELECT place, window_start, window_end FROM platform.quarantine ORDER BY place", {})
    return [
        (
            int(row["place"][3:]),
            row["window_start"] and (row["window_start"] - day(0)).days,
            row["window_end"] and (row["window_end"] - day(0)).days,
        )
        for row in found
    ]


def test_a_window_read_again_has_its_bad_rows_once(warehouse):
    """Whether it failed before or was committed; what passes now is gone."""
    with pytest.raises(QuarantineError):
        do(warehouse, EVENTS, span(0, 3), Broken(0, 1))
    assert listed(warehouse) == [(0, 0, 3), (1, 0, 3)]
    do(warehouse, MANY, span(0, 3), Broken(0, 1))
    do(warehouse, MANY, span(0, 3), Broken(0, 1))
    assert listed(warehouse) == [(0, 0, 3), (1, 0, 3)]
    do(warehouse, MANY, span(0, 3), Broken(1))
    assert listed(warehouse) == [(1, 0, 3)]


def test_a_row_read_again_by_overlap_is_listed_once(warehouse):
    """It stays in its own window, so that this one is read when it is tried again."""
    do(warehouse, MANY, window(0), Broken(0))
    do(warehouse, MANY, window(1), Broken(0))
    assert listed(warehouse) == [(0, 0, 1)]
    do(warehouse, MANY, window(0), Broken())
    assert listed(warehouse) == []


def test_a_row_whose_cursor_is_known_is_listed_in_its_own_window(warehouse):
    """However long the range was in which it was read, and also when an overlap reads it before its window."""
    do(warehouse, MANY, span(0, 4), Broken(1, 3, placed={1, 3}))
    assert listed(warehouse) == [(1, 1, 2), (3, 3, 4)]
    do(warehouse, MANY, span(4, 5), Broken(1, 3, placed={1, 3}))
    do(warehouse, MANY, window(1), Broken(3, placed={3}))
    assert listed(warehouse) == [(3, 3, 4)]


def test_a_window_read_again_in_pieces_leaves_nothing_old(warehouse):
    """Rows of a range that failed go when the last piece of it is committed, and those still bad stay once."""
    with pytest.raises(QuarantineError):
        do(warehouse, EVENTS, span(0, 4), Broken(0, 1, 3))
    do(warehouse, MANY, span(0, 2), Broken(1, 3), known=0)
    assert listed(warehouse) == [(0, 0, 4), (1, 0, 2), (3, 0, 4)]
    do(warehouse, MANY.model_copy(), span(2, 4), Broken(1, 3))
    assert [number for number, *_ in listed(warehouse)] == [1, 3]


def test_a_whole_copy_replaces_all(warehouse):
    """Each copy leaves the bad rows that it found."""
    do(warehouse, WHOLE, None, Broken(0, 1))
    do(warehouse, WHOLE, None, Broken(1, 2))
    assert listed(warehouse) == [(1, None, None), (2, None, None)]


@given(
    st.lists(
        st.tuples(st.integers(0, DAYS - 1), st.integers(1, DAYS)).filter(lambda pair: pair[0] < pair[1])
        | st.integers(0, DAYS - 1),
        max_size=10,
    ),
    st.sets(st.integers(0, DAYS - 1)),
)
@settings(max_examples=16)
def test_each_bad_row_is_listed_once_and_a_replay_leaves_the_bad_ones(steps, placed):
    """Whatever is read in whatever pieces, mended and broken in between."""
    source = Broken(0, 2, 3, placed=placed)
    seen = set()
    with TemporaryDirectory() as folder, closing(DuckDB(Path(folder) / "warehouse.duckdb")) as opened:
        opened.prepare(MANY, 0)
        for step in steps:
            if isinstance(step, int):
                source.bad ^= {step}
                seen -= {step}
            else:
                do(opened, MANY, span(*step), source)
                seen |= {number for number in source.bad if step[0] - 1 <= number < step[1]}
            places = [number for number, *_ in listed(opened)]
            assert len(places) == len(set(places))
            assert seen <= set(places)
        for start, end in {(start, end) for _, start, end in listed(opened)}:
            do(opened, MANY, span(start, end), source)
        assert {number for number, *_ in listed(opened)} <= source.bad
        assert seen <= {number for number, *_ in listed(opened)}
