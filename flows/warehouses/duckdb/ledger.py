"""The ledger's tables and views in DuckDB."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from flows.model.entry import Entry, Touched
from flows.model.errors import ConflictError
from flows.model.window import EVER, Window, covered, merge
from flows.project.definition import code_version
from flows.sql.types import quote_table
from flows.warehouses.interface import ledger_shard

if TYPE_CHECKING:
    from collections.abc import Iterable

    import duckdb

    from flows.model.bad_row import BadRow
    from flows.model.table import Table

_SHARD_COLUMNS = """
    table_name VARCHAR NOT NULL, kind VARCHAR NOT NULL, version BIGINT NOT NULL,
    window_start TIMESTAMPTZ, window_end TIMESTAMPTZ, committed_at TIMESTAMPTZ NOT NULL, began TIMESTAMPTZ NOT NULL,
    seconds DOUBLE, "rows" BIGINT, bytes BIGINT, run_id VARCHAR, run_by VARCHAR, code_version VARCHAR,
    git_commit VARCHAR, upstreams STRUCT(table_name VARCHAR, version BIGINT)[],
    touched STRUCT(range_start TIMESTAMPTZ, range_end TIMESTAMPTZ, changed BOOLEAN)[], warnings VARCHAR[], error VARCHAR
"""
_QUARANTINE_COLUMNS = """
    table_name VARCHAR, window_start TIMESTAMPTZ, window_end TIMESTAMPTZ, run_id VARCHAR, found_at TIMESTAMPTZ,
    place VARCHAR, reason VARCHAR, raw VARCHAR
"""
_VIEWS = {
    "windows": """
        SELECT table_name, window_start, window_end, if(kind = 'commit', 'committed', 'failed') AS state, version,
               committed_at AS at, "rows", seconds, run_id, run_by, code_version, error
        FROM (SELECT *, max(version) FILTER (kind = 'reset') OVER one_table AS reset,
                     max_by(committed_at, version) FILTER (kind = 'reset') OVER one_table AS reset_at
              FROM platform.ledger WINDOW one_table AS (PARTITION BY table_name))
        WHERE kind <> 'reset' AND (reset IS NULL OR if(kind = 'commit', version > reset, committed_at > reset_at))
        QUALIFY row_number() OVER (PARTITION BY table_name, window_start, window_end ORDER BY committed_at DESC) = 1
    """,
    "tables": """
        SELECT table_name, max(committed_at) AS last_updated, max(coalesce(window_end, began)) AS fresh_until,
               now() - max(coalesce(window_end, began)) AS freshness, max(version) AS version,
               arg_max(code_version, version) AS code_version, arg_max(run_by, version) AS last_run_by
        FROM (SELECT *, max(version) FILTER (kind = 'reset') OVER (PARTITION BY table_name) AS reset
              FROM platform.ledger)
        WHERE kind = 'commit' AND (reset IS NULL OR version > reset) GROUP BY table_name
    """,
    "failures": """
        SELECT table_name, window_start, window_end, committed_at AS failed_at, run_id, run_by, error
        FROM platform.ledger WHERE kind = 'failure'
    """,
    "dependencies": """
        SELECT DISTINCT newest.table_name, upstream.table_name AS upstream
        FROM (SELECT table_name, arg_max(upstreams, version) AS upstreams FROM platform.ledger
              WHERE kind = 'commit' GROUP BY table_name) AS newest, unnest(newest.upstreams) AS one(upstream)
    """,
    "runs": """
        SELECT run_id, table_name, any_value(run_by) AS run_by, any_value(code_version) AS code_version,
               any_value(git_commit) AS git_commit, min(began) AS began, max(committed_at) AS ended,
               count(*) FILTER (kind = 'commit') AS commits, count(*) FILTER (kind = 'failure') AS failures,
               sum("rows") AS "rows"
        FROM platform.ledger WHERE kind <> 'reset' GROUP BY run_id, table_name
    """,
}


class LedgerTables:
    """The ledger as one connection sees it."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def prepare(self, identity: str) -> None:
        """Create a table's shard where it is missing, and with it the views over all shards."""
        shards = {
            name
            for (name,) in self._connection.execute(
                "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'platform'"
                " AND database_name = current_database() AND starts_with(table_name, 'ledger_')"
            ).fetchall()
        }
        shard = ledger_shard(identity)
        if shard in shards:
            return
        run = self._connection.execute
        run("BEGIN TRANSACTION")
        run("CREATE SCHEMA IF NOT EXISTS platform")
        run(f"CREATE TABLE {quote_table(f'platform.{shard}')} ({_SHARD_COLUMNS})")
        run(f"CREATE TABLE IF NOT EXISTS platform.quarantine ({_QUARANTINE_COLUMNS})")
        every = " UNION ALL ".join(f"FROM {quote_table(f'platform.{name}')}" for name in sorted(shards | {shard}))
        run(f"CREATE OR REPLACE VIEW platform.ledger AS {every}")
        for name, select in _VIEWS.items():
            run(f"CREATE OR REPLACE VIEW platform.{name} AS {select}")
        run("COMMIT")

    def next_version(self, identity: str, window: Window | None, known: int) -> int:
        """Return the version of the table's next commit.

        Raises:
            ConflictError: the window was committed by another run since `known`.
        """
        parameters: dict[str, object] = {"identity": identity, "known": known}
        overlap = "true"
        if window is not None:
            overlap = "coalesce(window_start < $window_end AND $window_start < window_end, true)"
            parameters |= {"window_start": window.start, "window_end": window.end}
        row = self._connection.execute(
            f"SELECT max(version), max_by(run_id, version) FILTER (kind = 'commit' AND {overlap}),"
            f" max_by(run_by, version) FILTER (kind = 'commit' AND {overlap})"
            f" FROM {quote_table(f'platform.{ledger_shard(identity)}')}"
            " WHERE table_name = $identity AND version > $known",
            parameters,
        ).fetchone()
        newest, run_id, run_by = row or (None, None, None)
        if run_id is not None:
            raise ConflictError(
                f"{identity}: run {run_id} of {run_by} has committed {window or 'the table'} in the meantime. "
                "This run changed nothing; start it again to do what is left."
            )
        return int(newest or known) + 1

    def made_otherwise(self, table: Table) -> bool:
        """Say whether the table's newest commit was made by another definition than its present one."""
        row = self._connection.execute(
            f"SELECT max_by(code_version, version) FROM {quote_table(f'platform.{ledger_shard(table.identity)}')}"
            " WHERE table_name = $identity AND kind = 'commit'",
            {"identity": table.identity},
        ).fetchone()
        newest = row[0] if row else None
        return newest is not None and newest != code_version(table)

    def reset(self, table: Table) -> None:
        """Record that a table of which there are commits was gone, so that they hold no longer."""
        row = self._connection.execute(
            f"SELECT max(version) FROM {quote_table(f'platform.{ledger_shard(table.identity)}')}"
            " WHERE table_name = $identity",
            {"identity": table.identity},
        ).fetchone()
        if row and row[0]:
            self.append(
                Entry(
                    table=table.identity,
                    kind="reset",
                    window=None,
                    run_id="",
                    run_by="",
                    code_version=code_version(table),
                    git_commit="",
                    began=datetime.now(UTC),
                    upstreams={},
                    version=row[0] + 1,
                    touched=(Touched(EVER, changed=True),),
                )
            )

    def append(self, entry: Entry) -> None:
        """Add one entry."""
        self._connection.execute(
            f"INSERT INTO {quote_table(f'platform.{ledger_shard(entry.table)}')} VALUES"
            " (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                entry.table,
                entry.kind,
                entry.version,
                entry.window and entry.window.start,
                entry.window and entry.window.end,
                datetime.now(UTC),
                entry.began,
                entry.seconds,
                entry.rows,
                entry.bytes,
                entry.run_id,
                entry.run_by,
                entry.code_version,
                entry.git_commit,
                [{"table_name": name, "version": version} for name, version in entry.upstreams.items()],
                [
                    {"range_start": item.range.start, "range_end": item.range.end, "changed": item.changed}
                    for item in entry.touched
                ],
                list(entry.warnings),
                entry.error,
            ],
        )

    def quarantine(self, entry: Entry, bad: Iterable[BadRow]) -> None:
        """Make a table's bad rows those that are left after a reading of one window.

        The rows of the window go, and those of any window that has by now been read again piece by piece. A row that
        was read again because it stands in the overlap, or whose window nobody can tell, stays in its first window. A
        commit is appended before its bad rows, so that it is not later than they are.
        """
        found = list(bad)
        known = self._connection.execute(
            "SELECT DISTINCT window_start, window_end, found_at FROM platform.quarantine WHERE table_name = ?",
            [entry.table],
        ).fetchall()
        for start, end, found_at in known:
            window = None if start is None else Window(start.astimezone(UTC), end.astimezone(UTC))
            if self._read_again(entry, window, found_at):
                self._connection.execute(
                    "DELETE FROM platform.quarantine WHERE table_name = ? AND window_start IS NOT DISTINCT FROM ?"
                    " AND window_end IS NOT DISTINCT FROM ? AND found_at = ?",
                    [entry.table, start, end, found_at],
                )
        if found:
            self._add(entry, found)

    def _read_again(self, entry: Entry, window: Window | None, found_at: datetime) -> bool:
        """Say whether a window in which bad rows were found has been read since, the entry's reading included."""
        if window is None or entry.window is None:
            # A table is either read as a whole or by windows: the other kind is of an older definition.
            return window is entry.window or entry.kind == "commit"
        if not window.overlaps(entry.window) or entry.kind == "failure":
            return covered(window, [entry.window])
        later = self._connection.execute(
            f"SELECT window_start, window_end FROM {quote_table(f'platform.{ledger_shard(entry.table)}')}"
            " WHERE table_name = ? AND kind = 'commit' AND committed_at > ?"
            " AND window_start < ? AND ? < window_end",
            [entry.table, found_at, window.end, window.start],
        ).fetchall()
        pieces = [Window(start.astimezone(UTC), end.astimezone(UTC)) for start, end in later]
        return covered(window, merge([entry.window, *pieces]))

    def _add(self, entry: Entry, found: list[BadRow]) -> None:
        """Add bad rows, each to its own window where it has one."""
        windows = [row.window or entry.window for row in found]
        same = "q.table_name = $table_name AND q.place = found.place AND q.raw = found.raw"
        self._connection.execute(
            "CREATE TEMP TABLE found AS SELECT unnest($places) AS place, unnest($reasons) AS reason,"
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
            self._connection.execute(
                f"DELETE FROM platform.quarantine AS q USING found WHERE {same} AND q.window_end > found.window_start",
                {"table_name": entry.table},
            )
        self._connection.execute(
            "INSERT INTO platform.quarantine"
            " SELECT $table_name, window_start, window_end, $run_id, $now, place, reason, raw FROM found"
            f" WHERE NOT EXISTS (SELECT 1 FROM platform.quarantine AS q WHERE {same})",
            {"table_name": entry.table, "run_id": entry.run_id, "now": datetime.now(UTC)},
        )
        self._connection.execute("DROP TABLE found")
