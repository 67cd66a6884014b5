"""Ingest in two steps as Prefect shows it: two tasks, the first of which its own cache knows. On real servers."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from flows.extracts.folder import Folder
from flows.warehouses.bucket import Bucket
from tests.servers import google_login
from tests.sources.staged import Staged

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from flows.extracts.store import Store
    from tests.prefect_api import Server
    from tests.servers.mysql import MysqlServer

SAVE = """
import sys

kind, place, key = sys.argv[1:]
if kind == "folder":
    from prefect.filesystems import LocalFileSystem

    block = LocalFileSystem(basepath=place)
else:
    from prefect_gcp import GcpCredentials
    from prefect_gcp.cloud_storage import GcsBucket

    bucket, _, folder = place.removeprefix("gs://").partition("/")
    block = GcsBucket(bucket=bucket, bucket_folder=folder, gcp_credentials=GcpCredentials(service_account_file=key))
block.save("stage", overwrite=True)
"""


@dataclass(frozen=True)
class Place:
    """A stage, its store, and the block that a person has saved of it."""

    address: str
    block: str
    store: Store
    environment: dict[str, str]


@pytest.fixture(params=["folder", "bucket"])
def place(
    request: pytest.FixtureRequest, prefect_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Place]:
    """A stage of each kind."""
    with google_login.key_file(tmp_path) as key:
        if request.param == "folder":
            address, more = str(tmp_path / "stage"), {}
            store: Store = Folder(tmp_path / "stage")
        else:
            server = request.getfixturevalue("bucket_server")
            address, more = server.address, dict(server.environment)
            monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.environment["STORAGE_EMULATOR_HOST"])
            store = Bucket(*server.address.removeprefix("gs://").split("/", 1))
        more["GOOGLE_APPLICATION_CREDENTIALS"] = str(key)
        subprocess.run(
            [sys.executable, "-c", SAVE, request.param, address, str(key)],
            env=prefect_server.environment,
            capture_output=True,
            check=True,
        )
        kind = "local-file-system" if request.param == "folder" else "gcs-bucket"
        yield Place(address, f"{kind}/stage", store, more)


@pytest.mark.timeout(600)
def test_what_was_read_is_cached_until_it_is_loaded(
    mysql_server: MysqlServer, database: str, prefect_server: Server, tmp_path: Path, place: Place
) -> None:
    """A load fails, another's run is killed with -9, the next completes: the window is read once, and then Cached.

    The stage may be given by its address, or as a block that a person has saved.
    """
    api = {name: value for name, value in prefect_server.environment.items() if name.startswith("PREFECT_")}
    by_address, by_block = (
        Staged(
            tmp_path,
            mysql_server.url(database),
            mysql_server,
            database,
            place.environment | api | {"DERIVED_STAGE": stage},
        )
        for stage in (place.address, place.block)
    )
    before = {run["id"] for run in prefect_server.runs("core.things 2024-03-01..2024-03-06")}
    by_address.fill()
    with by_address.listening() as asked:
        failed = by_address.ingest_broken("WarehouseError")
        assert (failed.returncode, failed.stderr.splitlines()[-1]) == (1, "so it goes")
        if isinstance(place.store, Folder):
            assert by_block.ingest_broken("killed").returncode == -9
        assert {name.rpartition("/")[2] for name, _ in place.store.files("core.things")} == {
            "00000.parquet",
            "bad-rows.json",
            "manifest.json",
            "result.json",
        }
        done = by_block.run("flows.ingest", "core.things")
        assert done.returncode == 0, done.stderr
    assert list(asked.values()) == [1]
    assert by_address.rows("SELECT count(*) FROM core.things") == [(6,)]
    assert list(place.store.files("core.things")) == []
    found = prefect_server.runs("core.things 2024-03-01..2024-03-06")
    runs = {run["state_name"]: run["id"] for run in found if run["id"] not in before}
    for state, run in runs.items():
        tasks = {
            task["name"].split()[0]: task["state_name"]
            for task in prefect_server.tasks(run, 2 if state == "Running" else 3)
        }
        assert tasks["extract"] == ("Completed" if state == "Failed" else "Cached")
        assert tasks["load"] == ("Completed" if state == "Committed" else state)
    assert runs.keys() >= {"Failed", "Committed"}
    if isinstance(place.store, Folder):
        _read_again_where_it_is_gone(by_address)


def _read_again_where_it_is_gone(staged: Staged) -> None:
    """What lies in the stage for a table that was dropped is not for another warehouse, nor for `--rebuild`."""
    with staged.listening() as asked:
        staged.change("DROP TABLE core.things")
        assert staged.ingest_broken("WarehouseError").returncode == 1
        elsewhere = replace(staged, more={**staged.more, "DERIVED_HOME": "elsewhere"})
        staged.execute("DELETE FROM things WHERE id = 1")
        for again, asking in ((elsewhere, ()), (staged, ("--rebuild",))):
            done = again.run("flows.ingest", "core.things", *asking)
            assert done.returncode == 0, done.stderr
    assert list(asked.values()) == [3]
    assert staged.rows("SELECT min(id), count(*) FROM core.things") == [(2, 5)]
