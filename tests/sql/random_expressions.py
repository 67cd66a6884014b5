"""Random typed expressions over columns of values at the edges, with what GoogleSQL gives for them.

`make cases` writes some of those in which both agree to `judged_random.txt`, with which the tests compare. To try others:
`python -m tests.sql.random_expressions 2000 7` asks GoogleSQL about 2,000 of seed 7, and prints each that differs. Beside a
NULL an error may be NULL here: which side is looked at first, nobody says.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import duckdb

from flows.model.errors import SqlError
from flows.sql import analyze
from flows.sql.compile.compiler import compiled
from flows.sql.functions import signatures
from flows.sql.parse.parser import parse_any
from flows.sql.parse.repeat import VARYING
from tests.servers.googlesql import Judge
from tests.sql import edges
from tests.sql.evaluated import ERROR, evaluated
from tests.sql.judged_queries import rendered, same

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FILE = Path(__file__).with_name("judged_random.txt")
ROWS, KEPT = 7, 400
TYPES = [
    "INT64",
    "FLOAT64",
    "NUMERIC",
    "STRING",
    "BOOL",
    "DATE",
    "DATETIME",
    "TIMESTAMP",
    "TIME",
    "BYTES",
    "ARRAY<INT64>",
    "ARRAY<STRING>",
]
_OFTEN = (5, 5, 4, 6, 4, 3, 2, 3, 1, 2, 2, 2)
# The judge lacks the first; zones that are none are told by the engine itself, also where SAFE. stands before a call.
_WITHOUT = {"CONTAINS_SUBSTR", "ERROR", *VARYING}
_ZONED = {"DATE", "DATETIME", "TIMESTAMP"}
_PARTS = ("DAY", "WEEK", "MONTH", "QUARTER", "YEAR")


def column(type_: str) -> str:
    """Return the column of a type."""
    return "c_" + re.sub(r"\W", "_", type_).lower().strip("_")


def table() -> str:
    """Return the query of a table with one column of each type; the first row is an ordinary one."""
    random = Random(1)  # noqa: S311 - no secret
    rows = [
        [random.choice(edges.VALUES[type_]) if row else edges.VALUES[type_][0] for type_ in TYPES]
        for row in range(ROWS)
    ]
    listed = ([f"{value} AS {column(type_)}" for type_, value in zip(TYPES, row, strict=True)] for row in rows)
    return " UNION ALL ".join(f"SELECT {place} AS id, {', '.join(row)}" for place, row in enumerate(listed))


def expression(random: Random, type_: str, depth: int) -> str:
    """Return an expression of a type."""
    if depth <= 0 or random.random() < 0.25:
        return column(type_) if random.random() < 0.7 else random.choice(edges.VALUES[type_])

    def inner(other: str) -> str:
        return expression(random, other, depth - 1)

    found = [call for call in _calls() if call[2] == type_]
    if found and random.random() < 0.5:
        name, parameters, _ = random.choice(found)
        return f"{'SAFE.' * (random.random() < 0.1 and '.' not in name)}{name}({', '.join(map(inner, parameters))})"
    if random.random() < 0.3:
        form = random.choice(("IF({}, {}, {})", "CASE WHEN {} THEN {} ELSE {} END"))
        return form.format(inner("BOOL"), inner(type_), inner(type_))
    other = random.choice(TYPES[:9])
    match type_:
        case "INT64" | "FLOAT64" | "NUMERIC":
            return f"({inner(type_)} {random.choice('+-*')} {inner(random.choice((type_, type_, *TYPES[:3])))})"
        case "BOOL":
            form = random.choice(
                ("({} = {})", "({} < {})", "({} IN ({}, {}))", "({} BETWEEN {} AND {})", "({} IS DISTINCT FROM {})")
            )
            return form.format(*(inner(other) for _ in range(form.count("{}"))))
        case "STRING":
            return f"({inner('STRING')} || {inner(other)})"
        case "DATE":
            return f"DATE_ADD({inner('DATE')}, INTERVAL {inner('INT64')} {random.choice(_PARTS)})"
        case "TIMESTAMP":
            return f"TIMESTAMP_TRUNC({inner('TIMESTAMP')}, {random.choice(('HOUR', *_PARTS))})"
    return f"COALESCE({inner(type_)}, {inner(type_)})"


def _calls() -> list[tuple[str, list[str], str]]:
    """Return all ways to call a function with these types: its name, parameters, result."""
    if not _KNOWN:
        for name in signatures.names():
            for one in signatures.scalar(name) if name not in _WITHOUT else ():
                for any_type in ("INT64", "STRING", "FLOAT64") if "T" in f"{one.parameters}{one.result}" else ("",):
                    types = [re.sub(r"\b[TU]\b", any_type, str(each)) for each in (*one.parameters, one.result)]
                    zoned = name in _ZONED and types[1:-1] == ["STRING"]
                    if set(types) <= set(TYPES) and not zoned:
                        _KNOWN.append((name, types[:-1], types[-1]))
    return list(dict.fromkeys((name, tuple(given), result) for name, given, result in _KNOWN))  # type: ignore[arg-type]


_KNOWN: list[tuple[str, list[str], str]] = []


class Engine:
    """DuckDB with the table."""

    def __init__(self) -> None:
        self.connection = duckdb.connect()
        self.connection.execute("SET TimeZone = 'UTC'")
        rows, _ = compiled(parse_any(table()), {}, {})
        self.connection.execute(f"CREATE TEMP TABLE cases AS {rows.sql}")
        self.schema = {"cases": dict(analyze(table(), {}).columns)}

    def answers(self, sql: str, failing: Sequence[int] = ()) -> tuple[Any, list[Any]] | None:
        """Return an expression's type and its value in each row, or an error in its place; None where it is refused.

        Rows that are known to be `failing` are asked alone, as that costs less.
        """
        try:
            relation, context = compiled(parse_any(f"SELECT {sql} AS v FROM cases"), self.schema, {})
        except SqlError:
            return None
        if context.faults or context.unrepeatable:
            return None
        ((_, value),) = relation.columns
        values: dict[int, Any] = {}
        for rows in ([row for row in range(ROWS) if row not in failing], *([row] for row in failing)):
            column = rendered(value.sql, value.type)
            (found,) = evaluated(self.connection, [column], ' FROM cases AS "t0_0_cases"', rows)
            values |= zip(rows, found, strict=True)
        return value.type, [values[row] for row in range(ROWS)]


def agrees(found: Sequence[Any], wanted: Sequence[Any], type_: Any) -> bool:
    """Say whether all rows are the same."""
    pairs = zip(found, wanted, strict=True)
    return all(one == other if ERROR in (one, other) else same(one, other, type_) for one, other in pairs)


def asked(judge: Judge, count: int, seed: int) -> Iterator[tuple[str, Any, list[Any], list[Any] | str]]:
    """Give expressions that are not refused with their type, what DuckDB gives, and what GoogleSQL gives or says."""
    random, engine, given = Random(seed), Engine(), 0  # noqa: S311 - as above
    while given < count:
        sql = expression(random, random.choices(TYPES, _OFTEN)[0], random.choice((1, 2, 2, 3)))
        known = engine.answers(sql)
        if known is None:
            continue
        given += 1
        answer = judge.answer(
            f"SELECT IFERROR(STRUCT({sql} AS v), NULL) AS r FROM cases ORDER BY id", {"cases": table()}, {}
        )
        if "rows" in answer:
            yield sql, *known, [ERROR if row is None else row[0][1] for (row,) in answer["rows"]]
        else:
            yield sql, *known, str(answer["error"])


def ask(judge: Judge) -> str:
    """Return the file."""
    kept = {
        sql: f"{sql}\n  {type_} => {json.dumps(wanted, ensure_ascii=False)}"
        for sql, type_, found, wanted in asked(judge, KEPT, 1)
        if not isinstance(wanted, str) and agrees(found, wanted, type_)
    }
    return "\n".join(kept.values()) + "\n"


def known() -> Iterator[tuple[str, str, list[Any]]]:
    """Give the expressions of the file, with their types and values."""
    lines = FILE.read_text().splitlines()
    for sql, answer in zip(lines[::2], lines[1::2], strict=True):
        type_, _, values = answer.strip().partition(" => ")
        yield sql, type_, json.loads(values)


if __name__ == "__main__":
    with Judge() as judge:
        for sql, type_, found, wanted in asked(judge, int(sys.argv[1]), int(sys.argv[2])):
            if isinstance(wanted, str) or not agrees(found, wanted, type_):
                print(f"{sql}\n  {type_}: {found}\n  GoogleSQL: {wanted}")  # noqa: T201 - for a person
