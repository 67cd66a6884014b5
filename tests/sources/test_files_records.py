"""A line or record that is broken is a bad row, and the others are read."""

from __future__ import annotations

import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flows.model.bad_row import BadRow
from flows.model.window import Window, utc
from flows.sources.files.lines import BLOCK, LONGEST
from tests.sources.exports import FEBRUARY, bad, batches, table, write


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
        (8, "v '\\xff' is no UTF-8 text"),
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
