"""What the clauses of a query share."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlglot import exp

from flows.sql.compile.origins import columns_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flows.sql.compile.scope import Scope, Value


@contextmanager
def plain(node: exp.Expr, scope: Scope, word: str) -> Iterator[None]:
    """Refuse aggregates and window functions in one part of a query."""
    before = scope.aggregated, scope.windowed
    scope.aggregated = scope.windowed = False
    yield
    if scope.aggregated:
        scope.fault(node, f"{word} cannot hold an aggregate. Write HAVING, or compute it in a WITH first.")
    if scope.windowed:
        scope.fault(node, f"{word} cannot hold a window function. Write QUALIFY, or compute it in a WITH first.")
    scope.aggregated, scope.windowed = before


def window_names(select: exp.Expr) -> set[str]:
    """Return the names that the list of a SELECT gives what holds a window function."""
    listed = [one for one in select.expressions if isinstance(one, exp.Alias)]
    return {one.alias.lower() for one in listed if _own_window(one, select)}


def holds_window(condition: exp.Expr, select: exp.Expr) -> bool:
    """Say whether a condition of a SELECT holds a window function, itself or by the name that its list gives one."""
    named = window_names(select)
    return _own_window(condition, select) or any(
        len(one.parts) == 1 and one.name.lower() in named for one in columns_in(condition)
    )


def _own_window(node: exp.Expr, select: exp.Expr) -> bool:
    return any(one.find_ancestor(exp.Select) is select for one in node.find_all(exp.Window))


def sql_names(columns: Sequence[tuple[str | None, Value]]) -> list[str]:
    """Return a name of its own for each column: its name, or one that nobody writes."""
    names: list[str] = []
    used: set[str] = set()
    for place, (name, _) in enumerate(columns):
        unique = name or f"f{place}_"
        while unique.lower() in used:
            unique = f"{unique}__{place}"
        used.add(unique.lower())
        names.append(unique)
    return names
