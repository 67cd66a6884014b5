"""Several streams at once, in threads, with a bounded number of items waiting."""

from __future__ import annotations

import threading
from contextlib import closing
from queue import Full, Queue
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

T = TypeVar("T")
_WAITING = 2
_LOOK_SECONDS = 0.1


def interleave(streams: Sequence[Callable[[], Generator[T]]], stop: Callable[[], None]) -> Generator[T]:
    """Give the items of several streams as they come, each stream in a thread of its own.

    At most two items of each stream wait to be taken. The first error of a stream ends all and is raised here.

    Args:
        streams: start a stream; called in its thread.
        stop: called once when nothing more is wanted, to wake streams that wait for something.
    """
    belt = _Belt[T](_WAITING * len(streams))
    threads = [threading.Thread(target=belt.carry, args=(stream,), daemon=True) for stream in streams]
    try:
        for thread in threads:
            thread.start()
        left = len(threads)
        while left:
            item = belt.items.get()
            if not isinstance(item, _End):
                yield item
            elif item.error is not None:
                raise item.error
            else:
                left -= 1
    finally:
        belt.stopped.set()
        stop()
        for thread in threads:
            thread.join()


class _End:
    """The end of a stream."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


class _Belt(Generic[T]):
    """What the threads put items on."""

    def __init__(self, size: int) -> None:
        self.items: Queue[T | _End] = Queue(size)
        self.stopped = threading.Event()

    def carry(self, start: Callable[[], Generator[T]]) -> None:
        """Put a stream's items on the belt, and then its end."""
        end = _End()
        try:
            with closing(start()) as stream:
                for item in stream:
                    if not self._put(item):
                        return
        except BaseException as error:  # noqa: BLE001 - it is raised where the items are taken
            end = _End(error)
        self._put(end)

    def _put(self, item: T | _End) -> bool:
        """Wait for room; False when nothing more is wanted."""
        while not self.stopped.is_set():
            try:
                self.items.put(item, timeout=_LOOK_SECONDS)
            except Full:
                continue
            return True
        return False
