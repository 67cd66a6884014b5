"""Checks look at the staged rows, and where they name the table itself, at what it will hold."""

import pytest

from flows.model.errors import CheckFailedError
from tests.engine.builders import Rows, csv, day, do, table, window


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
    with pytest.raises(CheckFailedError, match=r"parent references core\.tree\.id: 1 of 1 rows"):
        do(warehouse, tree, window(2), Rows([{"id": 4, "updated": day(2), "parent": 9}]))
