"""Copy the benchmark's table by another tool into DuckDB; runs in an environment of its own.

python ingest.py connectorx|dlt mysql://user:password@host:port/database FOLDER
"""

from __future__ import annotations

import sys


def by_connectorx(url: str, folder: str) -> None:
    """Stream Arrow batches into a table: no ledger, no checks, no key."""
    import connectorx  # noqa: PLC0415 - one tool for each process
    import duckdb  # noqa: PLC0415

    batches = connectorx.read_sql(url, "SELECT * FROM payments", return_type="arrow_stream", batch_size=65536)
    with duckdb.connect(f"{folder}/peer.duckdb") as session:
        session.register("incoming", batches)
        session.execute("CREATE TABLE payments AS SELECT * FROM incoming")


def by_dlt(url: str, folder: str) -> None:
    """Merge by key with the Arrow backend, the faster of the two that end."""
    import dlt  # noqa: PLC0415 - one tool for each process
    from dlt.sources.sql_database import sql_table  # noqa: PLC0415

    address = url.replace("mysql://", "mysql+pymysql://") + "?charset=utf8mb4"
    table = sql_table(credentials=address, table="payments", backend="pyarrow", chunk_size=100_000)
    table.apply_hints(primary_key="payment_id", incremental=dlt.sources.incremental("updated_at"))
    pipeline = dlt.pipeline(
        "bench", pipelines_dir=folder, destination=dlt.destinations.duckdb(f"{folder}/peer.duckdb"), dataset_name="core"
    )
    pipeline.run(table, write_disposition="merge")


if __name__ == "__main__":
    {"connectorx": by_connectorx, "dlt": by_dlt}[sys.argv[1]](*sys.argv[2:])
