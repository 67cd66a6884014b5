"""The demo on real servers, and on BigQuery beside DuckDB."""

from contextlib import closing

from flows.project.project import load_project
from flows.warehouses.duckdb.warehouse import DuckDB
from tests.servers.bigquery.demo import differences
from tests.shop import shorten


def test_the_demo_on_servers_gives_the_same_tables(shop):
    """From MySQL and MongoDB every table of a month comes out as from their exports, value by value."""
    shorten(shop, "2026-02-01")
    assert shop.command("run").returncode == 0
    wanted = shop.tables()
    done = shop.run("tests.servers.demo")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "commits to 8 tables" in done.stdout
    assert "Wool blanket" in done.stdout
    (shop.root / ".derived/servers/warehouse.duckdb").replace(shop.warehouse)
    assert shop.tables() == wanted


def test_the_first_days_of_the_demo_are_the_same_on_bigquery(shop, bigquery_server):
    """Every table, every value, as `make demo-bigquery` finds it of all days; but for the table of whole weeks."""
    (shop.root / "tables/derived/revenue_by_category.yaml").unlink()
    shorten(shop, "2026-01-03")
    bigquery_server.clear()
    for environment in ({}, bigquery_server.environment):
        done = shop.command("run", env=environment)
        assert done.returncode == 0, done.stdout + done.stderr
    with closing(DuckDB(shop.warehouse)) as embedded, closing(bigquery_server.warehouse()) as production:
        for identity in sorted(load_project(shop.root).tables):
            same, lines = differences(embedded, production, identity)
            assert same, identity
            assert lines == []


def test_two_warehouses_differ_by_what_one_of_them_lacks(tmp_path):
    """A decimal's zeros say nothing; a row that stands twice does."""
    with closing(DuckDB(tmp_path / "one.duckdb")) as one, closing(DuckDB(tmp_path / "other.duckdb")) as other:
        for warehouse, type_, rows in ((one, "DECIMAL(9, 2)", "(1), (2)"), (other, "DECIMAL(9, 4)", "(1), (2), (2)")):
            warehouse.session.execute(f"CREATE SCHEMA core; CREATE TABLE core.t (x {type_})")
            warehouse.session.execute(f"INSERT INTO core.t VALUES {rows}")
        assert differences(one, one, "core.t") == (2, [])
        assert differences(one, other, "core.t") == (2, ["  only in BigQuery: {'x': Decimal('2')}"])
