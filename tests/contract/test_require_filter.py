"""A table that BigQuery lets nobody read without a condition on its partition column is written like any other."""

import pytest
import sqlglot
from sqlglot import exp

from flows.engine.prepare import has_rows
from flows.model.window import EVER
from flows.warehouses.duckdb.warehouse import DuckDB
from flows.warehouses.interface import every_row
from tests.contract.conftest import change_by_hand
from tests.engine.builders import EVENTS, IN_WINDOW, LOG, Rows, csv, day, do, event, prepare, table, touched, window
from tests.servers.bigquery.statements import heard, statements

BY = {"partition": {"column": "at", "by": "day", "require_filter": True}}
COLUMNS = "id INT64, at TIMESTAMP, amount FLOAT64"
SELECT = f"SELECT id, `at`, CAST(amount AS FLOAT64) AS amount {IN_WINDOW}"
CHECKED = [
    {"name": "id", "type": "INT64", "checks": [{"references": "derived.guarded.id"}]},
    {"name": "at", "type": "TIMESTAMP"},
    {"name": "amount", "type": "FLOAT64"},
]
SELF = "SELECT id, `at`, CAST(amount AS FLOAT64) AS amount"
SUBJECTS = {
    "append": table("derived.guarded", CHECKED, strategy="append", sql=SELECT, **BY),
    "merge": table("derived.guarded", CHECKED, strategy="merge", key=["id"], sql=SELECT, **BY),
    "one window": table("derived.guarded", CHECKED, strategy="merge", key=["id", "at"], sql=SELECT, **BY),
    "replace": table("derived.guarded", CHECKED, strategy="replace", sql=f"{SELF} FROM core.events", **BY),
}
CORE = {
    "merge": table("core.guarded", COLUMNS, strategy="merge", key=["id"], **BY, **csv(cursor="at")),
    "append": table("core.guarded", COLUMNS, strategy="append", **BY, **csv(cursor="at")),
}


def amount(number, at, value):
    """Return a row of core.guarded."""
    return {"id": number, "at": day(at), "amount": float(value)}


def kept(warehouse, subject):
    """Return id and amount of a table's rows."""
    name = f"`{subject.dataset}`.`{subject.name}`"
    found = warehouse.query(f"SELECT id, amount FROM {name} WHERE {every_row(subject)} ORDER BY id", {})
    return [(row["id"], row["amount"]) for row in found]


def unguarded(scripts, name):
    """Return the statements that read a table with nothing asked of its partition column, as BigQuery refuses them."""
    found = []
    for sql in (sql for script in scripts for sql in statements(script)):
        if f"`{name}`" not in sql or sql.startswith(("ALTER", "TRUNCATE", "DROP", "INSERT INTO `platform`")):
            continue
        tree = sqlglot.parse_one(sql, read="bigquery")
        into = tree.this.find(exp.Table) if isinstance(tree, exp.Insert | exp.Create) else None
        for one in tree.find_all(exp.Table):
            if one.name != name or one is into:
                continue
            where = one.find_ancestor(exp.Select, exp.Delete).args.get("where")
            asked = [part.name for part in where.find_all(exp.Column)] if where else []
            if "at" not in asked:
                found.append(sql)
    return found


@pytest.fixture
def sent(warehouse):
    """Returns the statements that were refused, where there is anybody to refuse them."""
    if isinstance(warehouse, DuckDB):
        return list
    scripts = heard(warehouse)
    return lambda: unguarded(scripts, "guarded")


@pytest.mark.parametrize("strategy", SUBJECTS)
def test_derived_rows_are_made_and_made_again(warehouse, sent, strategy):
    """By every strategy, with values that drift and checks that read the table itself."""
    subject = SUBJECTS[strategy]
    span = None if strategy == "replace" else window(0)
    do(warehouse, EVENTS, EVER, Rows([event(1, 0), event(2, 0)]))
    do(warehouse, subject, span)
    do(warehouse, EVENTS, EVER, Rows([event(1, 0, updated=1, amount=5)]))
    assert touched(do(warehouse, subject, span)) == [(0, 1, True)]
    assert kept(warehouse, subject) == [(1, 5.0), (2, 1.0)]
    assert has_rows(subject, warehouse)
    assert sent() == []


@pytest.mark.parametrize("strategy", CORE)
def test_core_rows_are_copied_and_copied_again(warehouse, sent, strategy):
    """A row may move to another day."""
    subject = CORE[strategy]
    do(warehouse, subject, window(0), Rows([amount(1, 0, 1)]))
    do(warehouse, subject, window(1), Rows([amount(1, 1, 2)]))
    assert kept(warehouse, subject) == ([(1, 2.0)] if strategy == "merge" else [(1, 1.0), (1, 2.0)])
    assert sent() == []


@pytest.mark.bigquery_gap("The emulator does not keep require_partition_filter.", AssertionError)
def test_the_requirement_comes_and_goes_with_the_file(warehouse):
    """Of a table that is there, too; no row is made again for it."""
    free = LOG.model_copy(update={"partition": LOG.partition.model_copy(update={"require_filter": True})})
    for subject in (LOG, free, LOG):
        prepare(warehouse, subject)
        if not isinstance(warehouse, DuckDB):
            found = warehouse.jobs.client.get_table(f"{warehouse.jobs.settings.project}.core.log")
            assert bool(found.require_partition_filter) == subject.partition.require_filter
    change_by_hand(warehouse, "DROP TABLE core.log")
