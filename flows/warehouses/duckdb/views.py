"""The views of dataset `platform`, by which anybody asks the ledger in plain SQL."""

VIEWS = {
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
