"""What tests send to BigQuery is judged by GoogleSQL's own analyzer, which the emulator is not."""

import subprocess
import sys

from tests.prefect_api import clean_environment
from tests.servers.bigquery.statements import refused

LENIENT = "SELECT n FROM (SELECT 1 AS n) WHERE n = '1'"
SEND = (
    "import os; from flows.wiring import open_warehouse; from pathlib import Path\n"
    "warehouse = open_warehouse(Path(), print)\n"
    f"for sql in ({LENIENT!r}, 'SELECT @n AS n'): print(warehouse.query(sql, {{'n': 1}}))"
)


def test_a_statement_that_bigquery_refuses_is_found_though_the_emulator_takes_it(bigquery_server, judge, tmp_path):
    """Whatever process sent it. With such a one the tests end in an error (`bigquery_server`)."""
    environment = clean_environment(HOME=str(tmp_path)) | bigquery_server.environment
    before = bigquery_server.record.read_text()
    done = subprocess.run([sys.executable, "-c", SEND], env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == ["[{'n': 1}]"] * 2, done.stderr
    own = tmp_path / "statements.jsonl"
    own.write_text(bigquery_server.record.read_text().removeprefix(before))
    # It is not one that the session judges, which would end with an error as this test wants it to.
    bigquery_server.record.write_text(before)
    (found,) = refused(own, judge)
    assert found.startswith(LENIENT)
    assert "No matching signature for operator =" in found
