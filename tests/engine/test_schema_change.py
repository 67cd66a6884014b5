"""A table whose file changes gets its columns with the next window, and no rows that nobody could tell apart."""

import pytest

from flows.model.errors import WarehouseError
from tests.engine.builders import (
    EVENTS,
    Rows,
    do,
    event,
    rows,
    touched,
    values,
    window,
)


def test_a_new_column_is_null_for_old_rows(warehouse):
    """A column that the file gains is added; what is there stays."""
    do(warehouse, EVENTS, window(0), Rows([event(1, 0)]))
    extra = EVENTS.columns[0].model_copy(update={"name": "extra"})
    wider = EVENTS.model_copy(update={"columns": (*EVENTS.columns, extra)})
    do(warehouse, wider, window(1), Rows([{**event(2, 1), "extra": 7}]))
    assert values(warehouse, wider, "extra") == [None, 7]


def test_a_core_table_does_not_gain_a_key_that_its_rows_lack(warehouse):
    """The new key would be NULL in old rows, which would then stand there twice."""
    do(warehouse, EVENTS, window(0), Rows([event(1, 0)]))
    extra = EVENTS.columns[0].model_copy(update={"name": "extra"})
    wider = EVENTS.model_copy(update={"columns": (*EVENTS.columns, extra), "key": ("id", "extra")})
    with pytest.raises(WarehouseError, match=r"extra of its key or partition is a new column.* --rebuild"):
        do(warehouse, wider, window(1), Rows([{**event(1, 1), "extra": 7}]))


def test_a_column_may_change_its_case(warehouse):
    """The rows stay, be the column a key or not."""
    do(warehouse, EVENTS, window(0), Rows([event(1, 0)]))
    columns = tuple(column.model_copy(update={"name": column.name.upper()}) for column in EVENTS.columns)
    source = EVENTS.source.model_copy(update={"cursor": "UPDATED"})
    partition = EVENTS.partition.model_copy(update={"column": "AT"})
    upper = EVENTS.model_copy(update={"columns": columns, "key": ("ID",), "source": source, "partition": partition})
    changes = warehouse.column_changes(upper)
    assert not changes.added + changes.retyped
    later = {name.upper(): value for name, value in event(1, 0, updated=1, amount=2).items()}
    assert touched(do(warehouse, upper, window(1), Rows([later]))) == [(0, 1, True)]
    assert rows(warehouse, upper) == [later]
