"""What the engine's tests share."""

import shutil
from contextlib import closing

import pytest

from flows.warehouses.duckdb.warehouse import DuckDB
from tests.simulator.house import House, living


@pytest.fixture
def warehouse(tmp_path):
    """An empty warehouse."""
    with closing(DuckDB(tmp_path / "warehouse.duckdb")) as opened:
        yield opened


@pytest.fixture(scope="session")
def lived_in(tmp_path_factory):
    """The folder of a house, with its warehouse, as each test finds it."""
    root = tmp_path_factory.mktemp("house")
    with closing(DuckDB(root / "warehouse.duckdb")) as opened:
        living(root, opened)
    return root


@pytest.fixture
def house(lived_in, tmp_path):
    """A core table of four days, and a derived one that is up to date."""
    shutil.copytree(lived_in, tmp_path, dirs_exist_ok=True)
    with closing(DuckDB(tmp_path / "warehouse.duckdb")) as opened:
        yield House.opened(tmp_path, opened)
