"""How what may be asked of a run is called where it is asked: an option on a command line, a field in a form."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

FIELDS = {
    "start": "From",
    "end": "To",
    "force": "Force",
    "rebuild": "Rebuild",
    "accept": "Accept",
    "trim": "Trim",
    "abandon": "Abandon",
    "rollback": "Roll back",
    "dry_run": "Dry run",
}
"""What may be asked, by the titles that a form has for it."""
_OPTIONS = {name: f"--{name.replace('_', '-')}" for name in FIELDS} | {"start": "--from", "end": "--to"}

_names: ContextVar[dict[str, str]] = ContextVar("names", default=_OPTIONS)


@contextmanager
def in_a_form() -> Iterator[None]:
    """Let what is said name fields: a run was asked for in the form of a deployment, or by its schedule."""
    token = _names.set(FIELDS)
    try:
        yield
    finally:
        _names.reset(token)


def called(*names: str) -> str:
    """Return what something is called, as in `--from and --to`."""
    return " and ".join(_names.get()[name] for name in names)


def run_with(flow: str, table: str, name: str) -> str:
    """Return how a person runs a table with a switch: by a command, or by the form that they have before them."""
    said = called(name)
    return f"python -m flows.{flow} {table} {said}" if said.startswith("-") else f"a run with {said}"


def copy_again(table: str) -> str:
    """Return what a person does about rows of a core table that cannot stay."""
    return f"Copy it again: {run_with('ingest', table, 'rebuild')}."
