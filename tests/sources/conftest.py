"""Servers that the tests of sources read from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.sources.project import Mirror, Project

if TYPE_CHECKING:
    from pathlib import Path

    from pymongo.collection import Collection

    from tests.servers import mongodb, mysql


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
