"""Random typed queries of every form over small random tables.

Orders name every column that can be ordered, so that what they decide is decided; FLOAT64 are sums of powers of two, so
that their order does not matter.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

STRUCT = "STRUCT<x INT64, y STRING>"
TABLES = {
    "core.a": "id INT64; k STRING; n INT64; f FLOAT64; p NUMERIC; d DATE; t TIMESTAMP; o BOOL; xs ARRAY<INT64>; st STRUCT<x INT64, y STRING>",
    "core.b": "id INT64; k STRING; n INT64; p NUMERIC; d DATE; items ARRAY<STRUCT<x INT64, y STRING>>",
    "core.c": "k STRING; n INT64; f FLOAT64; t TIMESTAMP; o BOOL",
}
"""Columns by table; `id` is another in each row."""
_INSIDE = {
    "INT64": ("0", "1", "1", "2", "3", "-1", "12"),
    "STRING": ("'a'", "'a'", "'b'", "'B'", "''", "'ab'", "'12'"),
    "FLOAT64": ("0.5", "-1.25", "2.0", "-0.0", "0.0", "CAST('nan' AS FLOAT64)", "CAST('inf' AS FLOAT64)"),
    "NUMERIC": ("NUMERIC '1.5'", "NUMERIC '-2.25'", "NUMERIC '0'", "NUMERIC '100'"),
    "DATE": ("DATE '2026-01-31'", "DATE '2024-02-29'", "DATE '2026-01-01'", "DATE '1999-12-31'"),
    "TIMESTAMP": ("TIMESTAMP '2026-01-31 23:30:00+00'", "TIMESTAMP '2026-02-01 00:00:00+00'", "TIMESTAMP '1969-12-31 12:00:00.5+00'"),
    "BOOL": ("TRUE", "FALSE"),
    "ARRAY<INT64>": ("[1, 2]", "[3]", "[2, 2, -1]", "ARRAY<INT64>[]"),
    STRUCT: ("STRUCT(1 AS x, 'a' AS y)", "STRUCT(2 AS x, 'b' AS y)", "STRUCT(NULL AS x, 'a' AS y)"),
    f"ARRAY<{STRUCT}>": ("[STRUCT(1 AS x, 'a' AS y), STRUCT(2 AS x, 'b' AS y)]", "[STRUCT(3 AS x, '' AS y)]", f"ARRAY<{STRUCT}>[]"),
}  # fmt: skip
ARRAYS = ("ARRAY<INT64>", f"ARRAY<{STRUCT}>")
SCALARS = ("INT64", "INT64", "STRING", "STRING", "NUMERIC", "FLOAT64", "DATE", "TIMESTAMP", "BOOL")
ORDERED = frozenset(SCALARS)
_FORMS = {
    "INT64": "({INT64} + {INT64}); ({INT64} - {INT64}); ({INT64} * 2); MOD({INT64}, 3); ABS({INT64}); LENGTH({STRING}); DIV({INT64}, 2); -({INT64}); (({INT64}) & 3); "
    "EXTRACT(DAY FROM {DATE}); EXTRACT(HOUR FROM {TIMESTAMP}); DATE_DIFF({DATE}, {DATE}, WEEK); DATE_DIFF({DATE}, {DATE}, MONTH); ARRAY_LENGTH({ARRAY<INT64>}); "
    "{ARRAY<INT64>}[SAFE_OFFSET({INT64})]; SAFE_CAST({STRING} AS INT64); CAST({BOOL} AS INT64); CAST({NUMERIC} AS INT64); STRPOS({STRING}, {STRING}); SIGN({INT64}); "
    "(SELECT SUM(e) FROM UNNEST({ARRAY<INT64>}) AS e WITH OFFSET AS o WHERE o < 2); (SELECT COUNT(*) FROM UNNEST({ARRAY<INT64>}) AS e WHERE e > {INT64}); "
    "{STRUCT<x INT64, y STRING>}.x; TIMESTAMP_DIFF({TIMESTAMP}, {TIMESTAMP}, HOUR); EXTRACT(ISOWEEK FROM {DATE}); UNIX_SECONDS({TIMESTAMP})",
    "STRING": "({STRING} || {STRING}); UPPER({STRING}); SUBSTR({STRING}, {INT64}); CAST({INT64} AS STRING); CAST({NUMERIC} AS STRING); CAST({FLOAT64} AS STRING); "
    "CAST({DATE} AS STRING); FORMAT_DATE('%Y-%m', {DATE}); CAST({BOOL} AS STRING); REPLACE({STRING}, 'a', {STRING}); REVERSE({STRING}); LPAD({STRING}, 3, '-'); "
    "{STRUCT<x INT64, y STRING>}.y; ARRAY_TO_STRING(ARRAY(SELECT CAST(e AS STRING) FROM UNNEST({ARRAY<INT64>}) AS e ORDER BY 1), ','); TRIM({STRING}, 'a'); "
    "CONCAT({STRING}, '-', {STRING}); REGEXP_EXTRACT({STRING}, r'^(.)'); SPLIT({STRING}, 'b')[SAFE_OFFSET(0)]; CAST({TIMESTAMP} AS STRING); FORMAT('%d/%s', {INT64}, {STRING})",
    "NUMERIC": "({NUMERIC} + {INT64}); ({NUMERIC} * {NUMERIC}); ROUND({NUMERIC}, 1); CAST({INT64} AS NUMERIC); SAFE_DIVIDE({NUMERIC}, {INT64}); TRUNC({NUMERIC}); -({NUMERIC})",
    "FLOAT64": "({FLOAT64} + {INT64}); ({FLOAT64} * 2); ({FLOAT64} - {FLOAT64}); CAST({INT64} AS FLOAT64); SAFE_DIVIDE({INT64}, 4); FLOOR({FLOAT64}); ABS({FLOAT64}); "
    "CAST({NUMERIC} AS FLOAT64); IEEE_DIVIDE({INT64}, 2)",
    "DATE": "DATE_ADD({DATE}, INTERVAL {INT64} DAY); DATE_SUB({DATE}, INTERVAL 1 MONTH); DATE_TRUNC({DATE}, MONTH); DATE({TIMESTAMP}); LAST_DAY({DATE}); "
    "DATE_TRUNC({DATE}, WEEK(MONDAY)); DATE({TIMESTAMP}, 'Asia/Tokyo'); ({DATE} + 1); SAFE_CAST({STRING} AS DATE)",
    "TIMESTAMP": "TIMESTAMP_ADD({TIMESTAMP}, INTERVAL {INT64} HOUR); TIMESTAMP_TRUNC({TIMESTAMP}, DAY); TIMESTAMP({DATE}); TIMESTAMP_SECONDS({INT64})",
    "BOOL": "({INT64} = {INT64}); ({STRING} < {STRING}); {INT64} > {FLOAT64}; {NUMERIC} <= {INT64}; {DATE} >= {DATE}; ({BOOL} AND {BOOL}); ({BOOL} OR {BOOL}); NOT {BOOL}; "
    "({STRING}) IS NULL; {INT64} IN ({INT64}, {INT64}, NULL); {STRING} NOT IN ({STRING}, {STRING}); {INT64} BETWEEN {INT64} AND {INT64}; {STRING} LIKE 'a%'; ({BOOL}) IS TRUE; "
    "{INT64} IN UNNEST({ARRAY<INT64>}); {INT64} IS DISTINCT FROM {INT64}; STARTS_WITH({STRING}, {STRING}); {FLOAT64} = {FLOAT64}; {FLOAT64} < {NUMERIC}; {TIMESTAMP} < {TIMESTAMP}; "
    "({INT64}, {STRING}) = ({INT64}, {STRING}); ({INT64}, {STRING}) IN (({INT64}, {STRING}), (1, 'a')); EXISTS (SELECT 1 FROM UNNEST({ARRAY<INT64>}) AS e WHERE e = {INT64})",
    "ARRAY<INT64>": "[{INT64}, 7]; ARRAY_CONCAT({ARRAY<INT64>}, {ARRAY<INT64>}); GENERATE_ARRAY(1, {INT64}); ARRAY(SELECT e + 1 FROM UNNEST({ARRAY<INT64>}) AS e WITH OFFSET AS o ORDER BY o DESC); "
    "ARRAY(SELECT DISTINCT e FROM UNNEST({ARRAY<INT64>}) AS e ORDER BY e); ARRAY_REVERSE({ARRAY<INT64>})",
    STRUCT: "STRUCT({INT64} AS x, {STRING} AS y); (SELECT AS STRUCT {INT64} AS x, {STRING} AS y)",
    f"ARRAY<{STRUCT}>": "[{STRUCT<x INT64, y STRING>}]; ARRAY(SELECT AS STRUCT e.x, e.y FROM UNNEST({ARRAY<STRUCT<x INT64, y STRING>>}) AS e WITH OFFSET AS o WHERE e.x > 1 ORDER BY o)",
}  # fmt: skip
FORMS = {type_: text.split("; ") for type_, text in _FORMS.items()}
OF_ANY = (
    *("COALESCE({T}, {T})", "IF({BOOL}, {T}, {T})", "CASE WHEN {BOOL} THEN {T} WHEN {BOOL} THEN {T} END"),
    *("CASE {INT64} WHEN 1 THEN {T} ELSE {T} END", "IFNULL({T}, {T})", "NULLIF({T}, {T})", "GREATEST({T}, {T})"),
)
_AGGREGATES = {
    "INT64": "COUNT(*); COUNT({STRING}); COUNT(DISTINCT {STRING}); SUM({INT64}); MAX({INT64}); MIN({INT64}); COUNTIF({BOOL}); SUM(DISTINCT {INT64}); BIT_OR({INT64}); "
    "SUM({INT64}) - COUNT(*)",
    "STRING": "MAX({STRING}); MIN({STRING}); STRING_AGG({STRING}, '|' ORDER BY {ALL}); STRING_AGG(DISTINCT {ONE STRING}, ',' ORDER BY {ONE STRING}); MAX({STRING} || 'x')",
    "NUMERIC": "SUM({NUMERIC}); AVG({NUMERIC}); MAX({NUMERIC}); SUM({NUMERIC}) / COUNT(*); ROUND(AVG({NUMERIC}), 3)",
    "FLOAT64": "SUM({FLOAT64}); MAX({FLOAT64}); MIN({FLOAT64}); AVG({INT64}); ROUND(STDDEV({INT64}), 6); ROUND(VAR_POP({INT64}), 6); SAFE_DIVIDE(SUM({INT64}), COUNT({STRING}))",
    "DATE": "MAX({DATE}); MIN({DATE}); DATE_ADD(MIN({DATE}), INTERVAL COUNT(*) DAY)",
    "TIMESTAMP": "MAX({TIMESTAMP}); MIN({TIMESTAMP})",
    "BOOL": "LOGICAL_OR({BOOL}); LOGICAL_AND({BOOL}); COUNT(*) > 1; MAX({INT64}) = MIN({INT64})",
    "ARRAY<INT64>": "ARRAY_AGG({INT64} IGNORE NULLS ORDER BY {ALL}); ARRAY_AGG({INT64} IGNORE NULLS ORDER BY {ALL} LIMIT 2); ARRAY_AGG(DISTINCT {ONE INT64} IGNORE NULLS ORDER BY {ONE INT64} DESC)",
    f"ARRAY<{STRUCT}>": "ARRAY_AGG(STRUCT({INT64} AS x, {STRING} AS y) ORDER BY {ALL} LIMIT 2)",
}  # fmt: skip
AGGREGATES = {type_: text.split("; ") for type_, text in _AGGREGATES.items()}
_WINDOWS = {
    "INT64": "ROW_NUMBER() OVER ({ROWS}); RANK() OVER ({SOME}); DENSE_RANK() OVER ({SOME}); NTILE(2) OVER ({ROWS}); LAG({INT64}) OVER ({ROWS}); LEAD({INT64}, 2, -9) OVER ({ROWS}); "
    "SUM({INT64}) OVER ({SOME}); COUNT(*) OVER ({PART}); SUM({INT64}) OVER ({ROWS} ROWS BETWEEN 1 PRECEDING AND CURRENT ROW); COUNT({STRING}) OVER ({ROWS} ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING); "
    "MAX({INT64}) OVER ({ROWS} ROWS BETWEEN 2 PRECEDING AND 1 PRECEDING); SUM({INT64}) OVER ({BY INT64} RANGE BETWEEN 1 PRECEDING AND 1 FOLLOWING); COUNT(DISTINCT {STRING}) OVER ({PART}); "
    "FIRST_VALUE({INT64} IGNORE NULLS) OVER ({ROWS}); NTH_VALUE({INT64}, 2) OVER ({ROWS}); COUNTIF({BOOL}) OVER ({SOME})",
    "STRING": "LAG({STRING}, 1, 'none') OVER ({ROWS}); FIRST_VALUE({STRING}) OVER ({ROWS}); LAST_VALUE({STRING} IGNORE NULLS) OVER ({ROWS} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING); "
    "MIN({STRING}) OVER ({PART}); STRING_AGG({STRING}, '+') OVER ({ROWS})",
    "NUMERIC": "SUM({NUMERIC}) OVER ({SOME}); AVG({NUMERIC}) OVER ({PART})",
    "FLOAT64": "PERCENT_RANK() OVER ({SOME}); CUME_DIST() OVER ({SOME}); AVG({INT64}) OVER ({ROWS} ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING); MAX({FLOAT64}) OVER ({SOME})",
    "DATE": "LAG({DATE}) OVER ({ROWS}); MAX({DATE}) OVER ({PART})",
    "TIMESTAMP": "LEAD({TIMESTAMP}) OVER ({ROWS})",
    "BOOL": "LOGICAL_OR({BOOL}) OVER ({SOME}); ROW_NUMBER() OVER ({ROWS}) = 1; RANK() OVER ({SOME}) <= 2",
}  # fmt: skip
WINDOWS = {type_: text.split("; ") for type_, text in _WINDOWS.items()}
RISKY = ("{INT64} / {INT64}", "CAST({STRING} AS INT64)", "{ARRAY<INT64>}[OFFSET({INT64})]", "DIV({INT64}, {INT64})")
"""What may end in an error; where everything else of a query is computed anyway."""
HOLE = re.compile(r"\{((?:[^{}])+)\}")


def columns_of(table: str) -> list[tuple[str, str]]:
    """Return names and types of a table's columns."""
    return [tuple(one.split(" ", 1)) for one in TABLES[table].split("; ")]  # type: ignore[misc]


def tables(random: Random) -> dict[str, str]:
    """Return a query of each table's rows, by name."""
    return {table: _rows(random, columns_of(table)) for table in TABLES}


def _rows(random: Random, columns: Sequence[tuple[str, str]]) -> str:
    rows = []
    for place in range(random.choice((1, 2, 3, 5, 6))):
        values = [
            str(place + 1) if name == "id" else _value(random, type_, at_first=not place) for name, type_ in columns
        ]
        named = [f"{value} AS {name}" for value, (name, _) in zip(values, columns, strict=True)]
        rows.append(f"SELECT {', '.join(values if place else named)}")
    return " UNION ALL ".join(rows)


def _value(random: Random, type_: str, *, at_first: bool) -> str:
    if random.random() < 0.2 and not type_.startswith("ARRAY"):
        return f"CAST(NULL AS {type_})" if at_first else "NULL"
    return random.choice(_INSIDE[type_])


def literal(random: Random, type_: str) -> str:
    """Return a value of a type."""
    return random.choice(_INSIDE[type_])


class Column(NamedTuple):
    """What an expression can name, with its type."""

    sql: str
    type: str


def ordered(columns: list[Column]) -> list[str]:
    """Return the columns by which rows can be ordered."""
    return [column.sql for column in columns if column.type in ORDERED]


class Expressions:
    """Writes expressions over columns; everything that it chooses comes from `random`."""

    def __init__(self, random: Random) -> None:
        self.random = random

    def value(self, type_: str, scope: list[Column], depth: int) -> str:
        """Return an expression of a type over columns."""
        own = [column.sql for column in scope if column.type == type_]
        if depth <= 0 or (own and self._chance(0.3)):
            return self.random.choice(own) if own and self._chance(0.9) else literal(self.random, type_)
        if self._chance(0.2) and type_ in ORDERED:
            return self.filled(self.random.choice(OF_ANY).replace("{T}", f"{{{type_}}}"), scope, depth - 1)
        return self.filled(self.random.choice(FORMS[type_]), scope, depth - 1)

    def filled(self, form: str, scope: list[Column], depth: int) -> str:
        """Return a form with expressions in its places."""
        once: dict[str, str] = {}

        def filled(hole: re.Match[str]) -> str:
            word, _, type_ = hole[1].partition(" ")
            if word == "ONE":
                return once.setdefault(type_, self._varying(type_, scope))
            if word in {"ALL", "ROWS", "SOME", "PART", "BY"}:
                return self._over(word, type_, scope)
            return self.value(hole[1], scope, depth)

        return HOLE.sub(filled, form)

    def _over(self, word: str, type_: str, scope: list[Column]) -> str:
        """Return what stands in an order or in OVER."""
        names = ordered(scope)
        if word == "ALL":
            return self.order(names)
        keys = [column.sql for column in scope if column.type in {"STRING", "INT64", "BOOL", "DATE"}]
        part = f"PARTITION BY {self.random.choice(keys)} " if keys and self._chance(0.5) else ""
        if word == "PART":
            return part.strip()
        own = [column.sql for column in scope if column.type == type_]
        if word == "BY":
            chosen = self.random.choice(own) if own else "1"
            return f"{part}ORDER BY {chosen}{self.random.choice(('', ' DESC'))}"
        if word == "SOME":
            names = self.random.sample(names, min(len(names), self.random.choice((1, 1, 2))))
        return f"{part}ORDER BY {self.order(names)}"

    def order(self, names: list[str]) -> str:
        """Return an order by all these names."""
        mixed = self.random.sample(names, len(names))
        ways = ("", "", "", " DESC", " ASC NULLS LAST", " DESC NULLS FIRST")
        return ", ".join(f"{name}{self.random.choice(ways)}" for name in mixed)

    def _varying(self, type_: str, scope: list[Column]) -> str:
        """Return a value that is no literal: nothing can be ordered by one."""
        own = [column.sql for column in scope if column.type == type_]
        return (
            self.random.choice(own) if own else f"IFNULL({literal(self.random, type_)}, {literal(self.random, type_)})"
        )

    def _chance(self, share: float) -> bool:
        return self.random.random() < share
