"""A stage in a bucket: whatever goes wrong there is told as an error of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from flows.extracts.stage import Stage
from flows.model.errors import WarehouseError, WarehouseUnavailableError
from flows.warehouses import bucket, patience
from tests.servers import free_port

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.servers.buckets import BucketServer


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file to be put there."""
    path = tmp_path / "file"
    path.write_bytes(b"rows")
    return path


def everything(store: bucket.Bucket, file: Path) -> list[Callable[[], object]]:
    """Return all that may be asked of a bucket."""
    return [
        lambda: store.put(file, "core.things/1/file"),
        lambda: store.write("core.things/1/manifest.json", b"{}"),
        lambda: list(store.files("core.things")),
        lambda: store.remove("core.things"),
    ]


def test_a_bucket_that_is_not_there_is_named(
    bucket_server: BucketServer, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With where to look for the roles, as nobody without rights can tell the two apart."""
    for name, value in bucket_server.environment.items():
        monkeypatch.setenv(name, value)
    for work in everything(bucket.Bucket("no-such-bucket-of-ours", "extracts"), file):
        with pytest.raises(
            WarehouseError, match="The stage gs://no-such-bucket-of-ours/extracts cannot be used: "
        ) as told:
            work()
        assert not told.value.transient


def test_a_server_that_does_not_answer_may_later(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the run is tried again; what cannot be removed now is left for later without a word."""
    monkeypatch.setattr(patience, "REFUSED", 0.2)
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{free_port()}")
    store = bucket.Bucket("stage")
    for work in everything(store, file):
        with pytest.raises(WarehouseUnavailableError, match="The stage gs://stage does not answer just now: "):
            work()
    Stage(store).remove("core.things/1")
