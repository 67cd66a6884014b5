"""A job whose answer is lost runs once: the same id is sent again, and its own commit is known.

What the warehouse did and no longer knows of, or did half before it failed, is made again.
"""

import json
import re
import time
from collections import Counter
from dataclasses import replace

import pytest
import requests

from flows.engine.commit import TableRun, commit_step, entry_of
from flows.engine.steps import Reason, Step
from flows.model.bad_row import BadRow
from flows.model.errors import ConflictError, QuarantineError
from flows.model.window import EVER
from tests.contract.test_schema_change import with_column
from tests.engine.builders import (
    EVENTS,
    LOG,
    TOTALS,
    USERS,
    Rows,
    day,
    do,
    event,
    logged,
    prepare,
    reading,
    rows,
    window,
)
from tests.warehouses.bigquery.world import is_write

NOT_YET = Reason("not committed")


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
    prepare(warehouse, EVENTS)
    sent = lose_answers(warehouse, monkeypatch, 2)
    warehouse.jobs.query("INSERT INTO core.events (id) VALUES (1)")
    assert len(sent) == 3
    assert len(set(sent)) == 1
    assert [row["id"] for row in warehouse.query("SELECT id FROM core.events", {})] == [1]


def test_a_job_that_nobody_knows_is_sent_again_under_its_id(warehouse, monkeypatch):
    """Be it that it was answered, or that it was known when it was sent again."""
    prepare(warehouse, EVENTS)
    session, sent = warehouse.jobs.client._http, []  # noqa: SLF001 - the client's own connection
    request = session.request

    def forgetful(method, url, data=None, **options):
        answer = request(method, url, data=data, **options)
        if method == "POST" and "/jobs?" in url:
            sent.append(json.loads(data)["jobReference"]["jobId"])
            if len(sent) == 1:
                raise requests.ConnectionError("the answer is lost")
            if len(sent) < 4:
                assert answer.status_code == (409 if len(sent) == 2 else 200)
                request("DELETE", f"{url.partition('?')[0]}/{sent[-1]}/delete")
        return answer

    monkeypatch.setattr(session, "request", forgetful)
    monkeypatch.setattr(time, "sleep", lambda _: None)
    assert warehouse.jobs.query("SELECT 1 AS one").rows == [{"one": 1}]
    assert len(sent) == 4
    assert len(set(sent)) == 1


def fail(warehouse, monkeypatch, holds, message, count=1):
    """Let the first jobs that hold some words fail in place of running; return the ids of those that hold them."""
    session, sent = warehouse.jobs.client._http, []  # noqa: SLF001 - the client's own connection
    request = session.request

    def failing(method, url, data=None, **options):
        if method == "POST" and "/jobs?" in url and holds in str(data):
            told = json.loads(data)
            sent.append(told["jobReference"]["jobId"])
            if len(sent) <= count:
                told["configuration"]["query"]["query"] = f"SELECT ERROR('{message}')"
                data = json.dumps(told)
        return request(method, url, data=data, **options)

    monkeypatch.setattr(session, "request", failing)
    monkeypatch.setattr(time, "sleep", lambda _: None)
    return sent


@pytest.mark.parametrize(
    "message",
    [
        "Resources exceeded during query execution: Too many DML statements outstanding against table x, limit is 20.",
        "Could not serialize access to table x due to concurrent update",
    ],
)
def test_a_job_that_others_are_in_the_way_of_is_run_again(warehouse, monkeypatch, message):
    """Under another id, as the first one has ended."""
    sent = fail(warehouse, monkeypatch, "SELECT 1 AS one", message)
    assert warehouse.jobs.query("SELECT 1 AS one").rows == [{"one": 1}]
    assert sent == [sent[0], f"{sent[0]}-2"]


def test_an_entry_that_meets_one_of_another_table_in_the_same_shard_is_written(warehouse, monkeypatch):
    """Nobody has written to its own table, of which the run would else be told that somebody has."""
    prepare(warehouse, EVENTS)
    message = "Transaction is aborted due to concurrent update against table quarantine_000"
    run = TableRun(EVENTS, "same", "tester", "abc", 0, {}, {})
    entry = entry_of(run, Step(window(0), "missing", NOT_YET), warehouse)
    with monkeypatch.context() as patched:
        sent = fail(warehouse, patched, "BEGIN TRANSACTION", message)
        assert warehouse.mark(replace(entry, kind="accept"), 0).version == 1
    assert len(sent) == 2
    with monkeypatch.context() as patched:
        sent = fail(warehouse, patched, "BEGIN TRANSACTION", message)
        warehouse.record(replace(entry, kind="failure", error="so it goes"), [BadRow("id=7", "no number", "x")])
    assert len(sent) == 2
    told = warehouse.query("SELECT kind FROM platform.ledger ORDER BY kind", {})
    assert told == [{"kind": "accept"}, {"kind": "failure"}]
    assert warehouse.query("SELECT place FROM platform.quarantine", {}) == [{"place": "id=7"}]
    with monkeypatch.context() as patched:
        sent = fail(warehouse, patched, "BEGIN TRANSACTION", message)
        done = do(warehouse, EVENTS, window(1), Rows([event(2, 1)], [BadRow("id=8", "no number", "x")]))
    assert (len(sent), done.version, len(rows(warehouse, EVENTS))) == (2, 2, 1)
    told = "SELECT place FROM platform.quarantine ORDER BY place"
    assert warehouse.query(told, {}) == [{"place": "id=7"}, {"place": "id=8"}]


def test_why_a_window_failed_is_told_where_that_cannot_be_written(warehouse, monkeypatch):
    """What others' bad rows were in the way of each time is no conflict over the table, and leaves nothing half done."""
    bad = [BadRow(f"id={number}", "no number", "x") for number in (7, 8)]
    message = "Transaction is aborted due to concurrent update against table quarantine_000"
    prepare(warehouse, EVENTS)
    with monkeypatch.context() as patched:
        sent = fail(warehouse, patched, "BEGIN TRANSACTION", message, 99)
        with pytest.raises(QuarantineError, match="2 bad rows"):
            do(warehouse, EVENTS, window(0), Rows([event(1, 0)], bad))
    assert len(sent) == 5
    assert warehouse.query("SELECT kind FROM platform.ledger", {}) == []
    assert warehouse.query("SELECT place FROM platform.quarantine", {}) == []


def test_a_window_whose_publish_was_not_answered_is_known_as_its_own(warehouse):
    """A run that tries its window again finds that it has committed it, and writes nothing."""
    do(warehouse, EVENTS, EVER, Rows([event(1, 0)]))
    prepare(warehouse, TOTALS)
    run = TableRun(TOTALS, "same", "tester", "abc", 0, {}, {"core.events": EVENTS.types})
    step = Step(window(0), "missing", NOT_YET)
    first = commit_step(run, step, warehouse)
    again = commit_step(run, step, warehouse)
    assert replace(again, began=first.began, seconds=first.seconds, bytes=first.bytes) == first
    assert len(rows(warehouse, TOTALS)) == 1
    assert len(warehouse.query("SELECT * FROM platform.ledger WHERE table_name = 'derived.totals'", {})) == 1


def test_an_entry_that_was_not_written_is_not_taken_for_one_before(warehouse):
    """A run has written one of its kind, and is overtaken at the next by another run, which ends before it commits."""
    prepare(warehouse, EVENTS)
    run = TableRun(EVENTS, "same", "tester", "abc", 0, {}, {})
    entry = replace(entry_of(run, Step(window(0), "missing", NOT_YET), warehouse), kind="accept")
    assert warehouse.mark(entry, 0).version == 1
    assert warehouse.mark(entry, 0).version == 1, "of which no answer came"
    warehouse.query("UPDATE `platform`.`fence-core-events` SET version = 7 WHERE TRUE", {})
    with pytest.raises(ConflictError):
        warehouse.mark(entry, 1)


def forget(warehouse, monkeypatch):
    """Let the first answer to each request that writes get lost, of every other one with all that is known of the job.

    Return how often each was sent.
    """
    sent = Counter()
    session = warehouse.jobs.client._http  # noqa: SLF001 - the client's own connection
    request = session.request

    def lossy(method, url, data=None, **options):
        answer = request(method, url, data=data, **options)
        if not is_write(method, url, data):
            return answer
        number = (method, url, str(data))
        sent[number] += 1
        if sent[number] > 1:
            return answer
        job = re.search(r'"jobId": "([^"]+)"', str(data)) if "/jobs" in url and "upload" not in url else None
        if job and len(sent) % 2:
            request("DELETE", f"{url.partition('?')[0]}/{job[1]}/delete")
        raise requests.ConnectionError("the answer is lost")

    monkeypatch.setattr(session, "request", lossy)
    monkeypatch.setattr(time, "sleep", lambda _: None)
    return sent


def story(warehouse):
    """Make tables in all ways, alter and empty them; return the one whose file has changed."""
    do(warehouse, EVENTS, window(0), Rows([event(1, 0), event(2, 0)], [BadRow("id=7", "no number", "x")]))
    do(warehouse, EVENTS, window(1), Rows([event(1, 0, 1, amount=5)]))
    do(warehouse, LOG, EVER, Rows([logged(1, 0, 5), logged(2, 1, 7)]))
    do(warehouse, USERS, window(0))
    do(warehouse, TOTALS, window(0))
    failed = entry_of(
        TableRun(EVENTS, "run-2", "tester", "abc", 0, {}, {}), Step(window(1), "missing", NOT_YET), warehouse
    )
    warehouse.record(replace(failed, kind="failure", error="so it goes"), [BadRow("id=8", "no number", "x", window(1))])
    wide = with_column(with_column(EVENTS, "note", "STRING"), "amount", "BIGNUMERIC")
    accepted = replace(failed, kind="accept", window=None)
    warehouse.accept(wide, accepted, reading(warehouse, EVENTS).state.version, ["updated"])
    warehouse.empty(TOTALS, reading(warehouse, TOTALS).state.version)
    retyped = with_column(with_column(TOTALS, "n", "INT64"), "amount", "STRING").model_copy(
        update={"description": "Another.", "sql": "SELECT DATE '2026-01-01' AS day, 'x' AS amount, 1 AS n"}
    )
    do(warehouse, retyped, window(0))
    warehouse.jobs.client.delete_table(f"{warehouse.jobs.settings.project}.{USERS.identity}", not_found_ok=True)
    do(warehouse, USERS, window(0))
    return retyped


def test_whatever_is_not_answered_is_done_once(warehouse, monkeypatch):
    """Each write is sent twice, which leaves what one leaves, also where nobody remembers that it was sent."""
    sent = forget(warehouse, monkeypatch)
    retyped = story(warehouse)
    events = warehouse.query("SELECT id, amount, note FROM core.events ORDER BY id", {})
    assert [tuple(row.values()) for row in events] == [(1, 5, None), (2, 1, None)]
    assert rows(warehouse, LOG) == [logged(1, 0, 5), logged(2, 1, 7)]
    assert rows(warehouse, USERS) == [{"id": 1, "first": day(0), "last": day(0), "amount": 5}]
    assert rows(warehouse, retyped) == [{"day": day(0).date(), "amount": "x", "n": 1}]
    # A failure of whose record nobody remembers stands twice.
    told = "SELECT DISTINCT table_name, version, kind, `rows` FROM platform.ledger ORDER BY table_name, version"
    assert [tuple(row.values()) for row in warehouse.query(told, {})] == [
        ("core.events", 0, "failure", 0),
        ("core.events", 1, "commit", 2),
        ("core.events", 2, "commit", 1),
        ("core.events", 3, "accept", 0),
        ("core.log", 1, "commit", 2),
        ("derived.first_use", 1, "commit", 1),
        ("derived.first_use", 2, "reset", 0),
        ("derived.first_use", 3, "commit", 1),
        ("derived.totals", 1, "commit", 1),
        ("derived.totals", 2, "reset", 0),
        ("derived.totals", 3, "reset", 0),
        ("derived.totals", 4, "commit", 1),
    ]
    bad = warehouse.query("SELECT place FROM platform.quarantine ORDER BY place", {})
    assert [row["place"] for row in bad] == ["id=7", "id=8"]
    assert len(sent) > 50
    assert min(sent.values()) == 2
