"""A project of core tables over one connection, with `ingest` as a person runs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.shop import Shop

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from tests.servers.mysql import MysqlServer


@dataclass(frozen=True)
class Project(Shop):
    """A project folder without tables."""

    url: str
    """Of the connection `shop`."""

    @property
    def environment(self) -> dict[str, str]:
        """The environment with the connection."""
        return super().environment | {"DERIVED_CONNECTION_SHOP": self.url}

    def write(self, name: str, text: str) -> Path:
        """Write the file of a core table."""
        path = self.root / f"tables/core/{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def ingest(self, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        """Run the command `flows.ingest` in this process, which ends with this exit code and no traceback."""
        done = self.command("ingest", *arguments)
        assert done.returncode == code, done.stdout + done.stderr
        return done


@dataclass(frozen=True)
class Mirror(Project):
    """A project over a MySQL database."""

    server: MysqlServer
    database: str

    def execute(self, *statements: str) -> tuple[tuple, ...]:
        """Run statements in the database."""
        return self.server.execute(*statements, database=self.database)
