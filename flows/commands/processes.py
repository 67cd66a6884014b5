"""Prefect's own processes beside a command: each with its log, and all of them end with the command."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

from flows.model.errors import DerivedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from types import FrameType

SERVER = ("uvicorn", "--factory", "flows.tracking.server:create_app", "--log-level", "warning", "--port")
"""A Prefect server, but for its port, as `prefect server start` starts one; `server.py` says what differs."""
PATIENCE = 180
"""Seconds that a server may take to start."""
GRACE = 30
"""Seconds that a process may take to end."""


@contextmanager
def processes(logs: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Give a function that starts Python modules with arguments; what it has started ends with the context, last first.

    A request to end this process (SIGTERM) and the end of its terminal (SIGHUP, unless it is to outlive that) are taken
    for Ctrl-C.
    """
    taken = [one for one in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(one) is not signal.SIG_IGN]
    before = {one: signal.signal(one, _interrupt) for one in taken}
    try:
        with ExitStack() as stack:

            def start(name: str, *arguments: str) -> subprocess.Popen[bytes]:
                log = stack.enter_context((logs / f"{name}.log").open("wb"))
                # In a group of its own: Ctrl-C reaches this process alone, which ends the others in their order.
                command = (sys.executable, "-m", *arguments)
                running = subprocess.Popen(  # noqa: S603 - Prefect's own commands
                    command, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True
                )
                stack.callback(_end, running)
                return running

            yield start
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Be the only process that does so. Raises DerivedError where there is another."""
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DerivedError(
                f"It runs already with what is in {folder}: press Ctrl-C there first, or go on with that one."
            ) from None
        yield


def wait_for(server: subprocess.Popen[bytes], url: str) -> None:
    """Wait until a server answers. Raises DerivedError where it ends or takes too long."""
    deadline = time.monotonic() + PATIENCE
    while True:
        with suppress(OSError), urllib.request.urlopen(url, timeout=5):  # noqa: S310 - an address of this machine
            return
        if server.poll() is not None or time.monotonic() > deadline:
            raise DerivedError("The Prefect server did not start; server.log says why.")
        time.sleep(0.2)


def free_port(wanted: int) -> int:
    """Return a port of this machine on which nothing listens: the wanted one where that is so."""
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind(("127.0.0.1", wanted))
        except OSError:
            one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _end(running: subprocess.Popen[bytes]) -> None:
    try:
        running.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + GRACE
        with suppress(subprocess.TimeoutExpired):
            running.wait(GRACE)
        with suppress(ProcessLookupError):  # what it has started itself tells what becomes of it
            while time.monotonic() < deadline:
                os.killpg(running.pid, 0)
                time.sleep(0.1)
    finally:  # also where Ctrl-C is pressed again
        with suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGKILL)
        running.wait()


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
