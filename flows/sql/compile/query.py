"""Queries: WITH, UNION and its like, and a SELECT in parentheses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from flows.model.sizes import plural
from flows.sql import types as t
from flows.sql.compile import cast
from flows.sql.compile.clauses import sql_names
from flows.sql.compile.dispatch import compiles_query, query
from flows.sql.compile.order import Column, tail
from flows.sql.compile.recursion import in_order, recursive
from flows.sql.compile.scope import Anything, FromItem, Relation, Scope
from flows.sql.compile.select import select
from flows.sql.compile.sides import as_types, by_name
from flows.sql.compile.structures import fields_of
from flows.sql.compile.value import Value
from flows.sql.reach import hidden
from flows.sql.types import quote

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flows.model.types import Type

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
        alone = _without_columns(scope)
        relation = recursive(cte, own, alone) if with_.args.get("recursive") else None
        relation = relation or query(cte.this, alone.inner())
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
    sides = [_side(one, scope) for one in _chain(node)]
    first, *others = sides
    word = _SET_WORDS[type(node)]
    if any(side.anything for side in sides):
        first.anything = True
        return first
    if node.args.get("by_name"):
        by_name(node, word, sides, scope)
    for side in others:
        if len(first.columns) != len(side.columns):
            counts = f"{len(first.columns)} and {plural(len(side.columns), 'column')}"
            instead = "Write as many in each, with NULL for what one has not."
            scope.fault(side.nodes[0] if side.nodes else node, f"the sides of {word} give {counts}. {instead}")
            return first
    columns: list[tuple[str | None, Value]] = []
    for place, (name, one) in enumerate(first.columns):
        values = [side.columns[place][1] for side in sides]
        common = _common(values)
        if common is None:
            odd = next((side for side in sides if _common([one, side.columns[place][1]]) is None), sides[-1])
            other = odd.columns[place][1].type
            said = f"column {repr(name) if name else place + 1} is {one.type} on one side of {word} and {other} on the other."
            to = next((to for have, to in ((other, one.type), (one.type, other)) if cast.exists(have, to)), None)
            scope.fault(
                odd.nodes[place], f"{said} Write CAST(... AS {to})." if to else f"{said} Write one type in each place."
            )
        origins = frozenset.union(*(value.origins for value in values))
        drifts = any(value.drifts for value in values)
        columns.append((name, Value(common or t.UNKNOWN, "", origins=origins, drifts=drifts)))
        scope.context.decides |= bool(node.args.get("distinct")) and drifts
        if node.args.get("distinct") and common is not None and not t.can(common, "group"):
            said = f"column '{name}' is {common}, which {word} DISTINCT cannot compare."
            scope.fault(node, f"{said} {t.instead_of_groups(common, 'Compare')}")
    between = f" {word} {'' if node.args.get('distinct') else 'ALL '}"
    sql = between.join(f"({as_types(side, columns, scope)})" for side in sides)
    relation = Relation(columns, sql, nodes=first.nodes, element=first.element)
    relation.sides = tuple(sides) if isinstance(node, exp.Union) and not node.args.get("by_name") else ()
    relation.unique = frozenset(range(len(columns))) if node.args.get("distinct") else None
    return _tail(node, relation, scope)


def _common(values: Sequence[Value]) -> Type | None:
    """Return the type that columns have in common; the NULLs of a STRUCT that is written there are cast as INT64s."""
    common = t.supertype(value.given for value in values)
    written = (value for value in values if value.fields and value.type != common)
    return common if common is None or all(cast.exists(value.type, common) for value in written) else None


def _side(node: exp.Expr, scope: Scope) -> Relation:
    """Compile a side of UNION and its like; the columns of one in parentheses that is such itself have types of their own."""
    side = query(node, scope.inner())
    if isinstance(node, exp.Subquery) and isinstance(node.unnest(), exp.SetOperation):
        side.settle()
    return side


def _chain(node: exp.Expr) -> list[exp.Expr]:
    """Return the queries of a UNION or its like, those of its left side too where that is the same and in no parentheses.

    Their columns have one type: the literals of all of them turn to what the others are.
    """
    left = node.this
    is_same = type(left) is type(node) and all(
        left.args.get(key) == node.args.get(key) for key in _SET - {"this", "expression", "order", "limit", "offset"}
    )
    return [*(_chain(left) if is_same else [left]), node.expression]


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
    fields = relation.element and bool(relation.columns[0][1].type.fields)
    if fields:
        source = fields_of("", source[0][1])
    inner.items = [(Anything if relation.anything else FromItem)("", source)]
    key = None if relation.unique is None or fields else [source[place][1].sql for place in relation.unique]
    ordered, limited = tail(
        node,
        inner,
        [Column(exp.column(name), name, value) for name, value in source],
        one_row=relation.one_row,
        groups=key,
        fields=fields,
    )
    columns = [
        (name, Value(value.type, "", origins=hidden(value.origins) if limited else value.origins, drifts=value.drifts))
        for name, value in relation.columns
    ]
    sql = f"SELECT * FROM ({relation.sql}) AS {own}{ordered}"
    found = Relation(columns, sql, nodes=relation.nodes, anything=relation.anything, unique=relation.unique)
    found.sides, found.element = relation.sides, relation.element
    return found
