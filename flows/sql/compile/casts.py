"""CAST and SAFE_CAST."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from flows.model.types import parse_type
from flows.sql import types as t
from flows.sql.compile import cast
from flows.sql.compile.dispatch import compiles, expression
from flows.sql.compile.scope import Value
from flows.sql.once import bound, failure, safely
from flows.sql.parse.templates import quoted
from flows.sql.shown import shown

if TYPE_CHECKING:
    from collections.abc import Sequence

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
    if isinstance(node.this, exp.Array) and want.element is not None and not safe:
        # What is written down becomes an element as it is written, digit by digit.
        of = node.args["to"].expressions[0]
        elements = (exp.Cast(this=one.copy(), to=of.copy()) for one in node.this.expressions)
        if not any(isinstance(one, exp.Query) for one in node.this.expressions):
            listed = [expression(one, scope) for one in elements]
            return Value(want.base, f"CAST([{', '.join(one.sql for one in listed)}] AS {t.duckdb_type(want.base)})")
    value = expression(node.this, scope)
    if value.type == t.UNKNOWN:
        return Value(want.base, "NULL")
    if value.literal and value.type == t.STRING and want in (t.DATE, t.TIMESTAMP, t.DATETIME, t.TIME):
        read = cast.literal(str(value.constant), want)
        if read is None and not safe:
            return scope.fault(node, f"'{value.constant}' is not a {want}.{quoted(str(value.constant))}")
        return Value(want, read or f"CAST(NULL AS {t.duckdb_type(want)})")
    if value.literal and want.base in t.DECIMALS and value.type in (t.FLOAT64, t.INT64, t.STRING):
        number = cast.decimal_literal(str(value.constant), want.base)
        if number is None and not safe:
            kept = " of 38 digits, which is what the embedded warehouse holds" if want == t.BIGNUMERIC else ""
            return scope.fault(node, f"'{value.constant}' is not a {want}{kept}.")
        exact = number or f"CAST(NULL AS {t.duckdb_type(want)})"
        return Value(want.base, cast.cast(exact, want.base, want, "NULL"))
    if value.type == t.FLOAT64 and want.base == t.BIGNUMERIC:
        return scope.fault(
            node, "FLOAT64 to BIGNUMERIC needs more digits than the embedded warehouse holds. Write NUMERIC."
        )
    if not cast.exists(value.type, want):
        return scope.fault(node, f"{value.type} cannot be cast to {want}.{_instead(node, value.type, want)}")
    if safe and cast.reads_text_within(value.type, want):
        return scope.unsupported(node, f"SAFE_CAST of {value.type} to {want}")

    def build(names: Sequence[str]) -> str:
        return cast.cast(names[0], value.type, want, failure(f"Could not cast {value.type.name} to {want}", names[0]))

    sql = safely([value.sql], build) if safe else bound([value.sql], build)
    return Value(want.base, sql)


def _instead(node: exp.Expr, type_: Type, want: Type) -> str:
    """Say what to write where JSON is no type to cast from or to."""
    item = shown(node.this)
    if type_ == t.JSON and want in (t.STRING, t.INT64, t.FLOAT64, t.BOOL):
        return f" Write {want}({item}), or JSON_VALUE({item}, '$.name') for a part of it as a text."
    if type_ == t.JSON and want.element is None and want.name != "STRUCT":
        return f" Write CAST(JSON_VALUE({item}) AS {want})."
    return f" Write PARSE_JSON({item})." if want == t.JSON and type_ == t.STRING else ""
