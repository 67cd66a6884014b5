"""Cloud Storage for tests: a bucket of the real service at DERIVED_TEST_STAGE (gs://bucket/prefix), else an emulator."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import requests

from tests.servers import Unavailable, bigquery, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

BUCKET = "stage-of-tests"


@dataclass(frozen=True)
class BucketServer:
    """A bucket in which tests may write."""

    address: str
    """As DERIVED_STAGE has it."""
    environment: Mapping[str, str]
    """What a command needs in its environment to have its stage here."""

    def below(self, folder: str) -> BucketServer:
        """Return the same bucket with a stage of its own, in which nothing of another test lies."""
        address = f"{self.address}/{folder}"
        return BucketServer(address, {**self.environment, "DERIVED_STAGE": address})


@contextlib.contextmanager
def serving(root: Path | None) -> Iterator[BucketServer]:
    """Give a bucket for so long; the emulator keeps it in a folder, where that of BigQuery finds it too.

    Raises:
        Unavailable: there is none.
    """
    if address := os.environ.get("DERIVED_TEST_STAGE"):
        yield BucketServer(address, {"DERIVED_STAGE": address})
        return
    if root is None:
        raise Unavailable("no bucket: BigQuery is the real service, so set DERIVED_TEST_STAGE=gs://bucket/prefix too")
    port = free_port()
    process = subprocess.Popen(
        [bigquery.SERVE, "--buckets", "start", "--port", str(port), "--default-bucket", BUCKET, "--quiet"],
        env=os.environ | {"STORAGE_BASE": str(root.parent), "STORAGE_DIR": root.name},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait(process, f"http://127.0.0.1:{port}")
        address = f"gs://{BUCKET}/extracts"
        yield BucketServer(address, {"DERIVED_STAGE": address, "STORAGE_EMULATOR_HOST": f"http://127.0.0.1:{port}"})
    finally:
        process.kill()
        process.wait()


def _wait(process: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + bigquery.START_SECONDS
    while True:
        if process.poll() == bigquery.NOT_BUILT:
            raise Unavailable("no emulator of Cloud Storage: run tests/servers/install.sh, or set DERIVED_TEST_STAGE")
        try:
            requests.get(f"{url}/storage/v1/b/{BUCKET}", timeout=bigquery.START_SECONDS)
        except requests.ConnectionError:
            if time.monotonic() > deadline or process.poll() is not None:
                raise
            time.sleep(0.05)
        else:
            return
