"""CAST and SAFE_CAST."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from flows.model.types import parse_type
from flows.sql import types as t
from flows.sql.compile import cast
from flows.sql.compile.dispatch import compiles, expression
from flows.sql.compile.safe import safely
from flows.sql.compile.scope import Value
from flows.sql.parse.templates import quoted
from flows.sql.types import quote_text

if TYPE_CHECKING:
    from flows.model.types import Type
    from flows.sql.compile.scope import Scope


@compiles(exp.Cast, exp.TryCast, reads=("to", "format", "safe"))
def _cast(node: exp.Expr, scope: Scope) -> Value:
    safe = isinstance(node, exp.TryCast)
    if node.args.get("format"):
        return scope.unsupported(node, "CAST with FORMAT")
    try:
        want = parse_type(node.args["to"].sql(dialect="bigquery"))
    except ValueError as error:
        return scope.fault(node, str(error))
    value = expression(node.this, scope)
    if value.type == t.UNKNOWN:
        return Value(want.base, "NULL")
    if value.literal and value.type == t.STRING and want in (t.DATE, t.TIMESTAMP, t.DATETIME, t.TIME):
        read = cast.literal(str(value.constant), want)
        if read is None and not safe:
            return scope.fault(node, f"'{value.constant}' is not a {want}.{quoted(str(value.constant))}")
        return Value(want, read or f"CAST(NULL AS {t.duckdb_type(want)})", may_fail=False)
    if value.literal and want.base in t.DECIMALS and value.type in (t.FLOAT64, t.INT64, t.STRING) and not want.decimal:
        number = cast.decimal_literal(str(value.constant), want)
        if number is None and not safe:
            kept = " of 38 digits, which is what the embedded warehouse holds" if want == t.BIGNUMERIC else ""
            return scope.fault(node, f"'{value.constant}' is not a {want}{kept}.")
        return Value(want, number or f"CAST(NULL AS {t.duckdb_type(want)})", may_fail=False)
    if not cast.exists(value.type, want):
        return scope.fault(node, f"{value.type} cannot be cast to {want}.")
    if safe and cast.reads_text_within(value.type, want):
        return scope.unsupported(node, f"SAFE_CAST of {value.type} to {want}")
    if safe:
        sql = safely(lambda given: cast.cast(given[0], value.type, want, "NULL"), [value.sql], may_fail=value.may_fail)
    else:
        sql = cast.cast(value.sql, value.type, want, _failure(value, want))
    return Value(want.base, sql)


def _failure(value: Value, want: Type) -> str:
    """Return the SQL for what a text that cannot be read gives."""
    return f"error({quote_text(f'Could not cast {value.type.name} to {want}: ')} || CAST({value.sql} AS VARCHAR))"
