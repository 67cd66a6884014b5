"""Write prefect.yaml from tables/: one deployment per table.

python -m flows.deploy --write    write it
python -m flows.deploy --check    say whether it is up to date (exit code 1 where it is not)
python -m flows.deploy --pool     make the work pool of its deployments, or bring it up to date with work-pools/
"""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
import yaml

from flows.commands.ending import ending
from flows.commands.launch import launch
from flows.commands.pool import make_pool
from flows.commands.terminal import err, out
from flows.model.errors import DerivedError, UsageError
from flows.wiring import open_project

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flows.model.table import Table

FILE = "prefect.yaml"
WORK_POOL = "kubernetes"
HEADER = """\
# Written from tables/ by: python -m flows.deploy --write
# Change a table's file and run that again; a change made here is lost.
"""


class _Dumper(yaml.SafeDumper):
    """Writes text of several lines as a person would."""


_Dumper.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None),
)


def render(tables: Iterable[Table]) -> str:
    """Return prefect.yaml for these tables, whatever order they come in."""
    content = {
        "name": "derived",
        "pull": [],  # without it Prefect adds a step that changes to the folder of whoever deploys
        "deployments": [_deployment(table) for table in sorted(tables, key=lambda table: table.identity)],
    }
    return HEADER + yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)


def _deployment(table: Table) -> dict[str, Any]:
    kind, flow = ("derived", "derive") if table.source is None else ("core", "ingest")
    file = f"tables/{table.dataset}/{table.name}.yaml"
    return {
        "name": table.identity,
        "description": _literal(f"{table.description.strip()}\n\nOwner: {table.owner}. File: {file}."),
        "tags": list(dict.fromkeys(map(_literal, (kind, table.dataset, table.owner)))),
        "entrypoint": f"flows.{flow}.{flow}",
        "parameters": {"table": table.identity},
        # The server never deletes a schedule whose slug is gone: under one slug a new cron replaces the old one.
        "schedules": [{"slug": "cron", "cron": table.schedule, "timezone": "UTC", "active": True}],
        # A run waits for the one before it and then finds little left to do. CANCEL_NEW would drop the run of a person
        # who asked for certain windows, and the one that was to see what arrived after the running one had planned.
        "concurrency_limit": {"limit": 1, "collision_strategy": "ENQUEUE"},
        "work_pool": {"name": WORK_POOL},
    }


def _literal(text: str) -> str:
    """Return text without placeholders: Prefect would fill them from its variables, blocks and the environment."""
    return re.sub(r"\{(?=\{)", "{ ", text)


def main(
    write: Annotated[bool, typer.Option("--write", help="Write prefect.yaml.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Fail where prefect.yaml is out of date.")] = False,
    pool: Annotated[bool, typer.Option("--pool", help="Make the work pool, or bring it up to date.")] = False,
    image: Annotated[str | None, typer.Option("--image", help="With --pool: the image that its pods run.")] = None,
    claim: Annotated[
        str | None,
        typer.Option("--claim", help="With --pool: the volume claim with the warehouse's file, on one node."),
    ] = None,
) -> None:
    """Write prefect.yaml from the table files, one deployment per table, and make the work pool that they run in."""
    with ending(commits=False):
        if [write, check, pool].count(True) != 1:
            raise UsageError("Give one of --write, --check and --pool.")
        if not pool and (image or claim):
            raise UsageError("--image and --claim belong to --pool.")
        if pool:
            make_pool(WORK_POOL, image, claim)
            return
        project = open_project()
        for fault in project.faults:
            err(str(fault))
        path, new = Path(FILE), render(project.tables.values())
        old = path.read_text(encoding="utf-8") if path.exists() else ""
        if write:
            path.write_text(new, encoding="utf-8")
        elif new != old:
            diff = difflib.unified_diff(old.splitlines(), new.splitlines(), FILE, "from tables/", n=1, lineterm="")
            err("\n".join(diff))
            raise DerivedError(f"{FILE} is out of date. Run: python -m flows.deploy --write")
        if project.faults:
            raise DerivedError("These tables have faults and no deployment; mend them and run this again.")
        if check:
            out(f"{FILE} is up to date.")


if __name__ == "__main__":
    launch(main)
