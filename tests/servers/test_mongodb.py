"""What the MongoDB server in Java does that tests of ours build on."""

from __future__ import annotations

import uuid

import bson
import pytest
from bson import Binary, DatetimeMS, Decimal128, Int64, ObjectId, Regex, Timestamp
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient
from pymongo.errors import AutoReconnect, NetworkTimeout

from tests.servers.mongodb import serving

ROWS = 1000
DECIMALS = ["NaN", "Infinity", "-Infinity", "0", "-0", "1.10", "-1.000", "1E+6144", "1E-6176", "9" * 34]
EXTREMES = [
    {"_id": 1, "decimals": [Decimal128(text) for text in DECIMALS]},
    {"_id": 2, "dates": [DatetimeMS(at) for at in (-(2**63), 2**63 - 1, 0, -1, 253_402_300_800_000)]},
    {"_id": 3, "integers": [Int64(2**63 - 1), Int64(-(2**63)), -(2**31), Int64(5), 5]},
    {"_id": 4, "doubles": [0.1, -0.0, float("inf"), float("nan"), 5e-324]},
    {"_id": 5, "uuids": [Binary.from_uuid(uuid.UUID(int=7)), Binary(bytes(16), 3)], "binary": Binary(b"\0\1")},
    {"_id": 6, "regex": Regex("^a", "i"), "at": Timestamp(2**32 - 1, 7), "null": None, "bool": True},
    {"_id": ObjectId(), "nested": [[1, [2]], {}, []], "odd": {"": 1, "a b": 2, "é🚀": "𝄞\0x"}},
    {"_id": 7, "large": "x" * 15_900_000},
    *({"_id": 100 + n, "mixed": "é" * (10 if n % 16 == 0 else 500_000)} for n in range(70)),
]


def test_what_is_acknowledged_outlives_a_kill() -> None:
    """A server that keeps its data has all of it after kill -9, at the same address."""
    with serving(keep=True) as server:
        address = server.uri("shop")
        server.client.shop.orders.insert_many({"_id": n} for n in range(ROWS))
        server.client.shop.orders.update_many({}, {"$set": {"paid": True}})
        server.kill()
        server.start()
        assert server.uri("shop") == address
        assert server.client.shop.orders.count_documents({"paid": True}) == ROWS


def test_a_server_dies_in_the_middle_of_a_reading_when_asked_to() -> None:
    """It answers that many getMores, and is there again after a start."""
    with serving(keep=True) as server:
        server.client.shop.orders.insert_many({"_id": n} for n in range(ROWS))
        server.stop()
        server.start(die_after_getmores=2)
        found = []
        with pytest.raises(AutoReconnect):
            found.extend(server.client.shop.orders.find(batch_size=100))
        server.start()
        assert server.client.shop.orders.count_documents({}) == ROWS


def test_a_server_hangs_when_asked_to() -> None:
    """It answers that many getMores; only the driver's own timeout ends the wait, and `stop` still ends the server."""
    with serving(keep=True) as server:
        server.client.shop.orders.insert_many({"_id": n} for n in range(ROWS))
        server.stop()
        server.start(hang_after_getmores=2)
        with MongoClient(server.uri(socketTimeoutMS=300)) as client:
            cursor = client.shop.orders.find(batch_size=100)
            assert [next(cursor)["_id"] for _ in range(300)] == list(range(300))
            with pytest.raises(NetworkTimeout):
                next(cursor)


@pytest.mark.parametrize("keep", [False, True])
def test_documents_come_back_byte_by_byte(keep: bool) -> None:
    """All types that README.md calls exact, whatever the batch's size; a batch is no larger than the driver takes."""
    written = {document["_id"]: bson.encode(document) for document in EXTREMES}
    with serving(keep=keep, faults=True) as server:
        for document in EXTREMES:
            server.client.shop.extremes.insert_one(document)
        with MongoClient(server.uri(), document_class=RawBSONDocument, datetime_conversion="DATETIME_AUTO") as client:
            for size in (0, 1, 7, 1000):
                found = {row["_id"]: row.raw for row in client.shop.extremes.find(batch_size=size)}
                assert found == written
