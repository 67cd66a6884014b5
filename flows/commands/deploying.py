"""Deploy for a person: what is asked, shown while it goes on, and said at the end."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import typer

from flows.commands.terminal import err, out, out_json
from flows.model.errors import UsageError
from flows.model.safe_text import one_line
from flows.model.sizes import plural
from flows.tracking.deployment import deployments
from flows.wiring import prefect_settings, require_api, tables_ever

if TYPE_CHECKING:
    from collections.abc import Callable

    from flows.project.project import Project
    from flows.tracking.deployer import Deployed, Wanted

SHOWN = 20
"""How many deployments of tables that are gone are named."""
FEW = 5
"""So many may go by --yes though they are the most."""


class _Bar:
    """A bar on a terminal; nothing elsewhere."""

    def __init__(self, *, shown: bool) -> None:
        self._bar: Any = None
        self._task: Any = None
        if shown and sys.stderr.isatty():
            from rich.console import Console  # noqa: PLC0415 - slow to import
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                console=Console(stderr=True),
                transient=True,
            )

    def begin(self, total: int) -> None:
        """Show the bar."""
        if self._bar is not None and total:
            self._task = self._bar.add_task("deployments", total=total)
            self._bar.start()

    def done(self, name: str) -> None:
        """Advance it."""
        if self._task is not None:
            self._bar.update(self._task, advance=1, description=one_line(name))

    def close(self) -> None:
        """Take it away."""
        if self._bar is not None:
            self._bar.stop()


def deploy_project(
    project: Callable[[], Project], *, yes: bool, as_json: bool, delete: int | None = None, is_own: bool = False
) -> Deployed:
    """Make the deployments of Prefect's API those of the project; print and return what was done.

    Args:
        project: gives the project; is called first while the server is asked.
        yes: whether deployments of tables that are gone go without a question; those of which no commit of the folder
            has had a file stay, where git knows all its commits.
        as_json: whether programs read what is printed; they are asked nothing.
        delete: how many of them go, said by who has seen that they are the most.
        is_own: whether the server is of this project alone, so that all may go by `yes`.

    Raises:
        ApiError: the API does not answer.
        UsageError: no API is configured, it refuses who asks, the work pool is missing, or most of its deployments are
            of tables without a file.
    """
    require_api()
    from flows.tracking.deployer import deploy  # noqa: PLC0415 - an HTTP client is slow to import

    bar = _Bar(shown=not as_json)

    def wanted() -> list[Wanted]:
        if not as_json:
            for fault in project().faults:
                err(str(fault))
        return [(project().tables[one["name"]], one) for one in deployments(project())]

    def keep(name: str) -> bool:
        return name in project().tables or name in project().broken

    strange: list[str] = []

    def chosen(names: list[str], there: int) -> list[str]:
        if is_own:
            return names
        if delete is not None or (len(names) > FEW and 2 * len(names) > there):
            _refuse_most(names, there, delete)
            return names
        asks = not (yes or as_json) and sys.stdin.isatty()
        strange.extend(_of_others(names, tell=yes or asks))
        gone = [name for name in names if name not in strange]
        if not gone or not asks:
            return gone if yes else []
        of = "a table without a file" if len(gone) == 1 else "tables without a file"
        err(f"{plural(len(gone), 'deployment')} of {of}: {_named(gone)}")
        return gone if _confirmed("Delete?") else []

    try:
        result = deploy(prefect_settings(), wanted, keep, chosen, bar)
    finally:
        bar.close()
    if as_json:
        out_json(_as_json(result, project()))
    else:
        _print(result, strange)
    return result


def _confirmed(question: str) -> bool:
    """Ask a person. Raises KeyboardInterrupt for Ctrl-C, and for the end of what is typed."""
    try:
        return typer.confirm(question, err=True)
    except typer.Abort:
        raise KeyboardInterrupt from None


def _of_others(names: list[str], *, tell: bool) -> list[str]:
    """Return the tables of which no commit here has had a file, as far as git knows; tell where it does not."""
    had, unknown = tables_ever() if names else (set(), "")
    if unknown and tell:
        err(f"git cannot tell which tables this folder has had ({unknown}): each without a file counts as gone.")
    return [name for name in names if not unknown and name not in had]


def _refuse_most(names: list[str], there: int, said: int | None) -> None:
    """Raise UsageError unless somebody has said how many deployments are to go, as those of another project might."""
    if said == len(names):
        return
    found = (
        f"Of the {plural(there, 'deployment')} of tables at this API {len(names)} "
        f"{'is' if len(names) == 1 else 'are'} of tables without a file in this folder"
        + (f": {_named(names)}." if names else ".")
    )
    if said is not None:
        raise UsageError(f"{found} --delete {said} says another number: nothing was changed.")
    raise UsageError(
        f"{found} Is it another project's folder, or another server? Nothing was changed. If they are to go: "
        f"python -m flows.deploy --delete {len(names)}"
    )


def _named(names: list[str]) -> str:
    """Return so many names as a person reads."""
    more = f" and {plural(len(names) - SHOWN, 'other')}" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _as_json(result: Deployed, project: Project) -> dict[str, object]:
    return {
        "created": result.created,
        "updated": result.updated,
        "unchanged": result.unchanged,
        "deleted": result.deleted,
        "left": result.left,
        "failed": result.failed,
        "faults": [str(fault) for fault in project.faults],
    }


def _print(result: Deployed, strange: list[str]) -> None:
    for verb, names in (("created", result.created), ("updated", result.updated), ("deleted", result.deleted)):
        for name in names:
            out(f"{verb:<8} {name}")
    for name, message in result.failed.items():
        err(f"{name}: {message}")
    if gone := [name for name in result.left if name not in strange]:
        of, it = ("a table without a file stays", "it") if len(gone) == 1 else ("tables without a file stay", "them")
        err(f"{plural(len(gone), 'deployment')} of {of}: {_named(gone)}. Delete {it} with --yes.")
    if strange:
        of = "a table of which no commit here has had a file stays"
        if len(strange) > 1:
            of = "tables of which no commit here has had a file stay"
        err(
            f"{plural(len(strange), 'deployment')} of {of}: {_named(strange)}. "
            "Another branch or project may have them. If all without a file are to go: "
            f"python -m flows.deploy --delete {len(result.left)}"
        )
    counts = {
        "created": result.created,
        "updated": result.updated,
        "unchanged": result.unchanged,
        "deleted": result.deleted,
        "failed": result.failed,
    }
    total = sum(len(counts[word]) for word in ("created", "updated", "unchanged", "failed"))
    out(
        f"{plural(total, 'deployment')}: "
        + ", ".join(f"{len(names)} {word}" for word, names in counts.items() if names or word == "unchanged")
    )
