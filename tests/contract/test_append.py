"""A window of an append table takes the place of that window's rows."""

import pytest

from flows.model.errors import WindowError
from flows.model.window import EVER
from tests.engine.builders import EVENTS, TOTALS, Rows, do, event, rows, table, touched, values, window

SHIFTED = table(
    "derived.totals",
    "day DATE, amount NUMERIC",
    strategy="append",
    sql=TOTALS.sql.replace("DATE(`at`) AS", "DATE_ADD(DATE(`at`), INTERVAL 1 DAY) AS"),
    partition={"column": "day", "by": "day"},
)


def test_rows_of_other_windows_stay_and_the_same_rows_touch_nothing(warehouse):
    """A window that is done again gives the same table; only where rows differ is it touched."""
    do(warehouse, EVENTS, EVER, Rows([event(1, 0), event(2, 1), event(3, 1, amount=5)]))
    assert touched(do(warehouse, TOTALS, window(0))) == [(0, 1, False)]
    assert touched(do(warehouse, TOTALS, window(1))) == [(1, 2, False)]
    before = rows(warehouse, TOTALS)
    assert touched(do(warehouse, TOTALS, window(1))) == []
    assert rows(warehouse, TOTALS) == before
    do(warehouse, EVENTS, EVER, Rows([event(3, 1, updated=2, amount=7)]))
    assert touched(do(warehouse, TOTALS, window(1))) == [(1, 2, True)]
    assert values(warehouse, TOTALS, "amount") == [1, 8]


def test_a_row_outside_its_window_is_refused(warehouse):
    """Nothing is written but the failure, which shows the row."""
    do(warehouse, EVENTS, EVER, Rows([event(1, 0)]))
    do(warehouse, TOTALS, window(0))
    before = rows(warehouse, TOTALS)
    with pytest.raises(WindowError, match=r"day=2026-01-02"):
        do(warehouse, SHIFTED, window(0))
    assert rows(warehouse, TOTALS) == before
    assert len(warehouse.query("SELECT * FROM platform.failures", {})) == 1
