"""A few small tables, deployed to a real server, and how runs of them are started."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from tests.prefect_api import REPOSITORY, Server, process

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

USERS = """\
user_id,handle,country,plan,newsletter,signed_up_at,updated_at
1,ada,GB,plus,1,2026-01-01 08:00:00.000000,2026-01-01 08:00:00.000000
2,bob,,free,,2026-01-02 09:30:00.250000,2026-01-02 09:30:00.250000
3,cyd,DE,free,0,2026-01-02 10:00:00.000000,2026-01-03 11:00:00.000000
"""
ACCOUNTS = """\
description: 'Accounts opened per day; a text such as {{ $HOME }} stays as it is.'
owner: shop@example.com
schedule: "20 * * * *"
window: {size: 1 day, start: 2026-01-01, end: 2026-01-11}
strategy: append
partition: {column: day, by: day}
columns:
  - {name: day,      type: DATE,  description: Day of the sign-up (UTC)}
  - {name: accounts, type: INT64, description: How many were opened}
sql: |
  SELECT DATE(signed_up_at) AS day, COUNT(*) AS accounts
  FROM core.users
  WHERE signed_up_at >= @window_start AND signed_up_at < @window_end
  GROUP BY day
"""
BROKEN = """\
description: Accounts that were not opened on the first day; its first window is empty, and then there is work.
owner: shop@example.com
schedule: "30 * * * *"
window: {size: 1 day, start: 2026-01-01, end: 2026-01-03}
strategy: append
partition: {column: day, by: day}
columns:
  - {name: day,   type: DATE,  description: Day of the sign-up (UTC)}
  - {name: value, type: INT64, description: Anything}
sql: |
  SELECT DATE(u.signed_up_at) AS day, SUM(CAST(u.handle AS INT64)) AS value
  FROM core.users AS u
  WHERE u.signed_up_at >= @window_start AND u.signed_up_at < @window_end AND u.handle <> 'ada'
  GROUP BY day
"""
LONG = (
    BROKEN.replace("SUM(CAST(u.handle AS INT64))", "MAX(MOD(a.n * b.n * c.n, 7))")
    .replace("AS u\n", "AS u CROSS JOIN numbers AS a CROSS JOIN numbers AS b CROSS JOIN numbers AS c\n")
    .replace("u.handle <> 'ada'", "@window_start >= TIMESTAMP '2026-01-02 00:00:00+00'")
    .replace("  SELECT", "  WITH numbers AS (SELECT n FROM UNNEST(GENERATE_ARRAY(1, 16000)) AS n)\n  SELECT")
)
"""Its second window takes years."""
LATE = ACCOUNTS.replace("core.users", "core.payments").replace("signed_up_at", "captured_at")
"""What it reads is not there."""
POD = json.loads((REPOSITORY / "work-pools/kubernetes.json").read_text())["variables"]["properties"]["command"]


@dataclass(frozen=True)
class Project:
    """A project whose tables are deployed to a server."""

    root: Path
    server: Server

    def python(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a Python command in the project, with the server as Prefect's API."""
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.root,
            env=self.server.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def start(self, table: str, state: str = "SCHEDULED", **parameters: Any) -> str:
        """Start a run of a deployment and return its id; a pending one is not a worker's."""
        flow = "ingest" if table.startswith("core.") else "derive"
        deployment = self.server.call("GET", f"deployments/name/{flow}/{table}")["id"]
        told = {"type": state, "message": "asked for by a test"}
        content = {"parameters": parameters, "state": told}
        return str(self.server.call("POST", f"deployments/{deployment}/create_flow_run", **content)["id"])

    def pod(self, run: str, log: Path) -> AbstractContextManager[subprocess.Popen[bytes]]:
        """Execute a run as a pod does, which has its code elsewhere than the warehouse."""
        environment = self.server.environment | {
            "PREFECT__FLOW_RUN_ID": run,
            "PREFECT_FLOW_RUN_EXECUTE_SIGTERM_BEHAVIOR": "reschedule",
            "DERIVED_HOME": str(self.root / ".derived"),
        }
        command = [sys.executable, *POD["default"].split()[1:]]
        return process(command, log, env=environment, cwd=self.root)

    def run(self, table: str, log: Path, **parameters: Any) -> dict[str, Any]:
        """Run a deployment in a pod and return what the server knows of the run."""
        run = self.start(table, state="PENDING", **parameters)
        with self.pod(run, log) as pod:
            assert pod.wait(240) == 0, log.read_text()
        found: dict[str, Any] = self.server.call("GET", f"flow_runs/{run}")
        return found

    def artifact(self, table: str) -> str:
        """Return the text of a table's newest artifact."""
        key = table.replace(".", "--").replace("_", "-")
        return str(self.server.call("GET", f"artifacts/{key}/latest")["data"])

    def in_the_middle(self, run: str, attempt: int = 1) -> None:
        """Wait until a run of the long table works on the window that it cannot make, for the first time or again."""
        deadline = time.monotonic() + 120
        while True:
            tasks = [task for task in self.server.tasks(run, ended=0) if task["name"] == "2026-01-02..2026-01-03"]
            if len(tasks) == attempt and max(tasks, key=_started)["state_name"] == "Running":
                break
            assert time.monotonic() < deadline, tasks
            time.sleep(0.3)
        time.sleep(1)

    def half_done(self) -> tuple[list[tuple[str, str]], int]:
        """Return the windows of the long table that the ledger knows, and how many rows there are."""
        with duckdb.connect(str(self.root / ".derived/warehouse.duckdb"), read_only=True) as warehouse:
            windows = warehouse.execute(
                "SELECT window_start::DATE::VARCHAR, kind FROM platform.ledger WHERE table_name = 'derived.long'"
            ).fetchall()
            [(rows,)] = warehouse.execute("SELECT count(*) FROM derived.long").fetchall()
            return windows, rows


def processes_of(run: str) -> Iterator[int]:
    """Return the processes of a run."""
    for found in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended meanwhile, or is somebody else's
            if f"PREFECT__FLOW_RUN_ID={run}\0".encode() in (found / "environ").read_bytes():
                yield int(found.name)


def _started(task: dict[str, Any]) -> str:
    return task["start_time"] or ""


def make_project(root: Path, **derived: str) -> None:
    """Make a project of the demo's users and payments, a small export of the users, and derived tables."""
    (root / "tables/core").mkdir(parents=True)
    (root / "tables/derived").mkdir()
    for name in ("users", "payments"):
        # Each window is a task of its own, which costs more of the server than of the run.
        text = (REPOSITORY / f"tables/core/{name}.yaml").read_text().replace("end: 2026-04-01", "end: 2026-01-11")
        (root / f"tables/core/{name}.yaml").write_text(text)
    for name, text in derived.items():
        (root / f"tables/derived/{name}.yaml").write_text(text)
    (root / ".derived/shop").mkdir(parents=True)
    (root / ".derived/shop/users.csv").write_text(USERS)


DEPLOY = """
import sys
from functools import cache
from flows.commands.deploying import deploy_project
from flows.commands.pool import make_process_pool
from flows.tracking import deployment
from flows.wiring import open_project
deployment.THROTTLE = int(sys.argv[1])
make_process_pool(deployment.WORK_POOL)
sys.exit(bool(deploy_project(cache(open_project), yes=False, as_json=False).failed))
"""


def deploy(project: Project, throttle: int = 60) -> None:
    """Deploy a project to the pool of a process worker, in one process."""
    done = project.python("-c", DEPLOY, str(throttle))
    assert done.returncode == 0, done.stdout + done.stderr
