"""In which state a run ends, by what it did."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from flows.engine.outcome import Failure, Outcome
from flows.engine.steps import Plan, Wait, Waiting
from flows.model.entry import Entry
from flows.model.errors import DerivedError
from flows.model.window import Window, utc
from flows.tracking.final_state import final_state
from tests.engine.builders import by_day, csv, table

DAILY = table("core.x", "id INT64, at TIMESTAMP", strategy="append", **by_day("at"), **csv(cursor="at"))
WHOLE = table("core.x", "id INT64", strategy="replace", **csv())
DAYS = Window(utc("2026-01-01"), utc("2026-01-04"))


def _entry(kind="commit", window=DAYS, rows=48_211):
    return Entry("core.x", kind, window, "r", "me", "v", "", datetime.now(UTC), {}, rows=rows)


def _waits(*kinds):
    return Plan(waiting=tuple(Waiting(None, Wait(kind, ("core.a",), until=DAYS.end)) for kind in kinds))


@pytest.mark.parametrize(
    ("entries", "failed", "defined", "expected"),
    [
        ([_entry()], False, DAILY, "COMPLETED Committed 3 windows, 48,211 rows"),
        ([_entry(window=None, rows=1)], False, WHOLE, "COMPLETED Committed whole table, 1 row"),
        ([_entry(rows=2)], True, DAILY, "FAILED PartlyCommitted Committed: 3 windows, 2 rows. Failed: no"),
        ([_entry("part")], True, DAILY, "FAILED Failed no"),
        ([], True, DAILY, "FAILED Failed no"),
    ],
)
def test_a_run_that_did_something_says_how_much(entries, failed, defined, expected):
    """A commit of a range counts its windows; a part of a first copy completes none, so that nobody reads it yet."""
    failures = [Failure(DAYS, DerivedError("no"))] if failed else []
    state = final_state(Outcome("core.x", Plan(), entries, failures, defined=defined))
    assert f"{state.type.value} {state.name} {state.message}" == expected


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        ((), "UpToDate nothing to do, all its windows are committed"),
        (("end",), "UpToDate nothing to do; closes at 2026-01-04 UTC"),
        (("change",), "UpToDate nothing to do; up to date; waits for a change of core.a"),
        (("rows",), "Waiting nothing to do; core.a has no rows yet"),
        (("end", "completeness"), "Waiting nothing to do; core.a is not there, needed up to 2026-01-04"),
    ],
)
def test_a_run_that_did_nothing_waits_for_another_table_or_is_up_to_date(kinds, expected):
    """What waits for time alone is up to date."""
    state = final_state(Outcome("core.x", _waits(*kinds)))
    assert state.is_completed()
    assert f"{state.name} {state.message}" == expected


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("swap", "Committed generation 1 is what readers see again"),
        ("abandon", "UpToDate generation 1 is dropped"),
    ],
)
def test_what_a_person_did_to_generations_is_told(kind, expected):
    """Who reads the table starts where it has other rows now."""
    state = final_state(Outcome("core.x", Plan(), turned=replace(_entry(kind, None), generation=1), defined=DAILY))
    assert f"{state.name} {state.message}" == expected


def test_a_run_that_lets_rows_go_has_committed():
    """It says which, as it has made none."""
    state = final_state(Outcome("core.x", Plan(), [_entry("trim", rows=0)], defined=DAILY))
    said = "0 windows, 0 rows; rows of 2026-01-01..2026-01-04 are gone"
    assert (state.name, state.message) == ("Committed", said)


def test_a_run_that_swaps_a_generation_in_has_committed():
    """Who reads the table starts, also where the last of its windows was made by an earlier run."""
    state = final_state(Outcome("core.x", Plan(), swapped=_entry("swap", None), defined=DAILY))
    said = "0 windows, 0 rows; readers see the rows of its changed definition"
    assert (state.name, state.message) == ("Committed", said)


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        (Window(DAYS.end, utc("2026-01-05")), ", all its windows in 2026-01-01..2026-01-04 are committed; --force does them again"),
        (Window(utc("2026-01-03"), utc("2026-01-05")), "; 2026-01-03..2026-01-05 closes at 2026-01-05 UTC"),
    ],
    ids=["a later one", "one of them"],
)  # fmt: skip
def test_a_window_that_nobody_has_asked_for_keeps_no_range_waiting(window, expected):
    """An open table always waits for its next one."""
    plan = Plan(waiting=(Waiting(window, Wait("end", until=window.end)),), asked=DAYS)
    state = final_state(Outcome("core.x", plan))
    assert f"{state.name} {state.message}" == f"UpToDate nothing to do{expected}"
