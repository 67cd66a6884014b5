"""What a window's PARTITION BY and ORDER BY are made of in DuckDB."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.sql.once import steady
from flows.sql.types import quote

if TYPE_CHECKING:
    from flows.sql.compile.scope import Scope


def in_window(sql: str, scope: Scope) -> str:
    """Return SQL as PARTITION BY and ORDER BY of a window may have it: without errors, of which DuckDB takes none there."""
    if sql.startswith("grouping_id(") or steady(sql) == sql:
        return sql
    # DuckDB finds a group again by its own SQL alone: in GROUPING as it stands, elsewhere as what its rows have in common.
    kept: dict[str, str] = {}
    for place, group in enumerate(sorted({*(scope.groups or {}).values()}, key=len, reverse=True)):
        if group in sql and steady(group) != group:
            common = (
                f"min({group})" if group in scope.alike else f"CASE WHEN grouping({group}) = 0 THEN min({group}) END"
            )
            for written, stays in ((f"grouping({group})", f"grouping({group})"), (group, common)):
                name = quote(f"-group{place}_{len(kept)}")
                kept[name] = stays
                sql = sql.replace(written, name)
    sql = steady(sql)
    for name, stays in kept.items():
        sql = sql.replace(name, stays)
    return sql
