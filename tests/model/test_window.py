"""Windows are aligned, half-open and disjoint."""

import doctest
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.model import window as module
from flows.model.errors import UsageError
from flows.model.window import SIZES, Size, Window, add_months, asked_range, covered, merge, subtract, utc

moments = st.integers(-25_000, 47_000).flatmap(
    lambda day: st.timedeltas(timedelta(0), timedelta(1)).map(lambda time: utc("1970-01-01") + timedelta(day) + time)
)
sizes = st.sampled_from(SIZES).map(Size.parse)
days = st.integers(0, 40)
ranges = st.lists(
    st.tuples(days, st.integers(1, 10)).map(
        lambda pair: Window(utc("2026-01-01") + timedelta(pair[0]), utc("2026-01-01") + timedelta(pair[0] + pair[1]))
    ),
    max_size=12,
)


def members(spans):
    """Days that the ranges hold."""
    return {(span.start + timedelta(i)) for span in spans for i in range((span.end - span.start).days)}


def test_examples_in_docstrings():
    """The examples in the docstrings are true."""
    assert doctest.testmod(module).failed == 0


@given(sizes, moments)
def test_floor_is_the_start_of_the_window_that_holds_the_moment(size, moment):
    """floor(t) <= t < next(floor(t)), and a start is its own floor."""
    start = size.floor(moment)
    assert start <= moment < size.next(start)
    assert size.floor(start) == start
    assert size.previous(size.next(start)) == start


@given(sizes, moments, st.timedeltas(timedelta(0), timedelta(days=70)))
def test_split_is_disjoint_ordered_and_aligned(size, start, length):
    """Windows of a span follow each other without a gap, and all whole windows in it are there."""
    span = Window(start, start + length)
    windows = list(size.split(span))
    for one, two in pairwise(windows):
        assert one.end == two.start
    for window in windows:
        assert size.floor(window.start) == window.start
        assert span.start <= window.start < window.end <= span.end
    if windows:
        assert size.previous(windows[0].start) < span.start
        assert size.next(windows[-1].end) > span.end


@given(ranges)
def test_merge_keeps_every_moment(spans):
    """Merged ranges hold the same days, are disjoint, apart and in order."""
    merged = merge(spans)
    assert members(merged) == members(spans)
    for one, two in pairwise(merged):
        assert one.end < two.start


@given(ranges, ranges)
def test_subtract_is_set_difference(spans, holes):
    """What is left holds exactly the days that no hole holds."""
    left = subtract(spans, holes)
    assert members(left) == members(spans) - members(holes)
    assert left == merge(left)


@given(ranges, ranges)
def test_covered_agrees_with_sets(spans, queries):
    """A range is covered exactly where all its days are in one merged range."""
    merged = merge(spans)
    for query in queries:
        assert covered(query, merged) == (members([query]) <= members(spans))


@given(moments, st.integers(-600, 600))
def test_add_months_stays_in_the_month(moment, months):
    """Adding months never spills into the month after."""
    moved = add_months(moment, months)
    assert (moved.year * 12 + moved.month) - (moment.year * 12 + moment.month) == months
    assert moved.day <= moment.day


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("1 dya", "Did you mean '1 day'?"),
        ("5 hours", "hours must divide a day"),
        ("2 days", "hours must divide a day"),
        ("0 hours", "hours must divide a day"),
        ("day", "1 day"),
        ("", "Write one of"),
    ],
)
def test_a_bad_size_says_what_to_write(text, hint):
    """A size that does not exist is refused with one that does."""
    with pytest.raises(ValueError, match="is not a size") as caught:
        Size.parse(text)
    assert hint in str(caught.value)
    assert repr(text) in str(caught.value)


def test_a_week_begins_on_monday():
    """2026-01-01 is a Thursday of the week of Monday 2025-12-29."""
    assert Size.parse("1 week").floor(utc("2026-01-01")) == utc("2025-12-29")
    assert str(Size.parse("24 hours")) == "1 day"


@pytest.mark.parametrize("given", ["2026-13-45", "0001-01-01T00:00+05:00", "9999-12-31T23:00-05:00", 5, [1], ""])
def test_what_is_asked_for_is_a_range_of_dates(given):
    """A moment that no clock shows in UTC is none; the error calls it as the person does, who wrote a command."""
    with pytest.raises(UsageError, match=r"--from .* is not a date"):
        asked_range(given, None)
