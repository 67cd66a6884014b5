"""A changed definition is made beside the rows that readers see, and takes their place when all of it is there."""

from dataclasses import replace

import pytest

from flows.engine import ledger
from flows.engine.commit import TableRun
from flows.engine.generations import turn
from flows.engine.state import KEPT
from flows.engine.steps import Kept, Plan, Reason, Step
from flows.model.errors import ConflictError, UsageError
from flows.model.window import Window, utc
from flows.project.project import load_project
from flows.report.plan_text import describe_plan
from flows.report.text import describe_outcome, remarks
from flows.warehouses.interface import shadow_of
from tests.simulator.house import (
    AFTER,
    BEFORE,
    DOUBLED,
    NAME,
    ROWS,
    TABLE,
    TOTALS,
    amounts,
    change_and_return,
    change_upstream,
    fields,
    living,
)


def days(first, last):
    """Return the range of days of January [first, last)."""
    return Window(utc(f"2026-01-0{first}"), utc(f"2026-01-0{last}"))


NEW = 1_000
"""A version that is newer than any here, as of a run that has looked a moment before another one wrote."""


@pytest.fixture
def house(warehouse, tmp_path):
    """A core table of four days, and a derived one that is up to date."""
    return living(tmp_path, warehouse)


def test_readers_see_one_definition_until_the_other_is_whole(house):
    """Pieces of the new one are made in any order; what they see stays fresh; nothing is lost by --from and --to."""
    house.write(TABLE, DOUBLED)
    done = house.run(TABLE, bounds=days(3, 4))
    assert [step.window for step in done.plan.windows] == [days(3, 4)]
    assert amounts(house) == BEFORE
    house.insert([*ROWS, (9, "2026-01-01", 1, 1)])
    house.copy()
    house.run(TABLE, bounds=days(1, 2))
    assert amounts(house) == {**BEFORE, 1: 2.5}
    house.run(TABLE, bounds=days(4, 5))
    assert amounts(house) == {**BEFORE, 1: 2.5}
    last = house.run(TABLE)
    assert [step.window for step in last.plan.windows] == [days(2, 3)]
    assert amounts(house) == {**AFTER, 1: 5}
    assert not house.run(TABLE).entries
    assert house.warehouse.present(["derived.totals-g0", "derived.totals-g1"]) == {"derived.totals-g0"}


def test_one_whose_windows_are_all_to_come_is_whole(house):
    """Readers see none of the rows that lie outside them; what is made later, by whatever definition, begins there."""
    reads = {**TOTALS, "sql": TOTALS["sql"].replace(NAME, TABLE).replace("amount", "n")}
    house.write("derived.below", reads)
    house.run("derived.below")
    later = {**DOUBLED, "window": {"size": "1 day", "start": "2126-01-01"}}
    house.write(TABLE, later)
    with pytest.raises(UsageError, match="none of its windows has closed yet"):
        house.run(TABLE, accept=True)
    done = house.run(TABLE)
    told = "\n".join([*describe_plan(TABLE, done.plan), describe_outcome(done)])
    assert "to do: generation 1 takes the place" in told
    assert "no window of generation 1 has closed yet; readers see no rows" in told
    assert told.endswith("generation 1 is what readers see")
    assert (done.failures, done.swapped.generation, house.rows(TABLE)) == ([], 1, [])
    done = house.run(TABLE)
    assert (done.swapped, done.plan.succession, done.plan.windows) == (None, None, ())
    assert house.run("derived.below").plan.kept == (Kept(TABLE, 4),)
    house.write(TABLE, fields("retyped"))
    house.run(TABLE)
    assert {type(row["n"]) for row in house.rows(TABLE)} == {int}
    assert len(house.run("derived.below").entries) == 4
    house.run(TABLE, rollback=True)
    assert amounts(house) == BEFORE


def test_what_takes_the_place_of_rows_has_all_their_windows(house):
    """Also those that have not closed yet by a delay that has grown."""
    house.write(TABLE, {**DOUBLED, "window": {**TOTALS["window"], "delay": "99999 days"}})
    done = house.run(TABLE)
    assert (done.swapped is not None, done.failures) == (True, [])
    assert amounts(house) == AFTER


def test_rows_within_windows_that_are_still_open_stay(house, monkeypatch):
    """Until one of those has closed readers keep the definition before, whichever of two clocks is wrong."""
    house.write(TABLE, {**DOUBLED, "window": {**TOTALS["window"], "size": "1 month", "end": "2026-02-01"}})
    with monkeypatch.context() as wrong:
        wrong.setattr(house.warehouse, "now", lambda: utc("2020-01-01"))
        done = house.run(TABLE)
    assert (done.swapped, done.failures) == (None, [])
    told = "\n".join([*describe_plan(TABLE, done.plan), *remarks(done)])
    assert "readers keep what they see until one is there" in told
    assert "the clock of an earlier run was ahead" in told
    assert amounts(house) == BEFORE
    house.write(TABLE, DOUBLED)
    house.run(TABLE)
    assert amounts(house) == AFTER


def test_changed_back_or_again(house):
    """What was begun is dropped, and only what the file says now is made."""
    house.write(TABLE, DOUBLED)
    house.run(TABLE, bounds=days(1, 3))
    house.write(TABLE, TOTALS)
    assert not house.run(TABLE).entries
    assert amounts(house) == BEFORE
    assert not house.warehouse.present(["derived.totals-g1"])
    house.write(TABLE, DOUBLED)
    house.run(TABLE, bounds=days(1, 3))
    house.write(TABLE, {**TOTALS, "sql": TOTALS["sql"].replace("SUM(amount)", "0 * SUM(amount)")})
    assert len(house.run(TABLE).entries) == 4
    assert set(amounts(house).values()) == {0}
    assert not house.warehouse.present(["derived.totals-g2", "derived.totals-g1"])


def test_what_was_begun_is_abandoned_and_what_was_swapped_in_rolled_back(house):
    """Neither is begun again by itself; what readers see stays fresh."""
    with pytest.raises(UsageError, match="no generation is begun"):
        house.run(TABLE, abandon=True)
    with pytest.raises(UsageError, match="seen no rows of another generation"):
        house.run(TABLE, rollback=True)
    house.write(TABLE, DOUBLED)
    house.run(TABLE, bounds=days(1, 2))
    house.run(TABLE, abandon=True)
    assert not house.run(TABLE).entries
    house.write(TABLE, TOTALS)
    house.run(TABLE)
    house.write(TABLE, {**DOUBLED, "sql": DOUBLED["sql"].replace("2 *", "2 * 1 *")})
    house.run(TABLE)
    assert amounts(house) == AFTER
    house.run(TABLE, rollback=True)
    assert amounts(house) == BEFORE
    house.insert([*ROWS, (9, "2026-01-01", 1, 1)])
    house.copy()
    assert len(house.run(TABLE).entries) == 1
    assert amounts(house) == {**BEFORE, 1: 2.5}
    house.write(TABLE, DOUBLED)
    house.run(TABLE)
    assert amounts(house) == {**AFTER, 1: 5}


def test_a_table_that_a_late_run_has_made_is_in_nobodys_way(house):
    """It is that of a generation which readers see under the table's name already, and holds nothing."""
    house.write(TABLE, DOUBLED)
    house.run(TABLE)
    late = shadow_of(load_project(house.root).tables[TABLE], 1)
    house.warehouse.prepare(late, NEW)
    house.insert([*ROWS, (9, "2026-01-01", 1, 1)])
    house.copy()
    house.run(TABLE)
    assert amounts(house) == {**AFTER, 1: 5}
    house.warehouse.prepare(late, NEW)
    house.run(TABLE, rollback=True)
    assert amounts(house) == BEFORE
    assert amounts(house, late.identity) == {**AFTER, 1: 5}


def test_a_run_that_planned_before_a_swap_alters_and_makes_no_table(house):
    """Neither the one that readers see nor that of the generation, whatever its file says of columns."""
    house.write(TABLE, fields("renamed"))
    subject = load_project(house.root).tables[TABLE]
    house.run(TABLE, bounds=days(1, 2))
    known = ledger.read(house.warehouse, [subject])[TABLE].state.version
    house.write(TABLE, TOTALS)
    house.run(TABLE)
    house.write(TABLE, DOUBLED)
    house.run(TABLE)
    for late in (subject, shadow_of(subject, 1)):
        with pytest.raises(ConflictError, match="This run changed nothing"):
            house.warehouse.prepare(late, known)
    assert amounts(house) == AFTER
    assert not house.warehouse.present([f"{TABLE}-g1"])


def test_what_others_have_begun_is_not_dropped(house):
    """A run drops no generation that it does not know of, nor the one that readers saw when it planned."""
    subject = load_project(house.root).tables[TABLE]
    reading = ledger.read(house.warehouse, [subject])[TABLE]
    house.write(TABLE, DOUBLED)
    house.run(TABLE)
    house.write(TABLE, TOTALS)
    house.run(TABLE, bounds=days(1, 2))
    late = TableRun(subject, "late", "tester", "", reading.state.version)
    expired = replace(reading, retired=(0,), retired_at=(house.warehouse.now() - 1.1 * KEPT,))
    step = Step(days(1, 2), "missing", Reason("not committed"))
    turn(late, Plan((step,), version=late.known_version), expired, house.warehouse)
    kept = {f"{TABLE}-g0", f"{TABLE}-g2"}
    assert house.warehouse.present([*kept, f"{TABLE}-g1"]) == kept


def test_a_run_of_an_older_commit_undoes_nothing(house):
    """Neither what a newer one has begun nor what it has swapped in; a commit that reverts it is another one."""
    house.git_commit = "older"
    house.insert([*ROWS, (9, "2026-01-01", 1, 1)])
    house.copy()
    house.run(TABLE)
    house.git_commit = "newer"
    house.write(TABLE, DOUBLED)
    house.run(TABLE, bounds=days(1, 2))
    for _ in range(2):
        house.git_commit = "older"
        house.write(TABLE, TOTALS)
        with pytest.raises(ConflictError, match="commit older, which is older than newer"):
            house.run(TABLE)
        house.git_commit = "newer"
        house.write(TABLE, DOUBLED)
        house.run(TABLE)
        assert amounts(house) == {**AFTER, 1: 5}
    house.git_commit = "revert"
    house.write(TABLE, TOTALS)
    house.run(TABLE)
    assert amounts(house) == {**BEFORE, 1: 2.5}


@pytest.mark.parametrize("change", ["renamed", "rules"])
def test_the_table_ends_as_if_it_were_made_anew(house, change):
    """Rows, their columns and those columns' order are the file's; and so again when the file changes back."""
    change_and_return(house, change)


@pytest.mark.parametrize("change", ["start"])
def test_what_reads_it_follows_where_rows_differ(house, change):
    """What was made of rows that went stays as it is."""
    change_upstream(house, change)
