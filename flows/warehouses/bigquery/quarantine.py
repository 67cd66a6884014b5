"""The bad rows of sources in BigQuery, in shards like the ledger's: a DELETE keeps other tables' DELETEs waiting."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

from flows.model.types import parse_type
from flows.model.window import Window, covered, merge
from flows.warehouses.bigquery.types import listed, parameter, quote_table
from flows.warehouses.interface import holder_of, ledger_shard, shadow_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from flows.model.entry import Entry
    from flows.model.table import Table
    from flows.warehouses.bigquery.jobs import Jobs
    from flows.warehouses.bigquery.types import Parameter

COLUMNS = {
    "table_name": parse_type("STRING"),
    "window_start": parse_type("TIMESTAMP"),
    "window_end": parse_type("TIMESTAMP"),
    "run_id": parse_type("STRING"),
    "found_at": parse_type("TIMESTAMP"),
    "place": parse_type("STRING"),
    "reason": parse_type("STRING"),
    "raw": parse_type("STRING"),
}
FOUND_COLUMNS = {name: COLUMNS[name] for name in ("window_start", "window_end", "place", "reason", "raw")}
"""What is known of a bad row before it is in quarantine."""


def quarantine_shard(identity: str) -> str:
    """Return the name of the table, in dataset `platform`, that holds a table's bad rows."""
    return ledger_shard(identity).replace("ledger", "quarantine")


def shard_of(identity: str) -> str:
    """Return the same, quoted."""
    return quote_table(f"platform.{quarantine_shard(identity)}")


def holder(entry: Entry) -> Parameter:
    """Return the parameter by which the statements of `gone` and `added` name what the bad rows are of."""
    return parameter("holder", holder_of(entry))


def swapped(table: Table, generation: int, retired: int) -> tuple[str, list[Parameter]]:
    """Return the statement that lets bad rows go with their rows where a generation takes the place of another."""
    moved = "SET table_name = IF(table_name = @seen, @retired, @seen) WHERE table_name IN (@seen, @made)"
    return f"UPDATE {shard_of(table.identity)} {moved}", [
        parameter("seen", table.identity),
        parameter("made", shadow_of(table, generation).identity),
        parameter("retired", shadow_of(table, retired).identity),
    ]


def drop(jobs: Jobs, identities: Sequence[str]) -> None:
    """Let the bad rows of generations go that are dropped."""
    if identities:
        names = [parameter(f"name_{place}", name) for place, name in enumerate(identities)]
        places = ", ".join(f"@{name.name}" for name in names)
        jobs.query(f"DELETE FROM {shard_of(identities[0])} WHERE table_name IN ({places})", names)


def gone(jobs: Jobs, entry: Entry) -> tuple[list[str], list[Parameter]]:
    """Return the statements that take out what a reading of one window leaves no longer in quarantine.

    The rows of the window go, and those of any window that has by now been read again piece by piece. A commit is
    appended at the moment at which its bad rows are, so that it is not later than they are.
    """
    since = ""
    if entry.adds:  # the bad rows of parts before this one stay
        ledger = quote_table(f"platform.{ledger_shard(entry.table)}")
        parts = f"SELECT MAX(committed_at) FROM {ledger} WHERE table_name = @identity AND kind = 'part'"
        since = f" AND found_at > ({parts})"
    known = jobs.query(
        f"SELECT DISTINCT window_start, window_end, found_at FROM {shard_of(entry.table)}"
        f" WHERE table_name = @holder{since}",
        [holder(entry), *([parameter("identity", entry.table)] if entry.adds else [])],
    ).rows
    if not known:
        return [], []
    commits = _commits_since(jobs, entry, min(row["found_at"] for row in known))
    statements, parameters = [], []
    for place, row in enumerate(known):
        start, end, found_at = row["window_start"], row["window_end"], row["found_at"]
        window = None if start is None else Window(start.astimezone(UTC), end.astimezone(UTC))
        if not _read_again(entry, window, [span for span, moment in commits if moment > found_at]):
            continue
        bounds = f"window_start = @start_{place} AND window_end = @end_{place}"
        same = "window_start IS NULL" if window is None else bounds
        statements.append(
            f"DELETE FROM {shard_of(entry.table)} WHERE table_name = @holder AND {same} AND found_at = @found_{place}"
        )
        parameters.append(parameter(f"found_{place}", found_at))
        if window is not None:
            parameters += [parameter(f"start_{place}", window.start), parameter(f"end_{place}", window.end)]
    return statements, parameters


def added(entry: Entry, found: str) -> list[str]:
    """Return the statements that add the bad rows of the table `found`, quoted.

    A row that was read again because it stands in the overlap, or whose window nobody can tell, stays in its first
    window.
    """
    shard = shard_of(entry.table)
    same = "`old-row`.table_name = @holder AND `old-row`.place = `new-row`.place AND `old-row`.raw = `new-row`.raw"
    values = "@holder, window_start, window_end, @entry_run_id, @entry_committed_at, place, reason, raw"
    earlier = (
        f"DELETE FROM {shard} AS `old-row` WHERE EXISTS (SELECT 1 FROM {found} AS `new-row` WHERE {same}"
        " AND `old-row`.window_end > `new-row`.window_start)"
    )
    insert = (
        f"INSERT INTO {shard} ({listed(COLUMNS)}) SELECT {values} FROM {found} AS `new-row`"
        f" WHERE NOT EXISTS (SELECT 1 FROM {shard} AS `old-row` WHERE {same})"
    )
    return [earlier, insert] if entry.window else [insert]


def _commits_since(jobs: Jobs, entry: Entry, moment: datetime) -> list[tuple[Window, datetime]]:
    rows = jobs.query(
        f"SELECT window_start, window_end, committed_at FROM {quote_table(f'platform.{ledger_shard(entry.table)}')}"
        " WHERE table_name = @identity AND kind = 'commit' AND COALESCE(generation, 0) = @generation"
        " AND committed_at > @moment AND window_start IS NOT NULL",
        [parameter("identity", entry.table), parameter("generation", entry.generation), parameter("moment", moment)],
    ).rows
    return [
        (Window(row["window_start"].astimezone(UTC), row["window_end"].astimezone(UTC)), row["committed_at"])
        for row in rows
    ]


def _read_again(entry: Entry, window: Window | None, later: Sequence[Window]) -> bool:
    """Say whether a window in which bad rows were found has been read since, the entry's reading included."""
    if window is None or entry.window is None:
        # A table is either read as a whole or by windows: the other kind is of an older definition.
        return window is entry.window or entry.kind == "commit"
    if not window.overlaps(entry.window) or entry.kind == "failure":
        return covered(window, [entry.window])
    return covered(window, merge([entry.window, *(span for span in later if span.overlaps(window))]))
