"""A project to check files in."""

import pytest

from tests.shop import new_project


@pytest.fixture
def project(tmp_path):
    """A project with the example tables."""
    return new_project(tmp_path)
