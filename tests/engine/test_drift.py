"""A run over rows that have not changed touches nothing, in whatever order FLOAT64 is added up."""

from contextlib import closing
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.sql import drifting
from flows.warehouses.duckdb.warehouse import DuckDB
from tests.engine.builders import Rows, by_day, csv, day, do, rows, table, touched, window

READINGS = table(
    "core.readings",
    "id INT64, moment TIMESTAMP, place STRING, x FLOAT64",
    strategy="append",
    **by_day("moment"),
    **csv(cursor="moment"),
)
SCHEMA = {"core.readings": READINGS.types}
IN_WINDOW = "FROM core.readings WHERE moment >= @window_start AND moment < @window_end"
SUMS = "place, SUM(x) AS total, AVG(x) AS mean, MAX(x) AS most"
COLUMNS = "day DATE, place STRING, total FLOAT64, mean FLOAT64, most FLOAT64"
TABLES = {
    "append": table(
        "derived.sums",
        COLUMNS,
        strategy="append",
        sql=f"SELECT DATE(moment) AS day, {SUMS} {IN_WINDOW} GROUP BY day, place",
        **by_day("day"),
    ),
    "replace": table(
        "derived.sums",
        COLUMNS,
        strategy="replace",
        sql=f"SELECT DATE(moment) AS day, {SUMS} FROM core.readings GROUP BY day, place",
    ),
    "merge": table(
        "derived.sums",
        COLUMNS,
        strategy="merge",
        key=["day", "place"],
        sql=f"SELECT DATE(moment) AS day, {SUMS} {IN_WINDOW} GROUP BY day, place",
        **by_day("day"),
    ),
}


def reading(number, place, x):
    """Return a row of core.readings, of the first day."""
    return {"id": number, "moment": day(0) + timedelta(minutes=number), "place": place, "x": x}


@pytest.fixture
def values(warehouse):
    """A warehouse with readings whose sum depends on their order."""
    do(warehouse, READINGS, window(0), Rows([reading(n, "ab"[n % 2], 0.1 * n) for n in range(200)]))
    return warehouse


def _made(warehouse, strategy):
    subject = TABLES[strategy]
    return do(warehouse, subject, None if strategy == "replace" else window(0), schema=SCHEMA)


def _nudge(warehouse, column, factor):
    """Change a column of place a by a factor, as another order of adding up would."""
    warehouse.session.execute(f"UPDATE derived.sums SET {column} = {column} * {factor} WHERE place = 'a'")
    return rows(warehouse, TABLES["append"])


@pytest.mark.parametrize("strategy", TABLES)
def test_last_digits_of_a_sum_are_no_change_and_the_old_row_stays(values, strategy):
    """But a change is one, of however little, and so is any of a value that was passed through."""
    _made(values, strategy)
    for column in ("total", "mean"):
        drifted = _nudge(values, column, "(1 + 3e-14)")
        assert _made(values, strategy).touched == ()
        assert rows(values, TABLES["append"]) == drifted
        _nudge(values, column, "(1 + 1e-11)")
        assert _made(values, strategy).touched
    _nudge(values, "most", "(1 + 1e-15)")
    assert _made(values, strategy).touched


@pytest.mark.parametrize("strategy", TABLES)
def test_beside_a_change_rows_that_have_only_drifted_stay(values, strategy):
    """Nothing drifts in steps that are each too small to be seen."""
    _made(values, strategy)
    (drifted, _) = _nudge(values, "total", "(1 + 3e-14)")
    values.session.execute("UPDATE derived.sums SET total = total + 1 WHERE place = 'b'")
    assert _made(values, strategy).touched
    found = rows(values, TABLES["append"])
    assert found[0] == drifted
    assert found[1]["total"] == pytest.approx(sum(0.1 * n for n in range(1, 200, 2)))


@pytest.mark.parametrize("strategy", ["append", "replace"])
def test_rows_without_a_key_are_paired(values, strategy):
    """Among those that are equal in all other columns, in their order; one more or less is a change."""
    sql = f"SELECT DATE(moment) AS day, x + 0 * SUM(x) OVER () AS total {IN_WINDOW if strategy == 'append' else 'FROM core.readings'}"
    extra = by_day("day") if strategy == "append" else {}
    subject = table("derived.many", "day DATE, total FLOAT64", strategy=strategy, sql=sql, **extra)
    span = window(0) if strategy == "append" else None
    do(values, subject, span, schema=SCHEMA)
    values.session.execute("UPDATE derived.many SET total = total * (1 - 2e-13)")
    assert do(values, subject, span, schema=SCHEMA).touched == ()
    values.session.execute("DELETE FROM derived.many WHERE total = (SELECT max(total) FROM derived.many)")
    assert do(values, subject, span, schema=SCHEMA).touched
    assert len(rows(values, subject)) == 200


@pytest.mark.parametrize(
    ("one", "two"), [("inf", "nan"), ("inf", "-inf"), ("inf", "1e308"), ("nan", "0.0"), ("0.0", "1e-300")]
)
@pytest.mark.parametrize("strategy", TABLES)
def test_what_is_no_number_is_compared_as_it_is(values, strategy, one, two):
    """Infinity is not near anything else, and a NaN is the same as another."""
    for x, changes in ((one, True), (one, False), (two, True), (two, False)):
        do(values, READINGS, window(0), Rows([reading(1, "a", float(x))]))
        assert bool(_made(values, strategy).touched) == changes


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(0.001, 1e6), min_size=2, max_size=40), st.randoms(use_true_random=False))
def test_any_order_of_the_same_rows_touches_nothing(tmp_path_factory, numbers, random):
    """Positive numbers do not cancel."""
    with closing(DuckDB(tmp_path_factory.mktemp("drift") / "warehouse.duckdb")) as warehouse:
        for _ in range(2):
            random.shuffle(numbers)
            given_ = [reading(place, "a", x) for place, x in enumerate(numbers)]
            do(warehouse, READINGS, window(0), Rows(given_))
            last = [
                do(
                    warehouse,
                    TABLES[name].model_copy(update={"name": name}),
                    None if name == "replace" else window(0),
                    schema=SCHEMA,
                )
                for name in TABLES
            ]
        assert [touched(entry) for entry in last] == [[], [], []]


@pytest.mark.parametrize(
    ("select", "expected"),
    [
        ("SUM(x) AS a, MAX(x) AS b, COUNT(*) AS c, AVG(id) AS d, SUM(id) AS e FROM core.readings", {"a"}),
        ("STDDEV(x) AS a, VAR_POP(id) AS b, MIN(x) AS c FROM core.readings", {"a", "b"}),
        ("ROUND(SUM(x) / COUNT(*), 2) AS a, SUM(x) > 1 AS b, CAST(SUM(x) AS NUMERIC) AS c FROM core.readings", {"a"}),
        (
            "t + 1 AS a, y AS b, id AS c FROM (SELECT id, SUM(x) AS t, MAX(x) AS y FROM core.readings GROUP BY id)",
            {"a"},
        ),
        ("* FROM (SELECT id, SUM(x) AS t, MAX(x) AS y FROM core.readings GROUP BY id)", {"t"}),
        ("x, SUM(x) OVER (ORDER BY id) AS a FROM core.readings", {"a"}),
        ("x AS a FROM core.readings UNION ALL SELECT SUM(x) FROM core.readings", {"a"}),
        (
            "IF(id > 1, s.t, 0) AS a, r.x AS b FROM core.readings AS r CROSS JOIN (SELECT SUM(x) AS t FROM core.readings) AS s",
            {"a"},
        ),
        ("x - (SELECT AVG(x) FROM core.readings) AS a, x AS b FROM core.readings", {"a"}),
        ("(SELECT x FROM core.readings WHERE id = 1) AS a, COALESCE(x, 0) AS b FROM core.readings", set()),
    ],
)
def test_which_columns_drift(select, expected):
    """Those of FLOAT64 that an aggregate adds up, through whatever they are computed with on the way."""
    assert drifting(f"SELECT {select}", SCHEMA) == expected
    with_ = f"WITH q AS (SELECT {select}) SELECT * FROM q"
    assert drifting(with_, SCHEMA) == expected
