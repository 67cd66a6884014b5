"""A file that is none of its kind is named, with what it is and what to write."""

from __future__ import annotations

import gzip
import json
import subprocess

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flows.model.errors import SourceError
from flows.model.window import Window, utc
from flows.sources.files.reader import FilesReader
from tests.sources.exports import bad, batches, rows, table, write

DAY = Window(utc("2026-01-01"), utc("2026-01-02"))


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("other.jsonl", "{}", "tables/core/things.yaml: No file matches source.path 'a.*' in "),
        (
            "a.txt",
            "",
            "a.txt: its name does not say what it holds. It should end in .jsonl, .ndjson, .json, .csv, .parq",
        ),
        ("a.parquet.gz", "", "a.parquet.gz: its name does not say what it holds."),
        (
            "a.json",
            "\n [{}]",
            "a.json:2: it is one JSON array, which cannot be read piece by piece. Write one document a",
        ),
        ("a.csv", "", "a.csv: it is empty; its first line should name the columns, such as id,name"),
        ("a.csv", "id,ID,name,id\n", "a.csv:1: its header names 'id' twice."),
        ("a.csv", "id,nam\n", "a.csv: it has no column 'name'. Did you mean 'nam'? It has id, nam."),
        ("a.csv", b"id,n\xffme\n", "a.csv:1: its header 'id,n\\xffme' is no UTF-8 text; export it as UTF-8."),
        ("a.csv", '"id\n', "a.csv:1: its first line is no header: a quote is not closed, or text follows a closing"),
        ("a.parquet", "PAR1", "a.parquet: it cannot be read as Parquet: "),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path, name, text, message):
    """The error says which file, why, and what to do."""
    write(tmp_path / "b.csv", "")
    write(tmp_path / name, b"" if name.endswith(".gz") else text)
    with pytest.raises(SourceError, match=r".") as raised:
        batches(tmp_path, table("a.*", {"id": "INT64", "name": "STRING"}))
    assert message in str(raised.value)
    assert str(raised.value).startswith((name, "tables/core/things.yaml"))


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        *[
            (name, damage)
            for name in ("a.jsonl.gz", "a.csv.gz", "a.jsonl.zst", "a.parquet")
            for damage in ("cut", "cut near its end", "empty")
        ],
        # Zstandard and Parquet have no checksum unless they are asked for one.
        ("a.jsonl.gz", "changed"),
        ("a.csv.gz", "changed"),
    ],
)
def test_a_damaged_file_is_an_error_and_not_its_first_half(tmp_path, name, damage):
    """A copy that stopped half-way is never taken for the whole."""
    path = tmp_path / name
    if name == "a.parquet":
        pq.write_table(pa.table({"v": [f"row {number}" for number in range(9999)]}), path)
    else:
        line = '{{"v": "{0}"}}\n' if "json" in name else "{0}\n"
        write(path, ("" if "json" in name else "v\n") + "".join(line.format(number) for number in range(9999)))
    data = bytearray(path.read_bytes())
    if damage == "changed":
        for index in range(len(data) // 3, len(data) // 3 + 9):
            data[index] ^= 0xFF
    path.write_bytes({"cut": data[:999], "cut near its end": data[:-1], "changed": data, "empty": b""}[damage])
    with pytest.raises(SourceError, match=f"{name}: it (cannot be read|is empty)"):
        batches(tmp_path, table(name, {"v": "STRING"}))


@pytest.mark.parametrize("ending", ["", ".gz"])
@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", b"id,v\r1,a\r2,b\r", "its lines end in CR alone"),
        ("a.csv", b"id,v\r1,a\r2,b", "its lines end in CR alone"),
        *(
            ("a.csv", end.join(["id,v,w", "1,a,b", ""]).encode(), f"no header: U+{ord(end):04X} stands in it")
            for end in "\v\x1e\x85\u2028"
        ),
        (
            "a.csv",
            b"id,v\r1,a\n2,b\r",
            "its first line is no header: an end of line stands in a field that is not quoted",
        ),
        ("a.jsonl", b'{"id": 1}\r{"id": 2}', "its lines end in CR alone"),
        ("a.csv", "id,v\n1,a\n".encode("utf-16"), "it is UTF-16 or UTF-32, or no text. Export it as UTF-8."),
        ("a.csv", "id,v\n1,a\n".encode("utf-16-le"), "it is UTF-16 or UTF-32, or no text. Export it as UTF-8."),
        ("a.jsonl", '{"id": 1}\n'.encode("utf-16-be"), "it is UTF-16 or UTF-32, or no text. Export it as UTF-8."),
        ("a.csv", "id,v\n1,a\n".encode("utf-32"), "it is UTF-16 or UTF-32, or no text. Export it as UTF-8."),
        ("a.csv", b"id;v\n1;a\n", "its fields seem to be divided by semicolons: 'id;v'. Export it with commas."),
        ("a.csv", b"id\tv\n1\ta\n", "its fields seem to be divided by tabs: 'id\\tv'. Export it with commas."),
        ("a.csv", b"id\tv, w\n1\ta\n", "a.csv{}:1: its fields seem to be divided by tabs: 'id\\tv, w'."),
        (
            "a.csv",
            b"7,abc\n8,def\n",
            "a.csv{}:1: its first line seems to be no header: it holds '7'. Write a line above",
        ),
        (
            "a.csv",
            b"5,5\n6,6\n",
            "its first line seems to be no header: it holds '5'. Write a line above it that names",
        ),
        ("a.csv", b"a,2026-01-01\n", "it holds '2026-01-01'. Write a line above it that names the columns in their "),
        ("a.csv", b"x,y\na,b\n", "its first line, 'x,y', names none of the columns id,v. Where the file has other "),
        ("a.csv", b'{"id": 1, "v": "a"}\n', "is JSON. Let the file's name end in .jsonl."),
        ("a.csv", b"sep=,\nid,v\n1,a\n", "a.csv{}:1: 'sep=,' is a note to Excel. Take the line away."),
        ("a.csv", b'id,"v\n1,a\n', "a.csv{}:1: its first line is no header: a quote is not closed"),
        ("a.csv", gzip.compress(b"id,v\n", mtime=0), "it is gzip by its first bytes, which its name does not say."),
        ("a.jsonl", b"PAR1\x15\x04", "it is Parquet by its first bytes, which its name does not say. Let its name"),
        ("a.csv", b"PK\x03\x04\x14\x00", "it is a zip archive, as those of Excel are, by its first bytes"),
        (
            "a.jsonl",
            b"id,v\n1,a\n",
            "a.jsonl{}:1: each line should be a JSON document, {{...}}, and 'id,v' looks like CSV",
        ),
        ("a.json", b'{\n  "id": 1\n}\n', "a.json{}:1: its documents go over several lines. Write one document a line"),
        ("a.csv", b"\n\n", "it is empty; its first line should name the columns, such as id,v"),
        ("a.csv", b"\xef\xbb\xbf", "it is empty; its first line should name the columns, such as id,v"),
    ],
)
def test_text_of_another_kind_is_refused_and_never_taken_for_one_line(tmp_path, name, text, message, ending):
    """A file of which no line would be a row says so rather than being an empty one."""
    write(tmp_path / (name + ending), text)
    with pytest.raises(SourceError) as raised:
        batches(tmp_path, table(name + ending, {"id": "INT64", "v": "STRING"}))
    assert message.format(ending) in str(raised.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a.csv.gz", "a.csv.gz: its name says gzip, and it begins with 'id,v\\n1,a\\n'. Let its name say what it is."),
        (
            "a.parquet",
            "a.parquet: its name says Parquet, and it begins with 'id,v\\n1,a\\n'. Let its name say what it is.",
        ),
    ],
)
def test_text_that_is_named_as_something_else(tmp_path, name, message):
    """The message shows how it begins."""
    (tmp_path / name).write_bytes(b"id,v\n1,a\n")
    with pytest.raises(SourceError) as raised:
        batches(tmp_path, table(name, {"id": "INT64", "v": "STRING"}))
    assert str(raised.value) == message


def test_commas_at_the_ends_of_lines(tmp_path):
    """A name that is empty is no column; where the header has no comma there, each row says so."""
    write(tmp_path / "a.csv", "id,v,,\n1,a,,\n")
    assert rows(tmp_path, table("a.csv", {"id": "INT64", "v": "STRING"})) == [{"id": 1, "v": "a"}]
    write(tmp_path / "b.csv", "id,v\n1,a,\n")
    [found] = bad(tmp_path, table("b.csv", {"id": "INT64", "v": "STRING"}))
    assert found.reason.startswith("it has 3 fields where the header has 2: take the comma at its end away")


@pytest.mark.parametrize("text", [b"id,v", b"id,v\n", b"id,v\r", b"\xef\xbb\xbfid,v\r\n"])
def test_a_header_alone_is_a_table_without_rows(tmp_path, text):
    """However its line ends."""
    write(tmp_path / "a.csv", text)
    assert rows(tmp_path, table("a.csv", {"id": "INT64", "v": "STRING"})) == []


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("a b.csv", "tr '\\r' '\\n' < 'a b.csv' > lines.tmp && mv lines.tmp 'a b.csv'"),
        ("in/a.csv.gz", "gzip -dc in/a.csv.gz | tr '\\r' '\\n' | gzip > lines.tmp && mv lines.tmp in/a.csv.gz"),
    ],
)
def test_the_advice_for_lines_that_end_in_cr_mends_the_file(tmp_path, name, command):
    """Run as it stands it gives a file that is read, compressed or not."""
    write(tmp_path / name, b"id,v\r1,a\r2,b\r")
    given = table(name, {"id": "INT64", "v": "STRING"})
    with pytest.raises(SourceError) as raised:
        batches(tmp_path, given)
    assert str(raised.value).endswith(f"End them in LF or CRLF: {command}")
    subprocess.run(command, shell=True, cwd=tmp_path, check=True)  # noqa: S602 - as a person would
    assert rows(tmp_path, given) == [{"id": 1, "v": "a"}, {"id": 2, "v": "b"}]


@pytest.mark.parametrize("path", ["update_at", "meta.update_at", "mete.updated_at"])
def test_a_cursor_that_no_document_has_is_a_fault(tmp_path, path):
    """Its windows would be committed without a row. Where one document has a place for it, or there is none, it is not."""
    columns = {"id": "INT64", "at": ("TIMESTAMP", path)}
    given = table("a*.jsonl", columns, cursor="at")
    write(tmp_path / "a1.jsonl", "")
    assert rows(tmp_path, given, DAY) == []
    line = '{"id": 1, "updated_at": "2026-01-01", "meta": {"updated_at": "2026-01-01"}}\n'
    write(tmp_path / "a2.jsonl", line * 3)
    with pytest.raises(SourceError) as raised:
        rows(tmp_path, given, DAY)
    assert f"no document of a1.jsonl and 1 more has a field '{path}'" in str(raised.value)
    near = {"update_at": "updated_at", "meta.update_at": "meta.updated_at", "mete.updated_at": "updated_at"}[path]
    assert f"Did you mean '{near}'?" in str(raised.value)
    first, *inner = path.split(".")
    write(tmp_path / "a3.jsonl", json.dumps({"id": 2, first: dict.fromkeys(inner) if inner else None}))
    assert rows(tmp_path, given, DAY) == []


def test_parquet_that_lacks_what_the_file_names(tmp_path):
    """The message names the file, what is near and what there is; a column `price.eur` is not the column `price`."""
    rows_of = {"id": [1], "addr": [{"city": "Bonn"}], "price": [1], "price.eur": [2]}
    pq.write_table(pa.table(rows_of), tmp_path / "a.parquet")
    for column, message in (
        (("STRING", "addr.ctiy"), "a.parquet: addr has no field 'ctiy'. Did you mean 'addr.city'? It has city."),
        (("STRUCT<ctiy STRING>", "addr"), "a.parquet: addr has no field 'ctiy'. Did you mean 'city'? It has city."),
        (("STRING", "price.city"), "a.parquet: price has no field 'city'. It is int64."),
    ):
        with pytest.raises(SourceError) as raised:
            rows(tmp_path, table("a.parquet", {"id": "INT64", "v": column}))
        assert str(raised.value) == message
    given = table("a.parquet", {"id": "INT64", "v": ("INT64", "price.eur"), "w": ("STRING", "addr.city")})
    assert rows(tmp_path, given) == [{"id": 1, "v": 2, "w": "Bonn"}]
    assert FilesReader(tmp_path).inspect(given).unread == ("price",)


def test_ends_of_lines_may_be_mixed(tmp_path):
    """Each line ends where it ends; a zero byte is a character of a text."""
    write(tmp_path / "a.csv", b'id,v\r\n1,a\n2,b\r\n3,"c\rd"\n4,x\0y\n5,e\rf\n')
    [batch] = batches(tmp_path, table("a.csv", {"id": "INT64", "v": "STRING"}))
    assert [row["v"] for row in batch.rows.to_pylist()] == ["a", "b", "c\rd", "x\0y"]
    assert [(row.place, row.reason) for row in batch.bad] == [
        ("a.csv:6", "an end of line stands in a field that is not quoted")
    ]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("zip", "address.zip"),
        ("address_zip", "address.zip"),
        ("addressZip", "address.zip"),
        ("home.zip", "address.zip"),
        ("address.geo.lon", "address.geo.lng.lon"),
        ("address.eur", "address.`price.eur`.eur"),
    ],
)
def test_a_path_that_stands_elsewhere_is_named(tmp_path, written, meant):
    """A name alone, or one below another, is answered with the whole path: in documents and in Parquet."""
    row = {"id": 1, "name": {"x": 1}, "address": {"zip": "1", "geo": {"lng": {"lon": 2.5}}, "price.eur": {"eur": 1}}}
    write(tmp_path / "a.jsonl", json.dumps(row))
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "b.parquet")
    columns = {"v": ("STRING", written)}
    (warning,) = FilesReader(tmp_path).inspect(table("a.jsonl", columns)).warnings
    with pytest.raises(SourceError) as refused:
        rows(tmp_path, table("b.parquet", columns))
    assert warning.endswith(f" Did you mean '{meant}'?")
    assert f" Did you mean '{meant}'?" in str(refused.value)
