"""One deployment per table: on Prefect's server, or as prefect.yaml.

python -m flows.deploy            make the server's deployments those of tables/, as far as they differ
python -m flows.deploy --write    write prefect.yaml from tables/
python -m flows.deploy --check    say whether prefect.yaml is up to date (exit code 1 where it is not)
python -m flows.deploy --pool     make the work pool of the deployments, or bring it up to date with work-pools/
"""

from __future__ import annotations

import difflib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands.deploying import deploy_project
from flows.commands.ending import ending
from flows.commands.launch import launch
from flows.commands.options import Json  # noqa: TC001 - typer evaluates it
from flows.commands.pool import make_pool, make_process_pool
from flows.commands.terminal import err, out
from flows.model.errors import DerivedError, UsageError
from flows.model.sizes import plural
from flows.tracking.deployment import WORK_POOL, deployments
from flows.tracking.prefect_yaml import FILE, render
from flows.wiring import open_project

if TYPE_CHECKING:
    from flows.project.project import Project


def main(  # noqa: PLR0913, PLR0917 - one for each option
    write: Annotated[bool, typer.Option("--write", help="Write prefect.yaml; ask no server.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Fail where prefect.yaml is out of date.")] = False,
    pool: Annotated[bool, typer.Option("--pool", help="Make the work pool, or bring it up to date.")] = False,
    image: Annotated[str | None, typer.Option("--image", help="With --pool: the image that its pods run.")] = None,
    claim: Annotated[
        str | None,
        typer.Option("--claim", help="With --pool: the volume claim with the warehouse's file, on one node."),
    ] = None,
    no_claim: Annotated[
        bool, typer.Option("--no-claim", help="With --pool: take the claim, and the limit that came with it, off.")
    ] = False,
    process: Annotated[
        bool, typer.Option("--process", help="With --pool: runs are processes on the worker's machine, in this folder.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Delete deployments of tables whose file is gone.")] = False,
    delete: Annotated[
        int | None,
        typer.Option("--delete", min=1, help="Delete so many: all without a file, also what --yes leaves or refuses."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Make the deployments of Prefect's API those of the table files, one for each."""
    with ending(as_json=as_json, commits=not (write or check or pool)):
        if [write, check, pool].count(True) > 1:
            raise UsageError("Give one of --write, --check and --pool.")
        if (write or check or pool) and (yes or as_json or delete):
            raise UsageError("--yes, --delete and --json are for deploying: leave --write, --check and --pool out.")
        if "" in {image, claim}:
            raise UsageError("--image and --claim need a name; left out, they stay as the pool has them.")
        if not pool and (image or claim or no_claim or process):
            raise UsageError("--image, --claim, --no-claim and --process belong to --pool.")
        if claim and no_claim:
            raise UsageError("Give one of --claim and --no-claim.")
        if process and (image or claim or no_claim):
            raise UsageError("--image, --claim and --no-claim are for pods: leave them out with --process.")
        if pool:
            make_process_pool(WORK_POOL) if process else make_pool(WORK_POOL, image, claim, no_claim=no_claim)
            return
        project = cache(open_project)
        if write or check:
            _file(project(), check=check)
        elif deploy_project(project, yes=yes, as_json=as_json, delete=delete).failed or project().faults:
            raise typer.Exit(1)


def _file(project: Project, *, check: bool) -> None:
    """Write prefect.yaml, or say whether it is up to date."""
    for fault in project.faults:
        err(str(fault))
    made = deployments(project)
    path, new = Path(FILE), render(made)
    old = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
    if not check and new != old:
        path.write_text(new, encoding="utf-8")
        out(f"{FILE} is written: {plural(len(made), 'deployment')}.")
    elif not check:
        out(f"{FILE} is unchanged: {plural(len(made), 'deployment')}.")
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
