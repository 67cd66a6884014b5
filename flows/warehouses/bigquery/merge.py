"""The staged rows of a merge table are added to it, or take the place of rows of the same key.

A DELETE or MERGE reads only partitions that constants name, never those that a join would. So a first query, of the
keys and the partition column alone, finds in which partitions the staged keys stand; a row whose partition column has
moved is there too.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from flows.model.errors import CheckFailedError
from flows.model.window import END, Size, Window
from flows.model.window import merge as join_ranges
from flows.warehouses.bigquery import parts
from flows.warehouses.bigquery.drift import differ
from flows.warehouses.bigquery.look import Change, Look
from flows.warehouses.bigquery.target import EXPIRY, bound
from flows.warehouses.bigquery.types import comparable, listed, parameter, quote
from flows.warehouses.bigquery.units import touched, truncated, unit_of
from flows.warehouses.interface import every_row, no_row, owner_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flows.model.table import Table
    from flows.warehouses.bigquery.target import Target
    from flows.warehouses.bigquery.types import Parameter

SHOWN_KEYS = 5
MOST_RANGES = 200
"""Ranges of partitions that one statement names; of more, those with the smallest gaps between them are joined."""


def asked(target: Target, staged: str) -> dict[str, str]:
    """Return what to ask: which parts of the key may be NULL, and how many rows share theirs with another."""
    key = target.table.key
    nulls = ", ".join(f"COALESCE(LOGICAL_OR({quote(name)} IS NULL), FALSE) AS k{i}" for i, name in enumerate(key))
    keys = parts.window_keys(target, staged) if target.table.is_folded else staged
    return {"nulls": f"(SELECT AS STRUCT {nulls} FROM {keys})", "surplus": surplus(target, staged)}


def surplus(target: Target, staged: str) -> str:
    """SQL for how many rows share their key with another."""
    shared = f"SELECT COUNT(*) AS `same-key` FROM {staged} GROUP BY {listed(target.table.key)}"
    return f"(SELECT COALESCE(SUM(`same-key` - 1), 0) FROM ({shared}))"


def tied(target: Target, staged: str, seen: Look) -> int:
    """Return how many rows of a source are as late as another of their key, and have other values."""
    table = target.table
    if table.source is None or not seen.facts["surplus"]:
        return 0
    keys, cursor = listed(table.key), quote(table.source.cursor or table.key[0])
    latest = f"SELECT * FROM {staged} WHERE TRUE QUALIFY RANK() OVER (PARTITION BY {keys} ORDER BY {cursor} DESC) = 1"
    different = f"COUNT(DISTINCT TO_JSON_STRING(STRUCT({target.columns}))) AS `same-key`"
    counted = f"SELECT {different} FROM ({latest}) GROUP BY {keys}"
    return int(target.run("tied", f"SELECT COALESCE(SUM(`same-key` - 1), 0) AS n FROM ({counted})").rows[0]["n"])


def settled(target: Target, staged: str, seen: Look) -> str:
    """Return staged rows with one row for each key, or refuse rows that cannot be told apart."""
    table, keys = target.table, listed(target.table.key)
    if not seen.facts["surplus"]:
        return staged
    if table.source is not None:
        return _latest(target, staged)
    if table.is_bounded or set(table.types) - {*table.key, *table.merge}:
        twice = target.run(
            "twice", f"SELECT {keys} FROM {staged} GROUP BY {keys} HAVING COUNT(*) > 1 LIMIT {SHOWN_KEYS}"
        ).rows
        names = ", ".join(table.key)
        shown = "\n".join("  " + ", ".join(map(str, row.values())) for row in twice)
        raise CheckFailedError(
            f"{owner_of(table.identity)}: the window {target.window} gives several rows of one key ({names}), as\n"
            f"{shown}\n"
            f"GROUP BY {names} in the SQL, so that each key has one row."
        )
    return staged


def change(target: Target, staged: str, seen: Look, drifting: Sequence[str], *, adds: bool) -> Change:
    """Return what writes the rows that differ from those of the same key."""
    table = target.table
    statements, incoming, keys = [], staged, staged
    if table.is_folded:
        found = target.run("moved", parts.moved_keys(target, staged)).rows
        if not found[0]["n"]:
            return Change()
        keys = parts.moved(target)
        of_parts = _same_key(table, seen, [f"`new-row`.k{i}" for i in range(len(table.key))], "v_")
        incoming = parts.folded(target, staged, of_parts)
        statements = parts.statements(target, staged)
    places, parameters = _places(target, keys, seen)
    units = _delta(target, incoming, seen, drifting, (places, parameters), adds=adds)
    delta = target.helping("delta")
    same_key = _same_key(table, seen, [f"`new-row`.v{i}" for i in _key_places(table)])
    if any(unit["is_change"] for unit in units):
        statements.append(
            f"DELETE FROM {target.name} AS `old-row` WHERE {places}"
            f" AND EXISTS (SELECT 1 FROM {delta} AS `new-row` WHERE `new-row`.is_change AND {same_key})"
        )
    if units:
        values = ", ".join(f"v{i}" for i in range(len(table.types)))
        statements.append(
            f"INSERT INTO {target.name} ({target.columns}) SELECT {values} FROM {delta} WHERE NOT is_gone"
        )
    return Change(tuple(statements), tuple(parameters), touched(table, target.window, units))


def _places(target: Target, staged: str, seen: Look) -> tuple[str, list[Parameter]]:
    """Return the condition, by constants, that a row stands in a partition that holds one of the staged keys."""
    table = target.table
    if table.partition is None or table.partition_type is None:
        return "TRUE", []
    by = table.partition.by
    same_key = _same_key(table, seen, [f"`new-row`.{quote(name)}" for name in table.key])
    start = truncated(table, by.upper(), "`old-row`.")
    rows = target.run(
        "places",
        f"SELECT DISTINCT {start} AS place FROM {target.name} AS `old-row` JOIN {staged} AS `new-row` ON {same_key}"
        + (f" WHERE {every_row(table, '`old-row`.')}" if table.partition.require_filter else ""),
    ).rows
    known = [row["place"].astimezone(UTC) for row in rows if row["place"] is not None]
    size, column = Size(1, by), f"`old-row`.{quote(table.partition.column)}"
    ranges = _few(join_ranges(Window(place, _after(size, place)) for place in known))
    conditions = [f"{column} IS NULL"] if len(known) < len(rows) else []
    parameters = []
    for i, span in enumerate(ranges):
        bounds = [("place_start", ">=", span.start), ("place_end", "<", span.end)]
        conditions.append(
            "(" + " AND ".join(f"{column} {sign} @{name}_{i}" for name, sign, _ in bounds[: 1 + (span.end < END)]) + ")"
        )
        for name, _, moment in bounds:
            parameters.append(parameter(f"{name}_{i}", bound(table.partition_type, moment), table.partition_type))
    return f"({' OR '.join(conditions) or no_row(table, '`old-row`.')})", parameters


def _delta(  # noqa: PLR0913 - what a row is held against, and how
    target: Target,
    incoming: str,
    seen: Look,
    drifting: Sequence[str],
    among: tuple[str, Sequence[Parameter]],
    *,
    adds: bool,
) -> list[dict[str, Any]]:
    """Make the table of the rows to write; return the hours or days that they touch."""
    table, (places, parameters) = target.table, among
    same_key = _same_key(table, seen, [f"`new-row`.{quote(name)}" for name in table.key])
    old_rows = f"(SELECT `old-row`.*, TRUE AS `is-there` FROM {target.name} AS `old-row` WHERE {places})"
    old, new = "`old-row`.", "`new-row`."
    values = {name: type_ for name, type_ in table.types.items() if name not in table.key}
    differs = " OR ".join(
        differ(type_, old + quote(name), new + quote(name), drifts=name in drifting) for name, type_ in values.items()
    )
    cursor = table.source.cursor if table.source else None
    newer = f"COALESCE({old}{quote(cursor)} > {new}{quote(cursor)}, FALSE)" if cursor else "FALSE"
    if adds and cursor:
        newer = _is_before(table, [cursor, *table.types], old, new)
    written = ", ".join(f"{new}{quote(name)} AS v{i}" for i, name in enumerate(table.types))
    delta, gone = target.helping("delta"), "`new-row`.`is-gone`" if table.is_folded else "FALSE"
    script = (
        f"CREATE OR REPLACE TABLE {delta} {EXPIRY} AS\nSELECT {written},"
        f" `old-row`.`is-there` IS NOT NULL AS is_change, {gone} AS is_gone, {unit_of(table, old)} AS old_unit,"
        f" {unit_of(table, new)} AS new_unit\n"
        f"FROM {incoming} AS `new-row`\n"
        f"LEFT JOIN {old_rows} AS `old-row` ON {same_key}\n"
        f"WHERE IF({gone}, `old-row`.`is-there`, `old-row`.`is-there` IS NULL"
        f" OR (({differs or 'FALSE'}) AND NOT {newer}));\n"
        "SELECT unit_start, LOGICAL_OR(was_there) AS is_change FROM (\n"
        f"  SELECT new_unit AS unit_start, is_change AS was_there FROM {delta} WHERE NOT is_gone\n"
        f"  UNION ALL SELECT old_unit, TRUE FROM {delta} WHERE is_change\n"
        ") GROUP BY unit_start"
    )
    return target.run("delta", script, parameters).rows


def _latest(target: Target, staged: str) -> str:
    """Of several rows of one key the latest by the cursor; of equal ones the greatest."""
    table = target.table
    cursor = [table.source.cursor] if table.source and table.source.cursor else []
    order = ", ".join(f"{comparable(table.types[name], quote(name))} DESC" for name in (*cursor, *table.types))
    return (
        f"(SELECT {target.columns} FROM {staged} WHERE TRUE"
        f" QUALIFY ROW_NUMBER() OVER (PARTITION BY {listed(table.key)} ORDER BY {order}) = 1)"
    )


def _is_before(table: Table, names: Sequence[str], old: str, new: str) -> str:
    """SQL for whether an old row comes before a new one where `_latest` sorts them."""
    before = "FALSE"
    for name in reversed(names):
        one, other = (comparable(table.types[name], f"{row}{quote(name)}") for row in (old, new))
        before = f"IF({one} IS DISTINCT FROM {other}, COALESCE({one} > {other}, {other} IS NULL), {before})"
    return before


def _same_key(table: Table, seen: Look, new: Sequence[str], prefix: str = "") -> str:
    """Return the condition that rows of the table and of others have one key; `new` are its parts in those.

    Columns of the table may have a prefix.

    Only equality lets BigQuery find them by a hash. Where a staged part is NULL it is that of texts, in which NULL is
    a text like any other.
    """
    pairs = [(f"`old-row`.{quote(prefix + name)}", part) for name, part in zip(table.key, new, strict=True)]
    return " AND ".join(
        f"TO_JSON_STRING(STRUCT({old} AS k)) = TO_JSON_STRING(STRUCT({part} AS k))" if has_null else f"{old} = {part}"
        for (old, part), has_null in zip(pairs, seen.facts["nulls"].values(), strict=True)
    )


def _key_places(table: Table) -> list[int]:
    names = list(table.types)
    return [names.index(name) for name in table.key]


def _few(ranges: list[Window]) -> list[Window]:
    """Join the ranges with the smallest gaps between them, until a statement can name all."""
    if len(ranges) <= MOST_RANGES:
        return ranges
    gaps = sorted(range(1, len(ranges)), key=lambda i: ranges[i].start - ranges[i - 1].end, reverse=True)
    cuts = sorted(gaps[: MOST_RANGES - 1])
    bounds = zip([0, *cuts], [*cuts, len(ranges)], strict=True)
    return [Window(ranges[first].start, ranges[after - 1].end) for first, after in bounds]


def _after(size: Size, place: datetime) -> datetime:
    """Return the end of a partition; of the calendar's last one, the calendar's."""
    try:
        return size.next(place)
    except (OverflowError, ValueError):
        return END
