"""k8s/base, set up by the commands of docs/kubernetes.md: from nothing to a pod, and the shop's tables in BigQuery."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from flows.warehouses.duckdb.warehouse import DuckDB
from tests.kubernetes.conftest import IN_ORDER, fill, here
from tests.servers.bigquery.demo import differences

pytestmark = pytest.mark.timeout(1200)  # the first of them starts all that they share
WINDOWED = (*IN_ORDER[0], *IN_ORDER[1], "derived.revenue_by_category")
END = "2026-01-12"
"""The emulator takes as long for a window as BigQuery does, and for rows longer; these are eleven days and a whole week."""


def test_ten_commands_lead_from_nothing_to_a_pod(platform):
    """The last of them starts a run and waits for its end: its pod said what the table waits for."""
    run = platform.server.call("GET", f"flow_runs/{platform.first_run}")
    assert run["state_name"] == "Waiting"
    assert "core.orders" in run["state"]["message"]
    assert len(platform.jobs(platform.first_run)) == 1


def _make_here(platform, home):
    for table in WINDOWED:
        here(platform, home, "flows.ingest" if table in IN_ORDER[0] else "flows.derive", table, "--to", END)
    here(platform, home, "flows.derive", "derived.top_items")


def test_pods_make_the_tables_in_bigquery(platform, tmp_path):
    """Every row of the eight tables is what DuckDB has of the same days: from MySQL and MongoDB to the emulator."""
    with ThreadPoolExecutor(1) as beside:  # pods are waited for most of the time
        made = beside.submit(_make_here, platform, tmp_path)
        fill(platform, {table: {"end": f"{END}T00:00:00Z"} for table in WINDOWED})
        made.result()
    with (
        closing(DuckDB(tmp_path / "warehouse.duckdb")) as embedded,
        closing(platform.bigquery.warehouse()) as production,
    ):
        for table in (table for tables in IN_ORDER for table in tables):
            same, lines = differences(embedded, production, table)
            assert (table, bool(same), lines) == (table, True, [])
