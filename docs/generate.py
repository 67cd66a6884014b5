"""Write docs/table.md from the models of a table file.

python docs/generate.py > docs/table.md
"""

from __future__ import annotations

import ast
import inspect
import sys
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Literal, cast, get_args, get_origin

sys.path.insert(0, str(Path(__file__).parent.parent))

from flows.model.checks import COLUMN_CHECKS, TABLE_CHECKS
from flows.model.fields import Model
from flows.model.resources import Resources
from flows.model.source_spec import SOURCES
from flows.model.table import Column, Partition, Table, WindowSpec
from flows.model.types import SCALARS, Type
from flows.model.window import Size

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic.fields import FieldInfo

FROM_PATH = {"dataset", "name"}
"""Given by where the file stands."""
EXAMPLES = Path(__file__).parent.parent / "tables"
VALUES = {
    bool: "`true` or `false`",
    str: "text",
    int: "number",
    float: "number",
    datetime: "date or time",
    timedelta: "length of time",
    Size: "size",
    Type: "type",
}
STRATEGIES = """\
| strategy | a commit | use it for |
| --- | --- | --- |
| `append` | puts a window's rows in the place of that window's rows | facts: one or more rows per hour or day |
| `merge` | adds rows, or updates those of the same `key` | one row per user or order, whenever it was seen |
| `replace` | swaps the whole table | small tables that are made of everything: a top ten |

With `append`, and with `merge` where the key holds the partition column, each row must lie in its window, and such a
`merge` is an `append` whose key is unique. With any other `merge`, several windows can give one key. What each window says
of it is kept, in a table beside this one, and the row is folded from all that: `merge:` says how for each column.

| rule | the row has |
| --- | --- |
| `min`, `max`, `sum` | the least or greatest value, or all added up |
| `earliest`, `latest` | the value where the column `latest_by` is least or greatest; NULL there loses to any other |
| none | the value of the newest window that has the key: an update, as people know it |

Where `latest_by` is the same twice, `latest` takes the newer window and `earliest` the older, then the greater row as JSON.
A `sum` wants each row in one window: `check` warns where the SQL reads rows of several.
A window that gives a key twice is a fault unless every column has a rule. So a row that comes late, changes, moves to
another day or goes is taken back, also from sums, in whatever order windows are made; only keys of which a window says
something new are folded again.

A window that comes out as it was is no change, and no table that reads it is made again. Sums and averages of FLOAT64 are
compared up to 1e-12 of the larger value, since a warehouse adds up in any order; where they cancel to nearly nothing they
may differ by more, and count as a change. Where a text, a NUMERIC, an ARRAY or STRUCT holds their digits, or they decide about
rows (HAVING, RANK, LIMIT), DuckDB adds up in one order, which takes longer; BigQuery makes no such promise. Write NUMERIC
where digits matter.
"""
WINDOWS = """\
`@window_start` and `@window_end` are the bounds of the window that is being made, as TIMESTAMPs in UTC. Where the SQL
bounds the partition column of a table by them (`created_at >= @window_start - INTERVAL 7 DAY AND created_at <
@window_end`), the window waits until that table is complete so far, and is made again when those rows change. A table
that is not bounded so is read as it is at that moment, as a lookup table; `lookback` says how many of the newest windows
are made again when it changes. `python -m flows.check <table>` shows which is which, and warns where the SQL bounds a
column by the window that is not the partition column of its table, and where it names the window beside the partition
column and yet no bound comes of it.

A bound may stand in WHERE, in the ON of an inner join, in the HAVING of a query that groups by it, or outside of the query
whose column it is. It may be written in many ways: with `DATE(ts)`, `CAST(ts AS DATE)`, `EXTRACT(DATE FROM ts)`, in a time
zone, moved by an interval or cut to a part; as `DATE_DIFF(DATE(ts), DATE(@window_start), DAY) = 0`, as `UNIX_SECONDS(ts)` or
`FORMAT_DATE('%Y-%m', day)` beside the same of the window; with BETWEEN, IN and NOT, and with OR where each side is bounded. A column that a WITH or an array makes of the window alone is
a bound too: `UNNEST(GENERATE_DATE_ARRAY(DATE(@window_start), DATE(@window_end))) AS day`.

A range that holds both ends of its window is refused, as `day BETWEEN DATE(@window_start) AND DATE(@window_end)` is in windows
of a day, a week or a month: the rows of its last day would stand in the next window too. Write
`day >= DATE(@window_start) AND day < DATE(@window_end)`. In windows of hours it reads the whole day, and stays. So does a
range that does not say which rows come out: of a second table where the first one is bounded up to the window's end, in a
LEFT JOIN, in EXISTS, IN or COUNTIF, in a WITH whose reader asks for `day < DATE(@window_end)` (as after LEAD), or where the
output compares the day with the window's end, as `IF(day = DATE(@window_end), stock, -stock)` does.

A range that holds neither end is refused too, as `ts > @window_start AND ts < @window_end` is: no window would have the
rows of the moment at which it starts. Write `ts >= @window_start AND ts < @window_end`.

A lookup repairs itself where it holds a row for each change. Divide it by the day from which a row holds
(`partition: {column: valid_from, by: day}`), and read what was valid by the end of the window:

```sql
SELECT DATE(p.captured_at) AS day, p.payment_id, p.amount * r.rate AS euros
FROM core.payments AS p
JOIN core.fx_rates AS r
  ON r.currency = p.currency AND r.valid_from <= DATE(p.captured_at)
  AND r.valid_from < DATE(@window_end)
WHERE p.captured_at >= @window_start AND p.captured_at < @window_end
QUALIFY ROW_NUMBER() OVER (PARTITION BY p.payment_id ORDER BY r.valid_from DESC) = 1
```

A rate that arrives late, for a day in the past, makes the windows from that day on again, and no others.
"""


def main() -> None:
    """Print the page."""
    sys.stdout.write(page())


def page() -> str:
    """Return the page as Markdown."""
    parts = [
        "# The table file\n\nOne file is one table: `tables/<dataset>/<name>.yaml`. This page is written from the code"
        " that reads the files.\n",
        _example("A derived table", "derived/revenue_by_item.yaml"),
        _example("A core table", "core/users.yaml"),
        "## Fields\n\n" + _fields(Table),
        "## `window`\n\n" + _fields(WindowSpec) + "\n" + WINDOWS,
        "## `strategy`\n\n" + STRATEGIES,
        "## `partition`\n\n" + _fields(Partition),
        "## `resources`\n\n" + _fields(Resources),
        "## `columns`\n\n" + _fields(Column),
        _types(),
        "## Checks of a column\n\n" + _checks(COLUMN_CHECKS),
        "## Checks of the table\n\n" + _checks(TABLE_CHECKS),
        *(f"## `source` of kind {kind}\n\n" + _fields(model) for kind, model in SOURCES.items()),
    ]
    return "\n".join(parts)


def _example(title: str, file: str) -> str:
    return f"## {title}\n\n`tables/{file}`\n\n```yaml\n{(EXAMPLES / file).read_text()}```\n"


def _fields(model: type[BaseModel]) -> str:
    known = _meanings(model)
    rows = [_row(info.alias or name, info, model, known.get(name)) for name, info in model.model_fields.items()]
    head = ["| field | value | needed | meaning | example |", "| --- | --- | --- | --- | --- |"]
    return "\n".join([*head, *rows]) + "\n"


def _meanings(model: type[BaseModel]) -> dict[str, str]:
    """Return the docstrings of a model's fields, which stand below them. Pydantic would read them at every start."""
    found = {}
    for parent in reversed(model.__mro__[: model.__mro__.index(Model)]):
        body = cast("ast.ClassDef", ast.parse(inspect.getsource(parent)).body[0]).body
        for field, text in pairwise(body):
            if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
                found[cast("ast.Name", field.target).id] = inspect.cleandoc(str(text.value.value))
    return found


def _row(name: str, info: FieldInfo, model: type[BaseModel], meaning: str | None) -> str:
    example = _cell(f"`{info.examples[0]}`") if info.examples else ""
    from_path = model is Table and name in FROM_PATH
    needed = "yes" if info.is_required() and not from_path else f"no{_default(info)}"
    return f"| `{name}` | {_value(info)} | {needed} | {_one_line(meaning)} | {example} |"


def _default(info: FieldInfo) -> str:
    plain = isinstance(info.default, str | int) and not isinstance(info.default, bool) and info.default != ""
    return f"; `{info.default}`" if plain else ""


def _value(info: FieldInfo) -> str:
    """Say what may stand in a field: `text`, a list, one of some words."""
    annotation = info.annotation
    kinds = [kind for kind in get_args(annotation) if kind is not NoneType] if NoneType in get_args(annotation) else []
    annotation = kinds[0] if len(kinds) == 1 else annotation
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) is Literal:
        return ", ".join(f"`{word}`" for word in get_args(annotation))
    if get_origin(annotation) is tuple:
        return "list"
    if get_origin(annotation) is dict or get_origin(annotation) is UnionType:
        return "group"
    return VALUES.get(annotation, "group")


def _checks(models: dict[str, type[BaseModel]]) -> str:
    rows = ["| check | passes where | write |", "| --- | --- | --- |"]
    for name, model in models.items():
        info = model.model_fields[name]
        example = info.examples[0] if info.examples else name
        rows.append(f"| `{name}` | {_one_line(model.__doc__)} | {_cell(f'`{example}`')} |")
    severity = "Each may have `severity: warn`, which only says so; `fail`, the default, publishes nothing."
    return "\n".join(rows) + f"\n\n{severity}\n"


def _types() -> str:
    names = ", ".join(f"`{name}`" for name in SCALARS)
    return (
        f"### Types\n\nGoogleSQL's: {names}, `ARRAY<...>` and `STRUCT<name TYPE, ...>`. `NUMERIC(precision, scale)` and"
        " `BIGNUMERIC(precision, scale)` say how many digits there are. The embedded warehouse keeps 38 digits, of a bare"
        " BIGNUMERIC 18 after the point, and refuses what does not fit.\n"
    )


def _one_line(text: str | None) -> str:
    return _cell(" ".join((text or "").split()))


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    main()
