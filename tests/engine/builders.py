"""Tables, sources and runs from which the engine's tests are made."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pyarrow as pa

from flows.engine import ledger
from flows.engine.commit import TableRun, commit_step
from flows.engine.plan import plan
from flows.engine.steps import Moment, Reason, Step
from flows.model.table import Table
from flows.model.window import BEGINNING, Window, utc
from flows.sources.interface import Batch, Inspection, arrow_schema

START = utc("2026-01-01")
CORE_SCHEMA = {"id": "INT64", "at": "TIMESTAMP", "updated": "TIMESTAMP", "amount": "NUMERIC"}


def day(number):
    """Return the start of a day, counted from 2026-01-01."""
    return START + timedelta(days=number)


def span(first, last):
    """Return the range of days [first, last)."""
    return Window(day(first), day(last))


def window(number):
    """Return a day as a window."""
    return span(number, number + 1)


def table(identity, columns, **fields):
    """Return a table with daily windows, or none where it is replaced.

    Columns are given as `name TYPE, name TYPE`, or as a table file has them.
    """
    dataset, name = identity.split(".")
    if isinstance(columns, str):
        columns = [dict(zip(("name", "type"), column.split(), strict=True)) for column in columns.split(", ")]
    about = {"description": "A table.", "owner": "team@example.com", "schedule": "0 * * * *"}
    windowed = {} if fields["strategy"] == "replace" else {"window": {"size": "1 day", "start": "2026-01-01"}}
    given = {"dataset": dataset, "name": name, "columns": columns, **about, **windowed, **fields}
    return Table.model_validate(given, strict=False)


def by_day(column):
    """Return the fields of a table that is partitioned by the days of a column."""
    return {"partition": {"column": column, "by": "day"}}


def csv(**source):
    """Return the fields of a table whose source, if it were asked, would be a file."""
    return {"source": {"kind": "files", "path": "x.csv"} | source}


EVENTS = table(
    "core.events",
    ", ".join(f"{name} {type_}" for name, type_ in CORE_SCHEMA.items()),
    strategy="merge",
    key=["id"],
    **by_day("at"),
    **csv(cursor="updated", max_bad_rows=1),
)
LOG = table("core.log", "id INT64, at TIMESTAMP, amount NUMERIC", strategy="append", **by_day("at"), **csv(cursor="at"))
IN_WINDOW = "FROM core.events WHERE `at` >= @window_start AND `at` < @window_end"
TOTALS = table(
    "derived.totals",
    "day DATE, amount NUMERIC",
    strategy="append",
    sql=f"SELECT DATE(`at`) AS day, SUM(amount) AS amount {IN_WINDOW} GROUP BY 1",
    **by_day("day"),
)
USERS = table(
    "derived.first_use",
    "id INT64, first TIMESTAMP, last TIMESTAMP, amount NUMERIC",
    strategy="merge",
    key=["id"],
    merge={"first": "min", "last": "max", "amount": "latest"},
    latest_by="last",
    sql="SELECT id, `at` AS first, `at` AS last, amount FROM core.log"
    " WHERE `at` >= @window_start AND `at` < @window_end",
)


class Rows:
    """A source that holds its rows in a list."""

    def __init__(self, rows, bad=()):
        self.rows = rows
        self.bad = tuple(bad)

    def inspect(self, _):
        """Say that there is nothing to say."""
        return Inspection()

    def read(self, subject, span):
        """Give the rows whose cursor lies in the window."""
        cursor = subject.source.cursor
        rows = [row for row in self.rows if span is None or span.start <= row[cursor] < span.end]
        yield Batch(pa.RecordBatch.from_pylist(rows, arrow_schema(subject)), self.bad)


def event(number, at, updated=None, amount=1):
    """Return a row of core.events."""
    updated = at if updated is None else updated
    return {"id": number, "at": day(at), "updated": day(updated) + timedelta(hours=1), "amount": Decimal(amount)}


def logged(number, at, amount):
    """Return a row of core.log."""
    return {"id": number, "at": day(at), "amount": None if amount is None else Decimal(amount)}


def reading(warehouse, subject):
    """Return what the ledger says of a table."""
    return ledger.read(warehouse, [subject])[subject.identity]


def prepare(warehouse, subject):
    """Let a warehouse hold a table, as a run does that plans now."""
    warehouse.prepare(subject, reading(warehouse, subject).state.version)


def do(warehouse, subject, span, source=None, *, upstreams=None, known=None, schema=None):  # noqa: PLR0913
    """Do one window, as a run that had planned at version `known`; its SQL may read the two core tables, or `schema`."""
    state = reading(warehouse, subject).state
    version = state.version if known is None else known
    schema = (schema or {core.identity: core.types for core in (EVENTS, LOG)}) | {subject.identity: subject.types}
    warehouse.prepare(subject, version)
    run = TableRun(subject, "run-1", "tester", "abc", version, upstreams or {}, schema, source)
    return commit_step(run, Step(span, "missing", Reason("not committed")), warehouse, first=bool(state.changes))


def todo(warehouse, subject):
    """Return what a run on 2026-01-03 plans of a table whose upstreams have not changed since."""
    known = reading(warehouse, subject).state
    return [step.window for step in plan(subject, (), known, {}, Moment(day(2), BEGINNING)).windows]


def rows(warehouse, subject):
    """Return a table's rows by column name, sorted by their values in the order of the file."""
    found = warehouse.query(f"SELECT * FROM `{subject.dataset}`.`{subject.name}`", {})
    return sorted(found, key=lambda row: [repr(row[name]) for name in subject.types])


def values(warehouse, subject, column):
    """Return a column's values in the order of the rows."""
    return [row[column] for row in rows(warehouse, subject)]


def touched(entry):
    """Return the touched days with whether rows were changed there."""
    return [((item.range.start - START).days, (item.range.end - START).days, item.changed) for item in entry.touched]
