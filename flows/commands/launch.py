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

    def get_params(self, *arguments: Any) -> Any:  # noqa: ANN401 - the same
        params = super().get_params(*arguments)
        for param in params:
            param._runtime_param = _AsTyped()  # type: ignore[attr-defined]  # noqa: SLF001 - typer has no other place
        return params


class _AsTyped:
    """Takes what is no more than a text, or is not given, as it is, and reads whole numbers.

    typer has pydantic look at each value, which takes longer to import than most commands take to start, and whose
    words are for those who write programs.
    """

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:  # noqa: ANN401 - as typer has them
        kind = param.type_descriptor.annotation
        if value is None and kind != list[str]:
            return None
        if kind is int:
            return _whole(value, param, ctx)
        texts = list(value or ()) if kind == list[str] else [value] if kind is str else None
        if texts is None or not all(isinstance(one, str) and one.isascii() for one in texts):
            param._runtime_param = None  # noqa: SLF001 - the same
            return param.get_runtime_param().coerce(value, param, ctx)
        return texts if kind == list[str] else value


def _whole(value: Any, param: Any, ctx: Any) -> int:  # noqa: ANN401 - as typer has them
    """Return what was typed as a number. Raises typer.BadParameter, which typer tells with the option's name."""
    given = param.type_descriptor.parameter_info
    least, most = given.min, given.max
    number: int | None
    try:
        number = int(value)
    except ValueError:
        number = None
    if number is None or (least is not None and number < least) or (most is not None and number > most):
        bounds = f" from {least}" + (f" to {most}" if most is not None else " on") if least is not None else ""
        raise typer.BadParameter(f"'{value}' is no whole number{bounds}.", ctx=ctx, param=param)
    return number


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
