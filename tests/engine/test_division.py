"""A step is divided until the windows at fault are alone."""

from itertools import pairwise
from math import ceil, log2

from hypothesis import given
from hypothesis import strategies as st

from flows.engine.division import pieces
from flows.model.errors import CheckFailedError, QuarantineError, SourceError, SourceUnavailableError
from tests.engine.builders import EVENTS, TOTALS, span, window


def tried(days, bad, *, is_known):
    """Return the ranges that were done, those that failed, and how many were tried, as a run does it."""
    done, failed, left, count = [], [], [span(0, days)], 0
    while left:
        step, count = left.pop(0), count + 1
        at_fault = [day for day in sorted(bad) if step.overlaps(window(day))]
        if not at_fault:
            done.append(step)
            continue
        error = CheckFailedError("")
        if is_known:
            error.spans = [(window(day).start, window(day).end) for day in at_fault]
        found = pieces(EVENTS, step, error)
        left[:0] = found
        failed += [] if found else [step]
    return done, failed, count


@given(
    st.integers(1, 200).flatmap(lambda days: st.tuples(st.just(days), st.sets(st.integers(0, days - 1)))), st.booleans()
)
def test_all_windows_but_those_at_fault_are_done(given, is_known):
    """In order, each once; one at fault costs two tries more where it is known, and twice the depth where it is not."""
    days, bad = given
    done, failed, count = tried(days, bad, is_known=is_known)
    assert failed == [window(day) for day in sorted(bad)]
    covered = sorted([*done, *failed])
    assert covered[0].start == window(0).start
    assert covered[-1].end == window(days - 1).end
    assert all(one.end == two.start for one, two in pairwise(covered))
    assert count <= (2 + 2 * len(bad) if is_known else 1 + 2 * len(bad) * ceil(log2(days)))


def test_what_is_not_of_rows_divides_nothing():
    """Nor does a window alone, or one of a derived table."""
    known = QuarantineError("", of_rows=False)
    for error in (SourceError("no such table"), SourceUnavailableError("away"), known):
        assert pieces(EVENTS, span(0, 9), error) == []
    assert pieces(EVENTS, window(3), CheckFailedError("")) == []
    assert pieces(TOTALS, span(0, 9), CheckFailedError("")) == []
    assert pieces(EVENTS, None, CheckFailedError("")) == []
