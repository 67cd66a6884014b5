"""Aggregates of some of their values: as many as LIMIT says, those of the rows that HAVING MAX or MIN names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.sql import types as t
from flows.sql.compile.value import Value
from flows.sql.once import bound

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlglot import exp

    from flows.model.types import Type
    from flows.sql.compile.scope import Scope

_OF_LISTS = {
    **{name: name.lower() for name in ("COUNT", "SUM", "MIN", "MAX", "AVG", "BIT_AND", "BIT_OR", "BIT_XOR")},
    "LOGICAL_AND": "bool_and",
    "LOGICAL_OR": "bool_or",
}
"""What DuckDB calls an aggregate of a list."""
_ENDS = {"MIN": "min", "MAX": "max", "ANY_VALUE": "min"}
"""What takes one value by an order, in DuckDB's words."""


def limited(  # noqa: PLR0913, PLR0917 - the parts of a call
    name: str,
    node: exp.Expr,
    value: Value,
    arguments: Sequence[Value],
    marks: Mapping[str, str],
    limit: int,
    scope: Scope,
) -> Value:
    """Return an aggregate of as many values as LIMIT says."""
    if not limit:
        return Value(value.type, f"CASE WHEN FALSE THEN {value.sql} END")
    if name == "ARRAY_AGG":
        return Value(value.type, f"list_slice({value.sql}, 1, {limit})")
    if value.type == t.BYTES:
        return scope.unsupported(node, f"{name} of BYTES with LIMIT")
    given = arguments[0].sql
    found = f"array_agg({marks['d']}{given}{marks['s']}) FILTER (WHERE {given} IS NOT NULL){marks['o']}"
    listed = f"list_slice({found}, 1, {limit})"
    return Value(value.type, _joined(listed, arguments) if value.type == t.STRING else f"flatten({listed})")


def _joined(listed: str, arguments: Sequence[Value]) -> str:
    separator = arguments[1].sql if len(arguments) > 1 else "','"
    return f"array_to_string({listed}, {separator})"


def of_queries(name: str, value: Value, arguments: Sequence[tuple[exp.Expr, Value]], over: str) -> Value:
    """Return an aggregate, where it is the least or the greatest of STRUCTs or the like that queries give by another function.

    DuckDB's own min and max of them copy their argument, and no query can be copied.
    """
    nested = value.type.element is not None or bool(value.type.fields) or value.type == t.INTERVAL
    if name not in _ENDS or not nested or "SELECT" not in arguments[0][1].sql:
        return value
    return value._replace(sql=f"list_aggregate(array_agg({arguments[0][1].sql}){over}, '{_ENDS[name]}')")


def of_extreme(  # noqa: PLR0913, PLR0917 - the parts of a call
    name: str,
    node: exp.Expr,
    type_: Type,
    arguments: Sequence[Value],
    by: Value,
    marks: Mapping[str, str],
    scope: Scope,
    *,
    most: bool,
    limit: int | None,
    ignores_nulls: bool,
) -> Value:
    """Return an aggregate of the rows in which another value is the greatest, or the least; of NaN it is none."""
    inexact = arguments[0].type in {t.FLOAT64, t.NULL} and name not in {"COUNT", "MAX", "ARRAY_AGG"}
    known = name in _OF_LISTS or (name in {"ARRAY_AGG", "STRING_AGG"} and not marks["d"] and type_ != t.BYTES)
    if (
        by.type == t.NULL
        or t.INTERVAL in (by.type, arguments[0].type)
        or not t.can(by.type, "order")
        or inexact
        or not known
        or (name == "AVG" and type_ != t.FLOAT64)
    ):
        return scope.fault(
            node,
            f"{name} of {arguments[0].type} with HAVING MAX or MIN by {by.type} is not supported. Compute it over the rows that a WITH leaves.",
        )
    extreme = f"{'max' if most else 'min'}({by.sql})"
    if by.type == t.FLOAT64:
        extreme = f"CASE WHEN NOT bool_or(isnan({by.sql})) THEN {extreme} END"
    rows = f"array_agg({{'by': {by.sql}, 'of': {arguments[0].sql}}}{marks['s']})"

    def build(names: Sequence[str]) -> str:
        # In HAVING, DuckDB takes a name behind a point for that of a column.
        chosen = f"list_filter({names[0]}, lambda xrow: struct_extract(xrow, 'by') = {names[1]})"
        listed = f"list_transform({chosen}, lambda xrow: struct_extract(xrow, 'of'))"
        if name in _OF_LISTS:
            listed = f"list_distinct({listed})" if marks["d"] else listed
            sql = f"CAST(list_aggregate({listed}, '{_OF_LISTS[name]}') AS {t.duckdb_type(type_)})"
            return f"coalesce({sql}, 0)" if name == "COUNT" else sql
        if ignores_nulls or name == "STRING_AGG":
            listed = f"list_filter({listed}, lambda xone: xone IS NOT NULL)"
        listed = f"list_slice({listed}, 1, {limit})" if limit is not None else listed
        listed = f"list_transform([{listed}], lambda xall: CASE WHEN len(xall) > 0 THEN xall END)[1]"
        return listed if name == "ARRAY_AGG" else _joined(listed, arguments)

    return Value(type_, bound([rows, extreme], build))
