"""`check --warehouse` has BigQuery look at the SQL, and runs nothing."""

import json
import subprocess
import sys
from contextlib import closing

import pytest

from flows.model.window import EVER
from tests.engine.builders import EVENTS, Rows, do, event
from tests.prefect_api import clean_environment

ABOUT = 'description: Events.\nowner: team@example.com\nschedule: "0 * * * *"\n'
CORE = ABOUT + (
    "window: {size: 1 day, start: 2026-01-01}\nstrategy: merge\nkey: [id]\n"
    "source: {kind: files, path: x.csv, cursor: updated}\n"
    "columns: [{name: id, type: INT64}, {name: at, type: TIMESTAMP}, {name: updated, type: TIMESTAMP},"
    " {name: amount, type: TYPE}]\n"
)
DERIVED = ABOUT + (
    "strategy: replace\ncolumns: [{name: id, type: INT64}, {name: amount, type: TYPE}]\n"
    "sql: SELECT id, amount FROM core.events\n"
)


@pytest.fixture
def check(tmp_path, bigquery_server):
    """Checks the table of sums, with a core table whose file says of a column what is given."""
    bigquery_server.clear()
    with closing(bigquery_server.warehouse()) as warehouse:
        do(warehouse, EVENTS, EVER, Rows([event(1, 0)]))

    def checked(type_, *options, environment=bigquery_server.environment):
        for name, text in (("core/events", CORE), ("derived/sums", DERIVED)):
            path = tmp_path / f"tables/{name}.yaml"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text.replace("type: TYPE", f"type: {type_}"))
        return subprocess.run(
            [sys.executable, "-m", "flows.check", "--warehouse", *options],
            cwd=tmp_path,
            env=clean_environment(HOME=str(tmp_path)) | environment,
            capture_output=True,
            text=True,
            check=False,
        )

    return checked


def test_differences_are_told(check):
    """What the file says of a column that the warehouse has otherwise, or not at all."""
    same = check("NUMERIC", "--json")
    assert same.returncode == 0, same.stderr
    assert json.loads(same.stdout)["warehouse"] == {"derived.sums": {"bytes": 0, "differences": []}}
    retyped = check("STRING")
    assert retyped.returncode == 1
    assert "tables/derived/sums.yaml: sql: its column amount is NUMERIC there, and STRING in the file" in retyped.stdout
    nobody = {"DERIVED_WAREHOUSE": "bigquery://my-project?location=EU", "BIGQUERY_EMULATOR_HOST": "http://127.0.0.1:x"}
    unnamed = check("NUMERIC", environment=nobody)
    assert unnamed.returncode == 1
    assert unnamed.stderr.startswith("BigQuery ")
    assert "sums" not in unnamed.stderr + unnamed.stdout
    other = check("NUMERIC", environment={"DERIVED_WAREHOUSE": "duckdb"})
    assert other.returncode == 2
    assert "--warehouse is for BigQuery" in other.stderr
