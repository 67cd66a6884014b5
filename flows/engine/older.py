"""Which of two commits of the project is the older one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flows.engine.commit import TableRun
    from flows.warehouses.interface import Warehouse


def is_older(run: TableRun, theirs: str, warehouse: Warehouse) -> bool:
    """Say whether a run is of an older commit of the project than another one, where both are known.

    The project's history tells. A pod has none: there it is the one that the ledger has seen first.
    """
    if not run.git_commit or not theirs or run.git_commit == theirs:
        return False
    told = run.precedes(theirs)
    return _was_seen_before(run.git_commit, theirs, warehouse) if told is None else told


def _was_seen_before(ours: str, theirs: str, warehouse: Warehouse) -> bool:
    """Say whether the ledger has an entry by the one commit before the first by the other."""
    rows = warehouse.query(
        "SELECT git_commit, MIN(committed_at) AS seen FROM platform.ledger"
        " WHERE git_commit IN (@ours, @theirs) GROUP BY git_commit",
        {"ours": ours, "theirs": theirs},
    )
    seen = {row["git_commit"]: row["seen"] for row in rows}
    return ours in seen and bool(seen[ours] < seen[theirs])
