"""A process that is killed with -9 in the place of any one of its commits leaves what the next run completes."""

import shutil
from contextlib import closing, suppress
from itertools import count
from signal import SIGKILL

import pytest

from flows.model.errors import UsageError
from flows.model.window import Window, utc
from flows.warehouses.duckdb.warehouse import DuckDB
from tests.simulator.house import DOUBLED, LOG, ROWS, TABLE, TOTALS, House, amounts, logged

LOGS = [(number, number, number, number) for number in (1, 2)]
SHORT = {**TOTALS, "window": {**TOTALS["window"], "end": "2026-01-03"}}
CHANGED = {**SHORT, "sql": DOUBLED["sql"]}
BEFORE, AFTER = {1: 1.5, 2: 2.5}, {1: 3, 2: 5}


def changed(house):
    """Let a changed definition be made."""
    house.write(TABLE, CHANGED)
    return {}, AFTER


def folded(house):
    """Let a table become one that is folded of parts."""
    whole = {name: value for name, value in CHANGED.items() if name != "partition"}
    house.write(TABLE, {**whole, "strategy": "merge", "key": ["day"], "merge": {"n": "sum"}})
    return {}, AFTER


def accepted(house):
    """Let rows stay under a changed definition."""
    house.write(TABLE, CHANGED)
    return {"accept": True}, BEFORE


def changed_back(house):
    """Let what is begun of a changed definition go."""
    house.write(TABLE, CHANGED)
    assert house.run(TABLE, bounds=Window(utc("2026-01-02"), utc("2026-01-03"))).entries
    house.write(TABLE, SHORT)
    return {}, BEFORE


def copied_again(house):
    """Let a core table be copied from elsewhere."""
    house.write(LOG, logged(2, 1))
    return {"rebuild": True}, {1: 2, 2: 4}


def trimmed(house):
    """Let rows of a core table go."""
    house.write(LOG, logged(1, 2))
    return {"trim": True}, {2: 2}


def answered(house):
    """Let rows of a core table stay under another definition, whose columns differ."""
    file = logged(2, 1)
    columns = [{**column, "type": "STRING"} if column["name"] == "v" else column for column in file["columns"]]
    house.write(LOG, {**file, "columns": columns})
    return {"accept": True}, {1: 1, 2: 2}


SCENES = {TABLE: [changed, folded, accepted, changed_back], LOG: [copied_again, trimmed, answered]}


def versions(warehouse, name):
    """Return the versions of a table's entries, in order."""
    entries = "SELECT version FROM platform.ledger WHERE kind <> 'failure' AND table_name = @name ORDER BY version"
    return [row["version"] for row in warehouse.query(entries, {"name": name})]


def described(warehouse, name):
    """Return a table's columns."""
    return warehouse.session.execute(f"DESCRIBE {name}").fetchall()


@pytest.mark.parametrize(("name", "scene"), [(name, scene) for name, scenes in SCENES.items() for scene in scenes])
def test_a_kill_in_the_place_of_each_commit_in_turn(tmp_path, processes, name, scene):
    """Nothing is lost or there twice, and readers see what was before or what comes after, never less."""
    whole, used = tmp_path / "whole.duckdb", tmp_path / "used.duckdb"
    with closing(DuckDB(whole)) as warehouse:
        house = House(tmp_path, warehouse)
        house.insert(ROWS[:2])
        house.copy()
        house.log(LOGS)
        house.write(TABLE, SHORT)
        house.write(LOG, logged(1, 1))
        house.run(name)
        request, wanted = scene(house)
        before, columns = amounts(house, name), described(warehouse, name)
        (newest,) = versions(warehouse, name)[-1:]
    for commits in count():
        shutil.copy(whole, used)
        processes.start(house, used, name, commits=commits, **request)
        code = processes.wait()
        with closing(DuckDB(used)) as warehouse:
            house.warehouse = warehouse
            assert amounts(house, name) in (before, wanted)
            is_known = versions(warehouse, name)[-1] > newest
            assert is_known or described(warehouse, name) == columns
            # What a person has said of rows that are there she does not say again.
            again = {} if is_known and "accept" in request else request
            with suppress(UsageError):  # it is done
                assert not code or not house.run(name, **again).failures
            assert amounts(house, name) == wanted
            assert len(set(versions(warehouse, name))) == len(versions(warehouse, name))
            if not code:
                assert not house.run(name).plan.windows
                return
        for path in tmp_path.glob("used.duckdb*"):
            path.unlink()
        assert code == -SIGKILL
