"""How a command is launched, as a process of its own."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from collections.abc import Callable


def launch(main: Callable[..., None]) -> None:
    """Run a command with the arguments of this process."""
    # What is loaded by now stays to the end: nobody looks for garbage in it again, and least of all at the end.
    gc.freeze()
    typer.run(main)
