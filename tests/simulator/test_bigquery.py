"""A smaller simulator on BigQuery, where a run may be cut off before any request by which it writes."""

from contextlib import closing, suppress
from random import Random

import pytest

from flows.model.errors import ConflictError, UsageError
from tests.simulator.house import DOUBLED, TABLE, TOTALS, House, fields
from tests.simulator.story import marked
from tests.simulator.test_changes import STORIES
from tests.warehouses.bigquery.test_making import before_request, die

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
