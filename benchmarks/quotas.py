"""A day of thousands of hourly tables against BigQuery's limits: how much of each is used, and which is the tightest.

python -m benchmarks.quotas --tables 5000 --core 1500

What a commit sends is counted from one of each kind on the emulator; only the day is reckoned. The limits are those of
https://cloud.google.com/bigquery/quotas as documented:

- INSERT: 1,500 a day on a table start at once; then 10 run and 100 wait (#data-manipulation-language-statements)
- UPDATE, DELETE, MERGE: 2 run and 20 wait on a table (the same place); TRUNCATE TABLE counts as a DELETE
- load jobs: 1,500 a day on a table, 100,000 a day in a project (#load_jobs)
- modifications of partitions: 30,000 a day on a table that is partitioned by a column (#partitioned_tables)
- requests: 100 a second for each method and user (#api_request_quotas)
- tables that are made, by a request or by SQL: 10 a second in a project (tables.insert, the same place)
"""

from __future__ import annotations

import argparse
import json
import re
from collections import Counter
from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple

from rich.console import Console
from rich.table import Table as Shown

from flows.warehouses.interface import ledger_shard
from tests.engine.builders import EVENTS, TOTALS, Rows, do, event, window
from tests.servers.bigquery import serving

if TYPE_CHECKING:
    import requests

    from flows.model.table import Table
    from flows.warehouses.bigquery.warehouse import BigQuery

HOURS = 24
_STATEMENT = re.compile(r"^(INSERT INTO|UPDATE|DELETE FROM|TRUNCATE TABLE|MERGE INTO) `(\w+)`\.`([^`]+)`", re.MULTILINE)

_MADE = re.compile(r"^CREATE (?:OR REPLACE )?TABLE ", re.MULTILINE)


class Sent(NamedTuple):
    """What one commit sends."""

    statements: Counter[tuple[str, str]]
    """DML statements, by verb and the kind of table: table, fence, ledger, quarantine or helper."""
    loads: int
    made: int
    """Tables that it makes."""
    requests: int


class Use(NamedTuple):
    """How much of a limit is used."""

    name: str
    used: float
    limit: float


def main() -> None:
    """Count, reckon and print the table."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--tables", type=int, default=5_000, help="hourly tables")
    arguments.add_argument("--core", type=int, default=1_500, help="those of them that are copied from sources")
    given = arguments.parse_args()
    with serving() as server, closing(server.warehouse()) as warehouse:
        server.clear()
        core, derived = commits(warehouse)
    shown = Shown(title=f"A day of {given.tables:,} hourly tables, {given.core:,} of them core")
    for name in ("limit", "used", "of", "share"):
        shown.add_column(name, justify="left" if name == "limit" else "right")
    uses = sorted(day(core, derived, given.tables, given.core), key=lambda use: use.limit / use.used)
    for use in uses:
        shown.add_row(use.name, f"{use.used:,.0f}", f"{use.limit:,.0f}", f"{use.used / use.limit:.0%}")
    Console().print(shown)
    print(f"The tightest: {uses[0].name}.")


def commits(warehouse: BigQuery) -> tuple[Sent, Sent]:
    """Return what a commit of a core and one of a derived table send, both over rows that they change."""
    do(warehouse, EVENTS, window(0), Rows([event(1, 0)]))
    do(warehouse, TOTALS, window(0))
    heard = _hear(warehouse)
    do(warehouse, EVENTS, window(1), Rows([event(1, 0, updated=1, amount=2), event(2, 1)]))
    core = _take(heard, EVENTS)
    do(warehouse, TOTALS, window(0))
    return core, _take(heard, TOTALS)


def day(core: Sent, derived: Sent, tables: int, cores: int) -> list[Use]:
    """Return how much of each limit a day uses."""
    names = [f"{'core' if number < cores else 'derived'}.t{number}" for number in range(tables)]
    on_shard = Counter(map(ledger_shard, names))
    most = max(on_shard.values())
    kinds = (core, derived)
    inserts = max(sent.statements["INSERT INTO", "ledger"] for sent in kinds)
    own = max(sum(n for (_, kind), n in sent.statements.items() if kind == "table") for sent in kinds)
    changing = max(
        n for sent in kinds for (verb, kind), n in sent.statements.items() if verb != "INSERT INTO" and kind != "helper"
    )
    requests_, made = (
        cores * of_core + (tables - cores) * of_derived
        for of_core, of_derived in ((core.requests, derived.requests), (core.made, derived.made))
    )
    return [
        Use("INSERTs a day on a shard of the ledger that start at once", most * inserts * HOURS, 1_500),
        Use("INSERTs at once on a shard, if all tables committed in one moment", most * inserts, 110),
        Use("INSERTs a day on a table that start at once", _inserts(kinds) * HOURS, 1_500),
        Use("UPDATEs, DELETEs at once on a table or fence", changing, 2),
        Use("modified partitions a day on a table, if a commit changes one day's", own * HOURS, 30_000),
        Use("load jobs a day on a table", core.loads * HOURS, 1_500),
        Use("load jobs a day in the project", cores * core.loads * HOURS, 100_000),
        Use("requests a second, over the day", requests_ / 3_600, 100),
        Use("tables made a second, over the day", made / 3_600, 10),
    ]


def _inserts(kinds: tuple[Sent, Sent]) -> int:
    return max(sent.statements["INSERT INTO", "table"] for sent in kinds)


def _hear(warehouse: BigQuery) -> list[requests.Response]:
    heard: list[requests.Response] = []
    warehouse.jobs.client._http.hooks["response"].append(lambda response, **_: heard.append(response))  # noqa: SLF001
    return heard


def _take(heard: list[requests.Response], table: Table) -> Sent:
    statements: Counter[tuple[str, str]] = Counter()
    loads = made = 0
    for response in heard:
        request, path = response.request, (response.request.path_url or "").partition("?")[0]
        if request.method == "POST" and path.startswith("/upload/"):
            loads += 1
        elif request.method == "POST" and path.endswith("/tables"):
            made += 1
        elif request.method == "POST" and path.endswith("/jobs"):
            configuration = json.loads(request.body or "{}")["configuration"]
            loads += "load" in configuration
            sql = configuration.get("query", {}).get("query", "")
            made += len(_MADE.findall(sql))
            for verb, dataset, name in _STATEMENT.findall(sql):
                statements[verb, _kind(f"{dataset}.{name}", table)] += 1
    sent = Sent(statements, loads, made, len(heard))
    heard.clear()
    return sent


def _kind(name: str, table: Table) -> str:
    if name == table.identity:
        return "table"
    return next((kind for kind in ("fence", "ledger", "quarantine") if f".{kind}" in name), "helper")


if __name__ == "__main__":
    main()
