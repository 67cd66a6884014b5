"""Whatever is killed, paused or lost on the way, a last run leaves what one computation from scratch gives.

DERIVED_TEST_TRIALS=all tries every write of a run and many histories, which takes an hour.
"""

import os
import re
import time
from contextlib import closing
from functools import partial
from random import Random

import pytest

from tests.engine.test_repair import DEFINITIONS, ORDER, check_the_end
from tests.servers import bigquery
from tests.warehouses.bigquery.world import Harm, Hosted, Process, Unmade

ALL = os.environ.get("DERIVED_TEST_TRIALS") == "all"
STEP = 1 if ALL else 23


@pytest.fixture(scope="module")
def world(bigquery_server):
    """All tables, up to date; what one test leaves is what the next begins with."""
    bigquery_server.clear()
    made = Hosted(bigquery_server, only_insert=False)
    with closing(made.warehouse):
        yield made


def test_a_run_that_is_killed_at_a_write_leaves_what_the_next_one_needs(world):
    """Before it or after it, and each at a later one than the run before, until one ends by itself."""
    number, errors = 2, None
    while errors is None:
        world.pass_day(number)
        errors = Process(world, ORDER, Harm(("before", "after")[number % 2], number // 2)).end()
        number += STEP
    assert errors == []
    assert number > 30
    check_the_end(world)


@pytest.mark.parametrize("number", [2, 3] if ALL else [3])
def test_a_run_that_does_not_hear_answers_goes_on_by_itself(world, number):
    """No answer comes to every third request that writes: what it asked for is done once."""
    world.pass_day(number)
    assert Process(world, ORDER, Harm("lost", number)).end() == []
    check_the_end(world)


def test_a_run_that_wakes_after_another_has_committed_changes_nothing(world):
    """It says so; it was stopped when it was about to publish."""
    world.pass_day(5)
    world.run("core.events")
    paused = Process(world, ["derived.totals"], Harm("pause", 1, "BEGIN TRANSACTION"))
    assert paused.is_paused()
    assert Process(world, ["derived.totals"]).end() == []
    told = "SELECT * FROM platform.ledger WHERE table_name = 'derived.totals' ORDER BY version"
    before = world.warehouse.query(told, {}), world.found("derived.totals")
    paused.wake()
    (error,) = paused.end()
    assert re.match(r"ConflictError: derived\.totals: run \w+ of process-", error)
    assert "This run changed nothing" in error
    assert (world.warehouse.query(told, {}), world.found("derived.totals")) == before
    check_the_end(world)


def test_of_two_runs_at_once_each_window_is_committed_by_one(world):
    """What the other meets is a conflict, and nothing else."""
    for number in range(3):
        world.pass_day(number)
    errors = [error for process in [Process(world, ORDER), Process(world, ORDER)] for error in process.end()]
    assert all(error.startswith("ConflictError") for error in errors), errors
    check_the_end(world)


@pytest.mark.parametrize("seed", range(100 if ALL else 1))
def test_tables_end_as_computed_from_scratch(bigquery_server, seed):
    """Rows arrive and change, definitions change, tables are dropped, runs are cut off and killed, in any order."""
    draw = Random(seed)  # noqa: S311 - the same story each time
    redefined = [name for name in ORDER if len(DEFINITIONS[name]) > 1]
    kinds = {
        "write": lambda: (draw.randrange(10), draw.randrange(4), draw.randrange(5), draw.randrange(23)),
        "tick": tuple,
        "run": lambda: (draw.choice(ORDER), draw.randint(1, 3)),
        "run_and_die": lambda: (draw.choice(ORDER), draw.randrange(12)),
        "drop": lambda: (draw.choice(ORDER),),
        "define": lambda: (
            name := draw.choice(redefined),
            draw.randrange(len(DEFINITIONS[name])),
            draw.choice([0, 1, None]),
        ),
    }
    bigquery_server.clear()
    world = Hosted(bigquery_server, only_insert=bool(seed % 2))
    with closing(world.warehouse):
        for kind in draw.choices(list(kinds), k=8):
            getattr(world, kind)(*kinds[kind]())
        check_the_end(world)


def test_a_warehouse_that_is_killed_loses_nothing(bigquery_server):
    """It begins empty, with runs that are killed as well, and comes back in the middle of a backfill, which goes on."""
    with bigquery.serving(keep=True, record=bigquery_server.record) as server:
        world = Unmade(server, only_insert=True)
        with closing(world.warehouse):
            number, errors = 1, None
            while errors is None:
                errors = Process(world, ORDER, Harm(("before", "after")[number % 2], number)).end()
                number += 1 if ALL else 43
            assert errors == []
            for day in range(4 if ALL else 2):
                world.pass_day(day)
            backfill = Process(world, ORDER)
            time.sleep(1)
            asked = partial(world.warehouse.jobs.query, "SELECT 1 AS one", job_id="derived-asked-before")
            asked()
            server.start()
            assert asked().rows == [{"one": 1}], "which are gone with the process that had them"
            assert backfill.end() == []
            check_the_end(world)
            assert len(world.warehouse.query("SELECT * FROM platform.tables", {})) == len(ORDER)
