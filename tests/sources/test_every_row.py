"""Rows in are rows out, rows in quarantine or rows that are told as left out, however dirty they are."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from bson import Decimal128, Int64
from bson.datetime_ms import DatetimeMS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flows.model.errors import SourceError
from flows.model.window import Window, utc
from flows.sources.mongodb.reader import MongodbReader
from flows.sources.mysql.reader import MysqlReader
from tests.sources import mongo
from tests.sources.core_table import core_table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pymongo.collection import Collection

    from flows.model.table import Table
    from tests.servers.mongodb import MongodbServer
    from tests.servers.mysql import MysqlServer
    from tests.sources.project import Mirror, Project

START = utc("2024-03-01")
DAYS = [Window(START + timedelta(days=day), START + timedelta(days=day + 1)) for day in range(6)]
_TOLD = re.compile(r" has ([\d,]+) (?:rows?|documents?) whose ")
SHARED = settings(
    max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, derandomize=True
)


def counted(warnings: Iterable[str]) -> int:
    """Return how many rows are told as left out."""
    return sum(
        int(match[1].replace(",", ""))
        for warning in warnings
        if "to no window" in warning and (match := _TOLD.search(warning))
    )


def accounted(reader: MysqlReader | MongodbReader, table: Table) -> tuple[set[int], set[str], int]:
    """Return the ids of the rows that its windows give, the places of the bad ones, and how many are told."""
    told = counted(reader.inspect(table).warnings)
    batches = [batch for day in DAYS for batch in reader.read(table, day)]
    good = {row["id"] for batch in batches for row in batch.rows.to_pylist()}
    return good, {row.place for batch in batches for row in batch.bad}, told


MOMENTS = st.datetimes(datetime(2024, 3, 1), datetime(2024, 3, 6, 23, 59, 59))  # noqa: DTZ001 - in UTC without saying so
SQL_ROWS = st.lists(
    st.tuples(
        st.one_of(st.none(), st.just("0000-00-00 00:00:00"), st.just("2024-04-00 10:00:00"), MOMENTS.map(str)),
        st.one_of(st.none(), st.sampled_from(["0000-00-00", "2024-02-00", "2024-02-29", "0000-05-05"])),
        st.one_of(st.none(), st.binary(max_size=6)),
        st.one_of(
            st.none(), st.sampled_from([Decimal(10) ** 40, Decimal("0.0000000001"), Decimal("12.50"), Decimal(0)])
        ),
        st.one_of(st.none(), st.sampled_from([0, 2**63 - 1, 2**63, 2**64 - 1])),
    ),
    min_size=1,
    max_size=25,
)


@SHARED
@given(SQL_ROWS, st.booleans())
def test_every_row_of_mysql_is_accounted_for(
    mysql_server: MysqlServer, database: str, values: list[tuple[Any, ...]], index: bool
) -> None:
    """Zero dates, dates of no calendar, bytes that are no text, decimals and integers that do not fit, no cursor."""
    with mysql_server.connect(database) as session, session.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS things")
        cursor.execute(
            "CREATE TABLE things (id INT PRIMARY KEY, at DATETIME(6), born DATE, name VARBINARY(20), "
            f"total DECIMAL(60,10), big BIGINT UNSIGNED{', KEY (at)' if index else ''})"
        )
        cursor.executemany(
            "INSERT INTO things VALUES (%s, %s, %s, %s, %s, %s)", [(n, *row) for n, row in enumerate(values)]
        )
    columns = {"id": "INT64", "at": "TIMESTAMP", "born": "DATE", "name": "STRING", "total": "NUMERIC", "big": "INT64"}
    table = core_table("things", columns, window={"size": "1 day", "start": START})
    good, bad, told = accounted(MysqlReader(mysql_server.settings(database)), table)
    assert not {f"id={id_}" for id_ in good} & bad
    assert len(good) + len(bad) + told == len(values)


@SHARED
@given(
    st.lists(st.tuples(st.sampled_from([1, 1000, 10**6, 10**9]), st.integers(0, 86_400 * 5)), min_size=1, max_size=20)
)
def test_every_row_with_a_number_for_a_cursor_is_accounted_for(
    mysql_server: MysqlServer, database: str, values: list[tuple[int, int]]
) -> None:
    """Seconds are read; what counts finer is told, and refused where nothing counts seconds."""
    first = int(START.timestamp())
    rows = [(number, (first + second) * parts) for number, (parts, second) in enumerate(values)]
    with mysql_server.connect(database) as session, session.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS things")
        cursor.execute("CREATE TABLE things (id INT PRIMARY KEY, at BIGINT)")
        cursor.executemany("INSERT INTO things VALUES (%s, %s)", rows)
    table = core_table("things", {"id": "INT64", "at": "INT64"}, window={"size": "1 day", "start": START})
    reader = MysqlReader(mysql_server.settings(database))
    if all(parts > 1 for parts, _ in values):
        with pytest.raises(SourceError, match="seconds since 1970"):
            reader.inspect(table)
        return
    good, bad, told = accounted(reader, table)
    assert good == {number for number, (parts, _) in enumerate(values) if parts == 1}
    assert len(good) + len(bad) + told == len(values)


ANYTHING = st.one_of(
    st.none(),
    st.sampled_from(["", "12.50", "2024-03-01", 0, 1, 2**62, 0.1, float("nan"), True, [], [1], {}, {"a": 1}]),
    st.sampled_from([Int64(1_709_294_400_000), Decimal128("1E+40"), Decimal128("NaN"), DatetimeMS(2**60), b"\xff"]),
)
DOCUMENTS = st.lists(
    st.fixed_dictionaries(
        {}, optional={"at": st.one_of(ANYTHING, MOMENTS), "total": ANYTHING, "name": ANYTHING, "tags": ANYTHING}
    ),
    min_size=1,
    max_size=25,
)


@SHARED
@given(DOCUMENTS, st.booleans())
def test_every_document_is_accounted_for(
    mongodb_server: MongodbServer, collection: Collection[dict[str, Any]], values: list[dict[str, Any]], index: bool
) -> None:
    """Fields of any type, or none; cursors that are no date, or a date of no calendar."""
    collection.drop()
    whole = {"_id": -1, "at": START, "total": 1, "name": "x", "tags": ["x"]}
    collection.insert_many([whole, *(value | {"_id": number} for number, value in enumerate(values))])
    if index:
        collection.create_index("at")
    columns = {"id=_id": "INT64", "at": "TIMESTAMP", "total": "NUMERIC", "name": "STRING", "tags": "ARRAY<STRING>"}
    table = mongo.core_table(columns, cursor="at", window={"size": "1 day", "start": START})
    good, bad, told = accounted(MongodbReader(mongodb_server.settings("shop_test")), table)
    assert not {f"_id={id_}" for id_ in good} & bad
    assert len(good) + len(bad) + told == len(values) + 1


TABLE = """\
description: What a customer ordered.
owner: shop@example.com
schedule: "5 * * * *"
window: {{size: 1 day, start: 2024-03-01, end: 2024-03-11}}
source: {{{source}, connection: shop, cursor: updated_at, max_bad_rows: 40}}
strategy: merge
key: [id]
columns:
  - {{name: id, type: INT64, from: {id}}}
  - {{name: customer, type: STRING}}
  - {{name: total, type: NUMERIC}}
  - {{name: shipped, type: DATE, on_error: null}}
  - {{name: updated_at, type: TIMESTAMP}}
"""
ORDERS = 40


def copied_and_quarantined(project: Project) -> tuple[int, int, int]:
    """Return how many rows are in the core table, in quarantine, and without the day that could not be read."""
    [(good, bad, null)] = project.rows(
        "SELECT (SELECT count(*) FROM core.orders), (SELECT count(*) FROM platform.quarantine),"
        " (SELECT count(*) FROM core.orders WHERE shipped IS NULL)"
    )
    return good, bad, null


def test_forty_orders_of_mysql(mirror: Mirror) -> None:
    """As a shop has them after some years: most are copied, few are put aside, and the others are told."""
    mirror.execute(
        "CREATE TABLE orders (id INT PRIMARY KEY, customer VARBINARY(40), total DECIMAL(60,2), shipped DATE, updated_at DATETIME)",
        *(
            f"INSERT INTO orders VALUES ({n}, {name}, {total}, {shipped}, {at})"
            for n in range(ORDERS)
            for name in ["X'C328'" if n % 10 == 3 else f"'customer {n}'"]
            for total in ["1e40" if n % 20 == 7 else f"{n}.50"]
            for shipped in ["'0000-00-00'" if n % 3 == 0 else "'2024-03-05'"]
            for at in [{0: "NULL", 1: "'0000-00-00'"}.get(n % 8, f"'2024-03-{n % 10 + 1:02} 12:00'")]
        ),
    )
    mirror.write("orders", TABLE.format(source="kind: mysql, table: orders", id="id"))
    said = mirror.ingest("core.orders").stderr
    good, bad, null = copied_and_quarantined(mirror)
    assert (good, bad, counted(said.splitlines())) == (25, 5, 10)
    assert "5 rows whose updated_at is NULL" in said
    assert "5 rows whose updated_at is zero" in said
    assert null > 5


def test_forty_orders_of_mongodb(mongodb_server: MongodbServer, mongodb_project: Project) -> None:
    """The same from documents of several programs, some of which write other types."""
    at = [None, Int64(1_709_294_400_000), "2024-03-01"]
    mongodb_server.client["shop_test"]["orders"].insert_many(
        {
            "_id": n,
            "customer": 7 if n % 10 == 3 else f"customer {n}",
            "total": Decimal128("1E+40") if n % 20 == 7 else Decimal128(f"{n}.50"),
            "shipped": "0000-00-00" if n % 3 == 0 else "2024-03-05",
            "updated_at": at[n % 8] if n % 8 < len(at) else datetime(2024, 3, n % 10 + 1, tzinfo=UTC),
        }
        for n in range(ORDERS)
    )
    mongodb_project.write("orders", TABLE.format(source="kind: mongodb, collection: orders", id="_id"))
    said = mongodb_project.ingest("core.orders").stderr
    good, bad, null = copied_and_quarantined(mongodb_project)
    assert (good, bad, counted(said.splitlines())) == (20, 5, 15)
    assert "15 documents whose updated_at is no date" in said
    assert null > 5
