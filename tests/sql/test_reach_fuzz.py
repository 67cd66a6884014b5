"""The law of reach, tried on random queries: what lies outside the inferred range changes nothing.

DERIVED_FUZZ is how many queries are tried, DERIVED_FUZZ_SEED which; a failure names the seed of its query.
"""

import os
from collections import Counter
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from random import Random

import duckdb
import pytest

from flows.model.errors import SqlError
from flows.model.window import BEGINNING, END, Size, Window
from flows.sql import analyze, to_duckdb
from tests.sql.random_queries import PARTITIONS, SCHEMA, TABLES, Writer

QUERIES = int(os.environ.get("DERIVED_FUZZ", "400"))
SEED = int(os.environ.get("DERIVED_FUZZ_SEED", "1"))
PARTS = 4
STARTS = [datetime(2026, 3, 1), datetime(2026, 1, 31), datetime(2025, 12, 29), datetime(2026, 5, 14)]  # noqa: DTZ001
SIZES = ("1 hour", "6 hours", "1 day", "1 day", "1 week", "1 month")
STORED = {"TIMESTAMP": "TIMESTAMPTZ", "DATE": "DATE", "DATETIME": "TIMESTAMP"}
NEAR = [
    *(timedelta(microseconds=count) for count in (-1, 0, 1)),
    *(timedelta(hours=count) for count in (-25, -24, -5, -1, 1, 7, 23, 30)),
    *(timedelta(days=count) for count in (-370, -62, -31, -28, -7, -3, -2, 2, 3, 6, 8, 29, 31, 90)),
]


def random_window(random):
    size = Size.parse(random.choice(SIZES))
    start = size.floor(random.choice(STARTS).replace(tzinfo=UTC) + timedelta(hours=random.randrange(24)))
    return Window(start, size.next(start))


def random_rows(random, window, ranges):
    """Rows near the edges of a window and of what a query is said to read of each table."""
    rows = {}
    for table in TABLES:
        edges = [window.start, window.end]
        if ranges.get(table):
            edges += [edge for edge in (ranges[table].start, ranges[table].end) if BEGINNING < edge < END] * 3
        moments = {random.choice(edges) + random.choice(NEAR) for _ in range(12)}
        moments |= {edge + timedelta(microseconds=step) for edge in edges for step in (-1, 0, 1)}
        rows[table] = [(random.randrange(4), random.randrange(4), moment) for moment in sorted(moments)]
    return rows


@contextmanager
def filled(connection, rows):
    """A transaction in which the tables hold these rows."""
    connection.execute("BEGIN")
    for table, listed in rows.items():
        values = ", ".join(f"({id_}, {n}, '{moment.replace(tzinfo=None)}')" for id_, n, moment in listed)
        connection.execute(f"INSERT INTO {table} VALUES {values}")
    yield
    connection.execute("ROLLBACK")


def within(moment, table, span):
    """Whether the partition value of a row lies in a range."""
    if TABLES[table] == "DATE":
        moment = datetime.combine(moment.date(), datetime.min.time(), UTC)
    return span.start <= moment < span.end


def result(connection):
    return Counter(map(str, connection.execute("EXECUTE query").fetchall()))


@pytest.mark.parametrize("part", range(PARTS))
def test_what_lies_outside_the_range_changes_nothing(part):
    """Whatever a query is, it gives the same rows over its upstreams cut to what it is said to read."""
    seen = Counter()
    with duckdb.connect() as connection:
        # A query is planned once for all its rows: it must not be optimised for those that are there first.
        connection.execute("SET TimeZone = 'UTC'; SET threads = 1; PRAGMA disable_optimizer; CREATE SCHEMA core")
        for table, type_ in TABLES.items():
            connection.execute(f"CREATE TABLE {table} (id BIGINT, n BIGINT, t {STORED[type_]})")
        for seed in range(SEED * 1_000_000 + part, SEED * 1_000_000 + QUERIES, PARTS):
            seen[tried(connection, seed)] += 1
    assert seen["cut"] > QUERIES / PARTS / 6, seen


def tried(connection, seed):
    """Try one query; say whether rows lay outside what it reads."""
    random = Random(seed)  # noqa: S311 - no secret
    sql, window = Writer(random).query(), random_window(random)
    try:
        dependencies = analyze(sql, SCHEMA, PARTITIONS).dependencies
    except SqlError as error:
        raise AssertionError(f"seed {seed}: {error}\n{sql}") from error
    ranges = {one.table: span for one in dependencies if (span := one.range(window)) is not None}
    rows = random_rows(random, window, ranges)
    cut = rows | {table: [row for row in rows[table] if within(row[2], table, span)] for table, span in ranges.items()}
    if cut == rows:
        return "whole"
    compiled = to_duckdb(sql, SCHEMA)
    for name, moment in (("window_start", window.start), ("window_end", window.end)):
        compiled = compiled.replace(f"${name}", f"TIMESTAMPTZ '{moment}'")
    with filled(connection, {one.table: rows[one.table] for one in dependencies}):
        connection.execute(f"PREPARE query AS {compiled}")
        whole = result(connection)
        for table, span in ranges.items():
            connection.execute(f"DELETE FROM {table} WHERE NOT (t >= ? AND t < ?)", [span.start, span.end])
        part_of_it = result(connection)
    shown = {table: str(span) for table, span in ranges.items()}
    assert whole == part_of_it, f"seed {seed}, window {window}, reads {shown}\n{sql}"
    return "cut" if whole else "empty"
