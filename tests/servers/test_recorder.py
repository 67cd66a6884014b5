"""What tests send to BigQuery is judged by GoogleSQL's own analyzer, which the emulator is not."""

from contextlib import closing

from flows.warehouses.bigquery.settings import parse_address
from flows.warehouses.bigquery.warehouse import BigQuery
from tests.servers.bigquery.statements import Recorder
from tests.servers.googlesql import Judge

LENIENT = "SELECT n FROM (SELECT 1 AS n) WHERE n = '1'"


def test_a_statement_that_bigquery_refuses_is_found_though_the_emulator_takes_it(bigquery_server):
    """With such a one the tests end in an error (`bigquery_server`); what is GoogleSQL is not among them."""
    recorder = Recorder(bigquery_server.warehouse())
    # It is not one that the session judges, which would end with an error as this test wants it to.
    with closing(BigQuery(parse_address(bigquery_server.address), bigquery_server.emulator)) as warehouse:
        recorder.watch(warehouse)
        assert warehouse.query(LENIENT, {}) == [{"n": 1}]
        assert warehouse.query("SELECT @n AS n", {"n": 1}) == [{"n": 1}]
    with Judge() as judge:
        (refused,) = recorder.refused(judge)
    assert refused.startswith(LENIENT)
    assert "No matching signature for operator =" in refused
