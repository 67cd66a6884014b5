"""WITH RECURSIVE: queries that read their own rows, round by round, as far as BigQuery lets them."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

from sqlglot import exp

from flows.model.errors import SqlError
from flows.model.sizes import plural
from flows.sql import types as t
from flows.sql.compile.clauses import sql_names
from flows.sql.compile.dispatch import query
from flows.sql.compile.scope import Relation
from flows.sql.compile.sides import as_types, by_name
from flows.sql.compile.value import Value
from flows.sql.functions import signatures
from flows.sql.once import failure
from flows.sql.parse.tree import call_name
from flows.sql.types import quote

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flows.sql.compile.scope import Scope

MOST_ROUNDS = 500
"""As in BigQuery (https://cloud.google.com/bigquery/quotas#query_jobs)."""
_ROUND = quote("~round")
"""In which round a row came: a column that nobody can name."""


def in_order(with_: exp.Expr, scope: Scope) -> list[exp.CTE]:
    """Return the queries of a WITH RECURSIVE, each behind those that it reads."""
    by_name = {cte.alias.lower(): cte for cte in with_.expressions}
    if len(by_name) < len(with_.expressions):
        return list(with_.expressions)
    reads = {name: [one for one in by_name if one != name and _reads(cte.this, one)] for name, cte in by_name.items()}
    try:
        return [by_name[name] for name in TopologicalSorter(reads).static_order()]
    except CycleError as error:
        circle = " reads ".join(f"'{name}'" for name in reversed(error.args[1]))
        scope.fault(with_, f"the queries of WITH RECURSIVE read one another in a circle: {circle}.")
        raise SqlError(scope.context.faults) from None


def _reads(node: exp.Expr, name: str) -> list[exp.Table]:
    return [table for table in node.find_all(exp.Table) if not table.db and table.name.lower() == name]


def recursive(cte: exp.CTE, own: str, scope: Scope) -> Relation | None:
    """Compile a query that reads itself, as what stands between the commas of WITH; None where it does not."""
    name = cte.alias.lower()
    if not _reads(cte.this, name):
        return None
    union = cte.this
    while isinstance(union, exp.Subquery) and isinstance(union.this, exp.Query):
        union = union.this
    fault = _misplaced(union, name)
    if fault:
        scope.fault(cte, f"WITH RECURSIVE {cte.alias}: {fault}")
        # The names that refer to themselves would be one fault more each.
        raise SqlError(scope.context.faults)
    first = query(union.this, scope.inner())
    columns = [
        (column, Value(t.INT64 if value.type == t.NULL else value.type, "", drifts=value.drifts))
        for column, value in first.columns
    ]
    scope.ctes[name] = Relation(columns, own, element=first.element, anything=first.anything)
    more = query(union.expression, scope.inner())
    del scope.ctes[name]
    if first.anything or more.anything:
        return Relation(columns, "", anything=True)
    if union.args.get("by_name"):
        by_name(union, "UNION", [first, more], scope)
    _check_types(union, columns, more, scope)
    columns = [
        (column, value._replace(drifts=value.drifts or other.drifts))
        for (column, value), (_, other) in zip(columns, more.columns, strict=False)
    ]
    scope.context.decides |= bool(union.args.get("distinct")) and any(value.drifts for _, value in columns)
    sql = _rounds(
        own, columns, [as_types(side, columns, scope) for side in (first, more)], bool(union.args.get("distinct"))
    )
    return Relation(columns, sql, nodes=first.nodes, element=first.element)


def _misplaced(union: exp.Expr, name: str) -> str:
    """Say what GoogleSQL has no recursion for; an empty text where nothing is."""
    if not isinstance(union, exp.Union) or _reads(union.this, name) or union.args.get("side") or union.args.get("kind"):
        return "write a query that does not read it, UNION ALL, and one that does."
    if any(union.args.get(key) for key in ("order", "limit", "offset", "with_")):
        return "no WITH, ORDER BY or LIMIT stands inside. Write them outside."
    references = _reads(union.expression, name)
    if len(references) > 1:
        return "it reads itself twice. Read it once, and join others."
    node: exp.Expr = references[0]
    while node is not union:
        around = node.parent
        if isinstance(around, exp.Select):
            joins = around.args.get("joins") or []
            behind = joins[joins.index(node) + 1 :] if node in joins else joins
            sides = {str(join.args.get("side") or "").upper() for join in behind}
            own = str(node.args.get("side") or "").upper()
            if sides & {"RIGHT", "FULL"} or own in {"LEFT", "FULL"}:
                return "it stands on the side of an outer join that may be NULL. Turn the join around, or write JOIN."
            if any(
                around.args.get(key) for key in ("distinct", "group", "having", "qualify", "order", "limit", "with_")
            ):
                return "the query that reads it has no DISTINCT, GROUP BY, ORDER BY, LIMIT or WITH. Write them outside."
            if _gathers(around):
                return "the query that reads it has no aggregate and no window function. Write them outside."
        elif not isinstance(around, exp.From | exp.Join | exp.Subquery | exp.Union):
            return "it is read in a subquery that is a value. Join it in FROM."
        node = around
    return ""


def _gathers(select: exp.Expr) -> bool:
    """Say whether a SELECT itself, and no query in it, holds an aggregate or a window function."""
    calls = select.find_all(exp.Anonymous, exp.Window)
    return any(
        (isinstance(call, exp.Window) or signatures.aggregate(call_name(call) or "")) and call.parent_select is select
        for call in calls
    )


def _check_types(union: exp.Expr, columns: Sequence[tuple[str | None, Value]], more: Relation, scope: Scope) -> None:
    if len(columns) != len(more.columns):
        scope.fault(union, f"the sides of UNION give {len(columns)} and {plural(len(more.columns), 'column')}.")
        raise SqlError(scope.context.faults)
    for (name, first), (_, other), node in zip(columns, more.columns, more.nodes, strict=True):
        if not t.turns(other.given, first.type):
            scope.fault(
                node,
                f"column '{name}' is {first.type} in the first rows of WITH RECURSIVE and {other.type} in others. Write CAST in the first SELECT.",
            )


def _rounds(own: str, columns: Sequence[tuple[str | None, Value]], sides: Sequence[str], distinct: bool) -> str:
    """Return DuckDB's recursion, with the round of each row."""
    names = [quote(name) for name in sql_names(columns)]
    listed = ", ".join(names)
    before = f"(SELECT max({_ROUND}) FROM {own})"
    too_many = failure(f"WITH RECURSIVE goes on for more than {MOST_ROUNDS} rounds, which BigQuery does not do")
    next_ = f"CASE WHEN {before} >= {MOST_ROUNDS} THEN {too_many} ELSE {before} + 1 END"
    first, more = (f"({side}) AS {quote('~rows')} ({listed})" for side in sides)
    if distinct:
        first = f"(SELECT DISTINCT {listed} FROM {first})"
        more = f"(SELECT {listed} FROM {more} EXCEPT SELECT {listed} FROM recurring.{own})"
    key = f" USING KEY ({listed})" if distinct else ""
    return (
        f"{own} ({listed}, {_ROUND}){key} AS (SELECT {listed}, 0 FROM {first} "
        f"UNION {'' if distinct else 'ALL '}SELECT {listed}, {next_} FROM {more})"
    )
