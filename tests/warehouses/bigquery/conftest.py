"""What the tests of BigQuery share."""

from contextlib import closing

import pytest


@pytest.fixture
def warehouse(bigquery_server):
    """An empty warehouse."""
    bigquery_server.clear()
    with closing(bigquery_server.warehouse()) as opened:
        yield opened
