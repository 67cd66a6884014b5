"""Servers and projects that tests share; each is started or made once."""

from __future__ import annotations

import pytest
from hypothesis import settings

from tests import prefect_api
from tests.machine import pytest_make_collect_report, pytest_runtest_makereport
from tests.shop import finished_shop, shop

__all__ = ["finished_shop", "pytest_make_collect_report", "pytest_runtest_makereport", "shop"]

# How long an example takes says more of the machine than of the code.
settings.register_profile("project", deadline=None)
settings.load_profile("project")


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory):
    """A real Prefect server, shared by all tests."""
    with prefect_api.server(tmp_path_factory.mktemp("prefect")) as running:
        yield running
