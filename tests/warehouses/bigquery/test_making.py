"""A table is made and altered by several requests: whatever comes between them, the next run makes it whole."""

import json
import time
from contextlib import closing, suppress
from dataclasses import replace
from functools import partial

import pytest

from flows.engine.commit import TableRun, entry_of
from flows.engine.steps import Reason, Step
from flows.model.errors import ConflictError
from flows.model.window import EVER
from flows.warehouses.interface import parts_of
from tests.contract.test_schema_change import with_column
from tests.engine.builders import (
    EVENTS,
    LOG,
    USERS,
    Rows,
    csv,
    day,
    do,
    event,
    logged,
    prepare,
    reading,
    rows,
    table,
    todo,
    window,
)
from tests.warehouses.bigquery.world import is_write

PARTS = parts_of(USERS.identity)


class Killed(BaseException):
    """Stands for the end of the process."""


def die():
    """End the process."""
    raise Killed


def before_request(warehouse, monkeypatch, number, happen, work):
    """Let something happen before one of the requests by which work writes; return how many there were."""
    session, sent = warehouse.jobs.client._http, 0  # noqa: SLF001 - the client's own connection
    request = session.request

    def sending(method, url, data=None, **options):
        nonlocal sent
        if is_write(method, url, data):
            sent += 1
            if sent == number or (sent > number and happen is die):  # a process that has ended cleans nothing up
                happen()
        return request(method, url, data=data, **options)

    with monkeypatch.context() as patched, suppress(Killed, ConflictError):
        patched.setattr(session, "request", sending)
        work()
    return sent


@pytest.mark.parametrize("gone", [USERS.identity, PARTS])
@pytest.mark.parametrize("happens", ["it dies", "another run commits"])
def test_a_merge_of_which_something_is_gone_is_made_with_all_its_rows(
    warehouse, bigquery_server, monkeypatch, gone, happens
):
    """Parts that were left behind stand for no rows of the new table, and no parts that it has are lost."""
    do(warehouse, LOG, EVER, Rows([logged(1, 0, 5), logged(2, 0, 7)]))
    do(warehouse, USERS, window(0))
    made = rows(warehouse, USERS)

    def overtake():
        with closing(bigquery_server.warehouse()) as other:
            do(other, USERS, window(0))

    happen = die if happens == "it dies" else overtake
    number = sent = 0
    while number == 0 or sent >= number:
        number += 1
        warehouse.jobs.client.delete_table(f"{warehouse.jobs.settings.project}.{gone}")
        sent = before_request(warehouse, monkeypatch, number, happen, lambda: prepare(warehouse, USERS))
        prepare(warehouse, USERS)
        if window(0) in todo(warehouse, USERS):
            do(warehouse, USERS, window(0))
        assert rows(warehouse, USERS) == made
        assert warehouse.query(f"SELECT COUNT(*) AS n FROM `derived`.`{PARTS.partition('.')[2]}`", {}) == [{"n": 2}]
    assert number > 2


@pytest.mark.parametrize("kind", ["begin", "accept"])
def test_a_table_is_altered_only_as_it_was_found(warehouse, monkeypatch, kind):
    """A run that wakes before it adds, widens or drops a column changes none of a table that has begun a generation.

    What else was committed meanwhile lets it look again; who answers for the rows that are there has nothing altered
    before the ledger says so.
    """
    first = TableRun(EVENTS, "other", "tester", "abc", 0, {}, {})
    entry = replace(entry_of(first, Step(None, "missing", Reason("not committed")), warehouse), kind=kind)
    wide = with_column(with_column(EVENTS, "note", "STRING"), "amount", "BIGNUMERIC")
    wide = wide.model_copy(update={"columns": wide.columns[1:]})
    wanted = [(column.name, column.type.name) for column in wide.columns]
    place = f"{warehouse.jobs.settings.project}.{EVENTS.identity}"

    def columns():
        return [(field.name, field.field_type) for field in warehouse.jobs.client.get_table(place).schema]

    def prepared(known):
        warehouse.prepare(wide, known)

    def answered(known):
        warehouse.accept(wide, replace(entry, kind="accept", run_id="this"), known, ["id"])

    def has_answered(known):
        entries = "SELECT 1 FROM platform.ledger WHERE run_id = 'this' AND version > @known"
        return bool(warehouse.query(entries, {"known": known}))

    for alter in (prepared, answered):
        number = sent = 0
        while number == 0 or sent >= number:
            number += 1
            warehouse.jobs.client.delete_table(place, not_found_ok=True)
            do(warehouse, EVENTS, EVER, Rows([event(1, 0)]))
            known, seen = reading(warehouse, EVENTS).state.version, []

            def overtake(known=known, seen=seen):
                warehouse.mark(entry, known + has_answered(known))
                seen.append(columns())

            sent = before_request(warehouse, monkeypatch, number, overtake, partial(alter, known))
            if seen and (kind == "begin" or (alter is answered and not has_answered(known))):
                assert columns() == seen[0]
            else:
                assert columns() == [*([] if alter is answered else [("id", "INT64")]), *wanted]
        assert number > 2


@pytest.mark.parametrize("by", ["hour", "day", "month", "year"])
def test_a_table_is_made_as_its_file_says(warehouse, monkeypatch, by):
    """Its partition, cluster, descriptions, and labels by which costs are found; what helps to make it expires."""
    columns = [{"name": "at", "type": "TIMESTAMP", "description": "When."}, {"name": "id", "type": "INT64"}]
    by_unit = {"partition": {"column": "at", "by": by}, "cluster": ["id"]}
    subject = table("core.made", columns, strategy="append", **by_unit, **csv(cursor="at"))
    session, made = warehouse.jobs.client._http, {}  # noqa: SLF001 - the client's own connection
    request = session.request

    def sending(method, url, data=None, **options):
        if method == "POST" and url.partition("?")[0].endswith("/tables"):
            told = json.loads(data)
            made[told["tableReference"]["tableId"].partition("-")[0]] = told
        return request(method, url, data=data, **options)

    monkeypatch.setattr(session, "request", sending)
    do(warehouse, subject, window(0), Rows([{"at": day(0), "id": 1}]))
    there = made["made"]
    assert there["timePartitioning"] == {"type": by.upper(), "field": "at"}
    assert there["clustering"] == {"fields": ["id"]}
    assert there["description"] == subject.description
    assert [field.get("description") for field in there["schema"]["fields"]] == ["When.", None]
    assert there["labels"] == {"derived_owner": "team_example_com", "derived_dataset": "core"}
    assert "expirationTime" not in there
    assert 0 < int(made["stage"]["expirationTime"]) / 1_000 - time.time() <= 24 * 3600
    assert rows(warehouse, subject) == [{"at": day(0), "id": 1}]


def test_what_another_run_says_of_a_table_stays(warehouse):
    """A run that planned before it has committed may have an older file, as one has of an older commit of the project."""
    place = f"{warehouse.jobs.settings.project}.{EVENTS.identity}"
    older, newer = (EVENTS.model_copy(update={"description": one, "cluster": (one,)}) for one in ("id", "amount"))
    do(warehouse, older, window(0), Rows([event(1, 0)]))
    known = reading(warehouse, older).state.version
    do(warehouse, newer, window(1), Rows([event(2, 1)]))
    for version, is_older, told in ((known, False, "amount"), (known + 1, True, "amount"), (known + 1, False, "id")):
        asked = []
        warehouse.prepare(
            older, version, lambda theirs, is_older=is_older, asked=asked: asked.append(theirs) or is_older
        )
        assert set(asked) <= {"abc"}
        there = warehouse.jobs.client.get_table(place)
        assert (there.description, there.clustering_fields) == (told, [told])
