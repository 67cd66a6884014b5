"""Projects that tests share: one whose runs are looked at, and one whose deployments are."""

from __future__ import annotations

import shutil

import pytest

from tests import prefect_api
from tests.prefect_api import REPOSITORY
from tests.tracking.deploying import Deploying
from tests.tracking.project import ACCOUNTS, BROKEN, LATE, LONG, Project, deploy, make_project
from tests.workers import resting


@pytest.fixture(scope="session")
def project(tmp_path_factory, prefect_server):
    """Users, copied, and some tables that are made of them, deployed; nothing starts their runs but the tests."""
    made = Project(tmp_path_factory.mktemp("project"), prefect_server)
    make_project(made.root, accounts_by_day=ACCOUNTS, accounts_again=ACCOUNTS, broken=BROKEN, long=LONG, late=LATE)
    deploy(made)
    for automation in prefect_server.call("POST", "automations/filter"):
        prefect_server.call("DELETE", f"automations/{automation['id']}")
    done = made.python("-m", "flows.ingest", "core.users")
    assert done.returncode == 0, done.stderr
    return made


@pytest.fixture(scope="session")
def deploying(tmp_path_factory):
    """The example tables, one of them with resources, beside a new server without a work pool."""
    root = tmp_path_factory.mktemp("deploying")
    shutil.copytree(REPOSITORY / "tables", root / "tables")
    home = tmp_path_factory.mktemp("server")
    with prefect_api.server(home, **prefect_api.WITHOUT_LOOPS) as server, resting("deploying", server.pid):
        made = Deploying(root, server)
        made.change("core.users", "strategy:", "resources: {cpu: 0.5, memory: 4 GB, timeout: 2 hours}\nstrategy:")
        yield made


@pytest.fixture(scope="session")
def without_pool(deploying):
    """What is said to who deploys where there is no work pool."""
    return deploying.run("-m", "flows.deploy", fails=2).stderr


@pytest.fixture(scope="session")
def deployed(deploying, without_pool):
    """The same with the pool and all deployments; each test leaves it so."""
    assert without_pool  # which was seen before there is one
    deploying.server.call("POST", "work_pools/", name="kubernetes", type="process")
    deploying.deploy()
    return deploying
