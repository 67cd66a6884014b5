"""Some changes, runs, cuts and kills of a project in an order that a number gives."""

import shutil
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from random import Random

import duckdb

from flows.model.errors import DefinitionError, DerivedError, UsageError
from flows.warehouses.duckdb.warehouse import DuckDB
from tests.simulator.connection import Killed, Watched
from tests.simulator.house import CHANGES, LOG, LOGGED, NAME, TABLE, TOTALS, House, fields, logged
from tests.simulator.process import ENDLESS

OFTEN = {
    "source": 2,
    "change": 2,
    "back": 2,
    "cut": 3,
    "kill": 2,
    "run_one": 3,
    "run_all": 2,
    "accept": 2,
    "rollback": 1,
    "abandon": 1,
    "jump": 1,
    "beside": 1,
    "log": 2,
    "change_log": 2,
    "answer": 3,
    "trim": 1,
}
"""How often a step comes, beside others."""
HOURS = [-30, -1, 0, 0, 2, 30]
"""By how much the clock of a run may be wrong."""
BELOW, ABOVE_LOG = "derived.below", "derived.logged"
DEFINITIONS = {
    **{name: fields(name) for name in CHANGES},
    "later": {**TOTALS, "window": {"size": "1 day", "start": "2126-01-01"}},
    "by month": {**TOTALS, "partition": {"column": "day", "by": "month"}},
    "most": {**fields("rules"), "merge": {"n": "max"}},
    "newest": {**fields("rules"), "merge": {}},
}
MOST_COMMITS = 14


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
    """Two core tables and what is made of them, on DuckDB.

    Args:
        folder: where the project is.
        number: which story.
        processes: starts runs in processes of their own.
    """

    def __init__(self, folder, number, processes):
        self.folder, self.processes, self.draw, self.lives = folder, processes, Random(number), 0  # noqa: S311
        self.house = House(folder, DuckDB(folder / "0.duckdb"))
        self.rows, self.logged, self.number, self.factor = {}, {}, 0, 1
        self.jumped = timedelta(0)
        self.mixed, self.shown = set(), {}
        """Tables whose rows may be of several definitions, as a person has said so; and of which each was seen last."""
        self.path, self.start = 1, 1
        self.watch()
        self.source()
        self.log()
        self.write_log()
        self.change()
        self.run_all()

    def step(self):
        """Do something."""
        getattr(self, self.draw.choices(list(OFTEN), list(OFTEN.values()))[0])()
        self.look()

    def commit(self):
        """Take the files as they are for a commit of the project."""
        self.house.git_commit = str(len(self.house.history))
        self.house.history.append(self.house.git_commit)

    # What stands in sources and files.

    def source(self):
        """Let rows come, change, move and go."""
        for _ in range(self.draw.randint(1, 4)):
            key, day = self.draw.randrange(8), self.draw.randint(1, 4)
            self.rows[key] = (key, f"2026-01-0{day}", self.draw.randrange(3), self.draw.randrange(90) / 2)
            if self.draw.random() < 0.2:
                del self.rows[key]
        self.house.insert(list(self.rows.values()))
        self.house.copy()

    def log(self):
        """Let rows of the other source come, change, move and go; a copy of it notices what comes or changes alone."""
        for _ in range(self.draw.randint(1, 4)):
            key = self.draw.randrange(8)
            self.logged[key] = (key, self.draw.randint(1, 4), self.draw.randint(1, 5), self.draw.randrange(90))
            if self.draw.random() < 0.2:
                del self.logged[key]
        self.house.log(list(self.logged.values()))

    def write_log(self):
        """Write the file of the table that is copied from it, and of one that reads that."""
        self.commit()
        self.house.write(LOG, logged(self.path, self.start))
        self.house.write(ABOVE_LOG, LOGGED)

    def change_log(self):
        """Let the table be copied from elsewhere, or begin at another time."""
        if self.draw.random() < 0.5:
            self.path = 3 - self.path
        else:
            self.start = self.draw.randint(1, 3)
        self.write_log()

    def change(self):
        """Write the files of both derived tables anew; what reads follows what is read."""
        self.number += 1
        if self.draw.random() < 0.3:
            self.definition = TOTALS
        else:
            self.definition = self.draw.choice(list(DEFINITIONS.values()))
        self.factor = self.draw.randint(1, 2)
        self.write()

    def write(self):
        """Write the files of both derived tables."""
        self.commit()
        self.house.write(TABLE, marked(self.definition, self.number))
        self.house.write(BELOW, below(self.definition, self.factor))

    def back(self):
        """Change the files, run a little, and change them back."""
        before = (self.definition, self.number, self.factor)
        number = self.number
        self.change()
        self.cut()
        self.definition, self.number, self.factor = before
        self.write()
        self.number = max(number, self.number)

    # Runs.

    def run_one(self):
        """Run a table."""
        self.run(self.draw.choice([TABLE, BELOW, LOG, ABOVE_LOG]))

    def run_all(self):
        """Run all that is derived."""
        for name in (TABLE, BELOW, LOG, ABOVE_LOG):
            self.run(name)

    def run(self, name, **request):
        """Run a table; one that waits for a person ends with the question."""
        with suppress(DefinitionError):
            return self.house.run(name, **request)

    def accept(self):
        """Let rows that are there stay under the files, where these allow it, and be killed on the way or not."""
        for name in (TABLE, BELOW):
            self.mixed.add(name)
            with suppress(UsageError):
                if self.draw.random() < 0.5:
                    self.cut(name, accept=True)
                self.house.run(name, accept=True)

    def answer(self):
        """Say what becomes of the rows that were copied otherwise, or copy them again; and be killed on the way or not."""
        request = {"accept": True} if self.draw.random() < 0.4 else {"rebuild": True}
        with suppress(UsageError):
            if "accept" in request:
                self.mixed.add(LOG)
            if self.draw.random() < 0.5:
                self.cut(LOG, **request)
            done = self.house.run(LOG, **request)
            if "rebuild" in request and not done.failures:
                self.mixed.discard(LOG)
                assert {tuple(row.values())[:1] for row in self.house.rows(LOG)} == {row[:1] for row in self.inside()}
            if self.draw.random() < 0.2:
                self.house.run(LOG, rollback=True)
                self.mixed.add(LOG)

    def inside(self):
        """Return the rows of the other source that its table is to hold."""
        return [row for row in self.logged.values() if row[2] >= self.start]

    def trim(self):
        """Let rows go that the file has no longer."""
        if self.draw.random() < 0.5:
            self.cut(LOG, trim=True)
        self.run(LOG, trim=True)

    def rollback(self):
        """Let readers see again what they saw before, where that is there; the files are changed thereafter."""
        with suppress(UsageError):
            self.shown.pop(TABLE, None)
            self.mixed.add(TABLE)
            self.house.run(TABLE, rollback=True)
            self.look()
        self.change()

    def abandon(self):
        """Turn away from what is begun, where something is; the files are changed thereafter."""
        name = self.draw.choice([TABLE, BELOW, LOG])
        with suppress(UsageError):
            self.house.run(name, abandon=True)
        if name != LOG:
            self.change()

    # What happens to runs.

    def cut(self, name=None, **request):
        """Do some commits of a run, be killed, and open what the disk holds."""

        def die():
            raise Killed

        whole = self.house.warehouse.session.connection
        self.house.warehouse.opened = Watched(whole, [self.draw.randrange(MOST_COMMITS)], die, self.look)
        with suppress(Killed, UsageError, DefinitionError):
            self.house.run(name or self.draw.choice([TABLE, BELOW, LOG, ABOVE_LOG]), **request)
        old = self.folder / f"{self.lives}.duckdb"
        self.lives += 1
        for ending in ("", ".wal"):
            with suppress(FileNotFoundError):
                shutil.copy(f"{old}{ending}", self.folder / f"{self.lives}.duckdb{ending}")
        self.house.warehouse.opened = whole
        self.house.warehouse.close()
        self.reopen()

    def kill(self):
        """Let a process do a run, and kill it with -9 in the place of one of its commits."""
        self.house.warehouse.close()
        name = self.draw.choice([TABLE, BELOW, LOG, ABOVE_LOG])
        request = {}
        if name != ABOVE_LOG and self.draw.random() < 0.3:
            request = {"accept": True}
            self.mixed.add(name)
        self.processes.start(
            self.house, self.file, name, commits=self.draw.randrange(MOST_COMMITS), jumped=self.jumped, **request
        )
        self.processes.wait()
        self.reopen()

    def beside(self):
        """Let a process run the project as it was before the files changed, while this one runs it as it is."""
        older = self.folder / "older"
        shutil.rmtree(older, ignore_errors=True)
        older.mkdir()
        shutil.copytree(self.folder / "tables", older / "tables")
        for name in ("events", "log1", "log2"):
            shutil.copy(self.folder / f"{name}.jsonl", older)
        before = House.opened(older, None)
        before.git_commit, before.history = self.house.git_commit, list(self.house.history)
        self.change()
        self.house.warehouse.close()
        self.processes.start(before, self.file, self.draw.choice([TABLE, BELOW, LOG]))
        self.reopen()
        for _ in range(2):
            with suppress(DerivedError):
                self.run_all()
        self.house.warehouse.close()
        self.processes.wait()
        self.reopen()

    def jump(self):
        """Let the clock be another from now on."""
        self.jumped = timedelta(hours=self.draw.choice(HOURS))
        self.house.warehouse.close()
        self.reopen()

    @property
    def file(self):
        """The warehouse's file."""
        return self.folder / f"{self.lives}.duckdb"

    def reopen(self):
        """Open the warehouse's file, with the clock as it is."""
        warehouse = self.house.warehouse = DuckDB(self.file)
        jumped = self.jumped
        warehouse.now = lambda: datetime.now(UTC) + jumped
        self.shown.clear()
        self.watch()

    # What readers see.

    def watch(self):
        """Let a reader look after each commit."""
        whole = self.house.warehouse.session
        self.house.warehouse.opened = Watched(whole, [ENDLESS], None, self.look)

    def look(self):
        """See that a table that was there is, with rows of one definition, and of all days where that is another one."""
        for name, column in ((TABLE, "definition"), (LOG, "v")):
            found = self.read(name)
            if found is None:
                assert name not in self.shown, f"{name} is gone"
                continue
            tags = {row[column] for row in found}
            if name == TABLE and tags == {self.number}:
                self.mixed.discard(TABLE)
            assert name in self.mixed or len(tags) <= 1, found
            if self.shown.get(name) and tags != self.shown[name] and name == TABLE and name not in self.mixed:
                at = next((one for one in ("day", "at") if one in found[0]), None) if found else None
                wanted = {row["day"] for row in self.read(NAME)} if at else set()
                spec = self.definition.get("window")
                first, last = (int(spec.get(end, "2026-01-05")[8:10]) for end in ("start", "end")) if spec else (1, 9)
                if at and spec and spec["size"] != "1 month" and tags == {self.number}:
                    there = {row[at].day for row in found}
                    assert there == {day.day for day in wanted if first <= day.day < last}, found
            self.shown[name] = tags

    def read(self, name):
        """Return a table's rows as the file holds them; None where there is no table."""
        session = self.house.warehouse.session
        whole = session.connection if isinstance(session, Watched) else session
        with whole.cursor() as reader:
            try:
                done = reader.execute(f"SELECT * FROM {name}")
            except duckdb.CatalogException:
                return None
            names = [column[0] for column in done.description]
            return [dict(zip(names, row, strict=True)) for row in done.fetchall()]

    def end(self):
        """See that a last run leaves what a first one makes in an empty warehouse."""
        if self.jumped:
            self.jumped = timedelta(0)
            self.house.warehouse.close()
            self.reopen()
        # What was copied by a clock that was ahead, be it some steps ago, is copied again.
        self.house.copy()
        while self.mixed & {BELOW, TABLE} or self.definition is DEFINITIONS["later"]:
            self.change()
            self.house.write(BELOW, below(self.definition, 3))
            if self.definition is not DEFINITIONS["later"]:
                # Its rows stay mixed until they are made anew.
                self.mixed.discard(BELOW)
                break
        self.start = 1
        self.write_log()
        self.house.run(LOG, rebuild=True)
        for _ in range(2):
            self.run_all()
        names = (NAME, TABLE, BELOW, LOG, ABOVE_LOG)
        for name in names[1:]:
            assert not self.house.run(name).plan.windows
        with closing(DuckDB(self.folder / "fresh.duckdb")) as warehouse:
            fresh = House.opened(self.folder, warehouse)
            for name in names:
                fresh.run(name)
                wanted = [list(row.items()) for row in fresh.rows(name)]
                assert [list(row.items()) for row in self.house.rows(name)] == wanted, name

    def close(self):
        """Let go of the file."""
        self.house.warehouse.close()
