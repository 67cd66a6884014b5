"""Servers and projects that tests share; each is started or made once."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from hypothesis import settings

from tests import prefect_api
from tests.machine import pytest_make_collect_report, pytest_runtest_makereport
from tests.servers import bigquery, buckets, mongodb, mysql
from tests.servers.bigquery.statements import refused
from tests.servers.googlesql import Judge
from tests.shop import finished_shop, shop
from tests.workers import (
    pytest_collection_finish,
    pytest_collection_modifyitems,
    pytest_runtest_setup,
    pytest_unconfigure,
    pytest_xdist_make_scheduler,
    resting,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "finished_shop",
    "pytest_collection_finish",
    "pytest_collection_modifyitems",
    "pytest_make_collect_report",
    "pytest_runtest_makereport",
    "pytest_runtest_setup",
    "pytest_unconfigure",
    "pytest_xdist_make_scheduler",
    "shop",
]

# How long an example takes says more of the machine than of the code.
settings.register_profile("project", deadline=None)
settings.load_profile("project")


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory):
    """A real Prefect server, shared by all tests."""
    home = tmp_path_factory.mktemp("prefect")
    with (
        prefect_api.server(home, **prefect_api.WITHOUT_LOOPS) as running,
        resting("prefect_server", running.pid),
    ):
        yield running


@pytest.fixture(scope="session")
def mysql_server() -> Iterator[mysql.MysqlServer]:
    """The server that all tests share."""
    with mysql.serving() as server:
        yield server


@pytest.fixture
def database(mysql_server: mysql.MysqlServer) -> Iterator[str]:
    """An empty database's name."""
    # One death of the server would cost all later tests of this process.
    if mysql_server.process and mysql_server.process.poll() is not None:
        mysql_server.start()
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


@pytest.fixture(scope="session")
def judge() -> Iterator[Judge]:
    """GoogleSQL's own analyzer, which takes 4 s of CPU to start."""
    with Judge() as started:
        yield started


@pytest.fixture(scope="session")
def bigquery_server(tmp_path_factory: pytest.TempPathFactory, judge: Judge) -> Iterator[bigquery.BigQueryServer]:
    """The server that all tests share; what they and their processes send is GoogleSQL by the word of its own analyzer."""
    record = tmp_path_factory.mktemp("bigquery") / "statements.jsonl"
    record.touch()
    with bigquery.serving(record=record) as server:
        yield server
    found = refused(record, judge)
    assert not found, "\n\n".join(found)


@pytest.fixture(scope="session")
def shared_bucket(bigquery_server: bigquery.BigQueryServer) -> Iterator[buckets.BucketServer]:
    """A bucket from which that server can load."""
    with buckets.serving(bigquery_server.buckets) as server:
        yield server


@pytest.fixture
def bucket_server(shared_bucket: buckets.BucketServer) -> buckets.BucketServer:
    """A stage in that bucket that is empty."""
    return shared_bucket.below(uuid4().hex)
