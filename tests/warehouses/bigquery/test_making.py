"""A table is made by several requests: wherever its maker dies among them, the next run makes it whole."""

from contextlib import suppress

from flows.model.window import EVER
from flows.warehouses.interface import parts_of
from tests.engine.builders import EVENTS, LOG, USERS, Rows, do, event, logged, reading, rows, todo, window


class Killed(BaseException):
    """Stands for the end of the process."""


def die_before(monkeypatch, warehouse, left, work):
    """Do work that dies before one of its requests that make or drop a table; say whether it did."""
    client = warehouse.jobs.client

    def counted(send):
        def sent(*arguments, **options):
            nonlocal left
            left -= 1
            if left == 0:
                raise Killed
            return send(*arguments, **options)

        return sent

    with monkeypatch.context() as patched, suppress(Killed):
        for name in ("create_table", "delete_table"):
            patched.setattr(client, name, counted(getattr(client, name)))
        work()
    return left <= 0


def test_a_merge_that_was_dropped_is_made_with_all_its_rows(warehouse, monkeypatch):
    """Parts that were left behind stand for no rows of the new table."""
    do(warehouse, LOG, EVER, Rows([logged(1, 0, 5), logged(2, 1, 7)]))
    for number in (0, 1):
        do(warehouse, USERS, window(number))
    made = rows(warehouse, USERS)
    left = 1
    while True:
        warehouse.jobs.client.delete_table(f"{warehouse.jobs.settings.project}.{USERS.identity}", not_found_ok=True)
        died = die_before(monkeypatch, warehouse, left, lambda: warehouse.prepare(USERS))
        assert todo(warehouse, USERS) == [window(0), window(1)]
        for number in (0, 1):
            do(warehouse, USERS, window(number))
        assert rows(warehouse, USERS) == made
        if not died:
            break
        left += 1
    assert left == 4
    assert warehouse.present([parts_of(USERS.identity)])


def test_a_table_that_is_made_anew_holds_no_rows_that_the_ledger_does_not_know(warehouse, monkeypatch):
    """Its rows go before what the ledger says of them does."""
    do(warehouse, EVENTS, EVER, Rows([event(1, 0)]))
    assert die_before(monkeypatch, warehouse, 1, lambda: warehouse.prepare(EVENTS, anew=True))
    assert reading(warehouse, EVENTS).state.committed
    assert die_before(monkeypatch, warehouse, 2, lambda: warehouse.prepare(EVENTS, anew=True))
    assert not reading(warehouse, EVENTS).state.committed
    do(warehouse, EVENTS, EVER, Rows([event(2, 0)]))
    assert [row["id"] for row in rows(warehouse, EVENTS)] == [2]
