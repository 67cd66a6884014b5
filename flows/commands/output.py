"""Standard output and error of a command's process: what they no longer take is noticed, without a traceback."""

from __future__ import annotations

import io
import os
import select
import sys
from typing import TextIO

STDOUT, STDERR = 1, 2


class OutputError(BaseException):
    """Standard output takes no more: its reader is gone, or its disk is full.

    Like Ctrl-C it is no `Exception`: who goes on after the failure of one table does not go on after it.
    """

    def __init__(self, cause: OSError) -> None:
        super().__init__(f"Standard output cannot be written ({cause.strerror}).")
        self.nobody_reads = isinstance(cause, BrokenPipeError)


class _Stream(io.FileIO):
    """Writes to a descriptor until that fails once; what follows is thrown away."""

    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor, "w", closefd=False)
        self.failure: str | None = None

    def write(self, data: object, /) -> int:
        """Write, and wait for a slow reader where the descriptor would not. Raises OutputError for standard output."""
        size = memoryview(data).nbytes  # type: ignore[arg-type] # the layer above gives what is one
        if self.failure is not None:
            return size
        try:
            while (written := super().write(data)) is None:  # type: ignore[arg-type] # the same
                select.select([], [self], [])
        except OSError as error:
            self.failure = error.strerror
            if self.fileno() == STDOUT:
                raise OutputError(error) from error
            return size
        return written


class _Closed(_Stream):
    """A standard error that was closed before the process began."""

    def write(self, data: object, /) -> int:
        """Notice that there was something to say."""
        self.failure = "it is closed"
        return super().write(data)


def guard() -> None:
    """Have the standard streams notice what they do not take; open those that are closed onto nothing.

    A file that is opened later, the warehouse's perhaps, must not get the number of a closed one: what libraries print
    would be written into it.

    Raises:
        SystemExit: standard output is closed, so that nothing could be told of what was done.
    """
    is_open = sys.stdout is not None
    errors = _Closed if sys.stderr is None else _Stream
    if None in {sys.stdin, sys.stdout, sys.stderr}:
        while (nothing := os.open(os.devnull, os.O_RDWR)) <= STDERR:
            os.set_inheritable(nothing, True)
        os.close(nothing)
    sys.stdin = sys.stdin or io.TextIOWrapper(io.FileIO(os.devnull))
    sys.stdout = _text(sys.stdout, _Stream(STDOUT))
    sys.stderr = _text(sys.stderr, errors(STDERR))
    if not is_open:
        sys.stderr.write("Standard output is closed, and nothing was done. Write > /dev/null to throw it away.\n")
        raise SystemExit(1)


def _text(before: TextIO | None, stream: _Stream) -> TextIO:
    """Return what writes text as it was written before, and never fails over a character."""
    encoding, buffers_lines = (before.encoding, before.line_buffering) if before else ("utf-8", True)
    return io.TextIOWrapper(
        io.BufferedWriter(stream), encoding, errors="backslashreplace", line_buffering=bool(buffers_lines)
    )


def lost() -> str | None:
    """Return what to say of standard error where it did not take everything."""
    sys.stderr.flush()
    stream = getattr(sys.stderr.buffer, "raw", None)
    failure = stream.failure if isinstance(stream, _Stream) else None
    return failure and f"Standard error cannot be written ({failure})."
