"""Let a signal stop a statement of DuckDB, which forgets what its handler raised and waits for all of its threads."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import contextmanager
from queue import SimpleQueue
from typing import TYPE_CHECKING

import duckdb

if TYPE_CHECKING:
    from collections.abc import Iterator

_STOPPING = {signal.SIGINT, signal.SIGTERM}
_AGAIN = 0.1
"""Seconds after which a connection is interrupted again: DuckDB takes no notice before a statement has begun."""
_NO_MORE = b"\0"
"""Which is no signal's number."""


@contextmanager
def stoppable(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Let signals to stop interrupt what a connection does, and raise what their handlers raise, whoever set those."""
    if threading.current_thread() is not threading.main_thread():
        yield  # Python handles signals in the main thread alone
        return
    heard, written = os.pipe()
    os.set_blocking(written, False)
    numbers, ended = SimpleQueue[int](), threading.Event()
    listener = threading.Thread(target=_interrupt, args=(connection, heard, numbers, ended), daemon=True)
    listener.start()
    before = signal.set_wakeup_fd(written, warn_on_full_buffer=False)
    try:
        yield
    except (RuntimeError, duckdb.Error):
        os.write(written, _NO_MORE)
        if number := numbers.get():
            _handle(number)
        raise
    finally:
        signal.set_wakeup_fd(before, warn_on_full_buffer=False)
        ended.set()
        os.close(written)
        listener.join()
        os.close(heard)


def _interrupt(
    connection: duckdb.DuckDBPyConnection, heard: int, numbers: SimpleQueue[int], ended: threading.Event
) -> None:
    """Interrupt the connection after a signal to stop, until that has ended what it does."""
    while byte := os.read(heard, 1):
        if byte == _NO_MORE or byte[0] in _STOPPING:
            numbers.put(byte[0])
        while byte[0] in _STOPPING and not ended.is_set():
            connection.interrupt()
            ended.wait(_AGAIN)


def _handle(number: int) -> None:
    """Do again what is done about a signal: its handler raises what DuckDB has forgotten."""
    handler = signal.getsignal(number)
    if callable(handler):
        handler(number, None)
