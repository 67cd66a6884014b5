"""A warehouse that an earlier version made goes on as it is."""

from contextlib import closing

import duckdb
import pytest

from flows.engine import ledger
from flows.model.entry import LEDGER_COLUMNS
from flows.warehouses.duckdb.warehouse import DuckDB
from tests.engine.builders import EVENTS, LOG, Rows, do, event, logged, rows, span, window

ADDED = [
    column.name
    for column in LEDGER_COLUMNS
    if not column.required and column.name not in {"window_start", "window_end"}
]


@pytest.mark.parametrize("column", ["source_behind", "bytes", "git_commit"])
def test_a_ledger_without_a_column_gains_it(tmp_path, column):
    """In every shard; lines that are there hold NULL, and nothing is made again."""
    assert column in ADDED
    path = tmp_path / "warehouse.duckdb"
    with closing(DuckDB(path)) as warehouse:
        do(warehouse, EVENTS, window(0), Rows([event(1, 0)]))
        do(warehouse, LOG, span(0, 1), Rows([logged(1, 0, 1)]))
    with duckdb.connect(str(path)) as session:
        names = session.execute("SELECT table_name FROM duckdb_tables() WHERE table_name LIKE 'ledger\\_%' ESCAPE '\\'")
        shards = [name for (name,) in names.fetchall()]
        assert len(shards) == 2
        for shard in shards:
            session.execute(f'ALTER TABLE platform.{shard} DROP COLUMN "{column}"')
        session.execute(
            f"CREATE OR REPLACE VIEW platform.ledger AS FROM platform.{' UNION ALL FROM platform.'.join(shards)}"
        )
        session.execute("CREATE OR REPLACE VIEW platform.failures AS SELECT 1 AS old")
    with closing(DuckDB(path)) as warehouse:
        assert [commit.window for commit in ledger.state(warehouse, EVENTS).committed] == [window(0)]
        do(warehouse, EVENTS, window(1), Rows([event(2, 1)]))
        assert [row["id"] for row in rows(warehouse, EVENTS)] == [1, 2]
        found = warehouse.query(
            f"SELECT table_name, `{column}` AS found FROM platform.ledger ORDER BY committed_at", {}
        )
        assert [row["found"] for row in found][:2] == [None, None]
        assert warehouse.query("SELECT resolved_at FROM platform.failures", {}) == []
