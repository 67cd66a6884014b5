"""DERIVED_WAREHOUSE says where tables live; a run on DuckDB knows nothing of BigQuery."""

import subprocess
import sys

import pytest

from tests.prefect_api import clean_environment

TABLE = """
description: Numbers.
owner: team@example.com
schedule: "0 * * * *"
strategy: replace
columns:
  - {name: id, type: INT64, description: A number}
sql: SELECT 1 AS id UNION ALL SELECT 2
"""


def derive(folder, environment, code="runpy.run_module('flows.derive', run_name='__main__')"):
    """Derive the table as a person would, in a process of its own."""
    (folder / "tables/derived").mkdir(parents=True, exist_ok=True)
    (folder / "tables/derived/numbers.yaml").write_text(TABLE)
    program = (
        "import runpy, sys\nsys.argv = ['derive', 'derived.numbers']\n"
        f"try:\n    {code}\nfinally:\n    print('google.cloud.bigquery' in sys.modules)"
    )
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        env=clean_environment(HOME=str(folder)) | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_run_on_duckdb_does_not_import_bigquery(tmp_path):
    """Its client takes a second to import."""
    done = derive(tmp_path, {"DERIVED_WAREHOUSE": "duckdb"})
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "False"
    assert (tmp_path / ".derived/warehouse.duckdb").exists()


def test_a_run_on_bigquery_leaves_nothing_here(tmp_path, bigquery_server):
    """The table is made there; a second run has nothing to do."""
    bigquery_server.clear()
    done = derive(tmp_path, bigquery_server.environment)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "True"
    assert not (tmp_path / ".derived/warehouse.duckdb").exists()
    found = bigquery_server.warehouse().query("SELECT id FROM derived.numbers ORDER BY id", {})
    assert found == [{"id": 1}, {"id": 2}]
    again = derive(tmp_path, bigquery_server.environment)
    assert "up to date" in again.stdout + again.stderr


@pytest.mark.parametrize("address", ["postgres://x", "bigquery", "bigquery://my-project"])
def test_what_is_no_warehouse_is_told(tmp_path, address):
    """With what to write instead, and without a traceback."""
    done = derive(tmp_path, {"DERIVED_WAREHOUSE": address})
    assert done.returncode == 2
    assert "bigquery://my-project?location=EU" in done.stderr
    assert "Traceback" not in done.stderr
