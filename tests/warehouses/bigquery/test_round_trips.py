"""How many jobs and requests work costs, as `benchmarks/bigquery.py` counts them."""

import pytest

from benchmarks.bigquery import nothing_to_do, publish


def test_a_window_is_three_jobs_and_eight_requests_at_most(bigquery_server):
    """Stage and look, checks, publish."""
    sent = publish(bigquery_server)
    assert sent.jobs <= 3
    assert sent.requests <= 8


@pytest.mark.parametrize("windows", [1, 400])
def test_a_run_with_nothing_to_do_is_two_queries_at_most(bigquery_server, windows):
    """Whatever the number of windows."""
    assert nothing_to_do(bigquery_server, 1, windows).jobs <= 2


def test_all_tables_are_planned_from_a_few_queries(bigquery_server):
    """Whatever the number of tables."""
    assert nothing_to_do(bigquery_server, 40, 3).jobs <= 3
