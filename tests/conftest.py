from __future__ import annotations

import pytest

from tests import prefect_api
from tests.machine import pytest_make_collect_report, pytest_runtest_makereport

__all__ = ["pytest_make_collect_report", "pytest_runtest_makereport"]


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory):
    """A real Prefect server, shared by all tests."""
    with prefect_api.server(tmp_path_factory.mktemp("prefect")) as running:
        yield running
