"""How far a query reads its upstreams: a table of examples, and the law that no row is missed."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.model.types import Type
from flows.model.window import Size, Window
from flows.report.reading import reading
from flows.sql import analyze, to_duckdb

TIMESTAMP, DATE, INT64 = Type("TIMESTAMP"), Type("DATE"), Type("INT64")
A_DAY = Size(1, "day")
SCHEMA = {
    "core.events": {"id": INT64, "ts": TIMESTAMP},
    "core.days": {"id": INT64, "day": DATE},
    "core.users": {"id": INT64},
}
PARTITIONS = {"core.events": "ts", "core.days": "day"}
SIZES = ("1 hour", "6 hours", "1 day", "1 week", "1 month")
MIDDLE = datetime(2026, 3, 1, tzinfo=UTC)


def cases():
    text = Path(__file__).with_name("reach_cases.txt").read_text()
    lines = [line for line in text.splitlines() if line and not line.startswith(("#", "--"))]
    query = None
    found = {}
    for line in lines:
        if line.startswith("=> "):
            found[query].append(line.removeprefix("=> "))
        else:
            query = line
            found[query] = []
    return list(found.items())


@pytest.mark.parametrize(("sql", "expected"), cases())
def test_reach(sql, expected):
    """A query reads what the table of examples says."""
    found = analyze(sql, SCHEMA, PARTITIONS).dependencies
    assert [f"{one.table}: {reading(one)}" for one in found] == expected
    assert [one.reach is None for one in found] == ["snapshot" in line for line in expected]


@pytest.fixture(scope="module")
def connection():
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'; CREATE SCHEMA core; CREATE SCHEMA few; CREATE SCHEMA part")
        start, end = MIDDLE - timedelta(days=800), MIDDLE + timedelta(days=800)
        connection.execute(
            "CREATE TABLE core.events AS SELECT CAST(row_number() OVER () % 11 AS BIGINT) AS id,"
            " moment + to_microseconds(jitter) AS ts"
            " FROM generate_series(CAST(? AS TIMESTAMPTZ), ?, INTERVAL 6 HOUR) AS r(moment),"
            " (VALUES (-1), (0), (1)) AS j(jitter)",
            [start, end],
        )
        connection.execute(
            "CREATE TABLE core.days AS SELECT CAST(row_number() OVER () % 7 AS BIGINT) AS id, CAST(day AS DATE) AS day"
            " FROM generate_series(CAST(? AS TIMESTAMPTZ), ?, INTERVAL 1 DAY) AS r(day)",
            [start, end],
        )
        for table, few in (("events", "ts BETWEEN ? AND ? AND id < 4"), ("days", "day BETWEEN ? AND ?")):
            near = [MIDDLE - timedelta(days=25), MIDDLE + timedelta(days=25)]
            connection.execute(f"CREATE TABLE few.{table} AS SELECT * FROM core.{table} WHERE {few}", near)
        connection.execute("CREATE TABLE few.users AS SELECT CAST(range AS BIGINT) AS id FROM range(9)")
        connection.execute("CREATE TABLE core.users AS SELECT CAST(range AS BIGINT) AS id FROM range(9)")
        yield connection


PARAMETERS = st.sampled_from(["@window_start", "@window_end"])
CLOCKS = st.sampled_from(["MINUTE", "HOUR", "DAY"])
DAYS = st.sampled_from(["DAY", "WEEK", "MONTH", "QUARTER", "YEAR"])
SMALL = st.integers(-40, 40)


def _moments(inner):
    dates = st.deferred(lambda: DATES)
    return st.one_of(
        st.builds("TIMESTAMP_{}({}, INTERVAL {} {})".format, st.sampled_from(["ADD", "SUB"]), inner, SMALL, CLOCKS),
        st.builds("({} {} INTERVAL {} {})".format, inner, st.sampled_from("+-"), st.integers(0, 40), CLOCKS),
        st.builds(
            "TIMESTAMP_TRUNC({}, {})".format, inner, st.sampled_from(["HOUR", "DAY", "ISOWEEK", "MONTH", "YEAR"])
        ),
        st.builds("TIMESTAMP({})".format, dates),
    )


MOMENTS = st.recursive(PARAMETERS, _moments, max_leaves=3)
DATES = st.recursive(
    st.builds("DATE({})".format, MOMENTS),
    lambda inner: st.one_of(
        st.builds(
            "DATE_{}({}, INTERVAL {} {})".format, st.sampled_from(["ADD", "SUB"]), inner, st.integers(-3, 3), DAYS
        ),
        st.builds("DATE_TRUNC({}, {})".format, inner, st.sampled_from(["DAY", "WEEK(MONDAY)", "MONTH", "YEAR"])),
    ),
    max_leaves=3,
)
COLUMNS = {
    "core.events": (["ts", "TIMESTAMP(DATE(ts))", *(f"TIMESTAMP_TRUNC(ts, {unit})" for unit in ("HOUR", "DAY", "ISOWEEK", "MONTH"))], ["DATE(ts)", "CAST(ts AS DATE)", "DATE(ts, 'Europe/Vienna')", "DATE(ts, '-05:30')", "DATE_TRUNC(DATE(TIMESTAMP_ADD(ts, INTERVAL 2 HOUR)), MONTH)"]),
    "core.days": (["TIMESTAMP(day)"], ["day", "DATE_TRUNC(day, MONTH)"]),
}  # fmt: skip


@st.composite
def comparisons(draw, table, signs=("<", "<=", ">", ">=", "=")):
    moments, dates = COLUMNS[table]
    column = draw(st.sampled_from([*moments, *dates]))
    limit = draw(MOMENTS if column in moments else DATES)
    sign = draw(st.sampled_from(signs))
    return f"{column} {sign} {limit}" if draw(st.booleans()) else f"{limit} {TURNED[sign]} {column}"


TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "="}


@st.composite
def windows(draw):
    size = Size.parse(draw(st.sampled_from(SIZES)))
    start = size.floor(MIDDLE + timedelta(hours=draw(st.integers(-2000, 2000))))
    return Window(start, size.next(start))


SMALLER = {name.replace("core.", schema): types for name, types in SCHEMA.items() for schema in ("few.", "part.")}


def run(connection, sql, window):
    compiled = to_duckdb(sql, {**SCHEMA, **SMALLER})
    parameters = {"window_start": window.start, "window_end": window.end}
    used = {name: value for name, value in parameters.items() if f"${name}" in compiled}
    return connection.execute(compiled, used).fetchall()


@settings(max_examples=200, deadline=None)
@given(st.data(), windows(), st.sampled_from(sorted(COLUMNS)))
def test_no_row_that_a_query_selects_lies_outside_its_reach(connection, data, window, table):
    """Whatever the bounds, each row that they let through lies in the range that the dependency names."""
    upper = data.draw(comparisons(table, ("<", "<=", "=")))
    more = data.draw(st.lists(comparisons(table), max_size=2))
    column = PARTITIONS[table]
    sql = f"SELECT {column} AS c FROM {table} WHERE {' AND '.join([upper, *more])}"
    (dependency,) = analyze(sql, SCHEMA, PARTITIONS).dependencies
    reach = dependency.range(window)
    if reach is None:
        return
    ((first, last),) = run(connection, f"SELECT MIN(c) AS first, MAX(c) AS last FROM ({sql})", window)
    if first is not None:
        assert reach.start <= _moment(first), (sql, str(reach))
        assert _moment(last) + WIDTHS[table] <= reach.end, (sql, str(reach))


def _moment(value):
    return value if isinstance(value, datetime) else datetime(value.year, value.month, value.day, tzinfo=UTC)


WIDTHS = {"core.events": timedelta(microseconds=1), "core.days": timedelta(days=1)}


EVENTS = "{e}.ts >= @window_start - INTERVAL 9 DAY AND {e}.ts < @window_end"
DAYS_BOUND = "{d}.day >= DATE(@window_start) AND {d}.day < DATE(@window_end)"
E1, D1 = EVENTS.format(e="e"), DAYS_BOUND.format(d="d")
SHAPES = [
    *(
        f"SELECT e.id AS a, d.id AS b, u.id AS c FROM core.events AS e {one} JOIN core.days AS d ON {on}"
        f" {two} JOIN core.users AS u ON u.id = d.id {where}"
        for one in ("", "LEFT", "RIGHT", "FULL")
        for two in ("LEFT", "RIGHT")
        for on in (f"d.id = e.id AND {E1} AND {D1}", "d.id = e.id")
        for where in ("", f"WHERE {E1}", f"WHERE {D1}", f"WHERE {E1} AND {D1}")
    ),
    f"SELECT id, COUNT(*) AS n FROM core.events AS e WHERE {E1} GROUP BY id HAVING COUNT(*) > 1",
    f"SELECT id FROM (SELECT DISTINCT id, ts FROM core.events) AS e WHERE {E1}",
    f"SELECT id FROM (SELECT id, ts FROM core.events EXCEPT DISTINCT SELECT id, TIMESTAMP(day) FROM core.days) AS e WHERE {E1}",
    f"SELECT id FROM (SELECT id, ts FROM core.events UNION ALL SELECT id, TIMESTAMP(day) FROM core.days) AS e WHERE {E1}",
    f"SELECT n FROM (SELECT DATE(ts) AS day, COUNT(*) AS n FROM core.events GROUP BY day) AS d WHERE {D1}",
    f"SELECT n FROM (SELECT ts, SUM(id) OVER (ORDER BY ts) AS n FROM core.events) AS e WHERE {E1}",
    f"SELECT n FROM (SELECT ts, id AS n FROM core.events ORDER BY ts DESC LIMIT 150) AS e WHERE {E1}",
    f"SELECT id FROM core.users AS u WHERE NOT EXISTS (SELECT 1 FROM core.events AS e WHERE e.id = u.id AND {E1})",
    f"WITH x AS (SELECT id, ts FROM core.events) SELECT e.id AS a, f.id AS b FROM x AS e LEFT JOIN x AS f ON f.id = e.id AND {EVENTS.format(e='f')} WHERE {E1}",
    f"SELECT x.id FROM (SELECT e.id, e.ts, d.day FROM core.events AS e FULL JOIN core.days AS d ON d.id = e.id) AS x WHERE {EVENTS.format(e='x')}",
    f"SELECT COUNT(*) AS n FROM core.events AS e LEFT JOIN core.days AS d USING (id) WHERE {E1} AND (d.day IS NULL OR d.day >= DATE(@window_start))",
]  # fmt: skip


@pytest.mark.parametrize("sql", SHAPES)
def test_what_lies_outside_the_reach_changes_nothing(connection, sql):
    """A query gives the same over its upstreams cut to its reach as over all of them."""
    window = Window(MIDDLE, MIDDLE + timedelta(days=1))
    reaches = {one.table: one.range(window) for one in analyze(sql, SCHEMA, PARTITIONS).dependencies}
    for table in SCHEMA:
        part, reach = table.replace("core.", "part."), reaches.get(table)
        column = PARTITIONS.get(table)
        connection.execute(f"CREATE OR REPLACE TABLE {part} AS SELECT * FROM {table.replace('core.', 'few.')}")
        if reach is not None:
            connection.execute(f"DELETE FROM {part} WHERE {column} < ? OR {column} >= ?", [reach.start, reach.end])
    whole, cut = (Counter(run(connection, sql.replace("core.", schema), window)) for schema in ("few.", "part."))
    assert whole == cut
    assert whole


FROM = "FROM core.events"
OF_WINDOW = "ts >= @window_start AND ts < @window_end"
BERLIN = "DATE(ts, 'Europe/Berlin')"
SERIES = "UNNEST(GENERATE_DATE_ARRAY(DATE(@window_start), DATE(@window_end)))"


@pytest.mark.parametrize(
    ("sql", "write"),
    [
        (f"DATE(ts) AS day {FROM} WHERE ts >= @window_start GROUP BY 1", "ts < @window_end"),
        (f"DATE(ts) AS day {FROM} WHERE ts < @window_end", "ts >= @window_start"),
        (f"DATE(ts) AS day {FROM} WHERE ts < @window_end AND ts >= '2026-01-01' AND ts IS NOT NULL", "ts >= @window_start"),
        (f"DATE(ts) AS day {FROM} WHERE NOT (ts >= @window_end)", "ts >= @window_start"),
        (f"DATE(ts) AS day {FROM}", OF_WINDOW),
        ("day FROM core.days WHERE DATE(@window_start) <= day AND id > 1", "day < DATE(@window_end)"),
        (f"DATE(x.ts) AS day FROM (SELECT ts {FROM} WHERE ts > @window_start) AS x", "ts < @window_end"),
        (f"{BERLIN} AS day {FROM} WHERE {OF_WINDOW}", f"{BERLIN} >= DATE(@window_start) AND {BERLIN} < DATE(@window_end)"),
        (f"{BERLIN} AS day {FROM} WHERE ts < @window_end", f"{BERLIN} >= DATE(@window_start)"),
        (f"DATE(ts) + 1 AS day {FROM} WHERE {OF_WINDOW}", "DATE(ts) + 1 >= DATE(@window_start) AND DATE(ts) + 1 < DATE(@window_end)"),
        (f"x.d AS day FROM (SELECT DATE(ts) + 1 AS d {FROM} WHERE {OF_WINDOW}) AS x", "x.d >= DATE(@window_start) AND x.d < DATE(@window_end)"),
        (f"DATE(ts) AS day {FROM} WHERE ts >= @window_start - INTERVAL 7 DAY AND ts < @window_end", OF_WINDOW),
        (f"DATE(ts) AS day {FROM} WHERE ts >= @window_start AND ts < @window_end + INTERVAL 1 HOUR", OF_WINDOW),
        ("day FROM core.days WHERE day = DATE(@window_end)", "day >= DATE(@window_start) AND day < DATE(@window_end)"),
        (f"DATE_TRUNC(DATE(ts), MONTH) AS day {FROM} WHERE {OF_WINDOW}", None),
        (f"DATE(ts) AS day {FROM} WHERE {OF_WINDOW} UNION ALL SELECT day FROM core.days WHERE day < DATE(@window_end)", "day >= DATE(@window_start)"),
        (f"DATE(ts) AS day {FROM} WHERE {OF_WINDOW} UNION DISTINCT (SELECT DATE(ts) {FROM} UNION ALL SELECT DATE(@window_start)) ORDER BY 1", OF_WINDOW),
        (f"DATE(ts, 'Europe/London') AS day {FROM} WHERE {OF_WINDOW}", None),
        (f"DATE(ts, 'Australia/Lord_Howe') AS day {FROM} WHERE {OF_WINDOW}", None),
        (f"DATE '2026-01-01' AS day, id {FROM} WHERE {OF_WINDOW} AND id > 1", None),
        (f"DATE(ts) AS day {FROM} WHERE {OF_WINDOW} UNION ALL SELECT DATE(2026, 1, 1)", None),
        ("x AS day FROM UNNEST([DATE '2026-01-01', DATE '2026-01-02']) AS x", None),
        ("DATE_ADD(x, INTERVAL 1 DAY) AS day FROM UNNEST([DATE(@window_start), DATE(@window_end)]) AS x", None),
        ("x AS day FROM UNNEST(GENERATE_DATE_ARRAY(DATE(@window_start), DATE(@window_end))) AS x", None),
        (f"x AS day, COUNT(ts) AS n FROM UNNEST(GENERATE_DATE_ARRAY(DATE(@window_start) - 6, DATE(@window_start), INTERVAL 1 DAY)) AS x LEFT JOIN core.events ON DATE(ts) = x AND {OF_WINDOW} GROUP BY 1", None),
        (f"DATE(@window_end) AS day, id {FROM} WHERE {OF_WINDOW}", None),
        (f"DATE(@window_start) - 1 AS day, id {FROM} WHERE {OF_WINDOW}", None),
        (
            f"DATE(e.ts) AS day {FROM} AS e LEFT JOIN core.days AS k ON k.day < DATE(e.ts) AND k.day < DATE(@window_end) WHERE e.ts < @window_end",
            "ts >= @window_start",
        ),
        (
            f"DATE(e.ts) AS day {FROM} AS e JOIN core.days AS k ON k.id = e.id AND k.day >= DATE(@window_start) - 7 AND k.day < DATE(@window_end) WHERE e.ts < @window_end",
            "ts >= @window_start",
        ),
    ],
)  # fmt: skip
def test_windows_that_give_rows_of_others(sql, write):
    """A window that reads a row which is not its own is known from the query, and what keeps such rows out."""
    found = strays(f"SELECT {sql}")
    assert found
    if write is not None:
        assert [one.bounds(lower=lower, upper=upper) for one, lower, upper in found] == [write]


@pytest.mark.parametrize(
    "sql",
    [
        f"DATE(ts) AS day {FROM} WHERE {OF_WINDOW}",
        f"{BERLIN} AS day {FROM} WHERE {BERLIN} >= DATE(@window_start) AND {BERLIN} < DATE(@window_end)",
        f"{BERLIN} AS day {FROM} WHERE {BERLIN} = DATE(@window_start)",
        f"{BERLIN} AS day {FROM} WHERE {OF_WINDOW} AND EXTRACT(HOUR FROM ts) < 20",
        f"DATE(ts) AS day {FROM} WHERE DATE(ts) BETWEEN DATE(@window_start) AND DATE(@window_start)",
        f"DATE(@window_start) AS day {FROM} WHERE ts < @window_end",
        f"DATE_SUB(DATE(@window_end), INTERVAL 1 DAY) AS day {FROM} WHERE ts < @window_end",
        f"DATE(ts) AS day {FROM} JOIN core.days AS k ON k.day = DATE(ts) WHERE k.day = DATE(@window_start)",
        f"DATE(ts) AS day {FROM} WHERE ts < @window_end AND id IN (SELECT id FROM core.days WHERE day >= DATE(@window_start))",
        f"DATE(ts) AS day {FROM} WHERE ts < @window_end AND DATE(ts) IN (SELECT day FROM core.days WHERE day >= DATE(@window_start))",
        f"MAX(DATE(ts)) AS day, id {FROM} WHERE ts < @window_end GROUP BY id HAVING MAX(ts) >= @window_start",
        f"DATE(ts) AS day {FROM} WHERE ts < @window_end QUALIFY ROW_NUMBER() OVER (PARTITION BY id ORDER BY ts DESC) = 1",
        f"day FROM (SELECT DATE(ts) AS day {FROM} WHERE ts < @window_end) JOIN core.days AS k USING (day) WHERE k.day >= DATE(@window_start)",
        "day FROM core.days WHERE day = DATE(@window_start)",
        "day FROM core.days WHERE day < DATE_ADD(DATE(@window_start), INTERVAL 1 DAY) AND day >= DATE(@window_start)",
        "day FROM core.days WHERE DATE_DIFF(day, DATE(@window_start), DAY) = 0",
        "day FROM core.days WHERE ABS(DATE_DIFF(day, DATE(@window_start), DAY)) < 1",
        f"ts AS day {FROM} WHERE ts > @window_start - INTERVAL 1 HOUR AND ts <= @window_end - INTERVAL 1 HOUR",
        f"DATE(ts) AS day {FROM} WHERE ts < @window_end AND id NOT IN (SELECT id {FROM} WHERE ts < @window_start)",
        f"DATE(e.ts) AS day {FROM} AS e LEFT JOIN core.days AS k ON k.id = e.id AND k.day < DATE(@window_start) WHERE e.ts < @window_end AND k.id IS NULL",
        f"DATE(e.ts) AS day {FROM} AS e WHERE e.ts < @window_end AND (SELECT COUNT(*) FROM core.days AS k WHERE k.id = e.id AND k.day < DATE(@window_start)) = 0",
        "day FROM core.days WHERE (day >= DATE(@window_start) OR id = 1) AND day < DATE(@window_end)",
        "DATE(@window_start) AS day FROM core.days WHERE day >= DATE(@window_start)",
        "day FROM core.days WHERE NOT EXISTS (SELECT 1 FROM core.events WHERE ts > @window_start AND DATE(ts) = day)",
        f"DATE(ts) AS day {FROM} WHERE ts >= @window_start ORDER BY ts, id LIMIT 1",
        f"DATE(ts) AS day {FROM} WHERE {OF_WINDOW} UNION ALL SELECT day FROM core.days WHERE day = DATE(@window_start)",
        f"day FROM (SELECT DATE(ts) AS day {FROM} WHERE ts >= @window_start UNION ALL SELECT day FROM core.days) WHERE day = DATE(@window_start)",
        f"DATE(ts) AS day {FROM} WHERE DATE(ts) IN UNNEST(GENERATE_DATE_ARRAY(DATE(@window_start), DATE(@window_end), INTERVAL 1 WEEK))",
        f"DATE(ts, 'Africa/Abidjan') AS day {FROM} WHERE {OF_WINDOW}",
        f"DATE '2026-01-01' AS day, id {FROM} WHERE {OF_WINDOW} AND DATE(ts) = '2026-01-01'",
        "DATE '2026-01-01' AS day FROM core.users WHERE @window_start = '2026-01-01'",
        "x AS day FROM UNNEST([DATE '2026-01-01', DATE '2026-01-02']) AS x WHERE x = DATE(@window_start)",
        "x AS day FROM UNNEST(GENERATE_DATE_ARRAY(DATE(@window_start), DATE(@window_end))) AS x WHERE x < DATE(@window_end)",
        "x AS day FROM UNNEST(GENERATE_DATE_ARRAY(DATE(@window_start), DATE(@window_end) - 1)) AS x",
        "x AS day FROM UNNEST(GENERATE_DATE_ARRAY(DATE(@window_start), DATE(@window_end), INTERVAL 3 DAY)) AS x",
        f"x AS day FROM UNNEST(GENERATE_DATE_ARRAY(DATE(@window_start), DATE(@window_end))) AS x JOIN core.events ON DATE(ts) = x WHERE {OF_WINDOW}",
        "x AS day FROM UNNEST(GENERATE_DATE_ARRAY(DATE(@window_start), DATE(@window_end))) AS x JOIN (SELECT day AS x FROM core.days WHERE day = DATE(@window_start)) USING (x)",
        f"x AS day FROM {SERIES} AS x GROUP BY day HAVING day < DATE(@window_end)",
        f"x AS day, ROW_NUMBER() OVER (ORDER BY x) AS n FROM {SERIES} AS x QUALIFY n = 1",
        f"x AS day FROM {SERIES} AS x WITH OFFSET AS n WHERE n < 1",
        f"x AS day, COUNT(id) AS n FROM {SERIES} AS x LEFT JOIN core.events ON DATE(ts) = x WHERE {OF_WINDOW} GROUP BY 1",
        f"x AS day FROM core.events RIGHT JOIN {SERIES} AS x ON DATE(ts) = x WHERE {OF_WINDOW}",
        f"DATE_TRUNC(DATE(@window_start), MONTH) AS day {FROM} WHERE {OF_WINDOW} AND EXTRACT(DAY FROM @window_start) = 1",
        "DATE '2026-01-05' AS day FROM core.days AS a JOIN core.days AS b USING (day) WHERE a.day = DATE(@window_start) AND b.day = '2026-01-05'",
        f"DATE_FROM_UNIX_DATE((SELECT * FROM core.users)) AS day {FROM} WHERE {OF_WINDOW}",
    ],
)  # fmt: skip
def test_windows_that_may_give_their_own_rows_alone(sql):
    """Where something that nobody reads may keep the others out, nothing is told."""
    assert not strays(f"SELECT {sql}")


@pytest.mark.parametrize("end", ["< DATE(@window_end)", "<= DATE_SUB(DATE(@window_end), INTERVAL 1 DAY)"])
def test_a_day_is_no_time_of_a_window_of_hours(end):
    """The last hour of a day reads all of it."""
    sql = f"SELECT day FROM core.days WHERE day >= DATE(@window_start) AND day {end}"
    assert strays(sql, Size(1, "hour"))
    assert not strays(sql)


def strays(sql, size=A_DAY):
    found = []
    for one in analyze(sql, SCHEMA, PARTITIONS, owned=("day", size)).row_times:
        stray = one.stray(size)
        lower, upper = one.is_bounded
        if stray is not None:
            found.append((one, not lower, not upper) if not (lower and upper) else (one, True, True))
    return found
