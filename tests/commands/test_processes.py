"""Prefect's processes beside a command end with it, however it ends; a program in Prefect's place says when."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest

from tests.prefect_api import alive_in, clean_environment

COMMAND = """\
import time
from pathlib import Path

from flows.commands.processes import processes

with processes(Path("logs")) as start:
    start("server", "prefect", "server")
    time.sleep(600)
"""
PREFECT = """\
import signal, subprocess, sys, time
from pathlib import Path

def asked(*_):
    Path("asked").touch()
    if not Path("stubborn").exists():
        sys.exit()

signal.signal(signal.SIGTERM, asked)
subprocess.Popen((sys.executable, "-c", "import time; time.sleep(600)"))
Path("begun").touch()
while True:
    time.sleep(600)
"""


@pytest.fixture
def command(tmp_path):
    """A command that has started a process, which has started one more."""
    for folder in ("logs", "prefect"):
        (tmp_path / folder).mkdir()
    (tmp_path / "prefect/__init__.py").touch()
    (tmp_path / "prefect/__main__.py").write_text(PREFECT)
    with subprocess.Popen(
        (sys.executable, "-c", COMMAND), cwd=tmp_path, env=clean_environment(), stderr=subprocess.DEVNULL
    ) as running:
        try:
            _wait_until((tmp_path / "begun").exists)
            assert len(alive_in(tmp_path)) == 3
            yield running
        finally:
            running.kill()


def _wait_until(happens):
    deadline = time.monotonic() + 60
    while not happens():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("asks", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_who_ends_the_command_or_closes_its_terminal_ends_them_all(command, tmp_path, asks):
    """Each is asked to end, and what it has started ends with it."""
    command.send_signal(asks)
    _wait_until(lambda: not alive_in(tmp_path))
    assert (tmp_path / "asked").exists()


def test_who_presses_ctrl_c_again_does_not_wait_for_them(command, tmp_path):
    """What does not end when it is asked is killed at once, with what it has started."""
    (tmp_path / "stubborn").touch()
    command.send_signal(signal.SIGINT)
    _wait_until((tmp_path / "asked").exists)
    assert len(alive_in(tmp_path)) == 3
    command.send_signal(signal.SIGINT)
    command.wait(20)
    _wait_until(lambda: not alive_in(tmp_path))
