"""A project whose ingest has a stage, and loads that fail, or whose process dies, between its two steps."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import duckdb

from flows.commands.progress import Quiet
from flows.engine.request import Request
from flows.wiring import run_alone
from tests.sources.project import Mirror

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    import pytest

    from flows.engine.extract import Slot
    from flows.engine.steps import Step
    from flows.extracts.manifest import Manifest
    from flows.model.errors import DerivedError

TABLE = """\
description: A thing of the shop.
owner: shop@example.com
schedule: "0 * * * *"
window: {size: 1 day, start: 2024-03-01, end: 2024-03-06}
source: {kind: mysql, connection: shop, table: things, cursor: at, max_bad_rows: 1}
strategy: merge
key: [id]
columns:
  - {name: id, type: INT64}
  - {name: n, type: NUMERIC}
  - {name: v, type: STRING, on_error: "null"}
  - {name: at, type: TIMESTAMP}
"""
BROKEN = """\
import os, runpy, sys
from flows.engine import commit
from flows.model import errors

how = sys.argv.pop(1)

def break_down(*_):
    if how == "killed":
        os.kill(os.getpid(), 9)
    raise getattr(errors, how)("so it goes")

commit._check = break_down
sys.argv[0] = "flows.ingest"
runpy.run_module("flows.ingest", run_name="__main__")
"""
"""Lets loads end before they publish: in an error, or with their process."""


class Knowing(Quiet):
    """Does not ask for what lies in the stage, as Prefect does not where its cache knows it."""

    def extract(self, table: str, step: Step, slot: Slot, work: Callable[[], Manifest]) -> Manifest:
        """Return what was read before, or read."""
        return slot.found or super().extract(table, step, slot, work)


def ingest(**asked: bool) -> list[DerivedError]:
    """Copy things in this process; return why windows failed."""
    with closing(Knowing()) as observer:
        outcome = run_alone("ingest", Request("core.things", **asked), observer)
    return [failure.error for failure in outcome.failures]


@dataclass(frozen=True)
class Staged(Mirror):
    """A project over a MySQL database whose ingest has a stage."""

    more: Mapping[str, str] = field(default_factory=dict)
    """More of the environment."""

    @property
    def environment(self) -> dict[str, str]:
        """The environment with the stage."""
        return super().environment | {"DERIVED_STAGE": "stage"} | self.more

    @property
    def kept(self) -> list[Path]:
        """The files in the stage."""
        return [path for path in self.root.glob("stage/**/*") if path.is_file()]

    def fill(self) -> None:
        """Make things of five days, of which one cannot be read, and one only in part."""
        self.write("things", TABLE)
        self.execute(
            "CREATE TABLE things (id BIGINT PRIMARY KEY, n DECIMAL(38, 3), v VARBINARY(20), at DATETIME(6), KEY (at))",
            *(f"INSERT INTO things VALUES ({day}, {day}.125, 'v{day}', '2024-03-0{day} 12:00')" for day in range(1, 6)),
            "INSERT INTO things VALUES (7, 1e34, 'too much', '2024-03-05')",
            "INSERT INTO things VALUES (8, NULL, x'ff', '2024-03-05')",
        )

    def ingest_broken(self, how: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `flows.ingest`, whose loads end in an error of that name, or get it `killed`."""
        return subprocess.run(
            [sys.executable, "-c", BROKEN, how, "core.things", *arguments],
            cwd=self.root,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def enter(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let runs of this process be runs of the project."""
        monkeypatch.chdir(self.root)
        for name in [name for name in os.environ if name.startswith(("PREFECT_", "DERIVED_"))]:
            monkeypatch.delenv(name)
        for name, value in self.environment.items():
            monkeypatch.setenv(name, value)

    def change(self, sql: str) -> None:
        """Change the warehouse behind the project's back."""
        with duckdb.connect(str(self.warehouse)) as session:
            session.execute(sql)

    @contextmanager
    def listening(self) -> Iterator[Counter[str]]:
        """Count by their conditions the queries that read things; the count is there at the end."""
        asked: Counter[str] = Counter()
        self.server.execute(
            "SET GLOBAL log_output = 'TABLE'", "TRUNCATE mysql.general_log", "SET GLOBAL general_log = ON"
        )
        try:
            yield asked
        finally:
            found = self.server.execute(
                "SET GLOBAL general_log = OFF",
                "SELECT CONVERT(argument USING utf8mb4) FROM mysql.general_log WHERE command_type = 'Query'"
                " AND argument LIKE 'SELECT `id`%%FROM%%.`things`%%'",
            )
            conditions = (query.partition(" WHERE ")[2].partition(" ORDER BY ")[0] for (query,) in found)
            asked.update(condition.replace("`at` ", "") for condition in conditions)
