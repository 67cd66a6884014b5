"""Where in a table's file a value stands, for what shows only when its source is looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from flows.model.table import Table


def where(root: Path, table: Table, *path: str) -> str:
    """Return the place of a value as a fault names it: `tables/core/orders.yaml:7`.

    Args:
        root: the project's folder.
        table: the table.
        path: the value's names, from the outermost.
    """
    from flows.project.yaml_file import parse  # noqa: PLC0415 - whoever has no fault needs no YAML

    file = f"tables/{table.dataset}/{table.name}.yaml"
    try:
        line = f":{parse((root / file).read_bytes(), file, table.dataset, table.name).line(path)}"
    except OSError:  # it was there a moment ago
        line = ""
    return f"{file}{line}"
