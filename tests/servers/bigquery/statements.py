"""What tests send to BigQuery, and what GoogleSQL's own analyzer says of it: the emulator's SQL is a translation."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from google.cloud import bigquery

from flows.model.errors import SqlError
from flows.sql import analyze
from flows.warehouses.bigquery.types import quote, spelled, type_of
from tests.servers.googlesql import Statement

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from flows.warehouses.bigquery.warehouse import BigQuery
    from tests.servers.googlesql import Judge

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
_STAGED = re.compile(r"CREATE OR REPLACE TABLE .* AS\nSELECT .* FROM \(\n(.*)\n\)", re.DOTALL)
"""What makes the rows of a window, around the SQL of its author."""
_DIGITS = re.compile(r"\(\d+(?:, ?\d+)?\)")


def heard(warehouse: BigQuery) -> list[str]:
    """Return what a warehouse sends from now on, each text once."""
    opened, found = warehouse._opened, list[str]()  # noqa: SLF001 - as it is before it has looked at its ledger
    query = opened.query

    def listening(sql: str, *args: Any, **options: Any) -> Any:
        told = _ATTEMPT.sub("attempt", sql)
        if told not in found:
            found.append(told)
        return query(sql, *args, **options)

    opened.query = listening  # type: ignore[method-assign]
    return found


def refused(record: Path, judge: Judge) -> list[str]:
    """Return what was sent of which GoogleSQL's analyzer says another thing than we do, each with what it says.

    It refuses a statement, or gives the SQL of a window another type.

    Args:
        record: the file into which the emulator has written what it was sent (`recorded.py`).
        judge: the analyzer.
    """
    asked: dict[str, Statement] = {}
    types: dict[str, str] = {}
    for line in record.read_text().splitlines():
        job = json.loads(line)
        tables = {
            name: [bigquery.SchemaField.from_api_repr(field) for field in fields]
            for name, fields in job["tables"].items()
        }
        named = {name: f"SELECT {_nulls(fields)}" for name, fields in tables.items()}
        parameters = {name: f"CAST(NULL AS {_spelled(told)})" for name, told in job["parameters"].items()}
        for written in statements(job["sql"]):
            sql = _by_whole_names(written, tables)
            # Which shard of the ledger a table has makes no difference, nor which day is meant.
            told = _SHARD.sub("000", _DAY.sub("2026-01-01", sql))
            if told not in asked:
                asked[told] = Statement(sql.replace(*_JOBS), {"platform.jobs": _JOB, **named}, parameters)
                if staged := _STAGED.fullmatch(sql):
                    types[told] = _other_types(Statement(staged[1], named, parameters), tables, judge)
    answers = judge.kinds(list(asked.values()))
    return [
        f"{statement.sql}\n{answer}\n{types.get(told, '')}"
        for (told, statement), answer in zip(asked.items(), answers, strict=True)
        if types.get(told) or (not answer.endswith("Stmt") and not any(words in answer for words in _UNSUPPORTED))
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


def _by_whole_names(sql: str, tables: Iterable[str]) -> str:
    """Return a statement with columns behind the whole names of tables without an alias: the judge has no shorter ones."""
    for name in tables:
        short = re.escape(name.partition(".")[2])
        if not re.search(rf"\bAS `?{short}`?(?![\w`-])", sql, re.IGNORECASE):
            sql = re.sub(rf"(?<![\w`.-])(?:`{short}`|{short})(?=\.[\w`])", f"`{name}`", sql)
    return sql


def _other_types(query: Statement, tables: dict[str, list[bigquery.SchemaField]], judge: Judge) -> str:
    """Return the types of a query's columns by the analyzer and by us where they differ; else an empty text."""
    answer = judge.answer(query.sql, query.tables, query.parameters)
    schema = {name: {field.name: type_of(field) for field in fields} for name, fields in tables.items()}
    try:
        ours = [str(type_) for _, type_ in analyze(query.sql, schema).columns]
    except SqlError:  # is for `check` to tell, which this test did without
        return ""
    theirs = [type_ for _, type_ in answer.get("columns", ())]
    plain = [_DIGITS.sub("", type_).lower().replace(" ", "") for type_ in ours]
    return "" if plain == [type_.lower().replace(" ", "") for type_ in theirs] else f"{theirs}, and not {ours}"


def _nulls(fields: Iterable[bigquery.SchemaField]) -> str:
    return ", ".join(f"CAST(NULL AS {spelled(type_of(field))}) AS {quote(field.name)}" for field in fields)


def _spelled(told: dict[str, Any]) -> str:
    if told["type"] == "ARRAY":
        return f"ARRAY<{_spelled(told['arrayType'])}>"
    if told["type"] == "STRUCT":
        fields = ", ".join(f"{quote(part['name'])} {_spelled(part['type'])}" for part in told["structTypes"])
        return f"STRUCT<{fields}>"
    return str(told["type"])
