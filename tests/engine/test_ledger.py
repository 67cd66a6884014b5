"""The ledger says what is committed, and holds no longer where a table is gone."""

from contextlib import closing
from datetime import UTC, datetime, timedelta

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flows.model.errors import WarehouseError
from flows.model.window import subtract
from flows.project.definition import code_version
from flows.warehouses.duckdb.warehouse import DuckDB
from tests.engine.builders import EVENTS, TOTALS, Rows, csv, day, do, event, reading, span, table, window


def test_the_ledger_answers_by_plain_sql(warehouse):
    """Last update, freshness, windows, failures, dependencies, and who ran what from which code version."""
    do(warehouse, EVENTS, window(0), Rows([event(1, 0)]))
    do(warehouse, TOTALS, window(0), upstreams={"core.events": 1})
    broken = TOTALS.model_copy(
        update={"sql": "SELECT DATE(at) AS day, CAST(1 / (id - 1) AS NUMERIC) AS amount FROM core.events"}
    )
    with pytest.raises(WarehouseError):
        do(warehouse, broken, window(1))
    found = {row["table_name"]: row for row in warehouse.query("SELECT * FROM platform.tables", {})}
    assert found["derived.totals"]["fresh_until"] == day(1)
    assert found["derived.totals"]["last_updated"] > datetime.now(UTC) - timedelta(minutes=5)
    states = warehouse.query("SELECT window_start, state FROM platform.windows WHERE table_name = 'derived.totals'", {})
    assert {(row["window_start"], row["state"]) for row in states} == {(day(0), "committed"), (day(1), "failed")}
    failure = warehouse.query("SELECT * FROM platform.failures", {})[0]
    assert failure["table_name"] == "derived.totals"
    assert "zero" in failure["error"]
    assert warehouse.query("SELECT * FROM platform.dependencies", {}) == [
        {"table_name": "derived.totals", "upstream": "core.events"}
    ]
    ran = warehouse.query("SELECT * FROM platform.runs WHERE table_name = 'core.events'", {})[0]
    assert (ran["run_by"], ran["git_commit"], ran["code_version"]) == ("tester", "abc", code_version(EVENTS))


def test_a_dropped_table_is_made_again(warehouse, tmp_path):
    """Commits before hold no longer, be the run cut off that makes it again; what read it is stale."""
    do(warehouse, EVENTS, window(0), Rows([event(1, 0)]))
    do(warehouse, EVENTS, window(1), Rows([event(2, 1)]))
    assert reading(warehouse, EVENTS).state.committed
    warehouse.close()
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as session:
        session.execute("DROP TABLE core.events")
    with closing(DuckDB(tmp_path / "warehouse.duckdb")) as again:
        state = reading(again, EVENTS).state
        assert (state.committed, state.version) == ((), 2)
        listed = "SELECT window_start FROM platform.windows WHERE table_name = 'core.events'"
        assert len(again.query(listed, {})) == 2
        assert do(again, EVENTS, window(0), Rows([event(1, 0)])).version == 4
        state = reading(again, EVENTS).state
        assert [commit.window for commit in state.committed] == [window(0)]
        assert reading(again, EVENTS).upstream.touches.within(window(1)) == 3
        assert again.query(listed, {}) == [{"window_start": day(0)}]


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.booleans(), st.integers(0, 4), st.integers(1, 3)).map(
            lambda one: (one[0], span(one[1], one[1] + one[2]))
        ),
        max_size=8,
    )
)
def test_failures_are_open_until_all_their_window_is_committed(tmp_path_factory, steps):
    """At once or in pieces, by commits of whatever length; not by those before."""
    moments = []
    with closing(DuckDB(tmp_path_factory.mktemp("failures") / "warehouse.duckdb")) as warehouse:
        subject = EVENTS.model_copy(update={"checks": ()})
        for fails, piece in steps:
            if fails:
                with pytest.raises(WarehouseError):
                    do(warehouse, subject, piece, Failing())
                moments.append([piece, None, []])
                continue
            at = do(warehouse, subject, piece, Rows([])).committed_at
            for moment in moments:
                moment[2].append(piece)
                if moment[1] is None and not subtract([moment[0]], moment[2]):
                    moment[1] = at
        found = warehouse.query("SELECT * FROM platform.failures ORDER BY failed_at", {}) if steps else []
    assert [row["resolved_at"] for row in found] == [resolved for _, resolved, _ in moments]


class Failing(Rows):
    """A source that gives what the warehouse refuses."""

    def __init__(self):
        super().__init__([])

    def read(self, *_):
        """Raise what the warehouse would."""
        raise WarehouseError("refused")
        yield


def test_a_failure_of_a_whole_table_is_resolved_by_its_next_commit(warehouse):
    """And stays listed."""
    whole = table("core.whole", "id INT64", strategy="replace", **csv())
    with pytest.raises(WarehouseError):
        do(warehouse, whole, None, Failing())
    assert [row["resolved_at"] for row in warehouse.query("SELECT * FROM platform.failures", {})] == [None]
    done = do(warehouse, whole, None, Rows([]))
    assert [row["resolved_at"] for row in warehouse.query("SELECT * FROM platform.failures", {})] == [done.committed_at]


def test_views_of_an_earlier_version_are_made_anew_by_whoever_opens_the_file(tmp_path):
    """Whether or not there is anything to write."""
    path = tmp_path / "warehouse.duckdb"
    with closing(DuckDB(path)) as warehouse:
        do(warehouse, EVENTS, window(0), Rows([event(1, 0)]))
        mark = "SELECT view_name FROM duckdb_views() WHERE starts_with(view_name, 'views-')"
        [(name,)] = warehouse.session.execute(mark).fetchall()
        warehouse.session.execute(f'DROP VIEW platform."{name}"')
        warehouse.session.execute("CREATE OR REPLACE VIEW platform.tables AS SELECT 'earlier' AS table_name")
    with closing(DuckDB(path)) as warehouse:
        found = warehouse.query("SELECT table_name FROM platform.tables", {})
        assert found == [{"table_name": "core.events"}]
