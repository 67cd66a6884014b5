"""The views of dataset `platform`, by which anybody asks the ledger in plain SQL."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from google.api_core.exceptions import NotFound
from google.cloud import bigquery

from flows.model.entry import LEDGER_COLUMNS
from flows.model.errors import WarehouseError
from flows.warehouses.bigquery.jobs import RETRY, translated
from flows.warehouses.bigquery.quarantine import COLUMNS
from flows.warehouses.bigquery.types import listed, quote_table

if TYPE_CHECKING:
    from collections.abc import Collection

    from flows.warehouses.bigquery.jobs import Jobs

PLATFORM = "platform"
VERSION = 4
"""Counts up with each change of the views below, so that they reach warehouses that have older ones."""
_LABEL = "derived_views"
"""Of the view over the ledger's shards: the version of those that ask it."""
COSTS = """
    SELECT REPLACE(label.derived_table, '-', '.') AS table_name, label.derived_window AS `window`,
           label.derived_run AS run_id, label.derived_owner AS owner, creation_time AS `at`, job_type, statement_type,
           total_bytes_processed AS bytes, total_bytes_billed AS bytes_billed, total_slot_ms AS slot_ms, job_id
    FROM (SELECT *, (SELECT AS STRUCT MAX(IF(key = 'derived_table', value, NULL)) AS derived_table,
                            MAX(IF(key = 'derived_window', value, NULL)) AS derived_window,
                            MAX(IF(key = 'derived_run', value, NULL)) AS derived_run,
                            MAX(IF(key = 'derived_owner', value, NULL)) AS derived_owner FROM UNNEST(labels)) AS label
          FROM `region-{region}`.INFORMATION_SCHEMA.JOBS
          WHERE parent_job_id IS NULL)
    WHERE label.derived_table IS NOT NULL
"""
"""Who spent what, from BigQuery's own record of jobs, which goes back half a year. Values are as labels have them."""
_NEWEST = "ROW_NUMBER() OVER (PARTITION BY table_name ORDER BY version DESC) = 1"
_RESET = (
    "MAX(IF(kind = 'reset', version, NULL)) OVER (PARTITION BY table_name) AS reset,"
    " COALESCE(generation, 0) = COALESCE(FIRST_VALUE(IF(kind = 'swap', generation, NULL) IGNORE NULLS)"
    " OVER (PARTITION BY table_name ORDER BY version DESC"
    " ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING), 0) AS is_seen"
)
"""When a table was last empty, and whether an entry is of the generation that readers see."""
_MADE = "(kind = 'commit' OR kind = 'accept' AND generation > 0)"
"""Whether an entry says that windows are committed."""
VIEWS = {
    # Of ranges that reach over a table's start or end as it came to be, the part is left that lies within: from the
    # first gap between what later trims took away to the last.
    "windows": f"""
        WITH gone AS (
          SELECT entry.table_name, entry.version, entry.committed_at, entry.window_end AS until,
                 gone.window_start AS start, gone.window_end AS stop,
                 GREATEST(entry.window_start, COALESCE(
                   MAX(gone.window_end) OVER (PARTITION BY entry.table_name, entry.version, entry.committed_at
                     ORDER BY gone.window_start ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING),
                   entry.window_start)) AS reached
          FROM `platform`.`ledger` AS entry JOIN `platform`.`ledger` AS gone
            ON gone.kind = 'trim' AND gone.table_name = entry.table_name
            AND COALESCE(gone.generation, 0) = COALESCE(entry.generation, 0)
            AND gone.window_start < entry.window_end AND entry.window_start < gone.window_end
            AND IF(entry.kind = 'failure', gone.committed_at > entry.committed_at, gone.version > entry.version)),
        trimmed AS (
          SELECT table_name, version, committed_at,
                 COALESCE(MIN(IF(reached < start, reached, NULL)), MAX(stop)) AS low,
                 IF(MAX(stop) >= MAX(until), MAX(IF(reached < start, start, NULL)), NULL) AS high
          FROM gone GROUP BY table_name, version, committed_at)
        SELECT entry.table_name, GREATEST(entry.window_start, COALESCE(low, entry.window_start)) AS window_start,
               LEAST(entry.window_end, COALESCE(high, entry.window_end)) AS window_end,
               IF({_MADE}, 'committed', 'failed') AS state, entry.version, entry.committed_at AS `at`, `rows`, seconds,
               run_id, run_by, code_version, error
        FROM (SELECT *, {_RESET},
                     MAX(IF(kind = 'reset', committed_at, NULL)) OVER (PARTITION BY table_name) AS reset_at
              FROM `platform`.`ledger`) AS entry
        LEFT JOIN trimmed
          ON trimmed.table_name = entry.table_name AND trimmed.version = entry.version
          AND trimmed.committed_at = entry.committed_at
        WHERE ({_MADE} OR kind = 'failure') AND is_seen
          AND (reset IS NULL OR IF({_MADE}, entry.version > reset, entry.committed_at > reset_at))
          AND (low IS NULL OR low < entry.window_end)
        QUALIFY ROW_NUMBER() OVER (PARTITION BY entry.table_name, entry.window_start, entry.window_end
                                   ORDER BY entry.committed_at DESC) = 1
    """,
    "tables": f"""
        SELECT table_name, last_updated, fresh_until, CURRENT_TIMESTAMP() - fresh_until AS freshness, version,
               code_version, run_by AS last_run_by
        FROM (SELECT table_name, version, code_version, run_by,
                     MAX(committed_at) OVER (PARTITION BY table_name) AS last_updated,
                     MAX(COALESCE(window_end, began)) OVER (PARTITION BY table_name) AS fresh_until
              FROM (SELECT *, {_RESET} FROM `platform`.`ledger`)
              WHERE {_MADE} AND is_seen AND (reset IS NULL OR version > reset)
              QUALIFY {_NEWEST})
    """,
    # A failure is resolved by the commit with which all its window is committed since. That is so where a window's
    # start, and the end of each later commit within it, lie in a later commit.
    "failures": f"""
        WITH entries AS (
          SELECT *, COALESCE(window_start, TIMESTAMP '0001-01-01 00:00:00+00') AS low,
                 COALESCE(window_end, TIMESTAMP '9999-12-31 00:00:00+00') AS high, {_MADE} AS is_made
          FROM `platform`.`ledger`),
        failed AS (SELECT *, ROW_NUMBER() OVER () AS number FROM entries WHERE kind = 'failure'),
        later AS (
          SELECT failed.number, entries.low, entries.high, entries.committed_at, failed.high AS until
          FROM failed JOIN entries ON entries.table_name = failed.table_name AND entries.is_made
            AND entries.committed_at > failed.committed_at AND entries.low < failed.high AND failed.low < entries.high),
        edges AS (
          SELECT number, low AS edge FROM failed UNION DISTINCT SELECT number, high FROM later WHERE high < until),
        made AS (
          SELECT edges.number, edges.edge,
                 MIN(IF(later.low <= edges.edge AND edges.edge < later.high, later.committed_at, NULL)) AS made_at
          FROM edges LEFT JOIN later ON later.number = edges.number
          GROUP BY edges.number, edges.edge),
        resolved AS (
          SELECT number, COUNT(*) = COUNT(made_at) AS is_whole, MAX(made_at) AS made_at FROM made GROUP BY number)
        SELECT failed.table_name, failed.window_start, failed.window_end, failed.committed_at AS failed_at,
               failed.run_id, failed.run_by, failed.error, IF(resolved.is_whole, resolved.made_at, NULL) AS resolved_at
        FROM failed JOIN resolved ON resolved.number = failed.number
    """,
    "dependencies": f"""
        SELECT newest.table_name, one.table_name AS upstream
        FROM (SELECT table_name, upstreams FROM (SELECT *, {_RESET} FROM `platform`.`ledger`)
              WHERE {_MADE} AND is_seen QUALIFY {_NEWEST}) AS newest,
             UNNEST(newest.upstreams) AS one
    """,
    "runs": f"""
        SELECT run_id, table_name, ANY_VALUE(run_by) AS run_by, ANY_VALUE(code_version) AS code_version,
               ANY_VALUE(git_commit) AS git_commit, MIN(began) AS began, MAX(committed_at) AS ended,
               COUNTIF({_MADE}) AS commits, COUNTIF(kind = 'failure') AS failures,
               SUM(IF({_MADE}, `rows`, 0)) AS `rows`
        FROM `platform`.`ledger` WHERE kind <> 'reset' GROUP BY run_id, table_name
    """,
}


def create(jobs: Jobs) -> None:
    """Let the views be those of this version, over all shards that there are."""
    version = _version(jobs)
    _unite(jobs)
    if version < VERSION:
        for name, select in VIEWS.items():
            jobs.query(f"CREATE OR REPLACE VIEW {_view(name)} AS {select}")
    labelled = bigquery.Table(f"{jobs.settings.project}.{PLATFORM}.ledger")
    labelled.labels = {_LABEL: str(max(version, VERSION))}
    with translated():
        jobs.client.update_table(labelled, ["labels"], retry=RETRY)
    if version < VERSION or "costs" not in names(jobs):
        # Whoever may not see what others spend does without.
        with suppress(WarehouseError):
            costs = COSTS.format(region=jobs.settings.location.lower())
            jobs.query(f"CREATE OR REPLACE VIEW {_view('costs')} AS {costs}")


def version_of(shown: bigquery.Table) -> int:
    """Return the version of the views that ask the one over the ledger's shards."""
    return int(shown.labels.get(_LABEL, 0))


def names(jobs: Jobs) -> set[str]:
    """Return the tables and views that there are."""
    with translated():
        return {item.table_id for item in jobs.client.list_tables(f"{jobs.settings.project}.{PLATFORM}", retry=RETRY)}


def _version(jobs: Jobs) -> int:
    with translated():
        try:
            return version_of(jobs.client.get_table(f"{jobs.settings.project}.{PLATFORM}.ledger", retry=RETRY))
        except NotFound:
            return 0


def _unite(jobs: Jobs) -> None:
    """Let two views be over all shards, also where another run makes one at the same time."""
    shards, shown = _shards(names(jobs)), None
    while shards != shown:
        shown = shards
        for view, columns in (("quarantine", list(COLUMNS)), ("ledger", [column.name for column in LEDGER_COLUMNS])):
            tables = [quote_table(f"{PLATFORM}.{name}") for name in shown if name.startswith(f"{view}_")]
            every = "\nUNION ALL ".join(f"SELECT {listed(columns)} FROM {table}" for table in tables)
            jobs.query(f"CREATE OR REPLACE VIEW {_view(view)} AS\n{every}")
        shards = _shards(names(jobs))


def _shards(tables: Collection[str]) -> list[str]:
    return sorted(name for name in tables if name.startswith(("ledger_", "quarantine_")))


def _view(name: str) -> str:
    return quote_table(f"{PLATFORM}.{name}")
