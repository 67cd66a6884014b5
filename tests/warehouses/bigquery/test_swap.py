"""A swap that the ledger knows of and that was not carried out is, by whoever comes next."""

from contextlib import closing

import pytest

from tests.simulator.house import AFTER, BEFORE, DOUBLED, TABLE, amounts, living


@pytest.mark.parametrize("renamed", [0, 1])
def test_a_swap_that_was_not_carried_out_is_by_the_next_run(bigquery_server, tmp_path, renamed):
    """Its run was killed before the tables were renamed, or between the two."""
    bigquery_server.clear()
    with closing(bigquery_server.warehouse()) as warehouse:
        house = living(tmp_path, warehouse)
        house.write(TABLE, DOUBLED)
        house.run(TABLE)
        assert amounts(house) == AFTER
        back = ["`totals` RENAME TO `totals-g1`", "`totals-g0` RENAME TO `totals`"]
        for rename in back[: 2 - renamed]:
            warehouse.query(f"ALTER TABLE `derived`.{rename}", {})
        if not renamed:
            assert amounts(house) == BEFORE
        assert not house.run(TABLE).entries
        assert amounts(house) == AFTER
        assert warehouse.present([TABLE, f"{TABLE}-g0", f"{TABLE}-g1"]) == {TABLE, f"{TABLE}-g0"}


def test_a_swap_of_which_another_run_has_done_a_part_is_ended(bigquery_server, tmp_path, monkeypatch):
    """Its job fails at the first rename, and it looks once more at what is there."""
    bigquery_server.clear()
    with closing(bigquery_server.warehouse()) as warehouse:
        house = living(tmp_path, warehouse)
        session, met = warehouse.jobs.client._http, []  # noqa: SLF001 - the client's own connection
        request = session.request

        def sending(method, url, data=None, **options):
            if "RENAME TO `totals`" in str(data) and not met:
                met.append(data)
                warehouse.query("ALTER TABLE `derived`.`totals` RENAME TO `totals-g0`", {})
            return request(method, url, data=data, **options)

        monkeypatch.setattr(session, "request", sending)
        house.write(TABLE, DOUBLED)
        house.run(TABLE)
        assert met
        assert amounts(house) == AFTER
        assert warehouse.present([TABLE, f"{TABLE}-g0", f"{TABLE}-g1"]) == {TABLE, f"{TABLE}-g0"}
