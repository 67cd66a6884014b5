"""A project of core tables over one connection, with `ingest` as a person runs it."""

from __future__ import annotations

import os
import subprocess
from contextlib import chdir
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer
from typer.testing import CliRunner

from flows import ingest
from tests.shop import Shop

if TYPE_CHECKING:
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
        """Run the command `flows.ingest`, which ends with this exit code and no traceback.

        It runs in this process: another would take longer to start than to do what these tests ask of it.
        """
        command = typer.Typer(add_completion=False)
        command.command()(ingest.main)
        kept = self.environment
        environment = kept | dict.fromkeys(os.environ.keys() - kept.keys())
        with chdir(self.root):
            done = CliRunner().invoke(command, arguments, prog_name="ingest", env=environment)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        assert done.exit_code == code, done.stdout + done.stderr
        return subprocess.CompletedProcess(arguments, done.exit_code, done.stdout, done.stderr)


@dataclass(frozen=True)
class Mirror(Project):
    """A project over a MySQL database."""

    server: MysqlServer
    database: str

    def execute(self, *statements: str) -> tuple[tuple, ...]:
        """Run statements in the database."""
        return self.server.execute(*statements, database=self.database)
