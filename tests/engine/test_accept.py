"""What is there may stay under a changed definition: a person takes it over into the generation of that."""

import pytest

from flows.model.errors import UsageError
from flows.model.window import Window, utc
from tests.simulator.house import AFTER, BEFORE, DOUBLED, ROWS, TABLE, TOTALS, amounts

MERGED = {
    "window": TOTALS["window"],
    "strategy": "merge",
    "key": ["user"],
    "merge": {"n": "sum"},
    "columns": [{"name": "user", "type": "INT64"}, {"name": "n", "type": "NUMERIC"}],
    "sql": TOTALS["sql"].replace("SELECT day", "SELECT user").replace("GROUP BY day", "GROUP BY user"),
}
LATE = (9, "2026-01-01", 1, 1)


def days(first, last):
    """Return the range of days of January [first, last)."""
    return Window(utc(f"2026-01-0{first}"), utc(f"2026-01-0{last}"))


def accepts(house):
    """Return the ledger's entries of what was taken over."""
    return house.warehouse.query(
        "SELECT window_start, window_end, `rows`, generation FROM platform.ledger WHERE kind = 'accept'"
        " ORDER BY version",
        {},
    )


def test_what_is_there_stays_and_what_comes_is_of_the_new_definition(house):
    """Nothing is touched by it; a late row makes its window anew, by the SQL of the file."""
    house.write(TABLE, DOUBLED)
    done = house.run(TABLE, accept=True)
    assert [(entry.kind, entry.window, entry.rows) for entry in done.entries] == [("accept", days(1, 5), 4)]
    assert (done.swapped.touched, done.rows) == ((), 4)
    assert amounts(house) == BEFORE
    assert not house.run(TABLE).plan.windows
    found = house.warehouse.query("SELECT state FROM platform.windows WHERE table_name = @name", {"name": TABLE})
    assert [row["state"] for row in found] == ["committed"]
    house.insert([*ROWS, LATE])
    house.copy()
    house.run(TABLE)
    assert amounts(house) == {**BEFORE, 1: 5}
    with pytest.raises(UsageError, match="nothing to accept"):
        house.run(TABLE, accept=True)


def test_what_is_there_is_brought_up_to_date_before_it_is_taken_over(house):
    """By its own definition; what was never made is made by that of the file."""
    window = {**TOTALS["window"], "end": "2026-01-06"}
    house.insert([*ROWS, LATE, (5, "2026-01-05", 1, 5)])
    house.copy()
    house.write(TABLE, {**DOUBLED, "window": window})
    house.run(TABLE, accept=True)
    assert amounts(house) == {**BEFORE, 1: 2.5, 5: 10}


def test_changed_back_and_again(house):
    """What was taken over goes with its generation, and may be taken over once more."""
    house.write(TABLE, DOUBLED)
    house.run(TABLE, accept=True, bounds=days(1, 3))
    house.write(TABLE, TOTALS)
    assert not house.run(TABLE).entries
    assert amounts(house) == BEFORE
    house.write(TABLE, {**TOTALS, "sql": DOUBLED["sql"].replace("2 *", "3 *")})
    house.run(TABLE, accept=True, bounds=days(1, 2))
    house.run(TABLE)
    assert amounts(house) == {**AFTER, 1: 1.5, 2: 7.5, 3: 10.5, 4: 13.5}
    house.run(TABLE, rollback=True)
    assert amounts(house) == BEFORE
    house.run(TABLE, accept=True)
    assert amounts(house) == BEFORE
    assert not house.run(TABLE).plan.windows


def test_what_came_to_be_impossible_to_take_over_says_how_to_go_on(house):
    """A value that is no number came after a person had accepted those before; by force it is made by the file."""
    texts = {
        **TOTALS,
        "columns": [{"name": "day", "type": "DATE"}, {"name": "n", "type": "STRING"}],
        "sql": TOTALS["sql"].replace("SUM(amount)", "IF(SUM(amount) > 9, 'many', CAST(SUM(amount) AS STRING))"),
    }
    house.write(TABLE, texts)
    house.run(TABLE)
    house.write(TABLE, TOTALS)
    house.run(TABLE, accept=True, bounds=days(1, 2))
    house.insert([*ROWS, (9, "2026-01-03", 1, 10)])
    house.copy()
    (failure,) = house.run(TABLE, accept=True, bounds=days(2, 4)).failures
    assert "'many'" in str(failure.error)
    assert f"flows.derive {TABLE} --force makes them by the file" in str(failure.error)
    assert "SAFE_CAST" not in str(failure.error)
    house.run(TABLE, force=True, bounds=days(2, 4))
    house.run(TABLE)
    assert amounts(house) == {**BEFORE, 3: 13.5}


def test_a_whole_table_stays(house):
    """It has no windows, and so is taken over at once."""
    whole = {**TOTALS, "strategy": "replace", "window": None, "sql": "SELECT day, amount AS n FROM core.events"}
    whole = {name: value for name, value in whole.items() if value}
    house.write("derived.all", whole)
    house.run("derived.all")
    house.write("derived.all", {**whole, "sql": "SELECT day, 2 * amount AS n FROM core.events"})
    house.run("derived.all", accept=True)
    assert amounts(house, "derived.all") == BEFORE
    assert not house.run("derived.all").plan.windows
    house.insert(ROWS[1:])
    house.copy()
    house.run("derived.all")
    assert amounts(house, "derived.all") == {day: AFTER[day] for day in (2, 3, 4)}


@pytest.mark.parametrize(
    "change",
    [
        {"strategy": "merge", "key": ["day"]},
        {"window": {"size": "1 month", "start": "2026-01-01", "end": "2026-02-01"}},
        {"partition": {"column": "day", "by": "month"}},
    ],
)
def test_what_says_where_a_row_belongs_is_not_accepted(house, change):
    """Nothing is written."""
    entries = house.warehouse.query("SELECT COUNT(*) AS n FROM platform.ledger", {})
    house.write(TABLE, {**TOTALS, **change})
    with pytest.raises(UsageError, match="its rows cannot be accepted"):
        house.run(TABLE, accept=True)
    assert house.warehouse.query("SELECT COUNT(*) AS n FROM platform.ledger", {}) == entries
