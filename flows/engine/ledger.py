"""Read the ledger: what is committed, what it had read, and what has been touched since.

The ledger is append-only tables in dataset `platform`, sharded by the table's identity. Both questions that a plan asks
are answered by the newest entry of each window and code version and of each touched range, so that an answer grows
with a table's windows and partitions and not with the number of its commits.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from flows.model.change_index import ChangeIndex
from flows.model.window import BEGINNING, END, EVER, Window, merge
from flows.warehouses.interface import ledger_shard

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flows.model.table import Table
    from flows.warehouses.interface import Warehouse


@dataclass(frozen=True, slots=True)
class Committed:
    """The newest commit of one range of adjacent windows under one code version."""

    window: Window
    version: int
    code_version: str
    began: datetime
    upstreams: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class LedgerState:
    """What the ledger knows of a table."""

    version: int = 0
    """Version of the newest commit."""
    committed: tuple[Committed, ...] = ()
    """In the order of their versions: a later one holds where two overlap."""

    @property
    def last(self) -> Committed | None:
        """The newest commit."""
        return self.committed[-1] if self.committed else None


@dataclass(frozen=True, slots=True)
class Upstream:
    """What a plan must know of a table that it reads."""

    version: int = 0
    """Version of its newest commit; 0 where it has none."""
    complete: tuple[Window, ...] = ()
    """Ranges of its partition column in which all rows are there, disjoint and in order."""
    touches: ChangeIndex = field(default_factory=lambda: ChangeIndex(()))
    changes: ChangeIndex = field(default_factory=lambda: ChangeIndex(()))
    """Those touches that changed or removed rows."""


def state(warehouse: Warehouse, table: Table) -> LedgerState:
    """Return what is committed; nothing where the table itself is gone, for then it must be made again."""
    if not warehouse.exists(f"platform.{ledger_shard(table.identity)}"):
        return LedgerState()
    rows = warehouse.query(
        # The table's name is a checked identifier, and the shard is ours.
        "SELECT kind, window_start, window_end, version, code_version, began, upstreams"
        f" FROM platform.{ledger_shard(table.identity)}"
        " WHERE table_name = @table_name AND kind <> 'failure'"
        " QUALIFY ROW_NUMBER() OVER ("
        "PARTITION BY kind, window_start, window_end, code_version ORDER BY version DESC) = 1"
        " ORDER BY version",
        {"table_name": table.identity},
    )
    version = max((row["version"] for row in rows), default=0)
    if not warehouse.exists(table.identity):
        return LedgerState(version=version)
    # Where a table has changed from windows to a whole or back, commits before that hold no longer.
    is_end = (row["kind"] == "reset" or (row["window_start"] is None) != (table.window is None) for row in rows)
    end = max((row["version"] for row, ends in zip(rows, is_end, strict=True) if ends), default=0)
    return LedgerState(version, tuple(_committed(row) for row in rows if row["version"] > end))


def upstream(warehouse: Warehouse, table: Table) -> Upstream:
    """Return what a plan of another table must know of this one."""
    known = state(warehouse, table)
    if not known.committed:
        return Upstream()
    rows = warehouse.query(
        f"SELECT t.range_start AS range_start, t.range_end AS range_end, t.changed AS changed, MAX(version) AS version"
        f" FROM platform.{ledger_shard(table.identity)}, UNNEST(touched) AS t"
        " WHERE table_name = @table_name AND kind <> 'failure' GROUP BY 1, 2, 3",
        {"table_name": table.identity},
    )
    touched = [(Window(_utc(row["range_start"]), _utc(row["range_end"])), row["version"]) for row in rows]
    changed = [touch for touch, row in zip(touched, rows, strict=True) if row["changed"]]
    return Upstream(known.version, tuple(complete(table, known)), ChangeIndex(touched), ChangeIndex(changed))


def warned(warehouse: Warehouse, table: Table, kind: str) -> list[str]:
    """Return the subjects of the warnings of one kind that a table's commits hold since it was last empty."""
    shard = f"platform.{ledger_shard(table.identity)}"
    rows = warehouse.query(
        f"SELECT DISTINCT w.subject AS subject FROM {shard} AS l, UNNEST(l.warnings) AS w"
        " WHERE l.table_name = @table_name AND l.kind = 'commit' AND w.kind = @kind AND l.version >"
        f" (SELECT COALESCE(MAX(version), 0) FROM {shard} WHERE table_name = @table_name AND kind = 'reset')"
        " ORDER BY 1",
        {"table_name": table.identity, "kind": kind},
    )
    return [row["subject"] for row in rows]


def complete(table: Table, known: LedgerState) -> list[Window]:
    """Return the ranges in which all of a table's rows are there.

    A core table is complete up to the cursor to which every window is committed, a derived table over the ranges that
    are committed, and a table without windows up to the moment at which its last run began to read. Before the table's
    start there is nothing to come, and neither is there after its end.
    """
    if known.last is None:
        return []
    if table.window is None:
        return [Window(BEGINNING, known.last.began)]
    done = merge([Window(BEGINNING, table.window.start), *(commit.window for commit in known.committed)])
    if table.source is not None:
        done = done[:1]
    if table.window.end is not None and done[-1].end >= table.window.end:
        done[-1] = Window(done[-1].start, END)
    return done


def _committed(row: Mapping[str, Any]) -> Committed:
    window = EVER if row["window_start"] is None else Window(_utc(row["window_start"]), _utc(row["window_end"]))
    upstreams = {item["table_name"]: item["version"] for item in row["upstreams"]}
    return Committed(window, row["version"], row["code_version"], _utc(row["began"]), upstreams)


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)
