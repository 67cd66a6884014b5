"""The views of dataset `platform`, by which anybody asks the ledger in plain SQL."""

_SEEN = (
    "coalesce(generation, 0) = coalesce(max_by(generation, version) FILTER (kind = 'swap')"
    " OVER (PARTITION BY table_name), 0) AS is_seen"
)
"""Whether an entry is of the generation that readers see."""
_MADE = "(kind = 'commit' OR kind = 'accept' AND generation > 0)"
"""Whether an entry says that windows are committed."""
VIEWS = {
    # Of ranges that reach over a table's start or end as it came to be, the part is left that lies within: from the
    # first gap between what later trims took away to the last.
    "windows": f"""
        WITH gone AS (
          SELECT entry.table_name, entry.version, entry.committed_at, entry.window_end AS until,
                 gone.window_start AS start, gone.window_end AS stop,
                 greatest(entry.window_start, max(gone.window_end) OVER before) AS reached
          FROM platform.ledger AS entry JOIN platform.ledger AS gone
            ON gone.kind = 'trim' AND gone.table_name = entry.table_name
            AND coalesce(gone.generation, 0) = coalesce(entry.generation, 0)
            AND gone.window_start < entry.window_end AND entry.window_start < gone.window_end
            AND if(entry.kind = 'failure', gone.committed_at > entry.committed_at, gone.version > entry.version)
          WINDOW before AS (PARTITION BY entry.table_name, entry.version, entry.committed_at
                            ORDER BY gone.window_start ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)),
        trimmed AS (
          SELECT table_name, version, committed_at,
                 coalesce(min(reached) FILTER (reached < start), max(stop)) AS low,
                 if(max(stop) >= max(until), max(start) FILTER (reached < start), NULL) AS high
          FROM gone GROUP BY table_name, version, committed_at)
        SELECT entry.table_name, greatest(entry.window_start, low) AS window_start,
               least(entry.window_end, high) AS window_end, if({_MADE}, 'committed', 'failed') AS state, entry.version,
               entry.committed_at AS at, "rows", seconds, run_id, run_by, code_version, error
        FROM (SELECT *, {_SEEN}, max(version) FILTER (kind = 'reset') OVER one_table AS reset,
                     max_by(committed_at, version) FILTER (kind = 'reset') OVER one_table AS reset_at
              FROM platform.ledger WINDOW one_table AS (PARTITION BY table_name)) AS entry
        LEFT JOIN trimmed USING (table_name, version, committed_at)
        WHERE ({_MADE} OR kind = 'failure') AND is_seen
          AND (reset IS NULL OR if({_MADE}, entry.version > reset, entry.committed_at > reset_at))
          AND (low IS NULL OR low < entry.window_end)
        QUALIFY row_number() OVER (PARTITION BY entry.table_name, entry.window_start, entry.window_end
                                   ORDER BY entry.committed_at DESC) = 1
    """,
    "tables": f"""
        SELECT table_name, max(committed_at) AS last_updated, max(coalesce(window_end, began)) AS fresh_until,
               now() - max(coalesce(window_end, began)) AS freshness, max(version) AS version,
               arg_max(code_version, version) AS code_version, arg_max(run_by, version) AS last_run_by
        FROM (SELECT *, {_SEEN}, max(version) FILTER (kind = 'reset') OVER (PARTITION BY table_name) AS reset
              FROM platform.ledger)
        WHERE {_MADE} AND is_seen AND (reset IS NULL OR version > reset) GROUP BY table_name
    """,
    # A failure is resolved by the commit with which all its window is committed since. That is so where a window's
    # start, and the end of each later commit within it, lie in a later commit.
    "failures": f"""
        WITH entries AS (
          SELECT *, coalesce(window_start, TIMESTAMPTZ '0001-01-01 00:00:00+00') AS low,
                 coalesce(window_end, TIMESTAMPTZ '9999-12-31 00:00:00+00') AS high, {_MADE} AS is_made
          FROM platform.ledger),
        failed AS (SELECT *, row_number() OVER () AS number FROM entries WHERE kind = 'failure'),
        later AS (
          SELECT failed.number, entries.low, entries.high, entries.committed_at, failed.high AS within
          FROM failed JOIN entries ON entries.table_name = failed.table_name AND entries.is_made
            AND entries.committed_at > failed.committed_at AND entries.low < failed.high AND failed.low < entries.high),
        edges AS (
          SELECT number, low AS edge FROM failed UNION SELECT number, high FROM later WHERE high < within),
        made AS (
          SELECT edges.number, edges.edge, min(later.committed_at) AS made_at
          FROM edges LEFT JOIN later
            ON later.number = edges.number AND later.low <= edges.edge AND edges.edge < later.high
          GROUP BY edges.number, edges.edge)
        SELECT table_name, window_start, window_end, committed_at AS failed_at, run_id, run_by, error,
               CASE WHEN resolved.is_whole THEN resolved.made_at END AS resolved_at
        FROM failed JOIN (
          SELECT number, count(*) = count(made_at) AS is_whole, max(made_at) AS made_at FROM made GROUP BY number
        ) AS resolved ON resolved.number = failed.number
    """,
    "dependencies": f"""
        SELECT DISTINCT newest.table_name, upstream.table_name AS upstream
        FROM (SELECT table_name, arg_max(upstreams, version) AS upstreams FROM (SELECT *, {_SEEN} FROM platform.ledger)
              WHERE {_MADE} AND is_seen GROUP BY table_name) AS newest,
             unnest(newest.upstreams) AS one(upstream)
    """,
    "runs": f"""
        SELECT run_id, table_name, any_value(run_by) AS run_by, any_value(code_version) AS code_version,
               any_value(git_commit) AS git_commit, min(began) AS began, max(committed_at) AS ended,
               count(*) FILTER ({_MADE}) AS commits, count(*) FILTER (kind = 'failure') AS failures,
               CAST(coalesce(sum("rows") FILTER ({_MADE}), 0) AS BIGINT) AS "rows"
        FROM platform.ledger WHERE kind <> 'reset' GROUP BY run_id, table_name
    """,
}
