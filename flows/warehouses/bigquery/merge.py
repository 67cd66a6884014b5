"""The staged rows of a merge table are added to it, or take the place of rows of the same key.

A DELETE or MERGE reads only partitions that constants name, never those that a join would. So a first query, of the
keys and the partition column alone, finds in which partitions the staged keys stand; a row whose partition column has
moved is there too.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from flows.model.errors import CheckFailedError, WarehouseError
from flows.model.window import END, Size, Window
from flows.model.window import merge as join_ranges
from flows.warehouses.bigquery import ledger, replace
from flows.warehouses.bigquery.drift import differ
from flows.warehouses.bigquery.look import Change, Look
from flows.warehouses.bigquery.target import EXPIRY, bound
from flows.warehouses.bigquery.types import comparable, listed, parameter, quote
from flows.warehouses.bigquery.units import touched, truncated, unit_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flows.model.table import Table
    from flows.warehouses.bigquery.target import Target
    from flows.warehouses.bigquery.types import Parameter

SHOWN_KEYS = 5
MOST_RANGES = 200
"""Ranges of partitions that one statement names; of more, those with the smallest gaps between them are joined."""


def owns_rows(table: Table) -> bool:
    """Say whether a key belongs to one window: it contains the partition column."""
    return table.partition is not None and table.partition.column in table.key


def asked(target: Target, staged: str, *, start_over: bool) -> dict[str, str]:
    """Return what to ask: which parts of the key may be NULL, and how many rows share theirs with another.

    Where a copy is to start over, also whether it is of all that was copied, and in which hours or days it differs.
    """
    key = target.table.key
    again = {}
    if start_over and target.table.source is not None:
        again = {**replace.asked(target, _latest(target, staged)), "others": _others(target)}
    nulls = ", ".join(f"COALESCE(LOGICAL_OR({quote(name)} IS NULL), FALSE) AS k{i}" for i, name in enumerate(key))
    shared = f"SELECT COUNT(*) AS n FROM {staged} GROUP BY {listed(key)}"
    return {
        "nulls": f"(SELECT AS STRUCT {nulls} FROM {staged})",
        "surplus": f"(SELECT COALESCE(SUM(n - 1), 0) FROM ({shared}))",
        **again,
    }


def _others(target: Target) -> str:
    """SQL for whether windows are committed that do not lie in this one."""
    if target.window is None:
        return "FALSE"
    return (
        f"EXISTS (SELECT 1 FROM {ledger.shard_of(target.table.identity)} WHERE table_name = @identity"
        " AND kind = 'commit' AND (window_start >= @window_start AND window_end <= @window_end) IS NOT TRUE)"
    )


def settled(target: Target, staged: str, seen: Look) -> str:
    """Return staged rows with one row for each key, or refuse rows that cannot be told apart."""
    table, keys = target.table, listed(target.table.key)
    if not seen.facts["surplus"]:
        return staged
    if table.source is not None:
        return _latest(target, staged)
    if owns_rows(table) or not table.merge:
        twice = target.run(
            "twice", f"SELECT {keys} FROM {staged} GROUP BY {keys} HAVING COUNT(*) > 1 LIMIT {SHOWN_KEYS}"
        ).rows
        names = ", ".join(table.key)
        shown = "\n".join("  " + ", ".join(map(str, row.values())) for row in twice)
        raise CheckFailedError(
            f"{table.identity}: the window {target.window} gives several rows of one key ({names}), as\n"
            f"{shown}\n"
            f"GROUP BY {names} in the SQL, so that each key has one row."
        )
    return staged


def change(  # noqa: PLR0913 - what a publish depends on
    target: Target, staged: str, seen: Look, drifting: Sequence[str], *, start_over: bool, redefined: bool
) -> Change:
    """Return what writes the rows that differ from those of the same key.

    Rows of another definition are not merged with those of this one, from which nobody could tell them.
    """
    table = target.table
    if redefined and table.source is not None and not start_over:
        _refuse_twice(target)
    if start_over and table.source is not None and not redefined and not seen.facts["others"]:
        return replace.change(target, staged, seen)
    start_over = start_over or (redefined and table.sql is not None)
    places, parameters = ("FALSE", []) if start_over else _places(target, staged, seen)
    units = _delta(target, staged, seen, drifting, (places, parameters))
    delta = target.helping("delta")
    same_key = _same_key(table, seen, [f"`new-row`.v{i}" for i in _key_places(table)])
    statements = []
    if start_over:
        statements.append(f"TRUNCATE TABLE {target.name}")
    elif any(unit["is_change"] for unit in units):
        statements.append(
            f"DELETE FROM {target.name} AS `old-row` WHERE {places}"
            f" AND EXISTS (SELECT 1 FROM {delta} AS `new-row` WHERE `new-row`.is_change AND {same_key})"
        )
    if units:
        values = ", ".join(f"v{i}" for i in range(len(table.types)))
        statements.append(f"INSERT INTO {target.name} ({target.columns}) SELECT {values} FROM {delta}")
    return Change(tuple(statements), tuple(parameters), touched(table, target.window, units), start_over)


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
        f"SELECT DISTINCT {start} AS place FROM {target.name} AS `old-row` JOIN {staged} AS `new-row` ON {same_key}",
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
    return f"({' OR '.join(conditions) or 'FALSE'})", parameters


def _delta(
    target: Target, staged: str, seen: Look, drifting: Sequence[str], among: tuple[str, Sequence[Parameter]]
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
    written = ", ".join(f"{new}{quote(name)} AS v{i}" for i, name in enumerate(table.types))
    delta = target.helping("delta")
    script = (
        f"CREATE OR REPLACE TABLE {delta} {EXPIRY} AS\nSELECT {written},"
        f" `old-row`.`is-there` IS NOT NULL AS is_change, {unit_of(table, old)} AS old_unit,"
        f" {unit_of(table, new)} AS new_unit\n"
        f"FROM {_incoming(target, staged, places, same_key)} AS `new-row`\n"
        f"LEFT JOIN {old_rows} AS `old-row` ON {same_key}\n"
        f"WHERE `old-row`.`is-there` IS NULL OR (({differs or 'FALSE'}) AND NOT {newer});\n"
        "SELECT unit_start, LOGICAL_OR(was_there) AS is_change FROM (\n"
        f"  SELECT new_unit AS unit_start, is_change AS was_there FROM {delta}\n"
        f"  UNION ALL SELECT old_unit, TRUE FROM {delta} WHERE is_change\n"
        ") GROUP BY unit_start"
    )
    return target.run("delta", script, parameters).rows


def _incoming(target: Target, staged: str, places: str, same_key: str) -> str:
    """SQL for the row that each staged key shall have."""
    table = target.table
    if not table.merge:
        return staged
    combined = ", ".join(_combined(table, name) for name in table.types)
    return (
        f"(SELECT {combined} FROM (SELECT {target.columns} FROM {staged} UNION ALL"
        f" SELECT {target.columns} FROM {target.name} AS `old-row` WHERE {places}"
        f" AND EXISTS (SELECT 1 FROM {staged} AS `new-row` WHERE {same_key})) AS `both-rows`"
        f" GROUP BY {', '.join(f'`both-rows`.{quote(name)}' for name in table.key)})"
    )


def _combined(table: Table, name: str) -> str:
    """SQL for a column of the row that a key shall have.

    Values that are equally late compare by themselves, so that windows may commit in any order.
    """
    rule, column = table.merge.get(name), f"`both-rows`.{quote(name)}"
    if rule is None:
        return f"{column} AS {quote(name)}"
    if rule != "latest":
        return f"{rule.upper()}({column}) AS {quote(name)}"
    latest = [other for other, its_rule in sorted(table.merge.items()) if its_rule == "latest"]
    order = [name for name in (table.latest_by,) if name] + latest
    by = f"`both-rows`.{quote(order[0])}"
    rest = ", ".join(
        f"{value} IS NULL DESC, {value} DESC"
        for value in (comparable(table.types[other], f"`both-rows`.{quote(other)}") for other in order[1:])
    )
    return (
        f"ARRAY_AGG(STRUCT({column} AS v) ORDER BY {by} IS NOT NULL DESC, {by} DESC, {rest} LIMIT 1)[OFFSET(0)].v"
        f" AS {quote(name)}"
    )


def _latest(target: Target, staged: str) -> str:
    """Of several rows of one key the latest by the cursor; of equal ones the greatest."""
    table = target.table
    cursor = [table.source.cursor] if table.source and table.source.cursor else []
    order = ", ".join(f"{comparable(table.types[name], quote(name))} DESC" for name in (*cursor, *table.types))
    return (
        f"(SELECT {target.columns} FROM {staged} WHERE TRUE"
        f" QUALIFY ROW_NUMBER() OVER (PARTITION BY {listed(table.key)} ORDER BY {order}) = 1)"
    )


def _same_key(table: Table, seen: Look, new: Sequence[str]) -> str:
    """Return the condition that rows of the table and of others have one key; `new` are its parts in those.

    Only equality lets BigQuery find them by a hash. Where a staged part is NULL it is that of texts, in which NULL is
    a text like any other.
    """
    pairs = [(f"`old-row`.{quote(name)}", part) for name, part in zip(table.key, new, strict=True)]
    return " AND ".join(
        f"TO_JSON_STRING(STRUCT({old} AS k)) = TO_JSON_STRING(STRUCT({part} AS k))" if has_null else f"{old} = {part}"
        for (old, part), has_null in zip(pairs, seen.facts["nulls"].values(), strict=True)
    )


def _key_places(table: Table) -> list[int]:
    names = list(table.types)
    return [names.index(name) for name in table.key]


def _refuse_twice(target: Target) -> None:
    """Raise WarehouseError where rows of another definition share a key, which would from now on name one row."""
    table, keys = target.table, listed(target.table.key)
    twice = target.run("twice", f"SELECT {keys} FROM {target.name} GROUP BY {keys} HAVING COUNT(*) > 1 LIMIT 1").rows
    if twice:
        raise WarehouseError(
            f"{table.identity}: rows copied before, under another definition, share the key ({', '.join(table.key)}), "
            f"such as {', '.join(map(str, twice[0].values()))}. Name more columns in `key`, or drop the table "
            f"({table.identity}) in the warehouse, so that it is copied again."
        )


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
