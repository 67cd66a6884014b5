"""Imports point down, and only the edges of the project know Prefect and the drivers."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest

from tests.prefect_api import REPOSITORY, clean_environment

ALLOWED = {
    "flows.model": ("flows.model",),
    "flows.sql": ("flows.model", "flows.sql"),
    "flows.project": ("flows.model", "flows.sql", "flows.project"),
    "flows.sources": ("flows.model", "flows.sql", "flows.project", "flows.sources"),
    "flows.warehouses": ("flows.model", "flows.sql", "flows.project", "flows.warehouses", "flows.sources.interface"),
    "flows.engine": (
        "flows.model",
        "flows.sql",
        "flows.project",
        "flows.engine",
        "flows.sources.interface",
        "flows.warehouses.interface",
    ),
    "blocks": ("blocks", "flows.model", "flows.sources", "flows.warehouses"),
    "flows": ("flows", "blocks"),
}
"""What each package may import of the project; a module belongs to the first package of which it is a part."""
DRIVERS = ("duckdb", "pymysql", "pymongo", "bson", "google.cloud")
OUTSIDE = ("os", "time", "socket", "subprocess", "random", "http", "urllib.request", "httpx")
"""Clock, network and environment."""

FILES = {
    ".".join(path.relative_to(REPOSITORY).with_suffix("").parts).removesuffix(".__init__"): path
    for folder in ("flows", "blocks")
    for path in sorted((REPOSITORY / folder).rglob("*.py"))
}


def _inside(module: str, *packages: str) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def _package(module: str) -> str:
    return next(package for package in ALLOWED if _inside(module, package))


def _imports(module: str) -> set[str]:
    """Return what a module imports; of `from a import b` it is `a.b` where that is a module, and `a` otherwise."""
    found = set()
    for node in ast.walk(ast.parse(FILES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} has a relative import"
            found |= {
                name if (name := f"{node.module}.{alias.name}") in FILES or node.module == "google" else node.module
                for alias in node.names
            }
    return found


@pytest.mark.parametrize("module", FILES)
def test_imports_point_down(module):
    """Entry modules import the engine, the engine the model; sources and warehouses only the model."""
    own = {name for name in _imports(module) if _inside(name, "flows", "blocks")}
    assert {name for name in own if not _inside(name, *ALLOWED[_package(module)])} == set()


@pytest.mark.parametrize("module", FILES)
def test_only_entry_modules_and_blocks_import_prefect(module):
    """Model, engine, sources and warehouses know nothing of what runs them."""
    if _package(module) not in {"flows", "blocks"}:
        found = {name for name in _imports(module) if name.partition(".")[0].startswith("prefect")}
        assert found == set()


@pytest.mark.parametrize("module", FILES)
def test_only_sources_and_warehouses_import_drivers(module):
    """A driver's errors and types stay behind the interface."""
    if _package(module) not in {"flows.sources", "flows.warehouses"}:
        assert {name for name in _imports(module) if _inside(name, *DRIVERS)} == set()


@pytest.mark.parametrize("module", [name for name in FILES if _inside(name, "flows.model")])
def test_the_model_sees_no_clock_network_or_environment(module):
    """Its values and functions give the same for the same arguments."""
    assert {name for name in _imports(module) if _inside(name, *OUTSIDE)} == set()


@pytest.mark.parametrize(
    "arguments",
    [("flows.derive", "--help"), ("flows.ingest", "--help"), ("flows.run", "--help"), ("flows.deploy", "--help")],
)
def test_a_command_without_an_api_imports_no_prefect(arguments, tmp_path):
    """Importing Prefect takes longer than a whole run."""
    code = (
        "import runpy, sys\n"
        f"sys.argv = {list(arguments)!r}\n"
        "try:\n    runpy.run_module(sys.argv[0], run_name='__main__')\n"
        "except SystemExit as ended:\n    assert not ended.code, ended.code\n"
        "print([name for name in sys.modules if name.partition('.')[0] == 'prefect'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=clean_environment(HOME=str(tmp_path)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.splitlines()[-1:] == ["[]"], done.stderr


def test_whether_an_api_is_configured_is_known_without_prefect(tmp_path):
    """Looking for the API imports no Prefect either."""
    code = "import sys; from flows.tracking import api_configured; print(api_configured(), 'prefect' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=clean_environment(HOME=str(tmp_path)),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "False False\n"
