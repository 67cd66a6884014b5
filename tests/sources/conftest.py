"""Servers that the tests of sources read from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.servers import mongodb, mysql
from tests.sources.project import Mirror, Project

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pymongo.collection import Collection


@pytest.fixture(scope="session")
def mysql_server() -> Iterator[mysql.MysqlServer]:
    """The server that all tests share."""
    with mysql.serving() as server:
        yield server


@pytest.fixture
def database(mysql_server: mysql.MysqlServer) -> Iterator[str]:
    """An empty database's name."""
    mysql_server.execute("DROP DATABASE IF EXISTS shop_test", "CREATE DATABASE shop_test CHARACTER SET utf8mb4")
    yield "shop_test"
    mysql_server.execute("DROP DATABASE IF EXISTS shop_test")


@pytest.fixture(scope="session")
def mongodb_server() -> Iterator[mongodb.MongodbServer]:
    """The server that all tests share."""
    with mongodb.serving() as server:
        yield server


@pytest.fixture
def mongodb_database(mongodb_server: mongodb.MongodbServer) -> Iterator[str]:
    """An empty database's name."""
    mongodb_server.client.drop_database("shop_test")
    yield "shop_test"
    mongodb_server.client.drop_database("shop_test")


@pytest.fixture
def collection(mongodb_server: mongodb.MongodbServer, mongodb_database: str) -> Collection[dict[str, Any]]:
    """The empty collection `things` of that database."""
    return mongodb_server.client[mongodb_database]["things"]


@pytest.fixture
def mirror(mysql_server: mysql.MysqlServer, database: str, tmp_path: Path) -> Mirror:
    """A project without tables, whose connection `shop` is an empty MySQL database."""
    return Mirror(tmp_path, mysql_server.url(database), mysql_server, database)


@pytest.fixture
def mongodb_project(mongodb_server: mongodb.MongodbServer, mongodb_database: str, tmp_path: Path) -> Project:
    """A project without tables, whose connection `shop` is an empty MongoDB database."""
    return Project(tmp_path, mongodb_server.uri(mongodb_database))
