"""Of two runs that would commit one window at most one does; the other changes nothing and says so."""

import threading
from dataclasses import replace

import pytest

from flows.engine.commit import TableRun, commit_step, entry_of
from flows.engine.steps import Reason, Step
from flows.model.errors import ConflictError
from flows.model.window import EVER
from tests.engine.builders import EVENTS, TOTALS, Rows, do, event, prepare, reading, rows, window


def run(name, known):
    """Return a run of the totals that planned at a version."""
    return TableRun(TOTALS, name, "tester", "abc", known, {}, {"core.events": EVENTS.types})


def test_a_run_that_planned_before_another_committed_changes_nothing(warehouse):
    """It says who was first; another window is free."""
    do(warehouse, EVENTS, EVER, Rows([event(1, 0), event(2, 1)]))
    prepare(warehouse, TOTALS)
    commit_step(run("first", 0), Step(window(0), "missing", Reason("not committed")), warehouse)
    before = rows(warehouse, TOTALS)
    with pytest.raises(ConflictError, match=r"run first of tester has committed .* This run changed nothing"):
        commit_step(run("second", 0), Step(window(0), "missing", Reason("not committed")), warehouse)
    assert rows(warehouse, TOTALS) == before
    assert commit_step(run("second", 0), Step(window(1), "missing", Reason("not committed")), warehouse).version == 2


def test_of_runs_at_once_one_commits_each_window(warehouse):
    """The ledger has one commit for each window, and the table each row once."""
    do(warehouse, EVENTS, EVER, Rows([event(1, 0), event(2, 1)]))
    prepare(warehouse, TOTALS)
    lost = []

    def both(name):
        for number in (0, 1):
            try:
                commit_step(run(name, 0), Step(window(number), "missing", Reason("not committed")), warehouse)
            except ConflictError as error:
                lost.append(str(error))

    threads = [threading.Thread(target=both, args=(name,)) for name in ("one", "two", "three")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    state = reading(warehouse, TOTALS).state
    assert sorted(item.window for item in state.committed) == [window(0), window(1)]
    assert state.version == 2
    assert len(lost) == 4
    assert len(rows(warehouse, TOTALS)) == 2


def test_of_runs_at_once_one_begins_a_generation(warehouse):
    """No two entries of a table are of one version."""
    do(warehouse, EVENTS, EVER, Rows([event(1, 0)]))
    do(warehouse, TOTALS, window(0))
    lost = []

    def begin(name):
        entry = entry_of(run(name, 1), Step(None, "missing", Reason("not committed")), warehouse)
        try:
            warehouse.mark(replace(entry, kind="begin", generation=1), 1)
        except ConflictError as error:
            lost.append(str(error))

    threads = [threading.Thread(target=begin, args=(name,)) for name in ("one", "two", "three", "four")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(lost) == 3
    assert reading(warehouse, TOTALS).state.version == 2
