"""Queries: WITH, UNION and its like, and a SELECT in parentheses."""

from __future__ import annotations

from sqlglot import exp

from flows.model.sizes import plural
from flows.sql import types as t
from flows.sql.compile.clauses import sql_names
from flows.sql.compile.dispatch import compiles_query, query
from flows.sql.compile.order import Column, tail
from flows.sql.compile.recursion import in_order, recursive
from flows.sql.compile.scope import Anything, FromItem, Relation, Scope
from flows.sql.compile.select import select
from flows.sql.compile.sides import as_types, by_name
from flows.sql.compile.value import Value
from flows.sql.reach import hidden
from flows.sql.types import quote

_SET = {"with_", "this", "expression", "distinct", "order", "limit", "offset", "by_name", "side", "kind", "on"}
_SUBQUERY = {"this", "alias", "with_", "order", "limit", "offset"}
_SET_WORDS: dict[type[exp.Expr], str] = {exp.Union: "UNION", exp.Except: "EXCEPT", exp.Intersect: "INTERSECT"}


@compiles_query(exp.Select, exp.Union, exp.Except, exp.Intersect, exp.Subquery)
def _query(node: exp.Query, scope: Scope) -> Relation:
    prefix = _with(node, scope)
    if isinstance(node, exp.Select):
        relation = select(node, scope)
    elif isinstance(node, exp.SetOperation):
        relation = _set_operation(node, scope)
    else:
        scope.guard(node, _SUBQUERY)
        relation = _tail(node, query(node.this, scope.inner()), scope)
    relation.sql = prefix + relation.sql
    return relation


def _with(node: exp.Expr, scope: Scope) -> str:
    with_ = node.args.get("with_")
    if not with_:
        return ""
    compiled = []
    for cte in in_order(with_, scope) if with_.args.get("recursive") else with_.expressions:
        name = cte.alias
        if name.lower() in scope.ctes:
            scope.fault(cte, f"WITH names '{name}' twice. Give one of them another name.")
            # Nobody knows which of them is meant where it is read.
            scope.ctes[name.lower()].anything = True
            continue
        outside = scope.context.occurrences
        scope.context.occurrences = []
        own = scope.cte_name(name)
        relation = recursive(cte, own, scope) if with_.args.get("recursive") else None
        relation = relation or query(cte.this, _without_columns(scope).inner())
        relation.occurrences, scope.context.occurrences = scope.context.occurrences, outside
        compiled.append(relation.sql if relation.sql.startswith(own) else f"{own} AS ({relation.sql})")
        relation.sql = own
        scope.ctes[name.lower()] = relation
    return f"WITH {'RECURSIVE ' if with_.args.get('recursive') else ''}{', '.join(compiled)} "


def _without_columns(scope: Scope) -> Scope:
    """Return a scope that sees the same queries of WITH and no columns, as those queries themselves do."""
    around = _without_columns(scope.parent) if scope.parent is not None else None
    return Scope(scope.context, parent=around, ctes=scope.ctes)


def _set_operation(node: exp.Expr, scope: Scope) -> Relation:
    scope.guard(node, _SET)
    left = query(node.this, scope.inner())
    right = query(node.expression, scope.inner())
    word = _SET_WORDS[type(node)]
    if left.anything or right.anything:
        left.anything = True
        return left
    if node.args.get("by_name"):
        by_name(node, word, left, right, scope)
    if len(left.columns) != len(right.columns):
        scope.fault(node, f"the sides of {word} give {len(left.columns)} and {plural(len(right.columns), 'column')}.")
        return left
    columns: list[tuple[str | None, Value]] = []
    for (name, one), (_, two) in zip(left.columns, right.columns, strict=True):
        common = t.supertype([(one.type, one.literal), (two.type, two.literal)])
        if common is None:
            scope.fault(
                node,
                f"column '{name}' is {one.type} on one side of {word} and {two.type} on the other. Write CAST(... AS {one.type}).",
            )
        columns.append(
            (name, Value(common or t.UNKNOWN, "", origins=one.origins | two.origins, drifts=one.drifts or two.drifts))
        )
        scope.context.decides |= bool(node.args.get("distinct")) and columns[-1][1].drifts
        if node.args.get("distinct") and common is not None and not t.can(common, "group"):
            scope.fault(node, f"column '{name}' is {common}, which {word} DISTINCT cannot compare.")
    sides = [as_types(side, columns, scope) for side in (left, right)]
    sql = f"({sides[0]}) {word} {'' if node.args.get('distinct') else 'ALL '}({sides[1]})"
    relation = Relation(columns, sql, nodes=left.nodes)
    relation.sides = (left, right) if isinstance(node, exp.Union) and not node.args.get("by_name") else ()
    relation.unique = frozenset(range(len(columns))) if node.args.get("distinct") else None
    return _tail(node, relation, scope)


def _tail(node: exp.Expr, relation: Relation, scope: Scope) -> Relation:
    """Add ORDER BY, LIMIT and OFFSET to a query that is no single SELECT."""
    if not any(node.args.get(key) for key in ("order", "limit", "offset")):
        return relation
    names = sql_names(relation.columns)
    inner = scope.inner()
    own = inner.item_name("")
    source = [
        (
            name or "",
            Value(value.type, f"{own}.{quote(unique)}", drifts=value.drifts, reads=frozenset() if value.same else None),
        )
        for unique, (name, value) in zip(names, relation.columns, strict=True)
    ]
    inner.items = [(Anything if relation.anything else FromItem)("", source)]
    key = None if relation.unique is None else [source[place][1].sql for place in relation.unique]
    ordered, limited = tail(
        node,
        inner,
        [Column(exp.column(name), name, value) for name, value in source],
        one_row=relation.one_row,
        groups=key,
    )
    columns = [
        (name, Value(value.type, "", origins=hidden(value.origins) if limited else value.origins, drifts=value.drifts))
        for name, value in relation.columns
    ]
    sql = f"SELECT * FROM ({relation.sql}) AS {own}{ordered}"
    found = Relation(columns, sql, nodes=relation.nodes, anything=relation.anything, unique=relation.unique)
    found.sides = relation.sides
    return found
