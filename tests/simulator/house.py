"""A project of a few tables in a folder, whose files, rows and runs change as a test says."""

from __future__ import annotations

import json
import time

from flows.commands.progress import Quiet
from flows.engine.readings import Readings
from flows.engine.request import Author, Reached, Request
from flows.engine.steps import Kept
from flows.engine.table_run import Parts, run_table
from flows.project.project import load_project
from flows.sources.files.reader import FilesReader

ABOUT = {"description": "A table.", "owner": "team@example.com", "schedule": "0 * * * *"}
EVENTS = {
    "strategy": "replace",
    "source": {"kind": "files", "path": "events.jsonl"},
    "partition": {"column": "day", "by": "day"},
    "columns": [
        {"name": "id", "type": "INT64"},
        {"name": "day", "type": "DATE"},
        {"name": "user", "type": "INT64"},
        {"name": "amount", "type": "NUMERIC"},
    ],
}
NAME = "core.events"
TABLE = "derived.totals"
TOTALS = {
    "window": {"size": "1 day", "start": "2026-01-01", "end": "2026-01-05"},
    "strategy": "append",
    "partition": {"column": "day", "by": "day"},
    "columns": [{"name": "day", "type": "DATE"}, {"name": "n", "type": "NUMERIC"}],
    "sql": "SELECT day, SUM(amount) AS n FROM core.events"
    " WHERE day >= DATE(@window_start) AND day < DATE(@window_end) GROUP BY day",
}
DOUBLED = {**TOTALS, "sql": TOTALS["sql"].replace("SUM(amount)", "2 * SUM(amount)")}
ROWS = [(number, f"2026-01-0{number}", 1, number + 0.5) for number in (1, 2, 3, 4)]


LOG, LOGGED = (
    "core.log",
    {
        **TOTALS,
        "columns": [{"name": "day", "type": "DATE"}, {"name": "n", "type": "NUMERIC"}, {"name": "v", "type": "INT64"}],
        "sql": "SELECT day, SUM(n) AS n, MAX(v) AS v FROM core.log"
        " WHERE day >= DATE(@window_start) AND day < DATE(@window_end) GROUP BY day",
    },
)
BEFORE = {1: 1.5, 2: 2.5, 3: 3.5, 4: 4.5}
AFTER = {1: 3, 2: 5, 3: 7, 4: 9}
CHANGES = {
    "start": {"window": {**TOTALS["window"], "start": "2026-01-03"}},
    "end": {"window": {**TOTALS["window"], "end": "2026-01-03"}},
    "size": {
        "window": {"size": "12 hours", "start": "2026-01-01", "end": "2026-01-05"},
        "partition": {"column": "at", "by": "day"},
        "columns": [{"name": "at", "type": "TIMESTAMP"}, {"name": "n", "type": "NUMERIC"}],
        "sql": "SELECT TIMESTAMP(day) AS `at`, SUM(amount) AS n FROM core.events"
        " WHERE TIMESTAMP(day) >= @window_start AND TIMESTAMP(day) < @window_end GROUP BY day",
    },
    "month": {
        "window": {"size": "1 month", "start": "2026-01-01", "end": "2026-02-01"},
    },
    "renamed": {
        "columns": [{"name": "total", "type": "NUMERIC"}, {"name": "day", "type": "DATE"}],
        "sql": TOTALS["sql"].replace("day, SUM(amount) AS n", "SUM(amount) AS total, day"),
    },
    "retyped": {
        "columns": [{"name": "day", "type": "DATE"}, {"name": "n", "type": "INT64"}],
        "sql": TOTALS["sql"].replace("SUM(amount)", "CAST(SUM(amount) AS INT64)"),
    },
    "moved": {"sql": TOTALS["sql"].replace("SELECT day,", "SELECT DATE_ADD(day, INTERVAL 0 DAY) AS day,")},
    "merge": {"strategy": "merge", "key": ["n"]},
    "bounded merge": {"strategy": "merge", "key": ["day"]},
    "rules": {
        "strategy": "merge",
        "key": ["user"],
        "merge": {"n": "sum"},
        "partition": None,
        "columns": [{"name": "user", "type": "INT64"}, {"name": "n", "type": "NUMERIC"}],
        "sql": TOTALS["sql"].replace("SELECT day", "SELECT user").replace("GROUP BY day", "GROUP BY user"),
    },
    "replace": {
        "strategy": "replace",
        "window": None,
        "sql": "SELECT day, SUM(amount) AS n FROM core.events GROUP BY day",
    },
}
"""What a file of the table may come to say instead; None: no longer."""


def fields(change):
    """Return a table's file after a change."""
    return {name: value for name, value in {**TOTALS, **CHANGES[change]}.items() if value is not None}


def logged(path, start):
    """Return the file of a table that is copied from one of two sources, from a day of January on."""
    return {
        "strategy": "merge",
        "key": ["id"],
        "window": {"size": "1 day", "start": f"2026-01-0{start}", "end": "2026-01-06"},
        "source": {"kind": "files", "path": f"log{path}.jsonl", "cursor": "seen"},
        "partition": {"column": "day", "by": "day"},
        "columns": [
            {"name": "id", "type": "INT64"},
            {"name": "day", "type": "DATE"},
            {"name": "seen", "type": "DATE"},
            {"name": "n", "type": "NUMERIC"},
            {"name": "v", "type": "INT64"},
        ],
    }


class House:
    """A project's folder, and the warehouse that holds its tables.

    Args:
        root: the folder.
        warehouse: the warehouse.
    """

    def __init__(self, root, warehouse):
        vars(self).update(vars(self.opened(root, warehouse)))
        self.write(NAME, EVENTS)
        self.insert([])

    @classmethod
    def opened(cls, root, warehouse):
        """Return a house whose files are there."""
        made = cls.__new__(cls)
        made.root, made.warehouse = root, warehouse
        made.git_commit, made.history = "", []
        made.project = None
        return made

    def write(self, name, fields):
        """Write a table's file."""
        dataset, _, table = name.partition(".")
        path = self.root / "tables" / dataset / f"{table}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({**ABOUT, **fields}))
        self.project = None

    def insert(self, rows):
        """Let the source hold these rows: (id, day, user, amount)."""
        names = [column["name"] for column in EVENTS["columns"]]
        lines = [json.dumps(dict(zip(names, row, strict=True))) for row in rows]
        (self.root / "events.jsonl").write_text("".join(f"{line}\n" for line in lines))

    def log(self, rows):
        """Let both of the other sources hold these rows: (id, day, day on which it changed, n)."""
        for path in (1, 2):
            lines = [
                json.dumps({"id": key, "day": f"2026-01-0{day}", "seen": f"2026-01-0{seen}", "n": n * path, "v": path})
                for key, day, seen, n in rows
            ]
            (self.root / f"log{path}.jsonl").write_text("".join(f"{line}\n" for line in lines))

    def copy(self):
        """Copy the source."""
        return self.run(NAME, force=True)

    def run(self, name, observer=None, **request):
        """Bring a table up to date; return what was done."""
        # Files that are as they were need no other reading: that is a quarter of what a run of such tables takes.
        project = self.project = self.project or load_project(self.root)
        reached = Reached(FilesReader(self.root), None, time.monotonic())
        author = Author("tester", self.git_commit, self._precedes)
        parts = Parts(project, Readings(self.warehouse, project.tables), author, lambda _: reached)
        return run_table(parts, Request(name, **request), observer or Quiet())

    def _precedes(self, other):
        """Say whether the run's commit is before another in the history, where that has both."""
        known = {self.git_commit, other} <= set(self.history)
        return self.history.index(self.git_commit) < self.history.index(other) if known else None

    def rows(self, name):
        """Return a table's rows, by column in its order, sorted."""
        dataset, _, table = name.partition(".")
        return sorted(self.warehouse.query(f"SELECT * FROM `{dataset}`.`{table}`", {}), key=repr)


def living(root, warehouse):
    """Return a house with a core table of four days, and a derived one that is up to date."""
    made = House(root, warehouse)
    made.insert(ROWS)
    made.copy()
    made.write(TABLE, TOTALS)
    made.run(TABLE)
    return made


def amounts(house, name=TABLE):
    """Return the values of a table by the number of the day."""
    return {row["day"].day: float(row["n"]) for row in house.rows(name)}


def change_and_return(house, change):
    """Change the table, see that it is as if it were made anew, and change it back."""
    house.write("derived.fresh", fields(change))
    house.run("derived.fresh")
    house.write(TABLE, fields(change))
    house.run(TABLE)
    found, wanted = house.rows(TABLE), house.rows("derived.fresh")
    assert [list(row.items()) for row in found] == [list(row.items()) for row in wanted]
    assert found
    assert not house.run(TABLE).plan.windows
    house.write(TABLE, TOTALS)
    house.run(TABLE)
    assert amounts(house) == BEFORE
    assert list(house.rows(TABLE)[0]) == ["day", "n"]


def change_upstream(house, change):
    """Change the table, and see that one that reads it holds the same, and keeps its rows where what it read is gone."""
    reads = {
        **TOTALS,
        "columns": [{"name": "day", "type": "DATE"}, {"name": "n", "type": "FLOAT64"}],
        "sql": "SELECT day, CAST(SUM(n) AS FLOAT64) AS n FROM derived.totals"
        " WHERE day >= DATE(@window_start) AND day < DATE(@window_end) GROUP BY day",
    }
    house.write("derived.below", reads)
    house.run("derived.below")
    assert amounts(house, "derived.below") == BEFORE
    house.write(TABLE, fields(change))
    house.run(TABLE)
    done = house.run("derived.below")
    gone = BEFORE if change in {"start", "end"} else {}
    assert amounts(house, "derived.below") == {**gone, **amounts(house)}
    assert done.plan.kept == ((Kept(TABLE, 2),) if gone else ())
