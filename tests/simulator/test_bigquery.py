"""A smaller simulator on BigQuery, where a run may be cut off before any request by which it writes."""

from contextlib import closing, suppress
from itertools import count
from random import Random

import pytest

from flows.model.errors import ConflictError, UsageError
from tests.simulator.house import DOUBLED, LOG, ROWS, TABLE, TOTALS, House, amounts, fields, logged
from tests.simulator.story import marked
from tests.simulator.test_boundaries import CHANGED, LOGS, versions
from tests.simulator.test_changes import FEW, STORIES
from tests.warehouses.bigquery.test_making import before_request, die

ALL = STORIES > FEW
STEPS = 5
WRITES = 12
"""Requests after which a run is cut off, at most."""
DEFINITIONS = [DOUBLED, TOTALS, fields("renamed"), fields("start")]


@pytest.mark.parametrize("number", range(max(1, STORIES // 10)))
def test_a_story_ends_as_if_all_were_made_anew(bigquery_server, tmp_path, monkeypatch, number):
    """Each run is one of another process, which knows nothing but what BigQuery holds."""
    draw, is_mixed, rows, count = Random(number), False, {}, 0  # noqa: S311 - the same story each time
    bigquery_server.clear()
    with closing(bigquery_server.warehouse()) as warehouse:
        house = House(tmp_path, warehouse)

    def run(name=TABLE, *, cut=None, **request):
        """Run a table in a process of its own, which may be cut off."""
        with closing(bigquery_server.warehouse()) as warehouse, suppress(UsageError, ConflictError):
            house.warehouse = warehouse
            work = lambda: house.run(name, **request)  # noqa: E731 - what is cut off
            return before_request(warehouse, monkeypatch, cut, die, work) if cut else work()

    def change():
        nonlocal count
        count += 1
        house.write(TABLE, marked(draw.choice(DEFINITIONS), count))

    def source():
        key = draw.randrange(6)
        rows[key] = (key, f"2026-01-0{draw.randint(1, 4)}", 1, draw.randrange(90) / 2)
        house.insert(list(rows.values()))
        run("core.events", force=True)

    source()
    change()
    run()
    for step in draw.choices(["change", "source", "accept", "rollback"], [4, 2, 2, 1], k=STEPS):
        request = {step: True} if step in {"accept", "rollback"} else {}
        is_mixed = is_mixed or step == "accept"
        if not request:
            {"change": change, "source": source}[step]()
        if draw.random() < 0.6:
            run(cut=draw.randint(1, WRITES), **request)
        else:
            run(**request)
        with closing(bigquery_server.warehouse()) as warehouse:
            house.warehouse = warehouse
            found = house.rows(TABLE) if warehouse.present([TABLE]) else []
        assert is_mixed or len({row["definition"] for row in found}) <= 1, found
    last = marked(TOTALS, count + 1)
    for name in (TABLE, "derived.fresh"):
        house.write(name, last)
        run(name)
    with closing(bigquery_server.warehouse()) as warehouse:
        house.warehouse = warehouse
        assert not house.run(TABLE).plan.windows
        found, wanted = ([list(row.items()) for row in house.rows(name)] for name in (TABLE, "derived.fresh"))
    assert found == wanted


def changed(house, number):
    """Let a changed definition be made; return the table, what is asked of it, and what it is to hold."""
    house.write(TABLE, {**CHANGED, "sql": CHANGED["sql"].replace("2 *", f"{number + 1} *")})
    return TABLE, {}, {1: 1.5 * (number + 1), 2: 2.5 * (number + 1)}


def accepted(house, number):
    """Let rows stay under a changed definition."""
    changed(house, number)
    return TABLE, {"accept": True}, {1: 3, 2: 5}


def copied_again(house, number):
    """Let a core table be copied from the other of two sources."""
    house.write(LOG, logged(number % 2 + 1, 1))
    return LOG, {"rebuild": True}, {1: number % 2 + 1, 2: 2 * (number % 2 + 1)}


def answered(house, number):
    """Let rows of a core table stay under another definition, with a column more or less."""
    file = logged(number % 2 + 1, 1)
    house.write(LOG, {**file, "columns": file["columns"][: 5 - number % 2]})
    return LOG, {"accept": True}, {1: 2, 2: 4}


@pytest.mark.parametrize(("scene", "every"), [(changed, 13), (accepted, 13), (copied_again, 13), (answered, 4)])
def test_a_run_that_is_cut_off_before_a_write_is_finished_by_the_next(
    bigquery_server, tmp_path, monkeypatch, scene, every
):
    """Each at a later one than the run before, until one ends by itself; readers never see a part of either.

    `make soak` lets one be cut off before each write, all others before some, beginning with one that chance gives.
    """
    bigquery_server.clear()
    every = 1 if ALL else every

    def run(name, *, cut=None, **request):
        """Run a table in a process of its own; return what it holds thereafter and what versions its entries have."""
        with closing(bigquery_server.warehouse()) as warehouse:
            house.warehouse = warehouse
            work = lambda: house.run(name, **request)  # noqa: E731 - what is cut off
            sent = before_request(warehouse, monkeypatch, cut or 1_000, die, work)
            return sent, amounts(house, name), versions(warehouse, name)

    with closing(bigquery_server.warehouse()) as warehouse:
        house = House(tmp_path, warehouse)
        house.insert(ROWS[:2])
        house.copy()
        house.log(LOGS)
    name, _, _ = scene(house, 1)
    _, before, (*_, newest) = run(name)
    cut = Random().randint(1, every)  # noqa: S311 - another one each time
    for number in count(2):
        name, request, wanted = scene(house, number)
        sent, found, entries = run(name, cut=cut, **request)
        assert found in (before, wanted), cut
        if entries[-1] == newest:  # nobody has said it yet
            run(name, **request)
        _, before, (*_, newest) = run(name)
        assert before == wanted, cut
        if sent < cut:
            break
        cut += every
