"""The ledger's tables and views in DuckDB."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from flows.model.errors import ConflictError
from flows.model.sql_types import quote_table
from flows.warehouses.base import ledger_shard

if TYPE_CHECKING:
    from collections.abc import Iterable

    import duckdb

    from flows.model.entry import Entry
    from flows.model.table import Table
    from flows.model.window import Window
    from flows.sources.base import BadRow

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
        FROM platform.ledger
        QUALIFY row_number() OVER (PARTITION BY table_name, window_start, window_end ORDER BY committed_at DESC) = 1
    """,
    "tables": """
        SELECT table_name, max(committed_at) AS last_updated, max(coalesce(window_end, began)) AS fresh_until,
               now() - max(coalesce(window_end, began)) AS freshness, max(version) AS version,
               arg_max(code_version, version) AS code_version, arg_max(run_by, version) AS last_run_by
        FROM platform.ledger WHERE kind = 'commit' GROUP BY table_name
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
        FROM platform.ledger GROUP BY run_id, table_name
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
            f"SELECT max(version), max_by(run_id, version) FILTER ({overlap}),"
            f" max_by(run_by, version) FILTER ({overlap})"
            f" FROM {quote_table(f'platform.{ledger_shard(identity)}')}"
            " WHERE table_name = $identity AND kind = 'commit' AND version > $known",
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
        return newest is not None and newest != table.code_version

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
        """Replace a window's bad rows by those that its newest run found."""
        parameters: dict[str, object] = {"identity": entry.table}
        overlap = "window_start IS NULL"
        if entry.window is not None:
            overlap = "$window_start <= window_start AND window_end <= $window_end"
            parameters |= {"window_start": entry.window.start, "window_end": entry.window.end}
        self._connection.execute(
            f"DELETE FROM platform.quarantine WHERE table_name = $identity AND {overlap}", parameters
        )
        window = (entry.window.start, entry.window.end) if entry.window else (None, None)
        rows = [(entry.table, *window, entry.run_id, row.place, row.reason, row.raw) for row in bad]
        if rows:
            self._connection.executemany("INSERT INTO platform.quarantine VALUES (?, ?, ?, ?, now(), ?, ?, ?)", rows)
