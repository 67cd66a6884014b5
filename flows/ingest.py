"""Copy one core table: the windows that are missing, from its source.

python -m flows.ingest core.payments
python -m flows.ingest --new shop payments
"""

from __future__ import annotations

import json
import sys
from contextlib import redirect_stdout
from dataclasses import asdict
from functools import partial
from typing import Annotated

import typer

from flows.command import DryRun, Force, From, Json, Rebuild, To, asked_range, ending, plural, run_command
from flows.model.errors import UsageError
from flows.runner import Request, load_alone, run_alone


def main(  # noqa: PLR0913, PLR0917 - one for each option
    table: Annotated[
        str, typer.Argument(help="The table, as dataset.name; with --new the table or collection of the database.")
    ],
    start: From = None,
    end: To = None,
    dry_run: DryRun = False,
    force: Force = False,
    rebuild: Rebuild = False,
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
    with ending(as_json=as_json):
        if new is not None:
            if start or end or dry_run or force or rebuild or quarantine or replay:
                raise UsageError("--new writes a table's file and takes no other option.")
            _write_new(new, table, as_json=as_json)
            return
        if quarantine and replay:
            raise UsageError("--quarantine lists the bad rows, --replay tries them again: give one of them.")
        if quarantine:
            _list_quarantine(table, as_json=as_json)
            return
        if replay:
            if start or end:
                raise UsageError("--replay does the windows of the bad rows: leave --from and --to out.")
            _replay(table, dry_run=dry_run, as_json=as_json)
            return
        run_command("ingest", Request(table, asked_range(start, end), force, rebuild), dry_run=dry_run, as_json=as_json)


def _write_new(connection: str, source: str, *, as_json: bool) -> None:
    """Write the first version of a table's file, and say what comes next."""
    from flows.new import write_new  # noqa: PLC0415 - copying a table needs none of it

    table = write_new(connection, source)
    file = f"tables/core/{table.name}.yaml"
    if as_json:
        typer.echo(json.dumps({"table": table.identity, "file": file, "columns": list(table.types)}))
        return
    cursor = table.source.cursor if table.source else None
    how = f"merged by {', '.join(table.key)} as {cursor} moves on" if cursor else "copied as a whole each time"
    typer.echo(f"{file}: {plural(len(table.columns), 'column')}, {how}")
    typer.echo(f"Look at what its comments say, then: python -m flows.check {table.identity}")


def _list_quarantine(table: str, *, as_json: bool) -> None:
    """Print the bad rows of a table by fault, with how many there are and one of them."""
    from flows.quarantine import faults  # noqa: PLC0415 - copying a table needs none of it

    load_alone("ingest", table)
    found = faults(table)
    if as_json:
        typer.echo(json.dumps([asdict(group) for group in found]))
        return
    if not found:
        typer.echo(f"{table}: no rows in quarantine")
    for group in found:
        example = f"{group.reason}\n      " if group.reason != group.fault else ""
        typer.echo(f"{group.count:,}  {group.fault}\n    {group.place}: {example}{group.raw}")
    if found:
        typer.echo(f"When they are mended, at the source or in the file: python -m flows.ingest {table} --replay")


def _replay(table: str, *, dry_run: bool, as_json: bool) -> None:
    """Read the windows of a table's bad rows again, and print what passes now."""
    from flows.quarantine import replay  # noqa: PLC0415 - copying a table needs none of it

    # Programs read one JSON object; what the runs say goes to the other stream.
    with redirect_stdout(sys.stderr if as_json else sys.stdout):
        done = replay(table, partial(run_command, "ingest", dry_run=dry_run, as_json=False))
    if as_json:
        typer.echo(json.dumps({"table": table, **asdict(done)}))
    elif not done.tried:
        typer.echo(f"{table}: no rows in quarantine")
    elif not dry_run:
        more = f"; {plural(done.more, 'row')} more found bad" if done.more else ""
        typer.echo(
            f"{table}: {plural(done.tried, 'row')} tried again: "
            f"{done.passed:,} no longer bad, {done.bad:,} still bad{more}"
        )
    for error in () if as_json else done.errors:
        typer.echo(error, err=True)
    if done.errors:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
else:
    # Run as a command, this module must not import Prefect; imported by Prefect, it must hold a flow.
    from flows.tracking import tracked

    ingest = tracked("ingest", partial(run_alone, "ingest"))
