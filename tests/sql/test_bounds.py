"""Where the value of an expression of the window's parameters lies."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from flows.model.dependency import Misplaced
from flows.model.errors import SqlError
from flows.model.types import Type
from flows.model.window import BEGINNING, END, Window
from flows.sql import analyze

SCHEMA = {"core.events": {"id": Type("INT64"), "ts": Type("TIMESTAMP"), "dt": Type("DATETIME"), "day": Type("DATE")}}
WINDOW = Window(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC))


def reach(condition, column="ts"):
    (found,) = analyze(f"SELECT id FROM core.events WHERE {condition}", SCHEMA, {"core.events": column}).dependencies
    return found.range(WINDOW)


@pytest.mark.parametrize(
    ("condition", "start", "end"),
    [
        ("ts < TIMESTAMP_ADD(@window_end, INTERVAL 3000000 DAY)", BEGINNING, END),
        ("ts < TIMESTAMP(DATE_ADD(DATE(@window_end), INTERVAL 7990 YEAR))", BEGINNING, END),
        ("ts < TIMESTAMP_SUB(@window_end, INTERVAL 3000000 DAY)", BEGINNING, END),
        ("ts >= TIMESTAMP_SUB(@window_start, INTERVAL 3000000 DAY) AND ts < @window_end", BEGINNING, WINDOW.end),
        ("ts >= TIMESTAMP_ADD(@window_start, INTERVAL 3000000 DAY) AND ts < @window_end", BEGINNING, WINDOW.end),
        ("ts >= TIMESTAMP(DATE_SUB(DATE(@window_start), INTERVAL 2026 YEAR)) AND ts < @window_end", BEGINNING, WINDOW.end),
        ("ts >= TIMESTAMP(DATE_SUB(DATE(@window_start), INTERVAL 40 QUARTER)) AND ts < @window_end", datetime(2016, 3, 1, tzinfo=UTC), WINDOW.end),
    ],
)  # fmt: skip
def test_a_bound_outside_the_calendar_widens(condition, start, end):
    """A bound before year 1 or after year 9999 is no bound; it never makes the range smaller."""
    assert reach(condition) == Window(start, end)


@pytest.mark.parametrize("amount", ["99999999999", "999999999999999999", "9" * 100])
@pytest.mark.parametrize("unit", ["MICROSECOND", "DAY"])
def test_absurd_moves_bound_nothing(amount, unit):
    """A move by more than any date is from another says nothing, or is a fault; it is no crash."""
    try:
        found = reach(f"ts < TIMESTAMP_ADD(@window_end, INTERVAL {amount} {unit})")
    except SqlError:
        return
    assert found is None or found.end >= WINDOW.end


@pytest.mark.parametrize(
    ("condition", "line", "instead"),
    [
        ("ts BETWEEN @window_start AND @window_end", 1, "ts >= @window_start AND ts < @window_end"),
        ("dt BETWEEN DATETIME(@window_start) AND DATETIME(@window_end)", 1, "dt >= DATETIME(@window_start) AND dt < DATETIME(@window_end)"),
        ("ts >= @window_start\nAND ts <= @window_end", 2, "ts < @window_end"),
        ("@window_end >= ts AND (id > 1 AND ts >= @window_start)", 1, "ts < @window_end"),
        ("ts BETWEEN @window_start - INTERVAL 1 DAY AND TIMESTAMP_SUB(@window_end, INTERVAL 24 HOUR)", 1, "ts >= @window_start - INTERVAL 1 DAY AND ts < TIMESTAMP_SUB(@window_end, INTERVAL 24 HOUR)"),
        ("id > 0 AND (SELECT COUNTIF(e.ts BETWEEN @window_start AND @window_end) FROM core.events AS e) > 1", 1, "e.ts >= @window_start AND e.ts < @window_end"),
    ],
)  # fmt: skip
def test_a_range_with_both_ends_of_a_window_is_a_fault(condition, line, instead):
    """Rows of the moment between two windows would stand in both."""
    with pytest.raises(SqlError) as refused:
        reach(condition)
    (fault,) = refused.value.faults
    assert fault.line == line
    assert fault.message.endswith(f"rows of that moment would stand in both. Write {instead}.")


@pytest.mark.parametrize(
    ("condition", "column"),
    [
        ("day BETWEEN DATE(@window_start) AND DATE(@window_end)", "day"),
        ("ts BETWEEN @window_start - INTERVAL 7 DAY AND @window_end", "ts"),
        ("ts BETWEEN @window_start AND @window_end - INTERVAL 1 MICROSECOND", "ts"),
        ("ts > @window_start AND ts <= @window_end", "ts"),
        ("ts <= @window_end", "ts"),
        ("dt >= DATETIME(@window_start) AND ts <= @window_end AND ts > @window_start", "ts"),
    ],
)
def test_ranges_that_do_not_share_an_end_are_none(condition, column):
    """Days, ranges that overlap on purpose and ranges that leave out their start are fine."""
    assert reach(condition, column) is not None


@pytest.mark.parametrize(
    ("condition", "misplaced"),
    [
        ("dt >= DATETIME(@window_start)\nAND day < DATE(@window_end)", (Misplaced("dt", 1), Misplaced("day", 2))),
        ("DATE(dt) = DATE(@window_start)", (Misplaced("dt", 1),)),
        ("dt < DATETIME(@window_end) AND ts < @window_end", ()),
        ("EXISTS (SELECT 1 FROM core.events AS e WHERE e.ts < @window_end AND a.day = DATE(@window_start))", (Misplaced("day", 1),)),
        ("NOT EXISTS (SELECT 1 FROM core.events AS e WHERE e.ts < @window_end AND a.day = DATE(@window_start))", ()),
        ("id = 1", ()),
    ],
)  # fmt: skip
def test_bounds_on_other_columns_are_kept(condition, misplaced):
    """A bound on a column that does not divide its table is told where it leaves a snapshot."""
    sql = f"SELECT id FROM core.events AS a WHERE {condition}"
    (found,) = analyze(sql, SCHEMA, {"core.events": "ts"}).dependencies
    assert found.misplaced == misplaced


def test_the_lookup_of_the_documentation_repairs_itself():
    """What docs/table.md shows is read by the window up to its end."""
    page = (Path(__file__).parents[2] / "docs/table.md").read_text()
    sql = page.split("```sql\n")[1].split("```")[0]
    payments = {"payment_id": "INT64", "currency": "STRING", "amount": "NUMERIC", "captured_at": "TIMESTAMP"}
    rates = {"currency": "STRING", "rate": "NUMERIC", "valid_from": "DATE"}
    schema = {"core.payments": payments, "core.fx_rates": rates}
    rate, payment = analyze(sql, schema, {"core.payments": "captured_at", "core.fx_rates": "valid_from"}).dependencies
    assert (rate.range(WINDOW), payment.range(WINDOW)) == (Window(BEGINNING, WINDOW.end), WINDOW)
