"""What a person is asked in the form of one table's deployment, and the schema that a server shows it by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flows.model.asked import FIELDS
from flows.tracking.deployment import kind_of

if TYPE_CHECKING:
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
_OF_KIND: dict[str, dict[str, Any]] = {
    "table": {"type": "string"},
    "moment": {"anyOf": [{"format": "date-time", "type": "string"}, {"type": "null"}]},
    "switch": {"type": "boolean"},
}
"""How Prefect describes what may be given, in a JSON schema."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the form: a table that is given, a moment that may be, or a switch that is off."""

    name: str
    kind: str
    """`table`, `moment` or `switch`."""
    default: str | bool | None
    description: str

    @property
    def title(self) -> str:
        """What a person reads above it."""
        return FIELDS.get(self.name, self.name.capitalize())


def fields(kind: Kind, identity: str, windows: str) -> list[Field]:
    """Return the fields of a table's form, in their order.

    Args:
        kind: which flow brings it up to date.
        identity: the table.
        windows: a sentence on its windows.
    """
    switches = (TRIM, *DECISIONS) if kind == "ingest" else DECISIONS
    return [
        Field("table", "table", identity, "What this deployment brings up to date."),
        Field("start", "moment", None, f"Only windows that end after this, UTC. {windows}"),
        Field("end", "moment", None, f"Only windows that begin before this, UTC. {windows}"),
        Field("force", "switch", False, "Do these windows again though they are committed."),
        Field(
            "rebuild",
            "switch",
            False,
            "Make a merge table or a copy from nothing, without rows that its source has deleted.",
        ),
        Field("accept", "switch", False, "Let rows stay as an earlier version of the file has made or copied them."),
        *(Field(name, "switch", False, description) for name, description in switches),
        Field("dry_run", "switch", False, "Show what would be done, in the run's artifact; write nothing."),
    ]


def form(table: Table) -> dict[str, Any]:
    """Return the schema of the parameters of a table's deployment, as Prefect makes it of its flow."""
    asked = fields(kind_of(table), table.identity, describe_windows(table))
    return {
        "title": "Parameters",
        "type": "object",
        "properties": {one.name: _schema(one, position) for position, one in enumerate(asked)},
    }


def _schema(field: Field, position: int) -> dict[str, Any]:
    told = {"default": field.default, "description": field.description, "position": position, "title": field.title}
    return ({"const": field.default} if field.kind == "table" else {}) | told | _OF_KIND[field.kind]


def describe_windows(table: Table) -> str:
    """Say what windows a table has, for who is to give two moments."""
    if table.window is None:
        return "This table is made whole: leave it empty."
    until = f" to {table.window.end:%Y-%m-%d}" if table.window.end else ""
    return f"Its windows are {table.window.size} long, from {table.window.start:%Y-%m-%d}{until}."
