"""What BigQuery takes for a name in backticks only stands in them where it is sent."""

import pytest

from flows.sql import to_bigquery

SCHEMA = {"core.t": {"at": "TIMESTAMP", "n": "INT64"}}
QUERIES = {
    "SELECT DATE(at) AS day FROM core.t": "SELECT DATE(`at`) AS day FROM core.t",
    "SELECT t.at, `at` AS At2 FROM core.t AS t WHERE at > '2026-01-01' -- at": (
        "SELECT t.at, `at` AS At2 FROM core.t AS t WHERE `at` > '2026-01-01' -- at"
    ),
    "SELECT EXTRACT(HOUR FROM At AT TIME ZONE 'UTC') AS h, 'at' AS s FROM core.t": (
        "SELECT EXTRACT(HOUR FROM `At` AT TIME ZONE 'UTC') AS h, 'at' AS s FROM core.t"
    ),
    "SELECT at.n AS at FROM core.t AS at\nORDER BY at LIMIT 1": (
        "SELECT `at`.n AS `at` FROM core.t AS `at`\nORDER BY `at` LIMIT 1"
    ),
}


@pytest.mark.parametrize("sql", QUERIES)
def test_at_is_a_name_in_backticks(sql):
    """All else stays as its author wrote it."""
    assert to_bigquery(sql, SCHEMA) == QUERIES[sql]
