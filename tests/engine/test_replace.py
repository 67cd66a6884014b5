"""A replaced table is swapped as a whole."""

from tests.engine.builders import EVENTS, Rows, do, event, table, touched, values, window


def test_replace_swaps_the_whole_table(warehouse):
    """Rows that are gone are gone, and an equal result touches nothing."""
    whole = table("derived.n", "id INT64", strategy="replace", sql="SELECT id FROM core.events WHERE amount > 1")
    do(warehouse, EVENTS, window(0), Rows([event(1, 0, amount=2), event(2, 0, amount=3)]))
    assert do(warehouse, whole, None).rows == 2
    assert touched(do(warehouse, whole, None)) == []
    do(warehouse, EVENTS, window(1), Rows([event(1, 0, updated=1, amount=0)]))
    assert do(warehouse, whole, None).touched[0].changed
    assert values(warehouse, whole, "id") == [2]
