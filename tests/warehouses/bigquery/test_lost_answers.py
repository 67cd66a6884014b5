"""A job whose answer is lost runs once: the same id is sent again, and its own commit is known."""

import json
from contextlib import closing
from dataclasses import replace

import pytest
import requests

from flows.engine.commit import TableRun, commit_step
from flows.engine.steps import Reason, Step
from flows.model.window import EVER
from tests.engine.builders import EVENTS, TOTALS, Rows, do, event, rows, window


@pytest.fixture
def warehouse(bigquery_server):
    """An empty warehouse."""
    bigquery_server.clear()
    with closing(bigquery_server.warehouse()) as opened:
        yield opened


def lose_answers(warehouse, monkeypatch, count):
    """Let the first answers to jobs that are sent get lost; return the ids that were sent."""
    sent = []
    session = warehouse.jobs.client._http  # noqa: SLF001 - the client's own connection
    request = session.request

    def lossy(method, url, *args, **options):
        answer = request(method, url, *args, **options)
        if method == "POST" and "/jobs?" in url and "upload" not in url:
            sent.append(json.loads(options["data"])["jobReference"]["jobId"])
            if len(sent) <= count:
                raise requests.ConnectionError("the answer is lost")
        return answer

    monkeypatch.setattr(session, "request", lossy)
    return sent


def test_a_job_is_sent_again_under_its_id(warehouse, monkeypatch):
    """It has run once."""
    warehouse.prepare(EVENTS)
    sent = lose_answers(warehouse, monkeypatch, 2)
    warehouse.jobs.query("INSERT INTO core.events (id) VALUES (1)")
    assert len(sent) == 3
    assert len(set(sent)) == 1
    assert [row["id"] for row in warehouse.query("SELECT id FROM core.events", {})] == [1]


def test_a_window_whose_publish_was_not_answered_is_known_as_its_own(warehouse):
    """A run that tries its window again finds that it has committed it, and writes nothing."""
    do(warehouse, EVENTS, EVER, Rows([event(1, 0)]))
    warehouse.prepare(TOTALS)
    run = TableRun(TOTALS, "same", "tester", "abc", 0, {}, {"core.events": EVENTS.types})
    step = Step(window(0), "missing", Reason("not committed"))
    first = commit_step(run, step, warehouse)
    again = commit_step(run, step, warehouse)
    assert replace(again, began=first.began, seconds=first.seconds, bytes=first.bytes) == first
    assert len(rows(warehouse, TOTALS)) == 1
    assert len(warehouse.query("SELECT * FROM platform.ledger WHERE table_name = 'derived.totals'", {})) == 1
