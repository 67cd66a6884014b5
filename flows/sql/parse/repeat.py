"""What gives other rows on every retry: clocks and chance, and the first rows of an order that nobody gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from flows.model.errors import Fault
from flows.sql.functions import signatures
from flows.sql.parse.tree import KEYWORD_CALLS, call_name, line_of
from flows.sql.shown import shown

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

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
_BY_PLACE = {
    *("ROW_NUMBER", "NTILE", "RANK", "DENSE_RANK", "PERCENT_RANK", "CUME_DIST"),
    *("LAG", "LEAD", "FIRST_VALUE", "LAST_VALUE", "NTH_VALUE"),
}
"""Window functions whose value depends on the order of the rows."""
_LISTS = {"ARRAY_AGG", "STRING_AGG", "ARRAY_CONCAT_AGG"}
"""Aggregates whose value depends on the order of the rows."""
_EVERY_RETRY = "can give other rows on every retry. Write ORDER BY with columns that tell all rows apart."


def unrepeatable(tree: exp.Query) -> Iterator[Fault]:
    """Give a fault for each word of a query that can give other rows on every retry."""
    for node in tree.find_all(exp.Anonymous, *KEYWORD_CALLS):
        name = call_name(node) or ""
        reason = VARYING.get(name)
        if reason is not None:
            yield Fault(line_of(node), f"{name} cannot stand in a table's SQL: {reason}")
        if name in _LISTS and not isinstance(_around(node), exp.Window):
            yield from _unordered_list(name, node)
    yield from _unordered_limits(tree)
    yield from _unordered_windows(tree)


def _unordered_limits(tree: exp.Query) -> Iterator[Fault]:
    for node in tree.find_all(exp.Select, exp.SetOperation, exp.Subquery):
        limit, offset = node.args.get("limit"), node.args.get("offset")
        if offset and not limit:
            message = f"GoogleSQL has no OFFSET without LIMIT. Write LIMIT n OFFSET {offset.expression.name or 'm'}."
            yield Fault(line_of(offset), message)
        if not limit or limit.expression.name == "0" or _one_row(node) or isinstance(node.parent, exp.Exists):
            continue
        said = _no_order(node.args.get("order"), node)
        if said:
            yield Fault(line_of(limit), f"LIMIT {said} {_EVERY_RETRY}")


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


def _no_order(order: exp.Expr | None, query: exp.Expr | None = None, same: Collection[exp.Expr] = ()) -> str:
    """Say why an ORDER BY orders nothing; an empty text where it does.

    A constant is the same for all rows, and so is what stands in `same`. The ORDER BY of a `query` may name its columns
    by their places and aliases.
    """
    if order is None:
        return "without ORDER BY"
    keys = [_meant(one.this if isinstance(one, exp.Ordered) else one, query) for one in order.expressions]
    if any(_varies(key) and not any(_alike(key, one) for one in same) for key in keys):
        return ""
    return f"in the order of '{', '.join(map(shown, keys))}', which is the same for all rows,"


def _alike(key: exp.Expr, other: exp.Expr) -> bool:
    """Say whether two expressions are one, be it with the name of its table or in parentheses."""
    key, other = key.unnest(), other.unnest()
    if not isinstance(key, exp.Column) or not isinstance(other, exp.Column):
        return shown(key) == shown(other)
    names, others = ([part.name.lower() for part in reversed(one.parts)] for one in (key, other))
    return all(name == one for name, one in zip(names, others, strict=False))


def _meant(key: exp.Expr, query: exp.Expr | None) -> exp.Expr:
    """Return the column of the SELECT list that an ORDER BY names by its place or its alias."""
    listed = query.expressions if isinstance(query, exp.Select) else []
    if query is not None and isinstance(key, exp.Literal) and key.name.isdecimal() and not key.is_string:
        place = int(key.name) - 1
        # The columns of a UNION are those of both sides, and a star's are not known here.
        known = place < len(listed) and not any(item.is_star for item in listed[: place + 1])
        return listed[place].unalias() if known else exp.column("_")
    named = [item.this for item in listed if isinstance(item, exp.Alias) and item.alias.lower() == key.name.lower()]
    return named[0] if named and isinstance(key, exp.Column) and len(key.parts) == 1 else key


def _varies(key: exp.Expr) -> bool:
    """Say whether a value can differ from row to row: it names a column, or asks a function of rows."""
    return any(key.find_all(exp.Column, exp.Window, exp.Star)) or any(
        signatures.aggregate(call.name) for call in key.find_all(exp.Anonymous)
    )


def _unordered_list(name: str, call: exp.Expr) -> Iterator[Fault]:
    parts = call.find_all(exp.Order)
    order = next((part for part in parts if part.find_ancestor(exp.Anonymous, exp.Query, exp.Window) is call), None)
    said = _no_order(order)
    if said:
        value = next(iter(call.expressions), None)
        while isinstance(value, exp.Limit | exp.Order | exp.IgnoreNulls | exp.RespectNulls | exp.HavingMax):
            value = value.this
        inner = value.expressions[0] if isinstance(value, exp.Distinct | exp.Struct) and value.expressions else value
        rest = "".join(f", {shown(one)}" for one in call.expressions[1:] if isinstance(one, exp.Literal))
        example = name
        if value is not None and inner is not None:
            example = f"{name}({shown(value)}{rest} ORDER BY {shown(inner)})"
        message = f"{name} {said} can give another value on every retry. Write {example}, or order by other columns."
        yield Fault(line_of(call), message)


def _unordered_windows(tree: exp.Query) -> Iterator[Fault]:
    for node in tree.find_all(exp.Window):
        inner = node.this.this if isinstance(node.this, exp.IgnoreNulls | exp.RespectNulls) else node.this
        name = call_name(inner)
        order, same, counted = _order_of(node)
        if name is None or (name not in _BY_PLACE and name not in _LISTS and not counted):
            continue
        said = _no_order(order, None, same)
        if said:
            yield Fault(line_of(node), f"{name} {said} {_EVERY_RETRY}")


def _order_of(window: exp.Expr) -> tuple[exp.Expr | None, list[exp.Expr], bool]:
    """Return the ORDER BY of a window or of one that it names, its parts by which rows are alike, and whether it counts rows."""
    select, seen = window.find_ancestor(exp.Select), set()
    named = {one.name.lower(): one for one in (select.args.get("windows") or ())} if select else {}
    order, counted = None, False
    same: list[exp.Expr] = []
    while True:
        order = order or window.args.get("order")
        same += window.args.get("partition_by") or ()
        counted = counted or _counts_rows(window.args.get("spec"))
        alias = window.args.get("alias")
        base = alias.name.lower() if alias is not None else ""
        if base in seen or base not in named:
            return order, same, counted
        seen.add(base)
        window = named[base]


def _counts_rows(spec: exp.Expr | None) -> bool:
    """Say whether a frame holds a number of rows, and not all of a partition."""
    if spec is None or str(spec.args.get("kind")).upper() != "ROWS":
        return False
    ends = (spec.args.get("start"), spec.args.get("end"))
    return any(str(end).upper() != "UNBOUNDED" for end in ends)


def _around(node: exp.Expr) -> exp.Expr | None:
    """Return what stands around a call, beside IGNORE NULLS."""
    above = node.parent
    return above.parent if isinstance(above, exp.IgnoreNulls | exp.RespectNulls) else above
