"""Where the value of an expression of the window's parameters lies."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from flows.model.dependency import Misplaced
from flows.model.errors import SqlError
from flows.model.types import Type
from flows.model.window import BEGINNING, END, Size, Window
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


HOURS, DAYS = ["1 hour", "6 hours"], ["1 day", "1 week", "1 month"]
DAYS_OF_WINDOW = "DATE(@window_start) AND DATE(@window_end)"
CLOSED, CLOSED_DAYS = "ts BETWEEN @window_start AND @window_end", f"day BETWEEN {DAYS_OF_WINDOW}"
OPEN = "a.ts >= @window_start AND a.ts < @window_end"


def shared(condition):
    return shared_in(f"SELECT id FROM core.events AS a WHERE {condition}")


def shared_in(sql):
    """Give each condition that includes an end or leaves out a start, with the sizes of windows where that matters."""
    for one in analyze(sql, SCHEMA, {"core.events": "ts"}).seams:
        sizes = [size for size in (*HOURS, *DAYS) if one.is_between(Size.parse(size))]
        if sizes:
            yield one.line, one.unit, sizes, one.instead


@pytest.mark.parametrize(
    ("condition", "line", "unit", "sizes", "instead"),
    [
        ("ts BETWEEN @window_start AND @window_end", 1, "moment", HOURS + DAYS, "ts >= @window_start AND ts < @window_end"),
        ("dt BETWEEN DATETIME(@window_start) AND DATETIME(@window_end)", 1, "moment", HOURS + DAYS, "dt >= DATETIME(@window_start) AND dt < DATETIME(@window_end)"),
        ("ts >= @window_start\nAND ts <= @window_end", 2, "moment", HOURS + DAYS, "ts < @window_end"),
        ("@window_end >= ts AND (id > 1 AND a.ts >= @window_start)", 1, "moment", HOURS + DAYS, "ts < @window_end"),
        ("ts BETWEEN @window_start - INTERVAL 1 DAY AND TIMESTAMP_SUB(@window_end, INTERVAL 24 HOUR)", 1, "moment", HOURS + DAYS, "ts >= @window_start - INTERVAL 1 DAY AND ts < TIMESTAMP_SUB(@window_end, INTERVAL 24 HOUR)"),
        ("ts >= @window_start AND NOT (ts > @window_end)", 1, "moment", HOURS + DAYS, "ts < @window_end"),
        ("NOT (ts < @window_start OR id = 1 OR ts > @window_end)", 1, "moment", HOURS + DAYS, "ts < @window_end"),
        ("TIMESTAMP_ADD(ts, INTERVAL 1 HOUR) BETWEEN @window_start AND @window_end", 1, "moment", HOURS + DAYS, "TIMESTAMP_ADD(ts, INTERVAL 1 HOUR) >= @window_start AND TIMESTAMP_ADD(ts, INTERVAL 1 HOUR) < @window_end"),
        ("UNIX_SECONDS(ts) BETWEEN UNIX_SECONDS(@window_start) AND UNIX_SECONDS(@window_end)", 1, "second", HOURS + DAYS, "UNIX_SECONDS(ts) >= UNIX_SECONDS(@window_start) AND UNIX_SECONDS(ts) < UNIX_SECONDS(@window_end)"),
        (f"day BETWEEN {DAYS_OF_WINDOW}", 1, "day", DAYS, "day >= DATE(@window_start) AND day < DATE(@window_end)"),
        (f"DATE(ts) BETWEEN {DAYS_OF_WINDOW}", 1, "day", DAYS, "DATE(ts) >= DATE(@window_start) AND DATE(ts) < DATE(@window_end)"),
        (f"day IN UNNEST(GENERATE_DATE_ARRAY({DAYS_OF_WINDOW.replace(' AND', ',')}))", 1, "day", DAYS, "day >= DATE(@window_start) AND day < DATE(@window_end)"),
        ("DATE(@window_start) <= day\nAND NOT (day > DATE(@window_end))", 2, "day", DAYS, "day < DATE(@window_end)"),
        ("DATE(ts) >= DATE(@window_start) AND ts <= @window_end", 1, "moment", DAYS, "ts < @window_end"),
        ("EXTRACT(DATE FROM ts) >= CAST(@window_start AS DATE) AND CAST(ts AS DATE) <= DATE(@window_end)", 1, "day", DAYS, "CAST(ts AS DATE) < DATE(@window_end)"),
        ("DATE(ts, 'Asia/Tokyo') BETWEEN DATE(@window_start, 'Asia/Tokyo') AND DATE(@window_end, 'Asia/Tokyo')", 1, "day", DAYS, "DATE(ts, 'Asia/Tokyo') >= DATE(@window_start, 'Asia/Tokyo') AND DATE(ts, 'Asia/Tokyo') < DATE(@window_end, 'Asia/Tokyo')"),
        ("DATE_DIFF(day, DATE(@window_start), DAY) >= 0 AND DATE_DIFF(day, DATE(@window_end), DAY) <= 0", 1, "day", DAYS, "DATE_DIFF(day, DATE(@window_end), DAY) < 0"),
        ("DATE_TRUNC(day, MONTH) BETWEEN DATE_TRUNC(DATE(@window_start), MONTH) AND DATE_TRUNC(DATE(@window_end), MONTH)", 1, "month", ["1 month"], "DATE_TRUNC(day, MONTH) >= DATE_TRUNC(DATE(@window_start), MONTH) AND DATE_TRUNC(day, MONTH) < DATE_TRUNC(DATE(@window_end), MONTH)"),
    ],
)  # fmt: skip
def test_a_range_with_both_ends_of_a_window_is_known(condition, line, unit, sizes, instead):
    """Rows of the moment or the day between two windows would stand in both, where windows are no shorter than that."""
    assert list(shared(condition)) == [(line, unit, sizes, instead)]


def test_a_distance_that_is_compared_says_no_more_than_it_does():
    """Of a day that is one day from an end, the end is none."""
    assert list(shared("day >= DATE(@window_start) AND ABS(DATE_DIFF(day, DATE(@window_end), DAY)) = 1")) == []


@pytest.mark.parametrize(
    ("condition", "unit", "sizes", "instead"),
    [
        ("ts > @window_start AND ts < @window_end", "moment", HOURS + DAYS, "ts >= @window_start"),
        ("@window_start < ts AND NOT (ts >= @window_end)", "moment", HOURS + DAYS, "ts >= @window_start"),
        ("NOT (ts <= @window_start OR id = 1) AND ts < @window_end", "moment", HOURS + DAYS, "ts >= @window_start"),
        ("dt > DATETIME(@window_start) - INTERVAL 1 DAY AND dt < DATETIME(@window_end) - INTERVAL 1 DAY", "moment", HOURS + DAYS, "dt >= DATETIME(@window_start) - INTERVAL 1 DAY"),
        ("day > DATE(@window_start) AND day < DATE(@window_end)", "day", DAYS, "day >= DATE(@window_start)"),
    ],
)  # fmt: skip
def test_a_range_with_neither_end_of_a_window_is_known(condition, unit, sizes, instead):
    """Rows of the moment or the day at which a window starts would stand in none."""
    assert list(shared(condition)) == [(1, unit, sizes, instead)]


@pytest.mark.parametrize(
    "condition",
    [
        "ts BETWEEN @window_start - INTERVAL 7 DAY AND @window_end",
        "day BETWEEN DATE_SUB(DATE(@window_start), INTERVAL 1 DAY) AND DATE(@window_end)",
        "day BETWEEN DATE(@window_start) AND DATE_ADD(DATE(@window_end), INTERVAL 1 DAY)",
        "day BETWEEN DATE(@window_start) AND DATE_SUB(DATE(@window_end), INTERVAL 1 DAY)",
        "day BETWEEN DATE(@window_start) AND DATE(TIMESTAMP_SUB(@window_end, INTERVAL 1 SECOND))",
        "DATE_TRUNC(day, YEAR) BETWEEN DATE_TRUNC(DATE(@window_start), YEAR) AND DATE_TRUNC(DATE(@window_end), YEAR)",
        "ts BETWEEN @window_start AND @window_end - INTERVAL 1 MICROSECOND",
        f"DATE(ts) BETWEEN {DAYS_OF_WINDOW} AND ts < @window_end",
        "ts > @window_start - INTERVAL 7 DAY AND ts < @window_end",
        "ts > @window_start AND ts < @window_start + INTERVAL 1 HOUR",
        "id IN (SELECT b.id FROM core.events AS b WHERE b.ts > @window_start AND b.ts < @window_end)",
        "ts > @window_start AND ts <= @window_end",
        "day > DATE(@window_start) AND day <= DATE(@window_end)",
        "ts <= @window_end",
        "day = DATE(@window_start)",
        "dt >= DATETIME(@window_start) AND ts <= @window_end AND ts > @window_start",
        "ts < @window_end AND NOT (ts BETWEEN @window_start AND @window_end)",
        "id IN (WITH w AS (SELECT @window_start AS a, @window_end AS b) SELECT e.id FROM core.events AS e, w WHERE e.ts >= w.a AND e.ts < w.b)",
    ],
)
def test_ranges_that_share_and_lose_nothing_are_none(condition):
    """Ranges that overlap on purpose, and those that leave out one of their ends, are fine."""
    assert not list(shared(condition))


@pytest.mark.parametrize(
    "sql",
    [
        f"WITH b AS (SELECT * FROM core.events WHERE {CLOSED}) SELECT id FROM b",
        f"SELECT id FROM (SELECT id FROM core.events WHERE {CLOSED} UNION ALL SELECT 1) WHERE id > 1",
        f"WITH b AS (SELECT * FROM core.events WHERE {CLOSED}), c AS (SELECT * FROM b) SELECT COUNT(*) AS n FROM c GROUP BY day",
        f"WITH b AS (SELECT * FROM core.events WHERE {CLOSED}) SELECT b.id FROM b LEFT JOIN core.events AS a ON a.id = b.id AND {OPEN}",
        f"WITH b AS (SELECT * FROM core.events WHERE {CLOSED}) SELECT id FROM b WHERE ts < @window_end UNION ALL SELECT -id FROM b",
        f"SELECT a.id FROM core.events AS a JOIN core.events AS b ON b.id = a.id AND b.{CLOSED}",
        f"SELECT b.id FROM core.events AS b JOIN core.events AS a ON b.id = a.id AND a.ts < @window_end WHERE b.{CLOSED}",
        f"WITH a AS (SELECT * FROM core.events WHERE ts < @window_end) SELECT b.id FROM core.events AS b JOIN a ON b.id = a.id WHERE b.{CLOSED}",
        f"SELECT b.id FROM core.events AS b JOIN core.events AS a ON b.id = a.id AND a.ts >= @window_start - INTERVAL 7 DAY AND a.ts < @window_end WHERE b.{CLOSED}",
        f"SELECT id FROM core.events WHERE id = 1 OR ({CLOSED} AND id = 2)",
        f"SELECT id FROM core.events WHERE {CLOSED} AND (dt IS NULL OR dt > DATETIME(@window_end))",
        "WITH w AS (SELECT @window_start AS a, @window_end AS b) SELECT e.id FROM core.events AS e, w AS v WHERE e.ts BETWEEN v.a AND v.b",
    ],
)  # fmt: skip
def test_a_shared_end_comes_out_of_what_reads_it(sql):
    """Rows go on through WITH, FROM, JOIN and UNION, beside what is only looked up."""
    ((_, unit, sizes, _),) = shared_in(sql)
    assert (unit, sizes) == ("moment", HOURS + DAYS)


@pytest.mark.parametrize(
    "sql",
    [
        f"SELECT day, next FROM (SELECT day, LEAD(id) OVER (ORDER BY day, id) AS next FROM core.events WHERE {CLOSED_DAYS}) WHERE day < DATE(@window_end)",
        f"SELECT day, LEAD(id) OVER (ORDER BY day, id) AS next FROM core.events WHERE {CLOSED_DAYS} QUALIFY day < DATE(@window_end)",
        f"SELECT day, next FROM (SELECT day, LEAD(id) OVER (ORDER BY day, id) AS next FROM core.events WHERE {CLOSED_DAYS}) WHERE day = DATE(@window_start)",
        f"WITH b AS (SELECT * FROM core.events WHERE {CLOSED}) SELECT id, ts FROM b WHERE ts < @window_end",
        f"WITH b AS (SELECT * FROM core.events WHERE {CLOSED}), c AS (SELECT ts AS t FROM b) SELECT t FROM c WHERE t < @window_end",
        f"WITH b AS (SELECT day, COUNT(*) AS n FROM core.events WHERE {CLOSED} GROUP BY day HAVING day < DATE(@window_end)) SELECT n FROM b",
        f"SELECT a.id FROM core.events AS a JOIN core.events AS b ON b.day = DATE(a.ts) AND b.{CLOSED_DAYS} WHERE {OPEN}",
        f"SELECT a.id FROM core.events AS a LEFT JOIN core.events AS b ON b.day = DATE(a.ts) AND b.{CLOSED_DAYS} WHERE {OPEN}",
        f"SELECT a.id FROM core.events AS a LEFT JOIN (SELECT * FROM core.events WHERE {CLOSED_DAYS}) AS b ON b.day = a.day",
        f"SELECT a.id FROM core.events AS a JOIN core.events AS b ON b.id = a.id WHERE {OPEN} AND b.day >= DATE(@window_start) AND b.day <= DATE(@window_end)",
        f"WITH a AS (SELECT * FROM core.events AS a WHERE {OPEN}) SELECT a.id FROM a JOIN core.events AS b ON b.id = a.id WHERE b.{CLOSED_DAYS}",
        f"WITH b AS (SELECT * FROM core.events WHERE {CLOSED}), a AS (SELECT * FROM core.events AS a WHERE {OPEN}) SELECT a.id FROM a JOIN b ON b.id = a.id",
        f"SELECT a.id FROM core.events AS a JOIN core.events AS b ON b.id = a.id WHERE DATE(a.ts) = DATE(@window_start) AND b.{CLOSED_DAYS}",
        f"SELECT a.id FROM core.events AS a JOIN core.events AS b ON b.id = a.id WHERE a.ts > @window_start AND a.ts <= @window_end AND b.{CLOSED}",
        f"SELECT d FROM UNNEST(GENERATE_DATE_ARRAY(DATE(@window_start), DATE_SUB(DATE(@window_end), INTERVAL 1 DAY))) AS d JOIN core.events AS b ON b.day <= d WHERE b.{CLOSED_DAYS}",
        f"SELECT a.id FROM core.events AS a WHERE {OPEN} AND EXISTS (SELECT 1 FROM core.events AS b WHERE b.id = a.id AND b.{CLOSED_DAYS})",
        f"SELECT a.id FROM core.events AS a WHERE {OPEN} AND a.id IN (SELECT b.id FROM core.events AS b WHERE b.{CLOSED_DAYS})",
        f"SELECT a.id, (SELECT COUNT(*) FROM core.events AS b WHERE b.id = a.id AND b.{CLOSED}) AS n FROM core.events AS a WHERE {OPEN}",
        f"SELECT a.id FROM core.events AS a WHERE id > 0 AND (SELECT COUNTIF(e.{CLOSED}) FROM core.events AS e) > 1",
        f"SELECT a.id, COUNTIF(a.{CLOSED}) AS n FROM core.events AS a WHERE {OPEN} GROUP BY id",
        f"SELECT CASE WHEN {CLOSED} THEN 1 END AS x, IF({CLOSED_DAYS}, 1, 0) AS y FROM core.events",
        f"SELECT DATE(@window_start) AS day, SUM(IF(day = DATE(@window_end), id, -id)) AS change FROM core.events WHERE {CLOSED_DAYS}",
        f"SELECT id FROM core.events WHERE {CLOSED_DAYS} AND ts < @window_end",
    ],
)  # fmt: skip
def test_a_range_that_does_not_say_which_rows_come_out_is_none(sql):
    """What is only looked up, asked or bounded again outside may hold both ends of a window, and so may what knows its end."""
    assert not list(shared_in(sql))


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


@pytest.mark.parametrize(
    ("sql", "unread"),
    [
        ("SELECT id FROM core.events WHERE id = 1\nAND COALESCE(ts, TIMESTAMP(dt)) >= @window_start", [("COALESCE(ts, TIMESTAMP(dt)) >= @window_start", 2)]),
        ("SELECT id FROM core.events WHERE FORMAT_DATE('%d.%m.%Y', DATE(ts)) = FORMAT_DATE('%d.%m.%Y', DATE(@window_start))", [("FORMAT_DATE('%d.%m.%Y', DATE(ts)) = FORMAT_DATE('%d.%m.%Y', DATE(@window_start))", 1)]),
        ("SELECT COUNTIF(ts < @window_end) AS n FROM core.events", [("COUNTIF(ts < @window_end)", 1)]),
        ("SELECT id FROM core.events WHERE ts < @window_end OR id = 1", [("ts < @window_end OR id = 1", 1)]),
        ("SELECT id, MAX(ts) AS last FROM core.events GROUP BY id HAVING MAX(ts) >= @window_start", [("MAX(ts) >= @window_start", 1)]),
        ("SELECT id FROM (SELECT id, MAX(ts) AS last FROM core.events GROUP BY id) WHERE last < @window_end", [("last < @window_end", 1)]),
        ("SELECT id FROM (SELECT id, ts, ROW_NUMBER() OVER (ORDER BY id, ts, dt, day) AS n FROM core.events) WHERE ts < @window_end", [("ts < @window_end", 1)]),
        ("SELECT id FROM core.events QUALIFY ROW_NUMBER() OVER (PARTITION BY id ORDER BY ts, dt, day) = 1 AND ts < @window_end", [("ts < @window_end", 1)]),
        ("SELECT a.id FROM core.events AS a LEFT JOIN (SELECT 1 AS id) AS b\nON a.id = b.id AND a.ts < @window_end", [("a.ts < @window_end", 2)]),
        ("SELECT id FROM core.events WHERE ts < @window_end AND EXTRACT(HOUR FROM ts) < EXTRACT(HOUR FROM @window_end)", []),
        ("SELECT id FROM core.events WHERE ts >= @window_start - INTERVAL 7 DAY", [("ts >= @window_start - INTERVAL 7 DAY", 1)]),
        ("SELECT id, DATE(@window_start) AS day FROM core.events", []),
        ("SELECT id, DATE_DIFF(DATE(@window_end), day, DAY) AS age FROM core.events", []),
    ],
)  # fmt: skip
def test_where_the_window_bounds_nothing_is_kept(sql, unread):
    """Where a query names the window beside the column that divides a table, and reads the table whole, is told."""
    (found,) = analyze(sql, SCHEMA, {"core.events": "ts"}).dependencies
    assert [(one.text, one.line) for one in found.unread] == unread


def test_a_series_of_one_end_is_a_fault():
    """What lacks an argument is refused in words."""
    with pytest.raises(SqlError, match="GENERATE_DATE_ARRAY takes a first and a last DATE and a step"):
        reach("day IN UNNEST(GENERATE_DATE_ARRAY(DATE(@window_start)))")


def test_the_lookup_of_the_documentation_repairs_itself():
    """What docs/table.md shows is read by the window up to its end."""
    page = (Path(__file__).parents[2] / "docs/table.md").read_text()
    sql = page.split("```sql\n")[1].split("```")[0]
    payments = {"payment_id": "INT64", "currency": "STRING", "amount": "NUMERIC", "captured_at": "TIMESTAMP"}
    rates = {"currency": "STRING", "rate": "NUMERIC", "valid_from": "DATE"}
    schema = {"core.payments": payments, "core.fx_rates": rates}
    rate, payment = analyze(sql, schema, {"core.payments": "captured_at", "core.fx_rates": "valid_from"}).dependencies
    assert (rate.range(WINDOW), payment.range(WINDOW)) == (Window(BEGINNING, WINDOW.end), WINDOW)
