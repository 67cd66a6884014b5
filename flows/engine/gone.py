"""Rows that a table holds of files which hold them no longer: one is gone, or was cut short."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.model.entry import Notice
from flows.warehouses.interface import every_row

if TYPE_CHECKING:
    from flows.engine.steps import Step
    from flows.model.table import Table
    from flows.warehouses.interface import Warehouse


def gone(table: Table, step: Step, rows: int, warehouse: Warehouse) -> tuple[Notice, ...]:
    """Return what there is to say where a person has windows of files copied again, which give so many rows now.

    `table` is the one that holds the rows of the generation.
    """
    window = step.window
    if table.source is None or table.source.kind != "files" or step.cause != "forced" or window is None:
        return ()
    cursor = str(table.source.cursor)
    kind = table.types[cursor].name
    since, until = ("@since", "@until") if kind == "TIMESTAMP" else (f"{kind}(@since)", f"{kind}(@until)")
    (held,) = warehouse.query(
        f"SELECT COUNT(*) AS n FROM `{table.dataset}`.`{table.name}`"
        f" WHERE {every_row(table)} AND `{cursor}` >= {since} AND `{cursor}` < {until}",
        {"since": window.start, "until": window.end},
    )
    return (Notice("gone", table.strategy, f"{held['n'] - rows:,}"),) if rows < held["n"] else ()
