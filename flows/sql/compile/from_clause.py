"""FROM and its joins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from flows.sql.compile.clauses import plain
from flows.sql.compile.conditions import note_bounds
from flows.sql.compile.convert import boolean, compare
from flows.sql.compile.from_items import from_item
from flows.sql.compile.scope import NOTHING, FromItem, Scope, Value

if TYPE_CHECKING:
    from collections.abc import Sequence

_JOIN = {"this", "on", "using", "side", "kind"}


def from_clause(node: exp.Expr, scope: Scope) -> str:
    """Compile a query's FROM and its joins, and add them to the scope."""
    from_ = node.args.get("from_")
    scope.first = len(scope.context.occurrences)
    if from_ is None:
        return ""
    sql = f" FROM {from_item(from_.this, scope)}"
    for join in node.args.get("joins") or []:
        sql += _join(join, scope)
    return sql


def _join(join: exp.Expr, scope: Scope) -> str:
    scope.guard(join, _JOIN)
    side, kind = str(join.args.get("side") or "").upper(), str(join.args.get("kind") or "").upper()
    if kind not in {"", "INNER", "CROSS", "OUTER"}:
        scope.unsupported(join, f"{kind} JOIN")
    before = len(scope.items)
    item = from_item(join.this, scope)
    for source in _filled(scope, before, side):
        source.columns = [
            (name, value._replace(reads=frozenset([(scope.level, value.sql)])) if value.same else value)
            for name, value in source.columns
        ]
    on, using = join.args.get("on"), join.args.get("using")
    if using:
        condition = _using(join, using, scope, before, side)
    elif on is not None:
        with plain(on, scope, "ON"):
            condition = f" ON {boolean(on, scope, 'ON').sql}"
        note_bounds(on, scope, _bounded_sides(scope, before, side))
    else:
        condition = " ON TRUE" if side else ""
        if side or kind == "INNER" or (kind != "CROSS" and not isinstance(join.this, exp.Unnest)):
            if isinstance(join.this, exp.Unnest):
                condition = " ON TRUE"
            else:
                scope.fault(
                    join, f"{(side + ' ') if side else ''}JOIN needs ON or USING. Write CROSS JOIN for every pair."
                )
                # What would be joined by USING is ambiguous without it: no fault of its own.
                for source in scope.items[before:]:
                    source.columns = [(name, NOTHING) for name, _ in source.columns]
    if not condition:
        return f" CROSS JOIN {item}"
    return f" {side + ' ' if side else ''}JOIN {item}{condition}"


def _filled(scope: Scope, before: int, side: str) -> list[FromItem]:
    """Return the items of FROM whose columns are NULL where an outer join finds no row."""
    return {"LEFT": scope.items[before:], "RIGHT": scope.items[:before], "FULL": scope.items}.get(side, [])


def _bounded_sides(scope: Scope, before: int, side: str) -> list[FromItem]:
    """Return the tables whose rows an ON condition keeps out, where it names them."""
    if side == "FULL":
        return []
    if side == "LEFT":
        return scope.items[before:]
    return scope.items[:before] if side == "RIGHT" else scope.items


def _using(join: exp.Expr, using: Sequence[exp.Expr], scope: Scope, before: int, side: str) -> str:
    conditions = []
    for column in using:
        name = column.name
        left = [value for source in scope.items[:before] for value in source.find(name)]
        if name.lower() in scope.merged:
            left = [scope.merged[name.lower()]]
        right = [value for source in scope.items[before:] for value in source.find(name)]
        if len(left) != 1 or len(right) != 1:
            where = (
                "on both sides"
                if not left and not right
                else ("before the JOIN" if len(left) != 1 else "in the joined table")
            )
            scope.fault(column, f"'{name}' in USING must be one column {where}.")
            continue
        conditions.append(compare(join, (column, left[0]), "=", (column, right[0]), scope))
        merged = {"RIGHT": right[0], "FULL": Value(left[0].type, f"coalesce({left[0].sql}, {right[0].sql})")}
        chosen = merged.get(side, left[0])
        both = left[0].origins | right[0].origins if not side else chosen.origins
        scope.merged[name.lower()] = Value(chosen.type, chosen.sql, origins=both)
    return f" ON {' AND '.join(conditions)}" if conditions else " ON TRUE"
