"""Copy one core table: the windows that are missing, from its source.

python -m flows.ingest derived.revenue_by_item
"""

from __future__ import annotations

import json
from contextlib import closing
from functools import partial
from typing import Annotated

import typer

from flows.command import DryRun, Force, From, Json, To, bounds, ending, run_command
from flows.runner import Request, load_alone, open_warehouse, run_alone


def main(  # noqa: PLR0913, PLR0917 - one for each option
    table: Annotated[str, typer.Argument(help="The table, as dataset.name.")],
    start: From = None,
    end: To = None,
    dry_run: DryRun = False,
    force: Force = False,
    quarantine: Annotated[
        bool, typer.Option("--quarantine", help="List the rows that could not be read, by reason; copy nothing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Copy the windows of a core table that are missing from its source."""
    with ending(as_json=as_json):
        if quarantine:
            _list_quarantine(table, as_json=as_json)
            return
        run_command("ingest", Request(table, bounds(start, end), force), dry_run=dry_run, as_json=as_json)


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
