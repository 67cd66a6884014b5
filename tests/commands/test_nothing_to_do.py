"""A command that finds nothing to do, or less than there was, says what is so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.shop import Shop

if TYPE_CHECKING:
    from pathlib import Path

ORDERS = """
description: Orders.
owner: data@example.com
schedule: "0 * * * *"
window: {size: 1 day, start: 2026-01-01, end: 2026-01-04}
strategy: merge
key: [id]
source: {kind: files, path: "orders-*.csv", cursor: at}
columns: [{name: id, type: INT64}, {name: at, type: TIMESTAMP}, {name: price, type: NUMERIC}]
"""
TOTALS = """
description: Totals.
owner: data@example.com
schedule: "0 * * * *"
strategy: append
window: {size: 1 day, start: 2026-01-01, end: 2026-01-03}
partition: {column: day, by: day}
columns: [{name: day, type: DATE}, {name: n, type: INT64}]
sql: |
  SELECT DATE(@window_start) AS day, 1 AS n
"""


def test_what_is_so_is_said(tmp_path: Path) -> None:
    """Of a table that was never copied, of one with nothing to let go or to accept, and of one of whose files another took the place."""
    path = tmp_path / "tables/core/orders.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(ORDERS)
    shop, name = Shop(tmp_path), "core.orders"
    missing = shop.command("ingest", name)
    assert missing.stderr.startswith("tables/core/orders.yaml:8: No file matches source.path 'orders-*.csv' in ")
    for number, day in enumerate(("01", "02", "03")):
        (tmp_path / f"orders-{number}.csv").write_text(f"id,at,price,cost\n{number},2026-01-{day},1,2\n")
    assert shop.command("ingest", name, "--trim").stdout == f"{name}: nothing to do, none of its rows are copied yet\n"
    never = shop.command("ingest", name, "--accept")
    assert (never.returncode, never.stdout) == (2, "")
    assert never.stderr == f"{name}: there is nothing to accept: none of its rows are copied yet.\n"
    assert shop.command("ingest", name).returncode == 0
    done = shop.command("ingest", name, "--trim")
    assert done.stdout == f"{name}: nothing to do, no rows are outside its start and end\n"
    again = shop.command("ingest", name, "--accept")
    assert (again.returncode, again.stdout) == (2, "")
    assert again.stderr == f"{name}: there is nothing to accept: its rows were copied as its file says.\n"
    # Another one in the place of its row, so that there are as many as before.
    (tmp_path / "orders-1.csv").write_text("id,at,price,cost\n9,2026-01-02,1,2\n")
    gone = shop.command("ingest", name, "--force", "--from", "2026-01-02", "--to", "2026-01-03")
    assert gone.stderr == (
        f"warning: {name} 2026-01-02..2026-01-03: the files lack 1 row of it that was copied: is one gone, cut "
        "short or replaced? If so the table keeps it until --rebuild\n"
    )
    path.write_text(ORDERS.replace("name: price", "name: cost"))
    renamed = shop.command("ingest", name, "--accept")
    changed = "its file changes what was copied before: new column cost, without column price"
    assert renamed.stdout.startswith(f"{name}: {changed}; its rows stay as they are\n")
    assert f"{name}: new column cost: NULL in rows copied before; python -m flows.ingest {name} " in renamed.stderr
    assert "--force copies them again (3 windows)\n" in renamed.stderr


def test_what_an_accepted_column_lacks_is_said(tmp_path: Path) -> None:
    """It is NULL in the windows that were kept; of a table that was never made there is none to keep."""
    path = tmp_path / "tables/derived/totals.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(TOTALS)
    shop, name = Shop(tmp_path), "derived.totals"
    never = shop.command("derive", name, "--accept")
    assert (never.returncode, never.stdout) == (2, "")
    assert never.stderr == f"{name}: there is nothing to accept: none of its rows are made yet.\n"
    assert shop.command("derive", name).returncode == 0
    path.write_text(TOTALS.replace("name: n", "name: number").replace("AS n", "AS number"))
    done = shop.command("derive", name, "--accept")
    assert f"{name}: number is NULL in 2 windows whose rows were kept; " in done.stderr
