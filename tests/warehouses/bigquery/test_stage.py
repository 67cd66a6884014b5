"""What was read of a source is loaded from the files of its stage: uploaded from a folder, by address from a bucket."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING
from unittest.mock import patch

import pytest

from flows.engine import commit
from flows.model.errors import WarehouseError
from flows.project.project import load_project
from flows.warehouses.bigquery import ledger
from flows.wiring import open_stage
from tests.sources.staged import Staged, ingest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers.bigquery import BigQueryServer
    from tests.servers.mysql import MysqlServer


@pytest.fixture(params=["folder", "bucket"])
def staged(  # noqa: PLR0913, PLR0917 - the servers that take part
    request: pytest.FixtureRequest,
    mysql_server: MysqlServer,
    database: str,
    bigquery_server: BigQueryServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Staged:
    """A project over MySQL and BigQuery, with a stage of each kind."""
    bigquery_server.clear()
    more = dict(bigquery_server.environment)
    if request.param == "bucket":
        more |= request.getfixturevalue("bucket_server").environment
    project = Staged(tmp_path, mysql_server.url(database), mysql_server, database, more)
    project.fill()
    project.enter(monkeypatch)
    return project


def test_a_load_that_failed_is_made_up_from_the_stage(staged: Staged, bigquery_server: BigQueryServer) -> None:
    """The window is read once; bad rows come with it; of a table that was dropped it is read again.

    So it is of one that was emptied.
    """
    with staged.listening() as asked:
        with patch.object(commit, "_check", side_effect=WarehouseError("so it goes")):
            assert [type(error) for error in ingest()] == [WarehouseError]
        assert ingest() == []
    assert list(asked.values()) == [1]
    with closing(bigquery_server.warehouse()) as warehouse:
        rows = warehouse.query("SELECT id, n, v FROM core.things ORDER BY id", {})
        assert [tuple(row.values()) for row in rows][-2:] == [(5, Decimal("5.125"), "v5"), (8, None, None)]
        assert warehouse.query("SELECT place FROM platform.quarantine", {}) == [{"place": "id=7"}]
        with patch.object(commit, "_check", side_effect=WarehouseError("so it goes")), staged.listening() as asked:
            for runs in (2, 1):
                warehouse.jobs.client.delete_table("core.things")
                for _ in range(runs):
                    ingest()
            things = load_project(staged.root).table("core.things")
            warehouse.empty(things, ledger.version(warehouse.jobs, "core.things"))
            ingest()
        assert list(asked.values()) == [3]
        uris = {uri for job in warehouse.jobs.client.list_jobs() for uri in getattr(job, "source_uris", None) or ()}
    stage = open_stage(staged.root)
    assert stage is not None
    *_, manifest = stage.kept("core.things", datetime.now(UTC))
    (place,) = stage.extract(manifest).places
    assert (place in uris) is (staged.more.get("DERIVED_STAGE") is not None)
