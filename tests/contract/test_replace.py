"""A replaced table holds what its last run gave, and nothing else."""

from tests.engine.builders import EVENTS, Rows, do, event, rows, table, window

LARGE = table("derived.large", "id INT64", strategy="replace", sql="SELECT id FROM core.events WHERE amount > 1")


def test_rows_that_are_gone_are_gone_and_an_equal_result_touches_nothing(warehouse):
    """The whole table is compared, and written where it differs."""
    do(warehouse, EVENTS, window(0), Rows([event(1, 0, amount=2), event(2, 0, amount=3)]))
    assert do(warehouse, LARGE, None).rows == 2
    assert do(warehouse, LARGE, None).touched == ()
    do(warehouse, EVENTS, window(1), Rows([event(1, 0, updated=1, amount=0)]))
    assert do(warehouse, LARGE, None).touched[0].changed
    assert rows(warehouse, LARGE) == [{"id": 2}]
