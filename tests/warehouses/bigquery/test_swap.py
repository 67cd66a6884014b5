"""A swap that the ledger knows of and that was not carried out is, by whoever comes next."""

from contextlib import closing

import pytest

from flows.warehouses.bigquery.types import quote_table
from flows.warehouses.interface import shadow_of
from tests.contract.test_generations import NEW
from tests.simulator.house import AFTER, BEFORE, DOUBLED, TABLE, amounts, living


@pytest.fixture
def house(bigquery_server, tmp_path):
    """A house whose table is up to date, and whose file has changed since."""
    bigquery_server.clear()
    with closing(bigquery_server.warehouse()) as warehouse:
        made = living(tmp_path, warehouse)
        made.write(TABLE, DOUBLED)
        yield made


def before_the_swap(house, monkeypatch, happen):
    """Let something happen once, before the tables are renamed."""
    session, met = house.warehouse.jobs.client._http, []  # noqa: SLF001 - the client's own connection
    request = session.request

    def sending(method, url, data=None, **options):
        if "RENAME TO `totals`" in str(data) and not met:
            met.append(data)
            happen()
        return request(method, url, data=data, **options)

    monkeypatch.setattr(session, "request", sending)
    return met


def test_a_swap_that_was_not_carried_out_is_by_the_next_run(house):
    """Its run was killed between the two renames."""
    house.run(TABLE)
    assert amounts(house) == AFTER
    house.warehouse.query("ALTER TABLE `derived`.`totals` RENAME TO `totals-g1`", {})
    assert not house.run(TABLE).entries
    assert amounts(house) == AFTER
    assert house.warehouse.present([TABLE, f"{TABLE}-g0", f"{TABLE}-g1"]) == {TABLE, f"{TABLE}-g0"}


def test_a_swap_of_which_another_run_has_done_a_part_is_ended(house, monkeypatch):
    """Its job fails at the first rename, and it looks once more at what is there."""
    rename = "ALTER TABLE `derived`.`totals` RENAME TO `totals-g0`"
    met = before_the_swap(house, monkeypatch, lambda: house.warehouse.query(rename, {}))
    house.run(TABLE)
    assert met
    assert amounts(house) == AFTER
    assert house.warehouse.present([TABLE, f"{TABLE}-g0", f"{TABLE}-g1"]) == {TABLE, f"{TABLE}-g0"}


def test_renames_that_come_late_undo_nothing(house, monkeypatch):
    """Another run has carried the swap out and a person has turned back since; so it is where a run looks late."""
    there = {TABLE, f"{TABLE}-g1"}

    def turn_back():
        assert amounts(house) == BEFORE
        assert not house.run(TABLE).entries
        assert amounts(house) == AFTER
        house.run(TABLE, rollback=True)

    met = before_the_swap(house, monkeypatch, turn_back)
    found = house.run(TABLE).defined
    assert met
    for _ in range(2):
        assert amounts(house) == BEFORE
        assert house.warehouse.present([*there, f"{TABLE}-g0"]) == there
        house.warehouse.carry_out(found, 1, 0)


def test_an_empty_generation_that_was_not_renamed_takes_its_place(house):
    """A run that planned before the swap has made a table under the name for what readers saw; that one is late."""
    house.write(TABLE, {**DOUBLED, "sql": DOUBLED["sql"].replace("WHERE", "WHERE FALSE AND")})
    found = house.run(TABLE).defined
    assert amounts(house) == {}
    for old, new in ((TABLE, "totals-g1"), (f"{TABLE}-g0", "totals")):
        house.warehouse.query(f"ALTER TABLE {quote_table(old)} RENAME TO `{new}`", {})
    assert amounts(house) == BEFORE
    house.warehouse.prepare(shadow_of(found, 0), NEW)
    house.run(TABLE)
    assert amounts(house) == {}
    assert house.warehouse.present([TABLE, f"{TABLE}-g0", f"{TABLE}-g1"]) == {TABLE, f"{TABLE}-g0"}


def test_two_runs_that_carry_out_a_swap_at_once_lose_no_table(house, monkeypatch):
    """What readers saw before it held no rows, so that it could be taken for one that somebody has made late."""
    house.write(TABLE, {**DOUBLED, "sql": DOUBLED["sql"].replace("WHERE", "WHERE FALSE AND")})
    house.run(TABLE)
    house.write(TABLE, DOUBLED)
    found = house.run(TABLE).defined
    before = [(TABLE, "totals-g2"), (f"{TABLE}-g1", "totals")]
    after = [(TABLE, "totals-g1"), (f"{TABLE}-g2", "totals")]

    def rename(names):
        for old, new in names:
            house.warehouse.query(f"ALTER TABLE {quote_table(old)} RENAME TO `{new}`", {})

    session, left = house.warehouse.jobs.client._http, [0]  # noqa: SLF001 - the client's own connection
    request = session.request

    def asking(method, url, **options):
        if method == "GET" and "/tables/totals" in url:
            left[0] -= 1
            if left[0] == 0:
                rename(after)
        return request(method, url, **options)

    monkeypatch.setattr(session, "request", asking)
    for number in range(1, 8):
        rename(before)
        assert amounts(house) == {}
        left[0] = number
        house.warehouse.carry_out(found, 2, 1)
        left[0] = 0
        assert amounts(house) == AFTER
        assert house.warehouse.present([TABLE, f"{TABLE}-g1", f"{TABLE}-g2"]) == {TABLE, f"{TABLE}-g1"}
