"""Whatever changes at any moment, readers see rows of one definition, and what is left is what a first run makes."""

import json
import os
import shutil
import signal
import subprocess
import sys
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from flows.model.errors import DerivedError, UsageError
from flows.warehouses.duckdb.warehouse import DuckDB
from tests.engine.test_repair import Deadly, Killed
from tests.prefect_api import clean_environment
from tests.simulator.house import CHANGES, NAME, TABLE, TOTALS, House, fields

STORIES = int(os.environ.get("DERIVED_TEST_STORIES", "6"))
"""How many stories are told; each is of its number."""
STEPS = 14
KINDS = ["source", "source", "change", "change", "back", "back", "cut", "cut", "cut", "run_one", "run_one", "run_one"]
KINDS += ["run_all", "run_all", "accept", "accept", "rollback", "jump", "kill", "beside"]
HOURS = [-30, -1, 0, 0, 2, 30]
"""By how much the clock of a run may be wrong."""
BELOW = "derived.below"
ENDLESS = 10**9
WITHOUT = [name for name in CHANGES if name not in {"merge", "bounded merge"}]


def marked(definition, number):
    """Return a definition whose rows all say which one they are of."""
    tag = {"name": "definition", "type": "INT64"}
    sql = definition["sql"].replace(" FROM ", f", {number} AS definition FROM ", 1)
    merge = {"merge": {**definition["merge"], "definition": "max"}} if "merge" in definition else {}
    return {**definition, **merge, "columns": [*definition["columns"], tag], "sql": sql}


def below(definition, factor):
    """Return a table that reads another, as that is defined."""
    names = {column["name"] for column in definition["columns"]}
    value = "total" if "total" in names else "n"
    at = "DATE(`at`)" if "at" in names else "day" if "day" in names else "DATE '2026-01-01'"
    bounds = "" if "day" not in names else " WHERE day >= DATE(@window_start) AND day < DATE(@window_end)"
    whole = {"strategy": "replace", "columns": [{"name": "day", "type": "DATE"}, {"name": "v", "type": "NUMERIC"}]}
    windowed = {name: TOTALS[name] for name in ("window", "strategy", "partition")} if bounds else {}
    if bounds and definition.get("window", {}).get("size") == "1 day":
        # With other bounds it would keep rows of what is gone.
        windowed["window"] = definition["window"]
    group = " GROUP BY 1"
    select = f"SELECT {at} AS day, CAST(SUM({value}) AS NUMERIC) * {factor} AS v FROM {TABLE}"
    return {**whole, **windowed, "sql": f"{select}{bounds}{group}"}


class Story:
    """Some changes, runs, cuts and kills in an order that a number gives.

    Args:
        folder: where the project is.
        number: which story.
    """

    def __init__(self, folder, number):
        self.folder, self.draw, self.lives = folder, Random(number), 0  # noqa: S311 - the same story each time
        self.house = House(folder, DuckDB(folder / "0.duckdb"))
        self.rows, self.number, self.factor, self.is_mixed = {}, 0, 1, False
        self.jumped = timedelta(0)
        self.source()
        self.change()
        self.run_all()

    def source(self):
        """Let rows come, change, move and go."""
        for _ in range(self.draw.randint(1, 4)):
            key, day = self.draw.randrange(8), self.draw.randint(1, 4)
            self.rows[key] = (key, f"2026-01-0{day}", self.draw.randrange(3), self.draw.randrange(90) / 2)
            if self.draw.random() < 0.2:
                del self.rows[key]
        self.house.insert(list(self.rows.values()))
        self.house.copy()

    def change(self):
        """Write the files of both derived tables anew; what reads follows what is read."""
        self.number += 1
        if self.draw.random() < 0.3:
            self.definition = TOTALS
        else:
            self.definition = fields(self.draw.choice(WITHOUT))
        self.factor = self.draw.randint(1, 2)
        self.house.write(TABLE, marked(self.definition, self.number))
        self.house.write(BELOW, below(self.definition, self.factor))

    def back(self):
        """Change the files, run a little, and change them back."""
        before = (self.definition, self.number, self.factor)
        number = self.number
        self.change()
        self.cut()
        self.definition, self.number, self.factor = before
        self.house.write(TABLE, marked(self.definition, self.number))
        self.house.write(BELOW, below(self.definition, self.factor))
        self.number = max(number, self.number)

    def accept(self):
        """Let rows that are there stay under the files, where these allow it, and be killed on the way or not."""
        self.is_mixed = True
        for name in (TABLE, BELOW):
            with suppress(UsageError):
                if self.draw.random() < 0.5:
                    self.cut(name, accept=True)
                self.house.run(name, accept=True)

    def cut(self, name=None, **request):
        """Run some statements of a run, be killed, and open what the disk holds."""
        whole = self.house.warehouse.session
        self.house.warehouse.opened = Deadly(whole, [self.draw.randrange(120)])
        with suppress(Killed, UsageError):
            self.house.run(name or self.draw.choice([TABLE, BELOW]), **request)
        old = self.folder / f"{self.lives}.duckdb"
        self.lives += 1
        for ending in ("", ".wal"):
            with suppress(FileNotFoundError):
                shutil.copy(f"{old}{ending}", self.folder / f"{self.lives}.duckdb{ending}")
        self.house.warehouse.opened = whole
        self.house.warehouse.close()
        self.reopen()

    def rollback(self):
        """Let readers see again what they saw before, where that is there; the files are changed thereafter."""
        with suppress(UsageError):
            self.house.run(TABLE, rollback=True)
            self.look()
        self.change()

    def jump(self):
        """Let the clock be another from now on."""
        self.jumped = timedelta(hours=self.draw.choice(HOURS))
        self.house.warehouse.close()
        self.reopen()

    def reopen(self):
        """Open the warehouse's file, with the clock as it is."""
        warehouse = self.house.warehouse = DuckDB(self.folder / f"{self.lives}.duckdb")
        jumped = self.jumped
        warehouse.now = lambda: datetime.now(UTC) + jumped

    def kill(self):
        """Let a process do a run, and kill it with -9 before one of its statements."""
        self.house.warehouse.close()
        request = {"accept": True} if self.draw.random() < 0.3 else {}
        self.is_mixed = self.is_mixed or bool(request)
        with self.process(self.folder, self.draw.randrange(120), request) as run:
            assert run.wait(240) in {0, 1, -signal.SIGKILL}, run.stderr.read()
        self.reopen()

    def beside(self):
        """Let a process run the project as it was before the files changed, while this one runs it as it is."""
        older = self.folder / "older"
        shutil.rmtree(older, ignore_errors=True)
        older.mkdir()
        shutil.copytree(self.folder / "tables", older / "tables")
        shutil.copy(self.folder / "events.jsonl", older)
        self.change()
        self.house.warehouse.close()
        with self.process(older, ENDLESS, {}) as run:
            self.reopen()
            for _ in range(2):
                with suppress(DerivedError):
                    self.run_all()
            self.house.warehouse.close()
            assert run.wait(240) in {0, 1}, run.stderr.read()
        self.reopen()

    def process(self, folder, statements, request):
        """Return a process that runs one of the tables."""
        words = (folder, self.folder / f"{self.lives}.duckdb", self.draw.choice([TABLE, BELOW]), statements)
        command = [sys.executable, "-m", "tests.simulator.process", *map(str, words), json.dumps(request)]
        return subprocess.Popen(command, env=clean_environment(), stderr=subprocess.PIPE, text=True)

    def run_one(self):
        """Run a table."""
        self.house.run(self.draw.choice([TABLE, BELOW]))

    def run_all(self):
        """Run both."""
        self.house.run(TABLE)
        self.house.run(BELOW)

    def look(self):
        """See that all rows are of one definition, whatever their columns are."""
        if not self.house.warehouse.present([TABLE]):
            return
        found = self.house.rows(TABLE)
        assert self.is_mixed or len({row.get("definition", "none") for row in found}) <= 1, found
        assert len({tuple(row) for row in found}) <= 1

    def end(self):
        """See that a last run leaves what a first one makes in an empty warehouse."""
        if self.jumped:
            # What was copied by a clock that was ahead is copied again.
            self.jumped = timedelta(0)
            self.house.warehouse.close()
            self.reopen()
            self.house.copy()
        if self.is_mixed:
            self.change()
            self.house.write(BELOW, below(self.definition, 3))
        for _ in range(2):
            self.run_all()
        assert not self.house.run(TABLE).plan.windows
        assert not self.house.run(BELOW).plan.windows
        with closing(DuckDB(self.folder / "fresh.duckdb")) as warehouse:
            fresh = House.__new__(House)
            vars(fresh).update(vars(self.house), warehouse=warehouse)
            for name in (NAME, TABLE, BELOW):
                fresh.run(name)
                wanted = [list(row.items()) for row in fresh.rows(name)]
                assert [list(row.items()) for row in self.house.rows(name)] == wanted, name


@pytest.mark.parametrize("number", range(STORIES))
def test_a_story_ends_as_if_all_were_made_anew(tmp_path, number):
    """`make soak` tells many more."""
    story = Story(tmp_path, number)
    try:
        for _ in range(STEPS):
            step = story.draw.choice(KINDS)
            getattr(story, step)()
            story.look()
        story.end()
    finally:
        story.house.warehouse.close()
