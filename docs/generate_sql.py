"""Write docs/sql.md from the table of functions.

python docs/generate_sql.py > docs/sql.md
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, get_args

sys.path.insert(0, str(Path(__file__).parent.parent))

from flows.model.differences import Kind
from flows.report.reading import difference_in_words
from flows.sql.compile import compiler, dispatch  # noqa: F401 - every rule registers itself once the first one is loaded
from flows.sql.compile.dates import KINDS
from flows.sql.functions import signatures
from flows.sql.functions.casts import BETWEEN
from flows.sql.functions.date_parts import parts_of
from flows.sql.functions.elements import ELEMENTS, WHOLE
from flows.sql.functions.refused import REFUSED
from flows.sql.parse.repeat import VARYING
from flows.sql.types import INTERVAL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flows.sql.functions.signatures import Signature

HEAD = """\
# SQL

A table's SQL is GoogleSQL, BigQuery's dialect: exactly one SELECT. It runs on BigQuery as it is written (but for ties, see
below), and on DuckDB as `flows/sql` compiles it. Both give the same types and values: thousands of cases hold what GoogleSQL's own reference
implementation answers. What is not known to be the same is refused by `check`, by name and with what to write instead.

Written by `make docs` from the table of functions; do not edit.

## Supported

SELECT with joins (INNER, LEFT, RIGHT, FULL, CROSS, USING), UNNEST WITH OFFSET, PIVOT, UNPIVOT, subqueries, WITH, WITH RECURSIVE (of at most
500 rounds, as in BigQuery), DISTINCT, GROUP BY with ROLLUP, CUBE and GROUPING SETS, HAVING, QUALIFY, window functions with frames and
named windows, UNION, INTERSECT and EXCEPT (BY NAME and CORRESPONDING too), ORDER BY, LIMIT;
`struct.*`, `* EXCEPT`, `* REPLACE`; STRUCTs, ARRAYs and JSON with fields and brackets; IN with lists, arrays, tuples and queries;
CASE, CAST, SAFE_CAST, WITH(name AS value, ..., result); SAFE. before every function; calls behind their first argument (`(name).UPPER()`). Pipe syntax (`FROM table |> WHERE ... |> AGGREGATE ... GROUP BY ...`) with WHERE, SELECT,
EXTEND, SET, DROP, RENAME, AGGREGATE, JOIN, ORDER BY, LIMIT, DISTINCT, AS, WITH, PIVOT, UNPIVOT, UNION, INTERSECT and EXCEPT; BigQuery gets it as SELECTs. The name
of a table holds until SELECT or AGGREGATE, and those of several until SET, RENAME, DROP, or EXTEND with OVER or a query.
"""
FUNCTIONS = """
The last column says in which cases a call ends in an error, which SAFE. turns into NULL where BigQuery has it too, and what must be written down.
"""
OPERATORS = """
Another function is refused by its name.

## Operators

Types turn into those of a line by themselves, as for functions: the line that changes least is taken. `x BETWEEN a AND b` is
`x >= a AND x <= b`, `x IN (a, b)` is `x = a OR x = b`; E stands for what can be compared, O for what has an order, T for any type. STRUCTs and
ARRAYs are equal where all of their parts are.
"""
PIPE = "\\|"
CASTS = """
## Casts

What turns into what: by itself; by itself where it is written down; by CAST. SAFE_CAST gives NULL where a cast in *italics* ends in an error,
and no other error. STRUCTs turn field by field, ARRAYs element by element. With FORMAT dates, times and BYTES turn into texts and back, and INT64, NUMERIC
and FLOAT64 into texts by `9`, `0`, `,` or `G`, `.`, `D` or `V`, `$`, `L`, `C`, `S`, `MI`, `PR`, `B`, `FM`, of FLOAT64 alone `EEEE`, and
in hexadecimal by `X` or `x` and `0`.
"""
PARTS = """
## Parts of dates and times

What each function takes of each type; `WEEK(...)` is a week that begins on a day of that name.
"""
FORMATS = """
## Elements of formats

What FORMAT_DATE, FORMAT_DATETIME, FORMAT_TIMESTAMP and FORMAT_TIME write, and PARSE_DATE and its like read, by what a value must have for it: a DATE has
days, a TIME a clock, a DATETIME both, which makes a moment, a TIMESTAMP a zone too. `%E3S` stands for seconds with any number of places.
"""
TIES = """
## Orders with ties

What an order decides is refused where there is none, or where it is the same for all rows: it would give other rows on every
retry. Where an order leaves rows side by side, the tie is broken, so that the query has one answer, on every retry and with any number of
threads; it is one of those that GoogleSQL allows.

- ORDER BY with LIMIT, and in ARRAY(SELECT ...): by the columns that the query gives, from left to right.
- ROW_NUMBER, NTILE, LAG, LEAD, FIRST_VALUE, frames of ROWS: by the columns of FROM that SELECT, QUALIFY and ORDER BY name, in the order in which
  they are first named; over groups, by what the query groups by.
- ARRAY_AGG, STRING_AGG, MAX_BY, MIN_BY, `ANY_VALUE(... HAVING MAX ...)`, LAST_VALUE, NTH_VALUE: by the columns that such functions name, so that
  several of them take the same row. ANY_VALUE gives the least value.
- RANK, DENSE_RANK, PERCENT_RANK, CUME_DIST and frames of RANGE take equal rows together, as they always do.

No keys are needed behind a table's `key` (of `strategy: merge`) or what a query inside groups by.

BigQuery gets the same keys at the end of each ORDER BY (STRUCTs, ARRAYs and JSON as text, which may stand in another order there). What has no
place for them is written otherwise: MAX_BY, MIN_BY and ANY_VALUE as ARRAY_AGG with LIMIT 1 or MIN, LAST_VALUE and NTH_VALUE over a frame of
RANGE with one of ROWS, and a named window that RANK shares in full. `check` warns of what is left: ARRAY(SELECT ...) without ORDER BY, ARRAY_AGG, STRING_AGG and LAST_VALUE with
IGNORE NULLS over a frame of RANGE, frames between numbers, ARRAY_AGG in PIVOT, and two windows with different orders over rows that may be
equal in all columns that are named.
"""


def functions() -> str:
    """Return a table of all functions, with how each is called and what the marks of its lines say."""
    lines = ["| function | how it is called | what else |", "| --- | --- | --- |"]
    for name in sorted({*signatures.names(), *dispatch.calls()} - {*VARYING}):
        found = [*signatures.scalar(name), *signatures.aggregate(name), *signatures.window(name)]
        calls = "; ".join(f"`{name}{one}`" for one in found) or f"`{name}(...)`"
        lines.append(f"| {name} | {calls} | {_marks(found)} |")
    return "\n".join(lines)


def operators() -> str:
    """Return a table of all operators, with what each takes and gives."""
    lines = ["| operator | takes and gives | what else |", "| --- | --- | --- |"]
    for sign, found in signatures.operators().items():
        calls = "; ".join(f"{one} → {one.result}" for one in found)
        lines.append(f"| `{sign.replace('|', PIPE)}` | {calls} | {_marks(found)} |")
    return "\n".join(lines)


def _marks(found: Sequence[Signature]) -> str:
    said = []
    for one in found:
        said += [f"argument {at} is {limits}, written down" for at, limits in enumerate(one.written, 1) if limits]
        said += [guard.said for guard in one.marks.guards]
        said += [one.marks.own] if one.marks.own else []
        said += ["FLOAT64 overflows"] * one.marks.finite + ["a DATE beyond the years 1 to 9999"] * one.marks.in_years
        said += [f"with NaN {one.marks.of_nan}"] if one.marks.of_nan else []
        said += [one.marks.by] if one.marks.by else []
        said += [f"differs: see {one.marks.differs}"] if one.marks.differs else []
    return "; ".join(dict.fromkeys(said)).replace("|", PIPE)


def casts() -> str:
    """Return a table of all casts, by the type of what is cast."""
    lines = ["| from | by itself | where it is written down | by CAST |", "| --- | --- | --- | --- |"]
    for have in dict.fromkeys(have for have, _ in BETWEEN):
        cells: dict[str, list[str]] = {"=>": [], "~>": [], "->": []}
        for (of, want), cast in BETWEEN.items():
            if of == have:
                cells[cast.arrow].append(f"*{want}*" if cast.may_fail else str(want))
        lines.append(f"| {have} | {' | '.join(', '.join(cell) for cell in cells.values())} |")
    return "\n".join(lines)


_OF_PARTS = {
    "EXTRACT(part FROM ...)": "EXTRACT",
    "DATE_TRUNC(..., part), DATETIME_TRUNC, TIMESTAMP_TRUNC, TIME_TRUNC": "TRUNC",
    "DATE_DIFF(..., ..., part), DATETIME_DIFF, TIMESTAMP_DIFF, TIME_DIFF": "DIFF",
    "DATE_ADD(..., INTERVAL n part), DATE_SUB and the like, + and - INTERVAL": "ADD",
    "LAST_DAY(..., part)": "LAST_DAY",
    "GENERATE_DATE_ARRAY(..., ..., INTERVAL n part), GENERATE_TIMESTAMP_ARRAY": "SERIES",
}


def parts() -> str:
    """Return a table of the parts that functions take."""
    lines = ["| function | of | parts |", "| --- | --- | --- |"]
    for call, function in _OF_PARTS.items():
        for type_ in (*KINDS, INTERVAL):
            found = [re.sub(r"\(.+\)", "(...)", part) for part in parts_of(function, type_)]
            if found:
                lines.append(f"| {call} | {type_} | {', '.join(dict.fromkeys(found))} |")
    return "\n".join(lines)


def formats() -> str:
    """Return a table of the elements of formats."""
    lines = ["| what a value must have | written and read | only written |", "| --- | --- | --- |"]
    for of in dict.fromkeys(one.of for one in ELEMENTS.values()):
        read = [f"`%{name}`" for name, one in ELEMENTS.items() if one.of == of and (one.reads or one.part)]
        written = [f"`%{name}`" for name, one in ELEMENTS.items() if one.of == of and not (one.reads or one.part)]
        lines.append(f"| {of} | {', '.join(read)} | {', '.join(written)} |")
    whole = (f"`%{name}` stands for `{written}`" for name, written in WHOLE.items())
    return "\n".join([*lines, "", f"{', '.join(whole)}; `%n`, `%t` and `%%` for a new line, a tab and a `%`."])


def page() -> str:
    """Return docs/sql.md."""
    refused = "\n".join(f"| {what} | {instead} |" for what, instead in (REFUSED | VARYING).items())
    different = "\n".join(f"- {kind}: {difference_in_words(kind)}" for kind in get_args(Kind))
    return (
        f"{HEAD}{FUNCTIONS}\n{functions()}\n{OPERATORS}\n{operators()}\n{CASTS}\n{casts()}\n{PARTS}\n{parts()}\n{FORMATS}\n{formats()}\n{TIES}\n## Refused\n\n| what | write instead |\n| --- | --- |\n{refused}\n\n"
        f"## Different\n\n`check` notes where a table meets one of these.\n\n{different}\n"
    )


if __name__ == "__main__":
    sys.stdout.write(page())
