"""A run over rows that have not changed touches nothing, in whatever order FLOAT64 is added up."""

from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.sql import drifting
from flows.warehouses.duckdb.warehouse import DuckDB
from tests.contract.test_drift import READINGS, SCHEMA, TABLES, reading
from tests.engine.builders import Rows, do, touched, window


@settings(max_examples=5, deadline=None)
@given(
    st.lists(st.lists(st.floats(0.001, 1e6), min_size=2, max_size=40), min_size=5, max_size=5),
    st.randoms(use_true_random=False),
)
def test_any_order_of_the_same_rows_touches_nothing(tmp_path_factory, numbers, random):
    """Positive numbers do not cancel; each list is of a place of its own."""
    with closing(DuckDB(tmp_path_factory.mktemp("drift") / "warehouse.duckdb")) as warehouse:
        for _ in range(2):
            for some in numbers:
                random.shuffle(some)
            placed = [(f"{place}", x) for place, some in enumerate(numbers) for x in some]
            given_ = [reading(number, *one) for number, one in enumerate(placed)]
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
        ("ROUND(SUM(x) / COUNT(*), 2) AS a, COUNT(*) > 1 AS b FROM core.readings", {"a"}),
        ("SUM(x) AS a, CAST(SUM(x) AS NUMERIC) AS b FROM core.readings", set()),
        ("SUM(x) AS a, SUM(x) > 1 AS b FROM core.readings", set()),
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
    """Those of FLOAT64 that an aggregate adds up, through whatever they are computed with on the way.

    None does where digits of a sum decide about a value of another type: then all are added up in one order.
    """
    assert drifting(f"SELECT {select}", SCHEMA) == expected
    with_ = f"WITH q AS (SELECT {select}) SELECT * FROM q"
    assert drifting(with_, SCHEMA) == expected
