"""Expressions over all pairs of types, with the types and values that GoogleSQL's own analyzer gives for them.

`make cases` asks it anew and writes the two files beside this one; the tests compare without it.
"""

from __future__ import annotations

from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from flows.sql import output
from flows.sql.compile.compiler import compiled
from flows.sql.parse.parser import parse_any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

TYPES = Path(__file__).with_name("judged_types.txt")
VALUES = Path(__file__).with_name("judged_values.txt")

COLUMNS = {
    "c_int64": ("INT64", "7"),
    "c_float64": ("FLOAT64", "2.5"),
    "c_numeric": ("NUMERIC", "NUMERIC '1.1'"),
    "c_bignumeric": ("BIGNUMERIC", "BIGNUMERIC '3.25'"),
    "c_string": ("STRING", "'x'"),
    "c_bytes": ("BYTES", "b'x'"),
    "c_bool": ("BOOL", "TRUE"),
    "c_date": ("DATE", "DATE '2026-01-02'"),
    "c_datetime": ("DATETIME", "DATETIME '2026-01-02 03:04:05'"),
    "c_time": ("TIME", "TIME '03:04:05'"),
    "c_timestamp": ("TIMESTAMP", "TIMESTAMP '2026-01-02 03:04:05+00'"),
    "c_json": ("JSON", "PARSE_JSON('1')"),
    "c_array": ("ARRAY<INT64>", "[1, 2]"),
}
"""Columns of the table `c`: types, and the values of its only row."""
LITERALS = ("1", "1.5", "NUMERIC '1.5'", "'2026-01-01'", "b'x'", "TRUE", "DATE '2026-01-01'", "NULL")
OPERANDS = (*COLUMNS, *LITERALS)
NUMBERS = (
    "c_int64", "c_float64", "c_numeric", "c_bignumeric", "1", "-3", "9007199254740993", "1.5", "-2.5", "3.0", "1e-10", "0.1",
    "9007199254740992.0", "NUMERIC '0.3'", "NUMERIC '-2.5'", "CAST(0.1 AS FLOAT64)", "CAST('inf' AS FLOAT64)",
    "CAST('nan' AS FLOAT64)", "NULL",
)  # fmt: skip

_OF_NUMBERS = """
$a + $b; $a - $b; $a * $b; $a / $b
SAFE_DIVIDE($a, $b); IEEE_DIVIDE($a, $b); MOD($a, $b); DIV($a, $b); POW($a, $b); POWER($a, $b); ROUND($a, $b); TRUNC($a, $b); LOG($a, $b)
SAFE_ADD($a, $b); SAFE_SUBTRACT($a, $b); SAFE_MULTIPLY($a, $b)
$a = $b; $a < $b; $a IN ($b, $b); $a BETWEEN $b AND $b; $a IN UNNEST([$b]); $a IS DISTINCT FROM $b; NULLIF($a, $b)
COALESCE($a, $b); IFNULL($a, $b); IF(c_bool, $a, $b); CASE WHEN c_bool THEN $a ELSE $b END; CASE $a WHEN $b THEN 1 END
GREATEST($a, $b); LEAST($a, $b); [$a, $b]; STRUCT($a, $b); ARRAY_CONCAT([$a], [$b])
SUM($a) / MAX($b); SUM($a) * MAX($b); 100.0 * COUNT($a) / MAX($b); AVG($a) + MAX($b)
ABS($a); SIGN($a); -$a; ROUND($a); ROUND($a, 1); TRUNC($a); CEIL($a); FLOOR($a); SQRT($a); EXP($a); LN($a); LOG10($a); IS_NAN($a)
SAFE_NEGATE($a); SUM($a); AVG($a); MIN($a); MAX($a); STDDEV($a); VARIANCE($a); COUNT(DISTINCT $a); ANY_VALUE($a); ARRAY_AGG($a)
SUM($a) OVER (); AVG($a) OVER (); FIRST_VALUE($a) OVER (ORDER BY c_int64)
ROUND($a, -1); TRUNC($a, 1); CEILING($a); IS_INF($a); STDDEV_POP($a); STDDEV_SAMP($a); VAR_POP($a); VAR_SAMP($a)
GENERATE_ARRAY($a, $b); $a & $b; $a | $b; $a ^ $b
"""
_OTHERS = """
[STRUCT($a AS x), STRUCT($b AS x)]; LAG($a, 1, $b) OVER (ORDER BY c_int64)
$a || $b; CONCAT($a, $b); $a LIKE $b; $a AND $b; $a OR $b; $a IN (SELECT $b)
STARTS_WITH($a, $b); ENDS_WITH($a, $b); STRPOS($a, $b); INSTR($a, $b); REPLACE($a, $b, $b); SUBSTR($a, $b); SUBSTR($a, $b, 1)
LEFT($a, $b); RIGHT($a, $b); REPEAT($a, $b); LPAD($a, $b); RPAD($a, $b); LPAD($a, 5, $b); RPAD($a, 5, $b); SPLIT($a, $b); TRIM($a, $b)
LTRIM($a, $b); RTRIM($a, $b); REGEXP_CONTAINS($a, $b); REGEXP_REPLACE($a, $b, 'x'); ARRAY_TO_STRING([$a], $b); STRING_AGG($a, $b)
TO_HEX($a); TO_BASE64($a); MD5($a); LENGTH($a); BYTE_LENGTH($a); UPPER($a); LOGICAL_OR($a); COUNTIF($a); BIT_AND($a); NOT $a
ARRAY_LENGTH($a); ARRAY_REVERSE($a); ARRAY_CONCAT($a, $b); ARRAY_CONCAT_AGG($a); $a[OFFSET($b)]
DATE($a); DATE($a, $b); TIMESTAMP($a); TIMESTAMP($a, $b); DATETIME($a); DATETIME($a, $b); TIME($a); STRING($a)
DATE_DIFF($a, $b, DAY); TIMESTAMP_DIFF($a, $b, DAY); DATETIME_DIFF($a, $b, DAY); DATE_ADD($a, INTERVAL 1 DAY)
TIMESTAMP_SUB($a, INTERVAL 1 DAY); DATETIME_ADD($a, INTERVAL 1 DAY); $a + INTERVAL 1 DAY; INTERVAL 1 DAY + $a
$a - INTERVAL 1 MONTH; DATE_ADD(c_date, INTERVAL $a DAY); c_timestamp + INTERVAL $a DAY
DATE_TRUNC($a, MONTH); TIMESTAMP_TRUNC($a, DAY); DATETIME_TRUNC($a, DAY); LAST_DAY($a); EXTRACT(YEAR FROM $a)
EXTRACT(HOUR FROM $a); EXTRACT(DATE FROM $a); FORMAT_DATE('%Y', $a); FORMAT_TIMESTAMP('%Y', $a); UNIX_SECONDS($a); UNIX_DATE($a)
GENERATE_DATE_ARRAY($a, $b); JSON_VALUE($a); PARSE_DATE('%Y-%m-%d', $a); NTILE($a) OVER (ORDER BY c_int64)
CAST($a AS INT64); CAST($a AS FLOAT64); CAST($a AS NUMERIC); CAST($a AS BIGNUMERIC); CAST($a AS STRING); CAST($a AS BYTES)
CAST($a AS BOOL); CAST($a AS DATE); CAST($a AS DATETIME); CAST($a AS TIMESTAMP); CAST($a AS TIME); SAFE_CAST($a AS INT64)
SELECT $a AS x FROM c UNION ALL SELECT $b AS x FROM c; SELECT $a AS x FROM c EXCEPT DISTINCT SELECT $b AS x FROM c
(SELECT $a); LEAD($a, 1, $b) OVER (ORDER BY c_int64); LAG($a, $b) OVER (ORDER BY c_int64)
NTH_VALUE($a, $b) OVER (ORDER BY c_int64); LAST_VALUE($a) OVER (ORDER BY c_int64); SUBSTRING($a, $b); SUBSTRING($a, $b, 1)
SUM($a) OVER (ORDER BY $b); RANK() OVER (ORDER BY $a); DENSE_RANK() OVER (ORDER BY $a); ROW_NUMBER() OVER (ORDER BY $a)
PERCENT_RANK() OVER (ORDER BY $a); CUME_DIST() OVER (ORDER BY $a); COUNT($a) OVER (PARTITION BY $b)
DATE_SUB($a, INTERVAL 1 DAY); DATETIME_SUB($a, INTERVAL 1 DAY); TIMESTAMP_ADD($a, INTERVAL 1 DAY)
FORMAT_DATETIME('%Y', $a); FORMAT_TIME('%H', $a); PARSE_DATETIME('%Y-%m-%d', $a); PARSE_TIMESTAMP('%Y-%m-%d', $a)
GENERATE_TIMESTAMP_ARRAY($a, $b, INTERVAL 1 DAY); JSON_EXTRACT_SCALAR($a, '$$.a'); JSON_VALUE($a, '$$.a'); JSON_QUERY($a, '$$.a')
REGEXP_EXTRACT($a, 'x'); REGEXP_EXTRACT_ALL($a, 'x'); REGEXP_SUBSTR($a, 'x'); PARSE_JSON($a); FROM_BASE64($a); FROM_HEX($a)
SHA1($a); SHA256($a); LOWER($a); OCTET_LENGTH($a); CHAR_LENGTH($a); CHARACTER_LENGTH($a); LOGICAL_AND($a); BIT_OR($a); BIT_XOR($a)
TIMESTAMP_SECONDS($a); TIMESTAMP_MILLIS($a); TIMESTAMP_MICROS($a); TIMESTAMP_FROM_UNIX_SECONDS($a); DATE_FROM_UNIX_DATE($a)
UNIX_MICROS($a); UNIX_MILLIS($a); $a IS NULL; $a IS TRUE; EXISTS(SELECT $a); ARRAY(SELECT $a); SAFE_CAST($a AS DATE); SAFE.SUBSTR($a, $b)
DATE($a, $b, $b); DATETIME($a, $b, $b, $b, $b, $b); TIME($a, $b, $b); COALESCE($a, NULL, $b); COALESCE($a, $b, 1.5); GREATEST($a, $b, 1)
"""


def _templates(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for line in text.strip().splitlines() for part in line.split(";"))


TEMPLATES = (*_templates(_OF_NUMBERS), *_templates(_OTHERS))
OF_NUMBERS = _templates(_OF_NUMBERS)


def query(template: str, one: str, twos: Sequence[str]) -> str:
    """Return a query with a column, on a line of its own, for each second operand."""
    filled = [Template(template).substitute(a=one, b=two) for two in twos]
    if template.startswith("SELECT"):
        (only,) = filled
        return only
    columns = ",\n".join(f"{expression} AS x{place}" for place, expression in enumerate(filled))
    return f"SELECT\n{columns}\nFROM c"


def batches(template: str, operands: Sequence[str] = OPERANDS) -> Iterator[tuple[str, list[str]]]:
    """Give each first operand with the second ones that one query can hold."""
    for one in operands:
        if "$b" not in template:
            yield one, [""]
        elif template.startswith("SELECT"):
            yield from ((one, [two]) for two in operands)
        else:
            yield one, list(operands)


def ours(template: str, one: str, twos: Sequence[str]) -> list[str | None]:
    """Return the type that each column has for us; None where it is refused."""
    schema = {"c": {name: type_ for name, (type_, _) in COLUMNS.items()}}
    relation, context = compiled(parse_any(query(template, one, twos)), schema, {})
    lines = {fault.line for fault in context.faults}
    if template.startswith("SELECT"):
        return [None if lines else str(output(relation.columns[0][1].type))]
    return [
        None if place + 2 in lines else str(output(value.type)) for place, (_, value) in enumerate(relation.columns)
    ]


def known_types() -> dict[str, dict[tuple[str, str], str]]:
    """Return the type of each template's operands, as the file has it; what is not there is an error in GoogleSQL."""
    found: dict[str, dict[tuple[str, str], str]] = {}
    for template, one, groups in _lines(TYPES):
        for group in groups:
            type_, _, twos = group.partition(": ")
            for two in twos.split(", "):
                found.setdefault(template, {})[one, two] = type_
    return found


def known_values() -> dict[str, dict[str, dict[str, str]]]:
    """Return the values of each template by its first operand and its second one, as the file has them."""
    found: dict[str, dict[str, dict[str, str]]] = {}
    for template, one, groups in _lines(VALUES):
        pairs = (group.rpartition(": ") if "$b" in template else ("", "", group) for group in groups)
        found.setdefault(template, {})[one] = {two: value for two, _, value in pairs}
    return found


def _lines(path: Path) -> Iterator[tuple[str, str, list[str]]]:
    template = ""
    for line in path.read_text().splitlines():
        if line.startswith("  "):
            one, *groups = line.strip().split(" | ")
            yield template, one, groups
        elif line:
            template = line
