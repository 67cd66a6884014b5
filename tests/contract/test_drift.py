"""Values that differ only because FLOAT64 was added up in another order are no change, and the old row stays."""

from datetime import timedelta

import pytest

from tests.contract.conftest import change_by_hand
from tests.engine.builders import Rows, by_day, csv, day, do, rows, table, window
from tests.simulator.house import BEFORE, ROWS, TABLE, TOTALS, House, amounts

READINGS = table(
    "core.readings",
    "id INT64, moment TIMESTAMP, place STRING, x FLOAT64",
    strategy="append",
    **by_day("moment"),
    **csv(cursor="moment"),
)
SCHEMA = {"core.readings": READINGS.types}
IN_WINDOW = "FROM core.readings WHERE moment >= @window_start AND moment < @window_end"
SUMS = "SELECT DATE(moment) AS day, place, SUM(x) AS total, AVG(x) AS mean, MAX(x) AS most"
COLUMNS = "day DATE, place STRING, total FLOAT64, mean FLOAT64, most FLOAT64"
TABLES = {
    "append": table(
        "derived.sums", COLUMNS, strategy="append", sql=f"{SUMS} {IN_WINDOW} GROUP BY day, place", **by_day("day")
    ),
    "replace": table("derived.sums", COLUMNS, strategy="replace", sql=f"{SUMS} FROM core.readings GROUP BY day, place"),
    "merge": table(
        "derived.sums",
        COLUMNS,
        strategy="merge",
        key=["day", "place"],
        sql=f"{SUMS} {IN_WINDOW} GROUP BY day, place",
        **by_day("day"),
    ),
}


def reading(number, place, x):
    """Return a row of core.readings, of the first day."""
    return {"id": number, "moment": day(0) + timedelta(minutes=number), "place": place, "x": x}


def made(warehouse, strategy):
    """Make the sums of a day; return whether that touched anything."""
    return bool(do(warehouse, TABLES[strategy], None if strategy == "replace" else window(0), schema=SCHEMA).touched)


@pytest.mark.parametrize("strategy", TABLES)
def test_last_digits_of_a_sum_are_no_change(warehouse, strategy):
    """Nothing drifts in steps that are too small to be seen, beside a change neither; more digits are a change."""
    do(warehouse, READINGS, window(0), Rows([reading(n, "ab"[n % 2], 0.1 * n) for n in range(20)]))
    assert made(warehouse, strategy)
    change_by_hand(
        warehouse, "UPDATE derived.sums SET total = total * (1 + 3e-14), mean = mean * (1 - 3e-14) WHERE place = 'a'"
    )
    drifted = rows(warehouse, TABLES[strategy])
    assert not made(warehouse, strategy)
    assert rows(warehouse, TABLES[strategy]) == drifted
    change_by_hand(warehouse, "UPDATE derived.sums SET total = total + 1 WHERE place = 'b'")
    assert made(warehouse, strategy)
    found = rows(warehouse, TABLES[strategy])
    assert found[0] == drifted[0]
    assert found[1]["total"] == pytest.approx(sum(0.1 * n for n in range(1, 20, 2)))
    for other in ("total = total * (1 + 1e-11)", "most = most * (1 + 1e-15)"):
        change_by_hand(warehouse, f"UPDATE derived.sums SET {other} WHERE place = 'a'")
        assert made(warehouse, strategy)


@pytest.mark.parametrize("strategy", TABLES)
def test_what_is_no_number_is_compared_as_it_is(warehouse, strategy):
    """Infinity is near nothing else, and a NaN is the same as another."""
    for x, changes in (("inf", True), ("inf", False), ("1e308", True), ("-1e308", True), ("nan", True), ("nan", False)):
        do(warehouse, READINGS, window(0), Rows([reading(1, "a", float(x))]))
        assert made(warehouse, strategy) == changes, x


def test_rows_without_a_key_are_paired(warehouse):
    """Among those that are equal in all other columns, in their order; one less is a change."""
    sql = f"SELECT DATE(moment) AS day, x + 0 * SUM(x) OVER () AS total {IN_WINDOW}"
    subject = table("derived.many", "day DATE, total FLOAT64", strategy="append", sql=sql, **by_day("day"))
    do(warehouse, READINGS, window(0), Rows([reading(n, "a", 0.1 * n) for n in range(20)]))
    do(warehouse, subject, window(0), schema=SCHEMA)
    change_by_hand(warehouse, "UPDATE derived.many SET total = total * (1 - 2e-13) WHERE TRUE")
    assert do(warehouse, subject, window(0), schema=SCHEMA).touched == ()
    change_by_hand(warehouse, "DELETE FROM derived.many WHERE total = (SELECT MAX(total) FROM derived.many)")
    assert do(warehouse, subject, window(0), schema=SCHEMA).touched
    assert len(rows(warehouse, subject)) == 20


def test_last_digits_of_a_sum_are_no_change_by_another_definition(warehouse, tmp_path):
    """What reads the table has nothing to do after the swap; more digits are a change."""
    house = House(tmp_path, warehouse)
    house.insert(ROWS)
    house.copy()
    for factor in ("1", "(1 + 1e-13)", "(1 + 1e-11)"):
        sql = TOTALS["sql"].replace("SUM(amount)", f"SUM(CAST(amount AS FLOAT64) * {factor})")
        columns = [{"name": "day", "type": "DATE"}, {"name": "n", "type": "FLOAT64"}]
        house.write(TABLE, {**TOTALS, "columns": columns, "sql": sql})
        house.run(TABLE)
    told = "SELECT touched FROM platform.ledger WHERE kind = 'swap' ORDER BY version"
    assert [len(row["touched"]) for row in warehouse.query(told, {})] == [0, 1]
    assert amounts(house) == pytest.approx(BEFORE)
