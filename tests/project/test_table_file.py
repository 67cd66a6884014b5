"""Table files, good and bad: every file of `faults/` with the messages that stand beside it."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.model.errors import TableFileError
from flows.model.table import Table
from flows.model.types import parse_type
from flows.model.window import Size
from flows.project.files import MOST_BYTES
from flows.project.table_file import load_file, read_table
from tests.shop import REPOSITORY

FAULTS = Path(__file__).parent / "faults"
CASES = sorted(path.stem for path in FAULTS.glob("*.yaml"))
EXAMPLES = sorted((REPOSITORY / "tables").rglob("*.yaml"))
JARGON = re.compile(
    r"Traceback|pydantic|[Ii]nput should|validation|NoneType|\bdict\b|tuple|discriminat|sqlglot|Errno|object at|exp\."
)
GOOD = """\
description: Revenue per item and day, from payments (MySQL) and the orders they paid for (MongoDB).
owner: payments-analytics@example.com
schedule: "10 * * * *"                         # cron, UTC: how often to look for work
window: {size: 1 day, start: 2026-01-01}
strategy: append
partition: {column: day, by: day}
cluster: [item_id]
columns:
  - {name: day,     type: DATE,    description: Day of the payment (UTC), checks: [not_null]}
  - {name: item_id, type: STRING,  description: The item sold,            checks: [not_null]}
  - {name: revenue, type: NUMERIC, description: Price times quantity of what was paid for}
sql: |
  SELECT DATE(p.captured_at) AS day, item.sku AS item_id, SUM(item.price * item.quantity) AS revenue
  FROM core.payments AS p
  JOIN core.orders AS o
    ON o.order_id = p.order_id
    AND o.created_at >= @window_start - INTERVAL 7 DAY AND o.created_at < @window_end
  CROSS JOIN UNNEST(o.items) AS item
  WHERE p.captured_at >= @window_start AND p.captured_at < @window_end
  GROUP BY day, item_id
"""


def write(root: Path, content: str | bytes, name: str = "derived/revenue_by_item") -> Path:
    """Write a table file of a project."""
    path = root / f"tables/{name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def faults(root: Path, content: str | bytes, name: str = "derived/revenue_by_item") -> list[str]:
    """Return what is wrong with a file, as a person sees it."""
    return [str(fault) for fault in read_table(root, write(root, content, name)).faults]


def only_fault(root: Path, content: str | bytes) -> str:
    """Return what is wrong with a file that has one fault."""
    (message,) = faults(root, content)
    return message


@pytest.mark.parametrize("case", CASES)
def test_bad_file_says_what_stands_beside_it(tmp_path, case):
    """All faults of a file at once, each with its line and in words for who wrote it."""
    dataset = "core" if case.startswith("core_") else "derived"
    found = faults(tmp_path, (FAULTS / f"{case}.yaml").read_bytes(), f"{dataset}/{case}")
    assert found == (FAULTS / f"{case}.txt").read_text().splitlines()


@pytest.mark.parametrize("case", CASES)
def test_messages_are_for_analysts(case):
    """Each names a line, is a sentence, and speaks of no library."""
    lines = len((FAULTS / f"{case}.yaml").read_text().splitlines())
    for message in (FAULTS / f"{case}.txt").read_text().splitlines():
        number = int(re.match(r"tables/\w+/\w+\.yaml:(\d+): ", message)[1])
        assert 1 <= number <= lines
        assert message.endswith((".", "?", '"', "'", "}", "`"))
        assert not JARGON.search(message)


def test_ten_faults_give_ten_messages_or_more():
    """One run shows all that is to mend."""
    assert len((FAULTS / "ten_faults.txt").read_text().splitlines()) >= 10


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_have_no_faults(path):
    """The tables that come with the project load."""
    assert load_file(REPOSITORY, path).identity == f"{path.parent.name}.{path.stem}"


def test_good_file_becomes_its_table(tmp_path):
    """Every field is there with its own type."""
    table = load_file(tmp_path, write(tmp_path, GOOD))
    assert table.identity == "derived.revenue_by_item"
    assert table.window.size == Size(1, "day")
    assert table.window.start == datetime(2026, 1, 1, tzinfo=UTC)
    assert table.window.delay == timedelta(0)
    assert table.types == {
        name: parse_type(type_) for name, type_ in (("day", "DATE"), ("item_id", "STRING"), ("revenue", "NUMERIC"))
    }
    assert table.columns[0].checks[0].not_null
    assert table.sql.startswith("SELECT DATE(")


@pytest.mark.parametrize(
    "content",
    [
        GOOD.replace("\n", "\r\n"),
        GOOD.encode("utf-8-sig"),
        GOOD + "dataset: derived\nname: revenue_by_item\n",
        "---\n" + GOOD + "...\n",
        GOOD.replace("window: {size: 1 day, start: 2026-01-01}", "window:\n  size: 1 day\n  start: 2026-01-01"),
        GOOD.replace("start: 2026-01-01", "start: 2026-01-01T02:00:00+02:00"),
        GOOD.replace("checks: [not_null]", "checks: [{not_null: true, severity: warn}]"),
        GOOD.replace("Revenue per item", "Umsätze, 収益 and 💶 per item"),
    ],
    ids=["crlf", "bom", "named", "document marks", "block style", "zone", "long check", "unicode"],
)
def test_other_spellings_of_a_good_file_are_good(tmp_path, content):
    """What means the same is taken in every form."""
    table = load_file(tmp_path, write(tmp_path, content))
    assert table.window.start == datetime(2026, 1, 1, tzinfo=UTC)


def test_load_file_raises_with_all_faults(tmp_path):
    """The exception carries them and prints them, one on a line."""
    path = write(tmp_path, (FAULTS / "ten_faults.yaml").read_text(), "derived/ten_faults")
    with pytest.raises(TableFileError) as caught:
        load_file(tmp_path, path)
    assert str(caught.value).splitlines() == (FAULTS / "ten_faults.txt").read_text().splitlines()


def test_other_encodings_are_named(tmp_path):
    """Save it as UTF-8, and where the first wrong byte stands."""
    bad = GOOD.replace("Revenue", "Umsätze")
    assert "UTF-16" in only_fault(tmp_path, bad.encode("utf-16"))
    assert "UTF-16" in only_fault(tmp_path, bad.encode("utf-16-le"))
    assert "yaml:1: is not UTF-8 text: byte 0xE4 ('ä' in Windows-1252)" in only_fault(tmp_path, bad.encode("latin-1"))
    assert "control character" in only_fault(tmp_path, GOOD.replace("Revenue", "\x07"))


def test_huge_and_deep_files_are_refused_at_once(tmp_path):
    """Neither the stack nor the memory is at the mercy of a file."""
    assert "may have 1,000,000" in only_fault(tmp_path, GOOD + "#" * MOST_BYTES)
    assert "20 deep" in only_fault(tmp_path, b"[" * 500_000)
    assert "20 deep" in only_fault(tmp_path, b"a:\n" + b"".join(b" " * i + b"- \n" for i in range(1, 300)))
    deep = "ARRAY<STRUCT<a " * 2_000 + "INT64" + ">>" * 2_000
    assert any(
        "inside one another" in fault for fault in faults(tmp_path, GOOD.replace("type: STRING", f'type: "{deep}"'))
    )
    brackets = "(" * 20_000
    assert faults(tmp_path, GOOD[: GOOD.index("  SELECT")] + f"  SELECT {brackets}1\n")


def test_what_cannot_be_read_is_a_fault(tmp_path):
    """A folder in a file's place stops nothing."""
    path = tmp_path / "tables/derived/folder.yaml"
    path.mkdir(parents=True)
    assert "cannot be read" in str(read_table(tmp_path, path).faults[0])


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("platform/x", "the dataset 'platform' holds what Derived itself records. Move the file to another folder."),
        ("Platform/x", "the dataset 'Platform' holds what Derived itself records."),
        ("main/x", "the dataset 'main' is a name of DuckDB's own."),
        ("TEMP/x", "the dataset 'TEMP' is a name of DuckDB's own."),
        ("warehouse/x", "the dataset 'warehouse' is what DuckDB calls the file in which all datasets are."),
        ("Information_Schema/x", "the dataset 'Information_Schema' is a name of DuckDB's and of BigQuery's own."),
        ("derived/2x", "such as '_2x'"),
        ("derived/a-b", "such as 'a_b'"),
        ("my data/x", "such as 'my_data'"),
        ("derived/ä", "such as 'table'"),
    ],
)
def test_folder_and_file_name_the_table(tmp_path, name, words):
    """A name that a warehouse cannot take is a fault of the file."""
    (fault,) = faults(tmp_path, GOOD, name)
    assert words in fault


@pytest.mark.parametrize(
    "cron", ["* * * * *", "*/5 0-6,22 1,15 * 1-5", "0 0 29 2 *", "0 9 * * MON", "0 0 L * *", "0 0 31 2 1"]
)
def test_good_schedules(tmp_path, cron):
    """Numbers, ranges, lists, steps, names of days, the month's last day."""
    assert faults(tmp_path, GOOD.replace("10 * * * *", cron)) == []


BAD_SCHEDULES = """
* * * *|0 0 * * * *|60 * * * *|* 24 * * *|* * 0 * *|* * * 13 *|* * * * 8|5-1 * * * *|*/0 * * * *|5/2 * * * *|@hourly
@reboot|0 0 30 2 *|a b c d e|1,,2 * * * *|0 9 * * MOM|every hour
"""


@pytest.mark.parametrize("cron", ["", *BAD_SCHEDULES.strip().replace("\n", "|").split("|")])
def test_bad_schedules(tmp_path, cron):
    """Each is a fault of the field, with its line."""
    (fault,) = faults(tmp_path, GOOD.replace("10 * * * *", cron))
    assert fault.startswith("tables/derived/revenue_by_item.yaml:3: schedule: ")


LINES = GOOD.splitlines(keepends=True)
PIECES = [
    *":-{}[]'\">#*!~,@()\n\t\0é",
    "",
    ": ",
    "&a ",
    "no",
    "0",
    "-1",
    "1e9",
    "2026-13-45",
    "<<: ",
    "SELECT",
    "columns:",
]
MUTATIONS = st.lists(
    st.tuples(st.integers(0, len(GOOD)), st.integers(0, 12), st.sampled_from(PIECES)), min_size=1, max_size=6
)


@given(MUTATIONS, st.permutations(range(len(LINES))) | st.none())
@settings(max_examples=150, deadline=None)
def test_no_file_whatever_it_holds_ends_in_a_traceback(tmp_path_factory, mutations, order):
    """A file is good, or every fault has a line of it and speaks to an analyst."""
    text = "".join(LINES[index] for index in order) if order else GOOD
    for start, length, new in mutations:
        text = text[:start] + new + text[start + length :]
    root = tmp_path_factory.getbasetemp() / "mutated"
    loaded = read_table(root, write(root, text))
    assert (loaded.values is None) == bool(loaded.faults)
    for fault in loaded.faults:
        assert 1 <= fault.line <= text.count("\n") + 2
        assert fault.message
        assert "\n" not in str(fault)
        assert not JARGON.search(str(fault)), str(fault)


YAML = st.recursive(
    st.sampled_from(
        ["", "~", "no", "5", "1.5", "2026-01-01", "text", '"', "*a", "&a b", "!t c", "not_null", "day", "sum"]
    ),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]")
        | st.dictionaries(
            st.sampled_from(
                ["name", "type", "range", "min", "sql", "column", "kind", "severity", "checks", "<<", "zz"]
            ),
            inner,
            max_size=3,
        ).map(lambda items: "{" + ", ".join(f"{key}: {value}" for key, value in items.items()) + "}")
    ),
    max_leaves=8,
)
FIELDS = [*Table.model_fields, "stratgy"]


@given(YAML, st.dictionaries(st.sampled_from(FIELDS), YAML, max_size=6))
@settings(max_examples=150, deadline=None)
def test_no_shape_of_values_ends_in_a_traceback(tmp_path_factory, whole, fields):
    """Lists, groups and texts in each other's places are faults, and nothing worse."""
    root = tmp_path_factory.getbasetemp() / "shapes"
    kept = [line for line in LINES if line.split(":")[0] not in fields]
    for text in (whole, "".join(f"{name}: {value}\n" for name, value in fields.items()), "".join(kept)):
        for fault in read_table(root, write(root, text)).faults:
            assert not JARGON.search(str(fault)), str(fault)
    mixed = "".join(f"{name}: {value}\n" for name, value in fields.items()) + "".join(kept)
    for fault in read_table(root, write(root, mixed)).faults:
        assert not JARGON.search(str(fault)), str(fault)


@given(st.binary(max_size=200))
@settings(deadline=None)
def test_no_bytes_end_in_a_traceback(tmp_path_factory, content):
    """Any bytes at all are a file with faults."""
    root = tmp_path_factory.getbasetemp() / "bytes"
    assert read_table(root, write(root, content)).faults


@pytest.mark.parametrize(
    ("written", "instead", "says"),
    [
        *(
            (f"{field}:", f"{field.capitalize()}:", f"'{field.capitalize()}' is not a field that exists here. Did you mean '{field}'?")
            for field in ("description", "owner", "schedule", "window", "strategy", "partition", "columns", "sql")
        ),
        ("sql:", "query:", "Did you mean 'sql'?"),
        ("window: {size", "window: {siz", "Did you mean 'size'?"),
        ("partition: {column", "partition: {colum", "Did you mean 'column'?"),
        ("{name: item_id, ", "{nam: item_id, ", "Did you mean 'name'?"),
        ("type: STRING, ", "typ: STRING, ", "Did you mean 'type'?"),
        ("{name: item_id, ", "{<<: {name: item_id}, ", "'<<' merges groups, which table files do not use."),
        ("strategy: append", "<<: *all", "'<<' merges groups, which table files do not use."),
        ('schedule: "', 'description: "x\nschedule: "', 'the text that begins with " here goes on to line'),
    ],
)  # fmt: skip
def test_a_field_under_another_name_is_one_fault(tmp_path, written, instead, says):
    """It is not missing beside that, nor is what depends on it wrong."""
    good = GOOD.replace(GOOD[: GOOD.index("\n") + 1], "") if 'description: "x' in instead else GOOD
    assert written in good
    assert says in only_fault(tmp_path, good.replace(written, instead, 1))
