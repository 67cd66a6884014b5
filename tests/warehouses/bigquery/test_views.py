"""The views of `platform` are those of the newest version that has worked on the warehouse."""

import hashlib
from contextlib import closing

from flows.model.window import EVER
from flows.warehouses.bigquery import views
from tests.engine.builders import EVENTS, Rows, do, event

DIGESTS = {1: "e8d18b8d5c493d61", 2: "88717f221e6746de", 3: "87c770b08673d964", 4: "971d43c796019d69"}
"""Of the texts of all views, by their version."""


def test_a_change_of_the_views_counts_their_version_up():
    """Else no warehouse that is there would get it: add a version here and to `views.VERSION`."""
    told = "".join([*views.VIEWS, *views.VIEWS.values(), views.COSTS])
    assert hashlib.sha256(told.encode()).hexdigest()[:16] == DIGESTS[views.VERSION]
    assert max(DIGESTS) == views.VERSION


def made(warehouse):
    """Return how often a view was made."""
    jobs = warehouse.jobs.client.list_jobs()
    return sum(getattr(job, "query", "").startswith("CREATE OR REPLACE VIEW") for job in jobs)


def test_views_of_an_earlier_version_are_renewed_by_whoever_comes_first(warehouse, bigquery_server, monkeypatch):
    """Once, and without that a shard of the ledger is made."""
    do(warehouse, EVENTS, EVER, Rows([event(1, 0)]))
    before = made(warehouse)
    with monkeypatch.context() as patched:
        patched.setattr(views, "VERSION", views.VERSION + 1)
        patched.setitem(views.VIEWS, "newest", "SELECT MAX(version) AS version FROM `platform`.`ledger`")
        for _ in range(2):
            with closing(bigquery_server.warehouse()) as later:
                assert later.query("SELECT version FROM platform.newest", {}) == [{"version": 1}]
        assert before < made(warehouse) <= before + 2 + len(views.VIEWS) + 1
    with closing(bigquery_server.warehouse()) as earlier:
        views.create(earlier.jobs)
        assert earlier.query("SELECT version FROM platform.newest", {}) == [{"version": 1}]
        earlier.query("DROP VIEW platform.newest", {})
