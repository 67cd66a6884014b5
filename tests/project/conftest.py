"""A project that tests add tables to."""

import shutil
from pathlib import Path

import pytest

from tests.shop import REPOSITORY


@pytest.fixture
def root(tmp_path) -> Path:
    """A project with the example core tables."""
    shutil.copytree(REPOSITORY / "tables/core", tmp_path / "tables/core")
    return tmp_path
