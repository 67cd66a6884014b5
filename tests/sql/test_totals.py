"""Rows of totals belong to no window where the column that says so is not in every set of groups."""

import pytest

from flows.model.errors import SqlError
from flows.model.window import Size
from flows.sql import analyze

SCHEMA = {"core.sales": {"day": "DATE", "shop": "STRING", "amount": "INT64"}}
OWNED = ("day", Size(1, "day"))


def analyzed(groups, owned=OWNED):
    sql = f"SELECT day, shop, SUM(amount) AS amount\nFROM core.sales WHERE day = DATE(@window_start)\nGROUP BY {groups}"
    return analyze(sql, SCHEMA, {"core.sales": "day"}, owned=owned)


@pytest.mark.parametrize(
    ("groups", "instead"),
    [
        ("ROLLUP(day, shop)", "Write GROUP BY day, ROLLUP(shop)."),
        ("CUBE(1, shop)", "Write GROUP BY 1, CUBE(shop)."),
        ("shop, ROLLUP(day)", "Write day into all sets of groups."),
        ("GROUPING SETS((day, shop), (shop))", "Write day into all sets of groups."),
    ],
)
def test_totals_over_the_partition_column_are_a_fault(groups, instead):
    """It names the line of the column, and what to write."""
    with pytest.raises(SqlError) as refused:
        analyzed(groups)
    (fault,) = refused.value.faults
    assert fault.line == 3
    assert "in which day is NULL" in fault.message
    assert fault.message.endswith(instead)


@pytest.mark.parametrize("groups", ["day, ROLLUP(shop)", "day, ROLLUP(day, shop)", "GROUPING SETS((day, shop), day)"])
def test_totals_of_each_day_belong_to_its_window(groups):
    """No fault is told where the column is in every set."""
    assert analyzed(groups).columns[0][0] == "day"


def test_totals_are_no_fault_where_they_are_kept_out_or_belong_to_no_window():
    """HAVING may keep them out, and a table that is made as a whole has no windows."""
    assert analyzed("ROLLUP(day, shop) HAVING day IS NOT NULL").columns
    assert analyzed("ROLLUP(day, shop)", owned=None).columns
