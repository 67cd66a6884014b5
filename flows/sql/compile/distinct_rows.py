"""What ORDER BY can see of SELECT DISTINCT: the columns that it gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from flows.sql import types as t
from flows.sql.compile.origins import columns_in, named
from flows.sql.shown import shown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flows.sql.compile.scope import Scope
    from flows.sql.compile.value import Value


def refuse_hidden(
    order: exp.Expr, scope: Scope, columns: Sequence[tuple[str | None, Value]], seen: Mapping[str, Value]
) -> None:
    """Note a fault of what no column of SELECT DISTINCT holds, so that its rows cannot be ordered by it.

    `seen` are the columns of FROM that the order names, also in queries inside.
    """
    faults = len(scope.context.faults)
    if scope.aggregated or scope.windowed:
        scope.fault(
            order, "ORDER BY of SELECT DISTINCT takes no function of many rows. Order by a column of the SELECT list."
        )
    names, given = {(name or "").lower() for name, _ in columns}, {value.sql for _, value in columns}
    known = all(value.type != t.UNKNOWN for _, value in columns)
    for one in columns_in(order) if known else ():
        value = named(one, scope) if len(one.parts) > 1 or one.name.lower() not in names else None
        if value is not None and value.type != t.UNKNOWN and value.sql not in given:
            message = "is no column of SELECT DISTINCT. Add it to the SELECT list, or order by what is there."
            scope.fault(one, f"'{shown(one)}' {message}")
    inner = order.find(exp.Query) if known and len(scope.context.faults) == faults else None
    others = [value for sql, value in seen.items() if sql not in given and value.type != t.UNKNOWN]
    if inner is not None and any(not value.type.fields for value in others):
        said = "a query in the ORDER BY of SELECT DISTINCT reads what is no column of its list"
        scope.fault(inner, f"{said}. Add it to the list, or order by what is there.")


def refuse_ungrouped(node: exp.Expr, scope: Scope, values: Sequence[Value]) -> None:
    """Note a fault of JSON or INTERVALs among what SELECT DISTINCT gives."""
    found = next((value for value in values if not t.can(value.type, "group")), None)
    if found is not None:
        scope.fault(node, f"SELECT DISTINCT cannot compare {found.type}. {t.instead_of_groups(found.type, 'Compare')}")
