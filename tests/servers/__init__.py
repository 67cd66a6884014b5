"""Servers that tests, benchmarks and the demo start for themselves."""

from __future__ import annotations

import socket
from unittest import SkipTest


class Unavailable(SkipTest):
    """There is no such server on this machine; says how to get one. A test or fixture that raises it is skipped."""


def free_port() -> int:
    """Return a port of 127.0.0.1 on which nothing listens."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port
