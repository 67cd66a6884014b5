"""BigQuery for tests: the project of DERIVED_TEST_BIGQUERY on the real service, else the emulator here.

The real one is `project?location=EU`; what Google Cloud's environment says of who asks holds. Its datasets core, derived
and platform are emptied.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import requests

from flows.warehouses.bigquery.settings import parse_address
from flows.warehouses.bigquery.warehouse import BigQuery
from flows.warehouses.interface import ledger_shard
from tests.servers import Unavailable, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

NOT_BUILT = 3
SERVE = Path(__file__).with_name("serve")
START_SECONDS = 180


class BigQueryServer:
    """A BigQuery whose datasets tests may make and drop.

    Args:
        address: which project, as DERIVED_WAREHOUSE has it.
        port: where the emulator listens; 0 for the real service.
        folder: where the emulator keeps its data, so that they outlive it; None: in memory.
    """

    def __init__(self, address: str, port: int = 0, folder: Path | None = None) -> None:
        self.address, self.port, self.folder = address, port, folder
        self.buckets: Path | None = None
        """The folder in which the emulator looks for buckets of Cloud Storage."""
        self.record: Path | None = None
        """The file into which the emulator writes what it is sent."""
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def emulator(self) -> str | None:
        """The emulator's address."""
        return f"http://127.0.0.1:{self.port}" if self.port else None

    @property
    def environment(self) -> dict[str, str]:
        """What a command needs in its environment to have its warehouse here."""
        there = {"BIGQUERY_EMULATOR_HOST": self.emulator} if self.emulator else {}
        return {"DERIVED_WAREHOUSE": self.address, **there}

    def warehouse(self) -> BigQuery:
        """Open the warehouse."""
        return BigQuery(parse_address(self.address), self.emulator)

    def clear(self) -> None:
        """Drop all tables but the shards of ledger and quarantine and the views over them; those that hold rows are emptied."""
        client = self.warehouse().jobs.client
        for dataset in client.list_datasets():
            for table in client.list_tables(dataset.reference):
                if dataset.dataset_id != "platform" or "-" in table.table_id or table.table_id == "definitions":
                    client.delete_table(table.reference, not_found_ok=True)
                elif table.table_id in {"ledger", "quarantine"}:
                    for row in client.query_and_wait(f"SELECT DISTINCT table_name FROM `platform`.`{table.table_id}`"):
                        shard = ledger_shard(row[0]).replace("ledger", table.table_id)
                        client.query_and_wait(f"TRUNCATE TABLE `platform`.`{shard}`")

    def start(self) -> None:
        """Start the emulator, again if need be, and wait until it answers."""
        if self.process:
            self.kill()
        where = ["--persistent", "--data-dir", str(self.folder)] if self.folder else ["--ephemeral"]
        ports = ["--rest-port", str(self.port), "--grpc-port", "0"]
        places = {"BQEMU_GCS_LOCAL_ROOT": self.buckets, "DERIVED_STATEMENTS": self.record}
        self.process = subprocess.Popen(
            [SERVE, "start", *where, *ports, "--log-level", "critical"],
            env=os.environ | {name: str(place) for name, place in places.items() if place},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + START_SECONDS
        while True:
            if self.process.poll() == NOT_BUILT:
                raise Unavailable("no BigQuery emulator: run tests/servers/install.sh, or set DERIVED_TEST_BIGQUERY")
            try:
                requests.get(f"{self.emulator}/bigquery/v2/projects/x/datasets", timeout=START_SECONDS)
            except requests.ConnectionError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise
                time.sleep(0.05)
            else:
                return

    def kill(self) -> None:
        """End the emulator at once (kill -9)."""
        assert self.process
        self.process.kill()
        self.process.wait()


@contextlib.contextmanager
def serving(*, keep: bool = False, record: Path | None = None) -> Iterator[BigQueryServer]:
    """Give a server for so long.

    Args:
        keep: it is the emulator, and its data outlive a kill.
        record: the file into which an emulator writes what it is sent.

    Raises:
        Unavailable: there is none.
    """
    if (project := os.environ.get("DERIVED_TEST_BIGQUERY")) and not keep:
        server = BigQueryServer(f"bigquery://{project}")
        server.clear()
        yield server
        return
    with tempfile.TemporaryDirectory(prefix="bigquery-") as name:
        server = BigQueryServer("bigquery://test-project?location=EU", free_port(), Path(name) if keep else None)
        server.buckets, server.record = Path(name) / "buckets", record
        server.start()
        try:
            yield server
        finally:
            server.kill()
