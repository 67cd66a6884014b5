"""CAST and SAFE_CAST."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlglot import exp

from flows.model.types import parse_type
from flows.sql import interval_texts
from flows.sql import types as t
from flows.sql.compile import cast, cast_formats, cast_numbers
from flows.sql.compile.apply import apply
from flows.sql.compile.arguments import with_zone, zone
from flows.sql.compile.dispatch import compiles, expression
from flows.sql.compile.joined import joined
from flows.sql.compile.structures import constructed
from flows.sql.compile.value import NOTHING, Value
from flows.sql.compile.zones import UTC
from flows.sql.functions import signatures
from flows.sql.functions.casts import BETWEEN, DECIMAL
from flows.sql.intervals import of_text
from flows.sql.once import bound, failure, once, safely, steady
from flows.sql.parse.templates import quoted
from flows.sql.shown import shown
from flows.sql.times import as_shown, naive

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flows.model.types import Type
    from flows.sql.compile.scope import Scope
    from flows.sql.compile.zones import Zone

_LIMITED = re.compile(r"(STRING|BYTES)\(([1-9][0-9]{0,8})\)")
_LITERALS = {t.DATE, t.DATETIME, t.TIMESTAMP, t.TIME, t.NUMERIC, t.BIGNUMERIC}
"""Types whose literals are a text behind the type's name; that of JSON is read before."""
_TIMES = (t.DATE, t.DATETIME, t.TIMESTAMP, t.TIME)


@compiles(exp.Cast, exp.TryCast, reads=("to", "format", "safe", "default"))
def _cast(node: exp.Expr, scope: Scope) -> Value:
    written = node.args["to"].sql(dialect="bigquery")
    limited = _LIMITED.fullmatch(written)
    try:
        want = parse_type(limited[1] if limited else written, in_query=True)
    except ValueError as error:
        return scope.fault(node, str(error))
    if (
        "safe" not in node.args
        and isinstance(node.this, exp.Literal)
        and (want not in _LITERALS or not node.this.is_string)
    ):
        number = f", or {want} '{node.this.name}'" if want in t.DECIMALS else ""
        return scope.fault(
            node, f"'{written} {shown(node.this)}' is no literal. Write CAST({shown(node.this)} AS {want}){number}."
        )
    if isinstance(node, exp.TryCast) and want != want.base:
        # What a type's parameters leave no room for is an error for SAFE_CAST too.
        value = _cast_to(node, want.base, scope)
        if value.type == t.UNKNOWN:
            return value
        return Value(want.base, bound([value.sql], lambda names: cast.cast(names[0], want.base, want, "NULL")))
    value = _cast_to(node, want, scope)
    return _within(value, int(limited[2]), written) if limited and value.type == want else value


def _within(value: Value, most: int, want: str) -> Value:
    """Return a text or BYTES that must not be longer than its type says."""
    length = "length" if value.type == t.STRING else "octet_length"

    def build(names: Sequence[str]) -> str:
        return f"CASE WHEN {length}({names[0]}) > {most} THEN {failure(f'CAST: longer than {want}', names[0])} ELSE {names[0]} END"

    return Value(value.type, bound([value.sql], build))


def _cast_to(node: exp.Expr, want: Type, scope: Scope) -> Value:
    safe = isinstance(node, exp.TryCast)
    if node.args.get("format") or node.args.get("default"):
        written = node.args.get("default")
        zoned = written.args["zone"] if isinstance(written, exp.AtTimeZone) else None
        return with_zone(lambda: _by_format(node, want, scope, safe=safe), zoned, scope) or NOTHING
    written = _written_down(node, want, scope)
    if written is not None:
        return written
    value = expression(node.this, scope)
    if value.type == t.UNKNOWN:
        return Value(want.base, "NULL")
    if value.type == t.STRING and want == t.INTERVAL:
        return _interval(node, value, scope, safe=safe)
    if value.literal and value.type == t.STRING and want in (t.DATE, t.TIMESTAMP, t.DATETIME, t.TIME):
        read = cast.literal(str(value.constant), want)
        if read is None and not safe:
            return scope.fault(node, f"'{value.constant}' is not a {want}.{quoted(str(value.constant))}")
        return Value(want, read or f"CAST(NULL AS {t.duckdb_type(want)})")
    if value.literal and want.base in t.DECIMALS and value.type in (t.FLOAT64, t.INT64, t.STRING):
        number = cast.decimal_literal(str(value.constant), want.base)
        beyond = want.base == t.BIGNUMERIC and re.fullmatch(DECIMAL, str(value.constant)) is not None
        if number is None and (beyond or not safe):
            kept = (
                " of 38 digits, 18 of them behind the point, which is what the embedded warehouse holds"
                if want == t.BIGNUMERIC
                else ""
            )
            return scope.fault(node, f"'{value.constant}' is not a {want}{kept}.")
        exact = number or f"CAST(NULL AS {t.duckdb_type(want)})"
        return Value(want.base, cast.cast(exact, want.base, want, "NULL"))
    # What cannot be read is an error where somebody reads it.
    if value.literal and value.type == t.STRING and (read := cast.plain_literal(str(value.constant), want)):
        return Value(want, read)
    if (known := BETWEEN.get((value.type, want.base))) and known.refused:
        return scope.fault(node, known.refused)
    if not cast.exists(value.type, want):
        return scope.fault(node, f"{value.type} cannot be cast to {want}.{_instead(node, value.type, want)}")
    if safe and cast.reads_text_within(value.type, want):
        return scope.unsupported(node, f"SAFE_CAST of {value.type} to {want}")

    def build(names: Sequence[str]) -> str:
        unread = "NULL" if safe else failure(f"Could not cast {value.type.name} to {want}", names[0])
        return cast.cast(names[0], value.type, want, unread)

    wrapped = safely if safe and cast.may_fail(value.type, want) else bound
    return Value(want.base, wrapped([value.sql], build))


def _interval(node: exp.Expr, value: Value, scope: Scope, *, safe: bool) -> Value:
    """Compile a text as an INTERVAL."""
    if not value.literal:
        return Value(t.INTERVAL, bound([value.sql], lambda names: _interval_of(names[0], safe=safe)))
    text = str(value.constant)
    if re.search(r"[.,][0-9]{6}[0-9]*[1-9]", text):
        instead = "MAKE_INTERVAL(...) of its parts, or INTERVAL '1-2 3 4:5:6.789' YEAR TO SECOND"
        what = f"'{text}', of less than microseconds,"
        return scope.fault(
            node, f"a cast of {what} to INTERVAL is not supported by the embedded warehouse. Write {instead}."
        )
    found = of_text(text)
    if found is not None and found.in_limits:
        return Value(t.INTERVAL, found.sql())
    if safe:
        return Value(t.INTERVAL, f"CAST(NULL AS {t.duckdb_type(t.INTERVAL)})")
    return scope.fault(node, f"'{text}' is not an INTERVAL. Write it as '1-2 3 4:5:6.789' or 'P1Y2M3DT4H5M6S'.")


def _interval_of(text: str, *, safe: bool) -> str:
    wrong = "NULL" if safe else failure(f"Could not cast {t.STRING} to {t.INTERVAL}", text)
    read = cast.cast(text, t.STRING, t.INTERVAL, wrong)
    # What only DuckDB cannot hold is no NULL.
    known = f"regexp_full_match({text}, {t.quote_text(BETWEEN[t.STRING, t.INTERVAL].form or '')})"
    fine = f"CASE WHEN {known} AND {interval_texts.is_fine(text)} THEN {interval_texts.FINER}"
    return f"{fine} ELSE TRY({steady(read)}) END" if safe else read


def _written_down(node: exp.Expr, want: Type, scope: Scope) -> Value | None:
    """Compile an ARRAY or a STRUCT that is written down, item by item; None for what is not."""
    if isinstance(node.this, exp.Array | exp.Struct) and "safe" not in node.args:
        return constructed(node, node.this.expressions, want, scope)
    if not isinstance(node.this, exp.Array) or want.element is None or isinstance(node, exp.TryCast):
        return None
    if any(isinstance(one, exp.Query) for one in node.this.expressions):
        return None
    # What is written down becomes an element as it is written, digit by digit.
    of = node.args["to"].expressions[0]
    listed = [expression(exp.Cast(this=one.copy(), to=of.copy(), safe=False), scope) for one in node.this.expressions]
    return Value(want.base, f"CAST([{', '.join(one.sql for one in listed)}] AS {t.duckdb_type(want.base)})")


def _by_format(node: exp.Expr, want: Type, scope: Scope, *, safe: bool) -> Value:
    """Compile CAST with FORMAT, perhaps with AT TIME ZONE behind."""
    written, where = node.args.get("default"), UTC
    if isinstance(written, exp.AtTimeZone):
        found = zone(written.args["zone"], "AT TIME ZONE", scope)
        if found is None:
            return Value(want.base, "NULL")
        written, where = written.this, found
    value = expression(node.this, scope)
    if value.type == t.UNKNOWN:
        return Value(want.base, "NULL")
    if value.type == t.NULL and want == t.STRING:
        return value.null_as(want)
    form_node = joined(written) if written is not None else None
    form = str(form_node.name) if isinstance(form_node, exp.Literal) and form_node.is_string else None
    if {value.type, want} == {t.BYTES, t.STRING} and (form or "").upper() in cast_formats.AS_THEY_ARE:
        plain = exp.TryCast if safe else exp.Cast
        return _cast_to(plain(this=node.this, to=node.args["to"]), want, scope)
    sql = None
    if written is not node.args.get("default") and t.TIMESTAMP not in (value.type, want):
        return scope.fault(node, f"AT TIME ZONE is no part of a cast from {value.type} to {want}. Leave it out.")
    if form is not None and value.type == t.STRING and want in (*_TIMES, t.BYTES):
        sql = _read_by(form, node, value, want, where, scope, safe=safe)
    elif form is not None and want == t.STRING and value.type in (*_TIMES, t.BYTES):
        sql = _written_by(form, value, where)
    elif form is not None and want == t.STRING and where == UTC:
        sql = cast_numbers.written(form, value.sql, value.type)
    if sql is not None:
        return Value(want, sql)
    instead = "FORMAT_DATE, FORMAT_TIMESTAMP, PARSE_DATE or PARSE_TIMESTAMP for times, FORMAT or '9,990.00' for numbers"
    return scope.fault(
        node,
        f"CAST of {value.type} to {want} with FORMAT '{form or shown(node.args.get('default') or node)}' is not supported by the embedded warehouse. "
        f"Write {instead}.",
    )


def _written_by(form: str, value: Value, where: Zone) -> str | None:
    if value.type == t.BYTES:
        template = cast_formats.BYTES_TEXTS.get(form.upper())
        return template and once(value.sql, template.format)
    parts = cast_formats.elements(form, value.type)
    if parts is None:
        return None
    if value.type != t.TIMESTAMP:
        return cast_formats.as_text(parts, value.sql, value.type, None)

    def build(both: Sequence[str]) -> str:
        if where is UTC:
            return cast_formats.as_text(parts, both[1], t.TIMESTAMP, None)
        return cast_formats.as_text(parts, as_shown(*both), t.TIMESTAMP, both[1])

    return bound([where.local(value.sql), naive(value.sql)], build)


def _read_by(  # noqa: PLR0913, PLR0917 - the parts of a cast
    form: str, node: exp.Expr, value: Value, want: Type, where: Zone, scope: Scope, *, safe: bool
) -> str | None:
    if want == t.BYTES:
        reader = cast_formats.BYTES_READERS.get(form.upper())
        if reader is None:
            return None
        return apply(reader, node, signatures.scalar(reader), [(node.this, value)], scope, safe=safe).sql
    parts = cast_formats.elements(form, want)
    pattern = cast_formats.reading(parts, want) if parts is not None else None
    if pattern is None or (where is not UTC and pattern.endswith("z")):
        return None

    def build(names: Sequence[str]) -> str:
        wrong = failure(f"Could not cast STRING to {want} with FORMAT {form}", names[0])
        return cast_formats.parsed(pattern, names[0], want, where, wrong)

    return safely([value.sql], build) if safe else bound([value.sql], build)


def _instead(node: exp.Expr, type_: Type, want: Type) -> str:
    """Say what to write where JSON is no type to cast from or to."""
    item = shown(node.this)
    if type_ == t.JSON and want in (t.STRING, t.INT64, t.FLOAT64, t.BOOL):
        return f" Write {want}({item}), or JSON_VALUE({item}, '$.name') for a part of it as a text."
    if type_ == t.JSON and want.element is None and want.name != "STRUCT":
        return f" Write CAST(JSON_VALUE({item}) AS {want})."
    return f" Write PARSE_JSON({item})." if want == t.JSON and type_ == t.STRING else ""
