"""ORDER BY and OVER: keys that put NULL and NaN where GoogleSQL does, partitions and frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from flows.model.errors import did_you_mean
from flows.sql import types as t
from flows.sql.compile.from_clause import From

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flows.sql.compile.scope import Scope, Value


class Order(From):
    """Compiles what puts rows in order."""

    def order(self, node: exp.Expr, scope: Scope, values: Sequence[Value]) -> str:
        """Compile a query's ORDER BY; `values` are its columns."""
        order = node.args.get("order")
        if order is None:
            return ""
        keys: list[str] = []
        for one in order.expressions:
            place = one.this
            if isinstance(place, exp.Literal) and not place.is_string and place.name.isdigit():
                if 1 <= int(place.name) <= len(values):
                    keys += self.order_keys(one, values[int(place.name) - 1])
                else:
                    self.fault(place, f"ORDER BY {place.name}: the SELECT list has {len(values)} columns.")
            else:
                keys += self.order_keys(one, self.expression(place, scope))
        return f" ORDER BY {', '.join(keys)}" if keys else ""

    def ordering(self, ordered: Sequence[exp.Expr], scope: Scope) -> list[str]:
        """Return the keys of an ORDER BY in which a number is no place."""
        return [key for one in ordered for key in self.order_keys(one, self.expression(one.this, scope))]

    def order_keys(self, node: exp.Expr, value: Value) -> list[str]:
        """Return the keys for one item: NULLs first, then NaN, then numbers; the other way round for DESC."""
        if value.type.name in {"ARRAY", "STRUCT", "JSON"}:
            self.fault(node, f"a query cannot ORDER BY {value.type.name}.")
        way = "DESC" if node.args.get("desc") else "ASC"
        nulls = "FIRST" if node.args.get("nulls_first") else "LAST"
        key = f"{value.sql} {way} NULLS {nulls}"
        if value.type != t.FLOAT64:
            return [key]
        return [f"isnan({value.sql}) {'ASC' if way == 'DESC' else 'DESC'} NULLS {nulls}", key]

    def over(self, window: exp.Window, scope: Scope) -> str:
        """Return the parentheses after OVER."""
        partition, order, spec = self._window_parts(window, scope, ())
        parts = []
        if partition:
            parts.append("PARTITION BY " + ", ".join(self.expression(one, scope).sql for one in partition))
        if order:
            keys = self.ordering(order.expressions, scope)
            parts.append("ORDER BY " + ", ".join(keys))
            if spec and spec.args.get("kind") == "RANGE" and len(keys) > 1 and not _whole(spec):
                self.unsupported(window, "RANGE between numbers of FLOAT64")
        if spec:
            parts.append(self._frame(spec, scope))
        return f"({' '.join(parts)})"

    def _window_parts(
        self, window: exp.Window, scope: Scope, seen: tuple[str, ...]
    ) -> tuple[list[exp.Expr], exp.Expr | None, exp.Expr | None]:
        partition, order, spec = (window.args.get(key) for key in ("partition_by", "order", "spec"))
        alias = window.args.get("alias")
        base = alias.name if alias is not None else ""
        if base:
            named = scope.windows.get(base.lower())
            if named is None or base.lower() in seen:
                self.fault(window, f"'{base}' is not a window of this SELECT.{did_you_mean(base, scope.windows)}")
            else:
                inherited = self._window_parts(named, scope, (*seen, base.lower()))
                partition, order, spec = partition or inherited[0], order or inherited[1], spec or inherited[2]
        return partition or [], order, spec

    def _frame(self, spec: exp.Expr, scope: Scope) -> str:
        if spec.args.get("exclude"):
            self.unsupported(spec, "EXCLUDE in a window frame")

        def side(which: str) -> str:
            limit, way = spec.args.get(which), spec.args.get(f"{which}_side")
            if limit is None:
                return "CURRENT ROW"
            word = limit if isinstance(limit, str) else self.expression(limit, scope).sql
            return f"{word} {way}" if way else word

        return f"{spec.args.get('kind') or 'ROWS'} BETWEEN {side('start')} AND {side('end')}"


def _whole(spec: exp.Expr) -> bool:
    return all(isinstance(spec.args.get(key), str | None) for key in ("start", "end"))
