"""How many jobs and requests work costs, as `benchmarks/bigquery.py` counts them."""

from contextlib import closing

import pytest

from benchmarks.bigquery import nothing_to_do, publish
from benchmarks.quotas import commits, day
from flows.warehouses.bigquery import jobs


def test_a_window_is_three_jobs_and_eight_requests_at_most(bigquery_server):
    """Stage and look, checks, publish."""
    sent = publish(bigquery_server)
    assert sent.jobs <= 3
    assert sent.requests <= 8


@pytest.mark.parametrize("windows", [1, 400])
def test_a_run_with_nothing_to_do_is_two_queries_at_most(bigquery_server, windows):
    """Whatever the number of windows."""
    assert nothing_to_do(bigquery_server, 1, windows).jobs <= 2


def test_all_tables_are_planned_from_a_few_queries(bigquery_server, monkeypatch):
    """Whatever the number of tables and windows: what the ledger says of them comes page by page."""
    monkeypatch.setattr(jobs, "PAGE", 100)
    assert nothing_to_do(bigquery_server, 40, 3).jobs <= 3


def test_a_day_of_thousands_of_hourly_tables_exceeds_no_limit(bigquery_server):
    """As `benchmarks/quotas.py` reckons it, from what a commit sends."""
    bigquery_server.clear()
    with closing(bigquery_server.warehouse()) as warehouse:
        core, derived = commits(warehouse)
    assert derived.statements["UPDATE", "fence"] == derived.statements["INSERT INTO", "ledger"] == 1
    assert derived.statements["DELETE FROM", "table"] == derived.statements["INSERT INTO", "table"] == 1
    assert core.loads == 1
    for use in day(core, derived, 5_000, 1_500):
        assert 0 < use.used <= use.limit, use
