"""A merge table has one row for each key, whatever order its windows come in."""

from contextlib import closing
from datetime import timedelta
from itertools import permutations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flows.model.errors import CheckFailedError
from flows.model.window import EVER
from flows.warehouses.duckdb.warehouse import DuckDB
from tests.engine.builders import (
    EVENTS,
    LOG,
    USERS,
    Rows,
    by_day,
    day,
    do,
    event,
    logged,
    rows,
    span,
    table,
    touched,
    values,
    window,
)


def test_a_core_merge_touches_where_rows_are_and_were(warehouse):
    """An update moves a row between days: both are touched. The newer cursor wins, whatever comes first."""
    do(warehouse, EVENTS, window(0), Rows([event(1, 0), event(2, 0)]))
    entry = do(warehouse, EVENTS, window(3), Rows([event(2, 2, updated=3, amount=9), event(4, 3)]))
    assert touched(entry) == [(0, 1, True), (2, 3, True), (3, 4, False)]
    assert touched(do(warehouse, EVENTS, window(0), Rows([event(1, 0), event(2, 0)]))) == []
    assert values(warehouse, EVENTS, "amount") == [1, 9, 1]


def test_of_several_rows_of_one_key_the_latest_by_cursor_is_kept(warehouse):
    """An export may hold a key twice."""
    early = event(1, 0, amount=1)
    late = {**event(1, 0, amount=2), "updated": early["updated"] + timedelta(hours=1)}
    assert do(warehouse, EVENTS, window(0), Rows([late, early])).rows == 1
    assert values(warehouse, EVENTS, "amount") == [2]
    later = [event(2, 1, amount=3), event(1, 1, amount=4), {**event(1, 1, amount=5), "at": day(0)}]
    assert do(warehouse, EVENTS, window(1), Rows(later)).rows == 2
    assert values(warehouse, EVENTS, "amount") == [4, 3]


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.lists(
            st.tuples(st.integers(1, 3), st.integers(0, 3), st.integers(0, 2), st.none() | st.integers(0, 3)),
            max_size=10,
        ),
        min_size=3,
        max_size=3,
    ),
    st.permutations([0, 1, 2, 3, 1, 3]),
)
def test_merge_windows_may_commit_in_any_order_and_twice(tmp_path_factory, logs, order):
    """The table is that of all rows at once: the least, the greatest, and the value of the latest.

    Each log is of three keys of its own.
    """
    log = [(3 * place + number, *rest) for place, one in enumerate(logs) for number, *rest in one]
    events = [{**logged(number, at, amount), "at": day(at) + timedelta(hours=hour)} for number, at, hour, amount in log]
    with closing(DuckDB(tmp_path_factory.mktemp("merge") / "warehouse.duckdb")) as warehouse:
        do(warehouse, LOG, span(0, 9), Rows(events))
        for number in order:
            do(warehouse, USERS, window(number))
        found = {row["id"]: row for row in rows(warehouse, USERS)}
        assert set(found) == {item["id"] for item in events}
        for number, row in found.items():
            mine = [item for item in events if item["id"] == number]
            last = max(item["at"] for item in mine)
            assert row["first"] == min(item["at"] for item in mine)
            assert row["last"] == last
            assert row["amount"] in {item["amount"] for item in mine if item["at"] == last}


def test_equally_late_values_combine_the_same_in_any_order(warehouse):
    """A tie of latest_by is decided by the value, not by who came last."""
    do(warehouse, LOG, span(0, 9), Rows([logged(1, 0, amount) for amount in (1, 2, 3)]))
    seen = []
    for number, order in enumerate(permutations([1, 2, 3])):
        sql = "SELECT id, at AS first, at AS last, amount FROM core.log WHERE amount = EXTRACT(DAY FROM @window_start)"
        subject = USERS.model_copy(update={"name": f"order_{number}", "sql": sql})
        for item in order:
            do(warehouse, subject, window(item - 1))
        seen.append(rows(warehouse, subject))
    assert all(found == seen[0] for found in seen)


def test_several_rows_of_a_key_that_overwrites_are_refused(warehouse):
    """Where a key contains the partition column a window must give each key once."""
    subject = table(
        "derived.daily",
        "day DATE, id INT64",
        strategy="merge",
        key=["day"],
        sql="SELECT DATE(at) AS day, id FROM core.events WHERE at >= @window_start AND at < @window_end",
        **by_day("day"),
    )
    do(warehouse, EVENTS, EVER, Rows([event(1, 0), event(2, 0)]))
    with pytest.raises(CheckFailedError, match="GROUP BY day"):
        do(warehouse, subject, window(0))
