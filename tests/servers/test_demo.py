"""The demo on real servers."""


def test_the_demo_on_servers_gives_the_same_tables(finished_shop, shop):
    """From MySQL and MongoDB every table comes out as from their exports, value by value."""
    done = shop.run("tests.servers.demo")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "286 commits to 8 tables" in done.stdout
    assert "Wool blanket" in done.stdout
    (shop.root / ".derived/servers/warehouse.duckdb").replace(shop.warehouse)
    assert shop.tables() == finished_shop.tables()
