"""How a command ends: its exit code and its last words."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from flows.model.errors import DerivedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def ending(*, as_json: bool = False) -> Iterator[None]:
    """End with exit code 1 on a failure and 2 on wrong usage, each with its message and no traceback."""
    try:
        yield
    except DerivedError as error:
        if as_json:
            typer.echo(json.dumps({"error": str(error), "kind": type(error).__name__}))
        else:
            typer.echo(str(error), err=True)
        raise typer.Exit(2 if isinstance(error, UsageError) else 1) from None
    except KeyboardInterrupt:
        typer.echo("Stopped. What was committed stays; start it again to do the rest.", err=True)
        raise typer.Exit(130) from None
