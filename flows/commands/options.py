"""Options that commands share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from flows.model.errors import UsageError
from flows.model.window import BEGINNING, END, Window, utc

if TYPE_CHECKING:
    from datetime import datetime

From = Annotated[str | None, typer.Option("--from", metavar="DATE", help="Only windows that end after this, UTC.")]
To = Annotated[str | None, typer.Option("--to", metavar="DATE", help="Only windows that begin before this, UTC.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be done; write nothing.")]
Force = Annotated[bool, typer.Option("--force", help="Do these windows again though they are committed.")]
Rebuild = Annotated[
    bool,
    typer.Option(
        "--rebuild", help="Make a merge table or a copy from nothing, without rows that its source has deleted."
    ),
]
Accept = Annotated[
    bool, typer.Option("--accept", help="Let rows stay that were copied as an earlier version of the file says.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object for programs.")]


def asked_range(start: str | None, end: str | None) -> Window:
    """Return the range that --from and --to give.

    Raises:
        UsageError: one is no date, or they are the wrong way round.
    """
    window = Window(_moment("--from", start) if start else BEGINNING, _moment("--to", end) if end else END)
    if window.start >= window.end:
        raise UsageError(f"--from {start} is not before --to {end}.")
    return window


def _moment(option: str, text: str) -> datetime:
    try:
        return utc(text)
    except ValueError:
        raise UsageError(f"{option} '{text}' is not a date. Write it as 2026-01-31 or 2026-01-31T06:00.") from None
