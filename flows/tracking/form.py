"""The flow of one table's deployment: the form that a person sees in the UI, and the refusal of any other table."""

from __future__ import annotations

import copy
import re
from datetime import datetime
from functools import cache, partial
from inspect import Parameter, Signature
from typing import TYPE_CHECKING, Any, Literal

from prefect.utilities.callables import generate_parameter_schema
from pydantic import Field

from flows.model.asked import FIELDS
from flows.model.errors import DerivedError
from flows.project.table_file import load_file
from flows.tracking.deployment import kind_of
from flows.tracking.flow import tracked
from flows.wiring import project_folder, run_alone

if TYPE_CHECKING:
    from prefect import Flow

    from flows.model.table import Table
    from flows.wiring import Kind

# What a run tells a person to decide can be decided where the run is read. Only lists of bad rows (`--quarantine`,
# `--replay`) are of the command alone: they are about many runs.
TRIM = ("trim", "Let rows go whose cursor lies outside the table's start and end; copy nothing.")
DECISIONS = (
    ("abandon", "Drop the rows that were begun beside those that readers see."),
    ("rollback", "Let readers see the rows again that they saw before the last change."),
)
"""Switches by which a person decides of a table, each with what it does."""
_NAME = re.compile(r"(\w+)-(\w+)", re.ASCII)
_ANY = "dataset.name"


def flow_of_table(kind: Kind, name: str) -> Flow[..., Any]:
    """Return the flow of the deployment of one table.

    Args:
        kind: which flow brings it up to date.
        name: `dataset-name`, the last part of a deployment's entrypoint.

    Raises:
        AttributeError: that is no name of a table.
    """
    found = _NAME.fullmatch(name)
    if found is None:
        raise AttributeError(f"module 'flows.{kind}' has no attribute '{name}'")
    from flows.tracking.unknown import refuse_unknown  # noqa: PLC0415 - who deploys needs only the form

    made = tracked(kind, partial(run_alone, kind), only=f"{found[1]}.{found[2]}")
    asked = _signature(kind, f"{found[1]}.{found[2]}", _windows(found[1], found[2]))
    refuse_unknown(f"{found[1]}.{found[2]}", asked.parameters)
    # What Prefect makes the form of; runs are called with the function's own parameters.
    made.__signature__ = asked  # type: ignore[attr-defined]
    return made


def form(table: Table) -> dict[str, Any]:
    """Return the schema of the parameters of a table's deployment, as Prefect makes it of that flow."""
    made = copy.deepcopy(_schema(kind_of(table), describe_windows(table)))
    made["properties"]["table"] |= {"const": table.identity, "default": table.identity}
    return made


@cache
def _schema(kind: Kind, windows: str) -> dict[str, Any]:
    return generate_parameter_schema(_signature(kind, _ANY, windows), {}).model_dump(exclude_unset=True)


def _signature(kind: Kind, identity: str, windows: str) -> Signature:
    moment = datetime | None
    switches = (TRIM, *DECISIONS) if kind == "ingest" else DECISIONS
    decisions = [_field(name, bool, False, description) for name, description in switches]
    return Signature(
        [
            _field("table", Literal[identity], identity, "What this deployment brings up to date."),
            _field("start", moment, None, f"Only windows that end after this, UTC. {windows}"),
            _field("end", moment, None, f"Only windows that begin before this, UTC. {windows}"),
            _field("force", bool, False, "Do these windows again though they are committed."),
            _field(
                "rebuild",
                bool,
                False,
                "Make a merge table or a copy from nothing, without rows that its source has deleted.",
            ),
            _field(
                "accept",
                bool,
                False,
                "Let rows stay as an earlier version of the file has made or copied them.",
            ),
            *decisions,
            _field("dry_run", bool, False, "Show what would be done, in the run's artifact; write nothing."),
        ]
    )


def _field(name: str, kind: Any, default: object, description: str) -> Parameter:  # noqa: ANN401 - any type
    title = FIELDS.get(name, name.capitalize())
    info = Field(default=default, description=description, json_schema_extra={"title": title})
    return Parameter(name, Parameter.POSITIONAL_OR_KEYWORD, default=info, annotation=kind)


def describe_windows(table: Table) -> str:
    """Say what windows a table has, for who is to give two moments."""
    if table.window is None:
        return "This table is made whole: leave it empty."
    until = f" to {table.window.end:%Y-%m-%d}" if table.window.end else ""
    return f"Its windows are {table.window.size} long, from {table.window.start:%Y-%m-%d}{until}."


def _windows(dataset: str, name: str) -> str:
    root = project_folder()
    try:
        return describe_windows(load_file(root, root / f"tables/{dataset}/{name}.yaml"))
    except DerivedError:  # a run says what is wrong
        return ""
