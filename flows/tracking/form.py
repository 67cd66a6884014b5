"""The flow of one table's deployment: the form that a person sees in the UI, and the refusal of any other table."""

from __future__ import annotations

import re
from datetime import datetime
from functools import partial
from inspect import Parameter, Signature
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from flows.model.errors import DerivedError
from flows.project.table_file import load_file
from flows.tracking.fields import describe_windows, fields
from flows.tracking.flow import tracked
from flows.wiring import project_folder, run_alone

if TYPE_CHECKING:
    from prefect import Flow

    from flows.wiring import Kind

_NAME = re.compile(r"(\w+)-(\w+)", re.ASCII)


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


def _signature(kind: Kind, identity: str, windows: str) -> Signature:
    kinds = {"table": Literal[identity], "moment": datetime | None, "switch": bool}
    return Signature(
        [
            Parameter(
                one.name,
                Parameter.POSITIONAL_OR_KEYWORD,
                default=Field(default=one.default, description=one.description, json_schema_extra={"title": one.title}),
                annotation=kinds[one.kind],
            )
            for one in fields(kind, identity, windows)
        ]
    )


def _windows(dataset: str, name: str) -> str:
    root = project_folder()
    try:
        return describe_windows(load_file(root, root / f"tables/{dataset}/{name}.yaml"))
    except DerivedError:  # a run says what is wrong
        return ""
