"""Who waits for a warehouse's file says so by a lock beside it, which ends with its process at the latest."""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

POLITE = 2.0
"""Seconds that whoever gives the file away leaves it to others: they ask for it several times a second."""
PAUSE = 0.02


class Queue:
    """Those who wait for a file.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(f"{path.name}.waiting")

    @contextmanager
    def joined(self) -> Iterator[None]:
        """Say that this process waits."""
        with ExitStack() as place:
            # Where nothing may be written or locked it waits without a word.
            with suppress(OSError):
                opened = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
                place.callback(os.close, opened)
                fcntl.flock(opened, fcntl.LOCK_SH)
            yield

    @property
    def is_empty(self) -> bool:
        """Whether nobody waits."""
        try:
            place = os.open(self._path, os.O_RDWR)
        except OSError:  # nobody ever has
            return True
        try:
            fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:  # where there are no locks nobody can say so
            return True
        finally:
            os.close(place)
        return True

    def let_in(self) -> None:
        """Leave the file alone until who waits has it."""
        deadline = time.monotonic() + POLITE
        while not self.is_empty and time.monotonic() < deadline:
            time.sleep(PAUSE)
