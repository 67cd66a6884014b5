"""Ingest in two steps as Prefect shows it: two tasks, the first of which its own cache knows. On real servers."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from tests.sources.staged import Staged

if TYPE_CHECKING:
    from pathlib import Path

    from tests.prefect_api import Server
    from tests.servers.mysql import MysqlServer

SAVE = """
import sys
from prefect.filesystems import LocalFileSystem
LocalFileSystem(basepath=sys.argv[1]).save("stage", overwrite=True)
"""


def test_what_was_read_is_cached_until_it_is_loaded(
    mysql_server: MysqlServer, database: str, prefect_server: Server, tmp_path: Path
) -> None:
    """A load fails, another run is killed with -9, the third completes: the window is read once, and then Cached.

    The stage may be given as a folder, or as a block that a person has saved.
    """
    subprocess.run(
        [sys.executable, "-c", SAVE, str(tmp_path / "stage")],
        env=prefect_server.environment,
        capture_output=True,
        check=True,
    )
    api = {name: value for name, value in prefect_server.environment.items() if name.startswith("PREFECT_")}
    staged = Staged(tmp_path, mysql_server.url(database), mysql_server, database, api)
    by_block = replace(staged, more=api | {"DERIVED_STAGE": "local-file-system/stage"})
    staged.fill()
    with staged.listening() as asked:
        failed = staged.ingest_broken("WarehouseError")
        assert (failed.returncode, failed.stderr.splitlines()[-1]) == (1, "so it goes")
        assert by_block.ingest_broken("killed").returncode == -9
        (record,) = (path for path in staged.kept if path.name == "result.json")
        by_block.ingest("core.things")
    assert list(asked.values()) == [1]
    assert staged.rows("SELECT count(*) FROM core.things") == [(6,)]
    assert not record.exists()
    runs = {run["state_name"]: run["id"] for run in prefect_server.runs("core.things 2024-03-01..2024-03-06")}
    for state, ended in (("Failed", 3), ("Running", 2), ("Completed", 3)):
        tasks = {task["name"].split()[0]: task["state_name"] for task in prefect_server.tasks(runs[state], ended)}
        assert tasks["extract"] == ("Completed" if state == "Failed" else "Cached")
        assert tasks["load"] == state
