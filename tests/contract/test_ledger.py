"""The ledger answers by plain SQL, in any warehouse by the same columns."""

from datetime import UTC

import pytest

from flows.model.checks import RowBounds, RowCount
from flows.model.entry import LEDGER_COLUMNS
from flows.model.errors import CheckFailedError
from flows.model.window import EVER
from flows.warehouses.duckdb.warehouse import DuckDB
from flows.warehouses.interface import ledger_shard
from tests.contract.conftest import change_by_hand
from tests.engine.builders import EVENTS, TOTALS, Rows, do, event, reading, span, window


def test_the_views_tell_what_was_committed_and_from_what(warehouse):
    """Windows, tables, dependencies and runs."""
    do(warehouse, EVENTS, EVER, Rows([event(1, 0), event(2, 1)]))
    entry = do(warehouse, TOTALS, window(0), upstreams={"core.events": 1})
    do(warehouse, TOTALS, window(1), upstreams={"core.events": 1})
    windows = warehouse.query(
        "SELECT window_start, state, version, `rows`, run_by FROM platform.windows"
        " WHERE table_name = 'derived.totals' ORDER BY version",
        {},
    )
    assert [(row["window_start"].astimezone(UTC), *list(row.values())[1:]) for row in windows] == [
        (window(0).start, "committed", 1, 1, "tester"),
        (window(1).start, "committed", 2, 1, "tester"),
    ]
    (told,) = warehouse.query("SELECT * FROM platform.tables WHERE table_name = 'derived.totals'", {})
    assert (told["fresh_until"].astimezone(UTC), told["version"]) == (window(1).end, 2)
    assert told["code_version"] == entry.code_version
    assert warehouse.query("SELECT * FROM platform.dependencies", {}) == [
        {"table_name": "derived.totals", "upstream": "core.events"}
    ]
    assert warehouse.query("SELECT SUM(commits) AS commits, SUM(failures) AS failures FROM platform.runs", {}) == [
        {"commits": 3, "failures": 0}
    ]


def test_a_plan_reads_what_a_commit_wrote(warehouse):
    """Windows, versions, what was read, and what was touched."""
    do(warehouse, EVENTS, EVER, Rows([event(1, 0), event(2, 1)]))
    entry = do(warehouse, TOTALS, window(0), upstreams={"core.events": 1})
    (known,) = reading(warehouse, TOTALS).state.committed
    assert (known.window, known.version, known.upstreams) == (window(0), 1, {"core.events": 1})
    assert (known.began, known.code_version) == (entry.began, entry.code_version)
    upstream = reading(warehouse, TOTALS).upstream
    assert (upstream.touches.within(window(0)), upstream.touches.within(window(1))) == (1, 0)


def test_a_table_that_was_dropped_is_made_again(warehouse):
    """What was committed before holds no longer."""
    do(warehouse, EVENTS, window(0), Rows([event(1, 0)]))
    change_by_hand(warehouse, "DROP TABLE core.events")
    assert reading(warehouse, EVENTS).state.committed == ()
    assert do(warehouse, EVENTS, window(1), Rows([event(2, 1)])).version == 3
    assert [item.window for item in reading(warehouse, EVENTS).state.committed] == [window(1)]


def test_a_failure_is_open_until_its_window_is_committed(warehouse):
    """Piece by piece, after it."""
    broken = TOTALS.model_copy(update={"checks": (RowCount(row_count=RowBounds(min=5)),)})
    do(warehouse, EVENTS, EVER, Rows([event(1, 0), event(2, 1)]))
    do(warehouse, TOTALS, window(0), upstreams={"core.events": 1})
    with pytest.raises(CheckFailedError):
        do(warehouse, broken, span(0, 2))
    listed = "SELECT resolved_at FROM platform.failures"
    assert warehouse.query(listed, {}) == [{"resolved_at": None}]
    do(warehouse, TOTALS, window(0), upstreams={"core.events": 1})
    assert warehouse.query(listed, {}) == [{"resolved_at": None}]
    last = do(warehouse, TOTALS, window(1), upstreams={"core.events": 1})
    (row,) = warehouse.query(listed, {})
    assert row["resolved_at"] == last.committed_at


def test_a_ledger_of_an_earlier_version_gains_the_columns_that_it_lacks(warehouse, again):
    """In every shard; lines that are there hold NULL, and nothing is made again."""
    do(warehouse, EVENTS, EVER, Rows([event(1, 0)]))
    do(warehouse, TOTALS, window(0))
    for core in (EVENTS, TOTALS):
        change_by_hand(warehouse, f"ALTER TABLE platform.{ledger_shard(core.identity)} DROP COLUMN source_behind")
    kept = ", ".join(f"`{column.name}`" for column in LEDGER_COLUMNS if column.name != "source_behind")
    shards = [f"SELECT {kept} FROM platform.{ledger_shard(core.identity)}" for core in (EVENTS, TOTALS)]
    view = f"CREATE OR REPLACE VIEW platform.ledger AS {' UNION ALL '.join(shards)}"
    change_by_hand(warehouse, view.replace("`", '"') if isinstance(warehouse, DuckDB) else view)
    with again(warehouse) as upgraded:
        assert [commit.window for commit in reading(upgraded, TOTALS).state.committed] == [window(0)]
        do(upgraded, TOTALS, window(1))
        found = upgraded.query("SELECT source_behind FROM platform.ledger ORDER BY committed_at", {})
        assert [row["source_behind"] for row in found] == [None, None, 0]
