"""Items of FROM: tables, arrays, subqueries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from flows.model.errors import SqlError, did_you_mean
from flows.sql import types as t
from flows.sql.compile.clauses import sql_names
from flows.sql.compile.dispatch import expression, query
from flows.sql.compile.origins import bound_of_elements, named, with_origins
from flows.sql.compile.pivots import pivoted
from flows.sql.compile.scope import Anything, FromItem, Scope
from flows.sql.compile.structures import fields_of
from flows.sql.compile.value import Value
from flows.sql.functions import signatures
from flows.sql.parse.tree import call_name, table_identity, takes_first
from flows.sql.reach import Occurrence, Origin
from flows.sql.shown import shown
from flows.sql.types import quote, quote_table

if TYPE_CHECKING:
    from flows.model.types import Type
    from flows.sql.compile.scope import Relation

MOST_PLACES = 1_000
"""At how many places a query may read tables; each use of a WITH counts as all those that it reads."""
_TABLE = {"this", "db", "catalog", "alias", "joins"}


def from_item(node: exp.Expr, scope: Scope) -> str:
    """Compile one item of FROM, add it to the scope, and return its SQL."""
    sql = _from_item(node, scope)
    if sql not in scope.sources:
        scope.sources[sql] = False
    return sql


def named_twice(node: exp.Expr, alias: str, scope: Scope) -> None:
    """Note the fault of an alias that two items of FROM have."""
    scope.fault(node, f"'{alias}' names two tables in one FROM. Give one of them another name with AS.")


def _from_item(node: exp.Expr, scope: Scope) -> str:
    if node.args.get("pivots"):
        stands_for = pivoted(node, scope)
        if stands_for is not None:
            return from_item(stands_for, scope)
        scope.items.append(Anything(node.args["pivots"][0].alias, []))
        return "(SELECT 1)"
    if isinstance(node, exp.Unnest):
        return _unnest(node, scope, node.parent)
    if isinstance(node, exp.Table):
        return _table(node, scope)
    if isinstance(node, exp.Subquery) and isinstance(node.this, exp.Query) and not isinstance(node.this, exp.Table):
        outer = Scope(scope.context, parent=scope.parent, ctes=scope.ctes)
        relation = query(node.this, outer.inner())
        own = scope.item_name(node.alias)
        _add(node, scope, node.alias, _columns(own, relation, scope), relation)
        return f"({relation.sql}) AS {own}"
    scope.unsupported(node, f"'{shown(node)}' in FROM")
    return "(SELECT 1)"


def _columns(own: str, relation: Relation, scope: Scope) -> list[tuple[str, Value]]:
    names = sql_names(relation.columns)
    return [
        (
            name or "",
            Value(
                t.given(value.type),
                sql := f"{own}.{quote(unique)}",
                origins=value.origins,
                drifts=value.drifts,
                reads=frozenset() if value.same else frozenset([(scope.level, sql)]),
                bound=value.bound,
            ),
        )
        for unique, (name, value) in zip(names, relation.columns, strict=True)
    ]


def _add(
    node: exp.Expr,
    scope: Scope,
    alias: str,
    columns: list[tuple[str, Value]],
    relation: Relation | None = None,
) -> None:
    twice = scope.item(alias) is not None
    if twice:
        named_twice(node, alias, scope)
    if twice or (relation is not None and relation.anything):
        scope.items.append(Anything(alias, [] if twice else columns))
        return
    whole = None
    if relation is not None and relation.element and columns:
        whole = columns[0][1]
        if whole.type == t.UNKNOWN:
            scope.items.append(Anything(alias, []))
            return
        columns = fields_of(alias, whole)
    unique = None
    if relation is not None and relation.unique is not None and whole is None:
        unique = frozenset([columns[place][1].sql for place in relation.unique])
    scope.items.append(FromItem(alias, columns, whole, unique))


def _table(node: exp.Table, scope: Scope) -> str:
    scope.guard(node, _TABLE)
    if not isinstance(node.parts[-1], exp.Identifier):
        called = shown(node).partition("(")[0]
        other = {"EXTERNAL_QUERY": "a core table whose source: reads that database"}.get(
            called.upper(), "a derived table of its own"
        )
        scope.fault(node, f"the table function {called} is not supported. Write {other}, and read it here.")
        scope.items.append(Anything(node.alias, []))
        return "(SELECT 1)"
    alias = node.alias or node.name
    own = scope.item_name(alias)
    first = node.parts[0].name
    if (
        len(node.parts) > 1
        and _names_column(first, scope)
        and node.db not in {name.partition(".")[0] for name in scope.context.schema}
    ):
        path = exp.Dot.build([exp.column(node.parts[0].copy()), *(part.copy() for part in node.parts[1:])])
        unnest = exp.Unnest(expressions=[path], alias=exp.TableAlias(columns=[exp.to_identifier(alias)]))
        return _unnest(unnest, scope, node.parent)
    cte = None if node.db else scope.cte(node.name)
    if cte is not None:
        if len(scope.context.occurrences) + len(cte.occurrences) > MOST_PLACES:
            message = f"with '{node.name}' the query reads tables at more than {MOST_PLACES:,} places. Join less often."
            scope.fault(node, message)
            # Each use of it would be one more of the same.
            raise SqlError(scope.context.faults)
        relation = cte.again()
        scope.context.occurrences += relation.occurrences
        _add(node, scope, alias, _columns(own, relation, scope), relation)
        return f"{relation.sql} AS {own}"
    identity = table_identity(node) if node.db else node.name
    columns = scope.context.columns(identity or "")
    if identity is None or columns is None:
        _refuse_table(node, scope, identity)
        scope.items.append(Anything(alias, []))
        return "(SELECT 1)"
    partition = scope.context.partitions.get(identity)
    type_of = columns.get(partition or "")
    occurrence = Occurrence(identity, partition, type_of.name if type_of is not None else "TIMESTAMP")
    scope.context.occurrences.append(occurrence)
    found = []
    for name, type_ in columns.items():
        sql, base = f"{own}.{quote(name)}", type_.base
        if type_ != base:
            sql = f"CAST({sql} AS {t.duckdb_type(base)})"
        origins: frozenset[Origin] = frozenset()
        if type_.name in {"TIMESTAMP", "DATETIME", "DATE"}:
            origins = frozenset([Origin(occurrence, name, "day" if type_ == t.DATE else None)])
        found.append((name, Value(base, sql, origins=origins, reads=frozenset([(scope.level, sql)]))))
    _add(node, scope, alias, found)
    key = scope.context.keys.get(identity, ())
    if key and columns.keys() >= set(key):
        scope.items[-1].unique = frozenset([value.sql for name, value in found if name in key])
    sql = f"{quote_table(identity)} AS {own}"
    scope.sources[sql] = all(name.lower() != "rowid" for name in columns)
    return sql


def _names_column(first: str, scope: Scope) -> bool:
    return any(around.item(first) is not None for around in scope.outward())


def _refuse_table(node: exp.Table, scope: Scope, identity: str | None) -> None:
    written = ".".join(part.name for part in node.parts)
    if "*" in node.name:
        instead = "Read one core table that holds all days, bounded by @window_start and @window_end."
        scope.fault(node, f"'{written}': wildcard tables are not supported. {instead}")
    elif identity is not None and node.db:
        scope.fault(node, f"'{written}' is not a table.{did_you_mean(written, scope.context.schema)}")
    elif node.catalog and not node.db:
        dotted = f"{node.catalog}..{node.name}"
        scope.fault(node, f"'{dotted}' has two dots in a row. Write the table as dataset.name: '{written}'.")
    elif node.catalog:
        named = ".".join(part.name for part in node.parts[-2:])
        scope.fault(node, f"'{written}' names a project. Write the table as dataset.name: '{named}'.")
    else:
        near = [name for name in scope.context.schema if name.rpartition(".")[2].lower() == node.name.lower()]
        ctes = [name for around in scope.outward() for name in around.ctes]
        hint = f" Did you mean '{near[0]}'?" if near else did_you_mean(written, [*ctes, *scope.context.schema])
        for name in () if hint else scope.context.schema:
            bare = name.rpartition(".")[2]
            hint = hint or did_you_mean(written, [bare]).replace(f"'{bare}'", f"'{name}'")
        scope.fault(
            node, f"'{written}' has no dataset. {_of_no_dataset(node, scope) or f'Write it as dataset.name.{hint}'}"
        )


def _of_no_dataset(node: exp.Table, scope: Scope) -> str:
    """Say what to write for the name of what WITH is about to make, or of a column of a table before it; else nothing."""
    made = node.find_ancestor(exp.CTE)
    while made is not None and made.alias.lower() != node.name.lower():
        made = made.find_ancestor(exp.CTE)
    if made is not None:
        return f"Write WITH RECURSIVE, where '{node.name}' is to read itself."
    arrays = [value for item in scope.items for value in item.find(node.name) if value.type.element is not None]
    return f"Write UNNEST({node.name}) AS {node.alias or 'item'}." if arrays else ""


def _gathering(node: exp.Expr) -> str:
    """Say which kind of call over several rows an expression holds itself, and no query in it; an empty text for none."""
    for one in node.walk(prune=lambda one: isinstance(one, exp.Query)):
        if isinstance(one, exp.Window):
            return "a window function"
        if signatures.aggregate(call_name(one) or ""):
            return "an aggregate"
    return ""


def _unnest(node: exp.Unnest, scope: Scope, clause: exp.Expr | None) -> str:
    alias_node = node.args.get("alias")
    alias = ""
    if alias_node is not None:
        alias = alias_node.columns[0].name if alias_node.columns else alias_node.name
    own = scope.item_name(alias)
    if len(node.expressions) != 1:
        instead = "UNNEST(one) AS x WITH OFFSET AS place, and other[SAFE_OFFSET(place)] for those of another"
        scope.fault(node, f"UNNEST takes one array. Write {instead}.")
    gathers = _gathering(node.expressions[0])
    if gathers:
        scope.fault(node, f"UNNEST cannot hold {gathers}. Compute it in a WITH first.")
        scope.items.append(Anything(alias, []))
        return "(SELECT 1)"
    value = expression(node.expressions[0], scope)
    element = value.type.element or t.UNKNOWN
    if value.type.element is None and value.type != t.UNKNOWN:
        scope.fault(
            node,
            f"UNNEST needs an ARRAY, but '{shown(node.expressions[0])}' is {value.type}.",
        )
    element = t.INT64 if element == t.NULL else element
    whole = Value(element, f"{own}.{quote('value')}", bound=bound_of_elements(node.expressions[0], scope))
    offset = node.args.get("offset")
    listed = f"unnest({value.sql}) AS {quote('value')}"
    made = [
        _made(one, type_, scope) for one, (_, type_) in zip(_of_one(node.expressions[0]), element.fields, strict=False)
    ]
    _add(node, scope, alias, [])
    source = scope.items[-1]
    source.whole, source.columns = whole, fields_of(alias, whole)
    if made and source.whole.type.name == "STRUCT":
        source.columns = [
            (name, column._replace(origins=one.origins, bound=one.bound))
            for (name, column), one in zip(source.columns, made, strict=True)
        ]
    if offset or takes_first(clause and clause.parent):
        listed += f", CAST(unnest(range(len({value.sql}))) AS BIGINT) AS {quote('place')}"
        place = Value(t.INT64, f"{own}.{quote('place')}")
        source.unique = frozenset([place.sql])
    if offset:
        name = offset.name if isinstance(offset, exp.Identifier) else "offset"
        if scope.item(name) is not None:
            named_twice(node, name, scope)
        scope.items.append(FromItem(name, [(name, place)], place, source.unique))
    if value.type == t.UNKNOWN:
        scope.items[scope.items.index(source)] = Anything(alias, [])
    return f"LATERAL (SELECT {listed}) AS {own}"


def _of_one(array: exp.Expr) -> list[exp.Expr]:
    """Return the fields of the STRUCT that an ARRAY consists of, where it is written down and the only one."""
    only = array.expressions[0] if isinstance(array, exp.Array) and len(array.expressions) == 1 else None
    fields = only.expressions if isinstance(only, exp.Struct) else []
    return [one.expression if isinstance(one, exp.PropertyEQ) else one.unalias() for one in fields]


def _made(field: exp.Expr, type_: Type, scope: Scope) -> Value:
    """Return what a column is that comes from one value of each row: that value, as far as it says where it comes from."""
    return named(field, scope) if isinstance(field, exp.Column) else with_origins(field, Value(type_, ""), scope)
