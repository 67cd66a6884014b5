"""Fixtures of the simulator."""

from contextlib import closing

import pytest

from tests.simulator.process import Processes


@pytest.fixture(scope="package")
def processes():
    """Starts runs in processes of their own."""
    with closing(Processes()) as starter:
        yield starter
