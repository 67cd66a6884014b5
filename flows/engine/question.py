"""The one query by which the ledger is asked for all that plans of tables need."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Literal, get_args

from flows.warehouses.interface import ledger_shard

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping, Sequence

Warning_ = Literal["unread"]
"""Kinds of warnings of which a run says what is new."""


def question(names: Sequence[str], upstreams: Container[str] | None) -> tuple[str, dict[str, object]]:
    """Return one query for all that the ledger says of tables, and its parameters."""
    places = {name: f"@table_{place}" for place, name in enumerate(names)}
    read_by_others = places if upstreams is None else {name: places[name] for name in names if name in upstreams}
    commits = _entries(
        "window_start, window_end, code_version, began, upstreams, source_behind, committed_at, copied, generation,"
        " git_commit",
        places,
    )
    turns = (
        "SELECT table_name, generation, IF(kind = 'swap', ROW_NUMBER() OVER (PARTITION BY table_name, kind"
        f" ORDER BY version DESC), 0) AS place FROM {_entries('generation', places)} AS turn"
        " WHERE kind IN ('swap', 'abandon')"
    )
    ends = (
        "SELECT table_name, MAX(IF(place = 1, generation, NULL)) AS seen, MAX(generation) AS newest"
        f" FROM ({turns}) AS turn GROUP BY table_name"
    )
    # Of a generation that readers see no longer it is enough to know that it was.
    lasts = (
        "(kind NOT IN ('commit', 'part', 'accept') OR COALESCE(generation, 0) = COALESCE(seen, 0)"
        " OR generation > COALESCE(newest, 0) OR (kind = 'accept' AND COALESCE(generation, 0) = 0))"
    )
    tries, warnings = _entries("window_start, window_end, committed_at", places), _entries("warnings", places)
    kinds = ", ".join(f"'{kind}'" for kind in get_args(Warning_))
    asked = [
        (
            "SELECT 'entry' AS part, table_name, kind, window_start, window_end, version, code_version, began,"
            " upstreams, source_behind, CAST(NULL AS STRING) AS subject,"
            f" committed_at, copied, generation, git_commit FROM {commits} AS e LEFT JOIN ({ends}) AS ends"
            f" USING (table_name) WHERE kind <> 'failure' AND {lasts} QUALIFY ROW_NUMBER() OVER (PARTITION BY"
            " table_name, kind, window_start, window_end, code_version, generation ORDER BY version DESC) = 1"
        ),
        (
            "SELECT 'failure', table_name, kind, window_start, window_end, MAX(version), NULL, CAST(NULL AS TIMESTAMP),"
            f" NULL, NULL, NULL, MAX(committed_at), NULL, NULL, NULL FROM {tries} WHERE kind = 'failure'"
            " GROUP BY table_name, kind, window_start, window_end"
        ),
        (
            "SELECT 'warning', table_name, w.kind, NULL, NULL, MAX(version), NULL, CAST(NULL AS TIMESTAMP), NULL,"
            f" NULL, w.subject, CAST(NULL AS TIMESTAMP), NULL, NULL, NULL FROM {warnings} AS e, UNNEST(warnings) AS w"
            f" WHERE e.kind IN ('commit', 'part') AND ARRAY_LENGTH(warnings) > 0 AND w.kind IN ({kinds})"
            " GROUP BY table_name, w.kind, w.subject"
        ),
    ]
    if read_by_others:
        asked.append(
            "SELECT 'touch', table_name, NULL, t.range_start, t.range_end, MAX(version), NULL, MAX(committed_at), NULL,"
            " NULL, NULL, CAST(NULL AS TIMESTAMP), NULL, NULL, NULL"
            f" FROM {_entries('committed_at, touched', read_by_others)} AS e,"
            " UNNEST(touched) AS t WHERE kind <> 'failure'"
            " GROUP BY table_name, kind = 'trim', t.range_start, t.range_end"
        )
    return " UNION ALL ".join(asked), {f"table_{place}": name for place, name in enumerate(names)}


def _entries(columns: str, places: Mapping[str, str]) -> str:
    """GoogleSQL for all entries of the tables whose names stand in parameters.

    It is written anew for each question: what stands in a WITH would be kept as a whole first.
    """
    by_shard: dict[str, list[str]] = defaultdict(list)
    for name, place in places.items():
        by_shard[shard(name)].append(place)
    every = " UNION ALL ".join(
        f"SELECT table_name, kind, version, {columns} FROM {shard} WHERE table_name IN ({', '.join(ours)})"
        for shard, ours in sorted(by_shard.items())
    )
    return f"({every})"


def shard(name: str) -> str:
    """Return the table that holds a table's entries."""
    return f"platform.{ledger_shard(name)}"


def shards(names: Iterable[str]) -> set[str]:
    """Return those of several tables."""
    return {shard(name) for name in names}
