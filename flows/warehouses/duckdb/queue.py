"""Who has a warehouse's file or waits for it says so by a lock beside it, which ends with its process at the latest."""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

POLITE = 2.0
"""Seconds that whoever gives the file away leaves it to others: they ask for it several times a second."""
PAUSE = 0.02


class Queue:
    """Who works on a file, and those who wait for it.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(f"{path.name}.waiting")
        self._worked_on = path.with_name(f"{path.name}.working")
        self._work = ExitStack()

    def begin(self) -> None:
        """Say that this process works on the file, and since now."""
        self._work.close()
        with suppress(OSError):
            os.utime(_lock(self._worked_on, self._work))

    def end(self) -> None:
        """Say so no longer."""
        self._work.close()

    @property
    def worked_on_since(self) -> datetime | None:
        """Since when a process works on the file that says so; None where none does."""
        if _is_free(self._worked_on):
            return None
        with suppress(OSError):
            return datetime.fromtimestamp(self._worked_on.stat().st_mtime, UTC)
        return None

    @contextmanager
    def joined(self) -> Iterator[None]:
        """Say that this process waits."""
        with ExitStack() as place:
            with suppress(OSError):
                _lock(self._path, place)
            yield

    @property
    def is_empty(self) -> bool:
        """Whether nobody waits."""
        return _is_free(self._path)

    def let_in(self) -> None:
        """Leave the file alone until who waits has it."""
        deadline = time.monotonic() + POLITE
        while not self.is_empty and time.monotonic() < deadline:
            time.sleep(PAUSE)


def _lock(path: Path, until: ExitStack) -> int:
    """Hold a lock with others; return its file. Raises OSError where nothing may be written or locked."""
    opened = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    until.callback(os.close, opened)
    fcntl.flock(opened, fcntl.LOCK_SH)
    return opened


def _is_free(path: Path) -> bool:
    """Say whether nobody holds a lock."""
    try:
        opened = os.open(path, os.O_RDWR)
    except OSError:  # nobody ever has
        return True
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # where there are no locks nobody can say so
        return True
    finally:
        os.close(opened)
    return True
