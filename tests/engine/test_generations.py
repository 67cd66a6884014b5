"""Whatever changes in a derived table's file, it ends as if it were made anew, and what reads it follows."""

from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from flows.engine.question import question
from flows.model.errors import ConflictError, DefinitionError
from flows.model.window import Window, utc
from flows.report.plan_text import describe_plan
from flows.report.text import remarks
from flows.warehouses.duckdb.warehouse import DuckDB
from tests.simulator.house import (
    AFTER,
    BEFORE,
    CHANGES,
    DOUBLED,
    LOG,
    NAME,
    ROWS,
    TABLE,
    TOTALS,
    amounts,
    change_and_return,
    change_upstream,
    fields,
    living,
    logged,
)


def days(first, last=None):
    """Return the range of days of January [first, last), or one of them."""
    return Window(utc(f"2026-01-{first:02}"), utc(f"2026-01-{last or first + 1:02}"))


@pytest.mark.parametrize("change", CHANGES)
def test_the_table_ends_as_if_it_were_made_anew(house, change):
    """Rows, their columns and those columns' order are the file's; and so again when the file changes back."""
    change_and_return(house, change)


def test_checks_are_of_the_rows_that_are_made(house):
    """Those that read the table itself read what its new definition has made."""
    given = {
        **DOUBLED,
        "columns": [
            {"name": "day", "type": "DATE", "checks": ["unique", {"references": f"{TABLE}.day"}]},
            {"name": "n", "type": "NUMERIC"},
        ],
        "checks": [{"sql": f"SELECT day, n FROM {TABLE} WHERE n > 8"}],
    }
    house.write(TABLE, given)
    (failure,) = house.run(TABLE).failures
    assert "n=9" in str(failure.error)
    assert amounts(house) == BEFORE
    house.write(TABLE, {**given, "checks": [{"sql": f"SELECT day, n FROM {TABLE} WHERE n > 9"}]})
    house.run(TABLE)
    assert amounts(house) == AFTER


def test_what_readers_see_keeps_to_the_checks_of_the_file(house):
    """Rows of the definition before fail them too, but not those that need a column which only the new one has."""
    checks = [{"row_count": {"min": 1}}, {"sql": f"SELECT day, n FROM {TABLE} WHERE n > 100"}]
    partition = {**TOTALS["partition"], "require_filter": True}
    house.write(TABLE, {**TOTALS, "partition": partition, "checks": checks})
    assert not house.run(TABLE).plan.windows
    columns = [*TOTALS["columns"], {"name": "extra", "type": "INT64"}]
    sql = DOUBLED["sql"].replace("AS n", "AS n, 7 AS extra")
    checks = [*checks, {"sql": f"SELECT day, extra FROM {TABLE} WHERE extra = 8"}]
    file = {**TOTALS, "columns": columns, "sql": sql, "partition": partition, "checks": checks, "budget": "1 GB"}
    house.write(TABLE, file)
    house.run(TABLE, bounds=days(3))
    house.insert([(2, "2026-01-02", 1, 101), *ROWS[2:]])
    house.copy()
    done = house.run(TABLE, bounds=days(1, 3))
    live = done.plan.editions[0].table
    assert (len(live.checks), live.budget, live.partition.require_filter) == (2, 10**9, True)
    assert [("row_count" in str(one.error), "n=101" in str(one.error)) for one in done.failures[:2]] == [
        (True, False),
        (False, True),
    ]
    assert amounts(house) == BEFORE


def test_what_reads_a_table_that_was_turned_back_reads_what_is_there(house):
    """It waits no longer for a file that nobody makes; only SQL that needs a column of that file does."""
    sql = f"SELECT day, n FROM {TABLE} WHERE day >= DATE(@window_start) AND day < DATE(@window_end)"
    house.write("derived.below", {**TOTALS, "sql": sql})
    house.run("derived.below")
    columns = [*TOTALS["columns"], {"name": "extra", "type": "INT64"}]
    house.write(TABLE, {**DOUBLED, "columns": columns, "sql": DOUBLED["sql"].replace("AS n", "AS n, 7 AS extra")})
    house.run(TABLE)
    house.run(TABLE, rollback=True)
    house.write("derived.fresh", {**TOTALS, "sql": sql})
    house.run("derived.fresh")
    house.write("derived.below", {**TOTALS, "sql": sql.replace("n FROM", "n + 1 AS n FROM")})
    house.run("derived.below")
    assert amounts(house, "derived.fresh") == BEFORE
    assert amounts(house, "derived.below") == {day: value + 1 for day, value in BEFORE.items()}
    house.write("derived.below", {**TOTALS, "sql": sql.replace("n FROM", "n + extra AS n FROM")})
    assert {one.wait.kind for one in house.run("derived.below").plan.waiting} == {"generation"}


@pytest.mark.parametrize("change", ["size", "renamed", "retyped", "rules", "merge", "replace"])
def test_a_table_of_which_all_was_trimmed_takes_any_definition(house, change):
    """None of its windows are there, and yet it has the columns of the definition before."""
    house.write(TABLE, {**TOTALS, "window": {"size": "1 day", "start": "2099-01-01", "end": "2099-01-05"}})
    house.run(TABLE)
    assert not house.rows(TABLE)
    if change != "replace":
        window = {**fields(change)["window"], "start": "2099-01-01", "end": "2099-01-05"}
        house.write(TABLE, {**fields(change), "window": window})
        for _ in range(2):
            assert not house.run(TABLE).failures
    change_and_return(house, change)


def test_what_reads_whole_rows_follows_a_column_that_comes_or_goes(house):
    """The other columns are the same, but a row as a whole is not."""
    columns = [{"name": "day", "type": "DATE"}, {"name": "row", "type": "STRING"}]
    sql = f"SELECT day, TO_JSON_STRING(t) AS `row` FROM {TABLE} AS t"
    bounds = " WHERE day >= DATE(@window_start) AND day < DATE(@window_end)"
    house.write("derived.below", {**TOTALS, "columns": columns, "sql": sql + bounds})
    house.run("derived.below")
    wider = {"columns": [*TOTALS["columns"], {"name": "more", "type": "INT64"}]}
    for file, row in (
        ({**TOTALS, **wider, "sql": TOTALS["sql"].replace("AS n", "AS n, 7 AS more")}, '"n":"1.5","more":7}'),
        (TOTALS, '"n":"1.5"}'),
    ):
        house.write(TABLE, file)
        house.run(TABLE)
        house.run("derived.below")
        assert house.rows("derived.below")[0]["row"].endswith(row)


def test_a_swap_is_finished_of_what_the_definition_before_reads_too(tmp_path):
    """Rows that readers see are kept up to date by SQL that may read another table than the file's."""
    swapped = []

    class Noting(DuckDB):
        """Notes of which tables a swap is to be finished."""

        def carry_out(self, table, generation, retired):
            """Note it."""
            swapped.append(table.identity)
            super().carry_out(table, generation, retired)

    with closing(Noting(Path(":memory:"))) as warehouse:
        house = living(tmp_path, warehouse)
        sql = TOTALS["sql"].replace(NAME, TABLE).replace("SUM(amount)", "SUM(n)")
        house.write("derived.below", {**TOTALS, "sql": sql})
        house.run("derived.below")
        house.write(TABLE, DOUBLED)
        house.run(TABLE)
        house.write("derived.below", TOTALS)
        house.run("derived.below")
    assert swapped == [TABLE]


def test_the_history_tells_which_commit_is_older(house):
    """The older one undoes nothing though nobody has seen it, and the newer one whatever was seen first."""
    house.history = ["older", "newer"]
    house.git_commit = "newer"
    house.write(TABLE, DOUBLED)
    house.run(TABLE)
    house.git_commit = "older"
    house.write(TABLE, TOTALS)
    with pytest.raises(ConflictError, match="commit older, which is older than newer"):
        house.run(TABLE)
    assert amounts(house) == AFTER
    house.history = []
    house.run(TABLE)
    assert amounts(house) == BEFORE
    house.history = ["older", "newer"]
    house.git_commit = "newer"
    house.write(TABLE, DOUBLED)
    house.run(TABLE)
    assert amounts(house) == AFTER


def test_a_definition_that_fails_does_not_keep_the_one_away_that_mends_it(house):
    """Windows that failed by the one are not tried before the other, and the run ends well."""
    window = {"size": "1 day", "start": "2026-01-01", "end": "2026-01-10"}
    house.insert([(number, f"2026-01-0{number}", 1, 2 if number < 4 else 0) for number in range(1, 10)])
    house.copy()
    broken = TOTALS["sql"].replace("SUM(amount)", "CAST(100 / SUM(amount) AS NUMERIC)")
    house.write("derived.shares", {**TOTALS, "window": window, "sql": broken})
    first = house.run("derived.shares")
    assert (len(first.entries), len(first.failures), len(first.untried)) == (3, 5, 1)
    mended = TOTALS["sql"].replace("SUM(amount)", "CAST(IF(SUM(amount) = 0, 0, 50 / SUM(amount)) AS NUMERIC)")
    house.write("derived.shares", {**TOTALS, "window": window, "sql": mended})
    second = house.run("derived.shares")
    assert (len(second.entries), len(second.failures), len(second.untried)) == (9, 0, 0)
    assert amounts(house, "derived.shares") == {day: 25 if day < 4 else 0 for day in range(1, 10)}
    assert not house.run("derived.shares").plan.windows


def test_what_failed_before_is_tried_again_where_readers_keep_what_they_see(house):
    """After the generation that does not come to take its place; a failure of what it does replace fails no run."""

    def shares(divisor):
        return {**TOTALS, "sql": TOTALS["sql"].replace("SUM(amount)", f"CAST(9 / {divisor} AS NUMERIC)")}

    house.insert([(number, f"2026-01-0{number}", 1, number - 2) for number in (1, 2, 3, 4)])
    house.copy()
    house.write("derived.shares", shares("SUM(amount)"))
    assert [failure.window for failure in house.run("derived.shares").failures] == [days(2)]
    house.insert([(number, f"2026-01-0{number}", 1, number - 1) for number in (1, 2, 3, 4)])
    house.copy()
    house.write("derived.shares", shares("(SUM(amount) - 3)"))
    done = house.run("derived.shares")
    assert [(entry.window, entry.generation) for entry in done.entries][-1] == (days(2), 0)
    assert [failure.window for failure in done.failures] == [days(1), days(4)]
    house.write("derived.shares", shares("(SUM(amount) + 1)"))
    house.insert([(number, f"2026-01-0{number}", 1, 3 - number) for number in (1, 2, 3)])
    house.copy()
    done = house.run("derived.shares")
    assert done.swapped
    assert not done.failures
    assert amounts(house, "derived.shares") == {1: 3, 2: 4.5, 3: 9}


@pytest.mark.parametrize("change", ["end", "retyped", "replace"])
def test_what_reads_it_follows_where_rows_differ(house, change):
    """Values that became others are so downstream too; what was made of rows that went stays as it is."""
    change_upstream(house, change)


def test_what_was_made_of_trimmed_rows_stays_until_they_are_there_again(house):
    """A late change elsewhere, and one of what was made since, are followed as ever."""
    sql = TOTALS["sql"].replace(NAME, TABLE).replace("SUM(amount)", "SUM(n)")
    house.write("derived.below", {**TOTALS, "sql": sql})
    house.run("derived.below")
    house.write(TABLE, {**TOTALS, "window": {**TOTALS["window"], "start": "2026-01-03"}})
    house.run(TABLE)
    assert [(one.table, one.windows) for one in house.run("derived.below").plan.kept] == [(TABLE, 2)]
    house.insert([(number, day, user, amount * 2) for number, day, user, amount in ROWS])
    house.copy()
    house.run(TABLE)
    house.run("derived.below")
    assert amounts(house, "derived.below") == {**BEFORE, 3: 7, 4: 9}
    house.write(TABLE, TOTALS)
    house.run(TABLE)
    assert not house.run("derived.below").plan.kept
    assert amounts(house, "derived.below") == AFTER


def test_a_run_says_what_becomes_of_a_definition_that_was_turned_away_from(house):
    """Nothing, until somebody changes the file back or asks for it."""
    house.write(TABLE, DOUBLED)
    house.run(TABLE)
    house.run(TABLE, rollback=True)
    done = house.run(TABLE)
    assert describe_plan(TABLE, done.plan)[0].startswith(f"{TABLE}: nothing to do")
    (told,) = remarks(done)
    assert "changed definition: sql: it was turned away from, and readers keep the rows of the one before" in told
    assert f"Change the file back, or make them by the new one: python -m flows.derive {TABLE} --force" in told
    house.run(TABLE, force=True)
    assert amounts(house) == AFTER


@pytest.mark.parametrize("columns", [TOTALS["columns"], [*TOTALS["columns"], {"name": "more", "type": "INT64"}]])
@pytest.mark.parametrize("bounds", [{"start": "2026-01-03"}, {"end": "2026-01-03"}])
def test_rows_outside_a_moved_bound_go_with_the_swap(house, columns, bounds):
    """They stay until then, come back with the generation that had them, and what was made of them stays."""
    sql = TOTALS["sql"].replace(NAME, TABLE).replace("SUM(amount)", "SUM(n)")
    house.write("derived.below", {**TOTALS, "sql": sql})
    house.run("derived.below")
    sql = (
        DOUBLED["sql"].replace("AS n", "AS n, 7 AS more") if len(columns) > len(DOUBLED["columns"]) else DOUBLED["sql"]
    )
    house.write(TABLE, {**DOUBLED, "columns": columns, "sql": sql, "window": {**TOTALS["window"], **bounds}})
    inside = 3 if "start" in bounds else 1
    after = {day: AFTER[day] for day in (inside, inside + 1)}
    house.run(TABLE, bounds=days(inside))
    assert amounts(house) == BEFORE
    house.run(TABLE, abandon=True)
    assert not house.run(TABLE).entries
    assert amounts(house) == BEFORE
    house.run(TABLE, force=True)
    assert amounts(house) == after
    assert [(one.table, one.windows) for one in house.run("derived.below").plan.kept] == [(TABLE, 2)]
    assert amounts(house, "derived.below") == {**BEFORE, **after}
    house.run(TABLE, rollback=True)
    house.insert([(number, day, user, amount + 1) for number, day, user, amount in ROWS])
    house.copy()
    house.run(TABLE)
    house.run("derived.below")
    assert amounts(house) == amounts(house, "derived.below") == {day: value + 1 for day, value in BEFORE.items()}


def test_another_case_of_a_column_begins_nothing(house):
    """It is the same column; what is made from then on has it as the file says."""
    columns = [{"name": "day", "type": "DATE"}, {"name": "N", "type": "NUMERIC"}]
    house.write(TABLE, {**TOTALS, "columns": columns, "sql": TOTALS["sql"].replace("AS n", "AS N")})
    assert not house.run(TABLE).plan.succession
    house.insert([*ROWS, (9, "2026-01-01", 1, 1)])
    house.copy()
    assert len(house.run(TABLE).entries) == 1
    assert {row["day"].day: float(row["N"]) for row in house.rows(TABLE)} == {**BEFORE, 1: 2.5}


def test_what_the_ledger_is_asked_for_does_not_grow_with_generations(house):
    """Of those that readers see no longer it tells that they were, and none of their windows."""

    def asked():
        found = house.warehouse.query(*question([TABLE], None))
        return [row["kind"] for row in found if row["part"] == "entry" and row["generation"] is not None]

    for number in range(2, 5):
        house.write(TABLE, {**DOUBLED, "sql": DOUBLED["sql"].replace("2 *", f"{number} *")})
        house.run(TABLE)
        assert asked().count("commit") == 4
    house.run(TABLE, rollback=True)
    assert asked().count("commit") == 4
    assert amounts(house) == {day: value * 3 for day, value in BEFORE.items()}


def test_what_needs_a_column_that_was_turned_back_waits(house):
    """Its rows stay, and no run of it fails for what it cannot help."""
    columns = [*TOTALS["columns"], {"name": "extra", "type": "INT64"}]
    house.write(TABLE, {**DOUBLED, "columns": columns, "sql": DOUBLED["sql"].replace("AS n", "AS n, 7 AS extra")})
    house.run(TABLE)
    sql = TOTALS["sql"].replace(NAME, TABLE).replace("SUM(amount)", "SUM(n + extra)")
    house.write("derived.below", {**TOTALS, "sql": sql})
    house.run("derived.below")
    house.run(TABLE, rollback=True)
    done = house.run("derived.below")
    assert not done.failures
    assert {one.wait.kind for one in done.plan.waiting} == {"generation"}
    assert amounts(house, "derived.below") == {day: value + 7 for day, value in AFTER.items()}


@pytest.mark.parametrize("accept", [False, True])
def test_a_clock_that_is_behind_takes_no_window_away(house, accept):
    """Whichever of two clocks is wrong: readers keep all days, and what is not over yet is made again once it is."""
    sql = TOTALS["sql"].replace(NAME, TABLE).replace("SUM(amount)", "SUM(n)")
    house.write("derived.below", {**TOTALS, "sql": sql})
    house.run("derived.below")
    house.warehouse.now = lambda: utc("2026-01-03T12:00")
    house.copy()
    house.write(TABLE, DOUBLED)
    done = house.run(TABLE, accept=accept)
    assert (done.swapped is not None, done.plan.succession.windows) == (True, 4)
    assert amounts(house) == (BEFORE if accept else AFTER)
    assert not house.run(TABLE).plan.windows
    house.insert([(number, day, user, amount * 2) for number, day, user, amount in ROWS])
    house.warehouse.now = lambda: utc("2026-01-05T12:00")
    house.copy()
    assert {step.window for step in house.run(TABLE).plan.windows} == {days(1), days(2), days(3), days(4)}
    assert not house.run(TABLE).plan.windows
    house.run("derived.below")
    assert amounts(house) == amounts(house, "derived.below") == {day: value * 2 for day, value in AFTER.items()}


@pytest.mark.parametrize("change", [*CHANGES, "delay"])
def test_whatever_changes_while_a_clock_is_behind_loses_no_day(house, change):
    """Readers see what a run by the right clock would make; a month that is not over takes no place."""
    file = DOUBLED if change == "delay" else fields(change)
    house.write("derived.fresh", file)
    house.run("derived.fresh")
    house.warehouse.now = lambda: utc("2026-01-02")
    house.copy()
    house.write(TABLE, {**file, "window": {**file["window"], "delay": "99 days"}} if change == "delay" else file)
    house.run(TABLE)
    assert house.rows(TABLE) == house.rows("derived.fresh") or (change == "month" and amounts(house) == BEFORE)


def test_a_clock_that_is_behind_copies_nothing_by_another_definition(house):
    """None of the windows is over by it, but the rows that are there wait for a person as ever."""
    house.log([(1, 1, 1, 5), (2, 2, 2, 6)])
    house.write(LOG, logged(1, 1))
    house.run(LOG)
    house.write(LOG, logged(2, 1))
    now = house.warehouse.now()
    house.warehouse.now = lambda: now - timedelta(hours=1)
    with pytest.raises(DefinitionError, match="rebuild"):
        house.run(LOG)
    assert {row["v"] for row in house.rows(LOG)} == {1}
    house.run(LOG, rebuild=True)
    assert [row["v"] for row in house.rows(LOG)] == [2, 2]


def test_what_is_rebuilt_while_no_window_is_taken_for_over_is_made_from_nothing(house):
    """Where the clock of all runs before was ahead too: what the source holds no longer goes."""
    house.log([(1, 1, 1, 5), (2, 2, 2, 6)])
    house.write(LOG, logged(1, 1))
    house.run(LOG)
    house.log([(1, 1, 1, 5)])
    now = house.warehouse.now()
    house.warehouse.now = lambda: now - timedelta(hours=1)
    assert house.run(LOG, rebuild=True).swapped is not None
    assert [row["id"] for row in house.rows(LOG)] == [1]
    assert not house.run(LOG).plan.windows
