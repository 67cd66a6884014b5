"""Rows that a table holds of files which hold them no longer: one is gone, was cut short, or another took its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.model.entry import Notice
from flows.warehouses.interface import every_row

if TYPE_CHECKING:
    from flows.engine.steps import Step
    from flows.model.table import Table
    from flows.warehouses.interface import Staged


def gone(table: Table, step: Step, staged: Staged) -> tuple[Notice, ...]:
    """Return what there is to say where a person has windows of files copied again that lack rows copied before.

    They are told from others by their key; without one there are as many as there are fewer rows now.

    Args:
        table: the one that holds the rows of the generation.
        step: what is copied.
        staged: what the files give of it now.
    """
    window = step.window
    if table.source is None or table.source.kind != "files" or step.cause != "forced" or window is None:
        return ()
    cursor = f"`held-row`.`{table.source.cursor}`"
    kind = table.types[str(table.source.cursor)].name
    since, until = ("@since", "@until") if kind == "TIMESTAMP" else (f"{kind}(@since)", f"{kind}(@until)")
    lacks = "TRUE"
    if table.key:
        same = " AND ".join(f"`given-row`.`{name}` = `held-row`.`{name}`" for name in table.key)
        lacks = f"NOT EXISTS (SELECT 1 FROM {staged.relation} AS `given-row` WHERE {same})"
    (held,) = staged.query(
        f"SELECT COUNT(*) AS n FROM `{table.dataset}`.`{table.name}` AS `held-row`"
        f" WHERE {every_row(table, '`held-row`.')} AND {cursor} >= {since} AND {cursor} < {until} AND {lacks}",
        {"since": window.start, "until": window.end},
    )
    count = held["n"] - (0 if table.key else staged.rows)
    return (Notice("gone", table.strategy, f"{count:,}"),) if count > 0 else ()
