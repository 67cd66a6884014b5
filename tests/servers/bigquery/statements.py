"""What tests send to BigQuery, and what GoogleSQL's own analyzer says of it: the emulator's SQL is a translation."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flows.warehouses.bigquery import tables
from flows.warehouses.bigquery.types import quote, spelled, type_of
from tests.servers.googlesql import Statement

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flows.warehouses.bigquery.warehouse import BigQuery
    from tests.servers.googlesql import Judge

_TABLE = re.compile(r"(?<![\w`.])`?([A-Za-z_]\w*)`?\.(?:`([^`]+)`|([A-Za-z_]\w*))(?![\w`.(])")
_ATTEMPT = re.compile(r"(?<=-)[0-9a-f]{12}(?=`)")
_SHARD, _DAY = re.compile(r"(?<=_)\d{3}(?=`)"), re.compile(r"\b\d{4}-\d\d-\d\d\b")
_UNSUPPORTED = ("ALTER TABLE does not support ALTER COLUMN SET DATA TYPE",)
"""What the analyzer says of statements that BigQuery has and it has not."""
_JOBS = ("`region-eu`.INFORMATION_SCHEMA.JOBS", "`platform`.`jobs`")
"""BigQuery's own record of jobs, and what stands for it."""
_JOB = (
    "SELECT '' AS job_id, '' AS parent_job_id, '' AS job_type, '' AS statement_type, TIMESTAMP '2026-01-01' AS"
    " creation_time, 0 AS total_bytes_processed, 0 AS total_bytes_billed, 0 AS total_slot_ms,"
    " [STRUCT('' AS key, '' AS value)] AS labels"
)
_VARIABLE = "fence_version"


@dataclass
class Recorder:
    """Keeps each distinct job that warehouses send."""

    looking: BigQuery
    """A warehouse of its own to look at tables: the requests of others are counted."""
    jobs: dict[str, tuple[dict[str, str], dict[str, str]]] = field(default_factory=dict)
    """Tables and parameters by SQL, in the order in which they were sent."""

    def watch(self, warehouse: BigQuery) -> None:
        """Keep what a warehouse sends from now on."""
        opened = warehouse._opened  # noqa: SLF001 - as it is before it has looked at its ledger
        query = opened.query

        def recorded(sql: str, parameters: Iterable[Any] = (), *args: Any, **options: Any) -> Any:
            given, told = list(parameters), _ATTEMPT.sub("attempt", sql)
            if told in self.jobs:
                return query(sql, given, *args, **options)
            # What it drops is there before it, and what it makes after it.
            before = _named_tables(self.looking, sql) if "DROP " in sql else {}
            try:
                return query(sql, given, *args, **options)
            finally:
                # What a process was to send that has died is not sent, and makes no table.
                if isinstance(sys.exception(), Exception | None):
                    named = {item.name: _null_of(item.to_api_repr()["parameterType"]) for item in given}
                    self.jobs[told] = (_named_tables(self.looking, sql) | before, named)

        opened.query = recorded  # type: ignore[method-assign]

    def refused(self, judge: Judge) -> list[str]:
        """Return the statements that GoogleSQL's analyzer refuses, each with its error."""
        asked: dict[str, Statement] = {}
        for script, (named, parameters) in self.jobs.items():
            for sql in statements(script):
                # Which shard of the ledger a table has makes no difference, nor which day is meant.
                told = _SHARD.sub("000", _DAY.sub("2026-01-01", sql))
                if told not in asked:
                    asked[told] = Statement(sql.replace(*_JOBS), {"platform.jobs": _JOB, **named}, parameters)
        answers = judge.kinds(list(asked.values()))
        return [
            f"{statement.sql}\n{answer}"
            for statement, answer in zip(asked.values(), answers, strict=True)
            if not answer.endswith("Stmt") and not any(words in answer for words in _UNSUPPORTED)
        ]


def statements(script: str) -> list[str]:
    """Return a script's statements as the analyzer takes them, one at a time: a variable is a value of its type."""
    found = []
    for sql in re.split(r";\n", script.rstrip().removesuffix(";")):
        if sql.startswith("DECLARE "):
            continue
        assigned = re.sub(rf"^SET {_VARIABLE} = ", "SELECT ", sql)
        found.append(assigned.replace(f"{_VARIABLE} AS", "CAST(NULL AS INT64) AS"))
    return found


def _named_tables(warehouse: BigQuery, sql: str) -> dict[str, str]:
    found = {}
    for dataset, quoted, plain in _TABLE.findall(sql):
        name = quoted or plain
        if dataset in {"platform", "core", "derived"}:
            present = tables.find(warehouse.jobs, f"{dataset}.{name}")
            if present is not None:
                columns = ", ".join(
                    f"CAST(NULL AS {spelled(type_of(item))}) AS {quote(item.name)}" for item in present.schema
                )
                found[_ATTEMPT.sub("attempt", f"{dataset}.{name}`").removesuffix("`")] = f"SELECT {columns}"
    return found


def _null_of(told: dict[str, Any]) -> str:
    return f"CAST(NULL AS {_spelled(told)})"


def _spelled(told: dict[str, Any]) -> str:
    if told["type"] == "ARRAY":
        return f"ARRAY<{_spelled(told['arrayType'])}>"
    if told["type"] == "STRUCT":
        fields = ", ".join(f"{quote(part['name'])} {_spelled(part['type'])}" for part in told["structTypes"])
        return f"STRUCT<{fields}>"
    return str(told["type"])
