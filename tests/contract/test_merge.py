"""Rows of a merge table are added, or take the place of rows of the same key."""

from datetime import timedelta
from decimal import Decimal

import pytest

from flows.model.errors import CheckFailedError
from flows.model.window import EVER
from tests.engine.builders import (
    EVENTS,
    LOG,
    USERS,
    Rows,
    csv,
    day,
    do,
    event,
    logged,
    rows,
    table,
    touched,
    values,
    window,
)

BY_NAME = table(
    "core.named",
    "name STRING, part INT64, at TIMESTAMP, amount NUMERIC",
    strategy="merge",
    key=["name", "part"],
    partition={"column": "at", "by": "month"},
    **csv(cursor="at"),
)


def test_an_update_touches_where_a_row_is_and_where_it_was(warehouse):
    """A row whose partition column moved stands once; the newer cursor wins, whatever comes first."""
    do(warehouse, EVENTS, window(0), Rows([event(1, 0), event(2, 0)]))
    entry = do(warehouse, EVENTS, window(3), Rows([event(2, 2, updated=3, amount=9), event(4, 3)]))
    assert touched(entry) == [(0, 1, True), (2, 3, True), (3, 4, False)]
    assert touched(do(warehouse, EVENTS, window(0), Rows([event(1, 0), event(2, 0)]))) == []
    assert values(warehouse, EVENTS, "amount") == [1, 9, 1]


def test_of_several_rows_of_one_key_the_latest_by_cursor_is_kept(warehouse):
    """An export may hold a key twice."""
    early = event(1, 0, amount=1)
    late = {**early, "updated": early["updated"] + timedelta(hours=1), "amount": Decimal(2)}
    assert do(warehouse, EVENTS, window(0), Rows([late, early])).rows == 1
    assert values(warehouse, EVENTS, "amount") == [2]


@pytest.mark.parametrize("order", [1, -1])
def test_of_rows_as_late_as_each_other_one_stays_whatever_comes_first(warehouse, order):
    """The greatest by its columns; how many had other values is told, and what is the same twice is nothing to tell."""
    rows_ = [event(1, 0, amount=1), event(1, 0, amount=2), event(1, 0, amount=2), event(2, 0), event(2, 0)]
    entry = do(warehouse, EVENTS, window(0), Rows(rows_[::order]))
    assert (entry.rows, values(warehouse, EVENTS, "amount")) == (2, [2, 1])
    assert [(one.kind, one.subject, one.detail) for one in entry.warnings] == [("tied", "updated", "1")]


def test_a_part_of_a_key_may_be_null(warehouse):
    """NULL is a key like any other, and not the text 'null'."""

    def named(name, amount, at):
        return {"name": name, "part": None, "at": day(at), "amount": Decimal(amount)}

    do(warehouse, BY_NAME, window(0), Rows([named(None, 1, 0), named("null", 2, 0), named("a", 3, 0)]))
    do(warehouse, BY_NAME, window(40), Rows([named(None, 4, 40), named("b", 5, 40)]))
    assert [(row["name"], row["amount"]) for row in rows(warehouse, BY_NAME)] == [
        ("a", 3),
        ("b", 5),
        ("null", 2),
        (None, 4),
    ]


def test_rules_combine_what_windows_say_in_any_order(warehouse):
    """The least, the greatest, and the value of the latest; the same rows again change nothing."""
    do(warehouse, LOG, EVER, Rows([logged(1, 0, 5), logged(1, 1, 6), logged(2, 1, None), logged(1, 2, 7)]))
    for number in (2, 0, 1):
        do(warehouse, USERS, window(number))
    expected = [
        {"id": 1, "first": day(0), "last": day(2), "amount": Decimal(7)},
        {"id": 2, "first": day(1), "last": day(1), "amount": None},
    ]
    assert rows(warehouse, USERS) == expected
    assert do(warehouse, USERS, window(1)).touched == ()
    assert rows(warehouse, USERS) == expected


def test_several_rows_of_a_key_that_overwrites_are_refused(warehouse):
    """Which of them would stay nobody could say."""
    upsert = table(
        "derived.newest",
        "id INT64, amount NUMERIC",
        strategy="merge",
        key=["id"],
        sql="SELECT id, amount FROM core.log WHERE `at` >= @window_start AND `at` < @window_end",
    )
    do(warehouse, LOG, EVER, Rows([logged(1, 0, 5), logged(1, 0, 6)]))
    with pytest.raises(CheckFailedError, match="several rows of one key"):
        do(warehouse, upsert, window(0))
    assert rows(warehouse, upsert) == []
