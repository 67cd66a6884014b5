"""Read the ledger: what is committed, what it had read, and what has been touched since.

The ledger is append-only tables in dataset `platform`, sharded by the table's identity. Both questions that a plan asks
are answered by the newest entry of each window and code version and of each touched range, so that an answer grows
with a table's windows and partitions and not with the number of its commits.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from flows.model.change_index import ChangeIndex
from flows.model.definition import DEFINITIONS, Change, Definition
from flows.model.errors import SqlError
from flows.model.window import BEGINNING, END, EVER, Window, covered, merge, subtract
from flows.project.definition import as_defined, changes, code_version, definition_text
from flows.warehouses.interface import ledger_shard

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flows.model.table import Table
    from flows.warehouses.interface import Warehouse


SKEW = timedelta(minutes=5)
"""By how much the clocks of machines may differ without anybody minding."""


@dataclass(frozen=True, slots=True)
class Committed:
    """The newest commit of one range of adjacent windows under one code version."""

    window: Window
    version: int
    code_version: str
    began: datetime
    upstreams: Mapping[str, int]
    behind: timedelta = timedelta(0)
    """By how much the source's clock was behind the warehouse's."""


@dataclass(frozen=True, slots=True)
class LedgerState:
    """What the ledger knows of a table."""

    version: int = 0
    """Version of the newest commit."""
    committed: tuple[Committed, ...] = ()
    """In the order of their versions: a later one holds where two overlap."""
    changed: Mapping[str, tuple[Change, ...]] = field(default_factory=dict)
    """What the table's file changes of definitions that made commits, by code version, where it changes anything."""
    ahead: datetime | None = None
    """When commits claim to have begun whose run had a clock that was ahead; what was not over then is to be made."""

    @property
    def last(self) -> Committed | None:
        """The newest commit."""
        return self.committed[-1] if self.committed else None

    @property
    def redefined(self) -> bool:
        """Whether the newest commit is of another definition."""
        return self.last is not None and self.last.code_version in self.changed


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
    changed_at: datetime | None = None
    """When it was touched last."""
    failed: tuple[Window, ...] = ()
    """Ranges that were tried in vain and are not committed."""


def state(warehouse: Warehouse, table: Table) -> LedgerState:
    """Return what is committed; nothing where the table itself is gone, for then it must be made again."""
    if not warehouse.exists(f"platform.{ledger_shard(table.identity)}"):
        return LedgerState()
    rows = warehouse.query(
        # The table's name is a checked identifier, and the shard is ours.
        "SELECT kind, window_start, window_end, version, code_version, began, upstreams, source_behind"
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
    committed = [_committed(row) for row in rows if row["version"] > end]
    kept, ahead = _in_their_time(table, committed, warehouse.now())
    return LedgerState(version, kept, _changed(warehouse, table, {commit.code_version for commit in kept}), ahead)


def _changed(warehouse: Warehouse, table: Table, code_versions: set[str]) -> dict[str, tuple[Change, ...]]:
    """Return what the table's file changes of the definitions of some code versions."""
    others = code_versions - {code_version(table)}
    if not others:
        return {}
    found: list[dict[str, Any]] = []
    if warehouse.exists(DEFINITIONS):
        found = warehouse.query(
            f"SELECT code_version, text FROM {DEFINITIONS} WHERE table_name = @table_name",
            {"table_name": table.identity},
        )
    texts = {row["code_version"]: row["text"] for row in found}
    differs = {name: _changes_of(texts.get(name), table) for name in others}
    return {name: changes for name, changes in differs.items() if changes}


def _changes_of(text: str | None, table: Table) -> tuple[Change, ...]:
    """Return what the table's file changes of a kept definition."""
    if text == definition_text(table):
        return ()
    try:
        return changes(as_defined(text, table), table) if text else (Change("unknown"),)
    except (ValueError, SqlError):
        return (Change("unknown"),)


def keep_definition(warehouse: Warehouse, table: Table, run_by: str, git_commit: str) -> None:
    """Keep the text of a table's definition, unless it is kept already."""
    warehouse.keep(
        Definition(table.identity, code_version(table), definition_text(table), run_by, git_commit, warehouse.now())
    )


def _in_their_time(
    table: Table, committed: Sequence[Committed], now: datetime
) -> tuple[tuple[Committed, ...], datetime | None]:
    """Return the commits without windows that a clock which was ahead took for over, and how far ahead it was.

    A commit that claims to have begun later than one after it, or than now, was made by such a clock. Its windows hold
    as far as they were over when a commit before it began.
    """
    latest = now + SKEW
    early: set[int] = set()
    for commit in reversed(committed):
        if commit.began > latest:
            early.add(commit.version)
        else:
            latest = min(latest, commit.began + SKEW)
    if not early:
        return tuple(committed), None
    kept: list[Committed] = []
    lost: list[Window] = []
    sure: datetime | None = None
    for commit in committed:
        if commit.version not in early:
            sure = commit.began
            kept.append(commit)
            continue
        over = table.window.closed(sure - commit.behind) if table.window and sure else None
        holds = commit.window.intersect(over) if over else None
        kept += [replace(commit, window=holds)] if holds else []
        lost += subtract([commit.window], [holds] if holds else [])
    ahead = max(commit.began for commit in committed if commit.version in early)
    made_since = [commit.window for commit in kept]
    return tuple(kept), ahead if subtract(lost, made_since) else None


def upstream(warehouse: Warehouse, table: Table) -> Upstream:
    """Return what a plan of another table must know of this one."""
    known = state(warehouse, table)
    failed = _failed(warehouse, table, known)
    if not known.committed:
        return Upstream(failed=failed)
    rows = warehouse.query(
        f"SELECT t.range_start AS range_start, t.range_end AS range_end, t.changed AS changed,"
        " MAX(version) AS version, MAX(committed_at) AS committed_at"
        f" FROM platform.{ledger_shard(table.identity)}, UNNEST(touched) AS t"
        " WHERE table_name = @table_name AND kind <> 'failure' GROUP BY 1, 2, 3",
        {"table_name": table.identity},
    )
    touched = [(Window(_utc(row["range_start"]), _utc(row["range_end"])), row["version"]) for row in rows]
    changed = [touch for touch, row in zip(touched, rows, strict=True) if row["changed"]]
    return Upstream(
        known.version,
        tuple(complete(table, known)),
        ChangeIndex(touched),
        ChangeIndex(changed),
        max((_utc(row["committed_at"]) for row in rows), default=None),
        failed,
    )


def _failed(warehouse: Warehouse, table: Table, known: LedgerState) -> tuple[Window, ...]:
    """Return the ranges of which there are failures and that are not committed, in order."""
    shard = f"platform.{ledger_shard(table.identity)}"
    if not warehouse.exists(shard):
        return ()
    rows = warehouse.query(
        f"SELECT DISTINCT window_start, window_end FROM {shard}"
        " WHERE table_name = @table_name AND kind = 'failure' ORDER BY 1, 2",
        {"table_name": table.identity},
    )
    committed = merge(commit.window for commit in known.committed)
    found = (EVER if row["window_start"] is None else _window(row) for row in rows)
    return tuple(window for window in found if not covered(window, committed))


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
        return [Window(BEGINNING, known.last.began - known.last.behind)]
    done = merge([Window(BEGINNING, table.window.start), *(commit.window for commit in known.committed)])
    if table.source is not None:
        done = done[:1]
    if table.window.end is not None and done[-1].end >= table.window.end:
        done[-1] = Window(done[-1].start, END)
    return done


def _committed(row: Mapping[str, Any]) -> Committed:
    window = EVER if row["window_start"] is None else _window(row)
    upstreams = {item["table_name"]: item["version"] for item in row["upstreams"]}
    behind = timedelta(seconds=row["source_behind"] or 0)
    return Committed(window, row["version"], row["code_version"], _utc(row["began"]), upstreams, behind)


def _window(row: Mapping[str, Any]) -> Window:
    return Window(_utc(row["window_start"]), _utc(row["window_end"]))


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)
