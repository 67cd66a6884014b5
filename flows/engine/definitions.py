"""Which definitions a table's rows were made by: kept as text, read again, and compared with its file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.model.definition import DEFINITIONS, Change, Definition
from flows.model.errors import SqlError
from flows.project.definition import as_defined, changes, code_version, definition_text

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from flows.model.table import Table
    from flows.warehouses.interface import Warehouse


def kept_texts(warehouse: Warehouse, wanted: Mapping[str, Collection[str]]) -> dict[str, dict[str, str]]:
    """Return the texts of definitions by table and code version, for those that are wanted of each table."""
    names = [name for name, code_versions in wanted.items() if code_versions]
    texts: dict[str, dict[str, str]] = {name: {} for name in wanted}
    if not names or not warehouse.present([DEFINITIONS]):
        return texts
    places = {f"table_{place}": name for place, name in enumerate(names)}
    rows = warehouse.query(
        f"SELECT table_name, code_version, text FROM {DEFINITIONS}"
        f" WHERE table_name IN ({', '.join(f'@{place}' for place in places)})",
        places,
    )
    for row in rows:
        if row["code_version"] in wanted[row["table_name"]]:
            texts[row["table_name"]][row["code_version"]] = row["text"]
    return texts


def changes_of(text: str | None, table: Table) -> tuple[Change, ...]:
    """Return what the table's file changes of a kept definition."""
    if text == definition_text(table):
        return ()
    defined = table_of(text, table)
    if defined is None:
        return (Change("unknown"),)
    try:
        return changes(defined, table)
    except SqlError:
        return (Change("unknown"),)


def table_of(text: str | None, table: Table) -> Table | None:
    """Return a table as a kept definition has it; None where it was not kept, or cannot be read by this version."""
    try:
        return as_defined(text, table) if text else None
    except ValueError:
        return None


def keep_definition(warehouse: Warehouse, table: Table, run_by: str, git_commit: str) -> None:
    """Keep the text of a table's definition, unless it is kept already."""
    warehouse.keep(
        Definition(table.identity, code_version(table), definition_text(table), run_by, git_commit, warehouse.now())
    )
