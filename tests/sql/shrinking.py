"""Makes a query and its tables as small as they can be with something still true of them."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import sqlglot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Holds = Callable[[str, dict[str, str]], bool]

_ROW = " UNION ALL SELECT "
MOST = 400
"""How many smaller ones are tried."""


def shrunk(sql: str, tables: dict[str, str], holds: Holds) -> tuple[str, dict[str, str]]:
    """Return a smaller query over fewer rows for which `holds` still says yes."""
    left = [MOST]
    found = True
    while found and left[0] > 0:
        found = False
        for smaller in _smaller_queries(sql):
            left[0] -= 1
            if holds(smaller, tables):
                sql, found = smaller, True
                break
            if left[0] <= 0:
                break
    for name, written in tables.items():
        for row in written.split(_ROW)[:0:-1]:
            fewer = tables | {name: tables[name].replace(f"{_ROW}{row}", "", 1)}
            if holds(sql, fewer):
                tables = fewer
    return sql, {name: written for name, written in tables.items() if name in sql}


def _smaller_queries(sql: str) -> Iterator[str]:
    """Give queries without a part, or with a part in the place of what it stands in, the shortest first."""
    tree = sqlglot.parse_one(sql, read="bigquery")
    found = set()
    for place, node in enumerate(tree.walk()):
        if node.parent is None:
            continue
        around = node.parent.args[node.arg_key]
        needed = node.parent.arg_types.get(node.arg_key) if not isinstance(around, list) else len(around) == 1
        parts = [*range(len(list(node.iter_expressions()))), *([] if needed else [None])]
        for part in parts:
            copy = tree.copy()
            same = next(one for at, one in enumerate(copy.walk()) if at == place)
            if part is None:
                same.pop()
            else:
                same.replace(list(same.iter_expressions())[part].copy())
            with suppress(Exception):  # what cannot be written down
                found.add(copy.sql("bigquery"))
    yield from sorted((one for one in found if len(one) < len(sql)), key=len)
