"""Rows that no window holds by their cursor: counted and told by every source; in a database with an index and without."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from bson import Int64
from bson.datetime_ms import DatetimeMS

from flows.model.errors import SourceError
from flows.model.window import Window, utc
from flows.sources.mongodb.reader import MongodbReader
from flows.sources.mysql.reader import MysqlReader
from tests.shop import Shop
from tests.sources import mongo
from tests.sources.core_table import core_table, read

if TYPE_CHECKING:
    from pathlib import Path

    from pymongo.collection import Collection

    from flows.sources.interface import Inspection
    from tests.servers.mongodb import MongodbServer
    from tests.servers.mysql import MysqlServer

THINGS = {"id": "INT64", "at": "TIMESTAMP"}
NUMBERED = {"id": "INT64", "at": "INT64"}
DOCUMENTS = {"id=_id": "INT64", "at": "TIMESTAMP"}
AT = 1_709_294_400


def told(
    server: MysqlServer, database: str, at: str, *values: object, columns: dict[str, str] = THINGS, **fields: Any
) -> list[str]:
    """Return what is said of the cursors of a table with these values, but for a missing index."""
    rows = ", ".join(f"({number}, {value})" for number, value in enumerate(values))
    server.execute(
        "DROP TABLE IF EXISTS things",
        f"CREATE TABLE things (id INT PRIMARY KEY, at {at})",
        f"INSERT INTO things VALUES {rows}",
        database=database,
    )
    return left_out(MysqlReader(server.settings(database)).inspect(core_table("things", columns, **fields)))


def left_out(found: Inspection) -> list[str]:
    """Return what is said of rows, and not of an index or the connection."""
    return [warning for warning in found.warnings if "shop_test." in warning and "no index" not in warning]


@pytest.mark.parametrize("index", ["", ", KEY (at)"])
@pytest.mark.parametrize("type_", ["TIMESTAMP(6)", "DATETIME", "BIGINT"])
def test_rows_without_a_cursor_are_counted(mysql_server: MysqlServer, database: str, type_: str, index: str) -> None:
    """NULL and zero each, whether the server has an index to count by or not."""
    number = type_ == "BIGINT"
    none, some = ("0", str(AT)) if number else ("'0000-00-00'", "'2024-03-01 12:00'")
    missing, zero = told(
        mysql_server, database, f"{type_} NULL{index}", "NULL", none, some, none, columns=NUMBERED if number else THINGS
    )
    assert missing.startswith("shop_test.things has 1 row whose at is NULL: it belongs to no window and is left out")
    assert zero.startswith("shop_test.things has 2 rows whose at is zero: they belong to no window")


def test_a_zero_is_no_null(mysql_server: MysqlServer, database: str) -> None:
    """Of a column that cannot be NULL the zero dates are counted once."""
    [zero] = told(mysql_server, database, "DATETIME NOT NULL", "'0000-00-00'", "'2024-03-01'")
    assert "1 row whose at is zero" in zero
    assert told(mysql_server, database, "DATETIME NOT NULL", "'2024-03-01'") == []


@pytest.mark.parametrize(("parts", "unit"), [(10**3, "milliseconds"), (10**6, "microseconds"), (10**9, "nanoseconds")])
def test_an_integer_cursor_that_counts_no_seconds_is_refused(
    mysql_server: MysqlServer, database: str, parts: int, unit: str
) -> None:
    """As seconds it would lie after all windows; the message says how to have a column of seconds, and that works."""
    with pytest.raises(SourceError, match=rf"'at' in shop_test.things counts {unit} .*nothing was read") as caught:
        told(mysql_server, database, "BIGINT NOT NULL", AT * parts, (AT + 60) * parts, columns=NUMBERED)
    mysql_server.execute(str(caught.value).rpartition("that one: ")[2], database=database)
    columns = {"id": "INT64", "at_seconds": "INT64"}
    table = core_table("things", columns, cursor="at_seconds")
    reader = MysqlReader(mysql_server.settings(database))
    assert left_out(reader.inspect(table)) == []
    day = Window(utc("2024-03-01"), utc("2024-03-02"))
    assert [row["at_seconds"] for row in read(reader, table, day)[0]] == [AT, AT + 60]


def test_some_cursors_in_milliseconds_are_counted(mysql_server: MysqlServer, database: str) -> None:
    """Others count seconds and are read."""
    [finer] = told(mysql_server, database, "BIGINT", AT, AT * 1000, AT * 1000 + 1, columns=NUMBERED)
    assert "has 2 rows whose at counts milliseconds by the look of it, such as 1709294400001, where others" in finer


@pytest.mark.parametrize(
    ("type_", "value", "shown"),
    [("INT", "20240301", "20240301 (1970-08-23"), ("DATETIME", "'2023-12-31'", "2023-12-31,")],
)
def test_a_table_whose_rows_all_lie_before_its_start_is_told(
    mysql_server: MysqlServer, database: str, type_: str, value: str, shown: str
) -> None:
    """Such as where an integer is a day's digits rather than seconds."""
    [early] = told(mysql_server, database, type_, value, columns=NUMBERED if type_ == "INT" else THINGS)
    assert f"the greatest at of shop_test.things is {shown}" in early


@pytest.mark.parametrize("index", ["", ", KEY (at)"])
@pytest.mark.parametrize("type_", ["DATETIME(6)", "BIGINT"])
def test_rows_outside_the_table_are_counted(mysql_server: MysqlServer, database: str, type_: str, index: str) -> None:
    """Those before the start and after the end, to the microsecond; the first and the last moment inside are not."""
    moments = ["2023-12-31 23:59:59.999999", "2024-01-01", "2024-03-31 23:59:59.999999", "2024-04-01", "1999-01-01"]
    values = [f"'{moment}'" if type_ != "BIGINT" else f"{int(utc(moment).timestamp())}" for moment in moments]
    window = {"size": "1 day", "start": utc("2024-01-01"), "end": utc("2024-04-01")}
    columns = NUMBERED if type_ == "BIGINT" else THINGS
    [outside] = told(mysql_server, database, f"{type_}{index}", *values, columns=columns, window=window)
    assert outside == (
        "shop_test.things has 3 rows whose at lies before the table's start or after its end: left out; "
        "to have them write another start or end into `window`"
    )


@pytest.mark.parametrize("index", ["", ", KEY (at)"])
@pytest.mark.parametrize("most", ["2024-06-30", "2024-06-00", "9999-12-31", "2023-05-05"])
def test_dates_of_no_calendar_are_counted_once(mysql_server: MysqlServer, database: str, index: str, most: str) -> None:
    """They stand in some window by MySQL's order, whose rows are read without them; and no other date is one."""
    nowhere = ["2024-05-00 10:00", "2024-01-00", "2024-02-30", "2024-00-00"]
    good = ["2024-01-31 23:59:59.999999", "2024-02-29", "2024-02-01"]
    server, values = mysql_server, [f"'{value}'" for value in (*nowhere, *good, most)]
    server.execute("DROP TABLE IF EXISTS things", database=database)
    server.execute(
        "SET sql_mode = 'ALLOW_INVALID_DATES'",
        f"CREATE TABLE things (id INT PRIMARY KEY, at DATETIME(6) NOT NULL{index})",
        "INSERT INTO things VALUES " + ", ".join(f"({id_}, {value})" for id_, value in enumerate(values)),
        database=database,
    )
    reader, table = MysqlReader(server.settings(database)), core_table("things", THINGS)
    found = left_out(reader.inspect(table))
    count = 5 if most == "2024-06-00" else 4
    assert found[0] == (
        f"shop_test.things has {count} rows whose at is a date that does not exist, such as 2024-00-00 00:00:00.000000: "
        "they belong to no window and are left out. Give them a value."
    )
    assert len(found) == 1 + (most == "2023-05-05")
    rows, bad = read(reader, table, Window(utc("2024-01-01"), utc("9999-01-01")))
    assert {row["id"] for row in rows} == {4, 5, 6} | ({7} if most == "2024-06-30" else set())
    assert bad == []


def test_counting_ends_after_a_time(mysql_server: MysqlServer, database: str) -> None:
    """What cannot be counted quickly is told as not counted, and does not keep the rows from being read."""
    mysql_server.execute(
        "CREATE TABLE things (id INT PRIMARY KEY, at DATETIME)",
        "INSERT INTO things VALUES (1, '2024-03-01'), (2, NULL)",
        "CREATE VIEW slow AS SELECT id, IF(SLEEP(3), at, at) AS at FROM things",
        database=database,
    )
    reader = MysqlReader(mysql_server.settings(database))
    [warning] = left_out(reader.inspect(core_table("slow", THINGS)))
    assert (
        "rows of shop_test.slow whose at is NULL, zero, no date or outside the table's start and end could not be counted within 5 seconds"
        in warning
    )


def test_overlap_does_not_reach_before_the_start(mysql_server: MysqlServer, database: str) -> None:
    """The first window begins where the table does; the second reads back into the first."""
    mysql_server.execute(
        "CREATE TABLE things (id INT PRIMARY KEY, at DATETIME)",
        "INSERT INTO things VALUES (1, '2023-12-31 23:59'), (2, '2024-01-01'), (3, '2024-01-02')",
        database=database,
    )
    reader, table = MysqlReader(mysql_server.settings(database)), core_table("things", THINGS)
    first, second = (Window(utc(f"2024-01-0{day}"), utc(f"2024-01-0{day + 1}")) for day in (1, 2))
    assert [row["id"] for row in read(reader, table, first)[0]] == [2]
    wide = core_table("things", THINGS, overlap=timedelta(days=30))
    assert [row["id"] for row in read(reader, wide, second)[0]] == [2, 3]


@pytest.mark.parametrize("index", [False, True])
def test_documents_without_a_date_are_counted(
    mongodb_server: MongodbServer, collection: Collection[dict[str, Any]], *, index: bool
) -> None:
    """Missing, null and of another type; dates that no calendar has, and that are zero, are told apart."""
    at = datetime(2024, 3, 1, tzinfo=UTC)
    values = [None, "2024-03-01", 5, at, DatetimeMS(2**60), DatetimeMS(-(2**60))]
    collection.insert_many([{"_id": number, "at": value} for number, value in enumerate(values)])
    collection.insert_many([{"_id": 6}, {"_id": 7, "at": datetime(1970, 1, 1, tzinfo=UTC)}])
    if index:
        collection.create_index("at")
    found = MongodbReader(mongodb_server.settings("shop_test")).inspect(mongo.core_table(DOCUMENTS, cursor="at"))
    no_date, beyond, zero = left_out(found)
    assert no_date.startswith("shop_test.things has 4 documents whose at is no date, such as _id=0: they belong to no ")
    assert beyond.startswith("shop_test.things has 2 documents whose at lies outside the years 1 to 9999, such as _id=")
    assert zero.startswith("shop_test.things has 1 document whose at is zero, 1970-01-01 00:00 UTC, such as _id=7: it ")


@pytest.mark.parametrize("index", [False, True])
def test_documents_outside_the_table_are_counted(
    mongodb_server: MongodbServer, collection: Collection[dict[str, Any]], *, index: bool
) -> None:
    """Those before the start and after the end; one at the start is not."""
    moments = ["2023-12-31T23:59:59.999", "2024-01-01", "2024-03-31", "2024-04-01", "1999-01-01"]
    collection.insert_many([{"_id": number, "at": utc(moment)} for number, moment in enumerate(moments)])
    if index:
        collection.create_index("at")
    window = {"size": "1 day", "start": utc("2024-01-01"), "end": utc("2024-04-01")}
    table = mongo.core_table(DOCUMENTS, cursor="at", window=window)
    [outside] = left_out(MongodbReader(mongodb_server.settings("shop_test")).inspect(table))
    assert outside.startswith(
        "shop_test.things has 3 documents whose at lies before the table's start or after its end"
    )


@pytest.mark.parametrize(("parts", "unit"), [(1, "seconds"), (10**3, "milliseconds"), (10**6, "microseconds")])
def test_a_cursor_that_is_a_number_is_told_with_its_conversion(
    mongodb_server: MongodbServer, collection: Collection[dict[str, Any]], parts: int, unit: str
) -> None:
    """A number is no date; MongoDB itself can make it one."""
    collection.insert_many([{"_id": number, "at": Int64(AT * parts + number)} for number in range(3)])
    found = MongodbReader(mongodb_server.settings("shop_test")).inspect(mongo.core_table(DOCUMENTS, cursor="at"))
    assert "3 documents whose at is no date" in found.warnings[-1]
    assert f"{AT * parts} counts {unit} since 1970 by the look of it: updateMany(" in found.warnings[-1]


def test_overlap_of_documents_does_not_reach_before_the_start(
    mongodb_server: MongodbServer, collection: Collection[dict[str, Any]]
) -> None:
    """The first window begins where the table does."""
    moments = [utc("2023-12-31T23:59"), utc("2024-01-01"), utc("2024-01-02")]
    collection.insert_many([{"_id": number, "at": moment} for number, moment in enumerate(moments)])
    reader = MongodbReader(mongodb_server.settings("shop_test"))
    first, second = (Window(utc(f"2024-01-0{day}"), utc(f"2024-01-0{day + 1}")) for day in (1, 2))
    table = mongo.core_table(DOCUMENTS, cursor="at", overlap="30 days")
    assert [row["id"] for row in mongo.read(reader, table, first)[0]] == [1]
    assert [row["id"] for row in mongo.read(reader, table, second)[0]] == [1, 2]


FILE = """
description: Events.
owner: data@example.com
schedule: "0 * * * *"
window: {size: 1 day, start: 2026-01-01, end: 2026-01-04}
strategy: append
partition: {column: at, by: day}
source: {kind: files, path: "events*.csv", cursor: at}
columns: [{name: n, type: INT64}, {name: at, type: TIMESTAMP}]
"""


@pytest.mark.parametrize("stage", ["", "file"])
def test_rows_of_files_that_no_window_holds_are_counted(tmp_path: Path, stage: str) -> None:
    """They fill no quarantine, and are told once in a run whatever its windows, with a stage and without."""
    path = tmp_path / "tables/core/events.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(FILE)
    (tmp_path / "events1.csv").write_text("n,at\n1,\n2,2026-01-01\n3,2026-01-03\n6,2025-12-31 23:59\n")
    (tmp_path / "events2.csv").write_text("n,at\n4,NULL\n5,\n7,2026-01-04\n")
    shop, env = Shop(tmp_path), {"DERIVED_STAGE": f"{tmp_path}/stage"} if stage else {}
    for asked in ((), ("--force", "--from", "2026-01-02")):
        done = shop.run("flows.ingest", "core.events", *asked, env=env)
        assert done.returncode == 0, done.stderr
        assert done.stderr.count("3 rows whose at is NULL: they belong to no window and are left out") == 1
        assert done.stderr.count("2 rows whose at lies before the table's start or after its end: left out") == 1
    assert shop.rows("SELECT n FROM core.events ORDER BY n") == [(2,), (3,)]
    assert shop.rows("SELECT count(*) FROM platform.quarantine") == [(0,)]
