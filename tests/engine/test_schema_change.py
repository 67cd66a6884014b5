"""A table whose file changes gets its columns with the next window, and no rows that nobody could tell apart."""

import pytest

from flows.model.errors import CheckFailedError, WarehouseError
from flows.model.window import EVER
from tests.engine.builders import (
    EVENTS,
    IN_WINDOW,
    LOG,
    TOTALS,
    USERS,
    Rows,
    by_day,
    do,
    event,
    logged,
    reading,
    rows,
    span,
    table,
    todo,
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


def test_windows_that_another_definition_altered_stay_stale_until_each_is_made_again(warehouse):
    """A column that came back is NULL in their rows, though the newest commit of every window is of this definition."""
    do(warehouse, EVENTS, EVER, Rows([event(1, 0), event(2, 1)]))
    sql = f"SELECT DATE(at) AS day, SUM(amount) AS amount, COUNT(*) AS n {IN_WINDOW} GROUP BY 1"
    wide = table("derived.totals", "day DATE, amount NUMERIC, n INT64", strategy="append", sql=sql, **by_day("day"))
    for subject, number in ((wide, 0), (wide, 1), (TOTALS, 0), (wide, 0)):
        do(warehouse, subject, window(number))
    assert values(warehouse, wide, "n") == [1, None]
    assert todo(warehouse, wide) == [window(1)]


def test_a_table_that_has_windows_again_makes_all_of_them(warehouse):
    """What it held as a whole took their place; and the other way round."""
    do(warehouse, EVENTS, EVER, Rows([event(1, 0), event(2, 1)]))
    sql = "SELECT DATE(at) AS day, amount * 2 AS amount FROM core.events"
    whole = table("derived.totals", "day DATE, amount NUMERIC", strategy="replace", sql=sql)
    do(warehouse, TOTALS, window(0))
    do(warehouse, TOTALS, window(1))
    assert not todo(warehouse, TOTALS)
    do(warehouse, whole, None)
    assert not todo(warehouse, whole)
    assert todo(warehouse, TOTALS) == [window(0), window(1)]
    do(warehouse, TOTALS, window(0))
    assert todo(warehouse, whole) == [None]


def test_a_failed_check_of_a_new_definition_leaves_the_old_rows(warehouse):
    """A column that changes its type is altered in the window's own transaction."""
    do(warehouse, EVENTS, EVER, Rows([event(1, 0)]))
    do(warehouse, TOTALS, window(0))
    before = rows(warehouse, TOTALS)
    columns = [{"name": "day", "type": "DATE"}, {"name": "amount", "type": "STRING", "checks": [{"matches": "x"}]}]
    sql = TOTALS.sql.replace("SUM(amount)", "'a'")
    changed = table("derived.totals", columns, strategy="append", sql=sql, **by_day("day"))
    with pytest.raises(CheckFailedError, match="amount matches x"):
        do(warehouse, changed, window(0))
    assert rows(warehouse, TOTALS) == before


def test_a_merge_under_a_new_definition_starts_over(warehouse):
    """Rows of the old SQL do not combine with those of the new."""
    do(warehouse, LOG, span(0, 9), Rows([logged(number, number, number) for number in (0, 1)]))
    narrow = USERS.model_copy(update={"sql": USERS.sql + " AND amount > 0"})
    for subject in (USERS, narrow):
        for number in (0, 1):
            do(warehouse, subject, window(number))
            # Rows that are gone until their window is made again are not taken for complete.
            assert [commit.window for commit in reading(warehouse, subject).state.committed][number:] == [
                window(number)
            ]
    assert values(warehouse, USERS, "id") == [1]


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
