"""What a window may cost is known before it, and by whom it was spent after it."""

import json

import pytest
import requests

from flows.commands.in_warehouse import look
from flows.commands.progress import Quiet
from flows.engine.request import Request
from flows.model.errors import BudgetError
from flows.model.window import EVER, asked_range, utc
from flows.project.project import load_project
from flows.tracking.dry_run import dry_run
from flows.wiring import run_alone
from tests.engine.builders import EVENTS, TOTALS, Rows, by_day, do, event, prepare, reading, rows, table, window

READ = 60_000_000_000
CHECKED = table(
    TOTALS.identity,
    [{"name": "day", "type": "DATE", "checks": ["not_null"]}, {"name": "amount", "type": "NUMERIC"}],
    strategy="append",
    sql=TOTALS.sql,
    **by_day("day"),
)
ABOUT = """
description: A table.
owner: team@example.com
schedule: "0 * * * *"
strategy: append
window: {size: 1 day, start: 2026-01-01, end: 2026-01-04}
"""
CORE = (
    ABOUT
    + """
partition: {column: at, by: day}
source: {kind: files, path: seen.csv, cursor: at}
columns: [{name: id, type: INT64}, {name: at, type: TIMESTAMP}]
"""
)
FIRSTS = (
    ABOUT
    + """
budget: 1 TB
partition: {column: day, by: day}
columns: [{name: day, type: DATE}, {name: id, type: INT64}, {name: n, type: INT64}]
checks: [{sql: "SELECT n FROM derived.firsts QUALIFY ROW_NUMBER() OVER (PARTITION BY day ORDER BY id) > 1"}]
sql: |
  SELECT DATE(at) AS day, id, 1 AS n FROM core.seen WHERE at >= @window_start AND at < @window_end
  QUALIFY ROW_NUMBER() OVER (PARTITION BY DATE(at) ORDER BY at) = 1
"""
)


def watch(warehouse, size=0):
    """Return the configurations of jobs that are sent from now on; each that is only priced is told to read so much.

    The emulator counts no bytes.
    """
    sent = []

    def hear(response, **_):
        if response.request.method == "POST" and response.request.path_url.partition("?")[0].endswith("/jobs"):
            sent.append(json.loads(response.request.body)["configuration"])
            if sent[-1].get("dryRun"):
                told = response.json()
                told["statistics"] |= {"totalBytesProcessed": str(size)}
                told["statistics"].setdefault("query", {})["totalBytesProcessed"] = str(size)
                response._content = json.dumps(told).encode()  # noqa: SLF001 - as the service would tell it

    warehouse.jobs.client._http.hooks["response"].append(hear)  # noqa: SLF001 - the client's own connection
    return sent


def test_a_window_beyond_its_budget_is_not_begun(warehouse):
    """One within it is, and no job that stages or checks it may read more; what publishes it may."""
    do(warehouse, EVENTS, EVER, Rows([event(1, 0)]))
    subject = CHECKED.model_copy(update={"budget": READ - 1})
    prepare(warehouse, subject)
    sent = watch(warehouse, READ)
    with pytest.raises(BudgetError, match="it would read 60 GB, and may read 60 GB") as refused:
        do(warehouse, subject, window(0))
    assert "`budget: 60 GB`" in str(refused.value)
    assert [job for job in sent if "TABLE `platform`.`stage" in job["query"]["query"]] == []
    assert reading(warehouse, subject).state.committed == ()
    assert rows(warehouse, subject) == []
    do(warehouse, CHECKED.model_copy(update={"budget": READ}), window(0))
    stage, check, publish = [job for job in sent if "derived_table" in job.get("labels", {})][1:]
    assert stage["query"]["maximumBytesBilled"] == check["query"]["maximumBytesBilled"] == str(READ)
    assert "maximumBytesBilled" not in publish["query"]
    assert len(rows(warehouse, subject)) == 1


def test_what_is_priced_is_what_runs(tmp_path, monkeypatch, bigquery_server):
    """By a dry run, by `check --warehouse` and by each window's budget: with the keys that break the ties of its SQL."""
    for name, text in (("core/seen", CORE), ("derived/firsts", FIRSTS)):
        path = tmp_path / f"tables/{name}.yaml"
        path.parent.mkdir(parents=True)
        path.write_text(text)
    (tmp_path / "seen.csv").write_text("id,at\n1,2026-01-01\n2,2026-01-01\n3,2026-01-03\n")
    bigquery_server.clear()
    monkeypatch.chdir(tmp_path)
    for name, value in bigquery_server.environment.items():
        monkeypatch.setenv(name, value)
    priced, ran, send = [], [], requests.Session.send

    def hear(session, request, **options):
        if request.method == "POST" and request.path_url.partition("?")[0].endswith("/jobs"):
            job = json.loads(request.body)["configuration"]
            (priced if job.get("dryRun") else ran).append(job["query"]["query"])
        return send(session, request, **options)

    run_alone("ingest", Request("core.seen"), Quiet())
    monkeypatch.setattr(requests.Session, "send", hear)
    shown = dry_run("derive", Request("derived.firsts"), lambda _: None).sql
    look(load_project(tmp_path), ["derived.firsts"])
    assert priced == [shown] * 4
    one = dry_run("derive", Request("derived.firsts", asked_range(None, utc("2026-01-02"))), lambda _: None).plan
    assert len(one.windows) == 1
    assert one.bytes is not None
    assert "ORDER BY at, `seen`.`id`" in shown.replace("`at`", "at")
    outcome = run_alone("derive", Request("derived.firsts"), Quiet())
    assert len(outcome.entries) == 3
    assert priced == [shown] * 11
    assert sum(shown in job for job in ran if "CREATE OR REPLACE TABLE" in job) == 3
    assert sum("ORDER BY id, `firsts`.`n`) > 1" in job for job in ran) == 3


def test_every_job_of_a_window_says_whose_it_is(warehouse):
    """By its labels: table, window, run and owner."""
    do(warehouse, EVENTS, EVER, Rows([event(1, 0)]))
    prepare(warehouse, TOTALS)
    sent = watch(warehouse)
    do(warehouse, TOTALS, window(0))
    labels = [job["labels"] for job in sent if "`platform`.`stage" in job["query"]["query"]]
    assert len(labels) == 2
    for told in labels:
        assert told.pop("derived_attempt")
        assert told == {
            "derived_table": "derived-totals",
            "derived_window": "20260101t0000",
            "derived_run": "run-1",
            "derived_owner": "team_example_com",
        }
