"""Write docs/sql.md from the table of functions.

python docs/generate_sql.py > docs/sql.md
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from flows.sql.compile import compiler, dispatch  # noqa: F401 - every rule registers itself once the first one is loaded
from flows.sql.functions import signatures
from flows.sql.functions.differences import DIFFERENCES, REFUSED
from flows.sql.parse.repeat import VARYING

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
CASE, CAST, SAFE_CAST; SAFE. before every function.
"""
NOT_HERE = """
Another function is refused by its name.

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
RANGE with one of ROWS, and a named window that RANK shares in full. `check` warns of what is left: ARRAY_AGG, STRING_AGG and LAST_VALUE with
IGNORE NULLS over a frame of RANGE, frames between numbers, ARRAY_AGG in PIVOT, and two windows with different orders over rows that may be
equal in all columns that are named.
"""


def functions() -> str:
    """Return a table of all functions, with how each is called."""
    lines = []
    for name in sorted({*signatures.names(), *dispatch.calls()} - {*VARYING}):
        found = [*signatures.scalar(name), *signatures.aggregate(name), *signatures.window(name)]
        calls = "; ".join(f"`{name}{one}`" for one in found) or f"`{name}(...)`"
        lines.append(f"| {name} | {calls} |")
    return "\n".join(["| function | how it is called |", "| --- | --- |", *lines])


def page() -> str:
    """Return docs/sql.md."""
    refused = "\n".join(f"| {what} | {instead} |" for what, instead in (REFUSED | VARYING).items())
    different = "\n".join(f"- **{what}** {why}" for what, why in DIFFERENCES.items())
    return (
        f"{HEAD}\n{functions()}\n{NOT_HERE}\n## Refused\n\n| what | write instead |\n| --- | --- |\n{refused}\n\n"
        f"## Different\n\n{different}\n"
    )


if __name__ == "__main__":
    sys.stdout.write(page())
