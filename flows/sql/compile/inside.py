"""What stands in the parentheses of an aggregate: its arguments, DISTINCT, HAVING, IGNORE NULLS, ORDER BY and LIMIT."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlglot import exp

from flows.sql.compile.dispatch import expression
from flows.sql.compile.limit import count

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flows.sql.compile.order import Ordering
    from flows.sql.compile.scope import Scope
    from flows.sql.compile.value import Value


@dataclass(slots=True)
class Inside:
    """What stands in the parentheses of an aggregate."""

    call: exp.Expr
    arguments: list[tuple[exp.Expr, Value]] = field(default_factory=list)
    star: bool = False
    distinct: bool = False
    order: Sequence[exp.Expr] = ()
    limit: int | None = None
    nulls: type[exp.Expr] | None = None
    """IGNORE NULLS or RESPECT NULLS."""
    having: tuple[exp.Expr, Value] | None = None
    rows: tuple[exp.Expr, Value] | None = None
    """What HAVING names in aggregates of all rows in which it is the greatest or the least."""
    most: bool = False
    """Whether HAVING names the greatest, not the least."""

    @property
    def is_marked(self) -> bool:
        """Whether something beside HAVING says which values are seen, or in which order."""
        return self.distinct or bool(self.order) or self.limit is not None or self.nulls is not None


def read(call: exp.Expr, scope: Scope) -> Inside:
    """Compile what a call has in its parentheses."""
    inside, items = Inside(call), list(call.expressions)
    while items:
        item = items.pop(0)
        if isinstance(item, exp.Limit):
            inside.limit = count(item.expression, scope)
            items.insert(0, item.this)
        elif isinstance(item, exp.Order):
            inside.order = item.expressions
            items.insert(0, item.this)
        elif isinstance(item, exp.IgnoreNulls | exp.RespectNulls):
            inside.nulls = type(item)
            items.insert(0, item.this)
        elif isinstance(item, exp.HavingMax):
            inside.most = bool(item.args.get("max"))
            inside.having = (item.expression, expression(item.expression, scope))
            items.insert(0, item.this)
        elif isinstance(item, exp.Distinct):
            inside.distinct = True
            items[:0] = item.expressions
        elif isinstance(item, exp.Star):
            inside.star = True
        else:
            inside.arguments.append((item, expression(item, scope)))
    return inside


def of_own_rows(inside: Inside, order: Ordering, scope: Scope) -> Ordering:
    """Have what stands in an aggregate looked at for each row of this query, and return its order so.

    DuckDB takes an aggregate that names columns of queries around it alone for one of those.
    """
    if scope.parent is None:
        return order
    own = next((value.sql for item in scope.items for _, value in item.columns), None)
    if own is None:
        return order

    def seen(value: Value) -> Value:
        sql = f"CASE WHEN {own} IS NULL THEN {value.sql} ELSE {value.sql} END"
        return value if value.literal else value._replace(sql=sql)

    if inside.having and _is_around([inside.having], scope):
        # The greatest and the least of these are aggregates of their own.
        inside.having = inside.having[0], seen(inside.having[1])
    if not _is_around([*inside.arguments, *order.items, *([inside.having] if inside.having else [])], scope):
        return order
    inside.arguments = [(item, seen(value)) for item, value in inside.arguments]
    return order.of(inside.order, scope, seen)


def _is_around(pairs: Sequence[tuple[exp.Expr, Value]], scope: Scope) -> bool:
    """Say whether values name columns, all of them of queries around.

    A column of one row, or one that nothing decides, is the same for all rows and is named all the same.
    """
    levels = {level for _, value in pairs for level, _ in value.reads or ()}
    return max(levels) < scope.level if levels else any(node.find(exp.Column) for node, _ in pairs)
