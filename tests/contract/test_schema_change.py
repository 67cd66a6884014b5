"""A table becomes as its file says: columns come, go and become wider."""

import pytest

from flows.model.errors import WarehouseError
from tests.engine.builders import EVENTS, Rows, do, event, rows, values, window


def with_column(subject, name, type_):
    """Return a table with a column more, or with another type of one."""
    known = {column.name: column for column in subject.columns}
    kind = type(subject.columns[0])
    column = kind.model_validate({"name": name, "type": type_, "description": f"The {name}"}, strict=False)
    return subject.model_copy(update={"columns": tuple((known | {name: column}).values())})


def test_a_new_column_is_null_for_old_rows(warehouse):
    """It is there before the next window, and filled from then on."""
    do(warehouse, EVENTS, window(0), Rows([event(1, 0)]))
    noted = with_column(EVENTS, "note", "STRING")
    assert warehouse.column_changes(noted).added == ("note",)
    do(warehouse, noted, window(1), Rows([{**event(2, 1), "note": "n"}]))
    assert values(warehouse, noted, "note") == [None, "n"]
    assert warehouse.column_changes(noted).added == ()


def test_a_column_becomes_wider_with_its_rows(warehouse):
    """Old rows keep their values in the new type."""
    do(warehouse, EVENTS, window(0), Rows([event(1, 0)]))
    wide = with_column(EVENTS, "amount", "BIGNUMERIC")
    assert warehouse.column_changes(wide).retyped == ("amount",)
    do(warehouse, wide, window(1), Rows([event(2, 1, amount=2)]))
    assert values(warehouse, wide, "amount") == [1, 2]
    assert warehouse.column_changes(wide).retyped == ()


def test_a_core_table_does_not_gain_a_key_that_its_rows_lack(warehouse):
    """Nobody could find them again by it."""
    do(warehouse, EVENTS, window(0), Rows([event(1, 0)]))
    keyed = with_column(EVENTS, "extra", "INT64").model_copy(update={"key": ("id", "extra")})
    with pytest.raises(WarehouseError, match="extra of its key or partition is a new column"):
        do(warehouse, keyed, window(1), Rows([{**event(2, 1), "extra": 1}]))
    assert len(rows(warehouse, EVENTS)) == 1
