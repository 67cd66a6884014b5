"""What each window of a merge says of its keys, and the rows that are folded from it.

The parts of all windows stand in a table beside the public one, partitioned by the month of their window and clustered
by the key. A commit replaces those of its window and folds the keys anew that lost, changed or gained one, so that rows
which go, move or come late leave what one query over all windows' parts gives.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.cloud import bigquery

from flows.model.types import parse_type
from flows.warehouses.bigquery.jobs import RETRY, translated
from flows.warehouses.bigquery.target import EXPIRY
from flows.warehouses.bigquery.types import comparable, listed, quote, quote_table, schema_field, type_of
from flows.warehouses.interface import parts_of

if TYPE_CHECKING:
    from flows.model.table import Table
    from flows.warehouses.bigquery.jobs import Jobs
    from flows.warehouses.bigquery.target import Target

MOST_CLUSTERS = 4
_WITHIN = "window_start >= @window_start AND window_start < @window_end"


def create(jobs: Jobs, table: Table) -> None:
    """Make the table of parts, without any, where it is missing."""
    made = bigquery.Table(f"{jobs.settings.project}.{parts_of(table.identity)}", schema=_schema(table))
    made.time_partitioning = bigquery.TimePartitioning(type_="MONTH", field="window_start")
    made.clustering_fields = [_part(column) for column in table.key][:MOST_CLUSTERS]
    with translated(table.identity):
        jobs.client.create_table(made, exists_ok=True, retry=RETRY)


def is_fit(table: Table, present: bigquery.Table | None) -> bool:
    """Say whether a table of parts can hold those of a table."""
    wanted = {field.name.lower(): type_of(field) for field in _schema(table)}
    return present is not None and {field.name.lower(): type_of(field) for field in present.schema} == wanted


def _schema(table: Table) -> list[bigquery.SchemaField]:
    own = {"window_start": parse_type("TIMESTAMP"), "place": parse_type("INT64")}
    return [
        *(schema_field(name, type_, required=True) for name, type_ in own.items()),
        *(schema_field(_part(name), type_) for name, type_ in table.types.items()),
    ]


def window_keys(target: Target, staged: str) -> str:
    """SQL for the keys of which the window says something, or has said."""
    keys = target.table.key
    old = ", ".join(quote(_part(name)) for name in keys)
    return f"(SELECT {listed(keys)} FROM {staged} UNION ALL SELECT {old} FROM {_name(target.table)} WHERE {_WITHIN})"


def moved_keys(target: Target, staged: str) -> str:
    """Return the script that makes a table of the keys which lose, change or gain a part, and counts them."""
    table = target.table
    keys, values = [f"k{i}" for i in range(len(table.key))], [f"c{i}" for i in range(len(table.types))]

    def listing(prefix: str) -> str:
        own = [f"{quote(prefix + name)} AS k{i}" for i, name in enumerate(table.key)]
        compared = [comparable(type_, quote(prefix + name)) for name, type_ in table.types.items()]
        return ", ".join([*own, *(f"{value} AS c{i}" for i, value in enumerate(compared))])

    old = f"  UNION ALL SELECT {listing('v_')}, -1 FROM {_name(table)} WHERE {_WITHIN}\n"
    return (
        f"CREATE OR REPLACE TABLE {target.helping('moved')} {EXPIRY} AS\nSELECT DISTINCT {', '.join(keys)} FROM (\n"
        f"  SELECT {listing('')}, 1 AS is_new FROM {staged}\n{old}"
        f") GROUP BY {', '.join([*keys, *values])} HAVING SUM(is_new) <> 0;\n"
        f"SELECT COUNT(*) AS n FROM {target.helping('moved')}"
    )


def moved(target: Target) -> str:
    """SQL for those keys under their names."""
    named = ", ".join(f"k{i} AS {quote(name)}" for i, name in enumerate(target.table.key))
    return f"(SELECT {named} FROM {target.helping('moved')})"


def folded(target: Target, staged: str, same_key: str) -> str:
    """SQL for the row of each such key over all its parts, and whether it has none and `is-gone`.

    `same_key` is the condition that a row `old-row` of parts and one, `new-row`, of the keys have one key.
    """
    table = target.table
    others = f"SELECT {listed(_columns(table))} FROM {_name(table)} WHERE NOT ({_WITHIN}) UNION ALL "
    keys = [f"`new-row`.k{i}" for i in range(len(table.key))]
    columns = [keys[table.key.index(name)] if name in table.key else _combined(table, name) for name in table.types]
    named = ", ".join(f"{value} AS {quote(name)}" for name, value in zip(table.types, columns, strict=True))
    return (
        f"(SELECT {named}, COUNT(`old-row`.window_start) = 0 AS `is-gone`\n"
        f"FROM {target.helping('moved')} AS `new-row`\n"
        f"LEFT JOIN ({others}{_numbered(table, staged)}) AS `old-row` ON {same_key}\nGROUP BY {', '.join(keys)})"
    )


def statements(target: Target, staged: str) -> list[str]:
    """Return the statements that replace the parts of the window."""
    table = target.table
    return [
        f"DELETE FROM {_name(table)} WHERE {_WITHIN}",
        f"INSERT INTO {_name(table)} ({listed(_columns(table))}) {_numbered(table, staged)}",
    ]


def _columns(table: Table) -> list[str]:
    return ["window_start", "place", *(_part(name) for name in table.types)]


def _name(table: Table) -> str:
    return quote_table(parts_of(table.identity))


def _numbered(table: Table, staged: str) -> str:
    """SQL for parts as they are kept; those of one key and window each with its place among them."""
    place = "1"
    if not set(table.types) - {*table.key, *table.merge}:
        row = f"TO_JSON_STRING(STRUCT({listed(table.types)}))"
        place = f"ROW_NUMBER() OVER (PARTITION BY {listed(table.key)} ORDER BY {row})"
    values = ", ".join(f"{quote(name)} AS {quote(_part(name))}" for name in table.types)
    return f"SELECT @window_start AS window_start, {place} AS place, {values} FROM {staged}"


def _combined(table: Table, name: str) -> str:
    """SQL for a column of a row, by its rule."""
    part = f"`old-row`.{quote(_part(name))}"
    rule, window, place = table.merge.get(name), "`old-row`.window_start", "`old-row`.place"
    by = f"`old-row`.{quote(_part(table.latest_by or ''))}"
    match rule:
        case "latest":
            order = f"{by} IS NOT NULL DESC, {by} DESC, {window} DESC, {place} DESC"
        case "earliest":
            order = f"{by} IS NOT NULL DESC, {by}, {window}, {place} DESC"
        case None:
            order = f"{window} DESC"
        case _:
            return f"{rule.upper()}({part})"
    return f"ARRAY_AGG(STRUCT({part} AS v) ORDER BY {order} LIMIT 1)[OFFSET(0)].v"


def _part(name: str) -> str:
    return f"v_{name}"
