"""Exports in a folder: found, windowed, read in pieces, and what is wrong with them said."""

from __future__ import annotations

import gzip
import json
import os
import tempfile
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.model.errors import SourceError
from flows.model.window import Window
from flows.sources.files.lines import BLOCK
from flows.sources.files.reader import FilesReader
from tests.sources.exports import FEBRUARY, batches, rows, table, write

COLUMNS = {"id": "INT64", "name": "STRING", "price": "NUMERIC", "at": "TIMESTAMP"}

ROWS = [
    {"id": 1, "name": "Zoë", "price": Decimal("1.10"), "at": datetime(2026, 1, 1, tzinfo=UTC)},
    {"id": 2, "name": None, "price": None, "at": datetime(2026, 1, 2, tzinfo=UTC)},
]

JSON = (
    '{"id": 1, "name": "Zoë", "price": {"$numberDecimal": "1.10"}, "at": {"$date": "2026-01-01T00:00:00Z"}}\n'
    '{"id": {"$numberLong": "2"}, "name": null, "at": {"$date": {"$numberLong": "1767312000000"}}}\n'
)

CSV = 'id,name,price,at\n1,"Zoë",1.10,2026-01-01 00:00:00.000000\n2,\\N,NULL,2026-01-02 00:00:00\n'


@pytest.mark.parametrize("ending", ["", ".gz", ".zst"])
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.jsonl", JSON),
        ("a.ndjson", JSON),
        ("a.json", JSON.strip()),
        ("a.JSON", "\ufeff" + JSON.replace("\n", "\r\n\r\n")),
        ("a.csv", CSV),
        ("a.csv", "\ufeff" + CSV.strip().replace("\n", "\r\n")),
        ("a.csv", CSV.replace("\n", "\n\n")),
    ],
)
def test_every_format_gives_the_same_rows(tmp_path, name, text, ending):
    """The name's ending says what a file holds, whatever its line ends, with a byte order mark and without."""
    write(tmp_path / (name + ending), text)
    assert rows(tmp_path, table(name + ending, COLUMNS)) == ROWS


def test_parquet_gives_the_same_rows(tmp_path):
    """Parquet compresses itself."""
    pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "a.parquet", compression="zstd")
    assert rows(tmp_path, table("a.parquet", COLUMNS)) == ROWS


def test_a_path_is_a_file_a_folder_or_a_glob(tmp_path):
    """Files are read in the order of their names; hidden files and notes of programs are left out."""
    for name in ("b/2.jsonl", "b/1.jsonl.gz", "b/deep/0.csv", "b/.unfinished.jsonl", "b/_SUCCESS", "c.jsonl"):
        write(tmp_path / name, f"v\n{name}\n" if "csv" in name else json.dumps({"v": name}))

    def found(path):
        return [row["v"] for row in rows(tmp_path, table(path, {"v": "STRING"}))]

    assert found("c.jsonl") == ["c.jsonl"]
    assert found("b") == ["b/1.jsonl.gz", "b/2.jsonl", "b/deep/0.csv"]
    assert found("b/*.jsonl*") == ["b/1.jsonl.gz", "b/2.jsonl"]
    assert found("**/*.csv") == ["b/deep/0.csv"]
    assert found(str(tmp_path / "c.jsonl")) == ["c.jsonl"]


@pytest.mark.parametrize("type_", ["TIMESTAMP", "DATETIME", "DATE"])
def test_a_window_is_half_open_in_utc(tmp_path, type_):
    """Its start belongs to it and its end does not, whatever the cursor's type."""
    days = ["2026-01-31", "2026-02-01", "2026-02-28", "2026-03-01"]
    write(tmp_path / "a.csv", "at\n" + "\n".join(days))
    pq.write_table(pa.table({"at": days}), tmp_path / "a.parquet")
    for name in ("a.csv", "a.parquet"):
        found = rows(tmp_path, table(name, {"at": type_}, cursor="at"), FEBRUARY)
        assert [str(row["at"])[:10] for row in found] == days[1:3]


@settings(deadline=None, max_examples=30)
@given(
    st.lists(st.datetimes(datetime(2026, 1, 30), datetime(2026, 3, 3)), max_size=20),  # noqa: DTZ001 - UTC without saying so
    st.lists(st.integers(0, 28), min_size=1, max_size=4).map(sorted),
    st.sampled_from(["json", "csv", "parquet"]),
)
def test_windows_that_follow_each_other_give_what_one_over_them_gives(moments, cuts, ending):
    """Every row lies in exactly one window, good or bad."""
    values = [{"id": str(number) if number % 3 else "x", "at": str(moment)} for number, moment in enumerate(moments)]
    bounds = [FEBRUARY.start, *(FEBRUARY.start + timedelta(days=cut) for cut in cuts), FEBRUARY.end]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"a.{ending}"
        if ending == "parquet":
            pq.write_table(pa.table({name: [value[name] for value in values] for name in ("id", "at")}), path)
        elif ending == "csv":
            write(path, "id,at\n" + "".join(f"{value['id']},{value['at']}\n" for value in values))
        else:
            write(path, "".join(f"{json.dumps(value)}\n" for value in values))
        things = table(path.name, {"id": "INT64", "at": "TIMESTAMP"}, cursor="at")

        def read(window):
            found = batches(path.parent, things, window)
            good = [row["id"] for batch in found for row in batch.rows.to_pylist()]
            return sorted(good), sorted(row.place for batch in found for row in batch.bad)

        parts = [read(Window(start, end)) for start, end in pairwise(bounds) if start < end]
        assert read(FEBRUARY) == (
            sorted(number for good, _ in parts for number in good),
            sorted(place for _, places in parts for place in places),
        )


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.csv.zst", "a.parquet"])
def test_a_batch_is_bounded_however_large_the_file(tmp_path, name):
    """A file of many blocks comes in many batches, each about a block."""
    count = 150_000
    if name == "a.parquet":
        pq.write_table(pa.table({"id": range(count), "v": ["x" * 50] * count}), tmp_path / name)
    elif name == "a.csv.zst":
        write(tmp_path / name, "id,v\n" + "".join(f"{number},{'x' * 50}\n" for number in range(count)))
    else:
        write(tmp_path / name, "".join(f'{{"id": {number}, "v": "{"x" * 50}"}}\n' for number in range(count)))
    things = table(name, {"id": "INT64", "v": "STRING"})
    before = pa.total_allocated_bytes()
    most, last, sizes = 0, -1, []
    for batch in FilesReader(tmp_path).read(things, None):
        most = max(most, pa.total_allocated_bytes() - before)
        ids = batch.rows.column("id").to_pylist()
        assert ids == list(range(last + 1, last + 1 + len(ids)))
        last = ids[-1]
        sizes.append(batch.rows.nbytes)
    assert last == count - 1
    assert len(sizes) > 3
    assert max(sizes) < 4 * BLOCK
    assert most < 24 * BLOCK


def test_links_hidden_folders_and_what_is_no_file_are_not_read(tmp_path):
    """Neither in a folder nor by a glob nor by name; what was meant and is left out is told."""
    root = tmp_path / "project"
    for name in ("b/1.csv", "b/.git/2.csv", ".hidden/3.csv", "../outside/4.csv", "b/_temporary/5.csv", "b/deep/6.csv"):
        write(root / name, f"v\n{name}\n")
    (root / "b/link.csv").symlink_to(root / "b/1.csv")
    (root / "b/deep/up").symlink_to(root / "b")
    (root / "linked").symlink_to(tmp_path / "outside")
    os.mkfifo(root / "b/pipe.csv")

    def found(path):
        return [row["v"] for row in rows(root, table(path, {"v": "STRING"}))]

    assert found("b") == found("b/") == found("./b") == ["b/1.csv", "b/deep/6.csv"]
    assert found("b/*.csv") == ["b/1.csv"]
    assert found("**/6.csv") == found("b/**/[6].csv") == found("b/d??p/*") == ["b/deep/6.csv"]
    assert found("b/**/*.csv") == ["b/1.csv", "b/_temporary/5.csv", "b/deep/6.csv"]
    assert found(".hidden/3.csv") == found(".hid*/*") == [".hidden/3.csv"]
    [told] = FilesReader(root).inspect(table("b", {"v": "STRING"})).warnings
    assert told == "b/deep/up, and 2 more that source.path means, are not read: links are not followed."
    for path, message in {
        "b/link.csv": "b/link.csv is not read: links are not followed.",
        "linked/4.csv": "linked is not read: links are not followed.",
        "linked/*.csv": "linked is not read: links are not followed.",
        "b/pipe.csv": "b/pipe.csv is not read: it is no regular file.",
        "b/pi*": "b/pipe.csv is not read: it is no regular file.",
        "/dev/null": "source.path '/dev/null' leaves the project's folder.",
        "../outside/4.csv": "source.path '../outside/4.csv' leaves the project's folder.",
        "b/../../outside/*": "source.path 'b/../../outside/*' leaves the project's folder.",
        "*/3.csv": "No file matches source.path '*/3.csv' in ",
    }.items():
        with pytest.raises(SourceError) as raised:
            found(path)
        assert message in str(raised.value)


def test_names_are_compared_with_those_of_the_files(tmp_path):
    """What no document has is told with what was perhaps meant, and what the file does not give once."""
    line = '{"id": 1, "price": 5, "in": {"city": "Bonn"}, "items": [{"sku": "a"}]}\n'
    write(tmp_path / "a/1.jsonl", line * 3)
    columns = {
        "id": "INT64",
        "prize": "INT64",
        "town": ("STRING", "in.town"),
        "items": "ARRAY<STRUCT<sky STRING>>",
    }
    found = FilesReader(tmp_path).inspect(table("a", columns))
    before = "in the first 3 documents of a/1.jsonl:"
    where = f"{before} column"
    assert found.warnings == (
        f"no field 'prize' {where} prize is NULL there. Did you mean 'price'?",
        f"no field 'in.town' {where} town is NULL there.",
        f"no field 'items.sky' {before} field sky of column items is NULL there. Did you mean 'items.sku'?",
    )
    assert found.unread == ("price", "in.city", "items.sku")
    write(tmp_path / "a/2.jsonl", '{"prize": 1, "in": {"town": "Bonn"}, "items": [{"sky": "a"}]}')
    assert FilesReader(tmp_path).inspect(table("a", columns)).warnings == ()
    write(tmp_path / "b.csv", "id,price\n")
    assert FilesReader(tmp_path).inspect(table("b.csv", {"id": "INT64"})).unread == ("price",)
    pq.write_table(pa.table({"id": [1], "a.b": [2], "c": [{"d": 1}]}), tmp_path / "c.parquet")
    dotted = {"id": "INT64", "ab": ("INT64", "`a.b`"), "d": ("INT64", "c.d")}
    assert FilesReader(tmp_path).inspect(table("c.parquet", dotted)).unread == ()


@pytest.mark.parametrize("path", ["`price.eur`", "price.eur"])
def test_names_with_dots_are_read(tmp_path, path):
    """In backticks everywhere; as they are where names are not divided at dots."""
    columns = {"v": ("INT64", path)}
    write(tmp_path / "a.csv", "price.eur\n1\n")
    write(tmp_path / "b.jsonl", '{"price.eur": 1, "price": {"eur": 2}}')
    pq.write_table(pa.table({"price.eur": [1], "price": [{"eur": 2}]}), tmp_path / "c.parquet")
    assert rows(tmp_path, table("a.csv", columns)) == rows(tmp_path, table("c.parquet", columns)) == [{"v": 1}]
    assert rows(tmp_path, table("b.jsonl", columns)) == [{"v": 1 if path[0] == "`" else 2}]


def test_gzip_files_may_be_joined(tmp_path):
    """Several compressed parts after each other are one file, as `cat` makes it."""
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(b'{"v": 1}\n') + gzip.compress(b'{"v": 2}\n'))
    assert rows(tmp_path, table("a.jsonl.gz", {"v": "INT64"})) == [{"v": 1}, {"v": 2}]


def test_columns_that_the_table_does_not_name_are_left_out(tmp_path):
    """Whatever they hold, it does no harm."""
    pq.write_table(pa.table({"x": [{"a": [1]}], "v": [1]}), tmp_path / "a.parquet")
    write(tmp_path / "b.csv", b"x,v\n\xff,2\n")
    write(tmp_path / "c.json", '{"x": {"$date": "?"}, "v": 3}')
    assert rows(tmp_path, table("*", {"v": "INT64"})) == [{"v": 1}, {"v": 2}, {"v": 3}]
