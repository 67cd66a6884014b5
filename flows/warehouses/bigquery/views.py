"""The views of dataset `platform`, by which anybody asks the ledger in plain SQL."""

_NEWEST = "ROW_NUMBER() OVER (PARTITION BY table_name ORDER BY version DESC) = 1"
_RESET = "MAX(IF(kind = 'reset', version, NULL)) OVER (PARTITION BY table_name) AS reset"
VIEWS = {
    "windows": f"""
        SELECT table_name, window_start, window_end, IF(kind = 'commit', 'committed', 'failed') AS state, version,
               committed_at AS at, `rows`, seconds, run_id, run_by, code_version, error
        FROM (SELECT *, {_RESET},
                     MAX(IF(kind = 'reset', committed_at, NULL)) OVER (PARTITION BY table_name) AS reset_at
              FROM `platform`.`ledger`)
        WHERE kind <> 'reset' AND (reset IS NULL OR IF(kind = 'commit', version > reset, committed_at > reset_at))
        QUALIFY ROW_NUMBER() OVER (PARTITION BY table_name, window_start, window_end ORDER BY committed_at DESC) = 1
    """,
    "tables": f"""
        SELECT table_name, last_updated, fresh_until, CURRENT_TIMESTAMP() - fresh_until AS freshness, version,
               code_version, run_by AS last_run_by
        FROM (SELECT table_name, version, code_version, run_by,
                     MAX(committed_at) OVER (PARTITION BY table_name) AS last_updated,
                     MAX(COALESCE(window_end, began)) OVER (PARTITION BY table_name) AS fresh_until
              FROM (SELECT *, {_RESET} FROM `platform`.`ledger`)
              WHERE kind = 'commit' AND (reset IS NULL OR version > reset)
              QUALIFY {_NEWEST})
    """,
    "failures": """
        SELECT table_name, window_start, window_end, committed_at AS failed_at, run_id, run_by, error
        FROM `platform`.`ledger` WHERE kind = 'failure'
    """,
    "dependencies": f"""
        SELECT newest.table_name, one.table_name AS upstream
        FROM (SELECT table_name, upstreams FROM `platform`.`ledger` WHERE kind = 'commit' QUALIFY {_NEWEST}) AS newest,
             UNNEST(newest.upstreams) AS one
    """,
    "runs": """
        SELECT run_id, table_name, ANY_VALUE(run_by) AS run_by, ANY_VALUE(code_version) AS code_version,
               ANY_VALUE(git_commit) AS git_commit, MIN(began) AS began, MAX(committed_at) AS ended,
               COUNTIF(kind = 'commit') AS commits, COUNTIF(kind = 'failure') AS failures, SUM(`rows`) AS `rows`
        FROM `platform`.`ledger` WHERE kind <> 'reset' GROUP BY run_id, table_name
    """,
}
