"""Reading core tables from a MySQL server: windows, drift, names, failures and memory."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from flows.model.errors import SourceError, SourceUnavailableError
from flows.model.window import EVER, Window, utc
from flows.sources.mysql.reader import MysqlReader
from flows.sources.mysql.session import probe
from flows.sources.mysql.statements import SPLIT_ROWS
from tests.sources.core_table import core_table, read

if TYPE_CHECKING:
    from tests.servers.mysql import MysqlServer

THINGS = {"id": "INT64", "v": "STRING", "at": "TIMESTAMP"}
DAY = Window(utc("2024-03-02"), utc("2024-03-03"))
SECRET = "hunter2hunter2"  # noqa: S105 - a test's password


def things(server: MysqlServer, database: str, *rows: str, at: str = "TIMESTAMP(6)") -> MysqlReader:
    """Make a table of things with these rows, and return its reader."""
    server.execute(
        f"CREATE TABLE things (id BIGINT PRIMARY KEY, v VARCHAR(20), at {at} NULL, KEY (at))",
        *([f"INSERT INTO things VALUES {', '.join(rows)}"] if rows else []),
        database=database,
    )
    return MysqlReader(server.settings(database))


def many(server: MysqlServer, database: str, rows: int) -> None:
    """Make a table of so many things, one a second."""
    server.execute(
        "CREATE TABLE digits (d INT)",
        "INSERT INTO digits VALUES (0),(1),(2),(3),(4),(5),(6),(7),(8),(9)",
        "CREATE TABLE things (id BIGINT PRIMARY KEY, v VARCHAR(200), at TIMESTAMP(6) NULL, KEY (at))",
        "INSERT INTO things SELECT n, REPEAT('v', 100), '2024-03-02' + INTERVAL n SECOND FROM ("
        " SELECT a.d + 10 * b.d + 100 * c.d + 1000 * e.d + 10000 * f.d + 100000 * g.d AS n"
        f" FROM digits a, digits b, digits c, digits e, digits f, digits g) AS q WHERE n < {rows}",
        "ANALYZE TABLE things",
        database=database,
    )


def test_the_server_tells_its_clock(mysql_server: MysqlServer, database: str) -> None:
    """It is the server's own, in UTC."""
    now = MysqlReader(mysql_server.settings(database)).now()
    assert abs(now - datetime.now(UTC)) < timedelta(seconds=30)
    mysql_server.execute(
        f"CREATE USER late@'%' IDENTIFIED BY '{SECRET}'",
        f"GRANT SELECT ON {database}.* TO late@'%'",
        "SET GLOBAL init_connect = 'SET timestamp = 1704164645.25'",
    )
    try:
        behind = MysqlReader(mysql_server.settings(database, user="late", password=SECRET))
        assert behind.now() == utc("2024-01-02T03:04:05.25")
    finally:
        mysql_server.execute("SET GLOBAL init_connect = ''", "DROP USER late@'%'")


@pytest.mark.parametrize("at", ["TIMESTAMP(6)", "DATETIME(6)"])
def test_a_window_holds_its_start_and_not_its_end(mysql_server: MysqlServer, database: str, at: str) -> None:
    """With no overlap a window is [start, end), to the microsecond."""
    rows = ["(1, 'before', '2024-03-01 23:59:59.999999')", "(2, 'start', '2024-03-02')"]
    rows += ["(3, 'last', '2024-03-02 23:59:59.999999')", "(4, 'end', '2024-03-03')", "(5, 'never', NULL)"]
    reader = things(mysql_server, database, *rows, at=at)
    table = core_table("things", THINGS, overlap=timedelta(0))
    assert [row["v"] for row in read(reader, table, DAY)[0]] == ["start", "last"]


def test_windows_side_by_side_give_each_row_once(mysql_server: MysqlServer, database: str) -> None:
    """Adjacent windows without overlap are disjoint and together give all rows that have a cursor."""
    rows = [f"({n}, 'x', '2024-03-01' + INTERVAL {n * 7919} SECOND)" for n in range(100)]
    reader = things(mysql_server, database, *rows)
    table = core_table("things", THINGS, overlap=timedelta(0))
    days = [Window(utc("2024-03-01") + timedelta(days=n), utc("2024-03-02") + timedelta(days=n)) for n in range(10)]
    found = [row["id"] for day in days for row in read(reader, table, day)[0]]
    assert sorted(found) == list(range(100))
    assert len(read(reader, table, EVER)[0]) == len(read(reader, table)[0]) == 100


def test_an_integer_cursor_counts_seconds(mysql_server: MysqlServer, database: str) -> None:
    """A window over seconds since 1970 is [start, end) too."""
    start = int(DAY.start.timestamp())
    rows = [f"({n}, 'x', {at})" for n, at in enumerate((start - 1, start, start + 86399, start + 86400))]
    reader = things(mysql_server, database, *rows, at="INT UNSIGNED")
    table = core_table("things", {"id": "INT64", "at": "INT64"}, overlap=timedelta(0))
    assert [row["id"] for row in read(reader, table, DAY)[0]] == [1, 2]


def test_what_commits_late_is_read_by_the_next_window(mysql_server: MysqlServer, database: str) -> None:
    """A row that is committed after its window was read stands in the overlap of the next."""
    reader = things(mysql_server, database)
    table = core_table("things", THINGS)
    assert table.source.overlap == timedelta(minutes=5)
    with closing(mysql_server.connect(database, autocommit=False)) as late, late.cursor() as cursor:
        cursor.execute("INSERT INTO things VALUES (1, 'late', '2024-03-02 23:56:00')")
        assert read(reader, table, DAY)[0] == []
        late.commit()
    following = Window(DAY.end, DAY.end + timedelta(days=1))
    assert [row["v"] for row in read(reader, table, following)[0]] == ["late"]
    appended = core_table("things", THINGS, strategy="append")
    assert read(reader, appended, following)[0] == []


def test_bounds_beyond_what_a_timestamp_holds(mysql_server: MysqlServer, database: str) -> None:
    """Windows from before 1970 and to after 2038 find all rows."""
    reader = things(mysql_server, database, "(1, 'x', '1970-01-01 00:00:01')", "(2, 'y', '2038-01-19 03:14:07')")
    table = core_table("things", THINGS)
    assert len(read(reader, table, Window(utc("1900-01-01"), utc("2100-01-01")))[0]) == 2
    assert len(read(reader, table, Window(utc("0001-01-02"), utc("1971-01-01")))[0]) == 1


def test_odd_names(mysql_server: MysqlServer, database: str) -> None:
    """Reserved words, spaces, dots, quotes, backticks, percent signs and letters of any script are names."""
    names = ["select", "a b", "per%cent %s", "do.t", "quo'te\"", "back`tick", "größe東京", "AT"]
    quoted = [f"`{name.replace('`', '``')}`" for name in names]
    whole = ", ".join(f"{name} INT" for name in quoted[:-1])
    mysql_server.execute(
        f"CREATE TABLE `odd.ta%ble` (id INT PRIMARY KEY, {whole}, `AT` DATETIME)",
        f"INSERT INTO `odd.ta%ble` VALUES (1, {', '.join(map(str, range(7)))}, '2024-03-02')",
        database=database,
    )
    columns = {"id": "INT64"} | {f"c{n}={name}": "INT64" for n, name in enumerate(names[:-1])} | {"at": "DATETIME"}
    for source in ("`odd.ta%ble`", f"{database}.`odd.ta%ble`", f"`{database}`.`odd.ta%ble`"):
        reader = MysqlReader(mysql_server.settings(database if source[0] == "`" else "information_schema"))
        [row], _ = read(reader, core_table(source, columns), DAY)
        assert [row[f"c{n}"] for n in range(7)] == list(range(7))


@pytest.mark.parametrize("name", ["a.b.c", "", ".", "a.", "`a", "a`; DROP TABLE x; --`.`b", "x" * 65])
def test_what_is_no_name_is_refused(mysql_server: MysqlServer, database: str, name: str) -> None:
    """No text of source.table reaches SQL but as a quoted name."""
    with pytest.raises(SourceError, match="is not a table's name"):
        read(MysqlReader(mysql_server.settings(database)), core_table(name, THINGS), DAY)


def test_drift_is_told_before_anything_is_read(mysql_server: MysqlServer, database: str) -> None:
    """All columns that vanished or changed their type are named at once, with what to write."""
    mysql_server.execute(
        "CREATE TABLE things (id BIGINT, amounts DECIMAL(9,2), big BIGINT, at DATE, new INT)", database=database
    )
    table = core_table("things", {"id": "INT64", "amount": "NUMERIC", "big": "FLOAT64", "at": "DATE", "gone": "STRING"})
    with pytest.raises(SourceError) as caught:
        read(MysqlReader(mysql_server.settings(database)), table, DAY)
    message = str(caught.value)
    assert f"core.things does not agree with {database}.things" in message
    assert "columns.amount:" in message
    assert "Did you mean 'amounts'?" in message
    fault = "bigint(20), which does not fit FLOAT64. Write INT64 or NUMERIC or STRING."
    assert f"columns.big: 'big' in {database}.things is {fault}\n" in message
    assert "columns.gone:" in message
    assert "source.cursor: 'at'" in message
    assert not caught.value.transient


def test_an_integer_that_is_declared_as_a_time(mysql_server: MysqlServer, database: str) -> None:
    """What is advised is not refused then: a cursor of milliseconds takes a column of seconds at the source."""
    mysql_server.execute("CREATE TABLE things (id BIGINT, made BIGINT, at BIGINT)", database=database)
    table = core_table("things", {"id": "INT64", "made": "DATETIME", "at": "TIMESTAMP"})
    with pytest.raises(SourceError) as caught:
        read(MysqlReader(mysql_server.settings(database)), table, DAY)
    made, at = str(caught.value).splitlines()[1:]
    assert made.endswith("Write INT64 or NUMERIC or STRING. TIMESTAMP_SECONDS or TIMESTAMP_MILLIS make a time of it.")
    assert "So it is a cursor where it counts seconds since 1970. Where it counts milliseconds: " in at
    assert at.endswith("ADD COLUMN `at_seconds` BIGINT AS (`at` DIV 1000) STORED, ADD INDEX (`at_seconds`)")


def test_description_tells_what_is_left_out_and_slow(mysql_server: MysqlServer, database: str) -> None:
    """Columns that the file does not name, a missing index, and rows without a cursor are reported."""
    mysql_server.execute(
        "CREATE TABLE things (id BIGINT PRIMARY KEY, v TEXT, at DATETIME, `new one` INT)",
        "INSERT INTO things VALUES (1, 'x', NULL, 1)",
        database=database,
    )
    reader = MysqlReader(mysql_server.settings(database))
    found = reader.inspect(core_table("things", THINGS))
    assert found.unread == ("new one",)
    unencrypted, index, missing = found.warnings
    assert unencrypted.endswith("can read and change what is copied (ssl_mode=disabled).")
    create = "CREATE INDEX `things_at` ON `things` (`at`)"
    assert create in index
    mysql_server.execute(create, database=database)
    assert reader.inspect(core_table("things", THINGS)).warnings == (unencrypted, missing)
    assert "1 row whose at is NULL" in missing


def test_a_missing_table_and_a_missing_right(mysql_server: MysqlServer, database: str) -> None:
    """Both are final, and say what to do; the password is never shown."""
    with pytest.raises(SourceError, match="doesn't exist") as caught:
        read(MysqlReader(mysql_server.settings(database)), core_table("nothing", THINGS), DAY)
    assert not caught.value.transient
    mysql_server.execute(
        "CREATE TABLE things (id BIGINT PRIMARY KEY, v TEXT, at DATETIME)",
        "CREATE OR REPLACE USER 'poor'@'%' IDENTIFIED BY 'hunter2hunter2'",
        f"GRANT INSERT ON {database}.things TO 'poor'@'%'",
        database=database,
    )
    poor = mysql_server.settings(database, user="poor", password="hunter2hunter2")  # noqa: S106 - a test's user
    with pytest.raises(SourceError, match="SELECT on it") as caught:
        read(MysqlReader(poor), core_table("things", THINGS), DAY)
    assert not caught.value.transient
    wrong = mysql_server.settings(database, user="poor", password="wrong-hunter2")  # noqa: S106 - a test's user
    with pytest.raises(SourceError, match="Access denied") as caught:
        probe(wrong)
    assert not caught.value.transient
    assert "hunter2" not in str(caught.value)
    assert f"1 table in '{database}'" in probe(mysql_server.settings(database))


def test_sessions_cannot_write_and_are_in_utc(mysql_server: MysqlServer, database: str) -> None:
    """What the server says of the session that reads."""
    mariadb = "MariaDB" in mysql_server.execute("SELECT VERSION()")[0][0]
    table = core_table(
        f"{'information' if mariadb else 'performance'}_schema.session_variables",
        {"variable_name": "STRING", "variable_value": "STRING"},
        cursor=None,
    )
    rows, _ = read(MysqlReader(mysql_server.settings(database, statement_timeout=77)), table)
    found = {row["variable_name"].lower(): row["variable_value"] for row in rows}
    assert found["time_zone"] == "+00:00"
    assert found["sql_mode"] == ""
    assert found["character_set_results"] == "utf8mb4"
    assert found.get("tx_isolation", found.get("transaction_isolation")) == "REPEATABLE-READ"
    assert found.get("tx_read_only", found.get("transaction_read_only")) == "ON"
    assert float(found["max_statement_time"]) == 77 if mariadb else found["max_execution_time"] == "77000"


def test_a_statement_that_takes_too_long_may_be_tried_again(mysql_server: MysqlServer, database: str) -> None:
    """The time limit ends it, and the message names the setting."""
    mysql_server.execute("CREATE VIEW slow AS SELECT 1 AS id, SLEEP(20) AS v", database=database)
    reader = MysqlReader(mysql_server.settings(database, statement_timeout=1))
    began = time.monotonic()
    with pytest.raises(SourceUnavailableError, match="statement_timeout is 1 seconds"):
        read(reader, core_table("slow", {"id": "INT64", "v": "INT64"}, cursor=None))
    assert time.monotonic() - began < 10


def test_a_large_window_is_read_in_ranges(mysql_server: MysqlServer, database: str) -> None:
    """Several connections give each row once; one connection gives the same rows."""
    many(mysql_server, database, SPLIT_ROWS * 3 // 2)
    for connections in (1, 3):
        reader = MysqlReader(mysql_server.settings(database, max_connections=connections))
        ids: list[int] = []
        most = 0
        for batch in reader.read(core_table("things", THINGS), EVER):
            ids += batch.rows.column("id").to_pylist()
            running = mysql_server.execute("SELECT COUNT(*) FROM information_schema.processlist WHERE db = 'shop_test'")
            most = max(most, running[0][0])
        assert sorted(ids) == list(range(SPLIT_ROWS * 3 // 2))
        assert most <= connections
        assert (most > 1) == (connections > 1)


@pytest.mark.parametrize("connections", [1, 3])
def test_a_killed_connection_is_told_and_a_second_reading_is_whole(
    mysql_server: MysqlServer, database: str, connections: int
) -> None:
    """After KILL in the middle no batch looks like the end; the same reader then reads everything."""
    rows = SPLIT_ROWS * 3 // 2
    many(mysql_server, database, rows)
    reader = MysqlReader(mysql_server.settings(database, max_connections=connections))
    table = core_table("things", THINGS)
    batches = reader.read(table, EVER)
    next(batches)
    for (thread,) in mysql_server.execute("SELECT id FROM information_schema.processlist WHERE db = 'shop_test'"):
        mysql_server.execute(f"KILL {thread}")
    with pytest.raises(SourceUnavailableError):
        list(batches)
    assert sum(len(batch.rows) for batch in reader.read(table, EVER)) == rows


def test_a_reading_that_is_given_up_closes_its_connections(mysql_server: MysqlServer, database: str) -> None:
    """Neither threads nor sessions stay when the rest is not wanted, and it does not wait for the rest."""
    many(mysql_server, database, SPLIT_ROWS * 3 // 2)
    reader = MysqlReader(mysql_server.settings(database))
    before = set(threading.enumerate())
    batches = reader.read(core_table("things", THINGS), EVER)
    next(batches)
    batches.close()
    assert set(threading.enumerate()) <= before
    deadline = time.monotonic() + 5
    query = "SELECT COUNT(*) FROM information_schema.processlist WHERE db = 'shop_test'"
    while mysql_server.execute(query)[0][0] and time.monotonic() < deadline:
        time.sleep(0.05)
    assert mysql_server.execute(query)[0][0] == 0


def test_a_stopped_server_may_be_tried_again(mysql_server: MysqlServer, database: str) -> None:
    """While the server is killed, down and back, each reading is whole or says that it may be tried again."""
    if mysql_server.folder is None:
        pytest.skip("a server that is not ours is not stopped")
    rows = SPLIT_ROWS * 3 // 2
    many(mysql_server, database, rows)
    reader = MysqlReader(mysql_server.settings(database))
    table = core_table("things", THINGS)
    batches = reader.read(table, EVER)
    next(batches)
    mysql_server.stop(kill=True)
    try:
        with pytest.raises(SourceUnavailableError):
            list(batches)
        with pytest.raises(SourceUnavailableError, match="Can't connect"):
            read(reader, table, DAY)
    finally:  # others share it
        mysql_server.start()
    assert sum(len(batch.rows) for batch in reader.read(table, EVER)) == rows


MEMORY = """
import resource, sys
from flows.sources.mysql.reader import MysqlReader
from flows.sources.connections import MysqlConnection
from flows.model.window import Window, utc
from tests.sources.core_table import core_table
reader = MysqlReader(MysqlConnection.model_validate_json(sys.argv[1]))
columns = {"id": "INT64", "v": "STRING", "at": "TIMESTAMP"}
window = Window(utc("2024-01-01"), utc(sys.argv[2]))
rows = sum(len(batch.rows) for batch in reader.read(core_table("things", columns), window))
print(rows, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def test_memory_does_not_grow_with_the_window(mysql_server: MysqlServer, database: str) -> None:
    """600,000 rows take at most 150 MiB more than none: a few batches for each connection."""
    many(mysql_server, database, 600_000)
    settings = mysql_server.settings(database).model_dump(mode="json") | {"password": mysql_server.password}

    def run(end: str) -> list[int]:
        command = [sys.executable, "-c", MEMORY, json.dumps(settings), end]
        done = subprocess.run(command, check=True, capture_output=True, cwd=Path(__file__).parents[2])
        return [int(number) for number in done.stdout.split()]

    (few, least), (all_rows, most) = run("2024-03-02"), run("2025-01-01")
    assert (few, all_rows) == (0, 600_000)
    assert most - least < 150
