"""Servers that tests, benchmarks and the demo start for themselves."""

from __future__ import annotations

import shutil
import socket
import subprocess
from typing import TYPE_CHECKING
from unittest import SkipTest

if TYPE_CHECKING:
    from pathlib import Path


class Unavailable(SkipTest):
    """There is no such server on this machine; says how to get one. A test or fixture that raises it is skipped."""


def free_port() -> int:
    """Return a port of 127.0.0.1 on which nothing listens."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def certificate(folder: Path) -> tuple[Path, Path]:
    """Write a certificate for 127.0.0.1, which is its own authority, and its key; return both files."""
    if not shutil.which("openssl"):
        raise Unavailable("no openssl: run tests/servers/install.sh")
    written, key = folder / "certificate.pem", folder / "key.pem"
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=a server of a test"]
    made += ["-addext", "subjectAltName=IP:127.0.0.1", "-addext", "keyUsage=critical,digitalSignature,keyCertSign"]
    subprocess.run([*made, "-keyout", key, "-out", written], check=True, capture_output=True)
    return written, key
