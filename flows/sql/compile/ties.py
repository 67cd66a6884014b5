"""Ties: rows that an order leaves side by side stand in the order of the columns that the query names.

So each query has one answer, and that is one of those that it may have as it is written. Which columns a SELECT names, in its
list and in what follows that, is known once all of it is compiled: until then a mark stands for the keys of an order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from zlib import crc32

from flows.sql.compile.keys import FIRST_ROWS, GREATEST, Key, Tied
from flows.sql.once import steady
from flows.sql.types import quote

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flows.sql.compile.scope import Scope

_ROW = quote("-row")


def mark(tied: Tied, scope: Scope) -> str:
    """Return what stands for the keys of an order until the SELECT is compiled."""
    text = repr((tied.decides, tied.keys, sorted(tied.alike), tied.over))
    written = quote(f"-order{scope.level}_{crc32(text.encode()):08x}")
    scope.tied[written] = tied
    return written


def settled(sql: str, scope: Scope, groups: Sequence[str] | None, *, several: bool) -> str:
    """Return a SELECT's SQL with the keys of its orders; `groups` is what it groups by, perhaps in several sets."""
    if not scope.tied:
        return sql
    of_groups = scope.aggregated or groups is not None
    placed = {(one.keys, one.alike) for one in scope.tied.values() if one.places}
    rows: list[str] = []
    if len(placed) > 1 and not of_groups:
        # Rows that are equal in all that is named have to stand in the same order in all windows.
        sql, rows = _numbered(sql, scope)
    # The keys of what was found later may hold the marks of what was found before.
    for written, one in reversed(scope.tied.items()):
        if one.over and of_groups:
            further = list(groups or ())
            further += [f"grouping_id({', '.join(dict.fromkeys(further))})"] if several else []
        else:
            named = scope.named if one.places else scope.within
            known = {*one.alike, *(key.sql for key in one.keys)}
            told = [value for name, value in named.items() if name not in known and not value.same]
            scope.context.decides |= any(value.drifts for value in told)
            further = [value.sql for value in told]
        sql = sql.replace(written, _keys(one, [*further, *(rows if one.places else ())], alone=len(placed) == 1))
    return sql


def _keys(tied: Tied, further: Sequence[str], *, alone: bool) -> str:
    known = {*tied.alike, *(key.sql for key in tied.keys)}
    added = [Key(sql) for sql in dict.fromkeys(further) if sql not in known]
    keys = [
        key._replace(sql=steady(key.sql)) if tied.over and tied.decides != GREATEST else key
        for key in (*tied.keys, *added)
    ]
    if tied.decides == GREATEST:
        first = keys[0].sql
        return f"CASE WHEN {first} IS NOT NULL THEN {_one(keys)} END" if added else first
    if tied.decides == FIRST_ROWS and alone and len(keys) > 1:
        # By one key, DuckDB finds the first rows without sorting all of them.
        return _one(keys)
    return ", ".join(f"{key.sql} {key.way}" for key in keys)


def _one(keys: Sequence[Key]) -> str:
    """Return several keys as one."""
    listed = ", ".join(f"{key.sql}, '{key.way}'" for key in keys)
    return f"create_sort_key({listed})"


def _numbered(sql: str, scope: Scope) -> tuple[str, list[str]]:
    """Return a SELECT's SQL whose items of FROM have a number for each row, and the names of these."""
    numbers = []
    for written, has_rowid in scope.sources.items():
        own = written.rpartition(" AS ")[2]
        numbers.append(f"{own}.{'rowid' if has_rowid else _ROW}")
        if not has_rowid:
            source = written.removeprefix("LATERAL ")
            lateral = written[: len(written) - len(source)]
            sql = sql.replace(written, f"{lateral}(SELECT *, row_number() OVER () AS {_ROW} FROM {source}) AS {own}", 1)
    return sql, numbers
