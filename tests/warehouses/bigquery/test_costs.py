"""What a window may cost is known before it, and by whom it was spent after it."""

import json

import pytest

from flows.model.errors import BudgetError
from flows.model.window import EVER
from tests.engine.builders import EVENTS, TOTALS, Rows, by_day, do, event, prepare, reading, rows, table, window

READ = 60_000_000_000
CHECKED = table(
    TOTALS.identity,
    [{"name": "day", "type": "DATE", "checks": ["not_null"]}, {"name": "amount", "type": "NUMERIC"}],
    strategy="append",
    sql=TOTALS.sql,
    **by_day("day"),
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
