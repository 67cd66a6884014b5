"""The emulator's command, taught what BigQuery does and it does not; it runs in the emulator's own environment.

- A job has the id that it was sent with, also where it uploads a file; where that is known it is refused, and not run again;
  but for a query whose rows nobody has any more after a kill, and would be asked for in vain.
- A script takes query parameters, which the emulator gives to single statements only.
- `tables.patch` with a schema adds columns to what is stored; `ALTER TABLE` has several actions, and changes the schema that `tables.get` gives.
- `ALTER TABLE ... RENAME TO` renames what `tables.get` and `tables.list` know; `ALTER TABLE` and `DROP TABLE` may be among several statements.
- A table may have a column of type BIGNUMERIC, though of 38 digits only.
- `GROUP BY name` means the column that the SELECT gives that name, also where what it reads has one of that name.
- `CREATE TABLE name (columns) AS` keeps the digits of decimals.
- Nested fields may have any name, also one that is a word of DuckDB's, such as `at`.
- Decimals of a Parquet file may have more digits than DuckDB reads; those are stored as far as it holds them.
- An upload may say nothing of its media type, as the official client does.
- `tables.list` gives all tables of a dataset, not the first thousand.
- Statements that are alike are parsed and translated once (`remembered.py`), and no copy is made of each state that a table has had.
- Nothing is counted or logged of a request, and DuckDB does not look for pandas anew at each parameter.
"""

from __future__ import annotations

import gc
import re
import sys
from contextvars import ContextVar
from copy import copy
from functools import lru_cache
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import sqlglot
from bqemulator.api import app
from bqemulator.api.routes import jobs, tables, upload
from bqemulator.api.routes.tables import _field_to_rest
from bqemulator.catalog.duckdb_repository import DuckDBCatalogRepository
from bqemulator.catalog.memory_repository import MemoryCatalogRepository
from bqemulator.catalog.models import TableFieldSchema
from bqemulator.cli import main
from bqemulator.domain.errors import ResourceRef, resource_already_exists
from bqemulator.jobs import executor
from bqemulator.jobs.ddl_result import _field_from_column_def
from bqemulator.scripting import interpreter
from bqemulator.scripting.interpreter import ScriptInterpreter
from bqemulator.sql import inner_query, translator
from bqemulator.sql.parameters import _bq_to_duckdb_type, _extract_value
from bqemulator.sql.translator import SQLTranslator
from bqemulator.storage import type_map
from bqemulator.storage.sql_identifiers import quoted_table_ref
from bqemulator.storage.type_map import _BQ_TO_DUCKDB
from bqemulator.versioning.snapshots import SnapshotManager
from fastapi import routing
from fastapi.dependencies import utils as dependencies
from recorded import records
from remembered import (
    STATEMENTS,
    copied,
    expands_views_only,
    parses_once,
    replaces_variables_only,
    rewrites_once,
    translates_once,
)
from sqlglot import exp
from sqlglot.expressions import core

run_query_body = executor._run_query_body
_OF_TABLES = re.compile(r"^(?:ALTER|DROP) TABLE ", re.MULTILINE)
_RENAME = re.compile(r"ALTER TABLE `([^`]+)`\.`([^`]+)` RENAME TO `([^`]+)`")


class _Binding:
    """An engine that binds named parameters after the numbered ones of a script's variables."""

    def __init__(self, engine: Any, parameters: dict[str, dict[str, Any]]) -> None:
        self._engine, self._parameters = engine, parameters

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def fetch_arrow(self, sql: str, values: list[Any] | None) -> Any:
        bound = list(values or ())

        def number(match: re.Match[str]) -> str:
            parameter = self._parameters.get(match[1])
            if parameter is None:
                return match[0]
            bound.append(_extract_value(parameter))
            type_ = _bq_to_duckdb_type(parameter["parameterType"])
            return f"CAST(${len(bound)} AS {type_})" if type_ else f"${len(bound)}"

        return self._engine.fetch_arrow(re.sub(r"[@$]([A-Za-z_]\w*)", number, sql), bound or None)


async def _run(*, query_params: list[dict[str, Any]] | None, is_scripted: bool, **rest: Any) -> Any:
    context = rest["ctx"]
    if _OF_TABLES.search(rest["bq_sql"]):
        result = None
        for sql in rest["bq_sql"].strip().removesuffix(";").split(";\n"):
            if sql.startswith("ALTER TABLE ") and not _RENAME.match(sql):
                await _alter(sql, rest)
                continue
            values = query_params if "@" in sql else None
            result = await run_query_body(query_params=values, is_scripted=False, **{**rest, "bq_sql": sql})
            if renamed := _RENAME.match(sql):
                _follow_rename(*renamed.groups(), rest["project_id"], context.catalog)
        return result or await run_query_body(
            query_params=None, is_scripted=False, **{**rest, "bq_sql": "SELECT 'altered'"}
        )
    if is_scripted and query_params:
        context = copy(context)
        object.__setattr__(context, "engine", _Binding(context.engine, {item["name"]: item for item in query_params}))
        script = ScriptInterpreter(context, rest["project_id"], caller=rest["effective_caller"])
        return await executor._run_script(script, rest["bq_sql"], context)
    return await run_query_body(query_params=query_params, is_scripted=is_scripted, **rest)


def _follow_rename(dataset: str, old: str, new: str, project: str, catalog: Any) -> None:
    known = catalog.get_table(project, dataset, old)
    catalog.delete_table(project, dataset, old)
    catalog.create_table(known.model_copy(update={"table_id": new}))


async def _alter(sql: str, rest: dict[str, Any]) -> None:
    """Do each of an ALTER TABLE's actions; what adds a column is left to the catalog (`_stores_new_columns`)."""
    tree, catalog = sqlglot.parse_one(sql, read="bigquery"), rest["ctx"].catalog
    for action in tree.args["actions"]:
        if not isinstance(action, exp.ColumnDef):
            alone = tree.copy()
            alone.set("actions", [action.copy()])
            one = {**rest, "bq_sql": alone.sql("bigquery")}
            await run_query_body(query_params=None, is_scripted=False, **one)
        known = catalog.get_table(rest["project_id"], tree.this.db, tree.this.name)
        fields = {field.name: field for field in known.schema_.fields}
        name = action.this.name
        if isinstance(action, exp.Drop):
            fields.pop(name, None)
        elif isinstance(action, exp.AlterColumn):
            type_ = action.args["dtype"].sql("bigquery").partition("(")[0]
            fields[name] = fields[name].model_copy(update={"type": type_})
        else:
            fields.setdefault(name, TableFieldSchema(**_field_from_column_def(action)))
        schema = known.schema_.model_copy(update={"fields": tuple(fields.values())})
        catalog.update_table(known.model_copy(update={"schema_": schema}))


def _stores_new_columns(repository: type) -> None:
    """Let a repository's `update_table` add the columns of a new schema to what is stored."""
    update_table = repository.update_table

    def updated(self: Any, table: Any) -> Any:
        known = self.get_table(table.project_id, table.dataset_id, table.table_id)
        if self._engine is not None and known is not None and table.table_type == "TABLE":
            there = {field.name for field in known.schema_.fields}
            new = [_field_to_rest(field) for field in table.schema_.fields if field.name not in there]
            name = quoted_table_ref(table.project_id, table.dataset_id, table.table_id)
            for column, type_ in type_map.bq_schema_to_duckdb_columns(new):
                self._engine.execute(f'ALTER TABLE {name} ADD COLUMN IF NOT EXISTS "{column}" {type_}')
        return update_table(self, table)

    repository.update_table = updated


_stores_new_columns(MemoryCatalogRepository)
_stores_new_columns(DuckDBCatalogRepository)


class _Whole(tuple[Any, ...]):
    """What is given whole where its first items are asked for."""

    __slots__ = ()

    def __getitem__(self, place: Any) -> Any:
        return self if isinstance(place, slice) else super().__getitem__(place)


def _lists_all(list_tables: Any) -> Any:
    """Let a list of tables have no end after the first thousand: there is no second page."""
    return lambda self, project, dataset: _Whole(list_tables(self, project, dataset))


MemoryCatalogRepository.list_tables = _lists_all(MemoryCatalogRepository.list_tables)


def _runs_once(handle: Any) -> Any:
    """Let what runs a job refuse one whose id is known."""

    async def handled(project_id: str, job_id: str, *args: Any, ctx: Any = None, **options: Any) -> Any:
        _refuse_known(ctx or args[-1], project_id, job_id)
        return await handle(project_id, job_id, *args, **({"ctx": ctx} if ctx else {}), **options)

    return handled


def _refuse_known(context: Any, project: str, job_id: str) -> None:
    known = context.catalog.get_job(project, job_id)
    if known is not None and not _has_lost_rows(known):
        raise resource_already_exists(ResourceRef("job", project, "", job_id))


def _has_lost_rows(job: Any) -> bool:
    """Say whether a query had ended when the emulator was killed, which keeps the rows that it gave in memory only."""
    ended = (job.job_type, job.state, job.error_result) == ("QUERY", "DONE", None)
    return ended and job.job_id not in executor.JOB_RESULTS


run_load, load_of = upload._run_load, upload._load_configuration_from_envelope
uploaded: ContextVar[str] = ContextVar("uploaded")


def _named_load(envelope: dict[str, Any]) -> dict[str, Any]:
    return load_of(envelope) | {"jobId": envelope["jobReference"]["jobId"]}


async def _load_once(*, project_id: str, configuration: dict[str, Any], ctx: Any, **rest: Any) -> Any:
    known = dict(configuration)
    uploaded.set(known.pop("jobId"))
    _refuse_known(ctx, project_id, uploaded.get())
    return await run_load(project_id=project_id, configuration=known, ctx=ctx, **rest)


def _groups_by_its_own_columns(translate: Any) -> Any:
    """Let a translation name by their places the columns of a SELECT by which it groups."""

    def translated(self: Any, bq_sql: str, *args: Any, **options: Any) -> Any:
        return translate(self, _by_place(bq_sql) if "GROUP BY" in bq_sql else bq_sql, *args, **options)

    return translated


def _by_place(sql: str) -> str:
    tree, is_other = sqlglot.parse_one(sql, read="bigquery"), False
    for select in tree.find_all(exp.Select):
        places = {item.alias: place for place, item in enumerate(select.expressions, 1) if isinstance(item, exp.Alias)}
        group = select.args.get("group")
        for item in list(group.expressions) if group else ():
            if isinstance(item, exp.Column) and not item.table and item.name in places:
                item.replace(exp.Literal.number(places[item.name]))
                is_other = True
    return tree.sql("bigquery") if is_other else sql


def _keeps_digits(rewrite: Any) -> Any:
    """Let the casts of a rewritten `CREATE TABLE name (columns) AS` be to decimals of all digits."""

    def rewritten(sql: str) -> str:
        other = rewrite(sql)
        if other == sql:
            return sql
        other = re.sub(r"\bBIGNUMERIC\b(?! *\()", "BIGNUMERIC(38, 18)", other)
        return re.sub(r"\bNUMERIC\b(?! *\()", "NUMERIC(38, 9)", other)

    return rewritten


def _reads_wide_decimals(load: Any) -> Any:
    """Let a Parquet file with decimals of 256 bits be read: DuckDB would make doubles of them."""

    def loaded(path: str, target: str, context: Any) -> None:
        schema = pq.read_schema(path)
        as_text = pa.schema([(field.name, _without_wide_decimals(field.type)) for field in schema])
        if as_text == schema:
            load(path, target, context)
        else:
            table = pq.read_table(path).cast(as_text)
            executor._insert_via_arrow_view(arrow_table=table, view_name="parquet_file", target_ref=target, ctx=context)

    return loaded


def _without_wide_decimals(type_: pa.DataType) -> pa.DataType:
    if pa.types.is_list(type_):
        return pa.list_(_without_wide_decimals(type_.value_type))
    if pa.types.is_struct(type_):
        return pa.struct([(field.name, _without_wide_decimals(field.type)) for field in type_])
    return pa.string() if pa.types.is_decimal256(type_) else type_


def _pass(application: Any, **_: Any) -> Any:
    """Put nothing around an application."""
    return application


def _keep_none(*_: Any) -> None:
    """Keep no copy of a table as it is now, or look for none that nobody writes to: a snapshot, a materialized view."""


async def _at_once(call: Any, *args: Any, **options: Any) -> Any:
    """Call in the loop itself: to hand it to another thread and wait for that takes longer than what is called here."""
    return call(*args, **options)


def _quotes_fields(columns: Any) -> Any:
    """Let the names of nested fields be quoted: some are words of DuckDB's."""

    def quoted(fields: list[dict[str, Any]]) -> Any:
        return columns([field | {"fields": [_quoted(part) for part in field.get("fields", ())]} for field in fields])

    return quoted


def _quoted(field: dict[str, Any]) -> dict[str, Any]:
    return field | {"name": f'"{field["name"]}"'}


type_map.bq_schema_to_duckdb_columns = _quotes_fields(type_map.bq_schema_to_duckdb_columns)
tables.bq_schema_to_duckdb_columns = type_map.bq_schema_to_duckdb_columns
translator.rewrite_create_table_schema_ctas = _keeps_digits(translator.rewrite_create_table_schema_ctas)
SQLTranslator.translate = translates_once(_groups_by_its_own_columns(SQLTranslator.translate))
executor.rewrite_table_refs = interpreter.rewrite_table_refs = rewrites_once(executor.rewrite_table_refs)
sqlglot.parse_one = parses_once(sqlglot.parse_one)
executor.parse_script = interpreter.parse_script = lru_cache(STATEMENTS)(executor.parse_script)
executor._reject_dml_on_immutable = _keep_none
interpreter._rewrite_vars_to_params = replaces_variables_only(interpreter._rewrite_vars_to_params)
inner_query.rewrite_for_row_access = expands_views_only(inner_query.rewrite_for_row_access)
core.deepcopy = copied
SnapshotManager.record_change = _keep_none
dependencies.run_in_threadpool = routing.run_in_threadpool = _at_once
app.MetricsMiddleware = app.AccessLogMiddleware = app.CorrelationIdMiddleware = _pass
sys.modules["pandas"] = None  # type: ignore[assignment] - it is not there, and what is known not to be is not looked for
executor._LOAD_FORMAT_HANDLERS["PARQUET"] = _reads_wide_decimals(executor._load_parquet)
jobs._handle_query_job = _runs_once(jobs._handle_query_job)
jobs._handle_load_job_with_async_envelope = _runs_once(jobs._handle_load_job_with_async_envelope)
upload._run_load, upload._load_configuration_from_envelope = _load_once, _named_load
upload._new_job_id = uploaded.get
executor._run_query_body = records(_run)
upload._is_permitted_media_type = lambda _: True
# What it stores things in has 38 digits.
_BQ_TO_DUCKDB["BIGNUMERIC"] = "DECIMAL(38, 18)"

if __name__ == "__main__":
    gc.freeze()
    # What statements are parsed to goes round in circles; looked through at its usual pace it takes a tenth of all time.
    gc.set_threshold(100_000, 20, 50)
    main()
