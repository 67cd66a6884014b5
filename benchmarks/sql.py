"""What a query costs to analyze and to compile for DuckDB, beside sqlglot's own parse and generate of the same text.

python -m benchmarks.sql --repeats 20

CPU, in one process that has compiled each query once; a query is another text each time, so that no tree is kept. The
goal is a median of 10 ms each for `analyze` and `to_duckdb`.
"""

from __future__ import annotations

import argparse
import re
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING

import sqlglot
from rich.console import Console
from rich.table import Table as Shown

from flows.sql import analyze, forget, to_duckdb

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

QUERIES = Path(__file__).with_name("queries.sql")
_PARAMETER = "STRUCT<key STRING, value STRUCT<string_value STRING, int_value INT64, double_value FLOAT64>>"
SCHEMA = {
    "web.events": {
        "day": "DATE",
        "event_timestamp": "INT64",
        "event_name": "STRING",
        "event_params": f"ARRAY<{_PARAMETER}>",
        "user_pseudo_id": "STRING",
        "device": "STRUCT<category STRING, language STRING, browser STRUCT<name STRING, version STRING>>",
        "geo": "STRUCT<country STRING, city STRING>",
        "traffic_source": "STRUCT<name STRING, source STRING, medium STRING>",
        "collected": "STRUCT<source STRING, medium STRING, campaign STRING>",
        "ecommerce": "STRUCT<transaction_id STRING, purchase_revenue FLOAT64>",
        "items": "ARRAY<STRUCT<item_id STRING, item_name STRING, item_category STRING, price FLOAT64, quantity INT64>>",
    },
    "core.orders": {
        "order_id": "INT64",
        "user_id": "INT64",
        "created_at": "TIMESTAMP",
        "updated_at": "TIMESTAMP",
        "status": "STRING",
        "items": "ARRAY<STRUCT<sku STRING, name STRING, category STRING, price NUMERIC, quantity INT64>>",
        "country": "STRING",
        "coupon": "STRING",
    },
    "core.payments": {
        "payment_id": "INT64",
        "order_id": "INT64",
        "captured_at": "TIMESTAMP",
        "amount": "NUMERIC",
        "method": "STRING",
        "status": "STRING",
    },
    "core.users": {"user_id": "INT64", "email": "STRING", "country": "STRING"},
    "core.messages": {"received_at": "TIMESTAMP", "payload": "STRING"},
}
PARTITIONS = {
    "web.events": "day",
    "core.orders": "created_at",
    "core.payments": "captured_at",
    "core.messages": "received_at",
}


def queries() -> Iterator[tuple[str, str]]:
    """Give each query with its name."""
    for part in re.split(r"^-- (?=\w+: )", QUERIES.read_text(), flags=re.MULTILINE)[1:]:
        first, _, sql = part.partition("\n")
        yield first.partition(":")[0], sql.strip()


def milliseconds(call: Callable[[str], object], sql: str, repeats: int) -> float:
    """Return the median of the CPU that a call takes for a query."""
    taken = []
    for repeat in range(repeats + 1):
        text = f"{sql} -- {repeat}"
        forget()
        before = time.process_time()
        call(text)
        taken.append(time.process_time() - before)
    return 1000 * statistics.median(taken[1:])


def main() -> None:
    """Print a row for each query, and the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=20)
    repeats = parser.parse_args().repeats
    columns: dict[str, Callable[[str], object]] = {
        "analyze": lambda sql: analyze(sql, SCHEMA, PARTITIONS),
        "to_duckdb": lambda sql: to_duckdb(sql, SCHEMA),
        "sqlglot": lambda sql: sqlglot.transpile(
            sql, read="bigquery", write="duckdb", unsupported_level=sqlglot.ErrorLevel.IGNORE
        ),
    }
    shown = Shown("query", "lines", *(f"{name}, ms" for name in columns), "analyze / sqlglot")
    found: dict[str, list[float]] = {name: [] for name in columns}
    for name, sql in queries():
        for column, call in columns.items():
            found[column].append(milliseconds(call, sql, repeats))
        times = [found[column][-1] for column in columns]
        shown.add_row(name, str(len(sql.splitlines())), *(f"{one:.1f}" for one in times), f"{times[0] / times[-1]:.2f}")
    medians = [statistics.median(found[column]) for column in columns]
    shown.add_section()
    shown.add_row("median", "", *(f"{one:.1f}" for one in medians), f"{medians[0] / medians[-1]:.2f}")
    Console().print(shown)


if __name__ == "__main__":
    main()
