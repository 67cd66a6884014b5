"""What a publish must know before it: the staged rows, and what the table and its ledger hold meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING, Any

from flows.warehouses.bigquery import ledger, quarantine
from flows.warehouses.bigquery.types import parameter, quote
from flows.warehouses.interface import owner_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flows.model.entry import Touched
    from flows.warehouses.bigquery.target import Target
    from flows.warehouses.bigquery.types import Parameter
    from flows.warehouses.interface import Written


@dataclass(frozen=True)
class Look:
    """A table as one script saw it."""

    version: int
    """The table's version before all else was read: it was this or newer."""
    newest: Mapping[str, Any] | None
    """The newest commit, or part of a first copy, that overlaps the window; or reset, where that is in the way."""
    quarantined: int
    """Bad rows of the table that are known."""
    rows: int
    """Rows that are staged."""
    facts: Mapping[str, Any]
    """What else the strategy asked."""
    bytes: int
    """Bytes that were read for it."""


@dataclass(frozen=True)
class Change:
    """What a publish does to a table."""

    statements: tuple[str, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    touched: tuple[Touched, ...] = ()


def look(  # noqa: PLR0913 - what is asked, and of what
    target: Target,
    staged: str,
    asked: Mapping[str, str],
    first: str = "",
    written: Written | None = None,
    *,
    adds: bool = False,
) -> Look:
    """Ask once for all that a publish depends on.

    Args:
        target: the table and window.
        staged: the staged rows, as GoogleSQL in a FROM clause.
        asked: what the strategy wants to know: expressions by name.
        first: a statement that makes the staged rows, where they are made by SQL.
        written: what a person wrote of that.
        adds: whether they come beside the parts of a first copy, which must not have gone.
    """
    shard, overlap = ledger.shard_of(target.table.identity), "TRUE"
    if target.window is not None:
        overlap = "COALESCE(window_start < @window_end AND @window_start < window_end, TRUE)"
    rows = f"kind IN ('commit', 'part', 'trim', 'accept') AND {overlap} AND COALESCE(generation, 0) = @generation"
    turns = ["begin", "swap", "abandon", *(["reset"] if adds else [])]
    of_all = "kind = 'accept' AND COALESCE(generation, 0) = 0"
    rival = f"({rows} OR {of_all} OR kind IN ({', '.join(map(repr, turns))}))"
    wanted = {
        "version": "fence_version",
        "newest": (
            "(SELECT AS STRUCT version, kind, run_id, run_by, window_start, window_end, committed_at, `rows`, touched,"
            f" copied FROM {shard} WHERE table_name = @identity AND {rival} ORDER BY version DESC LIMIT 1)"
        ),
        "quarantined": (
            f"(SELECT COUNT(*) FROM {quarantine.shard_of(target.table.identity)} WHERE table_name = @holder)"
        ),
        "staged": f"(SELECT COUNT(*) FROM {staged})",
        **asked,
    }
    script = (
        "DECLARE fence_version INT64;\n"
        + (f"{first};\n" if first else "")
        + f"SET fence_version = (SELECT version FROM {ledger.fence_of(target.table.identity)});\n"
        + "SELECT\n  "
        + ",\n  ".join(f"{sql} AS {quote(name)}" for name, sql in wanted.items())
    )
    own = [
        parameter("identity", owner_of(target.table.identity)),
        parameter("holder", target.table.identity),
        parameter("generation", target.generation),
    ]
    result = target.run("stage" if first else "look", script, own, written)
    row = result.rows[0]
    newest = row["newest"]
    if newest is not None:
        bounds = {name: newest[name] and newest[name].astimezone(UTC) for name in ("window_start", "window_end")}
        newest = {**newest, **bounds}
    return Look(
        row["version"],
        newest,
        row["quarantined"],
        row["staged"],
        {name: row[name] for name in asked},
        result.bytes,
    )
