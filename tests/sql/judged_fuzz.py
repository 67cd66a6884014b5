"""Random typed queries with the columns, types, rows and errors that GoogleSQL gives for them.

`make cases` writes those in which both agree to `judged_fuzz.txt`: some tables, and below them queries over these, each with
what it gives. The tests compare with that. How others are tried, `test_judged_fuzz.py` says.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import duckdb

from flows.model.errors import SqlError
from flows.sql import analyze, output, to_duckdb
from flows.sql.compile.compiler import compiled
from flows.sql.parse.parser import parse_any
from tests.sql.evaluated import FAILURES
from tests.sql.judged_queries import rendered, same
from tests.sql.query_writer import Writer
from tests.sql.typed_queries import tables

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from flows.model.types import Type
    from tests.servers.googlesql import Judge

FILE = Path(__file__).with_name("judged_fuzz.txt")
SETS, QUERIES = 20, 25
"""How many sets of tables the file has, and how many queries each."""
MOST_ROWS = 30
_TABLE = "table "
_IN_ORDER = re.compile(r" ORDER BY [^()]* LIMIT \d+( OFFSET 1)?$")


class Answer(NamedTuple):
    """What a query gives."""

    columns: str
    """Names and types; `error` where it ends in one."""
    rows: list[list[Any]]
    types: tuple[Type, ...] = ()

    @property
    def failed(self) -> bool:
        """Whether it ends in an error."""
        return self.columns == "error"


class Refused(Exception):  # noqa: N818 - no error of a test
    """A query is refused by Derived, with its message."""


class Engine:
    """DuckDB with some tables."""

    def __init__(self, written: dict[str, str]) -> None:
        self.written = written
        self.schema: dict[str, dict[str, Type | str]] = {
            name: dict(analyze(sql, {}).columns) for name, sql in written.items()
        }

    def __enter__(self) -> Self:
        self.connection = duckdb.connect()
        self.connection.execute("SET TimeZone = 'UTC'; CREATE SCHEMA core")
        for name, sql in self.written.items():
            self.connection.execute(f"CREATE TABLE {name} AS {to_duckdb(sql, {})}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.connection.close()

    def answer(self, sql: str) -> Answer:
        """Return what a query gives; an error that no value can end in passes through."""
        try:
            relation, context = compiled(parse_any(sql), self.schema, {})
        except SqlError as error:
            raise Refused(str(error)) from error
        if context.faults or context.unrepeatable:
            raise Refused("; ".join(fault.message for fault in (*context.faults, *context.unrepeatable)))
        types = tuple(output(value.type) for _, value in relation.columns)
        columns = ", ".join(f"{name} {type_}" for (name, _), type_ in zip(relation.columns, types, strict=True))
        names = [f"c{place}" for place in range(len(types))]
        listed = ", ".join(rendered(name, type_) for name, type_ in zip(names, types, strict=True))
        try:
            found = self.connection.execute(
                f"SELECT {listed} FROM ({relation.sql}) AS q({', '.join(names)})"
            ).fetchall()
        except FAILURES:
            return Answer("error", [])
        return Answer(columns, [list(row) for row in found], types)


def asked(judge: Judge, sql: str, written: dict[str, str]) -> Answer | str:
    """Return what GoogleSQL gives, or why it refuses a query."""
    answer = judge.answer(sql, {name: one for name, one in written.items() if name in sql}, {})
    if "rows" in answer:
        return Answer(", ".join(f"{name} {type_}" for name, type_ in answer["columns"]), answer["rows"])
    return Answer("error", []) if answer["phase"] == "evaluate" else str(answer["error"])


def difference(sql: str, found: Answer, wanted: Answer) -> str | None:
    """Return in what two answers differ, if in anything: the rows, in their order where the query gives one."""
    if found.failed != wanted.failed:
        return "an error" if found.failed else "no error"
    if found.columns != wanted.columns:
        return "columns"
    waiting = list(found.rows)
    in_order = _IN_ORDER.search(sql) is not None
    for row in wanted.rows:
        places = range(min(1, len(waiting)) if in_order else len(waiting))
        at = next((at for at in places if all(map(same, waiting[at], row, found.types))), None)
        if at is None:
            return "rows"
        del waiting[at]
    return "rows" if waiting else None


def ask(judge: Judge) -> str:
    """Return the file."""
    lines = []
    for seed in range(SETS):
        written = tables(Random(seed))  # noqa: S311 - no secret
        lines += [f"{_TABLE}{name} = {sql}" for name, sql in written.items()]
        with Engine(written) as engine:
            kept = 0
            for number in range(seed * 1_000, seed * 1_000 + 1_000):
                sql = Writer(Random(number)).query()  # noqa: S311 - as above
                wanted = asked(judge, sql, written)
                if (
                    isinstance(wanted, str)
                    or len(wanted.rows) > MOST_ROWS
                    or (kept % 5 and not wanted.rows and not wanted.failed)
                ):
                    continue
                try:
                    found = engine.answer(sql)
                except (Refused, duckdb.Error):
                    continue
                if difference(sql, found, wanted) is None:
                    lines += [sql, f"  {wanted.columns} => {json.dumps(wanted.rows, ensure_ascii=False)}"]
                    kept += 1
                if kept == QUERIES:
                    break
        lines.append("")
    return "\n".join(lines)


def known() -> Iterator[tuple[dict[str, str], list[tuple[str, Answer]]]]:
    """Give the tables of the file with the queries over them and what these give."""
    for block in FILE.read_text().strip().split("\n\n"):
        lines = block.splitlines()
        written = dict(line.removeprefix(_TABLE).split(" = ", 1) for line in lines if line.startswith(_TABLE))
        queries = lines[len(written) :]
        answers = []
        for sql, answer in zip(queries[::2], queries[1::2], strict=True):
            columns, _, rows = answer.strip().partition(" => ")
            answers.append((sql, Answer(columns, json.loads(rows))))
        yield written, answers
