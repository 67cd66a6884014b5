"""When a run hears that it is to end: not while Prefect keeps its books, and only once."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

STOPPING = (signal.SIGINT, signal.SIGTERM)


def hear_no_more() -> None:
    """Let no other SIGTERM stop the run while it tells what it had done.

    What ends a whole group of processes tells each of them, and those tell it on.
    """
    if threading.current_thread() is threading.main_thread():  # Python handles signals there alone
        signal.signal(signal.SIGTERM, signal.SIG_IGN)


@contextmanager
def as_before() -> Iterator[None]:
    """Let Ctrl-C do after a run what it did before: the end of a run, which it is not to disturb, keeps it."""
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, before)


class Later:
    """Keeps signals to stop for later.

    One that comes while Prefect begins a task would leave it `Pending` for ever, one that comes after its work would
    let the run say of a window that it was rolled back, and one that comes as the run ends would make it crash.
    """

    def __init__(self) -> None:
        self._handlers: dict[int, Callable[..., Any]] = {}
        self._heard: list[int] = []

    def begin(self) -> None:
        """Keep what comes from now on."""
        if threading.current_thread() is not threading.main_thread():
            return
        for number in STOPPING:
            handler = signal.getsignal(number)
            if callable(handler) and number not in self._handlers:
                self._handlers[number] = handler
                signal.signal(number, self._keep)

    def end(self) -> None:
        """Do what is to be done about a signal that has come, and about the next as soon as it comes."""
        handlers, self._handlers = self._handlers, {}
        for number, handler in handlers.items():
            signal.signal(number, handler)
        heard, self._heard = self._heard, []
        for number in heard[:1]:
            handlers[number](number, None)

    def _keep(self, number: int, _frame: object) -> None:
        self._heard.append(number)
