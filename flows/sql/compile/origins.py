"""Where the value of an expression comes from: which column of which table, and what has become of it on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from flows.sql.bounds import Bound, after, bound_of
from flows.sql.choices import choices
from flows.sql.comparisons import series_of
from flows.sql.compile.dispatch import expression
from flows.sql.reach import hidden, hull
from flows.sql.steps import side

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flows.sql.compile.scope import Scope
    from flows.sql.compile.value import Value
    from flows.sql.reach import Origin
    from flows.sql.steps import Side

_NAMED = (exp.Column, exp.Dot)
_TIMES = {"TIMESTAMP", "DATE", "DATETIME"}
_KEPT = {*_TIMES, "INT64", "STRING"}
"""The types of what steps make of a time."""


def with_origins(node: exp.Expr, value: Value, scope: Scope) -> Value:
    """Return the value of an expression with where it comes from; a column knows that by itself."""
    if value.type.name not in _KEPT or isinstance(node, _NAMED):
        return value
    found = side(node)
    if isinstance(found.leaf, _NAMED):
        return value._replace(origins=origins_of(found, scope), bound=bound_in(found, scope))
    if isinstance(found.leaf, exp.Parameter):
        scope.context.carried = True
        return value._replace(bound=bound_of(found))
    if value.type.name in _TIMES and not value.same:
        return value._replace(origins=hidden(mentioned(node, scope)))
    return value


def bound_in(found: Side, scope: Scope) -> Bound | None:
    """Return where one side of a comparison lies, by the window's parameters or a column that is made of them."""
    if isinstance(found.leaf, _NAMED) and scope.context.carried:
        value = named(found.leaf, scope).bound
        return value and after(value, found.steps)
    chosen = choices(found.leaf)
    if chosen is not None:
        bounds = [bound_in(side(one), scope) for one in chosen]
        known = [one for one in bounds if one is not None]
        return after(hull(known), found.steps) if known and len(known) == len(bounds) else None
    if isinstance(found.leaf, exp.Subquery) and scope.context.carried:
        return after(_of_scalar(found.leaf, scope), found.steps)
    return bound_of(found)


def _of_scalar(query: exp.Subquery, scope: Scope) -> Bound | None:
    """Return where the value of a query lies that reads columns which are made of the window's parameters."""
    from_ = query.this.args.get("from_") if isinstance(query.this, exp.Select) else None
    of_with = from_ is not None and isinstance(from_.this, exp.Table) and not from_.this.db
    return named(query, scope).bound if of_with else None


def bound_of_elements(array: exp.Expr, scope: Scope) -> Bound | None:
    """Return where the elements of an array lie that is made of the window's parameters: a series, or a list."""
    if id(array) not in scope.context.windowed:
        return None
    series = series_of(array)
    ends = series or (array.expressions if isinstance(array, exp.Array) else ())
    bounds = [bound_in(side(one), scope) for one in ends]
    found = hull([one for one in bounds if one is not None]) if all(bounds) else None
    if found is not None and series and bounds[0] and bounds[1]:
        found = Bound(bounds[0].low, bounds[1].high, found.kind)
    scope.context.carried |= found is not None
    return found


def names_window(node: exp.Expr, scope: Scope) -> bool:
    """Say whether an expression names the window, be it by a column that is made of its parameters."""
    if id(node) in scope.context.windowed:
        return True
    if not scope.context.carried:
        return False
    queries = node.find_all(exp.Subquery)
    return any(named(column, scope).bound for column in columns_in(node)) or any(
        _of_scalar(query, scope) for query in queries
    )


def origins_of(found: Side, scope: Scope) -> frozenset[Origin]:
    """Return where one side of a comparison comes from."""
    if not isinstance(found.leaf, _NAMED):
        chosen = choices(found.leaf) or ()
        return origins_of(side(chosen[0]).then(*found.steps), scope) if len(chosen) == 1 else frozenset()
    return frozenset([origin.after(found.steps) for origin in named(found.leaf, scope).origins])


def mentioned(node: exp.Expr, scope: Scope) -> frozenset[Origin]:
    """Return where the columns come from that an expression names, itself, outside the queries in it."""
    return frozenset([origin for column in columns_in(node) for origin in named(column, scope).origins])


def columns_in(node: exp.Expr) -> Iterator[exp.Column]:
    """Give the columns that an expression names outside the queries in it."""
    waiting = [node]
    while waiting:
        one = waiting.pop()
        if isinstance(one, exp.Column):
            if not _is_part(one):
                yield one
        elif not isinstance(one, exp.Query):
            waiting += one.iter_expressions()


def _is_part(column: exp.Column) -> bool:
    """Say whether what looks like a column is a part of a date or time: DAY, or MONDAY in WEEK(MONDAY)."""
    call = column.parent
    if isinstance(call, exp.Extract):
        return call.this is column
    if not isinstance(call, exp.Anonymous):
        return False
    name = call.name.upper()
    place = 2 if name.endswith("_DIFF") else 1 if name == "LAST_DAY" or name.endswith("_TRUNC") else None
    return name == "WEEK" or (place is not None and any(one is column for one in call.expressions[place : place + 1]))


def named(column: exp.Expr, scope: Scope) -> Value:
    """Return what a name means; that it is looked up once more leaves no trace."""
    known = scope.meant.get(id(column))
    if known is not None:
        return known[1]
    context = scope.context
    faults, loose, reads = len(context.faults), len(scope.loose), len(context.occurrences)
    value = expression(column, scope)
    del context.faults[faults:], scope.loose[loose:], context.occurrences[reads:]
    return value
