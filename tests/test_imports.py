"""Imports point down and form no circle, modules are small, and only the edges know Prefect and the drivers."""

from __future__ import annotations

import ast
import importlib
import os
import runpy
import subprocess
import sys
from functools import cache
from graphlib import CycleError, TopologicalSorter
from types import SimpleNamespace

import pytest

from flows.project import workers
from tests.prefect_api import REPOSITORY, clean_environment

LAYERS = (
    ("flows.commands",),
    ("flows.tracking",),
    ("flows.report", "flows.wiring"),
    ("flows.engine", "blocks"),
    ("flows.sources", "flows.warehouses", "flows.api"),
    ("flows.extracts",),
    ("flows.project",),
    ("flows.sql",),
    ("flows.model",),
)
"""From the top: each part imports itself and what stands in lower layers. Above all are the entry modules, `flows.*`."""
BESIDE = {"flows.warehouses": "flows.sources.interface", "flows.engine": "flows.warehouses.interface"}
"""What a part may know of its neighbours or of a lower layer, where that is a protocol."""
DRIVERS = ("duckdb", "pymysql", "pymongo", "bson", "google.cloud")
OUTSIDE = ("os", "time", "socket", "subprocess", "random", "http", "urllib.request", "httpx")
"""Clock, network and environment."""
COMMANDS = {"blocks.__main__"}
"""Entry modules that stand in a part."""
TRANSACTIONS = {"flows.warehouses.duckdb.connection", "flows.warehouses.bigquery.ledger"}
"""The one place of each warehouse where a transaction begins and ends."""
LINES = 350

FILES = {
    ".".join(path.relative_to(REPOSITORY).with_suffix("").parts).removesuffix(".__init__"): path
    for folder in ("flows", "blocks")
    for path in sorted((REPOSITORY / folder).rglob("*.py"))
}


def _inside(module: str, *packages: str) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def _part(module: str) -> str:
    """Return the part of the house to which a module belongs; an entry module is its own."""
    if module in COMMANDS:
        return module
    return next((part for layer in LAYERS for part in layer if _inside(module, part)), module)


def _depth(part: str) -> int:
    """Return how far down a part stands; entry modules, and what only they use, stand on top."""
    return next((number for number, layer in enumerate(LAYERS, 1) if part in layer), 0)


@cache
def _nodes(module: str) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(ast.parse(FILES[module].read_text(encoding="utf-8"))))


@cache
def _imports(module: str) -> frozenset[str]:
    """Return what a module imports, for types too; of `from a import b` it is `a.b` where that is a module, else `a`."""
    found: set[str] = set()
    for node in _nodes(module):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} has a relative import"
            found |= {
                name if (name := f"{node.module}.{alias.name}") in FILES or node.module == "google" else node.module
                for alias in node.names
            }
    return frozenset(found)


def _own(module: str) -> set[str]:
    return {name for name in _imports(module) if name in FILES and name != module}


def test_imports_point_down():
    """What only gives a type counts too."""
    wrong = {
        module: others
        for module in FILES
        if (others := {name for name in _own(module) if not _may_import(_part(module), name)})
    }
    assert wrong == {}


def _may_import(part: str, name: str) -> bool:
    other = _part(name)
    return other == part or _depth(other) > _depth(part) or not _depth(part) or _inside(name, BESIDE.get(part, "-"))


def test_the_engine_knows_warehouses_and_sources_by_their_protocols():
    """None is named in it."""
    known = {"flows.warehouses.interface", "flows.sources.interface"}
    found = {
        (module, name)
        for module in _modules("flows.engine")
        for name in _own(module)
        if _inside(name, "flows.warehouses", "flows.sources")
    }
    assert {name for _, name in found} == known, found


def test_imports_form_no_circle():
    """Neither do those that only give types."""
    graph = {module: _own(module) for module in FILES}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"a circle: {' -> '.join(error.args[1])}")


def test_a_module_can_be_read_at_once():
    """It has one job, and few enough lines."""
    lines = {module: len(path.read_text(encoding="utf-8").splitlines()) for module, path in FILES.items()}
    assert {module: count for module, count in lines.items() if count > LINES} == {}


def test_only_tracking_and_blocks_import_prefect():
    """All others know nothing of what runs them."""
    found = {
        (module, name)
        for module in FILES
        for name in _imports(module)
        if name.partition(".")[0].startswith("prefect") and not _inside(module, "flows.tracking", "blocks")
    }
    assert found == set()


def test_only_sources_and_warehouses_import_drivers():
    """A driver's errors and types stay behind the interface."""
    found = {
        (module, name)
        for module in FILES
        for name in _imports(module)
        if _inside(name, *DRIVERS) and not _inside(module, "flows.sources", "flows.warehouses")
    }
    assert found == set()


def test_what_is_pure_sees_no_clock_network_or_environment():
    """Values, plans and reports are the same for the same arguments."""
    pure = _modules("flows.model", "flows.report", "flows.engine.plan")
    assert {(module, name) for module in pure for name in _imports(module) if _inside(name, *OUTSIDE)} == set()


def test_a_transaction_begins_and_ends_in_one_place():
    """No other code of a warehouse has a BEGIN, COMMIT or ROLLBACK; a source's snapshot is no transaction of ours."""
    found = {
        module
        for module in FILES
        for node in _nodes(module)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and node.value.split(" ")[0] in {"BEGIN", "COMMIT", "ROLLBACK"}
    }
    assert found == TRANSACTIONS


def test_only_wiring_reads_the_environment():
    """What a run is put together from is decided in one place; blocks look there for Prefect, workers inherit it, Prefect's name their run."""
    found = {
        module
        for module in FILES
        for node in _nodes(module)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and f"{node.value.id}.{node.attr}" in {"os.environ", "os.getenv", "Path.cwd", "Path.home"}
    }
    assert found <= {"flows", "flows.wiring", "flows.project.workers", "flows.process", "blocks.connection", *COMMANDS}


def _modules(*packages: str) -> list[str]:
    found = [name for name in FILES if _inside(name, *packages)]
    assert found
    return found


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
    code = "import sys; from flows.wiring import api_configured; print(api_configured(), 'prefect' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=clean_environment(HOME=str(tmp_path)),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "False False\n"


def test_what_processes_load_before_they_part_exists():
    """A name that is no module any more would end each process as it starts."""
    for name in (name for names in workers.LOADED_FIRST.values() for name in names):
        importlib.import_module(name)


@pytest.mark.parametrize(
    ("platform", "machine", "pool"),
    [("linux", "x86_64", "jemalloc"), ("linux", "aarch64", None), ("darwin", "arm64", None)],
)
def test_arrow_is_asked_for_memory_as_its_build_has_it(platform, machine, pool, monkeypatch):
    """It prints a warning at each start where it is asked for what it was built without."""
    name = "ARROW_DEFAULT_MEMORY_POOL"
    monkeypatch.setenv(name, "")
    monkeypatch.delenv(name)
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(os, "uname", lambda: SimpleNamespace(machine=machine))
    runpy.run_path(str(REPOSITORY / "flows/__init__.py"))
    assert os.environ.get(name) == pool
