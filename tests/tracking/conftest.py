"""A project that the tests of runs share."""

from __future__ import annotations

import pytest

from tests.tracking.project import ACCOUNTS, BROKEN, LATE, LONG, Project, deploy, make_project


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
