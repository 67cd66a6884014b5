"""A plan holds exactly the windows that are due and ready, oldest first, and says why the others wait."""

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.engine.plan import plan
from flows.engine.state import Begun, Committed, LedgerState, Upstream, complete
from flows.engine.steps import Moment
from flows.model.change_index import ChangeIndex
from flows.model.definition import Change
from flows.model.dependency import Dependency, Edge
from flows.model.entry import Copied
from flows.model.window import BEGINNING, END, EVER, Window, covered, merge, subtract
from flows.project.definition import code_version
from flows.report.plan_text import describe_reason, describe_wait, plan_remarks
from tests.engine.builders import START, by_day, csv, day, span, table

VISITS = {
    "strategy": "append",
    "sql": "SELECT DATE(at) AS day FROM core.events WHERE at >= @window_start AND at < @window_end",
    **by_day("day"),
}


def visits(**changes):
    """Return a derived table with daily windows."""
    return table("derived.visits", "day DATE", **{**VISITS, **changes})


def core(**changes):
    """Return a core table with daily windows."""
    return visits(sql=None, strategy="merge", key=["day"], **csv(cursor="day"), **changes)


WINDOWED = Dependency("core.events", (Edge("start"), Edge("end")))
SQL = Change("sql")
SNAPSHOT = Dependency("core.users", None)
WEEK = Dependency("core.events", (Edge("start", offset=timedelta(days=-7)), Edge("end")))


def committed(subject, first, last=None, version=1, **upstreams):
    """Return a commit of the days [first, last) that had read these versions."""
    window = span(first, first + 1 if last is None else last)
    return Committed(
        window, version, code_version(subject), day(0), {f"core.{name}": v for name, v in upstreams.items()}
    )


def events(*touched, until=100):
    """Return an upstream that is complete up to a day and was touched in these (first, last, version)."""
    touches = [(span(first, last), version) for first, last, version in touched]
    return {
        "core.events": Upstream(
            max([1, *(v for _, v in touches)]), (Window(BEGINNING, day(until)),), ChangeIndex(touches)
        )
    }


def at(number):
    """Return a plan's time, a day after 2026-01-01."""
    return Moment(day(number), day(number))


def windows(found):
    """Return the days of the planned windows."""
    return [(item.window.start - START).days for item in found.windows]


def waits(found):
    """Return for what the first window waits, in words."""
    return describe_wait(found.waiting[0].wait)


def test_missing_windows_are_planned_oldest_first():
    """All closed windows that no commit covers are due, and only those."""
    subject = visits()
    state = LedgerState(1, (committed(subject, 1),))
    found = plan(subject, [WINDOWED], state, events((0, 9, 0)), at(4))
    assert windows(found) == [0, 2, 3]
    assert {item.cause for item in found.windows} == {"missing"}


def test_an_open_window_waits_until_it_has_closed_and_the_delay_has_passed():
    """A delay keeps a window open for late rows; the plan says when it closes."""
    subject = visits(window={"size": "1 day", "start": "2026-01-01", "delay": "2 hours"})
    early = Moment(day(1) + timedelta(hours=1, minutes=59), day(0))
    assert plan(subject, [WINDOWED], LedgerState(), events(), early).windows == ()
    assert "closes at 2026-01-02T02:00:00" in waits(plan(subject, [WINDOWED], LedgerState(), events(), early))
    late = Moment(day(1) + timedelta(hours=2), day(0))
    assert windows(plan(subject, [WINDOWED], LedgerState(), events(), late)) == [0]


def test_a_window_waits_for_its_upstream_as_far_as_it_reads():
    """With an upstream complete up to day 3, days 0 to 2 are ready and the rest say what they wait for."""
    found = plan(visits(), [WINDOWED], LedgerState(), events(until=3), at(6))
    assert windows(found) == [0, 1, 2]
    assert found.waiting[0].window == span(3, 6)
    assert "core.events is complete up to 2026-01-04" in waits(found)


def test_rows_before_the_upstreams_start_are_not_waited_for():
    """A reach of seven days before the upstream's first window does not block."""
    upstream = core()
    done = complete(upstream, LedgerState(1, (committed(upstream, 0, 5),)))
    known = {"core.events": Upstream(1, tuple(done))}
    assert windows(plan(visits(), [WEEK], LedgerState(), known, at(9))) == [0, 1, 2, 3, 4]


def test_a_touched_range_makes_exactly_the_windows_stale_that_read_it():
    """With a reach of seven days, a late row of day 2 repairs days 2 to 9."""
    subject = visits()
    state = LedgerState(20, tuple(committed(subject, i, version=i + 1, events=1) for i in range(20)))
    found = plan(subject, [WEEK], state, events((2, 3, 2)), at(20))
    assert windows(found) == list(range(2, 10))
    assert {item.cause for item in found.windows} == {"stale"}
    assert "core.events changed" in describe_reason(found.windows[0].reason)


def test_what_was_read_after_the_touch_is_not_stale():
    """A window that had read the touching version is up to date."""
    subject = visits()
    state = LedgerState(2, (committed(subject, 0, events=7), committed(subject, 1, version=2, events=6)))
    assert windows(plan(subject, [WINDOWED], state, events((0, 2, 7)), at(2))) == [1]


def test_a_snapshot_change_repairs_only_the_lookback():
    """A lookup table's change is taken into the newest windows that the table asks for."""
    subject = visits(window={"size": "1 day", "start": "2026-01-01", "lookback": 2})
    state = LedgerState(5, tuple(committed(subject, i, version=i + 1, users=1) for i in range(5)))
    users = {"core.users": Upstream(2, (EVER,), ChangeIndex([(EVER, 2)]))}
    found = plan(subject, [SNAPSHOT], state, users, at(5))
    assert windows(found) == [3, 4]
    assert {item.cause for item in found.windows} == {"lookback"}


def test_an_upstream_without_rows_is_waited_for():
    """A table that was never made blocks, with its name."""
    found = plan(visits(), [SNAPSHOT], LedgerState(), {"core.users": Upstream()}, at(2))
    assert found.windows == ()
    assert waits(found) == "core.users has no rows yet"


def test_a_core_tables_missing_windows_are_ranges():
    """A first copy of a year is one range, and a gap is found."""
    subject = core()
    assert [item.window for item in plan(subject, [], LedgerState(), {}, at(365)).windows] == [span(0, 365)]
    state = LedgerState(2, (committed(subject, 0, 3), committed(subject, 5, 9, version=2)))
    assert [item.window for item in plan(subject, [], state, {}, at(10)).windows] == [span(3, 5), span(9, 10)]


def test_a_first_copy_goes_on_behind_windows_that_were_never_copied():
    """As where the table's start was moved to before the copy, and some windows there were asked for."""
    subject, copied = core(), Copied("position", rows=7, bad=0)
    begun = Begun(span(4, 8), copied, code_version(subject), holds=True)
    state = LedgerState(3, (committed(subject, 2, 4, version=3),), begun=begun)
    found = [(step.window, step.is_first, step.copied) for step in plan(subject, [], state, {}, at(10)).windows]
    assert found == [(span(0, 2), False, None), (span(4, 8), True, copied), (span(8, 10), False, None)]


def test_a_core_table_is_complete_up_to_its_first_gap():
    """Windows after a gap do not count, and after its end a table is complete for ever."""
    subject = core()
    state = LedgerState(2, (committed(subject, 0, 3), committed(subject, 5, 9, version=2)))
    assert complete(subject, state) == [Window(BEGINNING, day(3))]
    closed = core(window={"size": "1 day", "start": "2026-01-01", "end": "2026-01-04"})
    assert complete(closed, LedgerState(1, (committed(closed, 0, 3),))) == [Window(BEGINNING, END)]
    assert plan(closed, [], LedgerState(1, (committed(closed, 0, 3),)), {}, at(50)).waiting == ()


def test_bounds_and_force_choose_windows():
    """Only whole windows inside the bounds are planned; force takes committed ones too."""
    subject = visits()
    state = LedgerState(5, tuple(committed(subject, i, version=i + 1, events=1) for i in range(5)))
    inside = Window(day(1) + timedelta(hours=1), day(4))
    assert windows(plan(subject, [WINDOWED], state, events(), at(5), bounds=inside)) == []
    found = plan(subject, [WINDOWED], state, events(), at(5), bounds=inside, force=True)
    assert windows(found) == [2, 3]
    assert {item.cause for item in found.windows} == {"forced"}


def test_a_plan_says_what_it_reads_without_what_failed():
    """A table that is read whole is read as it is: which of its windows failed is told with what is made of it."""
    failed = (Window(day(1), day(2)), Window(day(2), day(3)), Window(day(4), day(5)))
    users = {"core.users": Upstream(4, (EVER,), ChangeIndex([(EVER, 3)]), failed=failed)}
    found = plan(visits(), [SNAPSHOT], LedgerState(), users, at(2))
    [remark] = plan_remarks("derived.visits", found)
    assert remark.startswith("derived.visits: reads core.users as it is, without what failed of it: 2026")
    assert remark.endswith(": 2026-01-02..2026-01-04, 2026-01-05..2026-01-06")
    held = plan(visits(), [WINDOWED], LedgerState(), {**events(), **users}, at(2))
    assert plan_remarks("derived.visits", held) == []


def test_a_replaced_table_follows_its_upstreams_changes():
    """It is made when it never was, when its definition or an upstream changed, and else waits."""
    subject = visits(strategy="replace", window=None, partition=None)
    users = {"core.users": Upstream(4, (EVER,), ChangeIndex([(EVER, 3)]))}
    assert len(plan(subject, [SNAPSHOT], LedgerState(), users, at(1)).windows) == 1
    read = Committed(EVER, 1, code_version(subject), day(0), {"core.users": 3})
    done = plan(subject, [SNAPSHOT], LedgerState(1, (read,)), users, at(1))
    assert done.windows == ()
    assert "core.users" in waits(done)
    older = Committed(EVER, 1, code_version(subject), day(0), {"core.users": 2})
    [step] = plan(subject, [SNAPSHOT], LedgerState(1, (older,)), users, at(1)).windows
    assert describe_reason(step.reason) == "core.users changed"


def test_a_full_copy_is_made_when_its_schedule_was_due():
    """A core table without a cursor has nothing but the clock to go by."""
    source = {"kind": "files", "path": "x.csv"}
    subject = visits(sql=None, strategy="replace", window=None, partition=None, source=source)
    last = Committed(EVER, 1, code_version(subject), day(1), {})
    assert plan(subject, [], LedgerState(1, (last,)), {}, Moment(day(3), day(2))).windows[0].cause == "stale"
    assert plan(subject, [], LedgerState(1, (last,)), {}, Moment(day(3), day(1))).windows == ()


days = st.tuples(st.integers(0, 25), st.integers(1, 8)).map(lambda pair: span(pair[0], pair[0] + pair[1]))


@given(st.lists(days, max_size=6), st.integers(0, 30), st.integers(0, 30), st.integers(0, 3))
def test_plan_and_done_cover_the_range_and_planning_again_gives_nothing(done, now, ready, reach):
    """Every closed window is committed, planned or waiting, never two of these; after success nothing is planned."""
    subject = visits()
    dependency = Dependency("core.events", (Edge("start", offset=timedelta(days=-reach)), Edge("end")))
    commits = {}
    for piece in done:
        for window in subject.window.size.split(piece):
            commits[window] = Committed(window, len(commits) + 1, code_version(subject), day(0), {})
    state = LedgerState(len(commits), tuple(commits.values()))
    known = events(until=ready)
    first = plan(subject, [dependency], state, known, at(now))
    todo = [item.window for item in first.windows]
    assert todo == sorted(set(todo))
    assert not set(todo) & set(commits)
    waits = [item.window for item in first.waiting if item.window.end <= day(now)]
    for one, two in pairwise(merge(waits)):
        assert one.end <= two.start
    everything = merge([*todo, *commits, *waits])
    assert now == 0 or covered(span(0, now), everything)
    assert not subtract(todo, [span(0, min(now, ready))])
    after = LedgerState(
        99,
        (
            *state.committed,
            *(Committed(window, 50 + i, code_version(subject), day(0), {}) for i, window in enumerate(todo)),
        ),
    )
    assert plan(subject, [dependency], after, known, at(now)).windows == ()


@given(st.lists(st.tuples(days, st.integers(1, 50)), max_size=12), days)
def test_touches_give_the_newest_version_within_a_range(touched, query):
    """The answer is the maximum over all touched ranges that overlap."""
    expected = max((version for window, version in touched if window.overlaps(query)), default=0)
    assert ChangeIndex(touched).within(query) == expected


@pytest.mark.parametrize("anything", [Window(BEGINNING, END), Window(BEGINNING, day(3))])
def test_touches_reach_back_to_the_beginning(anything):
    """A query without a lower bound sees the oldest touch."""
    assert ChangeIndex([(span(0, 1), 4), (span(2, 9), 3)]).within(anything) == 4
