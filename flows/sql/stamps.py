"""Columns that say of which window a row is: of what a query gives, those that are made of the window's bounds alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from flows.sql.parse.parser import parse_any

if TYPE_CHECKING:
    from collections.abc import Iterator


def stamps(sql: str) -> dict[str, int]:
    """Return such columns, each with how often it names a bound; one is left out that a side of UNION makes otherwise.

    Raises SqlError.
    """
    found: list[dict[str, int]] = []
    for select in _sides(parse_any(sql)):
        items = {one.alias.lower(): one for one in select.expressions if isinstance(one, exp.Alias)}
        made = {name: len(list(one.find_all(exp.Parameter))) for name, one in items.items() if _is_stamp(one)}
        found.append(made)
    names = set.intersection(*map(set, found)) if found else set()
    return {name: sum(made[name] for made in found) for name in names}


def _is_stamp(item: exp.Expr) -> bool:
    return item.find(exp.Parameter) is not None and item.find(exp.Column, exp.Query) is None


def _sides(tree: exp.Expr) -> Iterator[exp.Select]:
    if isinstance(tree, exp.SetOperation):
        yield from _sides(tree.this)
        yield from _sides(tree.expression)
    elif isinstance(tree, exp.Subquery):
        yield from _sides(tree.this)
    elif isinstance(tree, exp.Select):
        yield tree
