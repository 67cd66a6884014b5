"""Copy one core table: the windows that are missing, from its source.

python -m flows.ingest core.payments
python -m flows.ingest --new shop payments
"""

from __future__ import annotations

import json
from contextlib import closing
from functools import partial
from typing import Annotated

import typer

from flows.command import DryRun, Force, From, Json, To, bounds, ending, plural, run_command
from flows.runner import Request, load_alone, open_warehouse, run_alone


def main(  # noqa: PLR0913, PLR0917 - one for each option
    table: Annotated[
        str, typer.Argument(help="The table, as dataset.name; with --new the table or collection of the database.")
    ],
    start: From = None,
    end: To = None,
    dry_run: DryRun = False,
    force: Force = False,
    quarantine: Annotated[
        bool, typer.Option("--quarantine", help="List the rows that could not be read, by reason; copy nothing.")
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
            _write_new(new, table)
            return
        if quarantine:
            _list_quarantine(table, as_json=as_json)
            return
        run_command("ingest", Request(table, bounds(start, end), force), dry_run=dry_run, as_json=as_json)


def _write_new(connection: str, source: str) -> None:
    """Write the first version of a table's file, and say what comes next."""
    from flows.new import write_new  # noqa: PLC0415 - copying a table needs none of it

    table = write_new(connection, source)
    cursor = table.source.cursor if table.source else None
    how = f"merged by {', '.join(table.key)} as {cursor} moves on" if cursor else "copied as a whole each time"
    typer.echo(f"tables/core/{table.name}.yaml: {plural(len(table.columns), 'column')}, {how}")
    typer.echo(f"Look at what its comments say, then: python -m flows.check {table.identity}")


QUARANTINE = """
    SELECT reason, COUNT(*) AS n, MIN(place) AS place, MIN(raw) AS raw
    FROM platform.quarantine WHERE table_name = @table_name GROUP BY reason ORDER BY n DESC, reason
"""


def _list_quarantine(table: str, *, as_json: bool) -> None:
    """Print the bad rows of a table by reason, with how many there are and one of them."""
    project = load_alone("ingest", table)
    with closing(open_warehouse(project.root, lambda line: typer.echo(line, err=True), write=False)) as warehouse:
        known = warehouse.exists("platform.quarantine")
        rows = warehouse.query(QUARANTINE, {"table_name": table}) if known else []
    if as_json:
        typer.echo(json.dumps([{**row, "count": row.pop("n")} for row in rows]))
        return
    if not rows:
        typer.echo(f"{table}: no rows in quarantine")
    for row in rows:
        typer.echo(f"{row['n']:,}  {row['reason']}\n    {row['place']}: {row['raw']}")


if __name__ == "__main__":
    typer.run(main)
else:
    # Run as a command, this module must not import Prefect; imported by Prefect, it must hold a flow.
    from flows.tracking import tracked

    ingest = tracked("ingest", partial(run_alone, "ingest"))
