"""What every warehouse must do is tested once, over all of them."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from flows.warehouses.duckdb.warehouse import DuckDB


def pytest_configure(config):
    """Make the marker known."""
    config.addinivalue_line("markers", "bigquery_gap(reason, raises): BigQuery's emulator cannot do it.")


def change_by_hand(warehouse, sql):
    """Run a statement as a person may in a session of her own."""
    if isinstance(warehouse, DuckDB):
        warehouse.session.execute(sql)
    else:
        warehouse.query(sql, {})


@pytest.fixture(params=["duckdb", "bigquery"])
def warehouse(request, tmp_path):
    """An empty warehouse of each kind."""
    if request.param == "duckdb":
        with closing(DuckDB(tmp_path / "warehouse.duckdb")) as opened:
            yield opened
        return
    server = request.getfixturevalue("bigquery_server")
    if server.emulator and (gap := request.node.get_closest_marker("bigquery_gap")):
        reason, raises = gap.args
        request.applymarker(pytest.mark.xfail(reason=reason, raises=raises, strict=True))
    server.clear()
    with closing(server.warehouse()) as opened:
        yield opened


@pytest.fixture
def again(request):
    """Opens a warehouse once more, as another process does; what it was may be used no longer."""

    def reopened(warehouse):
        if isinstance(warehouse, DuckDB):
            path = warehouse.session.execute("SELECT path FROM duckdb_databases() WHERE NOT internal").fetchone()[0]
            warehouse.close()
            return closing(DuckDB(Path(path)))
        return closing(request.getfixturevalue("bigquery_server").warehouse())

    return reopened
