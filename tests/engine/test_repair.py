"""Whatever happens to tables on the way, a last run leaves what one computation from scratch gives."""

from __future__ import annotations

import shutil
from collections import Counter, defaultdict
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal

import pyarrow as pa
from hypothesis import example, given, settings
from hypothesis import strategies as st

from flows.commands.progress import Quiet
from flows.engine.planning import make_plan
from flows.engine.readings import Readings
from flows.engine.request import Author, Reached, Request
from flows.engine.table_run import Parts, run_table
from flows.sources.interface import Batch, Inspection, arrow_schema
from flows.sql import analyze
from flows.warehouses.duckdb.warehouse import DuckDB
from tests.engine.builders import IN_WINDOW, by_day, csv, day, table

DAYS = 4
ORDER = ("core.events", "derived.totals", "derived.pairs", "derived.users", "derived.last")
"""Each table after those that it reads."""


def daily(strategy):
    """Return the fields of a table with one row a day."""
    key = {"key": ["day"]} if strategy == "merge" else {}
    return {"strategy": strategy, **by_day("day"), **key}


TOTALS = "SELECT DATE(at) AS day, SUM(amount) AS amount"
DEFINITIONS = {
    "core.events": [
        table(
            "core.events",
            "id INT64, at TIMESTAMP, updated TIMESTAMP, amount NUMERIC",
            strategy="merge",
            key=["id"],
            **by_day("at"),
            **csv(cursor="updated"),
        )
    ],
    "derived.totals": [
        table("derived.totals", "day DATE, amount NUMERIC", sql=f"{TOTALS} {IN_WINDOW} GROUP BY 1", **daily("append")),
        table(
            "derived.totals",
            "day DATE, amount NUMERIC, n INT64",
            sql=f"{TOTALS}, COUNT(*) AS n {IN_WINDOW} GROUP BY 1",
            **daily("append"),
        ),
        table("derived.totals", "day DATE, amount NUMERIC", sql=f"{TOTALS} {IN_WINDOW} GROUP BY 1", **daily("merge")),
        table(
            "derived.totals",
            "tag STRING, day DATE, amount NUMERIC",
            strategy="merge",
            key=["day", "tag"],
            sql=f"SELECT 'a' AS tag, DATE(at) AS day, SUM(amount) AS amount {IN_WINDOW} GROUP BY 2",
            **by_day("day"),
        ),
        table(
            "derived.totals",
            "day DATE, amount NUMERIC",
            strategy="replace",
            sql="SELECT DATE(at) AS day, SUM(amount) * 2 AS amount FROM core.events GROUP BY 1",
            **by_day("day"),
        ),
    ],
    "derived.pairs": [
        table(
            "derived.pairs",
            "day DATE, amount NUMERIC",
            sql="SELECT DATE(@window_start) AS day, SUM(amount) AS amount FROM derived.totals"
            " WHERE day >= DATE_SUB(DATE(@window_start), INTERVAL 1 DAY) AND day < DATE(@window_end)",
            **daily("append"),
        )
    ],
    "derived.users": [
        table(
            "derived.users",
            "id INT64, first TIMESTAMP, last TIMESTAMP, amount NUMERIC",
            strategy="merge",
            key=["id"],
            merge={"first": "min", "last": "max", "amount": "latest"},
            latest_by="last",
            sql=f"SELECT MOD(id, 3) AS id, at AS first, at AS last, amount {IN_WINDOW} AND amount > {least}",
        )
        for least in (-1, 2)
    ],
    "derived.last": [
        table(
            "derived.last",
            "day DATE, amount NUMERIC",
            strategy="replace",
            sql="SELECT day, amount FROM derived.pairs",
        )
    ],
}


DAILY = DEFINITIONS["derived.totals"][0].partition


class Killed(BaseException):
    """Stands for kill -9."""


class Deadly:
    """A connection that dies before one of its statements; what it has not committed is lost."""

    def __init__(self, connection, left):
        self.connection, self.left = connection, left

    def cursor(self):
        """Return another connection that dies with this one."""
        return Deadly(self.connection.cursor(), self.left)

    def execute(self, *given):
        """Run a statement, or die."""
        if self.left is not None:
            if not self.left[0]:
                raise Killed
            self.left[0] -= 1
        return self.connection.execute(*given)

    def __getattr__(self, name):
        return getattr(self.connection, name)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()


class Files:
    """What the engine asks of a project, of tables that no file describes."""

    def __init__(self, tables):
        self.tables = tables

    def table(self, name):
        """Return a table."""
        return self.tables[name]

    def lines(self, _):
        """Return none, as no file says where anything stands."""
        return {}

    def require_valid(self, _):
        """None has a fault."""

    def schema(self, _):
        """Return the types of all."""
        return {name: one.types for name, one in self.tables.items()}

    def keys(self, _):
        """Return what tells the rows of each apart."""
        return {name: one.row_key for name, one in self.tables.items()}

    def upstreams(self, name):
        """Return what a table reads."""
        partitions = {other: one.partition.column for other, one in self.tables.items() if one.partition}
        return analyze(self.tables[name].sql, self.schema(name), partitions).dependencies


class Clocked:
    """A warehouse at another time."""

    def __init__(self, warehouse, now):
        self.warehouse, self.at = warehouse, now

    def now(self):
        """Return that time."""
        return self.at

    def __getattr__(self, name):
        return getattr(self.warehouse, name)


class Enough(BaseException):
    """A run has done as many steps as it was to do."""


class Counting(Quiet):
    """Ends a run, as Ctrl-C does, after so many steps."""

    def __init__(self, most):
        self.left = most

    def step(self, table, step, work):
        """Do a step, or end."""
        if self.left == 0:
            raise Enough
        if self.left is not None:
            self.left -= 1
        return super().step(table, step, work)


class World:
    """A database, the tables that are copied and derived from it, and a clock."""

    def __init__(self, warehouse, *, only_insert):
        self.warehouse, self.only_insert = warehouse, only_insert
        self.run_by = "tester"
        self.days = DAYS
        self.rows = {}
        self.clock = 0
        self.number = dict.fromkeys(ORDER, 0)
        self.begin()

    def begin(self):
        """Let the first days pass."""
        for number in range(DAYS - 1):
            self.clock = number
            self.write(number, number, number, 0)
        self.all()

    def write(self, key, at, amount, hour):
        """Insert or update a row of the database."""
        key = len(self.rows) if self.only_insert else key
        updated = day(self.clock) + timedelta(hours=hour)
        before = self.rows.get(key)
        if before is not None:
            updated = max(updated, before["updated"] + timedelta(minutes=1))
        moment = day(min(at, self.clock)) + timedelta(hours=key % 24, minutes=key)
        self.rows[key] = {"id": key, "at": moment, "updated": updated, "amount": Decimal(amount)}

    def read(self, subject, span):
        """Give the rows of a window, as a source does."""
        cursor = subject.source.cursor
        found = [row for row in self.rows.values() if span.start <= row[cursor] < span.end]
        yield Batch(pa.RecordBatch.from_pylist(found, arrow_schema(subject)), ())

    def copy(self, subject, span, _):
        """Give the same as the only part of a first copy."""
        yield from self.read(subject, span)

    def inspect(self, _):
        """Say that there is nothing to say."""
        return Inspection()

    def all(self):
        """Bring every table up to date."""
        for name in ORDER:
            self.run(name)

    def tick(self):
        """Let a day begin, but the last."""
        self.clock = min(self.clock + 1, self.days - 1)

    def define(self, name, number, most):
        """Change a table's definition, and run some of its windows."""
        self.number[name] = number
        self.run(name, most)

    def follows(self, name):
        """Say whether the table follows every change: not a snapshot."""
        return name not in {"derived.pairs", "derived.last"} or self.table("derived.totals").partition == DAILY

    def table(self, name):
        """Return a table as its file says now."""
        return DEFINITIONS[name][self.number[name]]

    def parts(self):
        """Return what runs are put together from."""
        project = Files({name: self.table(name) for name in ORDER})
        readings = Readings(Clocked(self.warehouse, day(self.clock)), project.tables)
        return Parts(project, readings, Author(self.run_by), lambda _: Reached(self, None, 0))

    def plan(self, name):
        """Return what a run would do."""
        parts = self.parts()
        return make_plan(parts.project, self.table(name), parts.readings, Request(name))

    def run(self, name, most=None, **request):
        """Do what is to do for a table, or the first so many windows of it."""
        with suppress(Enough):
            for failure in run_table(self.parts(), Request(name, **request), Counting(most)).failures:
                raise failure.error

    def expected(self, name):
        """Compute a table from scratch, in Python."""
        times = 2 if self.table("derived.totals").strategy == "replace" else 1
        totals = defaultdict(list)
        for row in self.rows.values():
            totals[row["at"].date()].append(row["amount"] * times)
        days = [day(number).date() for number in range(self.days)]
        pairs = [
            (one, sum(amounts) if amounts else None)
            for one in days
            for amounts in [totals.get(one, []) + totals.get(one - timedelta(days=1), [])]
        ]
        if name in {"derived.pairs", "derived.last"}:
            return pairs
        if name == "derived.totals":
            names = self.table(name).types
            whole = [{"day": one, "tag": "a", "amount": sum(found), "n": len(found)} for one, found in totals.items()]
            return [tuple(row[column] for column in names) for row in whole]
        if name == "core.events":
            return [tuple(row.values()) for row in self.rows.values()]
        users = defaultdict(list)
        for row in self.rows.values():
            if row["amount"] > (-1, 2)[self.number[name]]:
                users[row["id"] % 3].append(row)
        return [
            (
                key,
                min(row["at"] for row in mine),
                max(row["at"] for row in mine),
                max((row["at"], row["amount"]) for row in mine)[1],
            )
            for key, mine in users.items()
        ]

    def found(self, name):
        """Return a table's rows."""
        columns = ", ".join(f"`{column}`" for column in self.table(name).types)
        return [tuple(row.values()) for row in self.warehouse.query(f"SELECT {columns} FROM {name}", {})]


class Embedded(World):
    """The same in a file of DuckDB."""

    def __init__(self, folder, *, only_insert):
        self.folder, self.lives = folder, 0
        super().__init__(DuckDB(folder / "0.duckdb"), only_insert=only_insert)

    def drop(self, name):
        """Drop a table, as a person may in a session of her own."""
        self.warehouse.session.execute(f"DROP TABLE IF EXISTS {name}")

    def run_and_die(self, name, statements):
        """Run a table, be killed before one of its statements, and open what the disk holds."""
        whole = self.warehouse.session
        self.warehouse.opened = Deadly(whole, [statements])
        with suppress(Killed):
            self.run(name)
        old = self.folder / f"{self.lives}.duckdb"
        self.lives += 1
        for ending in ("", ".wal"):
            with suppress(FileNotFoundError):
                shutil.copy(f"{old}{ending}", self.folder / f"{self.lives}.duckdb{ending}")
        self.warehouse.opened = whole
        self.warehouse.close()
        self.warehouse = DuckDB(self.folder / f"{self.lives}.duckdb")


DEFINE = st.one_of(
    st.tuples(st.just("define"), st.just(name), st.integers(0, len(tables) - 1), st.sampled_from([0, 1, 2, None]))
    for name, tables in DEFINITIONS.items()
    if len(tables) > 1
)
STEPS = st.one_of(
    DEFINE,
    DEFINE,
    st.tuples(st.just("write"), st.integers(0, 9), st.integers(0, DAYS - 1), st.integers(0, 4), st.integers(0, 22)),
    st.tuples(st.just("all")),
    st.tuples(st.just("tick")),
    st.tuples(st.just("run"), st.sampled_from(ORDER), st.integers(1, 3)),
    st.tuples(st.just("run_and_die"), st.sampled_from(ORDER), st.integers(0, 60)),
    st.tuples(st.just("drop"), st.sampled_from(ORDER)),
)


def check_the_end(world):
    """Bring all tables up to date, and see that they are what the rows of the database give."""
    world.clock = world.days
    world.all()
    if world.table("derived.totals").strategy == "replace":
        # It is complete up to its last run, which nothing has called for since.
        world.run("derived.totals", force=True)
        world.all()
    for name in ORDER:
        assert not world.plan(name).windows, f"{name} is not up to date after a run"
        if world.follows(name):
            assert Counter(world.found(name)) == Counter(world.expected(name)), name
    versions = "SELECT table_name, version FROM platform.ledger WHERE kind <> 'failure'"
    assert max(Counter(map(str, world.warehouse.query(versions, {}))).values()) == 1


@settings(max_examples=4, deadline=None)
@given(steps=st.lists(STEPS, min_size=3, max_size=12), only_insert=st.booleans())
@example(steps=[("define", "derived.totals", 4, None), ("define", "derived.totals", 0, None)], only_insert=True)
@example(
    steps=[("define", "derived.totals", number, most) for number, most in ((1, None), (0, 1), (1, 1))], only_insert=True
)
def test_tables_end_as_computed_from_scratch(tmp_path_factory, steps, only_insert):
    """Rows arrive and change, definitions change, tables are dropped, runs are cut off and killed, in any order."""
    world = Embedded(tmp_path_factory.mktemp("repair"), only_insert=only_insert)
    try:
        for name, *given_ in steps:
            getattr(world, name)(*given_)
        check_the_end(world)
    finally:
        world.warehouse.close()
