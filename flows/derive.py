"""Derive one table: make its windows that are missing or stale and whose upstreams are complete.

python -m flows.derive derived.revenue_by_item
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
from flows.model.window import asked_range


def main(  # noqa: PLR0913, PLR0917 - one for each option
    table: Annotated[str, typer.Argument(help="The table, as dataset.name.")],
    start: From = None,
    end: To = None,
    dry_run: DryRun = False,
    force: Force = False,
    rebuild: Rebuild = False,
    accept: Accept = False,
    abandon: Abandon = False,
    rollback: Rollback = False,
    as_json: Json = False,
) -> None:
    """Make a derived table's windows that are missing or stale and whose upstreams are complete."""
    with ending(as_json=as_json, commits=not dry_run):
        bounds = asked_range(start, end)
        request = Request(table, bounds, force, rebuild, accept, abandon=abandon, rollback=rollback)
        run_command("derive", request, dry_run=dry_run, as_json=as_json)


if __name__ == "__main__":
    launch(main)
else:
    # Run as a command, this module must not import Prefect; imported by Prefect, it must hold a flow.
    from flows.tracking.flow import table_flow

    derive = table_flow("derive")


def __getattr__(name: str) -> object:
    """Return the flow of one table, as `dataset-name`: the entrypoint of its deployment."""
    if "-" not in name:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from flows.tracking.form import flow_of_table  # noqa: PLC0415 - Prefect is slow to import

    return flow_of_table("derive", name)
