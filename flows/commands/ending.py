"""How a command ends: its exit code and its last words."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from flows.commands.output import OutputError
from flows.commands.terminal import err, out_json
from flows.model.errors import DerivedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator


STOPPED = "Stopped."
STAYS = " What was committed stays; start it again to do the rest."
CLOSED_PIPE = 141
"""What a shell gives for a command that SIGPIPE ended."""


@contextmanager
def ending(*, as_json: bool = False, commits: bool = True) -> Iterator[None]:
    """End with exit code 1 on a failure and 2 on wrong usage, each with its message and no traceback.

    Args:
        as_json: whether programs read what is printed.
        commits: whether what is done may be there after it was stopped.
    """
    stopped = STOPPED + (STAYS if commits else "")
    try:
        yield
    except DerivedError as error:
        raise _told(error, as_json=as_json) from None
    except OSError as error:
        if error.filename is None:
            raise
        # One of the files that a person gives or gets: prefect.yaml, a template, exports of the demo.
        raise _told(DerivedError(f"{error.filename}: {error.strerror}."), as_json=as_json) from None
    except KeyboardInterrupt:
        err(stopped)
        raise typer.Exit(130) from None
    except OutputError as error:
        cause = "Nobody reads what this prints any more." if error.nobody_reads else str(error)
        err(f"{cause} {stopped}")
        raise typer.Exit(CLOSED_PIPE if error.nobody_reads else 1) from None


def _told(error: DerivedError, *, as_json: bool) -> typer.Exit:
    """Tell an error and return what ends the command."""
    if as_json:
        out_json({"error": str(error), "kind": type(error).__name__})
    else:
        err(str(error))
    return typer.Exit(2 if isinstance(error, UsageError) else 1)
