"""What the engine's tests share."""

from contextlib import closing

import pytest

from flows.warehouses.duckdb.warehouse import DuckDB


@pytest.fixture
def warehouse(tmp_path):
    """An empty warehouse."""
    with closing(DuckDB(tmp_path / "warehouse.duckdb")) as opened:
        yield opened
