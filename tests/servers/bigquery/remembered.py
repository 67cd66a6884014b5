"""What BigQuery's emulator has worked out of a statement, for the next ones like it; runs in the emulator's environment.

Most of its time goes into parsing and translating, for each statement anew, and many times. The statements of a
table's windows are alike, but for the numbers in the names of the tables that help.
"""

from __future__ import annotations

import copy
import re
import sys
from functools import lru_cache
from typing import Any

import sqlglot
from bqemulator.domain.result import Ok
from sqlglot import exp

_DRAWN = re.compile(r"(?<=-)[0-9a-f]{12}(?=[`\"])")
_STAND_IN = re.compile(r"(?<=-)ffffffff[0-9a-f]{4}$")
_ONLY_LOOK = {
    "bqemulator.api.routes.jobs",
    "bqemulator.catalog.ddl_sync",
    "bqemulator.jobs.ddl_result",
    "bqemulator.jobs.executor",
    "bqemulator.jobs.routine_ddl",
    "bqemulator.scripting.interpreter._is_row_producing",
    "bqemulator.sql.catalog_schema",
    "remembered",
    # Its compiled generators parse the templates of their class anew for each statement that they write.
    "sqlglot.dialects.dialect.generator",
}
"""Modules and functions that change nothing in what they have parsed."""
STATEMENTS = 1_000
"""So many are remembered."""


def parses_once(parse_one: Any) -> Any:
    """Let statements that are alike be parsed once: what only looks shares what they are parsed to, others have a copy, which costs half."""

    @lru_cache(STATEMENTS)
    def shared(sql: str, read: Any) -> tuple[Any, list[tuple[Any, str]]]:
        tree = parse_one(sql, read=read)
        named = [(node, node.this) for node in tree.walk() if isinstance(node, (exp.Identifier, exp.Literal))]
        return tree, [(node, name) for node, name in named if _STAND_IN.search(name)]

    def parsed(sql: str, read: Any = None, into: Any = None, **options: Any) -> Any:
        if into or options:
            return parse_one(sql, read=read, into=into, **options)
        drawn = _stand_ins(sql)
        tree, named = shared(_put(sql, drawn), read)
        back = _back(drawn)
        for node, name in named:
            node.set("this", _STAND_IN.sub(lambda match: back[match[0]], name))
        caller = sys._getframe(1)
        name = caller.f_globals["__name__"]
        if name in _ONLY_LOOK or f"{name}.{caller.f_code.co_name}" in _ONLY_LOOK:
            return tree
        return tree.copy()

    return parsed


def replaces_variables_only(replace: Any) -> Any:
    """Let a statement of a script that names none of its variables stay as it is."""
    return lambda sql, frames: replace(sql, frames) if any(name in sql for name in frames.all_visible()) else (sql, [])


def expands_views_only(rewrite: Any) -> Any:
    """Let a statement that names no view stay as it is: nobody makes policies of rows, for which it would be copied."""

    @lru_cache(STATEMENTS)
    def named(sql: str) -> frozenset[tuple[str, str, str]]:
        tables = sqlglot.parse_one(sql, read="bigquery").find_all(exp.Table)
        return frozenset((table.catalog, table.db, table.name) for table in tables if table.db and table.name)

    def rewritten(bq_sql: str, *, project_id: str, caller: Any, catalog: Any) -> str:
        drawn = _stand_ins(bq_sql)
        back = _back(drawn)
        known = (
            catalog.get_table(project or project_id, dataset, _in_name(table, back))
            for project, dataset, table in named(_put(bq_sql, drawn))
        )
        if any(table is not None and table.table_type == "VIEW" for table in known):
            return rewrite(bq_sql, project_id=project_id, caller=caller, catalog=catalog)
        return bq_sql

    return rewritten


def copied(value: Any, memo: Any = None) -> Any:
    """Copy as `copy.deepcopy` does; where in its text a part of a statement stands is a few numbers by name, and many of them."""
    if type(value) is dict and all(type(one) in (int, bool, str) for one in value.values()):
        return value.copy()
    return copy.deepcopy(value, memo)


def translates_once(translate: Any) -> Any:
    """Let what a translator has made of a statement serve for those that are like it."""

    @lru_cache(STATEMENTS)
    def known(sql: str, schema: tuple[tuple[str, tuple[tuple[str, str], ...]], ...], caller: Any) -> Any:
        return translate(
            translator, sql, schema={name: dict(columns) for name, columns in schema} or None, caller=caller
        )

    translator: Any = None

    def translated(self: Any, bq_sql: str, *, schema: Any = None, caller: Any = None) -> Any:
        nonlocal translator
        translator = translator or self
        drawn = _stand_ins(bq_sql)
        named = tuple((_in_name(name, drawn), tuple(columns.items())) for name, columns in (schema or {}).items())
        made = known(_put(bq_sql, drawn), named, caller)
        if made.is_err():
            return translate(self, bq_sql, schema=schema, caller=caller)
        return Ok(_put(made.value, _back(drawn)))

    return translated


def rewrites_once(rewrite: Any) -> Any:
    """Let the names of tables be put into statements that are alike once."""
    known = lru_cache(STATEMENTS)(rewrite)

    def rewritten(sql: str, project: str) -> str:
        drawn = _stand_ins(sql)
        return _put(known(_put(sql, drawn), project), _back(drawn))

    return rewritten


def _stand_ins(sql: str) -> dict[str, str]:
    """Return what stands for each drawn number of a statement."""
    return {number: f"ffffffff{place:04x}" for place, number in enumerate(dict.fromkeys(_DRAWN.findall(sql)))}


def _put(text: str, numbers: dict[str, str]) -> str:
    return _DRAWN.sub(lambda match: numbers.get(match[0], match[0]), text) if numbers else text


def _in_name(name: str, numbers: dict[str, str]) -> str:
    head, _, number = name.rpartition("-")
    return f"{head}-{numbers[number]}" if number in numbers else name


def _back(numbers: dict[str, str]) -> dict[str, str]:
    return {stand_in: number for number, stand_in in numbers.items()}
