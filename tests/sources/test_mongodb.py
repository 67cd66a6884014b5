"""Reading core tables from a MongoDB server: windows, failures, what is said before reading, and memory."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from bson import Int64, ObjectId
from bson.datetime_ms import DatetimeMS

from flows.model.errors import SourceError, SourceUnavailableError
from flows.model.window import EVER, Window, utc
from flows.sources.connections import MongodbConnection
from flows.sources.mongodb import inspection
from flows.sources.mongodb.reader import MongodbReader
from flows.sources.mongodb.session import ping
from tests.servers.mongodb import serving
from tests.sources.mongo import core_table, read

if TYPE_CHECKING:
    from pymongo.collection import Collection

    from tests.servers.mongodb import MongodbServer

THINGS = {"id=_id": "INT64", "v": "STRING", "at": "TIMESTAMP"}
DAY = Window(utc("2024-03-02"), utc("2024-03-03"))
SECRET = "hunter2hunter2"  # noqa: S105 - a test's password


def reader(server: MongodbServer, **fields: Any) -> MongodbReader:
    return MongodbReader(server.settings("shop_test", **fields))


def many(collection: Collection[dict[str, Any]], count: int) -> None:
    """Fill the collection with so many things of 600 bytes, one a second."""
    start = datetime(2024, 3, 2, tzinfo=UTC)
    for first in range(0, count, 20_000):
        collection.insert_many(
            [
                {"_id": n, "v": "v" * 100, "at": start + timedelta(seconds=n), "rest": "x" * 450}
                for n in range(first, min(count, first + 20_000))
            ]
        )


def test_the_server_tells_its_clock(mongodb_server: MongodbServer) -> None:
    """It is in UTC."""
    assert abs(reader(mongodb_server).now() - datetime.now(UTC)) < timedelta(seconds=30)


def test_a_window_holds_its_start_and_not_its_end(mongodb_server: MongodbServer, collection: Collection) -> None:
    """With no overlap a window is [start, end), to the millisecond; what has no date belongs to none."""
    start, end = (int(moment.timestamp() * 1000) for moment in (DAY.start, DAY.end))
    moments = {"before": start - 1, "start": start, "last": end - 1, "end": end}
    others = {"never": None, "text": "2024-03-02", "number": start, "object id": ObjectId.from_datetime(DAY.start)}
    collection.insert_many(
        [{"_id": n, "v": v, "at": DatetimeMS(at)} for n, (v, at) in enumerate(moments.items())]
        + [{"_id": n, "v": v, "at": at} for n, (v, at) in enumerate(others.items(), 10)]
        + [{"_id": 20, "v": "missing"}]
    )
    table = core_table(THINGS, cursor="at", overlap=timedelta(0))
    rows, bad = read(reader(mongodb_server), table, DAY)
    assert ([row["v"] for row in rows], bad) == (["start", "last"], [])


def test_windows_side_by_side_give_each_document_once(mongodb_server: MongodbServer, collection: Collection) -> None:
    """Adjacent windows without overlap are disjoint and together give all documents that have a cursor."""
    start = datetime(2024, 3, 1, tzinfo=UTC)
    collection.insert_many([{"_id": n, "at": start + timedelta(seconds=n * 7919)} for n in range(100)])
    table = core_table(THINGS, cursor="at", overlap=timedelta(0))
    days = [Window(start + timedelta(days=n), start + timedelta(days=n + 1)) for n in range(10)]
    found = [row["id"] for day in days for row in read(reader(mongodb_server), table, day)[0]]
    assert sorted(found) == list(range(100))
    assert len(read(reader(mongodb_server), table, EVER)[0]) == 100


def test_the_time_of_an_object_id_is_a_cursor(mongodb_server: MongodbServer, collection: Collection) -> None:
    """A window over `_id` is [start, end) by whole seconds, whatever the rest of the ObjectId is."""
    seconds = [int(DAY.start.timestamp()) + shift for shift in (-1, 0, 86399, 86400)]
    ids = [ObjectId(second.to_bytes(4, "big") + rest * 8) for second in seconds for rest in (b"\0", b"\xff")]
    collection.insert_many([{"_id": id_} for id_ in [*ids, "text", 7]])
    table = core_table({"id=_id": "STRING"}, cursor="id", overlap=timedelta(0))
    assert [row["id"] for row in read(reader(mongodb_server), table, DAY)[0]] == [str(id_) for id_ in ids[2:6]]
    ends = [ObjectId(b"\0" * 12), ObjectId(b"\xff" * 12)]
    collection.insert_many([{"_id": id_} for id_ in ends])
    assert len(read(reader(mongodb_server), table, EVER)[0]) == 10


def test_what_is_written_late_is_read_by_the_next_window(mongodb_server: MongodbServer, collection: Collection) -> None:
    """A document that comes after its window was read stands in the overlap of the next, where a table is merged."""
    table = core_table(THINGS, cursor="at")
    assert table.source.overlap == timedelta(minutes=5)
    collection.insert_one({"_id": 0, "at": datetime(2024, 1, 1, tzinfo=UTC)})
    assert read(reader(mongodb_server), table, DAY)[0] == []
    collection.insert_one({"_id": 1, "v": "late", "at": datetime(2024, 3, 2, 23, 56, tzinfo=UTC)})
    following = Window(DAY.end, DAY.end + timedelta(days=1))
    assert [row["v"] for row in read(reader(mongodb_server), table, following)[0]] == ["late"]
    appended = core_table(THINGS, cursor="at", strategy="append")
    assert read(reader(mongodb_server), appended, following)[0] == []


def test_dates_before_1970_and_after_2262_lie_in_windows(mongodb_server: MongodbServer, collection: Collection) -> None:
    """The first and the last day of the calendar are windows like any other."""
    moments = [utc("0001-01-01"), utc("1969-12-31T23:59:59.999"), utc("2500-01-01"), utc("9999-12-31T23:59:59.999")]
    collection.insert_many([{"_id": n, "at": moment} for n, moment in enumerate(moments)])
    table = core_table(THINGS, cursor="at")
    assert [row["at"] for row in read(reader(mongodb_server), table, EVER)[0]] == moments
    [row], _ = read(reader(mongodb_server), table, Window(utc("1969-12-31"), utc("1970-01-01")))
    assert row["id"] == 1
    [row], _ = read(reader(mongodb_server), table, Window(utc("2499-12-31"), utc("2500-01-02")))
    assert row["id"] == 2


def test_a_missing_collection_is_no_empty_one(mongodb_server: MongodbServer, collection: Collection) -> None:
    """It is an error that names one of a similar name; a window without documents is none."""
    collection.insert_one({"_id": 1, "at": datetime(2020, 1, 1, tzinfo=UTC)})
    with pytest.raises(SourceError, match=r"has no collection 'thing'\. Did you mean 'things'\?") as caught:
        read(reader(mongodb_server), core_table(THINGS, collection="thing"))
    assert not caught.value.transient
    with pytest.raises(SourceError, match=r"Did you mean 'things'\?"):
        reader(mongodb_server).inspect(core_table(THINGS, collection="thing"))
    assert read(reader(mongodb_server), core_table(THINGS, cursor="at"), DAY) == ([], [])


@pytest.mark.parametrize("name", ["", "a\0b", "$x", "a..b", ".a"])
def test_what_is_no_name_of_a_collection_is_refused(mongodb_server: MongodbServer, name: str) -> None:
    """The driver's error is told as one of the source."""
    with pytest.raises(SourceError) as caught:
        read(reader(mongodb_server), core_table(THINGS, collection=name))
    assert not caught.value.transient


def test_description_tells_what_is_left_out_and_slow(mongodb_server: MongodbServer, collection: Collection) -> None:
    """Fields that the file does not name, a missing index, and documents without a cursor."""
    some = [{"_id": 1, "v": "x", "vv": "x", "at": None}, {"_id": 2, "at": datetime(2024, 1, 1, tzinfo=UTC)}]
    collection.insert_many(some)
    table = core_table(THINGS, cursor="at")
    found = reader(mongodb_server).inspect(table)
    assert found.unread == ("vv",)
    unencrypted, index, missing = found.warnings
    assert unencrypted.endswith("can read and change what is copied (tls=false).")
    assert "db.things.createIndex({at: 1})" in index
    assert "1 document whose at is no date, such as _id=1" in missing
    collection.create_index([("at", 1), ("v", 1)])
    assert reader(mongodb_server).inspect(table).warnings == (unencrypted, missing)
    collection.delete_one({"_id": 1})
    collection.update_one({"_id": 2}, {"$set": {"v": "x"}})
    assert reader(mongodb_server).inspect(table).warnings == (unencrypted,)
    by_id = core_table({"id=_id": "STRING", "v": "STRING", "at": "JSON"}, cursor="id")
    _, warning = reader(mongodb_server).inspect(by_id).warnings
    assert "_id is no objectId, such as _id=2" in warning


def test_a_cursor_that_cannot_be_looked_for_is_a_fault(
    mongodb_server: MongodbServer, collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a large collection without an index nobody knows whether a document has it: no window would hold a row."""
    monkeypatch.setattr(inspection, "_LOOK_SECONDS", 0)
    collection.insert_one({"_id": 1, "updated_at": datetime(2024, 1, 1, tzinfo=UTC)})
    table = core_table({"id=_id": "INT64", "w": "STRING", "at=update_at": "TIMESTAMP"}, cursor="at")
    with pytest.raises(SourceError, match="nothing was read") as caught:
        reader(mongodb_server).inspect(table)
    assert "source.cursor: no field 'update_at' in the first 100 documents of shop_test.things" in str(caught.value)
    assert "Did you mean 'updated_at'?" in str(caught.value)


def test_a_name_that_no_document_has_is_a_fault(mongodb_server: MongodbServer, collection: Collection) -> None:
    """In paths and in STRUCTs, with the name that was perhaps meant; one that a document far down has is none."""
    columns = {"id=_id": "INT64", "city=address.town": "STRING", "items": "ARRAY<STRUCT<prize INT64, sku STRING>>"}
    thing = {"address": {"town_": "Bonn"}, "items": [{"price": 1, "sku": "a"}, {"sku": "b"}]}
    collection.insert_many([thing | {"_id": number} for number in range(200)])
    with pytest.raises(SourceError, match="nothing was read") as caught:
        reader(mongodb_server).inspect(core_table(columns))
    message = str(caught.value)
    assert (
        "columns.city: no document of shop_test.things has a field 'address.town'. Did you mean 'address.town_'?"
        in message
    )
    assert (
        "columns.items: no document of shop_test.things has a field 'items.prize'. Did you mean 'items.price'?"
        in message
    )
    assert "sku" not in message
    collection.insert_one({"_id": 200, "address": {"town": "Bonn"}, "items": [{"prize": 1}]})
    found = reader(mongodb_server).inspect(core_table(columns))
    assert found.unread == ("address.town_", "items.price")
    assert not any("no document" in warning for warning in found.warnings)


def test_names_with_dots_are_read_in_backticks(mongodb_server: MongodbServer, collection: Collection) -> None:
    """At the top, inside of documents, and where documents are read one by one; not as a cursor."""
    collection.insert_many(
        [{"_id": 1, "price.eur": 5, "in": {"a.b": 7, "c": 8}}, {"_id": 2, "price.eur": Int64(6), "in": {"c": "x"}}]
    )
    columns = {"id=_id": "INT64", "price=`price.eur`": "INT64", "ab=in.`a.b`": "INT64", "c=in.c": "INT64"}
    rows, [bad] = read(reader(mongodb_server), core_table(columns))
    assert rows == [{"id": 1, "price": 5, "ab": 7, "c": 8}]
    assert (bad.place, bad.reason) == ("_id=2", "in.c 'x' is no number")
    assert not any("no document" in warning for warning in reader(mongodb_server).inspect(core_table(columns)).warnings)
    with pytest.raises(SourceError, match=r"MongoDB cannot look for 'price\.eur'"):
        read(reader(mongodb_server), core_table({"id=_id": "INT64", "at=`price.eur`": "TIMESTAMP"}, cursor="at"), DAY)


@pytest.mark.parametrize("after", [0, 1])
def test_a_server_that_dies_in_the_middle_is_told(after: int) -> None:
    """No short result looks like the end, and a second reading is whole."""
    with serving(keep=True) as server:
        many(server.client["shop_test"]["things"], 30_000)
        server.stop()
        server.start(die_after_getmores=after)
        whole = reader(server, uri=server.uri(serverSelectionTimeoutMS=3000))
        batches = whole.read(core_table(THINGS), None)
        seen: list[int] = []
        with pytest.raises(SourceUnavailableError):
            seen.extend(len(batch.rows) for batch in batches)
        assert sum(seen) < 30_000
        assert list(batches) == []
        server.process.wait()
        with pytest.raises(SourceUnavailableError, match="refused"):
            read(whole, core_table(THINGS))
        server.start()
        assert sum(len(batch.rows) for batch in whole.read(core_table(THINGS), None)) == 30_000


def test_a_server_that_hangs_is_given_up() -> None:
    """After the time limit it may be tried again, and the message names the setting; giving up does not wait for it."""
    with serving(keep=True) as server:
        many(server.client["shop_test"]["things"], 2000)
        server.stop()
        server.start(hang_after_getmores=0)
        with pytest.raises(SourceUnavailableError, match="statement_timeout is 3600 seconds"):
            read(reader(server, uri=server.uri(socketTimeoutMS=1000)), core_table(THINGS))
        batches = reader(server).read(core_table(THINGS), None)
        next(batches)
        began = time.monotonic()
        batches.close()
        assert time.monotonic() - began < 5


def test_a_killed_cursor_may_be_tried_again(mongodb_server: MongodbServer, collection: Collection) -> None:
    """A cursor that the server does not know any more is no end."""
    many(collection, 60_000)
    batches = reader(mongodb_server).read(core_table(THINGS), None)
    next(batches)
    # The test server numbers its cursors.
    cursors = [(1 << 40) + n for n in range(10_000)]
    mongodb_server.client["shop_test"].command("killCursors", "things", cursors=cursors)
    with pytest.raises(SourceUnavailableError, match="not found"):
        list(batches)


def test_what_is_wrong_with_a_connection_is_said_without_its_secret(mongodb_server: MongodbServer) -> None:
    """Unreachable servers may be tried again, all else is final; no message has the password."""
    uris = {
        f"mongodb://reader:{SECRET}@127.0.0.1:1/?serverSelectionTimeoutMS=200": True,
        f"mongodb://reader:{SECRET}@nowhere.invalid/?serverSelectionTimeoutMS=200": True,
        mongodb_server.uri().replace("//", f"//reader:{SECRET}@"): False,
        f"mongodb://reader:{SECRET}@127.0.0.1/?tls=true&tlsCAFile=/nowhere.pem": False,
        f"mongodb+srv://reader:{SECRET}@127.0.0.1/": False,
    }
    for uri, transient in uris.items():
        settings = MongodbConnection(uri=uri, database="shop_test")
        for work in (ping, lambda settings: read(MongodbReader(settings), core_table(THINGS))):
            with pytest.raises(SourceError) as caught:
                work(settings)
            assert caught.value.transient == transient, (uri, str(caught.value))
            assert SECRET not in str(caught.value)
            assert caught.value.__cause__ is None
            assert caught.value.__context__ is None or caught.value.__suppress_context__


def test_a_wrong_password_is_final() -> None:
    """The message says what to mend; with the right one it is read."""
    with serving(user="reader", password=SECRET) as server:
        right = server.settings("shop_test")
        uri = right.uri.get_secret_value()
        wrong = server.settings("shop_test", uri=uri.replace(SECRET, f"not-{SECRET}"))
        with pytest.raises(SourceError, match="authSource in the connection's URI") as caught:
            ping(wrong)
        assert not caught.value.transient
        assert SECRET not in str(caught.value)
        none = server.settings("shop_test", uri="mongodb://" + uri.partition("@")[2])
        with pytest.raises(SourceError, match="role read"):
            read(MongodbReader(none), core_table(THINGS))
        assert ping(right).startswith("Connected to MongoDB")


def test_readings_wait_for_each_other(mongodb_server: MongodbServer, collection: Collection) -> None:
    """No more than max_connections readings run at once, and each that waits is done."""
    collection.insert_many([{"_id": Int64(n)} for n in range(10)])
    one = reader(mongodb_server, max_connections=1)
    first = one.read(core_table(THINGS), None)
    next(first)
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.append(len(read(one, core_table(THINGS))[0])))
    thread.start()
    thread.join(0.2)
    assert found == []
    first.close()
    thread.join(10)
    assert found == [10]


MEMORY = """
import resource, sys
from flows.sources.mongodb.reader import MongodbReader
from flows.sources.connections import MongodbConnection
from flows.sources.mongodb import inspection
from tests.sources.mongo import core_table
reader = MongodbReader(MongodbConnection(uri=sys.argv[1], database="shop_test"))
table = core_table({"id=_id": "INT64", "v": "STRING", "at": "TIMESTAMP"}, collection=sys.argv[2])
rows = sum(len(batch.rows) for batch in reader.read(table, None))
print(rows, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def test_memory_does_not_grow_with_the_collection(mongodb_server: MongodbServer, collection: Collection) -> None:
    """200,000 documents of 120 MB take at most 120 MB more than 10."""
    many(collection, 200_000)
    many(collection.database["few"], 10)

    def run(name: str) -> list[int]:
        command = [sys.executable, "-c", MEMORY, mongodb_server.uri(), name]
        done = subprocess.run(command, check=True, capture_output=True, cwd=Path(__file__).parents[2])
        return [int(number) for number in done.stdout.split()]

    (few, least), (all_rows, most) = run("few"), run("things")
    assert (few, all_rows) == (10, 200_000)
    assert most - least < 120
