"""`on_error: null`: what cannot be read is NULL, counted and told, and the rest of its row is kept."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any

from bson import Decimal128

from flows.sources.files.reader import FilesReader
from flows.sources.mongodb.reader import MongodbReader
from flows.sources.mysql.reader import MysqlReader
from tests.shop import Shop
from tests.sources.core_table import core_table as mysql_table
from tests.sources.mongo import core_table as mongodb_table

if TYPE_CHECKING:
    from pathlib import Path

    from pymongo.collection import Collection

    from flows.model.table import Table
    from flows.sources.interface import Source
    from tests.servers.mongodb import MongodbServer
    from tests.servers.mysql import MysqlServer
    from tests.sources.project import Mirror

FILE = """
description: A thing of the shop.
owner: shop@example.com
schedule: "0 * * * *"
source: {kind: files, path: things.csv, max_bad_rows: BAD}
strategy: replace
key: [id]
columns:
  - {name: id, type: INT64}
  - {name: n, type: INT64NULL}
  - {name: at, type: TIMESTAMPNULL}
"""


def lenient(table: Table, *names: str) -> Table:
    """Return a table some of whose columns are NULL where they cannot be read."""
    columns = (
        column.model_copy(update={"on_error": "null"}) if column.name in names else column for column in table.columns
    )
    return table.model_copy(update={"columns": tuple(columns)})


def read(source: Source, table: Table) -> tuple[list[dict[str, Any]], list[str], dict[str, int]]:
    """Return the rows, the places of bad rows, and how many values became NULL by column."""
    batches = list(source.read(table, None))
    rows = [row for batch in batches for row in batch.rows.to_pylist()]
    nulled: dict[str, int] = {}
    for batch in batches:
        batch.rows.validate(full=True)
        for name, count in batch.nulled.items():
            nulled[name] = nulled.get(name, 0) + count
    return rows, [row.place for batch in batches for row in batch.bad], nulled


def test_a_zero_date_of_mysql(mysql_server: MysqlServer, database: str) -> None:
    """Or a number that is too large; a row that is bad otherwise too is in quarantine, and not counted."""
    mysql_server.execute(
        "CREATE TABLE things (id BIGINT, n BIGINT UNSIGNED, born DATE, at DATETIME)",
        "INSERT INTO things VALUES (1, 1, '2000-01-01', '2024-03-01'), (2, 18446744073709551615, '0000-00-00', 0),"
        " (3, 3, '2000-02-31', NULL), (4, 4, NULL, 0), (5, 18446744073709551614, '0000-00-00', NULL)",
        database=database,
    )
    reader = MysqlReader(mysql_server.settings(database))
    columns = {"id": "INT64", "n": "INT64", "born": "DATE", "at": "DATETIME"}
    table = mysql_table("things", columns, cursor=None)
    _, bad, nulled = read(reader, table)
    assert (bad, nulled) == (["id=2", "id=3", "id=4", "id=5"], {})
    rows, bad, nulled = read(reader, lenient(table, "born", "at"))
    assert rows == [
        {"id": 1, "n": 1, "born": dt.date(2000, 1, 1), "at": dt.datetime(2024, 3, 1)},  # noqa: DTZ001 - DATETIME
        {"id": 3, "n": 3, "born": None, "at": None},
        {"id": 4, "n": 4, "born": None, "at": None},
    ]
    assert (bad, nulled) == (["id=2", "id=5"], {"born": 1, "at": 1})
    rows, bad, nulled = read(reader, lenient(table, "n", "born", "at"))
    assert len(rows) == 5
    assert (bad, nulled) == ([], {"n": 2, "born": 3, "at": 2})


def test_a_value_of_another_type_in_mongodb(mongodb_server: MongodbServer, collection: Collection) -> None:
    """The whole column is NULL, where only a part of it is bad too."""
    collection.insert_many(
        [
            {"_id": 1, "n": 1, "of": {"x": 1}, "all": [{"y": 1}]},
            {"_id": 2, "n": "two", "of": {"x": "two"}, "all": [{"y": 2}, {"y": "two"}]},
            {"_id": 3, "n": Decimal128("3.5"), "of": 3, "all": [{"y": 3}, None]},
            {"_id": "four", "n": "four", "of": {"x": 4}, "all": []},
        ]
    )
    columns = {
        "id=_id": "INT64",
        "n": "INT64",
        "x=of.x": "INT64",
        "of": "STRUCT<x INT64>",
        "all": "ARRAY<STRUCT<y INT64>>",
    }
    table = mongodb_table(columns)
    reader = MongodbReader(mongodb_server.settings(collection.database.name))
    rows, bad, nulled = read(reader, lenient(table, "n", "x", "of", "all"))
    assert rows[0] == {"id": 1, "n": 1, "x": 1, "of": {"x": 1}, "all": [{"y": 1}]}
    assert rows[1:] == [{"id": number, "n": None, "x": None, "of": None, "all": None} for number in (2, 3)]
    assert (bad, nulled) == (["_id=four"], dict.fromkeys(("n", "x", "of", "all"), 2))


def test_files_of_every_format_and_the_offsets_of_no_place(tmp_path: Path) -> None:
    """An offset beyond 14 hours is no time, in a column of such and among others, with every way to write it."""
    good = ["2024-03-01T12:00:00Z", "2024-03-01 12:00:00+14:00", "2024-03-01T12:00:00-14", "2024-03-01 12:00:00.5+0530"]
    wrong = ["+14:01", "+15:00", "-14:30", "-15", "+1500", "+23:59", "+99:00", "+1360", "-13:75"]
    for name, texts in {
        "good": good,
        "mixed": good + [f"2024-03-01T12:00:00{offset}" for offset in wrong],
        "bad": [f"2024-03-01 12:00:00{offset}" for offset in wrong],
    }.items():
        count = sum(text in good for text in texts)
        (tmp_path / f"{name}.csv").write_text("id,at\n" + "".join(f"{n},{text}\n" for n, text in enumerate(texts)))
        lines = [json.dumps({"id": n, "at": text if n % 2 else {"$date": text}}) for n, text in enumerate(texts)]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(lines))
        for path in (f"{name}.csv", f"{name}.jsonl"):
            source = {"kind": "files", "path": path}
            table = mysql_table("things", {"id": "INT64", "at": "TIMESTAMP"}, cursor=None)
            table = type(table).model_validate(
                {name: getattr(table, name) for name in table.model_fields_set - {"columns"}}
                | {"source": source, "columns": ({"name": "id", "type": "INT64"}, {"name": "at", "type": "TIMESTAMP"})}
            )
            rows, bad, nulled = read(FilesReader(tmp_path), table)
            assert (len(rows), len(bad), nulled) == (count, len(texts) - count, {})
            rows, bad, nulled = read(FilesReader(tmp_path), lenient(table, "at"))
            assert [row["id"] for row in rows if row["at"] is None] == list(range(count, len(texts)))
            assert (bad, nulled) == ([], {"at": len(texts) - count} if count < len(texts) else {})


def test_the_run_and_the_ledger_tell_it(tmp_path: Path) -> None:
    """By column; what is bad without it names it as a way out."""
    shop = Shop(tmp_path)
    path = tmp_path / "tables/core/things.yaml"
    path.parent.mkdir(parents=True)
    (tmp_path / "things.csv").write_text("id,n,at\n1,1,2024-03-01\n2,two,0000-00-00\n3,3,2024-03-01 12:00:00+15:00\n")
    path.write_text(FILE.replace("BAD", "0").replace("NULL", ""))
    failed = shop.command("ingest", "core.things")
    assert failed.returncode == 1
    assert "write `on_error: null` on the column to have NULL there or `type: STRING` to have the text" in failed.stderr
    listed = shop.command("ingest", "core.things", "--quarantine")
    assert "`on_error: null` on the column has NULL there, `type: STRING` the text" in listed.stdout
    path.write_text(FILE.replace("BAD", "0").replace("NULL", ", on_error: null"))
    done = shop.command("ingest", "core.things")
    assert done.returncode == 0, done.stderr
    assert "values that cannot be read and are NULL (on_error): n 1, at 2" in done.stderr
    assert shop.rows('SELECT id, n, "at" IS NULL FROM core.things ORDER BY id') == [
        (1, 1, False),
        (2, None, True),
        (3, 3, True),
    ]
    [(warnings,)] = shop.rows("SELECT warnings FROM platform.ledger WHERE kind = 'commit'")
    assert "nulled" in str(warnings)


def test_a_database_is_copied_with_what_it_has(mirror: Mirror) -> None:
    """Most rows of a real table may have a zero date somewhere; all of them are copied."""
    mirror.execute(
        "CREATE TABLE things (id BIGINT PRIMARY KEY, paid DATE, at TIMESTAMP NOT NULL, KEY (at))",
        "INSERT INTO things SELECT seq, IF(seq <= 27, '0000-00-00', '2024-03-01'), '2024-03-01' FROM seq_1_to_40",
    )
    mirror.write(
        "things",
        FILE.replace(
            "{kind: files, path: things.csv, max_bad_rows: BAD}", "{kind: mysql, connection: shop, table: things}"
        )
        .replace("{name: n, type: INT64NULL}", "{name: paid, type: DATE, on_error: null}")
        .replace("TIMESTAMPNULL", "TIMESTAMP"),
    )
    done = mirror.ingest("core.things")
    assert "values that cannot be read and are NULL (on_error): paid 27" in done.stderr
    assert mirror.rows("SELECT COUNT(*), COUNT(paid) FROM core.things") == [(40, 13)]
