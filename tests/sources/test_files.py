"""Exports in a folder: found, windowed, read in pieces, and what is wrong with them said."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import tempfile
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flows.model.bad_row import BadRow
from flows.model.errors import SourceError
from flows.model.window import Window, utc
from flows.sources.files.lines import BLOCK, LONGEST
from flows.sources.files.reader import FilesReader
from tests.sources.exports import bad, batches, rows, table, write

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
DAY = Window(utc("2026-01-01"), utc("2026-01-02"))
FEBRUARY = Window(utc("2026-02-01"), utc("2026-03-01"))


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


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("other.jsonl", "{}", "No file matches source.path 'a.*' in "),
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
        ("a.csv", b"id,n\xffme\n", "a.csv:1: its header b'id,n\\xffme' is no UTF-8 text; export it as UTF-8."),
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
    assert str(raised.value).startswith((name, "No file"))


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


def test_broken_lines_of_json_are_bad_rows(tmp_path):
    """Each is reported with its line; what surrounds it is there."""
    lines = [
        b'{"v": "a"}',
        b'{"v": ',
        b"",
        b"  ",
        b"[1]",
        b'{"v": "\xff"}',
        b'{"v": "\\ud800"}',
        b'{"v": NaN}',
        b'{"v": "b"}',
        b'{"v": "c", "w": {"$numberLong": "1"}, "v": "d"}',
        b'{"v" :"\\u003A\\u003a:", "w": [{"x":1,"\\u0078":2}]}',
        b'{"v" : "\\": \\u003a e", "w": [{"v": 1}, {"v": 2}]}',
    ]
    write(tmp_path / "a.jsonl", b"\n".join(lines))
    [batch] = batches(tmp_path, table("a.jsonl", {"v": "STRING"}))
    assert batch.rows.to_pylist() == [{"v": "a"}, {"v": "b"}, {"v": '": : e'}]
    assert [(row.place, row.reason.split(":")[0]) for row in batch.bad] == [
        ("a.jsonl:2", "it is no JSON"),
        ("a.jsonl:5", "it is no document; each line should be an object"),
        ("a.jsonl:6", "it is no JSON"),
        ("a.jsonl:7", "it is no JSON"),
        ("a.jsonl:8", "it is no JSON"),
        ("a.jsonl:10", "a document has the name 'v' twice"),
        ("a.jsonl:11", "a document has the name 'x' twice"),
    ]
    assert batch.bad[2].raw == '{"v": "\ufffd"}'


NAMES = st.text('ab":\\ ', max_size=2)
OBJECTS = st.recursive(
    st.text('ab":\\ é', max_size=4) | st.integers() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.lists(st.tuples(NAMES, inner), max_size=3).map(tuple),
    max_leaves=8,
)


def written(value, escaped, space):
    """Write a value as JSON; a tuple is an object's names and values, of which some may stand twice."""
    if isinstance(value, list):
        return f"[{','.join(written(item, escaped, space) for item in value)}]"
    if isinstance(value, tuple):
        pairs = (f"{written(name, escaped, space)}{space}:{written(item, escaped, space)}" for name, item in value)
        return f"{{{','.join(pairs)}}}"
    text = json.dumps(value, ensure_ascii=escaped)
    return text.replace(":", "\\u003a") if escaped else text


def has_names_once(value):
    """Say whether no name stands twice in any object of a value."""
    if isinstance(value, tuple):
        return len(dict(value)) == len(value) and all(has_names_once(item) for _, item in value)
    return not isinstance(value, list) or all(map(has_names_once, value))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(OBJECTS, st.booleans(), st.sampled_from(["", " ", "\t "])), min_size=1, max_size=4))
def test_no_name_stands_twice(tmp_path, lines):
    """However deep it stands and however it is written; no other document is refused."""
    texts = [f'{{"w"{space}:{written(value, escaped, space)}}}' for value, escaped, space in lines]
    write(tmp_path / "a.jsonl", "\n".join(texts))
    [batch] = batches(tmp_path, table("a.jsonl", {"v": "STRING"}))
    expected = [f"a.jsonl:{place}" for place, (value, *_) in enumerate(lines, 1) if not has_names_once(value)]
    assert [row.place for row in batch.bad] == expected


def test_broken_records_of_csv_are_bad_rows(tmp_path):
    r"""Wrong numbers of fields, text after a quote as MySQL's \" gives it, quotes left open, bytes not UTF-8."""
    lines = [
        b"id,v",
        b'1,"two',
        b'lines"',
        b"2",
        b"3,a,b",
        b'4,"say \\"hi\\", friend"',
        b'5,"a"b',
        b"6,\xff",
        b'7,"ok"',
        b'8,"open',
        b"9,after",
        b"10,cr\rhere",
    ]
    write(tmp_path / "a.csv", b"\n".join(lines))
    [batch] = batches(tmp_path, table("a.csv", {"id": "INT64", "v": "STRING"}))
    assert batch.rows.to_pylist() == [{"id": 1, "v": "two\nlines"}, {"id": 7, "v": "ok"}, {"id": 9, "v": "after"}]
    quotes = "a quote is not closed, or text follows a closing one; a quote inside a quoted field is doubled"
    assert sorted((int(row.place.removeprefix("a.csv:")), row.reason) for row in batch.bad) == [
        (4, "it has 1 fields where the header has 2"),
        (5, "it has 3 fields where the header has 2"),
        (6, quotes),
        (7, quotes),
        (8, "v b'\\xff' is no UTF-8 text"),
        (10, quotes),
        (12, "an end of line stands in a field that is not quoted"),
    ]


def test_a_bad_row_has_all_its_reasons_and_a_bounded_text(tmp_path):
    """Both columns are named; of a long row the beginning is kept."""
    write(tmp_path / "a.csv", f"id,v,w\nx,y,{'z' * 20_000}\n")
    assert bad(tmp_path, table("a.csv", {"id": "INT64", "v": "NUMERIC", "w": "STRING"})) == [
        BadRow("a.csv:2", "id 'x' is no number; v 'y' is no number", f"x,y,{'z' * 9_996}")
    ]


def test_a_line_that_is_too_long_is_a_bad_row(tmp_path):
    """It is left out without being held whole, and the next line is read."""
    long = "x" * (LONGEST + 3 * BLOCK)
    write(tmp_path / "a.jsonl", f'{{"v": "a"}}\n{{"v": "{long}"}}\n{{"v": "b"}}\n')
    things = table("a.jsonl", {"v": "STRING"})
    found = batches(tmp_path, things)
    assert [row["v"] for batch in found for row in batch.rows.to_pylist()] == ["a", "b"]
    assert [(row.place, row.reason, len(row.raw)) for batch in found for row in batch.bad] == [
        ("a.jsonl:2", "it is longer than 64 MB", 10_000)
    ]


def test_a_key_and_a_cursor_must_be_there(tmp_path):
    """A row without its key cannot be found again; one without its cursor belongs to no window and is counted."""
    write(
        tmp_path / "a.jsonl", '{"id": 1}\n{"at": "2026-02-01"}\n{"id": 2, "at": "soon"}\n{"id": 3, "at": "2026-02-01"}'
    )
    [batch] = batches(tmp_path, table("a.jsonl", {"id": "INT64", "at": "TIMESTAMP"}, cursor="at", key=("id",)))
    assert [row["id"] for row in batch.rows.to_pylist()] == [3]
    assert batch.undated == 1
    assert [row.reason for row in batch.bad] == [
        "id is NULL, and it is part of the key",
        "at 'soon' is no date or time such as 2026-01-31 13:05:00",
    ]


def test_a_bad_row_is_reported_in_its_window(tmp_path):
    """Where its cursor can be read, that says which; where it cannot, the row is reported in every window."""
    write(
        tmp_path / "a.csv",
        "id,at\nx,2026-01-31\ny,2026-02-01\nz,0000-00-00\n5,2026-02-28 23:59:59.999999\n6,2026-03-01\n",
    )
    things = table("a.csv", {"id": "INT64", "at": "TIMESTAMP"}, cursor="at")
    january = Window(utc("2026-01-01"), FEBRUARY.start)
    assert [row.place for row in bad(tmp_path, things, january)] == ["a.csv:2", "a.csv:4"]
    assert [row.place for row in bad(tmp_path, things, FEBRUARY)] == ["a.csv:3", "a.csv:4"]
    assert [row.place for row in bad(tmp_path, things)] == ["a.csv:2", "a.csv:3", "a.csv:4"]
    assert [row["id"] for batch in batches(tmp_path, things, FEBRUARY) for row in batch.rows.to_pylist()] == [5]


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


def test_a_record_of_csv_may_go_over_blocks(tmp_path):
    """Quoted ends of lines are text however far the record goes on, and lines are still counted."""
    text = "one\r\n\n" * (BLOCK // 4)
    write(tmp_path / "a.csv", f'id,v\n1,"{text}"\n2,b\nx,c\n')
    found = batches(tmp_path, table("a.csv", {"id": "INT64", "v": "STRING"}))
    assert [row for batch in found for row in batch.rows.to_pylist()] == [{"id": 1, "v": text}, {"id": 2, "v": "b"}]
    assert [row.place for batch in found for row in batch.bad] == [f"a.csv:{text.count(chr(10)) + 4}"]


def test_a_quote_that_is_never_closed_takes_one_line_only(tmp_path):
    """It does not swallow the rest of the file, however long that is."""
    count = 100_000
    write(tmp_path / "a.csv", 'id,v\n0,"open\n' + "".join(f"{number},{'x' * 20}\n" for number in range(1, count)))
    found = batches(tmp_path, table("a.csv", {"id": "INT64", "v": "STRING"}))
    assert sum(batch.rows.num_rows for batch in found) == count - 1
    assert [row.place for batch in found for row in batch.bad] == ["a.csv:2"]


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


@pytest.mark.parametrize("ending", ["", ".gz"])
@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", b"id,v\r1,a\r2,b\r", "its lines end in CR alone"),
        ("a.csv", b"id,v\r1,a\r2,b", "its lines end in CR alone"),
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
        ("a.csv", gzip.compress(b"id,v\n"), "it is gzip by its first bytes, which its name does not say."),
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
