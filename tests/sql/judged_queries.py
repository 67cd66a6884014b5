"""Queries with the types and rows that GoogleSQL's own reference implementation gives for them.

`judged_queries.txt` holds them: a query or an expression, and below it what it gives. An expression after `rows:` is
computed for each row of `core.v`, by its `id`. `refused: words` says what the embedded warehouse says instead. `make
cases` asks for all answers anew and keeps the queries and refusals as they stand.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flows.model.types import Type
    from tests.servers.googlesql import Judge

FILE = Path(__file__).with_name("judged_queries.txt")
_TABLE = "table "
_ROWS = "rows: "
_REFUSED = "refused: "
WINDOW = {"window_start": "TIMESTAMP '2026-01-01'", "window_end": "TIMESTAMP '2026-01-02'"}


@dataclass
class Case:
    """One query, with what it gives."""

    written: str
    section: str
    """Below which heading of the file it stands."""
    answer: str = ""
    """What the file says below it."""

    @property
    def refusal(self) -> str | None:
        """What the embedded warehouse says instead of computing it."""
        return self.answer.removeprefix(_REFUSED) if self.answer.startswith(_REFUSED) else None

    @property
    def by_row(self) -> bool:
        """Whether it is an expression for each row of `core.v`."""
        return self.written.startswith(_ROWS)

    def sql(self, row: int | None = None) -> str:
        """Return the query; for one row of `core.v` alone where `row` is given."""
        if self.by_row:
            where = f"WHERE id = {row} " if row is not None else ""
            return f"SELECT {self.written.removeprefix(_ROWS)} AS r FROM core.v AS v {where}ORDER BY id"
        return f"SELECT {self.written} AS r" if self.is_expression else self.written

    @property
    def is_expression(self) -> bool:
        """Whether it is one expression, not a query."""
        return not self.by_row and not self.written.startswith(("SELECT", "WITH", "FROM"))

    def given(self) -> tuple[str, list[list[Any]]]:
        """Return the types of the columns, and the rows as JSON; no types where it ends in an error."""
        types, _, text = self.answer.partition(" => ")
        if types == "error":
            return "", []
        rows = json.loads(text)
        if self.is_expression:
            return types, [[rows]]
        return types, rows if rows and self._several(types) else [[value] for value in rows]

    @staticmethod
    def _several(types: str) -> bool:
        """Say whether types are those of several columns."""
        return ", " in re.sub(r"<[^<>]*>", "", re.sub(r"<[^<>]*>", "", re.sub(r"<[^<>]*>", "", types)))


def load() -> tuple[dict[str, str], list[Case], list[str]]:
    """Return the tables as queries by name, the cases, and all lines of the file that are no answers."""
    tables: dict[str, str] = {}
    cases: list[Case] = []
    kept: list[str] = []
    section = ""
    for line in FILE.read_text().splitlines():
        if line.startswith("  "):
            cases[-1].answer = line.strip()
            continue
        kept.append(line)
        if line.startswith(_TABLE):
            name, _, sql = line.removeprefix(_TABLE).partition(" = ")
            tables[name] = sql
        elif line.startswith("#"):
            section = line.removeprefix("# ")
        elif line:
            cases.append(Case(line, section))
    return tables, cases, kept


def renew(judge: Judge) -> None:
    """Ask for all answers that are no refusals, and write the file."""
    tables, cases, kept = load()
    by_written = {case.written: case for case in cases}
    lines = []
    for line in kept:
        lines.append(line)
        case = by_written.get(line)
        if case is not None:
            lines.append(f"  {case.answer if case.refusal is not None else _answer(judge, case, tables)}")
    FILE.write_text("\n".join(lines) + "\n")


def _answer(judge: Judge, case: Case, tables: dict[str, str]) -> str:
    named = {name: sql for name, sql in tables.items() if name in case.sql()}
    found = judge.answer(case.sql(), named, WINDOW if "@window" in case.sql() else {})
    if "rows" in found:
        return _shown(case, [type_ for _, type_ in found["columns"]], found["rows"])
    if case.by_row:
        each = [judge.answer(case.sql(row), named, {}) for row in ROWS]
        types = next(([type_ for _, type_ in one["columns"]] for one in each if "rows" in one), None)
        if types:
            return _shown(case, types, [one["rows"][0] if "rows" in one else ["!"] for one in each])
    return f"error => {json.dumps(found['error'][:100], ensure_ascii=False)}"


ROWS = range(1, 6)


def _shown(case: Case, types: list[str], rows: list[list[Any]]) -> str:
    value: Any = rows[0][0] if case.is_expression else [row[0] for row in rows] if len(types) == 1 else rows
    return f"{', '.join(types)} => {json.dumps(value, ensure_ascii=False)}"


def rendered(value: str, type_: Type) -> str:
    """Return DuckDB's SQL for a value as one that Python can hold: its dates end where ours do not."""
    if type_.name == "TIMESTAMP":
        return f"strftime(make_timestamp(epoch_us({value})), '%Y-%m-%dT%H:%M:%S.%f')"
    if type_.name == "DATETIME":
        return f"strftime({value}, '%Y-%m-%dT%H:%M:%S.%f')"
    if type_.name == "DATE":
        return f"strftime({value}, '%Y-%m-%d')"
    if type_.name == "TIME":
        return f"CAST({value} AS VARCHAR)"
    if type_.name == "INTERVAL":
        parts = ", ".join(f"struct_extract({value}, '{name}')" for name in "mdu")
        return f"printf('IntervalValue{{months=%d, days=%d, micros=%d, nanoFractions=0}}', {parts})"
    if type_.element is not None and rendered("x", type_.element) != "x":
        return f"list_transform({value}, lambda x: {rendered('x', type_.element)})"
    fields = [(f"struct_extract_at({value}, {place})", field) for place, (_, field) in enumerate(type_.fields, 1)]
    if any(rendered(sql, field) != sql for sql, field in fields):
        listed = ", ".join(f"f{place} := {rendered(sql, field)}" for place, (sql, field) in enumerate(fields))
        return f"CASE WHEN {value} IS NOT NULL THEN struct_pack({listed}) END"
    return value


def same(found: Any, wanted: Any, type_: Type) -> bool:
    """Say whether a value from DuckDB is that of the file."""
    if found is None or wanted is None:
        return found is None and wanted is None
    if type_.element is not None:
        return len(found) == len(wanted) and all(map(same, found, wanted, [type_.element] * len(found)))
    if type_.name == "STRUCT":
        values = found.values() if isinstance(found, dict) else found
        return all(map(same, values, (value for _, value in wanted), (field for _, field in type_.fields)))
    return _same_scalar(found, wanted, type_.name)


def _same_scalar(found: Any, wanted: str, name: str) -> bool:
    if name == "FLOAT64":
        number = float(wanted.replace("Infinity", "inf"))
        return bool(math.isnan(found) and math.isnan(number)) or math.isclose(found, number, rel_tol=1e-15)
    if name in {"NUMERIC", "BIGNUMERIC"}:
        return Decimal(found) == Decimal(wanted)
    if name == "BYTES":
        return bytes(found).hex() == wanted
    if name == "JSON":
        return bool(json.loads(found, parse_float=str) == json.loads(wanted, parse_float=str))
    if name == "INTERVAL":
        return bool(found == _in_micros(wanted))
    if name in {"DATETIME", "TIMESTAMP", "TIME"}:
        return _clock(found) == _clock(wanted)
    return str(found).lower() == wanted if name == "BOOL" else str(found) == wanted


def _in_micros(text: str) -> str:
    """Return an INTERVAL of the reference implementation, which has nanoseconds, without them, as BigQuery cuts them off."""
    months, days, micros, nanos = (int(number) for number in re.findall(r"-?\d+", text))
    return f"IntervalValue{{months={months}, days={days}, micros={micros + (micros < 0 < nanos)}, nanoFractions=0}}"


def _clock(text: str) -> str:
    """Return a moment with as few digits as say it."""
    text = text.removesuffix("Z")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return f"{text}:00" if text.count(":") == 1 else text
