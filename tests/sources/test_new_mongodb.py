"""First versions of table files from documents, and how any proposal is written down."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from uuid import UUID

import pytest
import yaml
from bson import Binary, Code, Decimal128, Int64, ObjectId, Regex, Timestamp
from bson.datetime_ms import DatetimeMS
from hypothesis import given
from hypothesis import strategies as st

from flows.project.table_file import load_file
from flows.sources.mongodb.new import propose
from flows.sources.new_table import NewColumn, NewTable, TakesLongError, render

if TYPE_CHECKING:
    from tests.servers.mongodb import MongodbServer
    from tests.sources.project import Project

AT = datetime(2024, 3, 5, 10, tzinfo=UTC)
ORDER = {
    "_id": ObjectId("65e6f1d0aaaaaaaaaaaaaaaa"),
    "number": Int64(7),
    "updatedAt": AT,
    "created_at": AT,
    "total": Decimal128("12.50"),
    "address": {"city": "Bonn", "geo": {"lat": 50.7}},
    "items": [{"sku": "a", "price": Decimal128("1.5"), "tags": ["x"]}, {"sku": "b", "gift": {"to": "me"}}],
}


def load(new: NewTable):
    """Return the table that a proposal's YAML gives, and its text."""
    text = render(new, command="python -m flows.ingest --new shop x", today=date(2026, 1, 1))
    with TemporaryDirectory() as folder:
        path = Path(folder, "tables/core", f"{new.name}.yaml")
        path.parent.mkdir(parents=True)
        path.write_text(text, encoding="utf-8")
        return load_file(Path(folder), path), text


def types(*documents) -> dict[str, str]:
    """Return the proposed types by path."""
    table, _ = load(propose([{"_id": number} | document for number, document in enumerate(documents)], "shop", "x"))
    return {column.source_path or column.name: str(column.type) for column in table.columns}


def test_documents_become_a_table() -> None:
    """Documents become columns by path, arrays of documents ARRAYs of STRUCTs; key, cursor and start are there."""
    found, text = load(propose([ORDER] * 3, "shop", "orders", indexed={"updatedAt"}, oldest=lambda _: AT))
    assert {column.name: (str(column.type), column.source_path) for column in found.columns} == {
        "_id": ("STRING", None),
        "number": ("INT64", None),
        "updatedAt": ("TIMESTAMP", None),
        "created_at": ("TIMESTAMP", None),
        "total": ("NUMERIC", None),
        "address_city": ("STRING", "address.city"),
        "address_geo_lat": ("FLOAT64", "address.geo.lat"),
        "items": ("ARRAY<STRUCT<sku STRING, price NUMERIC, tags ARRAY<STRING>, gift STRUCT<to STRING>>>", None),
    }
    assert (found.key, found.source.cursor, found.strategy) == (("_id",), "updatedAt", "merge")
    assert (found.window.start, found.partition.column) == (AT.replace(hour=0), "created_at")
    assert "# in 3 of 3: array; of document" in text


@pytest.mark.parametrize(
    ("values", "type_"),
    [
        ([1, 2.5], "FLOAT64"),
        ([2**53 + 1, 2.5], "JSON"),
        ([1, Decimal128("0.1")], "NUMERIC"),
        ([Decimal128("1E+30")], "BIGNUMERIC(38, 0)"),
        ([Decimal128("0.0000000001")], "BIGNUMERIC"),
        ([Decimal128("0.00000000000000000001")], "BIGNUMERIC(38, 20)"),
        ([Decimal128("1E+40")], "JSON"),
        ([Decimal128("NaN"), Decimal128("1")], "NUMERIC"),
        (["a", None], "STRING"),
        (["a", 1], "JSON"),
        ([None], "JSON"),
        ([True, False], "BOOL"),
        ([True, 1], "JSON"),
        ([b"x"], "BYTES"),
        ([Binary(b"x", 128)], "BYTES"),
        ([Binary.from_uuid(UUID(int=1))], "STRING"),
        ([Binary(bytes(16), 3)], "BYTES"),
        ([Regex("x")], "JSON"),
        ([Code("x")], "JSON"),
        ([[]], "JSON"),
        ([[1, None]], "JSON"),
        ([[[1]]], "JSON"),
        ([[1, "a"]], "JSON"),
        ([[{"a b": 1}]], "JSON"),
        ([[{"a": 1, "A": 2}]], "JSON"),
        ([[{"a": 1}, {"a": "x"}]], "ARRAY<STRUCT<a JSON>>"),
        ([{}], "JSON"),
        ([{"a": 1}, "text"], "JSON"),
        ([{f"user{number}": 1} for number in range(30)], "JSON"),
    ],
)
def test_a_type_is_proposed_only_where_it_holds_all_that_was_seen(values: list, type_: str) -> None:
    """What no other type holds is JSON."""
    assert types(*({"v": value} for value in values))["v"] == type_


def test_each_guess_says_what_it_was_seen_in() -> None:
    """A comment counts the documents and the types."""
    documents = [{"_id": 1, "v": 1, "when": None}, {"_id": 2, "v": "x", "updated": AT}, {"_id": 3}]
    found, text = load(propose(documents, "shop", "x"))
    assert "{name: v, type: JSON}  # in 2 of 3: int 1, string 1; v has several types" in text
    assert "{name: when, type: JSON}  # in 1 of 3: null; no value was seen" in text
    assert found.strategy == "replace"
    assert "no date that every document has" in text


def test_an_id_that_is_a_document_is_a_key_of_several_columns() -> None:
    """And one of several types is no key."""
    found, _ = load(propose([{"_id": {"a": 1, "b": "x"}, "updated_at": AT}], "shop", "x"))
    assert found.key == ("_id_a", "_id_b")
    found, text = load(propose([{"_id": 1, "updated_at": AT}, {"_id": "x", "updated_at": AT}], "shop", "x"))
    assert (found.key, found.strategy) == ((), "replace")
    assert "_id has no type by which rows can be merged" in text


def test_names_that_clash_or_cannot_be_reached() -> None:
    """Each column has a name of its own, names with dots too; what `from` cannot name is left out, and said."""
    thing = {"_id": 1, "a": {"b": 1}, "a_b": 2, "A_B": 3, "x.y": 4, "größe": 5, "$z": 6, "in": {"u.v": 7}}
    found, text = load(propose([thing], "shop", "x"))
    assert [column.name for column in found.columns] == ["_id", "a_b", "a_b_2", "A_B_3", "x_y", "gro_e", "in_u_v"]
    assert [column.source_path for column in found.columns[4:]] == ["`x.y`", "größe", "in.`u.v`"]
    assert "# left out: '$z'" in text


def test_any_date_but_the_cursor_is_proposed_as_the_partition() -> None:
    """Without reading a large collection for its first day; the cursor can be asked for."""

    def takes_long(_: str) -> datetime:
        raise TakesLongError

    thing = {"_id": 1, "updated.at": AT, "modified": AT, "paidAt": AT, "deleted": AT}
    found, text = load(propose([thing], "shop", "x", oldest=takes_long))
    assert (found.source.cursor, found.partition.column, found.partition.by) == ("modified", "paidAt", "month")
    assert found.window.start == datetime(1970, 1, 1, tzinfo=UTC)
    assert "# edit: the oldest modified was not looked for in so large a table; so early no row is left out" in text
    assert "# a guess: updated_at, deleted are times too. Take the one by which queries ask" in text
    assert "at every change? No index starts with it" in text


def test_a_collection_becomes_a_file_that_runs_at_once(mongodb_server: MongodbServer, mongodb_project: Project) -> None:
    """From its newest documents, with the least value of the cursor of all; what is not there is said."""
    orders = mongodb_server.client["shop_test"]["orders"]
    orders.insert_many(
        ORDER
        | {"_id": ObjectId(), "updated_at": AT + timedelta(minutes=number), "uuid": Binary.from_uuid(UUID(int=number))}
        | {"mixed": (number, 0.5, Decimal128("1"), "x", None, [None], {"a.b": 1})[number % 7], "sum": number % 2 or 0.5}
        | (
            {"coupon": "x", "price": Decimal128("0.1")}
            if number % 2
            else {"price": 5, "data": b"x", "at": Timestamp(1, 2)}
        )
        for number in range(1500)
    )
    orders.create_index("updated_at")
    done = mongodb_project.ingest("--new", "shop", "orders")
    assert "tables/core/orders.yaml: 16 columns, merged by _id as updated_at moves on" in done.stdout
    text = (mongodb_project.root / "tables/core/orders.yaml").read_text()
    assert "window: {size: 1 day, start: 2024-03-05}  # the oldest updated_at" in text
    assert "{name: coupon, type: STRING}  # in 500 of 1,000: string" in text
    assert "No index starts with it" not in text
    assert mongodb_project.command("check", "core.orders").returncode == 0
    mongodb_project.ingest("core.orders")
    assert "no rows in quarantine" in mongodb_project.ingest("core.orders", "--quarantine").stdout
    assert mongodb_project.rows("SELECT count(*), sum(price), max(uuid), min(items[1].price) FROM core.orders") == [
        (1500, Decimal(3825), str(UUID(int=1499)), Decimal("1.5"))
    ]
    assert "Did you mean 'orders'?" in mongodb_project.ingest("--new", "shop", "order", code=1).stderr
    assert "is the server's own" in mongodb_project.ingest("--new", "shop", "system.views", code=1).stderr


ODD = {
    "select": {"_id": 1, "from": 1, "rowid": 2, "window": {"order": 3}, "updated_at": AT},
    "Größe 1": {"_id": "a", "ID": 1, "id": 2, "_table_x": 1, "a.b": {"c.d": 1, "e": 2}, "updatedAt": AT},
    "1st": {"_id": {"a": 1, "b": "x"}, "t.s": AT, "modified": AT},
    "keys": {"_id": ObjectId(), "map": {f"k{number}": number for number in range(30)}},
    "deep": {"_id": 1, "a": {"b": {"c": {"d": {"e": {"f": [{"g": [{"h": 1}]}]}}}}}},
    "names": {
        "_id": 1,
        "": 1,
        " ": 2,
        "a b": 3,
        "$x": 4,
        "y" * 310: 6,
        "`q`": 7,
        "a`b": 8,
        "c\nd\x1b": 9,
        "'": 9,
        '"': 10,
        ": #": 11,
    },
    "dates": {"_id": 1, "updated_at": DatetimeMS(-(2**60)), "ts": AT},
    "nothing": {"_id": 1},
}
"""A document by the collection's name."""


def test_odd_collections_become_files_that_are_valid_and_run(
    mongodb_server: MongodbServer, mongodb_project: Project
) -> None:
    """Whatever names, types and keys the documents have."""
    for name, document in ODD.items():
        mongodb_server.client["shop_test"][name].insert_one(document)
        mongodb_project.ingest("--new", "shop", name)
    checked = mongodb_project.command("check")
    assert checked.returncode == 0, checked.stdout
    done = mongodb_project.command("run")
    assert done.returncode == 0, done.stdout + done.stderr


TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=40)
NAMES = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=40)


@given(TEXT, TEXT, TEXT, NAMES.filter(lambda path: all(part.strip() for part in path.split("."))))
def test_any_words_survive_in_yaml(description: str, comment: str, remark: str, path: str) -> None:
    """Whatever a database holds as comments and names, the file is valid and says the same."""
    new = NewTable(
        name="t",
        origin=f"the table {remark}",
        source={"kind": "mysql", "connection": "shop", "table": path},
        columns=(NewColumn("v", "STRUCT<a INT64, b STRING>", path, comment, remark), NewColumn("id", "INT64", "id")),
        description=description,
        remarks={"columns": remark, "strategy": comment},
        left_out=(comment,),
    )
    found, text = load(new)
    assert found.source.table == (found.columns[0].source_path or "v") == path
    visible = "".join(letter if letter.isprintable() else " " for letter in comment)
    assert found.columns[0].description.split() == visible.split()
    assert yaml.safe_load(text)["strategy"] == "replace"
