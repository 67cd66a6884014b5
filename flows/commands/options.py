"""Options that commands share."""

from __future__ import annotations

from typing import Annotated

import typer

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
    bool, typer.Option("--accept", help="Let rows stay as an earlier version of the file has made or copied them.")
]
Abandon = Annotated[
    bool, typer.Option("--abandon", help="Drop the rows that were begun beside those that readers see.")
]
Rollback = Annotated[
    bool, typer.Option("--rollback", help="Let readers see the rows again that they saw before the last change.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object for programs.")]
