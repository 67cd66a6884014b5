"""A window of an append table owns the rows of its range."""

import pytest

from flows.model.errors import WindowError
from flows.model.window import EVER
from tests.engine.builders import EVENTS, TOTALS, Rows, do, event, rows, touched, values, window


def test_append_replaces_exactly_its_window(warehouse):
    """Doing a window again gives the same table; rows of other windows stay; nothing changed touches nothing."""
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
    """Nothing is written but the failure's ledger entry, into an empty range and into a full one."""
    do(warehouse, EVENTS, EVER, Rows([event(1, 0)]))
    shifted = TOTALS.model_copy(
        update={"sql": TOTALS.sql.replace("DATE(`at`) AS", "DATE_ADD(DATE(`at`), INTERVAL 1 DAY) AS")}
    )
    with pytest.raises(WindowError, match=r"day outside it, for example\n.*day=2026-01-02"):
        do(warehouse, shifted, window(0))
    assert rows(warehouse, TOTALS) == []
    do(warehouse, TOTALS, window(0))
    before = rows(warehouse, TOTALS)
    with pytest.raises(WindowError, match=r"day=2026-01-02"):
        do(warehouse, shifted, window(0))
    assert rows(warehouse, TOTALS) == before
    assert len(warehouse.query("SELECT * FROM platform.failures", {})) == 2
