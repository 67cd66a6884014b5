"""Checks look at the staged rows, and where they name the table itself, at what it will hold."""

import pyarrow as pa
import pytest

from flows.model.errors import CheckFailedError, DerivedError
from flows.sources.interface import Batch, Inspection, arrow_schema
from tests.engine.builders import Rows, by_day, csv, day, do, table, values, window


def test_references_to_the_own_table_count_what_comes_with_the_same_window(warehouse):
    """A parent may stand in the same window or be published; one that is nowhere is shown."""
    columns = [
        {"name": "id", "type": "INT64"},
        {"name": "updated", "type": "TIMESTAMP"},
        {"name": "parent", "type": "INT64", "checks": [{"references": "core.tree.id"}]},
    ]
    tree = table("core.tree", columns, strategy="merge", key=["id"], **csv(cursor="updated"))
    first = [{"id": 1, "updated": day(0), "parent": None}, {"id": 2, "updated": day(0), "parent": 1}]
    do(warehouse, tree, window(0), Rows(first))
    do(warehouse, tree, window(1), Rows([{"id": 3, "updated": day(1), "parent": 2}]))
    with pytest.raises(CheckFailedError, match=r"parent references core\.tree\.id: 1 of 1 row"):
        do(warehouse, tree, window(2), Rows([{"id": 4, "updated": day(2), "parent": 9}]))


PARENTS = [
    {"name": "id", "type": "INT64"},
    {"name": "at", "type": "DATE"},
    {"name": "parent", "type": "INT64", "checks": [{"references": "core.tree.id"}]},
]


def _row(number, at, parent):
    return {"id": number, "at": day(at).date(), "parent": parent}


class Days:
    """A source that holds the rows of each window in a list."""

    def __init__(self, *found):
        self.found = found

    def inspect(self, _):
        """Say nothing."""
        return Inspection()

    def read(self, subject, _):
        """Give them."""
        yield Batch(pa.RecordBatch.from_pylist(list(self.found), arrow_schema(subject)))


def test_references_to_an_append_tables_own_rows_do_not_count_those_that_go(warehouse):
    """The row that a window held before is no parent of the rows that take its place, nor of others."""
    tree = table("core.tree", PARENTS, strategy="append", **by_day("at"), **csv(cursor="at"))
    do(warehouse, tree, window(0), Days(_row(1, 0, None)))
    do(warehouse, tree, window(1), Days(_row(2, 1, 1)))
    with pytest.raises(CheckFailedError, match=r"parent references core\.tree\.id: 1 of 1 row"):
        do(warehouse, tree, window(1), Days(_row(3, 1, 2)))
    do(warehouse, tree, window(1), Days(_row(3, 1, 1), _row(4, 1, 3)))
    assert values(warehouse, tree, "id") == [1, 3, 4]


def test_references_to_a_merge_tables_own_rows_do_not_count_values_that_go(warehouse):
    """A name that its row no longer has is nobody's parent."""
    columns = [
        {"name": "id", "type": "INT64"},
        {"name": "name", "type": "STRING"},
        {"name": "at", "type": "DATE"},
        {"name": "boss", "type": "STRING", "checks": [{"references": "core.people.name"}]},
    ]
    people = table("core.people", columns, strategy="merge", key=["id"], **csv(cursor="at"))

    def person(number, name, at, boss):
        return {"id": number, "name": name, "at": day(at).date(), "boss": boss}

    do(warehouse, people, window(0), Days(person(1, "Ann", 0, None)))
    with pytest.raises(CheckFailedError, match="boss references"):
        do(warehouse, people, window(1), Days(person(1, "Anna", 1, None), person(2, "Bob", 1, "Ann")))
    do(warehouse, people, window(1), Days(person(1, "Anna", 1, None), person(2, "Bob", 1, "Anna")))
    assert values(warehouse, people, "name") == ["Anna", "Bob"]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT id FROM core.tree WHERE id = 4 -- none may be 4",
        "SELECT tree.id FROM `core.tree` WHERE id = 4 # none may be 4",
        "SELECT id FROM core.tree WHERE id = 4 /* none */;",
        "WITH tree AS (SELECT * FROM core.tree) SELECT id FROM tree WHERE id = CAST(4.004 AS NUMERIC(3, 1)) ORDER BY id",
        "SELECT id FROM core.tree WHERE id = 4 UNION ALL SELECT id FROM core.tree WHERE b'\\xff' = b'a' LIMIT 9",
    ],
)
def test_a_check_may_be_any_select(warehouse, sql):
    """Whatever a check's SQL begins and ends with, it reads the staged rows and shows those at fault."""
    columns = "id INT64, updated TIMESTAMP"
    tree = table("core.tree", columns, strategy="merge", key=["id"], checks=[{"sql": sql}], **csv(cursor="updated"))
    do(warehouse, tree, window(0), Rows([{"id": 1, "updated": day(0)}]))
    with pytest.raises(CheckFailedError, match=r"1 rows? at fault\n +id=4"):
        do(warehouse, tree, window(1), Rows([{"id": 4, "updated": day(1)}]))


class Unforeseen:
    """A source that fails in a way that nobody here thought of."""

    def read(self, subject, _):  # noqa: ARG002 - it gives nothing
        """Fail."""
        raise TypeError("'int' object is not subscriptable")
        yield


def test_an_error_that_nobody_foresaw_is_the_windows_own(warehouse):
    """It is told with the table's name, and leaves its line in the ledger, so that other windows are tried."""
    tree = table("core.tree", PARENTS, strategy="append", **by_day("at"), **csv(cursor="at"))
    with pytest.raises(DerivedError, match=r"core\.tree: TypeError: 'int' object is not subscriptable"):
        do(warehouse, tree, window(0), Unforeseen())
    [failure] = warehouse.query("SELECT error FROM platform.failures", {})
    assert failure["error"].startswith("core.tree: TypeError")
