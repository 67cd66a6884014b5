"""The demo as a project in a folder of its own, made once for all tests."""

from __future__ import annotations

import fcntl
import importlib
import os
import shutil
import subprocess
import sys
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest
import typer
from typer.testing import CliRunner

REPOSITORY = Path(__file__).parent.parent


@dataclass(frozen=True)
class Shop:
    """A project folder with the example tables."""

    root: Path

    def run(self, *arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run `python -m flows.<command>` in the project, as a person would, with no Prefect API configured."""
        return subprocess.run(
            [sys.executable, "-m", *arguments],
            cwd=self.root,
            env=self.environment | (env or {}),
            capture_output=True,
            text=True,
            check=False,
        )

    def command(
        self, name: str, *arguments: str, env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run the command `flows.<name>` in this process: another takes longer to start than most tests ask of it."""
        app = typer.Typer(add_completion=False)
        app.command()(importlib.import_module(f"flows.{name}").main)
        kept = self.environment | (env or {})
        environment = kept | dict.fromkeys(os.environ.keys() - kept.keys())
        with chdir(self.root):
            done = CliRunner().invoke(app, arguments, prog_name=name, env=environment)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return subprocess.CompletedProcess(arguments, done.exit_code, done.stdout, done.stderr)

    @property
    def environment(self) -> dict[str, str]:
        """The environment without what belongs to whoever runs the tests."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "DERIVED_"))}
        return kept | {"PYTHONPATH": str(REPOSITORY), "PREFECT_HOME": str(self.root / ".prefect")}

    @property
    def warehouse(self) -> Path:
        """The warehouse's file."""
        return self.root / ".derived/warehouse.duckdb"

    def rows(self, sql: str) -> list[tuple]:
        """Read the warehouse."""
        with duckdb.connect(str(self.warehouse), read_only=True) as session:
            return session.execute(sql).fetchall()

    def tables(self) -> dict[str, tuple[int, int, int]]:
        """Return what every core and derived table holds, whatever the order: how many rows, and digests of them all."""
        with duckdb.connect(str(self.warehouse), read_only=True) as session:
            names = session.execute(
                "SELECT schema_name || '.' || table_name FROM duckdb_tables()"
                " WHERE schema_name IN ('core', 'derived') AND NOT contains(table_name, '-') ORDER BY 1"
            ).fetchall()
            digests = "SELECT count(*), sum(hash(one)::HUGEINT), bit_xor(hash(one)) FROM {} AS one"
            return {name: session.execute(digests.format(name)).fetchall()[0] for (name,) in names}


def shorten(shop: Shop, end: str) -> None:
    """Let a demo begin anew, and end on a day of January: with whole weeks before it, and the exports of that month."""
    for file in (shop.root / "tables").rglob("*.yaml"):
        text = file.read_text().replace("end: 2026-04-01", f"end: {end}")
        file.write_text(text.replace("end: 2026-03-30", "end: 2026-01-26"))
    for month in ("02", "03"):
        for export in (shop.root / ".derived/shop").glob(f"*-2026-{month}.*"):
            export.unlink()
    shop.warehouse.unlink()


def new_project(root: Path) -> Shop:
    """Return a project with the example tables and nothing else."""
    shutil.copytree(REPOSITORY / "tables", root / "tables")
    return Shop(root)


@pytest.fixture(scope="session")
def finished_shop(tmp_path_factory):
    """The demo after an undisturbed run, which is made once for all processes of the tests; nobody changes it."""
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    with (shared / "demo.lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if not (shared / "demo").exists():
            shop = new_project(shared / "unfinished")
            done = shop.run("flows.demo")
            assert done.returncode == 0, done.stdout + done.stderr
            assert "286 commits to 8 tables, 379,156 rows" in done.stdout  # as the README shows
            shop.root.rename(shared / "demo")
    shutil.copytree(shared / "demo", own / "shop")
    return Shop(own / "shop")


@pytest.fixture
def shop(finished_shop, tmp_path):
    """A copy of the finished demo, to be changed."""
    shutil.copytree(finished_shop.root, tmp_path / "shop")
    return Shop(tmp_path / "shop")
