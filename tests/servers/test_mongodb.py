"""What the MongoDB server in Java does that tests of ours build on."""

from __future__ import annotations

import pytest
from pymongo import MongoClient
from pymongo.errors import AutoReconnect, NetworkTimeout

from tests.servers.mongodb import serving

ROWS = 1000


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
