"""What is there may stay under a changed definition: a person takes it over into the generation of that."""

import pytest

from flows.commands.progress import Quiet
from flows.model.errors import UsageError
from tests.engine.test_accept import MERGED, accepts, days
from tests.simulator.house import AFTER, BEFORE, DOUBLED, NAME, ROWS, TABLE, TOTALS, amounts, living


@pytest.fixture
def house(warehouse, tmp_path):
    """A core table of four days, and a derived one that is up to date."""
    return living(tmp_path, warehouse)


def test_a_part_is_taken_over_and_the_rest_is_made(house):
    """Readers see neither before all is there; what reads the table follows where rows differ."""
    house.write("derived.below", {**TOTALS, "sql": TOTALS["sql"].replace(NAME, TABLE).replace("amount", "n")})
    house.run("derived.below")
    house.write(TABLE, DOUBLED)
    house.run(TABLE, bounds=days(3, 4))
    house.run(TABLE, accept=True, bounds=days(1, 4))
    assert amounts(house) == BEFORE
    assert [(row["window_start"].day, row["window_end"].day, row["rows"]) for row in accepts(house)] == [(1, 3, 2)]
    done = house.run(TABLE)
    assert [step.window for step in done.plan.windows] == [days(4, 5)]
    assert amounts(house) == {**BEFORE, 3: 7, 4: 9}
    assert [step.window for step in house.run("derived.below").plan.windows] == [days(3, 4), days(4, 5)]
    assert amounts(house, "derived.below") == amounts(house)


def test_what_was_said_once_is_done_by_any_run(house):
    """A run that was cut off before it had taken over all of it leaves the others no doubt; --force makes them all."""
    house.write(TABLE, DOUBLED)

    class Cut(Quiet):
        def step(self, table, step, work):
            if step.cause == "accepted":
                raise KeyboardInterrupt
            return super().step(table, step, work)

    with pytest.raises(KeyboardInterrupt):
        house.run(TABLE, Cut(), accept=True, bounds=days(1, 3))
    house.insert([*ROWS, (9, "2026-01-02", 1, 1)])
    house.copy()
    with pytest.raises(KeyboardInterrupt):
        house.run(TABLE, Cut())
    assert amounts(house) == {**BEFORE, 2: 3.5}
    assert {step.cause for step in house.run(TABLE, bounds=days(1, 2)).plan.windows} == {"accepted"}
    house.run(TABLE)
    assert amounts(house) == {**AFTER, 1: 1.5, 2: 3.5}
    house.write(TABLE, {**TOTALS, "sql": DOUBLED["sql"].replace("2 *", "3 *")})
    with pytest.raises(KeyboardInterrupt):
        house.run(TABLE, Cut(), accept=True)
    house.run(TABLE, force=True)
    assert amounts(house) == {1: 4.5, 2: 10.5, 3: 10.5, 4: 13.5}


def test_columns_come_go_and_are_converted(house):
    """New ones hold NULL; a value that does not fit is refused, with nothing written."""
    columns = [{"name": "more", "type": "STRING"}, {"name": "day", "type": "DATE"}, {"name": "n", "type": "STRING"}]
    sql = TOTALS["sql"].replace(
        "SELECT day, SUM(amount) AS n", "SELECT 'x' AS more, day, CAST(SUM(amount) AS STRING) AS n"
    )
    house.write(TABLE, {**TOTALS, "columns": columns, "sql": sql})
    done = house.run(TABLE, accept=True)
    found = house.rows(TABLE)
    assert list(found[0]) == ["more", "day", "n"]
    assert {(row["more"], row["day"].day, float(row["n"])) for row in found} == {
        (None, day, value) for day, value in BEFORE.items()
    }
    assert done.swapped.touched
    columns[2] = {"name": "n", "type": "DATE"}
    entries = house.warehouse.query("SELECT COUNT(*) AS n FROM platform.ledger", {})
    house.write(TABLE, {**TOTALS, "columns": columns, "sql": sql.replace("CAST(SUM(amount) AS STRING)", "MIN(day)")})
    with pytest.raises(UsageError, match=r"values of n that are there, as \d[.]50* cannot become DATE"):
        house.run(TABLE, accept=True)
    assert house.warehouse.query("SELECT COUNT(*) AS n FROM platform.ledger", {}) == entries


def test_a_merge_takes_over_its_parts(house):
    """So that a late row, and other rules, fold what is there together with what comes."""
    house.insert([(1, "2026-01-01", 1, 3), (2, "2026-01-02", 1, 4), (3, "2026-01-03", 2, 5)])
    house.copy()
    house.write("derived.sums", MERGED)
    house.run("derived.sums")
    most = {**MERGED, "merge": {"n": "max"}, "sql": MERGED["sql"].replace("SUM(amount)", "SUM(amount) * 1")}
    house.write("derived.sums", most)
    house.run("derived.sums", accept=True, bounds=days(1, 3))
    house.run("derived.sums", accept=True)
    assert {row["user"]: int(row["n"]) for row in house.rows("derived.sums")} == {1: 4, 2: 5}
    assert not house.run("derived.sums").plan.windows
    house.insert([(1, "2026-01-01", 1, 3), (3, "2026-01-03", 2, 5)])
    house.copy()
    house.run("derived.sums")
    assert {row["user"]: int(row["n"]) for row in house.rows("derived.sums")} == {1: 3, 2: 5}
    house.write("derived.sums", {**most, "key": ["n"], "merge": {"user": "max"}})
    with pytest.raises(UsageError, match="its file changes key,"):
        house.run("derived.sums", accept=True)


def test_a_part_that_cannot_be_converted_is_refused_before_anything_is_begun(house):
    """No row shows its value, as the rule has taken that of another window."""
    sql = MERGED["sql"].replace("SUM(amount)", "MIN(IF(amount > 2, 'x', '1'))")
    texts = {**MERGED, "merge": {"n": "min"}, "columns": [MERGED["columns"][0], {"name": "n", "type": "STRING"}]}
    house.write("derived.least", {**texts, "sql": sql})
    house.run("derived.least")
    assert [row["n"] for row in house.rows("derived.least")] == ["1"]
    house.write("derived.least", {**MERGED, "merge": {"n": "min"}})
    with pytest.raises(UsageError, match="values of n that are there, as x cannot become NUMERIC"):
        house.run("derived.least", accept=True)
