"""What gives other rows on every retry: clocks and chance, and the first rows of an order that nobody gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from flows.model.errors import SqlFault
from flows.sql.functions import signatures
from flows.sql.parse.tree import KEYWORD_CALLS, call_name, line_of

if TYPE_CHECKING:
    from collections.abc import Iterator

VARYING = {
    "RAND": "it gives other rows on every retry. Derive a value from the row: TO_HEX(MD5(id)).",
    "GENERATE_UUID": "it gives other rows on every retry. Build the identifier from the row's key: TO_HEX(MD5(key)).",
    "CURRENT_TIMESTAMP": "it gives other rows on every retry. Write @window_end.",
    "CURRENT_DATETIME": "it gives other rows on every retry. Write DATETIME(@window_end).",
    "CURRENT_DATE": "it gives other rows on every retry. Write DATE(@window_end).",
    "CURRENT_TIME": "it gives other rows on every retry. Write TIME(@window_end).",
    "SESSION_USER": "it depends on who runs the query. Leave it out; the ledger records who ran what.",
}
"""Functions that differ from one run to the next, with why they are refused and what to write."""
_BY_PLACE = {"ROW_NUMBER", "NTILE", "LAG", "LEAD", "FIRST_VALUE", "LAST_VALUE", "NTH_VALUE"}
_WITHOUT_ORDER = (
    " without ORDER BY can give other rows on every retry. Write ORDER BY with columns that tell all rows apart."
)


def unrepeatable(tree: exp.Query) -> Iterator[SqlFault]:
    """Give a fault for each word of a query that can give other rows on every retry."""
    for node in tree.find_all(exp.Anonymous, *KEYWORD_CALLS):
        name = call_name(node) or ""
        reason = VARYING.get(name)
        if reason is not None:
            yield SqlFault(line_of(node), f"{name} cannot stand in a table's SQL: {reason}")
    yield from _unordered_limits(tree)
    yield from _unordered_windows(tree)


def _unordered_limits(tree: exp.Query) -> Iterator[SqlFault]:
    for node in tree.find_all(exp.Select, exp.SetOperation, exp.Subquery):
        limit = node.args.get("limit")
        if not limit or node.args.get("order") or limit.expression.name == "0" or _one_row(node):
            continue
        if not isinstance(node.parent, exp.Exists):
            yield SqlFault(line_of(limit), "LIMIT" + _WITHOUT_ORDER)


def _one_row(node: exp.Expr) -> bool:
    """Say whether a query gives one row whatever it reads: it aggregates without GROUP BY, or has no FROM."""
    while isinstance(node, exp.Subquery):
        node = node.this
    if not isinstance(node, exp.Select) or node.args.get("group"):
        return False
    aggregates = (
        call
        for item in node.expressions
        for call in item.find_all(exp.Anonymous)
        if signatures.aggregate(call.name)
        and not call.find_ancestor(exp.Window)
        and call.find_ancestor(exp.Select) is node
    )
    return node.args.get("from_") is None or any(aggregates)


def _unordered_windows(tree: exp.Query) -> Iterator[SqlFault]:
    for node in tree.find_all(exp.Window):
        inner = node.this.this if isinstance(node.this, exp.IgnoreNulls | exp.RespectNulls) else node.this
        name = call_name(inner)
        if name in _BY_PLACE and not _ordered(node):
            yield SqlFault(line_of(node), name + _WITHOUT_ORDER)


def _ordered(window: exp.Expr) -> bool:
    """Say whether a window, or one that it names, has an ORDER BY."""
    select, seen = window.find_ancestor(exp.Select), set()
    named = {one.name.lower(): one for one in (select.args.get("windows") or ())} if select else {}
    while not window.args.get("order"):
        alias = window.args.get("alias")
        base = alias.name.lower() if alias is not None else ""
        if base in seen or base not in named:
            return False
        seen.add(base)
        window = named[base]
    return True
