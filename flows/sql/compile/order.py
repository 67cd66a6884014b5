"""ORDER BY and OVER: keys that put NULL and NaN where GoogleSQL does, partitions and frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from flows.model.errors import did_you_mean
from flows.sql import types as t
from flows.sql.compile.dispatch import expression
from flows.sql.shown import shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flows.sql.compile.scope import Scope, Value


def order_by(node: exp.Expr, scope: Scope, values: Sequence[Value]) -> str:
    """Compile a query's ORDER BY; `values` are its columns."""
    order = node.args.get("order")
    if order is None:
        return ""
    keys: list[str] = []
    for one in order.expressions:
        place = one.this
        if isinstance(place, exp.Literal) and not place.is_string and place.name.isdigit():
            if 1 <= int(place.name) <= len(values):
                keys += _keys(one, values[int(place.name) - 1], scope)
            else:
                scope.fault(place, f"ORDER BY {place.name}: the SELECT list has {len(values)} columns.")
        else:
            keys += _keys(one, expression(place, scope), scope)
    return f" ORDER BY {', '.join(keys)}" if keys else ""


def ordering(ordered: Sequence[exp.Expr], scope: Scope) -> list[str]:
    """Return the keys of an ORDER BY in which a number is no place."""
    return [key for one in ordered for key in _keys(one, expression(one.this, scope), scope)]


def _keys(node: exp.Expr, value: Value, scope: Scope) -> list[str]:
    """Return the keys for one item: NULLs first, then NaN, then numbers; the other way round for DESC."""
    if value.type.name in {"ARRAY", "STRUCT", "JSON"}:
        scope.fault(node, f"a query cannot ORDER BY {value.type.name}.")
    way = "DESC" if node.args.get("desc") else "ASC"
    nulls = "FIRST" if node.args.get("nulls_first") else "LAST"
    key = f"{value.sql} {way} NULLS {nulls}"
    if value.type != t.FLOAT64:
        return [key]
    return [f"isnan({value.sql}) {'ASC' if way == 'DESC' else 'DESC'} NULLS {nulls}", key]


def over(window: exp.Window, scope: Scope) -> str:
    """Return the parentheses after OVER."""
    partition, order, spec = _window_parts(window, scope, ())
    parts = []
    if partition:
        parts.append("PARTITION BY " + ", ".join(_partition(one, scope) for one in partition))
    if order:
        keys = ordering(order.expressions, scope)
        parts.append("ORDER BY " + ", ".join(keys))
        if spec and spec.args.get("kind") == "RANGE" and len(keys) > 1 and not _whole(spec):
            scope.unsupported(window, "RANGE between numbers of FLOAT64")
    if spec:
        parts.append(_frame(spec, scope))
    return f"({' '.join(parts)})"


def _partition(node: exp.Expr, scope: Scope) -> str:
    value = expression(node, scope)
    if value.type in (t.FLOAT64, t.JSON):
        scope.fault(node, f"a window cannot PARTITION BY {value.type}. Write CAST({shown(node)} AS STRING).")
    return value.sql


def _window_parts(
    window: exp.Window, scope: Scope, seen: tuple[str, ...]
) -> tuple[list[exp.Expr], exp.Expr | None, exp.Expr | None]:
    partition, order, spec = (window.args.get(key) for key in ("partition_by", "order", "spec"))
    alias = window.args.get("alias")
    base = alias.name if alias is not None else ""
    if base:
        named = scope.windows.get(base.lower())
        if named is None or base.lower() in seen:
            scope.fault(window, f"'{base}' is not a window of this SELECT.{did_you_mean(base, scope.windows)}")
        else:
            inherited = _window_parts(named, scope, (*seen, base.lower()))
            partition, order, spec = partition or inherited[0], order or inherited[1], spec or inherited[2]
    return partition or [], order, spec


def _frame(spec: exp.Expr, scope: Scope) -> str:
    if spec.args.get("exclude"):
        scope.unsupported(spec, "EXCLUDE in a window frame")

    def side(which: str) -> str:
        limit, way = spec.args.get(which), spec.args.get(f"{which}_side")
        if limit is None:
            return "CURRENT ROW"
        word = limit if isinstance(limit, str) else expression(limit, scope).sql
        return f"{word} {way}" if way else word

    return f"{spec.args.get('kind') or 'ROWS'} BETWEEN {side('start')} AND {side('end')}"


def _whole(spec: exp.Expr) -> bool:
    return all(isinstance(spec.args.get(key), str | None) for key in ("start", "end"))


def limit(node: exp.Expr, scope: Scope) -> tuple[str, bool]:
    """Compile LIMIT and OFFSET; say whether there is one."""
    sql = ""
    for key in ("limit", "offset"):
        part = node.args.get(key)
        if part is not None:
            scope.guard(part, {"expression", "this"})
            sql += f" {key.upper()} {count(part.expression, scope)}"
    return sql, bool(sql)


def count(node: exp.Expr, scope: Scope) -> int:
    """Return the number of LIMIT and OFFSET."""
    if isinstance(node, exp.Literal) and not node.is_string and node.name.isdecimal() and int(node.name) < 2**63:
        return int(node.name)
    scope.fault(node, f"'{shown(node)}': LIMIT and OFFSET take a whole number of INT64.")
    return 0
