"""Ties: rows that an order leaves side by side stand in the order of the columns that the query names.

So each query has one answer, and that is one of those that it may have as it is written. Which columns a SELECT names, in its
list and in what follows that, is known once all of it is compiled: until then a mark stands for the keys of an order.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from zlib import crc32

from flows.sql import types as t
from flows.sql.compile.in_bigquery import grouping_of, spell, spell_names
from flows.sql.compile.keys import FIRST_ROWS, GREATEST, WINDOWS, Key, Pick, Tied
from flows.sql.compile.windows import in_window
from flows.sql.types import quote

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from flows.sql.compile.scope import Scope
    from flows.sql.compile.value import Value

_ROW = quote("-row")
_MARK = re.compile(r'"-(?:order|pick)\d+_[0-9a-f]{8}"')


def mark(tied: Tied, scope: Scope) -> str:
    """Return what stands for the keys of an order until the SELECT is compiled."""
    text = repr((tied.decides, tied.keys, sorted(tied.alike), tied.over))
    written = quote(f"-order{scope.level}_{crc32(text.encode()):08x}")
    scope.tied[written] = tied
    return written


def pick(call: Pick, scope: Scope) -> str:
    """Return what stands for a call that takes one row by an order until the SELECT is compiled."""
    written = quote(f"-pick{scope.level}_{crc32(repr(call).encode()):08x}")
    scope.picks[written] = call
    return written


def settled(sql: str, scope: Scope, groups: Sequence[str] | None, *, several: bool) -> str:
    """Return a SELECT's SQL with the keys of its orders; `groups` is what it groups by, perhaps in several sets."""
    if not scope.tied:
        return sql
    of_groups = scope.aggregated or groups is not None
    placed = {(one.keys, one.alike) for one in scope.tied.values() if one.places}
    row_key = scope.row_key()
    rows: list[str] = []
    if len(placed) > 1 and not of_groups:
        # Rows that are equal in all that is named have to stand in the same order in all windows.
        sql, rows = _numbered(sql, scope) if row_key is None else (sql, sorted(row_key))
        if row_key is None:
            scope.context.untold += [(WINDOWS, use.node) for use in scope.uses if _places(use.order, scope)][:1]
    if scope.uses:
        spell_names(scope)
    texts: dict[str, str] = {}
    for written, one in scope.tied.items():
        if one.over and of_groups:
            further = list(groups or ())
            if several:
                sets = grouping_of(further, scope)
                scope.spelt |= sets
                further += sets
        else:
            named = scope.named if one.places else scope.within[one.over]
            known = {*one.alike, *(key.sql for key in one.keys)}
            told = [value for name, value in named.items() if name not in known and not value.same]
            told = _until_told_apart(told, known, row_key)
            scope.context.decides |= any(value.drifts for value in told)
            further = [value.sql for value in told]
            further += rows if one.places and row_key is not None else []
        spell(written, further, one, scope)
        keys = _all(one, [*further, *(rows if one.places and not of_groups else ())], scope)
        texts[written] = _written(one, keys, alone=len(placed) == 1)
        texts |= _picked({mark: call for mark, call in scope.picks.items() if call.order == written}, keys)
    return _filled(sql, texts)


def _places(order: str | None, scope: Scope) -> bool:
    return order in scope.tied and scope.tied[order].places


def _until_told_apart(told: list[Value], known: Collection[str], row_key: frozenset[str] | None) -> list[Value]:
    """Return as many of some columns as are needed to tell rows apart that are equal in what is known."""
    seen = set(known)
    for place, value in enumerate(told):
        if row_key is not None and row_key <= seen:
            return told[:place]
        seen.add(value.sql)
    return told


def _filled(sql: str, texts: Mapping[str, str]) -> str:
    """Return SQL with the texts that its marks stand for, which may hold others."""

    def text(found: re.Match[str]) -> str:
        mark = found[0]
        others = {other: text for other, text in texts.items() if other != mark}
        return _filled(texts[mark], others) if mark in texts else mark

    return _MARK.sub(text, sql)


def _all(tied: Tied, further: Sequence[str], scope: Scope) -> list[Key]:
    """Return the keys of an order and the further ones, as they may stand in it."""
    known = {*tied.alike, *(key.sql for key in tied.keys)}
    keys = [*tied.keys, *(Key(sql) for sql in dict.fromkeys(further) if sql not in known)]
    if not tied.over or tied.decides == GREATEST:
        return keys
    return [key._replace(sql=in_window(key.sql, scope)) for key in keys]


def _written(tied: Tied, keys: Sequence[Key], *, alone: bool) -> str:
    if tied.decides == GREATEST:
        first = keys[0].sql
        return f"CASE WHEN {first} IS NOT NULL THEN {_one(keys)} END" if len(keys) > 1 else first
    if tied.decides == FIRST_ROWS and alone and len(keys) > 1:
        # By one key, DuckDB finds the first rows without sorting all of them.
        return _one(keys)
    return ", ".join(f"{key.sql} {key.way}" for key in keys)


def _picked(calls: Mapping[str, Pick], keys: Sequence[Key]) -> dict[str, str]:
    """Return the SQL of the calls that take one row by the same keys.

    All of them say the same before they take their part of it, so that DuckDB looks for the row once. NULL and its place
    are told apart by a field of their own, since the order of a STRUCT's NULLs is not that of the keys.
    """
    # The order of a STRUCT takes 1 month for 30 days, and gives either of them back.
    shared = {mark: call for mark, call in calls.items() if call.type != t.INTERVAL}
    if len(keys) == 1 or not shared:
        return {mark: call.alone for mark, call in calls.items()}
    first, *further = (key.sql for key in keys)
    fields: dict[str, str] = {}
    parts = []
    for value in dict.fromkeys((first, *further, *(call.value for call in shared.values()))):
        fields[value] = f"v{len(fields)}"
        parts += [f"n{fields[value]} := {value} IS NOT NULL"] if value in further else []
        parts.append(f"{fields[value]} := {value}")
    # It takes -0.0 for 0.0 too.
    inexact = dict.fromkeys(call.value for call in shared.values() if call.type == t.FLOAT64)
    parts += [f"z{fields[value]} := {value} = 0 AND signbit({value})" for value in inexact]
    row = f"CASE WHEN {first} IS NOT NULL THEN struct_pack({', '.join(parts)}) END"
    texts = {mark: call.alone for mark, call in calls.items()}
    for mark, call in shared.items():
        found = f"{'max' if call.greatest else 'min'}({row})"
        field = fields[call.value]
        taken = f"struct_extract({found}, '{field}')"
        if call.value in inexact:
            taken = f"CASE WHEN struct_extract({found}, 'z{field}') THEN CAST('-0.0' AS DOUBLE) ELSE {taken} END"
        texts[mark] = taken
    return texts


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
