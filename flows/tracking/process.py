"""A process worker's flow run, which outlives the worker for as long as it takes to say what becomes of it.

A worker that is told to end kills what it has started at once, and one that is killed tells nobody: the run would stay
`Running`. So the worker starts a process here that may be killed. Its child starts the run, ends it once the worker is
gone, and tells the run's state where the run has not done so itself.

Where that child is killed, the first process does its part.

Nothing of Prefect is imported before it is needed.
"""

from __future__ import annotations

import os
import select
import signal
import stat
import sys
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Sequence

RUN = "PREFECT__FLOW_RUN_ID"
"""The variable in which a worker names the run."""
ENGINE = ("-m", "prefect.engine")
GRACE = 15
"""Seconds that a run has to end by itself once its worker is gone: no other takes up what it has put back before."""
ENDING = 5
"""Seconds that a worker may take to end that was told to, together with its run."""
PID = 4
"""Bytes that hold the id of a process."""
PRINTING = 1
"""Seconds that what a run has printed may take to be read, once it has ended."""
TELLING = 60
"""Seconds for which the API is asked again that does not answer."""


def execute(run: str) -> int:
    """Execute the run of an id, which the environment names too, and return the exit code of this process."""
    if not _is_id(run):
        sys.stderr.write(
            f"{RUN} names no run: {run!r}. Prefect's worker calls this and sets it, where it starts a run: "
            "python -m prefect worker start --pool kubernetes. By hand, run a table: python -m flows.derive <table>\n"
        )
        return 2
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})  # until there is who can hand it on
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the worker, and so is the end of its terminal
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    front, held = os.pipe()
    alive, of_run = os.pipe()
    printed, prints = zip(os.pipe(), os.pipe(), strict=True)
    keeper = os.fork()
    if keeper == 0:
        _close(held, alive)
        return _end_like(_keep(front, of_run, printed, prints))
    _close(front, of_run, *prints)
    code = _wait_for(keeper)
    if code < 0 and _end_orphan(alive, printed):
        return 0
    return _end_like(code)


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _keep(front: int, of_run: int, printed: Sequence[int], prints: Sequence[int]) -> int:
    """Start the run, wait for its end and return its exit code, negative for a signal.

    Args:
        front: gives the end of file once the process is gone that the worker has started.
        of_run: what the run holds as long as it lives, and first writes its process id to.
        printed: where what the run prints is read, and errors.
        prints: where it is written.
    """
    run = os.fork()
    if run == 0:
        for stream, end in enumerate(prints, 1):
            os.dup2(end, stream)
        os.set_inheritable(of_run, True)
        os.write(of_run, os.getpid().to_bytes(PID))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        os.execv(sys.executable, (sys.executable, *ENGINE))  # noqa: S606 - Prefect's own
    _close(of_run, *prints)
    gone = threading.Event()
    threading.Thread(target=_end_with_the_worker, args=(front, run, gone), daemon=True).start()
    relays = _relays(printed)
    code = _wait_for(run)
    ended = time.monotonic()
    for relay in relays:
        relay.join(PRINTING)
    if code < 0:
        gone.wait(ENDING)
    if code != 0 and gone.is_set():
        _tell(ended)
    return code


def _end_orphan(alive: int, printed: Sequence[int]) -> bool:
    """End a run of which nobody keeps account any more, and tell; returns whether there was one, or none had begun."""
    run = int.from_bytes(os.read(alive, PID))
    if run and select.select([alive], [], [], 0)[0]:
        return False  # the signal that has ended its keeper was its own
    _relays(printed)
    for number in (signal.SIGTERM, signal.SIGKILL) if run else ():
        with suppress(ProcessLookupError):
            os.kill(run, number)
        if select.select([alive], [], [], GRACE)[0]:
            break
    _tell(time.monotonic())
    return True


def _close(*ends: int) -> None:
    for end in ends:
        os.close(end)


def _relays(printed: Sequence[int]) -> list[threading.Thread]:
    """Begin to print what a run prints."""
    relays = [threading.Thread(target=_relay, args=one, daemon=True) for one in zip(printed, (1, 2), strict=True)]
    for relay in relays:
        relay.start()
    return relays


def _relay(end: int, stream: int) -> None:
    """Print what a run prints, as long as somebody reads it: where nobody does, its own printing would end the run."""
    while printed := os.read(end, 1 << 16):
        with suppress(OSError):
            os.write(stream, printed)


def _wait_for(child: int) -> int:
    """Hand on to a child that this process is to end, and return its exit code."""

    def hand_on(number: int, _frame: object) -> None:
        with suppress(ProcessLookupError):
            os.kill(child, number)

    signal.signal(signal.SIGTERM, hand_on)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _end_like(code: int) -> int:
    """End this process by the signal that has ended its child, or return the child's exit code."""
    if code < 0:
        with suppress(OSError):  # SIGKILL has no other action
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    return code


def _end_with_the_worker(front: int, run: int, gone: threading.Event) -> None:
    """Wait until the worker, or what it has started, is gone, and end the run."""
    # A worker holds the other end of the standard input; where none does, there is the front alone to watch.
    watched = [front] if stat.S_ISCHR(os.fstat(0).st_mode) else [front, 0]
    while not any(os.read(ready, 1) == b"" for ready in select.select(watched, [], [])[0]):
        pass
    gone.set()
    with suppress(ProcessLookupError):
        os.kill(run, signal.SIGTERM)
        time.sleep(GRACE)
        os.kill(run, signal.SIGKILL)


def _tell(ended: float) -> None:
    """Give the run the state that it has come to, where it has not told that since its process ended."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (1, 2):  # which the worker has read
        os.dup2(nowhere, stream)
    from flows.tracking.gone import tell_of_gone_process  # noqa: PLC0415 - Prefect is slow to import

    deadline = time.monotonic() + TELLING
    while not tell_of_gone_process(ended) and time.monotonic() < deadline:
        time.sleep(1)
