"""The first copy of a large MongoDB collection: several commits, whatever types its `_id` are of."""

from __future__ import annotations

import shutil
from contextlib import suppress
from datetime import timedelta
from itertools import count

import pytest
from bson import Binary, Decimal128, Int64, MaxKey, MinKey, ObjectId, Timestamp
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from flows.commands.progress import Quiet
from flows.engine import first_copy
from flows.engine.request import Request
from flows.model.window import EVER, utc
from flows.sources.mongodb import in_order, reader
from flows.wiring import run_alone
from tests.sources.mongo import core_table

START = utc("2026-01-01")
FILE = """\
description: Things.
owner: shop@example.com
schedule: "5 * * * *"
window: {{size: 1 day, start: 2026-01-01, end: {end}}}
source: {{kind: mongodb, connection: shop, collection: things, cursor: at, max_bad_rows: 100000}}
strategy: merge
key: [id]
partition: {{column: at, by: day}}
columns:
  - {{name: id, type: {type}, from: _id}}
  - {{name: v, type: STRING}}
  - {{name: at, type: TIMESTAMP}}
"""
KINDS = [
    lambda n: n * 7 - 300,
    lambda n: ObjectId(f"65a0{n:020x}"),
    lambda n: {"a": n, "b": "x"},
    lambda n: START + timedelta(seconds=n),
    lambda n: (None, True, False, {}, -1.5, Int64(2**60))[n // 6 % 6],
    lambda n: f"é{n}",
]
PLACES = st.integers(0, 179)
CHANGES = st.lists(st.tuples(st.sampled_from(["put", "put", "delete"]), PLACES), max_size=25)


def text_of(value, type_):
    """Return what a key column of a type has of an `_id`, or None where that is no key."""
    if type_ == "STRING":
        return str(value) if isinstance(value, str | ObjectId) else None
    return int(value) if isinstance(value, int) and not isinstance(value, bool) else None


@pytest.fixture
def small(mongodb_project, monkeypatch):
    """Parts of some rows, in this process, which is in the project's folder."""
    monkeypatch.chdir(mongodb_project.root)
    monkeypatch.setenv("DERIVED_CONNECTION_SHOP", mongodb_project.url)
    monkeypatch.setattr(first_copy, "PART_ROWS", 25)
    monkeypatch.setattr(reader, "DOCUMENTS", 10)
    return mongodb_project


def require_same(project, collection, type_, deleted):
    """Hold the copy against what the collection has now."""
    copied = project.rows("SELECT id, v FROM core.things")
    there = {text_of(one["_id"], type_): one["v"] for one in collection.find()}
    bad = [one["_id"] for one in collection.find() if text_of(one["_id"], type_) is None]
    there.pop(None, None)
    assert len(copied) == len(dict(copied))
    assert {key: dict(copied).get(key) for key in there} == there
    assert dict(copied).keys() - there.keys() <= deleted
    places = {place for (place,) in project.rows("SELECT place FROM platform.quarantine")}
    assert len(places) >= len(bad) > 0


def run_to_the_end(project):
    """Run again what is cut off, until the first copy is there."""
    while "commit" not in kinds(project):
        with suppress(KeyboardInterrupt):
            run_alone("ingest", Request("core.things"), Quiet())


def kinds(project):
    """Return what kinds of entries the ledger has, where there is one."""
    if not (project.root / ".derived/warehouse.duckdb").exists():
        return []
    return [
        kind
        for (kind,) in project.rows(
            "SELECT kind FROM platform.ledger WHERE table_name = 'core.things' ORDER BY version"
        )
    ]


def test_reading_goes_on_behind_every_document(mongodb_server, mongodb_database, collection, monkeypatch):
    """Whatever its `_id` is: what is left of its own type, and all that MongoDB sorts behind it."""
    monkeypatch.setattr(reader, "DOCUMENTS", 1)
    ids = [kind(number) for kind in KINDS if kind is not KINDS[4] for number in range(3)]
    ids += [None, True, False, {}, -1.5, Int64(2**60), MinKey(), MaxKey(), Timestamp(1, 2), "", Decimal128("7.25")]
    collection.insert_many([{"_id": one, "at": START} for one in ids])
    table = core_table({"id=_id": "STRING", "at": "TIMESTAMP"}, cursor="at")
    source = reader.MongodbReader(mongodb_server.settings(mongodb_database))
    batches = list(source.copy(table, EVER, None))
    assert len(batches) == len(ids)
    for left, batch in zip(reversed(range(len(ids))), batches, strict=True):
        assert len(list(source.copy(table, EVER, batch.position))) == left


@settings(
    max_examples=3,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
)
@given(
    type_=st.sampled_from(["STRING", "INT64"]),
    between=st.lists(CHANGES, min_size=3, max_size=8),
    cuts=st.sets(st.integers(1, 5), min_size=1),
)
def test_whatever_happens_between_parts(small, collection, type_, between, cuts):
    """Ids of all types together lose nothing: runs are cut off, and documents change, come and go behind each part."""
    shutil.rmtree(small.root / ".derived", ignore_errors=True)
    collection.drop()
    # A text is a number, or may be one, where the column holds numbers: such ids are not copied in parts.
    some = KINDS if type_ == "STRING" else KINDS[:-1]
    seen, read = count(1), []

    def id_of(number):
        return some[number % len(some)](number)

    def put(number, at):
        # An upsert would make up some of these ids.
        collection.delete_one({"_id": {"$eq": id_of(number)}})
        collection.insert_one({"_id": id_of(number), "v": f"{next(seen)}", "at": at})

    for number in filter(lambda number: number % 3, range(180)):
        put(number, START + timedelta(days=number % 10))
    small.write("things", FILE.format(end="2026-01-11", type=type_))
    changes, parts = iter(between), count(1)
    published, position_of = first_copy.FirstCopy.published, reader.position_of

    def change(kind, number):
        if kind == "put":
            put(number, START + timedelta(days=10, seconds=next(seen)))
        else:
            collection.delete_one({"_id": {"$eq": id_of(number)}})

    def changed(self, entry):
        published(self, entry)
        if entry.kind == "part":
            for one in next(changes, ()):
                change(*one)
            if next(parts) in cuts:
                raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(first_copy.FirstCopy, "published", changed)
        patch.setattr(reader, "position_of", lambda document: read.append(document) or position_of(document))
        run_to_the_end(small)
    assert next(parts) > 3
    assert len(set(read)) > len(read) - 10 * len(cuts)
    small.write("things", FILE.format(end="2026-01-21", type=type_))
    run_alone("ingest", Request("core.things"), Quiet())
    deleted = {text_of(id_of(number), type_) for some in between for kind, number in some if kind == "delete"}
    require_same(small, collection, type_, deleted)


@pytest.mark.parametrize(
    ("type_", "ids", "expected"),
    [
        ("INT64", [5, "5", " 6", "07"], 2),
        ("STRING", ["65a000000000000000000001", ObjectId("65a000000000000000000001")], 1),
        ("STRING", ["text", Binary(b"text")], 1),
        ("STRING", [ObjectId("65a000000000000000000001"), "65A000000000000000000001"], 2),
    ],
)
def test_ids_that_may_be_one_key(small, collection, type_, ids, expected):
    """Two `_id` that are one value in the key's column are one row, that of the later cursor; they need one commit."""
    more = range(100, 200) if type_ == "INT64" else [ObjectId(f"{n:024x}") for n in range(100)]
    collection.insert_many([{"_id": one, "v": "first", "at": START} for one in [*ids, *more]])
    collection.update_one({"_id": ids[-1]}, {"$set": {"v": "last", "at": START + timedelta(days=1)}})
    small.write("things", FILE.format(end="2026-01-11", type=type_))
    run_alone("ingest", Request("core.things"), Quiet())
    rows = small.rows("SELECT id, v FROM core.things")
    assert len(rows) == len(dict(rows)) == 100 + expected
    assert sum(v == "last" for _, v in rows) == 1
    assert ("part" in kinds(small)) == (expected == len(ids))


def test_a_small_window_of_a_large_collection(small, collection, monkeypatch):
    """Is found by the cursor's index, and not looked for in all of the collection in another order."""
    monkeypatch.setattr(in_order, "_FEW", 10)
    collection.insert_many([{"_id": n, "at": START - timedelta(days=n > 60)} for n in range(400)])
    small.write("things", FILE.format(end="2026-01-11", type="INT64").replace("  - {name: v, type: STRING}\n", ""))
    run_alone("ingest", Request("core.things"), Quiet())
    assert small.rows("SELECT count(*) FROM core.things") == [(61,)]
    assert kinds(small) == ["commit"]


def test_a_collection_that_became_a_view(small, collection, monkeypatch):
    """Cannot be read on behind a part: the run says so, and begins anew."""
    collection.insert_many([{"_id": n, "v": "", "at": START} for n in range(400)])
    small.write("things", FILE.format(end="2026-01-11", type="INT64"))
    published = first_copy.FirstCopy.published

    def cut(self, entry):
        published(self, entry)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, suppress(KeyboardInterrupt):
        patch.setattr(first_copy.FirstCopy, "published", cut)
        run_alone("ingest", Request("core.things"), Quiet())
    monkeypatch.setattr(in_order, "_has_order", lambda *_: False)
    outcome = run_alone("ingest", Request("core.things"), Quiet())
    assert not outcome.failures
    assert small.rows("SELECT kind FROM platform.ledger ORDER BY version") == [("part",), ("trim",), ("commit",)]
    assert small.rows("SELECT count(*), count(DISTINCT id) FROM core.things") == [(400, 400)]
