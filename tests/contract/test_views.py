"""Whoever asks the views of `platform` in one warehouse asks them in another by the same columns, of the same types."""

from flows.model.types import Type, parse_type
from flows.model.window import EVER
from flows.sql.types import duckdb_type
from flows.warehouses.duckdb.warehouse import DuckDB
from flows.warehouses.interface import Query
from tests.engine.builders import EVENTS, Rows, do, event

VIEWS = {
    "ledger": (
        "table_name STRING, kind STRING, version INT64, window_start TIMESTAMP, window_end TIMESTAMP,"
        " committed_at TIMESTAMP, began TIMESTAMP, seconds FLOAT64, `rows` INT64, bytes INT64, source_behind FLOAT64,"
        " run_id STRING, run_by STRING, code_version STRING, git_commit STRING,"
        " upstreams ARRAY<STRUCT<table_name STRING, version INT64>>,"
        " touched ARRAY<STRUCT<range_start TIMESTAMP, range_end TIMESTAMP, changed BOOL>>,"
        " warnings ARRAY<STRUCT<kind STRING, subject STRING, detail STRING>>, error STRING, copied STRING,"
        " generation INT64"
    ),
    "quarantine": (
        "table_name STRING, window_start TIMESTAMP, window_end TIMESTAMP, run_id STRING, found_at TIMESTAMP,"
        " place STRING, reason STRING, raw STRING"
    ),
    "windows": (
        "table_name STRING, window_start TIMESTAMP, window_end TIMESTAMP, state STRING, version INT64, at TIMESTAMP,"
        " `rows` INT64, seconds FLOAT64, run_id STRING, run_by STRING, code_version STRING, error STRING"
    ),
    "tables": (
        "table_name STRING, last_updated TIMESTAMP, fresh_until TIMESTAMP, freshness INTERVAL, version INT64,"
        " code_version STRING, last_run_by STRING"
    ),
    "failures": (
        "table_name STRING, window_start TIMESTAMP, window_end TIMESTAMP, failed_at TIMESTAMP, run_id STRING,"
        " run_by STRING, error STRING, resolved_at TIMESTAMP"
    ),
    "dependencies": "table_name STRING, upstream STRING",
    "runs": (
        "run_id STRING, table_name STRING, run_by STRING, code_version STRING, git_commit STRING, began TIMESTAMP,"
        " ended TIMESTAMP, commits INT64, failures INT64, `rows` INT64"
    ),
}


def wanted(view):
    """Return the types of a view by column, in its order; an INTERVAL is no type of a table file."""
    fields = parse_type(f"STRUCT<{VIEWS[view].replace('INTERVAL', 'DATETIME').replace('`', '')}>").fields
    return {name: Type("INTERVAL") if name == "freshness" else type_ for name, type_ in fields}


def given(warehouse, view):
    """Return the same as a warehouse gives it: as texts, in its own words for types."""
    if isinstance(warehouse, DuckDB):
        described = warehouse.session.execute(f"DESCRIBE platform.{view}").fetchall()
        return [(name, type_.replace("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ")) for name, type_, *_ in described]
    found = warehouse.dry_run(Query(f"SELECT * FROM platform.{view}", {}), None)
    return [(name, str(type_)) for name, type_ in found.types.items()]


def test_views_have_the_same_columns(warehouse):
    """Names, their order and their types."""
    do(warehouse, EVENTS, EVER, Rows([event(1, 0)]))
    spelled = duckdb_type if isinstance(warehouse, DuckDB) else str
    for view in VIEWS:
        columns = [
            # As the view's own SQL gives it: a query of a table's file has another form of INTERVAL.
            (name, "INTERVAL" if type_ == Type("INTERVAL") else spelled(type_).replace('"', ""))
            for name, type_ in wanted(view).items()
        ]
        assert [(name, type_.replace('"', "")) for name, type_ in given(warehouse, view)] == columns, view
