"""What reaches a person's terminal: the one place through which commands print."""

from __future__ import annotations

import json

import typer

from flows.model.safe_text import printable


def out(text: str, *, end: str = "\n") -> None:
    """Print what was asked for."""
    typer.echo(printable(text) + end, nl=False)


def err(text: str) -> None:
    """Tell a person something beside it, where programs do not listen."""
    typer.echo(printable(text), err=True)


def out_json(value: object) -> None:
    """Print one JSON object for programs."""
    typer.echo(json.dumps(value))
