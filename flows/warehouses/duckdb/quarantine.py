"""The bad rows of sources in DuckDB; each function works in the transaction of its connection."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from flows.model.window import Window, covered, merge
from flows.sql.types import quote_table
from flows.warehouses.interface import holder_of, ledger_shard, shadow_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    import duckdb

    from flows.model.bad_row import BadRow
    from flows.model.entry import Entry
    from flows.model.table import Table

_COLUMNS = {
    "table_name": "VARCHAR",
    "window_start": "TIMESTAMPTZ",
    "window_end": "TIMESTAMPTZ",
    "run_id": "VARCHAR",
    "found_at": "TIMESTAMPTZ",
    "place": "VARCHAR",
    "reason": "VARCHAR",
    "raw": "VARCHAR",
}

_FOUND = '"found-rows"'


def create(connection: duckdb.DuckDBPyConnection) -> None:
    """Create the table of all bad rows where it is missing."""
    columns = ", ".join(f"{name} {type_}" for name, type_ in _COLUMNS.items())
    connection.execute(f"CREATE TABLE IF NOT EXISTS platform.quarantine ({columns})")


def renew(connection: duckdb.DuckDBPyConnection, entry: Entry, bad: Iterable[BadRow]) -> None:
    """Make a table's bad rows those that are left after a reading of one window.

    The rows of the window go, and those of any window that has by now been read again piece by piece. A row that
    was read again because it stands in the overlap, or whose window nobody can tell, stays in its first window. A
    commit is appended before its bad rows, so that it is not later than they are.
    """
    found = list(bad)
    known = _known(connection, entry)
    for start, end, found_at in known:
        window = None if start is None else Window(start.astimezone(UTC), end.astimezone(UTC))
        if _read_again(connection, entry, window, found_at):
            connection.execute(
                "DELETE FROM platform.quarantine WHERE table_name = ? AND window_start IS NOT DISTINCT FROM ?"
                " AND window_end IS NOT DISTINCT FROM ? AND found_at = ?",
                [holder_of(entry), start, end, found_at],
            )
    if found:
        _add(connection, entry, found)


def swap(connection: duckdb.DuckDBPyConnection, table: Table, generation: int, retired: int) -> None:
    """Let a table's bad rows go with its rows where one generation takes the place of another."""
    new, old = (shadow_of(table, one).identity for one in (generation, retired))
    connection.execute(
        "UPDATE platform.quarantine SET table_name = if(table_name = $name, $old, $name)"
        " WHERE table_name IN ($name, $new)",
        {"name": table.identity, "new": new, "old": old},
    )


def drop(connection: duckdb.DuckDBPyConnection, identity: str) -> None:
    """Let the bad rows of a generation go that is dropped."""
    connection.execute("DELETE FROM platform.quarantine WHERE table_name = ?", [identity])


def _known(connection: duckdb.DuckDBPyConnection, entry: Entry) -> list[tuple[Any, ...]]:
    """Return the windows that hold bad rows, and when those were found; those of parts before this one stay."""
    since = ""
    if entry.adds:
        since = (
            f" AND found_at > (SELECT max(committed_at) FROM {quote_table(f'platform.{ledger_shard(entry.table)}')}"
            " WHERE table_name = $table_name AND kind = 'part' AND version <> $version)"
        )
    return connection.execute(
        "SELECT DISTINCT window_start, window_end, found_at FROM platform.quarantine"
        f" WHERE table_name = $holder{since}",
        {
            "holder": holder_of(entry),
            **({"table_name": entry.table, "version": entry.version} if entry.adds else {}),
        },
    ).fetchall()


def _read_again(connection: duckdb.DuckDBPyConnection, entry: Entry, window: Window | None, found_at: datetime) -> bool:
    """Say whether a window in which bad rows were found has been read since, the entry's reading included."""
    if window is None or entry.window is None:
        # A table is either read as a whole or by windows: the other kind is of an older definition.
        return window is entry.window or entry.kind == "commit"
    if not window.overlaps(entry.window) or entry.kind == "failure":
        return covered(window, [entry.window])
    later = connection.execute(
        f"SELECT window_start, window_end FROM {quote_table(f'platform.{ledger_shard(entry.table)}')}"
        " WHERE table_name = ? AND kind = 'commit' AND coalesce(generation, 0) = ? AND committed_at > ?"
        " AND window_start < ? AND ? < window_end",
        [entry.table, entry.generation, found_at, window.end, window.start],
    ).fetchall()
    pieces = [Window(start.astimezone(UTC), end.astimezone(UTC)) for start, end in later]
    return covered(window, merge([entry.window, *pieces]))


def _add(connection: duckdb.DuckDBPyConnection, entry: Entry, found: list[BadRow]) -> None:
    """Add bad rows, each to its own window where it has one."""
    windows = [row.window or entry.window for row in found]
    same = "q.table_name = $table_name AND q.place = bad.place AND q.raw = bad.raw"
    connection.execute(
        f"CREATE TEMP TABLE {_FOUND} AS SELECT unnest($places) AS place, unnest($reasons) AS reason,"
        " unnest($raws) AS raw, unnest($starts)::TIMESTAMPTZ AS window_start,"
        " unnest($ends)::TIMESTAMPTZ AS window_end",
        {
            "places": [row.place for row in found],
            "reasons": [row.reason for row in found],
            "raws": [row.raw for row in found],
            "starts": [window and window.start for window in windows],
            "ends": [window and window.end for window in windows],
        },
    )
    if entry.window:
        connection.execute(
            f"DELETE FROM platform.quarantine AS q USING {_FOUND} AS bad"
            f" WHERE {same} AND q.window_end > bad.window_start",
            {"table_name": holder_of(entry)},
        )
    connection.execute(
        f"INSERT INTO platform.quarantine ({', '.join(_COLUMNS)})"
        f" SELECT $table_name, window_start, window_end, $run_id, $now, place, reason, raw FROM {_FOUND} AS bad"
        f" WHERE NOT EXISTS (SELECT 1 FROM platform.quarantine AS q WHERE {same})",
        {"table_name": holder_of(entry), "run_id": entry.run_id, "now": entry.committed_at or datetime.now(UTC)},
    )
    connection.execute(f"DROP TABLE {_FOUND}")
