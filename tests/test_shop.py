"""The demo's exports: the same every time, whole or not there, and fit for the tables that read them."""

from __future__ import annotations

import gzip
import hashlib
import json
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from datetime import UTC, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from flows.model.window import EVER, utc
from flows.project.project import load_project
from flows.shop import ITEMS, ORDERS, QUARTER, USERS, write_exports
from flows.sources.files.reader import FilesReader

ROOT = Path(__file__).parents[1]
WRITE = "import sys, pathlib, flows.shop; flows.shop.write_exports(pathlib.Path(sys.argv[1]))"


@pytest.fixture(scope="module")
def exports(finished_shop):
    """Return the folder of a demo, which holds the exports: to write them takes as long as all else here."""
    return finished_shop.root


@pytest.fixture(scope="module")
def tables(exports):
    """Return the rows of each core table."""
    project = load_project(ROOT)
    found = {}
    for name in ("core.orders", "core.payments", "core.users"):
        project.require_valid(name)
        batches = list(FilesReader(exports).read(project.tables[name], EVER))
        assert [row for batch in batches for row in batch.bad] == []
        found[name] = [row for batch in batches for row in batch.rows.to_pylist()]
    return found


def _hashes(folder):
    # What is compressed is compared as it was before, which does not depend on the version of zlib.
    return {
        path.name: hashlib.sha256(
            gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        ).hexdigest()
        for path in folder.iterdir()
    }


def test_the_exports_are_the_same_every_time_and_after_a_kill(exports, tmp_path):
    """Killed at any moment, it has written whole files only; the next run completes them to the same bytes."""
    shop = tmp_path / "shop"
    whole = _hashes(exports / ".derived/shop")
    for seconds in (0.4, 1.2, 2.0):
        process = subprocess.Popen([sys.executable, "-c", WRITE, str(shop)], cwd=ROOT)
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
        process.wait()
        left = {} if not shop.exists() else _hashes(shop)
        assert {name: value for name, value in left.items() if not name.endswith(".tmp")}.items() <= whole.items()
    subprocess.run([sys.executable, "-c", WRITE, str(shop)], cwd=ROOT, check=True)
    assert {name: value for name, value in _hashes(shop).items() if not name.endswith(".tmp")} == whole


def test_exports_that_are_there_are_not_written_again(exports):
    """A second call changes no file."""
    folder = exports / ".derived/shop"
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    write_exports(folder)
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def test_orders_are_as_a_shop_has_them(tables):
    """120,000 of them, growing, with NULLs where nothing is known, all changed before the quarter's end."""
    orders = tables["core.orders"]
    assert len(orders) == ORDERS == len({order["order_id"] for order in orders})
    assert all(QUARTER.start <= order["created_at"] <= order["updated_at"] < QUARTER.end for order in orders)
    assert all(order["items"] for order in orders)
    for column in ("city", "country", "coupon"):
        assert 0 < sum(order[column] is None for order in orders) < ORDERS
    by_month = Counter(order["created_at"].month for order in orders)
    assert by_month[1] < by_month[3]
    buyers = Counter(order["user_id"] for order in orders)
    assert sum(count > 1 for count in buyers.values()) > len(buyers) / 2
    prices = defaultdict(set)
    for order in orders:
        for item in order["items"]:
            prices[item["sku"]].add(item["price"])
    assert len(prices) == len(ITEMS)
    assert sum(len(found) > 1 for found in prices.values()) > len(ITEMS) / 2


def test_an_order_is_paid_once_within_a_week_with_what_its_items_cost(tables):
    """So that joining both and summing the items counts nothing twice, and a look back of seven days finds all."""
    orders = {order["order_id"]: order for order in tables["core.orders"]}
    paid = Counter()
    delays = []
    for payment in tables["core.payments"]:
        order = orders[payment["order_id"]]
        assert payment["amount"] == sum(item["price"] * item["quantity"] for item in order["items"])
        assert QUARTER.start <= order["created_at"] <= payment["updated_at"] < QUARTER.end
        assert (payment["captured_at"] is not None) == (payment["status"] in {"captured", "refunded"})
        if payment["captured_at"]:
            delays.append(payment["captured_at"] - order["created_at"])
            paid[payment["order_id"]] += 1
    assert set(paid.values()) == {1}
    assert timedelta(0) < min(delays) < timedelta(minutes=1) < timedelta(days=5) < max(delays) < timedelta(days=7)
    assert {payment["status"] for payment in tables["core.payments"]} == {"pending", "failed", "captured", "refunded"}


def test_the_best_seller_changes_in_march(tables):
    """The answer that the demo gives is one to look at twice."""
    captured = {row["order_id"]: row["captured_at"] for row in tables["core.payments"] if row["status"] == "captured"}
    revenue = defaultdict(Decimal)
    for order in tables["core.orders"]:
        for item in order["items"]:
            if order["order_id"] in captured:
                revenue[captured[order["order_id"]].month, item["name"]] += item["price"] * item["quantity"]
    best = {month: max((value, name) for (of, name), value in revenue.items() if of == month)[1] for month in (1, 2, 3)}
    assert best == {1: "Wool blanket", 2: "Wool blanket", 3: "Tomato kit"}


def test_every_buyer_is_a_user_who_had_signed_up(tables):
    """Users come from another database; their keys agree all the same."""
    users = {user["user_id"]: user for user in tables["core.users"]}
    assert len(users) == USERS
    assert all(order["created_at"] >= users[order["user_id"]]["signed_up_at"] for order in tables["core.orders"])
    assert all(QUARTER.start <= user["updated_at"] < QUARTER.end for user in users.values())
    assert {user["newsletter"] for user in users.values()} == {True, False, None}
    assert min(user["signed_up_at"] for user in users.values()) > utc("2023-06-01")


def test_orders_are_extended_json_that_the_driver_of_mongodb_reads(exports):
    """The export is what `mongoexport` would write."""
    from bson import Decimal128, ObjectId, json_util  # noqa: PLC0415 - only here

    with gzip.open(exports / ".derived/shop/orders-2026-01.jsonl.gz", "rt", encoding="utf-8") as lines:
        line = next(lines)
    document = json_util.loads(line)
    assert isinstance(document["_id"], ObjectId)
    assert isinstance(document["items"][0]["price"], Decimal128)
    assert document["_id"].generation_time == document["created_at"].replace(microsecond=0, tzinfo=UTC)
    assert json.loads(json_util.dumps(document, json_options=json_util.RELAXED_JSON_OPTIONS)) == json.loads(line)
