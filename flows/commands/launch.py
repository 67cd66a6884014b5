"""How a command is launched, as a process of its own."""

from __future__ import annotations

import gc
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperCommand

from flows.commands.ending import ending
from flows.commands.output import OutputError, guard, lost
from flows.commands.terminal import out

if TYPE_CHECKING:
    from collections.abc import Callable


class _Command(TyperCommand):
    """A command whose help ends as the command does where nobody reads it."""

    def make_context(self, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - they are handed on
        with ending(commits=False):
            return super().make_context(*arguments, **options)


def launch(main: Callable[..., None]) -> None:
    """Run a command with the arguments of this process."""
    # What is loaded by now stays to the end: nobody looks for garbage in it again, and least of all at the end.
    gc.freeze()
    guard()
    app = typer.Typer(add_completion=False)
    app.command(cls=_Command)(main)
    try:
        app()
    except SystemExit as end:
        if not (told := lost()):
            raise
        if "--json" not in sys.argv:  # whose readers expect nothing beside it
            with suppress(OutputError):
                out(told)
        sys.exit(end.code or 1)
    finally:
        # Nothing is left to stop: who presses Ctrl-C now ends the process, and nothing that ends by itself tells of it.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
