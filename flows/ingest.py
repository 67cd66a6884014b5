"""Copy one core table: the windows that are missing, from its source.

python -m flows.ingest core.payments
python -m flows.ingest --new shop payments
"""

from __future__ import annotations

from typing import Annotated

import typer

from flows.commands.ending import ending
from flows.commands.launch import launch
from flows.commands.one_table import run_command
from flows.commands.options import (  # noqa: TC001 - typer evaluates them
    Abandon,
    Accept,
    DryRun,
    Force,
    From,
    Json,
    Rebuild,
    Rollback,
    To,
)
from flows.engine.request import Request
from flows.model.errors import UsageError
from flows.model.window import asked_range


def main(  # noqa: PLR0913, PLR0917 - one for each option
    table: Annotated[
        str, typer.Argument(help="The table, as dataset.name; with --new the table or collection of the database.")
    ],
    start: From = None,
    end: To = None,
    dry_run: DryRun = False,
    force: Force = False,
    rebuild: Rebuild = False,
    accept: Accept = False,
    trim: Annotated[
        bool,
        typer.Option("--trim", help="Let rows go whose cursor lies outside the table's start and end; copy nothing."),
    ] = False,
    abandon: Abandon = False,
    rollback: Rollback = False,
    quarantine: Annotated[
        bool, typer.Option("--quarantine", help="List the rows that could not be read, by fault; copy nothing.")
    ] = False,
    replay: Annotated[
        bool, typer.Option("--replay", help="Read the windows of those rows again, after the fault was mended.")
    ] = False,
    new: Annotated[
        str | None,
        typer.Option("--new", metavar="CONNECTION", help="Write tables/core/<name>.yaml for a table of that database."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Copy the windows of a core table that are missing from its source."""
    decides = force or rebuild or accept or trim or abandon or rollback
    with ending(as_json=as_json, commits=not (dry_run or quarantine or new)):
        if new is not None:
            if start or end or dry_run or quarantine or replay or decides:
                raise UsageError("--new writes a table's file and takes no other option.")
            from flows.commands.new_table import write_new  # noqa: PLC0415 - copying a table needs none of it

            write_new(new, table, as_json=as_json)
            return
        if quarantine and replay:
            raise UsageError("--quarantine lists the bad rows, --replay tries them again: give one of them.")
        if replay and (start or end):
            raise UsageError("--replay does the windows of the bad rows: leave --from and --to out.")
        if (quarantine or replay) and decides:
            switches = "--force, --rebuild and --accept"
            if trim or abandon or rollback:
                switches = "--trim" if trim else "--abandon and --rollback"
            raise UsageError(f"--quarantine and --replay are about bad rows: leave {switches} out.")
        if quarantine and (start or end or dry_run):
            raise UsageError("--quarantine lists all bad rows and does nothing: leave --from, --to and --dry-run out.")
        if quarantine or replay:
            from flows.commands.quarantine import list_bad_rows, replay_bad_rows  # noqa: PLC0415 - the same

            if quarantine:
                list_bad_rows(table, as_json=as_json)
            else:
                replay_bad_rows(table, dry_run=dry_run, as_json=as_json)
            return
        bounds = asked_range(start, end)
        request = Request(table, bounds, force, rebuild, accept, trim, abandon, rollback)
        run_command("ingest", request, dry_run=dry_run, as_json=as_json)


if __name__ == "__main__":
    launch(main)
else:
    # Run as a command, this module must not import Prefect; imported by Prefect, it must hold a flow.
    from flows.tracking.flow import table_flow

    ingest = table_flow("ingest")


def __getattr__(name: str) -> object:
    """Return the flow of one table, as `dataset-name`: the entrypoint of its deployment."""
    if "-" not in name:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from flows.tracking.form import flow_of_table  # noqa: PLC0415 - Prefect is slow to import

    return flow_of_table("ingest", name)
