"""IN: a list, an array, a query."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlglot import exp

from flows.sql import types as t
from flows.sql.compile import cast
from flows.sql.compile.clauses import sql_names
from flows.sql.compile.convert import comparable, compare, converted, in_common, with_parts
from flows.sql.compile.dispatch import compiles, expression, query
from flows.sql.compile.equality import among
from flows.sql.compile.value import NOTHING, Value
from flows.sql.once import bound, plain
from flows.sql.parse.tree import keeps_rows_out
from flows.sql.shown import shown
from flows.sql.types import quote

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flows.model.types import Type
    from flows.sql.compile.scope import Relation, Scope


_IN_ITS_OWN_WAY = {"ARRAY", "STRUCT", "INTERVAL"}
"""What DuckDB does not compare as GoogleSQL does."""
_LEVELS = re.compile(r'"t([0-9]+)_')
"""How deep the queries lie whose rows SQL names; it may name those of which its value does not depend."""


@compiles(exp.In, reads=("query", "unnest"))
def _in(node: exp.Expr, scope: Scope) -> Value:
    value = expression(node.this, scope)
    if node.args.get("unnest"):
        return _in_array(node, value, scope)
    if node.args.get("query"):
        return _in_query(node, value, scope)
    items = [(item, expression(item, scope)) for item in node.expressions]
    common = comparable(node, [value, *(item for _, item in items)], scope, ordered=False)
    if common is None:
        return NOTHING
    pairs = [(node.this, value), *items]
    lazily = keeps_rows_out(node) and all(item.same for _, item in items)
    if common != t.FLOAT64 and common.name not in _IN_ITS_OWN_WAY:
        scope.context.decides |= any(one.drifts for _, one in pairs)
        given = [converted(*pair, common, scope) for pair in pairs]
        listed = all(map(plain, given[1:])) or lazily
        # DuckDB computes none behind the first that is equal, which must hide no error.
        return Value(t.BOOL, _listed(given) if listed else bound(given, _listed))

    def one_of(values: Sequence[Value]) -> str:
        sides = [(one, value) for (one, _), value in zip(pairs, values, strict=True)]
        return f"({' OR '.join(compare(node, sides[0], '=', side, scope) for side in sides[1:])})"

    return Value(t.BOOL, with_parts(in_common(pairs, scope), one_of, lazily=lazily))


def _listed(values: Sequence[str]) -> str:
    return f"({values[0]} IN ({', '.join(values[1:])}))"


def _in_array(node: exp.Expr, value: Value, scope: Scope) -> Value:
    array = node.args["unnest"].expressions[0]
    listed = expression(array, scope)
    if t.UNKNOWN in (listed.type, value.type):
        return NOTHING
    if listed.type.element is None:
        return scope.fault(node, f"UNNEST needs an ARRAY, but '{shown(array)}' is {listed.type}.")
    element = Value(listed.type.element, "x", literal=listed.literal)
    common = comparable(node, [value, element], scope, ordered=False)
    if common is None:
        return NOTHING
    if not listed.literal and t.UNKNOWN not in (common, listed.type.element) and common != listed.type.element:
        written = shown(array)
        instead = f"Write {shown(node.this)} IN (SELECT one FROM UNNEST({written}) AS one)."
        return scope.fault(
            node, f"'{written}' is {listed.type}, which does not turn into an ARRAY of {common}. {instead}"
        )
    if listed.literal and listed.type.element == t.STRING:
        # What is written down turns into the type item by item, as it is read there.
        listed = Value(t.array(common), converted(array, listed, t.array(common), scope))
    return _among(node, value, (listed.sql, listed.type), common, scope)


def _among(node: exp.Expr, value: Value, array: tuple[str, Type], common: Type, scope: Scope) -> Value:
    """Return whether a value is one of an ARRAY's, compared in one type."""
    sql, (listed, type_) = converted(node.this, value, common, scope), array
    if common.name in _IN_ITS_OWN_WAY:
        return Value(t.BOOL, among(sql, cast.cast(listed, type_, t.array(common), "NULL"), common))
    if common != type_.element:
        listed = f"CAST({listed} AS {t.duckdb_type(t.array(common))})"

    def found(names: Sequence[str]) -> str:
        one, all_ = names
        nan = f" AND NOT isnan({one})" if common == t.FLOAT64 else ""
        return (
            f"CASE WHEN coalesce(len({all_}), 0) = 0 THEN FALSE WHEN {one} IS NULL THEN NULL "
            f"WHEN list_contains({all_}, {one}){nan} THEN TRUE "
            f"WHEN list_count({all_}) < len({all_}) THEN NULL ELSE FALSE END"
        )

    return Value(t.BOOL, bound([sql, listed], found))


def _in_query(node: exp.Expr, value: Value, scope: Scope) -> Value:
    relation = query(node.args["query"], scope.inner())
    if relation.anything:
        return NOTHING
    if len(relation.columns) != 1:
        return scope.fault(node, f"IN needs a query of one column; this one gives {len(relation.columns)}.")
    inner = relation.columns[0][1]
    # What is written down before a query does not turn into the type of its column, and NULL is an INT64 there.
    kinds = [t.given(value.type), t.given(inner.type)]
    if {*kinds} == {t.DATE, t.DATETIME}:
        written = shown(node.this)
        instead = f"DATETIME({written})" if kinds[0] == t.DATE else f"DATE({written})"
        return scope.fault(node, f"IN compares no {kinds[0]} with a query's {kinds[1]}. Write {instead} IN (...).")
    common = comparable(node, [Value(kind, "x") for kind in kinds], scope, ordered=False)
    if common is None or common == t.UNKNOWN:
        return NOTHING
    if not _of_one_kind(*kinds):
        message = f"IN compares no {kinds[0]} with a query's {kinds[1]}"
        return scope.fault(node, f"{message}: CAST the parts that differ, to one type on both sides.")
    # Where a query of names around it takes the elements of an array, or can end in an error, DuckDB mistakes no rows for NULL.
    correlated = any(int(level) <= scope.level for level in _LEVELS.findall(relation.sql))
    mistaken = correlated and any(sign in relation.sql for sign in ("LATERAL (", "error("))
    if keeps_rows_out(node) and not correlated and _is_row(common):
        return Value(t.BOOL, _is_given(converted(node.this, value, common, scope), relation, common, scope))
    if mistaken or common == t.FLOAT64 or common.name in _IN_ITS_OWN_WAY:
        return _among(node, value, (f"ARRAY({relation.sql})", t.array(inner.type)), common, scope)
    sql = relation.sql
    if common != inner.type:
        (name,) = sql_names(relation.columns)
        own = scope.inner().item_name("")
        sql = f"SELECT CAST({own}.{quote(name)} AS {t.duckdb_type(common)}) FROM ({sql}) AS {own}"
    return Value(t.BOOL, f"({converted(node.this, value, common, scope)} IN ({sql}))")


def _of_one_kind(one: Type, other: Type) -> bool:
    """Say whether STRUCTs have parts of the same types, which do not turn into others behind IN; TRUE of anything else."""
    if t.UNKNOWN in (one, other) or "STRUCT" not in (one.name, other.name):
        return True
    pairs = zip(one.fields, other.fields, strict=False)
    return all(
        _of_one_kind(mine, its) and (mine.name == its.name or t.UNKNOWN in (mine, its)) for (_, mine), (_, its) in pairs
    )


def _is_row(type_: Type) -> bool:
    """Say whether a type is a STRUCT of parts that DuckDB compares as GoogleSQL does, but for NULL."""
    return type_.name == "STRUCT" and not any(
        part == t.FLOAT64 or part.name in _IN_ITS_OWN_WAY for _, part in type_.fields
    )


def _is_given(value: str, relation: Relation, type_: Type, scope: Scope) -> str:
    """Return whether a query gives a STRUCT, where FALSE and NULL say the same, so that DuckDB looks in a hash table.

    It takes NULL for equal to NULL: a row with one in a part is equal to none.
    """
    (name,) = sql_names(relation.columns)
    own = scope.inner().item_name("")
    parts = [f"struct_extract_at({own}.{quote(name)}, {place})" for place, _ in enumerate(type_.fields, 1)]
    row = ", ".join(
        f"CAST({part} AS {t.duckdb_type(kind)})" for part, (_, kind) in zip(parts, type_.fields, strict=True)
    )
    known = " AND ".join(f"{part} IS NOT NULL" for part in parts)
    return f"({value} IN (SELECT ROW({row}) FROM ({relation.sql}) AS {own} WHERE {known}))"
