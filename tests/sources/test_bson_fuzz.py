"""A document of BSON is decoded within its own bytes, whatever it says of lengths."""

from __future__ import annotations

import pickle
import subprocess
import sys
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

import pytest
from bson import Binary, Decimal128, Int64, ObjectId, Regex

from flows.sources.mongodb.bson_walk import split
from tests.sources.mongo import core_table

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers.mongodb import MongodbServer

ROUNDS = 300
COLUMNS = {
    "id=_id": "STRING",
    "text": "STRING",
    "count": "INT64",
    "long": "INT64",
    "price": "NUMERIC",
    "share": "FLOAT64",
    "paid": "BOOL",
    "at": "TIMESTAMP",
    "day": "DATE",
    "data": "BYTES",
    "uid": "STRING",
    "city=address.city": "STRING",
    "floor=address.house.floor": "INT64",
    "tags": "ARRAY<STRING>",
    "items": "ARRAY<STRUCT<sku STRING, quantity INT64, sizes ARRAY<INT64>>>",
    "address": "STRUCT<city STRING, house STRUCT<floor INT64, name STRING>>",
    "detail": "JSON",
}


def thing(number: int, word: str) -> dict[str, Any]:
    """Return a document with every type that a column takes, and some that none reads."""
    house = {"floor": number, "name": word * 2}
    return {
        "_id": ObjectId(number.to_bytes(12)),
        "text": word * number,
        "count": number,
        "long": Int64(number * 10**12),
        "unread": Regex(word, "i"),
        "price": Decimal128(f"{number}.25"),
        "share": number / 3,
        "paid": number % 2 == 0,
        "at": datetime(2024, 1, 1 + number, tzinfo=UTC),
        "day": datetime(2024, 1, 1 + number, tzinfo=UTC),
        "data": word.encode() * number,
        "uid": Binary.from_uuid(uuid.UUID(int=number)),
        "address": {"city": word, "house": house, "also": [1, {"a": word}]},
        "tags": [word] * number,
        "items": [{"sku": word, "quantity": n, "sizes": [n] * n} for n in range(number)],
        "detail": {"of": word, "n": [number, {"m": None}]},
        "more": {"unread": word},
    }


@pytest.fixture(scope="module")
def recording(mongodb_server: MongodbServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Documents as a server sends them, the last with a secret in each field, beside the table that reads them."""
    things = mongodb_server.client["shop_fuzz"]["things"]
    things.drop()
    things.insert_many([*(thing(number, "Grüße") for number in range(9)), {"_id": "short"}, thing(9, "hunter2")])
    [sent] = things.find_raw_batches(batch_size=100)
    path = tmp_path_factory.mktemp("fuzz") / "documents"
    documents = split(cast("bytes", sent))
    assert len(documents) == 11
    path.write_bytes(pickle.dumps((core_table(COLUMNS), documents)))
    return path


@pytest.mark.parametrize("seed", range(2))
def test_no_value_reaches_beyond_its_document(recording: Path, seed: int) -> None:
    """Of documents with bytes and lengths that are wrong come the rows that are there, or bad ones; never a crash."""
    command = [sys.executable, "-X", "faulthandler", "-m", "tests.sources.fuzz_bson", recording]
    done = subprocess.run([*command, str(seed), str(ROUNDS)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    refused, _, bad, _ = done.stdout.split()
    assert 0 < int(refused) < ROUNDS / 2
    assert int(bad) > ROUNDS / 10
